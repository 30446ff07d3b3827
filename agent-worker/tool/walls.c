/* What an agent's tools may read and write. */

#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/walls.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/pathname.h"
#include "ipc/xmalloc.h"

/* --- from the configuration --- */

/* An absolute path without empty names, "." and "..". */
static char *
tidy(const char *path)
{
	char *out = xcalloc(1, strlen(path) + 2);
	size_t len = 0, n;

	for (; *path != '\0'; path += n) {
		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n == 0 || (n == 1 && path[0] == '.'))
			continue;
		if (n == 2 && path[0] == '.' && path[1] == '.') {
			while (len > 0 && out[--len] != '/')
				continue;
			out[len] = '\0';
			continue;
		}
		out[len++] = '/';
		memcpy(out + len, path, n);
		len += n;
		out[len] = '\0';
	}
	if (len == 0)
		out[0] = '/';
	return (out);
}

/* Without symlinks, as far as there is anything there yet. */
static char *
canonical(const char *path)
{
	char *tidied = tidy(path), *real = realpath(tidied, NULL);
	char *slash = strrchr(tidied, '/'), *parent;

	if (real == NULL && slash != tidied) {
		parent = xstrndup(tidied, (size_t)(slash - tidied));
		real = realpath(parent, NULL);
		free(parent);
		if (real != NULL) {
			parent = real;
			real = xasprintf("%s%s",
			    strcmp(parent, "/") == 0 ? "" : parent, slash);
			free(parent);
		}
	}
	if (real == NULL)
		return (tidied);
	free(tidied);
	return (real);
}

static struct wall *
add_wall(struct walls *w, const char *path)
{
	struct wall *wall;
	struct stat st;

	if (path == NULL || path[0] != '/') {
		if (path != NULL)
			log_warnx("walls: %s: not absolute", path);
		return (NULL);
	}
	w->list = xreallocarray(w->list, w->n + 1, sizeof(*w->list));
	wall = &w->list[w->n++];
	memset(wall, 0, sizeof(*wall));
	wall->given = tidy(path);
	wall->path = canonical(path);
	wall->file = lstat(wall->path, &st) == 0 && !S_ISDIR(st.st_mode);
	return (wall);
}

static void
add_kept(struct wall *wall, struct json_object *list)
{
	const char *path;
	size_t i, n;

	if (!json_object_is_type(list, json_type_array))
		return;
	n = json_object_array_length(list);
	wall->keep = xcalloc(n + 1, sizeof(*wall->keep));
	for (i = 0; i < n; i++) {
		path =
		    json_object_get_string(json_object_array_get_idx(list, i));
		if (path != NULL && path[0] == '/')
			wall->keep[wall->nkeep++] = canonical(path);
	}
}

static void
add_context(struct walls *w, struct json_object *list)
{
	struct json_object *entry, *keep;
	struct wall *wall;
	size_t i, n;

	if (!json_object_is_type(list, json_type_array))
		return;
	n = json_object_array_length(list);
	for (i = 0; i < n; i++) {
		entry = json_object_array_get_idx(list, i);
		wall = add_wall(w, field_get_str(entry, "path"));
		if (wall == NULL)
			continue;
		wall->context = true;
		wall->presenter = field_get_bool(entry, "write");
		if (json_object_object_get_ex(entry, "keep", &keep))
			add_kept(wall, keep);
	}
}

void
walls_init(struct walls *w, struct json_object *tools)
{
	struct json_object *context;
	struct wall *wall;

	memset(w, 0, sizeof(*w));
	w->workspace = field_get_str(tools, "workspace");
	w->tmp = field_get_str(tools, "tmp");
	w->confine = field_get_str(tools, "confine");
	w->level = field_get_str(tools, "level");
	(void)json_object_object_get_ex(tools, "read", &w->read);
	(void)json_object_object_get_ex(tools, "write", &w->write);
	if ((wall = add_wall(w, w->workspace)) != NULL)
		wall->write = true;
	if ((wall = add_wall(w, w->tmp)) != NULL)
		wall->write = true;
	(void)add_wall(w, field_get_str(tools, "snapshots"));
	if (json_object_object_get_ex(tools, "context", &context))
		add_context(w, context);
}

void
walls_release(struct walls *w)
{
	size_t i, k;

	for (i = 0; i < w->n; i++) {
		for (k = 0; k < w->list[i].nkeep; k++)
			free(w->list[i].keep[k]);
		free(w->list[i].keep);
		free(w->list[i].given);
		free(w->list[i].path);
	}
	free(w->list);
	memset(w, 0, sizeof(*w));
}

bool
wall_is_writable(const struct walls *w, const struct wall *wall)
{
	return (wall->write || (wall->presenter && w->presenting));
}

/* --- which wall, and what it says --- */

int
walls_refuse(char *err, size_t errlen, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	errno = error;
	return (-1);
}

static bool
is_in(const struct wall *wall, const char *root, const char *path)
{
	return (
	    wall->file ? strcmp(root, path) == 0 : pathname_is_in(path, root));
}

/*
 * The deepest wall that holds the tidy path, and what is left of it below
 * that wall, "" for the wall itself.
 */
static const struct wall *
deepest(const struct walls *w, const char *path, const char **out_rest)
{
	const struct wall *found = NULL;
	size_t i, k, len, best = 0;

	for (i = 0; i < w->n; i++) {
		const char *roots[] = { w->list[i].path, w->list[i].given };

		for (k = 0; k < 2; k++) {
			len = strlen(roots[k]);
			if (len <= best || !is_in(&w->list[i], roots[k], path))
				continue;
			found = &w->list[i];
			best = len;
		}
	}
	if (found != NULL)
		*out_rest = path + best + strspn(path + best, "/");
	return (found);
}

/* Tidy and absolute; the caller's to free. */
static char *
absolute(const struct walls *w, const char *path)
{
	char *joined, *out;

	if (path[0] == '/')
		return (tidy(path));
	joined =
	    xasprintf("%s/%s", w->n == 0 ? "/nowhere" : w->list[0].path, path);
	out = tidy(joined);
	free(joined);
	return (out);
}

const struct wall *
walls_find(const struct walls *w, const char *path, char **out_rest)
{
	char *tidied = absolute(w, path);
	const char *rest;
	const struct wall *wall = deepest(w, tidied, &rest);

	if (wall != NULL && out_rest != NULL)
		*out_rest = xstrdup(rest);
	free(tidied);
	return (wall);
}

bool
walls_has_kept_name(const char *rest)
{
	size_t i, n;

	for (; *rest != '\0'; rest += n) {
		rest += strspn(rest, "/");
		n = strcspn(rest, "/");
		for (i = 0; pathname_kept[i] != NULL; i++)
			if (strlen(pathname_kept[i]) == n &&
			    strncmp(pathname_kept[i], rest, n) == 0)
				return (true);
	}
	return (false);
}

/* A wall inside of what is kept is an exception to it. */
static bool
is_kept(const struct walls *w, const struct wall *wall, const char *path,
    const char *rest)
{
	size_t i, k;

	if (wall->context && !wall->file && walls_has_kept_name(rest))
		return (true);
	for (i = 0; i < w->n; i++)
		for (k = 0; k < w->list[i].nkeep; k++)
			if (pathname_is_in(path, w->list[i].keep[k]) &&
			    strlen(w->list[i].keep[k]) >= strlen(wall->path))
				return (true);
	return (false);
}

int
walls_may_change(
    const struct walls *w, const char *real, char *err, size_t errlen)
{
	const char *rest;
	const struct wall *wall = deepest(w, real, &rest);

	if (wall == NULL)
		return (walls_refuse(err, errlen, EACCES,
		    "%s: outside of the allowed directories", real));
	if (!wall_is_writable(w, wall))
		return (walls_refuse(err, errlen, EROFS,
		    "%s: %s is read-only%s", real, wall->path,
		    wall->presenter ? " before the final presentation" : ""));
	if (is_kept(w, wall, real, rest))
		return (walls_refuse(
		    err, errlen, EROFS, "%s: protected, read-only", real));
	return (0);
}

int
walls_may_go(const struct walls *w, const char *real, char *err, size_t errlen)
{
	size_t i, k;

	if (walls_may_change(w, real, err, errlen) == -1)
		return (-1);
	for (i = 0; i < w->n; i++) {
		if (pathname_is_in(w->list[i].path, real))
			return (walls_refuse(err, errlen, EBUSY,
			    "%s: %s, an allowed directory of its own, %s", real,
			    w->list[i].path, "would go with it"));
		for (k = 0; k < w->list[i].nkeep; k++)
			if (pathname_is_in(w->list[i].keep[k], real))
				return (walls_refuse(err, errlen, EROFS,
				    "%s: %s in it is protected", real,
				    w->list[i].keep[k]));
	}
	return (0);
}
