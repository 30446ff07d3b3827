/* What a worker is started with. */

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/field.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/examples.h"
#include "supervisor/environment.h"
#include "supervisor/record/redact.h"

#define WORKER_NAME  "agent-worker"
#define CONFINE_NAME "confine"
#define USUAL_PATH   "/usr/local/bin:/usr/bin:/bin"

extern char **environ;

/* The directory of our own program; NULL: it is not known. */
static char *
our_dir(void)
{
	char self[PATH_MAX], *slash;
	ssize_t n;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return (NULL);
	self[n] = '\0';
	if ((slash = strrchr(self, '/')) == NULL)
		return (NULL);
	*slash = '\0';
	return (xstrdup(self));
}

/* A program of ours: beside this one, or where it is installed. */
static char *
program_path(const char *name)
{
	char *dir = our_dir(), *path = NULL;

	if (dir != NULL)
		path = xasprintf("%s/%s", dir, name);
	free(dir);
	if (path != NULL && access(path, X_OK) == 0)
		return (path);
	free(path);
	return (xasprintf("%s/%s", MASSGEN_LIBEXECDIR, name));
}

static char *
worker_path(void)
{
	const char *named = getenv("MASSGEN_WORKER");

	if (named != NULL && *named != '\0')
		return (xstrdup(named));
	return (program_path(WORKER_NAME));
}

char *
environment_confine(void)
{
	return (program_path(CONFINE_NAME));
}

/* Add a directory, or that of a program, to an array; frees path. */
static void
add_dir(struct json_object *list, char *path, bool of_program)
{
	char *real, *slash;

	if (path != NULL && of_program &&
	    (slash = strrchr(path, '/')) != NULL && slash != path)
		*slash = '\0';
	real = path == NULL ? NULL : realpath(path, NULL);
	if (real != NULL)
		json_object_array_add(list, json_object_new_string(real));
	free(real);
	free(path);
}

struct json_object *
environment_own_dirs(void)
{
	struct json_object *list = json_object_new_array();

	add_dir(list, our_dir(), false);
	add_dir(list, worker_path(), true);
	add_dir(list, environment_confine(), true);
	add_dir(list, examples_dir(), false);
	return (list);
}

void
environment_put_own(struct json_object *env)
{
	static const char *const places[] = { "MASSGEN_CONFIGS",
		"MASSGEN_WORKER" };
	const char *path = getenv("PATH"), *value;
	char *dir = our_dir(), *text;
	size_t i;

	if (path == NULL || *path == '\0')
		path = USUAL_PATH;
	text = dir == NULL ? xstrdup(path) : xasprintf("%s:%s", path, dir);
	field_put_str(env, "PATH", text);
	free(text);
	free(dir);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		/* a tool is somewhere else: no relative path leads there */
		value = getenv(places[i]);
		text = value == NULL ? NULL : realpath(value, NULL);
		if (text != NULL)
			field_put_str(env, places[i], text);
		free(text);
	}
}

char **
environment_worker_argv(const struct config *config)
{
	char **launcher = config->worker_launcher, *worker = worker_path();
	struct words argv = { NULL, 0 };

	for (; launcher != NULL && *launcher != NULL; launcher++)
		words_add(&argv, *launcher);
	words_add(&argv, worker);
	free(worker);
	return (argv.list);
}

/* By what it holds, or by its name. */
static bool
is_secret(const char *variable)
{
	char *name = xstrndup(variable, strcspn(variable, "="));
	bool secret = config_names_secret(name) || redact_holds(variable);

	free(name);
	return (secret);
}

char **
environment_worker_env(void)
{
	struct words env = { NULL, 0 };
	char **variable;

	for (variable = environ; *variable != NULL; variable++)
		if (!is_secret(*variable))
			words_add(&env, *variable);
	return (env.list);
}
