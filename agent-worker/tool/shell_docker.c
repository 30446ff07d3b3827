/* Commands in a container of their own. */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/shell_begin.h"
#include "agent-worker/tool/shell_docker.h"
#include "ipc/buf.h"
#include "ipc/log.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"

#define EXIT_DOCKER 125
#define REMOVE_MS   3000

/* What the docker program reads to find its engine: docker(1). */
static const char *const engine_names[] = { "HOME", "DOCKER_CONFIG",
	"DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_CERT_PATH",
	"DOCKER_TLS_VERIFY", "XDG_RUNTIME_DIR" };

/* --- its options --- */

/* --mount takes a line of CSV: in quotes, a path may hold a comma. */
static void
add_mount(struct words *w, const char *from, const char *to, bool write)
{
	struct buf b = BUF_INITIALIZER;
	const char *const fields[] = { from, to };
	const char *s;
	size_t i;

	buf_adds(&b, "type=bind");
	for (i = 0; i < 2; i++) {
		buf_addf(&b, ",\"%s=", i == 0 ? "source" : "target");
		for (s = fields[i]; *s != '\0'; s++)
			buf_adds(
			    &b, *s == '"' ? "\"\"" : (char[]) { *s, '\0' });
		buf_adds(&b, "\"");
	}
	if (!write)
		buf_adds(&b, ",readonly");
	words_add_option(w, "--mount", b.data);
	buf_release(&b);
}

static void
add_paths(struct words *w, struct json_object *paths)
{
	const char *path;
	size_t i;

	if (!json_object_is_type(paths, json_type_array))
		return;
	for (i = 0; i < json_object_array_length(paths); i++) {
		path =
		    json_object_get_string(json_object_array_get_idx(paths, i));
		if (path != NULL && access(path, F_OK) == 0)
			add_mount(w, path, path, true);
	}
}

static void
add_mounts(struct words *w, const struct walls *walls)
{
	const struct wall *wall;
	size_t i, j;

	for (i = 0; i < walls->n; i++) {
		wall = &walls->list[i];
		add_mount(
		    w, wall->path, wall->path, wall_is_writable(walls, wall));
		for (j = 0; j < wall->nkeep; j++)
			if (access(wall->keep[j], F_OK) == 0)
				add_mount(
				    w, wall->keep[j], wall->keep[j], false);
	}
	add_paths(w, walls->write);
	if (walls->tmp != NULL)
		add_mount(w, walls->tmp, "/tmp", true);
}

/* By name: docker takes the values from its environment, not from argv. */
static void
add_names(struct words *w, struct json_object *names)
{
	size_t i;

	if (json_object_is_type(names, json_type_array))
		for (i = 0; i < json_object_array_length(names); i++)
			words_add_option(w, "--env",
			    json_object_get_string(
				json_object_array_get_idx(names, i)));
	if (!json_object_is_type(names, json_type_object))
		return;
	json_object_object_foreach (names, name, value)
		words_add_option(w, "--env", value == NULL ? NULL : name);
}

static void
add_limits(struct words *w, struct json_object *config)
{
	static const struct {
		const char *key;
		const char *option;
		bool docker; /* of the "docker" object */
	} limits[] = {
		{ "memory", "--memory", true },
		{ "cpus", "--cpus", true },
		{ "processes", "--pids-limit", false },
	};
	struct json_object *docker = member(config, "docker"), *v;
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		v = member(limits[i].docker ? docker : config, limits[i].key);
		words_add_option(
		    w, limits[i].option, json_object_get_string(v));
	}
}

static void
add_user(struct words *w, bool sudo)
{
	char *user;

	if (sudo)
		return;
	user = xasprintf(
	    "%lu:%lu", (unsigned long)getuid(), (unsigned long)getgid());
	words_add_option(w, "--user", user);
	free(user);
	words_add_option(w, "--cap-drop", "ALL");
	words_add_option(w, "--security-opt", "no-new-privileges");
}

/* What goes before the image and the command. */
static struct words
make_options(const struct toolbox *box, const char *program,
    const char *container, const char *dir)
{
	struct json_object *config = shell_config(box);
	struct json_object *docker = member(config, "docker");
	const char *network = json_object_get_string(member(docker, "network"));
	struct words w = { NULL, 0 };
	char *home = xasprintf("HOME=%s", box->walls.list[0].path);

	words_add(&w, program);
	words_add(&w, "run");
	words_add(&w, "--rm");
	words_add(&w, "--init");
	words_add_option(&w, "--name", container);
	words_add_option(&w, "--network", network == NULL ? "none" : network);
	add_limits(&w, config);
	add_user(&w, json_object_get_boolean(member(docker, "sudo")));
	add_mounts(&w, &box->walls);
	words_add_option(&w, "--workdir", dir);
	words_add_option(&w, "--env", home);
	add_names(&w, member(box->config, "env"));
	add_names(&w, member(config, "pass_env"));
	free(home);
	return (w);
}

/* --- the docker program --- */

static char *
find_docker(void)
{
	const char *path = getenv("PATH");
	char *file;
	size_t n;

	if (path == NULL)
		path = "/usr/local/bin:/usr/bin:/bin";
	for (; *path != '\0'; path += n + (path[n] == ':' ? 1 : 0)) {
		n = strcspn(path, ":");
		if (n == 0 || *path != '/')
			continue;
		file = xasprintf("%.*s/docker", (int)n, path);
		if (access(file, X_OK) == 0)
			return (file);
		free(file);
	}
	return (NULL);
}

static char **
make_env(const struct toolbox *box)
{
	struct json_object *config = shell_config(box);
	struct json_object *more = json_object_new_object();
	const char *value;
	char **env;
	size_t i;

	for (i = 0; i < sizeof(engine_names) / sizeof(engine_names[0]); i++)
		if ((value = getenv(engine_names[i])) != NULL)
			json_object_object_add(more, engine_names[i],
			    json_object_new_string(value));
	env = confined_env(
	    &box->walls, box->config, member(config, "pass_env"), more);
	json_object_put(more);
	return (env);
}

int
docker_prepare(struct docker_run *run, const struct toolbox *box,
    const char *dir, const char *command, char *err, size_t errlen)
{
	const char *image = json_object_get_string(
	    member(member(shell_config(box), "docker"), "image"));
	char *program = find_docker();
	struct words w;

	memset(run, 0, sizeof(*run));
	if (program == NULL || image == NULL) {
		snprintf(err, errlen,
		    "commands are to be run by docker, and %s",
		    program == NULL ? "there is no docker program on PATH"
				    : "no image is configured");
		free(program);
		return (-1);
	}
	run->container = xasprintf(
	    "massgen-%s-%08x", box->agent->name, (unsigned int)arc4random());
	w = make_options(box, program, run->container, dir);
	words_add(&w, image);
	words_add(&w, "/bin/sh");
	words_add(&w, "-c");
	words_add(&w, command);
	run->argv = w.list;
	run->envp = make_env(box);
	run->walls = box->walls;
	run->walls.level = "off";
	free(program);
	return (0);
}

void
docker_release(struct docker_run *run)
{
	words_free(run->argv);
	words_free(run->envp);
	free(run->container);
	memset(run, 0, sizeof(*run));
}

bool
docker_failed(const struct shell *s)
{
	return (
	    !s->running && s->container != NULL && s->exit_code == EXIT_DOCKER);
}

void
docker_remove(const struct toolbox *box, const char *container)
{
	char *program = find_docker(), *name = xstrdup(container);
	char run[] = "rm", force[] = "--force";
	char *argv[] = { program, run, force, name, NULL };
	char **env = make_env(box);
	struct confined_want want = {
		.argv = argv, .envp = env, .network = true
	};
	struct walls walls = box->walls;
	struct confined c;
	char err[256];

	walls.level = "off";
	if (program == NULL ||
	    confined_start(&walls, &want, &c, err, sizeof(err)) == -1) {
		log_warnx("the container %s may be left", container);
	} else {
		struct pollfd fd = { c.pidfd, POLLIN, 0 };

		if (poll(&fd, 1, REMOVE_MS) != 1)
			log_warnx("the container %s may be left", container);
		confined_kill(&c);
	}
	words_free(env);
	free(program);
	free(name);
}
