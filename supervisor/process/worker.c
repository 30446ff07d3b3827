/* One worker's life as a state machine. */

#include <sys/epoll.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/children.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/spawn.h"
#include "ipc/xmalloc.h"
#include "supervisor/decide/restart.h"
#include "supervisor/process/worker.h"
#include "supervisor/record/redact.h"

#define HELLO_MS   15000 /* to say hello */
#define CLOSING_MS 500   /* to leave once its input is closed */
#define TERMED_MS  1500  /* to leave once SIGTERM was sent */
#define KILLED_MS  5000  /* for the kernel to end it */
#define DRAIN_MS   200   /* for its output, once it is dead */

#define QUEUE_MAX      ((size_t)256 * 1024 * 1024)
#define SAID_MAX       ((size_t)256 * 1024 * 1024) /* in one turn */
#define ERR_LINE_MAX   4096
#define ERR_BYTES_MAX  ((size_t)4 * 1024 * 1024)
#define READS_PER_WAKE 8

static const char *const state_names[] = {
	[WORKER_DOWN] = "down",
	[WORKER_STARTING] = "starting",
	[WORKER_UP] = "up",
	[WORKER_CLOSING] = "closing",
	[WORKER_TERMED] = "termed",
	[WORKER_KILLED] = "killed",
};

static void on_output(void *, uint32_t);
static void on_writable(void *, uint32_t);
static void on_error_output(void *, uint32_t);

static void
set_state(struct worker *w, enum worker_state state, int64_t limit_ms)
{
	log_debug("agent %s: %s -> %s", w->name, state_names[w->state],
	    state_names[state]);
	w->state = state;
	w->deadline = limit_ms < 0 ? MONO_NEVER : mono_ms() + limit_ms;
}

void
worker_init(struct worker *w, int index, const char *name,
    const struct worker_owner *owner)
{
	memset(w, 0, sizeof(*w));
	w->index = index;
	w->name = name;
	w->owner = owner;
	w->state = WORKER_DOWN;
	w->deadline = MONO_NEVER;
	w->pid = -1;
	w->chan.rfd = w->chan.wfd = -1;
	w->in = (struct watch) { -1, 0, on_output, w };
	w->out = (struct watch) { -1, 0, on_writable, w };
	w->err = (struct watch) { -1, 0, on_error_output, w };
}

static void
close_error_output(struct worker *w)
{
	int fd = w->err.fd;

	loop_unwatch(&w->err);
	if (fd != -1)
		close(fd);
	buf_release(&w->err_line);
}

static void
close_output(struct worker *w)
{
	loop_unwatch(&w->in);
	if (w->chan.rfd != -1)
		close(w->chan.rfd);
	w->chan.rfd = -1;
}

static void
close_input(struct worker *w)
{
	loop_unwatch(&w->out);
	chan_close_write(&w->chan);
}

void
worker_release(struct worker *w)
{
	close_input(w);
	close_output(w);
	close_error_output(w);
	chan_release(&w->chan);
	free(w->stop_kind);
	free(w->stop_reason);
	w->stop_kind = w->stop_reason = NULL;
}

bool
worker_is_down(const struct worker *w)
{
	return (w->state == WORKER_DOWN);
}

int
worker_start(struct worker *w, char *const *argv, char *const *envp, char *err,
    size_t errlen)
{
	const struct spawn sp = {
		.argv = argv, .envp = envp, .death_signal = SIGTERM
	};
	int fds[3];

	if ((w->pid = spawn_piped(&sp, fds, err, errlen)) == -1)
		return (-1);
	chan_init(&w->chan, fds[1], fds[0], MSG_LINE_MAX, QUEUE_MAX);
	loop_watch(&w->in, fds[1], EPOLLIN);
	loop_watch(&w->out, fds[0], 0);
	loop_watch(&w->err, fds[2], EPOLLIN);
	w->exited = false;
	w->err_bytes = w->said = 0;
	w->heard = mono_ms();
	set_state(w, WORKER_STARTING, HELLO_MS);
	return (0);
}

static void
flush(struct worker *w)
{
	if (chan_flush(&w->chan) == CHAN_ERROR) {
		/* it reads no more: its death or its end of output tells why */
		close_input(w);
		return;
	}
	loop_change(&w->out, chan_pending(&w->chan) > 0 ? EPOLLOUT : 0);
}

static void
on_writable(void *arg, uint32_t events)
{
	struct worker *w = arg;

	/* nobody reads it: that is reported as long as it is watched */
	if ((events & EPOLLERR) != 0)
		close_input(w);
	else
		flush(w);
}

void
worker_send(struct worker *w, const struct msg *m)
{
	struct buf line = BUF_INITIALIZER;

	msg_encode(m, &line);
	log_debug(
	    "supervisor -> %s: %s %zu", w->name, msg_name(m->type), line.len);
	if (chan_queue(&w->chan, line.data, line.len))
		flush(w);
	else
		worker_stop(
		    w, "protocol_error", "does not read its input", false);
	/* it may hold the key */
	explicit_bzero(line.data, line.len);
	buf_release(&line);
}

static void
signal_group(struct worker *w, int sig)
{
	if (w->pid == -1)
		return;
	if (kill(-w->pid, sig) == -1 && errno == ESRCH)
		kill(w->pid, sig);
}

static bool
is_ending(const struct worker *w)
{
	return (w->state != WORKER_STARTING && w->state != WORKER_UP);
}

static void
note_stop(
    struct worker *w, const char *kind, const char *reason, bool permanent)
{
	if (w->stop_kind != NULL)
		return;
	w->stop_kind = xstrdup(kind);
	w->stop_reason = xstrdup(reason);
	w->stop_permanent = permanent;
	log_info("agent %s: stopping: %s", w->name, reason);
}

void
worker_stop(
    struct worker *w, const char *kind, const char *reason, bool permanent)
{
	if (is_ending(w))
		return;
	note_stop(w, kind, reason, permanent);
	close_input(w);
	set_state(w, WORKER_CLOSING, CLOSING_MS);
}

void
worker_kill(struct worker *w, const char *kind, const char *reason)
{
	if (w->state == WORKER_DOWN || w->state == WORKER_KILLED)
		return;
	note_stop(w, kind, reason, false);
	close_input(w);
	signal_group(w, SIGKILL);
	set_state(w, WORKER_KILLED, KILLED_MS);
}

static const char *
signal_name(int sig, char *name, size_t len)
{
	const char *abbrev = sigabbrev_np(sig);

	if (abbrev == NULL)
		snprintf(name, len, "signal %d", sig);
	else
		snprintf(name, len, "signal %d (SIG%s)", sig, abbrev);
	return (name);
}

/* Dead, and everything it said is read: tell the owner. */
static void
finish(struct worker *w)
{
	char why[96], name[48];
	struct worker_end end = {
		.requested = w->stop_kind != NULL,
		.permanent = w->stop_permanent,
		.max_rss_kib = w->rusage.ru_maxrss,
		.cpu_seconds = (double)w->rusage.ru_utime.tv_sec +
		    (double)w->rusage.ru_stime.tv_sec +
		    (double)(w->rusage.ru_utime.tv_usec +
			w->rusage.ru_stime.tv_usec) /
			1e6,
	};
	char *kind, *reason;

	if (WIFSIGNALED(w->status))
		end.signal = WTERMSIG(w->status);
	else
		end.code = WEXITSTATUS(w->status);
	if (!end.requested) {
		end.permanent =
		    end.signal == 0 && restart_is_permanent(end.code);
		if (end.signal != 0)
			snprintf(why, sizeof(why), "ended by %s",
			    signal_name(end.signal, name, sizeof(name)));
		else
			snprintf(
			    why, sizeof(why), "exited with code %d", end.code);
	}
	if (chan_partial(&w->chan) > 0)
		log_info("agent %s: %zu bytes of an unfinished line dropped",
		    w->name, chan_partial(&w->chan));
	kind = w->stop_kind;
	reason = w->stop_reason;
	w->stop_kind = w->stop_reason = NULL;
	w->stop_permanent = false;
	worker_release(w);
	set_state(w, WORKER_DOWN, -1);
	end.kind = end.requested ? kind : end.signal != 0 ? "crash" : "exit";
	end.reason = end.requested ? reason : why;
	w->owner->gone(w->owner->arg, w, &end);
	free(kind);
	free(reason);
}

static void
finish_if_done(struct worker *w)
{
	if (w->state != WORKER_DOWN && w->exited && w->in.fd == -1 &&
	    w->err.fd == -1)
		finish(w);
}

static void
protocol_error(struct worker *w, const char *what, bool permanent)
{
	char reason[320];

	snprintf(reason, sizeof(reason), "protocol error: %s", what);
	if (is_ending(w))
		return;
	worker_stop(w, "protocol_error", reason, permanent);
	/* what is still to come from it is not wanted, nor any patience */
	close_output(w);
	signal_group(w, SIGKILL);
	set_state(w, WORKER_KILLED, KILLED_MS);
}

static void
take_hello(struct worker *w, const struct msg *m)
{
	char what[64];

	if (m->type != MSG_HELLO) {
		protocol_error(w, "its first message is not hello", false);
	} else if (m->version != MSG_VERSION) {
		snprintf(what, sizeof(what), "it speaks version %lld, not %d",
		    (long long)m->version, MSG_VERSION);
		protocol_error(w, what, true);
	} else {
		w->undumpable = m->undumpable;
		set_state(w, WORKER_UP, -1);
		w->owner->ready(w->owner->arg, w);
	}
}

static void
take_line(struct worker *w, char *line, size_t len)
{
	struct msg m;
	char err[256];

	if (msg_decode(&m, MSG_FROM_WORKER, line, len, err, sizeof(err)) ==
	    -1) {
		redact(err, strlen(err));
		protocol_error(w, err, false);
		return;
	}
	redact_json(m.root);
	if (w->state == WORKER_STARTING)
		take_hello(w, &m);
	else if (m.type == MSG_HELLO)
		protocol_error(w, "a second hello", false);
	else
		w->owner->message(w->owner->arg, w, &m);
	msg_release(&m);
}

/*
 * An answer given before a death counts, so lines are taken in every state
 * but after a protocol error, which closes the output.
 */
static bool
take_lines(struct worker *w)
{
	char *line;
	size_t len;

	while (w->in.fd != -1 && (line = chan_line(&w->chan, &len)) != NULL) {
		w->said += len + 1;
		take_line(w, line, len);
	}
	if (w->in.fd != -1 && w->said > SAID_MAX)
		protocol_error(w, "a flood of output", false);
	return (w->in.fd != -1);
}

/* Most likely it is about to be found dead: that will say more. */
static void
take_end_of_output(struct worker *w)
{
	close_output(w);
	if (is_ending(w))
		return;
	close_input(w);
	set_state(w, WORKER_CLOSING, CLOSING_MS);
}

/* One bounded read and what it brought.  False: there is no more. */
static bool
read_output(struct worker *w)
{
	switch (chan_fill(&w->chan)) {
	case CHAN_OK:
		w->heard = mono_ms();
		return (take_lines(w));
	case CHAN_TOO_LONG:
		protocol_error(w, "a line over the limit", false);
		break;
	case CHAN_EOF:
	case CHAN_ERROR:
		if (take_lines(w))
			take_end_of_output(w);
		break;
	}
	return (false);
}

static void
on_output(void *arg, uint32_t events)
{
	struct worker *w = arg;

	(void)events;
	(void)read_output(w);
	finish_if_done(w);
}

/* Its standard error goes to the log, line by line, up to a limit. */
static void
take_error_output(struct worker *w, const char *data, size_t len)
{
	const char *end;
	size_t n;

	while (len > 0) {
		end = memchr(data, '\n', len);
		n = end == NULL ? len : (size_t)(end - data);
		if (w->err_line.len + n > ERR_LINE_MAX)
			buf_add(
			    &w->err_line, data, ERR_LINE_MAX - w->err_line.len);
		else
			buf_add(&w->err_line, data, n);
		if (end == NULL)
			break;
		log_foreign(w->name, w->err_line.data, w->err_line.len);
		w->err_line.len = 0;
		data = end + 1;
		len -= n + 1;
	}
}

static void
on_error_output(void *arg, uint32_t events)
{
	struct worker *w = arg;
	char data[8192];
	ssize_t n;

	(void)events;
	n = read(w->err.fd, data, sizeof(data));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		w->err_bytes += (size_t)n;
		if (w->err_bytes < ERR_BYTES_MAX)
			take_error_output(w, data, (size_t)n);
		else if (w->err_bytes - (size_t)n < ERR_BYTES_MAX)
			log_warnx("agent %s: standard error cut at %zu bytes",
			    w->name, ERR_BYTES_MAX);
		return;
	}
	if (w->err_line.len > 0)
		log_foreign(w->name, w->err_line.data, w->err_line.len);
	close_error_output(w);
	finish_if_done(w);
}

void
worker_expire(struct worker *w)
{
	switch (w->state) {
	case WORKER_STARTING:
		worker_stop(w, "timeout", "did not say hello", false);
		break;
	case WORKER_CLOSING:
		note_stop(w, "protocol_error", "closed its output", false);
		signal_group(w, SIGTERM);
		signal_group(w, SIGCONT);
		set_state(w, WORKER_TERMED, TERMED_MS);
		break;
	case WORKER_TERMED:
		signal_group(w, SIGKILL);
		set_state(w, WORKER_KILLED, KILLED_MS);
		break;
	case WORKER_KILLED:
		if (!w->exited)
			log_warnx("agent %s: pid %d cannot be killed", w->name,
			    (int)w->pid);
		/* a stranger holds its pipes, or the kernel holds it */
		w->exited = true;
		close_output(w);
		close_error_output(w);
		finish_if_done(w);
		break;
	case WORKER_DOWN:
	case WORKER_UP:
		w->deadline = MONO_NEVER;
		break;
	}
}

/* Dead: its pipes are read to their end, or for a moment. */
static void
take_exit(struct worker *w)
{
	int i;

	w->pid = -1;
	w->exited = true;
	close_input(w);
	for (i = 0; i < READS_PER_WAKE && w->in.fd != -1; i++)
		if (!read_output(w))
			break;
	set_state(w, WORKER_KILLED, DRAIN_MS);
	finish_if_done(w);
}

/*
 * The group is killed while its leader is still a zombie: the group's id
 * cannot have been given to anybody else before it is collected.
 * Returns whether it was an orphan that was killed.
 */
static bool
reap_one(pid_t pid, struct worker *w)
{
	struct rusage ru;
	int status = 0;
	bool ours;

	if (w != NULL)
		kill(-pid, SIGKILL);
	ours = children_collect(pid, &status, &ru);
	if (w == NULL)
		return (ours && children_was_killed(status));
	w->status = status;
	w->rusage = ru;
	take_exit(w);
	return (false);
}

int
worker_reap(struct worker *(*find)(void *, pid_t), void *arg)
{
	int orphans = 0;
	pid_t pid;

	while ((pid = children_dead()) > 0)
		if (reap_one(pid, find(arg, pid)))
			orphans++;
	return (orphans);
}
