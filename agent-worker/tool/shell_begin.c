/* One command from the arguments of a call to its start. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/shell_begin.h"
#include "agent-worker/tool/shell_docker.h"
#include "agent-worker/tool/shell_rules.h"
#include "ipc/field.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"

#define COMMAND_MAX ((size_t)128 * 1024 - 1) /* of one word: execve(2) */
#define ERROR_LEN   1024
#define PROCESSES   4096 /* of a command: no storm takes the machine */
#define TAIL        ((size_t)256 * 1024) /* bytes of an output's end */

struct json_object *
shell_config(const struct toolbox *box)
{
	return (member(box->config, "command_line"));
}

static bool
is_set_to(struct json_object *o, const char *key, const char *value)
{
	const char *s = json_object_get_string(member(o, key));

	return (s != NULL && strcmp(s, value) == 0);
}

/* The directory's own path, on the heap; NULL: why in err. */
static char *
resolve_dir(struct toolbox *box, const char *given, char *err, size_t errlen)
{
	char link[64], path[PATH_MAX], why[ERROR_LEN];
	struct stat st;
	ssize_t n;
	int fd;

	if (given == NULL || *given == '\0')
		given = box->walls.list[0].path;
	fd = walls_open(&box->walls, given, O_PATH, why, sizeof(why));
	if (fd == -1) {
		if (errno == ENOENT)
			snprintf(err, errlen,
			    "Working directory does not exist: %s", given);
		else
			snprintf(err, errlen, "Path validation error: %s", why);
		return (NULL);
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	if (n > 0 && (fstat(fd, &st) == -1 || !S_ISDIR(st.st_mode)))
		n = 0;
	close(fd);
	if (n > 0)
		return (xstrdup(path));
	snprintf(
	    err, errlen, "Working directory is not a directory: %s", given);
	return (NULL);
}

/* A virtual environment that stands in the directory is in use. */
static struct json_object *
venv_of(struct toolbox *box, const char *dir)
{
	struct json_object *more = NULL;
	char *venv = xasprintf("%s/.venv", dir);
	char *bin = xasprintf("%s/bin", venv), *path;
	const char *rest;
	struct stat st;

	if (stat(bin, &st) == 0 && S_ISDIR(st.st_mode)) {
		rest = json_object_get_string(
		    member(member(box->config, "env"), "PATH"));
		if (rest == NULL && (rest = getenv("PATH")) == NULL)
			rest = "/usr/local/bin:/usr/bin:/bin";
		path = xasprintf("%s:%s", bin, rest);
		more = json_object_new_object();
		json_object_object_add(
		    more, "PATH", json_object_new_string(path));
		json_object_object_add(
		    more, "VIRTUAL_ENV", json_object_new_string(venv));
		free(path);
	}
	free(bin);
	free(venv);
	return (more);
}

/* All but what is run. */
static struct confined_want
any_command(struct json_object *config)
{
	return ((struct confined_want) {
	    .network = is_set_to(config, "network", "host"),
	    .memory = field_get_int(config, "memory", 0),
	    .processes = field_get_int(config, "processes", PROCESSES),
	    .file_size = field_get_int(config, "file_size", 0),
	    .cpu_seconds = field_get_int(config, "cpu", 0) });
}

static int
start_here(
    struct toolbox *box, struct shell *s, size_t head, char *err, size_t errlen)
{
	struct json_object *config = shell_config(box), *more;
	char sh[] = "/bin/sh", c[] = "-c";
	char *argv[] = { sh, c, s->command, NULL };
	struct confined_want want = any_command(config);
	char **env;
	int rc;

	want.argv = argv;
	want.dir = s->dir;
	more = venv_of(box, s->dir);
	env = confined_env(
	    &box->walls, box->config, member(config, "pass_env"), more);
	json_object_put(more);
	want.envp = env;
	rc = shell_start(s, &box->walls, &want, head, TAIL, err, errlen);
	words_free(env);
	return (rc);
}

static int
start_in_docker(
    struct toolbox *box, struct shell *s, size_t head, char *err, size_t errlen)
{
	struct confined_want want = { .network = true };
	struct docker_run run;
	int rc = -1;

	if (docker_prepare(&run, box, s->dir, s->command, err, errlen) == 0) {
		want.argv = run.argv;
		want.envp = run.envp;
		s->container = xstrdup(run.container);
		rc = shell_start(s, &run.walls, &want, head, TAIL, err, errlen);
		if (rc == -1 && s->pid > 0)
			docker_remove(box, s->container);
	}
	docker_release(&run);
	return (rc);
}

static bool
is_in_docker(struct toolbox *box)
{
	return (is_set_to(shell_config(box), "mode", "docker"));
}

void
shell_ahead(struct toolbox *box)
{
	struct json_object *config = shell_config(box);
	struct confined_want want = any_command(config);
	char **env;

	if (is_in_docker(box))
		return;
	want.envp = env = confined_env(
	    &box->walls, box->config, member(config, "pass_env"), NULL);
	confined_ahead(&box->walls, &want);
	words_free(env);
}

/* Whether the command is one to run; fills in what it is. */
static bool
check(struct toolbox *box, struct shell *s, struct json_object *arguments,
    char *err, size_t errlen)
{
	struct json_object *config = shell_config(box);
	const char *command = field_get_str(arguments, "command");
	const char *dir = field_get_str(arguments, "work_dir");

	s->agent = box->agent;
	s->command = xstrdup(command == NULL ? "" : command);
	if (*s->command == '\0' || strlen(s->command) > COMMAND_MAX) {
		snprintf(err, errlen, "Execution error: the command is %s",
		    *s->command == '\0' ? "empty" : "too long");
		return (false);
	}
	if (!shell_rules_allow(member(config, "allowed"),
		member(config, "blocked"), s->command, err, errlen))
		return (false);
	if ((s->dir = resolve_dir(box, dir, err, errlen)) != NULL)
		return (true);
	s->dir = xstrdup(dir == NULL ? "" : dir);
	return (false);
}

bool
shell_begin(struct toolbox *box, struct shell *s, struct json_object *arguments,
    size_t head, char *err, size_t errlen)
{
	char why[ERROR_LEN] = "";
	int rc;

	if (!check(box, s, arguments, err, errlen))
		return (false);
	rc = (is_in_docker(box) ? start_in_docker : start_here)(
	    box, s, head, why, sizeof(why));
	if (rc == -1)
		snprintf(err, errlen, "Execution error: %s", why);
	return (rc == 0);
}
