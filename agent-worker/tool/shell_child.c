/* One command of an agent. */

#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/shell_child.h"
#include "ipc/mono.h"

#define READ_LEN     65536
#define READS_A_WAKE 16
#define NAP_MS       20

/* --- what it prints --- */

static void
close_stream(struct shell_stream *st)
{
	if (*st->fd == -1)
		return;
	link_unwatch(&st->shell->agent->link, &st->watch);
	close(*st->fd);
	*st->fd = -1;
}

/* A bounded part of what is there: who prints on and on is not alone. */
static void
on_output(void *arg)
{
	struct shell_stream *st = arg;
	struct shell *s = st->shell;
	char data[READ_LEN];
	ssize_t n;
	int i;

	for (i = 0; *st->fd != -1 && i < READS_A_WAKE; i++) {
		n = read(*st->fd, data, sizeof(data));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0)
			close_stream(st);
		else
			keep_add(&st->kept, data, (size_t)n);
	}
	if (s->out.kept.total + s->err.kept.total > SHELL_PRINTS_MAX)
		shell_stop(s, "output");
}

static void
open_stream(
    struct shell *s, struct shell_stream *st, int *fd, size_t head, size_t tail)
{
	st->shell = s;
	st->fd = fd;
	keep_init(&st->kept, head, tail);
	st->watch = (struct watch) { *fd, on_output, st };
}

/* --- its end --- */

/* Nobody is left who could add to what is in the pipes. */
static void
note_end(struct shell *s)
{
	on_output(&s->out);
	on_output(&s->err);
	close_stream(&s->out);
	close_stream(&s->err);
	link_unwatch(&s->agent->link, &s->end);
}

static void
on_end(void *arg)
{
	struct shell *s = arg;
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	if (waitid(P_PID, (id_t)s->process.pid, &info,
		WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    info.si_pid == 0)
		return;
	note_end(s);
	if (!confined_collect(
		&s->process, &s->exit_code, s->cause, sizeof(s->cause)))
		return;
	s->ended_ms = mono_ms();
	s->running = false;
}

static int
watch_all(struct shell *s)
{
	struct link *l = &s->agent->link;

	s->end = (struct watch) { s->process.pidfd, on_end, s };
	return (link_watch(l, &s->out.watch) == -1 ||
		    link_watch(l, &s->err.watch) == -1 ||
		    link_watch(l, &s->end) == -1
		? -1
		: 0);
}

int
shell_start(struct shell *s, const struct walls *walls,
    const struct confined_want *want, size_t head, size_t tail, char *err,
    size_t errlen)
{
	s->started_ms = s->ended_ms = mono_ms();
	s->started_wall = wall_seconds();
	if (confined_start(walls, want, &s->process, err, errlen) == -1)
		return (-1);
	s->pid = s->process.pid;
	s->running = true;
	open_stream(s, &s->out, &s->process.out, head, tail);
	open_stream(s, &s->err, &s->process.err, head, tail);
	if (watch_all(s) == 0)
		return (0);
	snprintf(err, errlen, "it cannot be watched: %s", strerror(errno));
	shell_end(s, 0);
	return (-1);
}

void
shell_stop(struct shell *s, const char *why)
{
	if (!s->running || s->ended_by != NULL)
		return;
	s->ended_by = why;
	confined_stop(&s->process);
}

void
shell_end(struct shell *s, int64_t until_ms)
{
	struct pollfd fds[3];

	while (s->running && mono_ms() < until_ms) {
		fds[0] = (struct pollfd) { s->process.out, POLLIN, 0 };
		fds[1] = (struct pollfd) { s->process.err, POLLIN, 0 };
		fds[2] = (struct pollfd) { s->process.pidfd, POLLIN, 0 };
		(void)poll(fds, 3, NAP_MS);
		on_output(&s->out);
		on_output(&s->err);
		on_end(s);
	}
	if (!s->running)
		return;
	note_end(s);
	confined_kill(&s->process);
	strlcpy(s->cause, "signal", sizeof(s->cause));
	s->exit_code = 128 + SIGKILL;
	s->ended_ms = mono_ms();
	s->running = false;
}

int64_t
shell_ms(const struct shell *s)
{
	return ((s->running ? mono_ms() : s->ended_ms) - s->started_ms);
}

void
shell_release(struct shell *s)
{
	keep_release(&s->out.kept);
	keep_release(&s->err.kept);
	free(s->id);
	free(s->command);
	free(s->dir);
	free(s->container);
	memset(s, 0, sizeof(*s));
}
