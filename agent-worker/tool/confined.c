/* A program within the agent's walls, started through confine(8). */

#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/confined.h"
#include "ipc/buf.h"
#include "ipc/children.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/spawn.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"

#define KILL_MS    5000 /* for the kernel to end what was killed */
#define LEAVE_MS   500  /* for walls that are not needed */
#define NAP_MS     2
#define REPORT_LEN 256
#define REPORT_FD  "3" /* as spawn.h has it, and the next */
#define COMMAND_FD "4"
#define NPIPES     5

enum {
	PIPE_IN,
	PIPE_OUT,
	PIPE_ERR,
	PIPE_REPORT,
	PIPE_COMMAND /* of walls that are made ahead */
};

/* Walls without a program. */
static struct {
	struct confined process; /* pid 0: there are none */
	struct words told;       /* see describe() */
} ahead;

/* Every confine that runs: what a sweep leaves alone. */
static struct {
	pid_t *pids;
	size_t n;
} running;

static void
remember(pid_t pid)
{
	running.pids =
	    xreallocarray(running.pids, running.n + 1, sizeof(*running.pids));
	running.pids[running.n++] = pid;
}

static bool
is_running(void *arg, pid_t pid)
{
	size_t i;

	(void)arg;
	for (i = 0; i < running.n; i++)
		if (running.pids[i] == pid)
			return (true);
	return (false);
}

static void
forget(pid_t pid)
{
	size_t i;

	for (i = 0; i < running.n; i++)
		if (running.pids[i] == pid)
			running.pids[i] = running.pids[--running.n];
}

/* --- what confine is told --- */

static void
add_limit(struct words *w, const char *name, int64_t value)
{
	char number[32];

	if (value <= 0)
		return;
	snprintf(number, sizeof(number), "%lld", (long long)value);
	words_add_option(w, name, number);
}

static void
add_paths(struct words *w, const char *name, struct json_object *paths)
{
	size_t i;

	if (!json_object_is_type(paths, json_type_array))
		return;
	for (i = 0; i < json_object_array_length(paths); i++)
		words_add_option(w, name,
		    json_object_get_string(
			json_object_array_get_idx(paths, i)));
}

static void
add_walls(struct words *w, const struct walls *walls)
{
	const struct wall *wall;
	size_t i, j;

	for (i = 0; i < walls->n; i++) {
		wall = &walls->list[i];
		if (!wall_is_writable(walls, wall)) {
			words_add_option(w, "--read", wall->path);
			continue;
		}
		words_add_option(w, "--write", wall->path);
		for (j = 0; j < wall->nkeep; j++)
			words_add_option(w, "--keep", wall->keep[j]);
	}
	add_paths(w, "--read", walls->read);
	add_paths(w, "--write", walls->write);
}

/* The beginning of the command line: all but what is run, and where. */
static struct words
say_walls(const struct walls *walls, const struct confined_want *want)
{
	struct words w = { NULL, 0 };

	words_add(&w, walls->confine);
	words_add_option(&w, "--level", walls->level);
	add_walls(&w, walls);
	words_add_option(&w, "--tmp", walls->tmp);
	if (want->network)
		words_add(&w, "--network");
	add_limit(&w, "--memory", want->memory);
	add_limit(&w, "--processes", want->processes);
	add_limit(&w, "--file-size", want->file_size);
	add_limit(&w, "--cpu", want->cpu_seconds);
	add_limit(&w, "--grace", want->grace_ms);
	words_add_option(&w, "--report", REPORT_FD);
	return (w);
}

static const char *
dir_of(const struct walls *walls, const struct confined_want *want)
{
	return (want->dir == NULL ? walls->list[0].path : want->dir);
}

static struct words
make_argv(const struct walls *walls, const struct confined_want *want)
{
	struct words w = say_walls(walls, want);
	size_t i;

	if (want->argv == NULL) {
		words_add_option(&w, "--command", COMMAND_FD);
		return (w);
	}
	words_add_option(&w, "--chdir", dir_of(walls, want));
	words_add(&w, "--");
	for (i = 0; want->argv[i] != NULL; i++)
		words_add(&w, want->argv[i]);
	return (w);
}

/* --- start --- */

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
close_all(struct confined *c)
{
	close_fd(&c->pidfd);
	close_fd(&c->in);
	close_fd(&c->out);
	close_fd(&c->err);
	close_fd(&c->report);
	close_fd(&c->command);
}

static bool
is_written_by_us(int i)
{
	return (i == PIPE_IN || i == PIPE_COMMAND);
}

/* theirs[] gets what confine is given, c what is ours of it. */
static int
make_pipes(
    struct confined *c, int theirs[NPIPES], const struct confined_want *want)
{
	int *ours[NPIPES] = { &c->in, &c->out, &c->err, &c->report,
		&c->command };
	int i, fds[2];

	for (i = 0; i < NPIPES; i++) {
		if (i == PIPE_COMMAND && want->argv != NULL)
			continue;
		if (i == PIPE_IN && !want->input) {
			theirs[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
			if (theirs[i] == -1)
				return (-1);
			continue;
		}
		if (spawn_pipe(fds) == -1)
			return (-1);
		theirs[i] = fds[is_written_by_us(i) ? 0 : 1];
		*ours[i] = fds[is_written_by_us(i) ? 1 : 0];
		fcntl(*ours[i], F_SETFL, O_NONBLOCK);
	}
	return (0);
}

static pid_t
run(const struct walls *walls, const struct confined_want *want,
    const int theirs[NPIPES], char *err, size_t errlen)
{
	struct words argv = make_argv(walls, want);
	struct spawn sp = { .argv = argv.list,
		.envp = want->envp,
		.fds = { theirs[PIPE_IN], theirs[PIPE_OUT], theirs[PIPE_ERR] },
		.pass = &theirs[PIPE_REPORT],
		.npass = want->argv == NULL ? 2 : 1,
		.death_signal = SIGTERM };
	pid_t pid = spawn_run(&sp, err, errlen);

	words_free(argv.list);
	return (pid);
}

static bool
are_configured(const struct walls *walls)
{
	return (walls->confine != NULL && walls->level != NULL && walls->n > 0);
}

static int
start(const struct walls *walls, const struct confined_want *want,
    struct confined *c, char *err, size_t errlen)
{
	int theirs[NPIPES] = { -1, -1, -1, -1, -1 }, i;

	*c = (struct confined) { .pidfd = -1,
		.in = -1,
		.out = -1,
		.err = -1,
		.report = -1,
		.command = -1 };
	if (!are_configured(walls)) {
		strlcpy(err, "no walls are configured", errlen);
		return (-1);
	}
	if (make_pipes(c, theirs, want) == -1) {
		snprintf(err, errlen, "pipe: %s", strerror(errno));
	} else if ((c->pid = run(walls, want, theirs, err, errlen)) == -1) {
		c->pid = 0;
	} else if ((c->pidfd = pidfd_open(c->pid, 0)) == -1) {
		snprintf(err, errlen, "pidfd_open: %s", strerror(errno));
		confined_kill(c);
	} else {
		remember(c->pid);
	}
	for (i = 0; i < NPIPES; i++)
		close_fd(&theirs[i]);
	if (c->pid != 0)
		return (0);
	close_all(c);
	return (-1);
}

/* --- walls that are made ahead --- */

/* What is kept in a user's directory is looked for when walls are made. */
static bool
can_be_made_ahead(const struct walls *walls)
{
	size_t i;

	for (i = 0; i < walls->n; i++)
		if (walls->list[i].context &&
		    wall_is_writable(walls, &walls->list[i]))
			return (false);
	return (true);
}

/* What confine is told of them, and what the paths lead to just now. */
static struct words
describe(const struct walls *walls, const struct confined_want *want)
{
	struct words w = say_walls(walls, want);
	struct stat st;
	size_t i, n = w.n;
	char id[64];

	for (i = 0; i < n; i++) {
		if (*w.list[i] != '/')
			continue;
		if (stat(w.list[i], &st) == -1)
			memset(&st, 0, sizeof(st));
		snprintf(id, sizeof(id), "%llu:%llu",
		    (unsigned long long)st.st_dev,
		    (unsigned long long)st.st_ino);
		words_add(&w, id);
	}
	return (w);
}

static bool
are_same(const struct words *a, const struct words *b)
{
	size_t i;

	for (i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->list[i], b->list[i]) != 0)
			return (false);
	return (a->n == b->n);
}

static bool
is_made_for(const struct walls *walls, const struct confined_want *want)
{
	struct words told;
	bool same;

	if (ahead.process.pid == 0 || want->input || !can_be_made_ahead(walls))
		return (false);
	told = describe(walls, want);
	same = are_same(&told, &ahead.told);
	words_free(told.list);
	return (same);
}

static void
add_word(struct buf *text, const char *word)
{
	buf_add(text, word, strlen(word) + 1);
}

/* See order.h of confine.  False: it does not take it, whole and at once. */
static bool
say_command(const struct walls *walls, const struct confined_want *want)
{
	struct buf text = BUF_INITIALIZER;
	char number[32];
	size_t n = 0, i;
	bool taken;

	while (want->argv[n] != NULL)
		n++;
	snprintf(number, sizeof(number), "%zu", n);
	add_word(&text, dir_of(walls, want));
	add_word(&text, number);
	for (i = 0; i < n; i++)
		add_word(&text, want->argv[i]);
	for (i = 0; want->envp[i] != NULL; i++)
		add_word(&text, want->envp[i]);
	taken = write(ahead.process.command, text.data, text.len) ==
	    (ssize_t)text.len;
	buf_release(&text);
	close_fd(&ahead.process.command);
	return (taken);
}

void
confined_ahead(const struct walls *walls, const struct confined_want *want)
{
	char err[512];

	if (!are_configured(walls) || !can_be_made_ahead(walls) ||
	    is_made_for(walls, want))
		return;
	confined_drop_ahead();
	/* before: what changes meanwhile must be seen */
	ahead.told = describe(walls, want);
	if (start(walls, want, &ahead.process, err, sizeof(err)) == -1)
		confined_drop_ahead();
}

void
confined_drop_ahead(void)
{
	struct pollfd end = { .fd = ahead.process.pidfd, .events = POLLIN };
	char cause[REPORT_LEN];
	int status;

	if (ahead.process.pid != 0) {
		/* it leaves when it sees that nothing comes */
		close_fd(&ahead.process.command);
		(void)poll(&end, 1, LEAVE_MS);
		if (!confined_collect(
			&ahead.process, &status, cause, sizeof(cause)))
			confined_kill(&ahead.process);
	}
	words_free(ahead.told.list);
	ahead.told = (struct words) { NULL, 0 };
}

static bool
take_ahead(const struct walls *walls, const struct confined_want *want,
    struct confined *c)
{
	if (!is_made_for(walls, want) || !say_command(walls, want))
		return (false);
	*c = ahead.process;
	ahead.process.pid = 0;
	confined_drop_ahead();
	return (true);
}

int
confined_start(const struct walls *walls, const struct confined_want *want,
    struct confined *c, char *err, size_t errlen)
{
	if (take_ahead(walls, want, c))
		return (0);
	/* what is started with an input, a server, was not to have them */
	if (!want->input)
		confined_drop_ahead();
	return (start(walls, want, c, err, errlen));
}

/* --- end --- */

void
confined_stop(const struct confined *c)
{
	/* not collected yet, so the pid is still its own */
	if (c->pid != 0)
		kill(c->pid, SIGTERM);
}

/*
 * Who lives on without its confine is our child now, and no confine is: a
 * sweep of all others takes them, and what they start meanwhile.
 */
static void
sweep(int64_t until)
{
	while (!children_end_others(is_running, NULL)) {
		if (mono_ms() >= until) {
			log_warnx("processes remain that cannot be killed");
			return;
		}
		(void)poll(NULL, 0, NAP_MS);
	}
}

/* The first word of the report; "lost": there is none. */
static void
read_cause(const struct confined *c, char *cause, size_t len)
{
	char report[REPORT_LEN];
	ssize_t n;

	n = read(c->report, report, sizeof(report) - 1);
	report[n < 0 ? 0 : n] = '\0';
	report[strcspn(report, " \n")] = '\0';
	strlcpy(cause, *report == '\0' ? "lost" : report, len);
}

bool
confined_collect(
    struct confined *c, int *out_status, char *cause, size_t causelen)
{
	pid_t pid;
	int status = 0;

	if (c->pid == 0 || (pid = waitpid(c->pid, &status, WNOHANG)) == 0)
		return (false);
	forget(c->pid);
	if (pid == -1 || WIFSIGNALED(status))
		sweep(mono_ms() + KILL_MS);
	*out_status =
	    WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	read_cause(c, cause, causelen);
	close_all(c);
	c->pid = 0;
	return (true);
}

void
confined_kill(struct confined *c)
{
	int64_t until = mono_ms() + KILL_MS;

	if (c->pid == 0)
		return;
	kill(c->pid, SIGKILL);
	forget(c->pid);
	sweep(until);
	close_all(c);
	c->pid = 0;
}
