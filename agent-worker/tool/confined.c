/* A program within the agent's walls, started through confine(8). */

#include <sys/pidfd.h>
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
#include "agent-worker/tool/words.h"
#include "ipc/buf.h"
#include "ipc/children.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/spawn.h"
#include "ipc/xmalloc.h"

#define KILL_MS    5000 /* for the kernel to end what was killed */
#define NAP_MS     2
#define REPORT_LEN 256
#define REPORT_FD  "3" /* as spawn.h has it */
#define NPIPES     4

enum {
	PIPE_IN,
	PIPE_OUT,
	PIPE_ERR,
	PIPE_REPORT
};

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

static struct words
make_argv(const struct walls *walls, const struct confined_want *want)
{
	struct words w = { NULL, 0 };
	size_t i;

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
	words_add_option(
	    &w, "--chdir", want->dir == NULL ? walls->list[0].path : want->dir);
	words_add_option(&w, "--report", REPORT_FD);
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
}

/* theirs[] gets what confine is given, c what is ours of it. */
static int
make_pipes(struct confined *c, int theirs[NPIPES], bool input)
{
	int *ours[NPIPES] = { &c->in, &c->out, &c->err, &c->report };
	int i, fds[2];

	for (i = 0; i < NPIPES; i++) {
		if (i == PIPE_IN && !input) {
			theirs[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
			if (theirs[i] == -1)
				return (-1);
			continue;
		}
		if (spawn_pipe(fds) == -1)
			return (-1);
		theirs[i] = fds[i == PIPE_IN ? 0 : 1];
		*ours[i] = fds[i == PIPE_IN ? 1 : 0];
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
		.npass = 1,
		.death_signal = SIGTERM };
	pid_t pid = spawn_run(&sp, err, errlen);

	words_free(argv.list);
	return (pid);
}

int
confined_start(const struct walls *walls, const struct confined_want *want,
    struct confined *c, char *err, size_t errlen)
{
	int theirs[NPIPES] = { -1, -1, -1, -1 }, i;

	*c = (struct confined) {
		.pidfd = -1, .in = -1, .out = -1, .err = -1, .report = -1
	};
	if (walls->confine == NULL || walls->level == NULL || walls->n == 0) {
		strlcpy(err, "no walls are configured", errlen);
		return (-1);
	}
	if (make_pipes(c, theirs, want->input) == -1) {
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

/* --- the environment --- */

static bool
names_variable(const char *entry, const char *name)
{
	size_t len = strlen(name);

	return (strncmp(entry, name, len) == 0 && entry[len] == '=');
}

static void
set(struct words *env, const char *name, const char *value)
{
	char *entry;
	size_t i;

	if (value == NULL || *name == '\0' || strchr(name, '=') != NULL)
		return;
	entry = xasprintf("%s=%s", name, value);
	for (i = 0; i < env->n && !names_variable(env->list[i], name); i++)
		continue;
	if (i == env->n)
		words_add(env, "");
	free(env->list[i]);
	env->list[i] = entry;
}

static void
set_members(struct words *env, struct json_object *o)
{
	if (!json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach (o, name, value)
		set(env, name, json_object_get_string(value));
}

/* What every program expects to find. */
static void
set_usual(struct words *env, const struct walls *walls)
{
	static const char *const ours[] = { "PATH", "LANG", "TERM", "TZ",
		"USER", "LOGNAME", "SHELL" };
	bool own_root =
	    walls->level != NULL && strcmp(walls->level, "bwrap") == 0;
	size_t i;
	char *name;

	set(env, "PATH", "/usr/local/bin:/usr/bin:/bin");
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		set(env, ours[i], getenv(ours[i]));
	for (i = 0; environ[i] != NULL; i++) {
		if (strncmp(environ[i], "LC_", 3) != 0)
			continue;
		name = xstrndup(environ[i], strcspn(environ[i], "="));
		set(env, name, getenv(name));
		free(name);
	}
	set(env, "HOME", walls->n == 0 ? NULL : walls->list[0].path);
	set(env, "TMPDIR", own_root ? "/tmp" : walls->tmp);
}

static bool
is_below(const char *path, size_t len, const char *dir)
{
	size_t n = strlen(dir);

	return (len >= n && strncmp(path, dir, n) == 0 &&
	    (len == n || path[n] == '/'));
}

/* Whether the walls let a program into that directory. */
static bool
is_reached(const struct walls *walls, const char *path, size_t len)
{
	static const char *const system[] = { "/bin", "/nix", "/opt", "/sbin",
		"/usr" };
	const char *dir;
	size_t i,
	    n = json_object_is_type(walls->read, json_type_array)
	    ? json_object_array_length(walls->read)
	    : 0;

	for (i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		if (is_below(path, len, system[i]))
			return (true);
	for (i = 0; i < walls->n; i++)
		if (is_below(path, len, walls->list[i].path))
			return (true);
	for (i = 0; i < n; i++) {
		dir = json_object_get_string(
		    json_object_array_get_idx(walls->read, i));
		if (dir != NULL && is_below(path, len, dir))
			return (true);
	}
	return (false);
}

/*
 * Landlock hides nothing: a program that looks for itself on PATH, as Python
 * does, would find one that it cannot use.
 */
static void
trim_path(struct words *env, const struct walls *walls)
{
	struct buf kept = BUF_INITIALIZER;
	const char *s = NULL;
	size_t i, n;

	for (i = 0; i < env->n; i++)
		if (names_variable(env->list[i], "PATH"))
			s = env->list[i] + strlen("PATH=");
	if (s == NULL || walls->level == NULL ||
	    strcmp(walls->level, "off") == 0)
		return;
	for (; *s != '\0'; s += n + (s[n] == ':' ? 1 : 0)) {
		n = strcspn(s, ":");
		if (is_reached(walls, s, n)) {
			buf_adds(&kept, kept.len == 0 ? "" : ":");
			buf_add(&kept, s, n);
		}
	}
	if (kept.len > 0)
		set(env, "PATH", kept.data);
	buf_release(&kept);
}

char **
confined_env(const struct walls *walls, struct json_object *tools,
    struct json_object *pass, struct json_object *more)
{
	struct words env = { NULL, 0 };
	struct json_object *own;
	const char *name;
	size_t i;

	set_usual(&env, walls);
	if (json_object_object_get_ex(tools, "env", &own))
		set_members(&env, own);
	if (json_object_is_type(pass, json_type_array))
		for (i = 0; i < json_object_array_length(pass); i++) {
			name = json_object_get_string(
			    json_object_array_get_idx(pass, i));
			if (name != NULL)
				set(&env, name, getenv(name));
		}
	set_members(&env, pass);
	set_members(&env, more);
	trim_path(&env, walls);
	return (env.list);
}

void
confined_env_free(char **env)
{
	words_free(env);
}
