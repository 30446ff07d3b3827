/* What a worker is started with. */

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/xmalloc.h"
#include "supervisor/environment.h"
#include "supervisor/record/redact.h"

#define WORKER_NAME "agent-worker"

extern char **environ;

static char *
beside_us(void)
{
	char self[PATH_MAX], *slash, *path;
	ssize_t n;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return (NULL);
	self[n] = '\0';
	if ((slash = strrchr(self, '/')) == NULL)
		return (NULL);
	*slash = '\0';
	path = xasprintf("%s/%s", self, WORKER_NAME);
	if (access(path, X_OK) == 0)
		return (path);
	free(path);
	return (NULL);
}

static char *
worker_path(void)
{
	const char *named = getenv("MASSGEN_WORKER");
	char *path;

	if (named != NULL && *named != '\0')
		return (xstrdup(named));
	if ((path = beside_us()) != NULL)
		return (path);
	return (xstrdup(MASSGEN_LIBEXECDIR "/" WORKER_NAME));
}

char **
environment_worker_argv(const struct config *config)
{
	char **argv, **launcher = config->worker_launcher;
	size_t n = 0, i;

	while (launcher != NULL && launcher[n] != NULL)
		n++;
	argv = xcalloc(n + 2, sizeof(*argv));
	for (i = 0; i < n; i++)
		argv[i] = xstrdup(launcher[i]);
	argv[n] = worker_path();
	return (argv);
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
	char **env;
	size_t i, n;

	for (n = 0; environ[n] != NULL; n++)
		continue;
	env = xcalloc(n + 1, sizeof(*env));
	for (i = n = 0; environ[i] != NULL; i++)
		if (!is_secret(environ[i]))
			env[n++] = xstrdup(environ[i]);
	return (env);
}

void
environment_free(char **argv, char **env)
{
	size_t i;

	for (i = 0; argv != NULL && argv[i] != NULL; i++)
		free(argv[i]);
	for (i = 0; env != NULL && env[i] != NULL; i++)
		free(env[i]);
	free(argv);
	free(env);
}
