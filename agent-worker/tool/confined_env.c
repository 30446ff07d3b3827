/* The environment of a program within the agent's walls. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/confined.h"
#include "ipc/buf.h"
#include "ipc/pathname.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"

static void
set(struct words *env, const char *name, const char *value)
{
	if (value != NULL && *name != '\0' && strchr(name, '=') == NULL)
		words_set(env, name, value);
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
}

/* Whether the walls let a program into that directory. */
static bool
is_reached(const struct walls *walls, const char *path)
{
	static const char *const system[] = { "/bin", "/nix", "/opt", "/sbin",
		"/usr" };
	const char *dir;
	size_t i,
	    n = json_object_is_type(walls->read, json_type_array)
	    ? json_object_array_length(walls->read)
	    : 0;

	for (i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		if (pathname_is_in(path, system[i]))
			return (true);
	for (i = 0; i < walls->n; i++)
		if (pathname_is_in(path, walls->list[i].path))
			return (true);
	for (i = 0; i < n; i++) {
		dir = json_object_get_string(
		    json_object_array_get_idx(walls->read, i));
		if (dir != NULL && pathname_is_in(path, dir))
			return (true);
	}
	return (false);
}

/* Temporary files have one place, whatever the configuration says. */
static void
set_tmp(struct words *env, const struct walls *walls)
{
	bool own_root =
	    walls->level != NULL && strcmp(walls->level, "bwrap") == 0;

	set(env, "TMPDIR", own_root ? "/tmp" : walls->tmp);
}

/*
 * Landlock hides nothing: a program that looks for itself on PATH, as Python
 * does, would find one that it cannot use.
 */
static void
trim_path(struct words *env, const struct walls *walls)
{
	struct buf kept = BUF_INITIALIZER;
	const char *s = words_value(env, "PATH");
	char *dir;
	size_t n;

	if (s == NULL || walls->level == NULL ||
	    strcmp(walls->level, "off") == 0)
		return;
	for (; *s != '\0'; s += n + (s[n] == ':' ? 1 : 0)) {
		n = strcspn(s, ":");
		dir = xstrndup(s, n);
		if (is_reached(walls, dir))
			buf_addf(&kept, "%s%s", kept.len == 0 ? "" : ":", dir);
		free(dir);
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
	set_tmp(&env, walls);
	trim_path(&env, walls);
	return (env.list);
}
