/* Where a configuration is: named, shipped, or at a default place. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/xmalloc.h"
#include "supervisor/config/examples.h"
#include "supervisor/config/load.h"

#define EXAMPLES "@examples/"

char *
config_user_path(const char *name)
{
	const char *base = getenv("XDG_CONFIG_HOME");

	/* The specification tells to ignore a relative one. */
	if (base != NULL && *base == '/')
		return (xasprintf("%s/massgen/%s", base, name));
	base = getenv("HOME");
	if (base == NULL || *base == '\0')
		return (NULL);
	return (xasprintf("%s/.config/massgen/%s", base, name));
}

/* Anything but "not there": the one who opens it tells what is wrong. */
static bool
exists(const char *path)
{
	return (path != NULL &&
	    (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)));
}

static char *
keep_existing(char *path)
{
	if (exists(path))
		return (path);
	free(path);
	return (NULL);
}

/* "~/x" as the shell has it; anything else as it is. */
static char *
expand_home(const char *path)
{
	const char *home = getenv("HOME");

	if (strncmp(path, "~/", 2) != 0 || home == NULL)
		return (xstrdup(path));
	return (xasprintf("%s%s", home, path + 1));
}

static char *
find_named(const char *arg, char *err, size_t errlen)
{
	char *path = keep_existing(expand_home(arg)), *name;

	if (path == NULL && *arg != '/') {
		name = xasprintf("agents/%s", arg);
		path = keep_existing(config_user_path(name));
		free(name);
	}
	if (path == NULL && *arg != '/') {
		name = xasprintf("agents/%s.yaml", arg);
		path = keep_existing(config_user_path(name));
		free(name);
	}
	if (path == NULL)
		snprintf(err, errlen, "Config file not found: %s", arg);
	return (path);
}

char *
config_find(const char *arg, char *err, size_t errlen)
{
	char *path;

	if (errlen > 0)
		*err = '\0';
	if (arg != NULL && strncmp(arg, EXAMPLES, strlen(EXAMPLES)) == 0)
		return (example_find(arg + strlen(EXAMPLES), err, errlen));
	if (arg != NULL)
		return (find_named(arg, err, errlen));
	path = keep_existing(xstrdup(".massgen/config.yaml"));
	if (path == NULL)
		path = keep_existing(config_user_path("config.yaml"));
	return (path);
}
