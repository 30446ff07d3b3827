/*
 * context_paths: files and directories of the user's that agents may read,
 * and the presenter write.  What comes out are real paths, so that nothing
 * behind it has to follow a symlink.
 */

#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/pathname.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/load.h"

/* One entry on its way from the tree. */
struct entry {
	const struct check *check;
	const struct node *map;
	const char *location;
	const char *path; /* real */
	bool is_dir;
	struct json_object *keep;
};

/* Whether path is below the directory. */
static bool
is_below(const char *path, const char *dir)
{
	return (pathname_is_in(path, dir) && strcmp(path, dir) != 0);
}

/* An absolute path without symlinks, malloc'd, or NULL and errno. */
static char *
real_path(const char *path)
{
	char *real = realpath(path, NULL);

	if (real == NULL || utf8_is_valid(real, strlen(real)))
		return (real);
	free(real);
	errno = EILSEQ;
	return (NULL);
}

static void
keep(const struct entry *e, const char *path)
{
	size_t i;

	for (i = 0; i < json_object_array_length(e->keep); i++) {
		if (strcmp(json_object_get_string(
			       json_object_array_get_idx(e->keep, i)),
			path) == 0)
			return;
	}
	json_object_array_add(e->keep, json_object_new_string(path));
}

/* What is a symlink to the outside is not ours to be written anyway. */
static void
keep_known_names(const struct entry *e)
{
	char *path, *real;
	size_t i;

	for (i = 0; pathname_kept[i] != NULL; i++) {
		path = xasprintf("%s/%s",
		    strcmp(e->path, "/") == 0 ? "" : e->path, pathname_kept[i]);
		real = real_path(path);
		if (real != NULL && is_below(real, e->path))
			keep(e, real);
		free(real);
		free(path);
	}
}

/* Relative to the entry's directory, or to the one that its file is in. */
static void
load_protected_path(
    const struct entry *e, const struct node *n, const char *location)
{
	const char *base = e->path;
	char *path, *real;

	if (*n->text == '/')
		path = xstrdup(n->text);
	else
		path = xasprintf("%.*s/%s",
		    (int)(e->is_dir ? strlen(base)
				    : (size_t)(strrchr(base, '/') - base)),
		    base, n->text);
	real = real_path(path);
	if (real == NULL)
		check_problem(e->check, check_outside(e->check), n, location,
		    NULL, "protected path cannot be used: %s: %s", node_show(n),
		    strerror(errno));
	else if (e->is_dir ? is_below(real, e->path)
			   : strcmp(real, e->path) == 0)
		keep(e, real);
	else
		check_error(e->check, n, location, NULL,
		    "protected path is not inside of the context path: %s",
		    node_show(n));
	free(real);
	free(path);
}

static void
load_protected(const struct entry *e)
{
	const struct node *list = node_get(e->map, "protected_paths");
	char *location;
	size_t i;

	for (i = 0; list != NULL && i < list->count; i++) {
		if (list->items[i]->kind != NODE_STR)
			continue;
		location = xasprintf("%s.protected_paths[%zu]", e->location, i);
		load_protected_path(e, list->items[i], location);
		free(location);
	}
}

/* The real path of an entry, or NULL: it cannot be used. */
static char *
find_path(struct entry *e)
{
	const struct node *at = node_get(e->map, "path");
	char *real;
	struct stat st;

	/* A variable that is not set was told. */
	if (strstr(at->text, "${") != NULL)
		return (NULL);
	real = *at->text == '\0' ? NULL : real_path(at->text);
	if (*at->text == '\0')
		errno = ENOENT;
	if (real == NULL || stat(real, &st) == -1) {
		check_key(e->check, check_outside(e->check), e->map,
		    e->location, "path",
		    *at->text == '/'
			? NULL
			: "Relative paths begin in the current directory.",
		    "context path cannot be used: %s: %s", node_show(at),
		    strerror(errno));
		free(real);
		return (NULL);
	}
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
		check_key(e->check, SEVERITY_ERROR, e->map, e->location, "path",
		    NULL, "context path is neither a file nor a directory: %s",
		    node_show(at));
		free(real);
		return (NULL);
	}
	e->is_dir = S_ISDIR(st.st_mode);
	return (real);
}

/* One element of init's "tools.context", or NULL. */
static struct json_object *
load_entry(
    const struct check *check, const struct node *map, const char *location)
{
	const char *permission = tree_string(map, "permission");
	struct entry e = { check, map, location, NULL, false, NULL };
	bool writable = permission != NULL && strcmp(permission, "write") == 0;
	struct json_object *o;
	char *path;

	if (tree_string(map, "path") == NULL || (path = find_path(&e)) == NULL)
		return (NULL);
	if (writable && strcmp(path, "/") == 0) {
		check_key(check, SEVERITY_ERROR, map, location, "permission",
		    NULL, "the root directory cannot be opened to writing");
		free(path);
		return (NULL);
	}
	e.path = path;
	e.keep = json_object_new_array();
	load_protected(&e);
	if (writable && e.is_dir)
		keep_known_names(&e);
	o = json_object_new_object();
	json_object_object_add(o, "path", json_object_new_string(path));
	json_object_object_add(o, "write", json_object_new_boolean(writable));
	json_object_object_add(o, "keep", e.keep);
	free(path);
	return (o);
}

static const char *
path_of(struct json_object *list, size_t i)
{
	return (json_object_get_string(json_object_object_get(
	    json_object_array_get_idx(list, i), "path")));
}

static bool
has_path(struct json_object *list, const char *path)
{
	size_t i;

	for (i = 0; list != NULL && i < json_object_array_length(list); i++) {
		if (strcmp(path_of(list, i), path) == 0)
			return (true);
	}
	return (false);
}

static bool
is_writable(struct json_object *list, size_t i)
{
	return (json_object_get_boolean(json_object_object_get(
	    json_object_array_get_idx(list, i), "write")));
}

/* What is given to be read, inside of what is given to be written. */
static void
keep_readable(struct json_object *list)
{
	size_t i, j, n = json_object_array_length(list);
	struct entry e = { .path = NULL };

	for (i = 0; i < n; i++) {
		if (!is_writable(list, i))
			continue;
		e.keep = json_object_object_get(
		    json_object_array_get_idx(list, i), "keep");
		for (j = 0; j < n; j++) {
			if (!is_writable(list, j) &&
			    is_below(path_of(list, j), path_of(list, i)))
				keep(&e, path_of(list, j));
		}
	}
}

static void
add_entry(const struct check *check, struct json_object *list,
    struct json_object *common, struct node *map, const char *location)
{
	struct json_object *entry = load_entry(check, map, location);
	const char *path;

	if (entry == NULL)
		return;
	path = json_object_get_string(json_object_object_get(entry, "path"));
	/* The orchestrator's word on the same path is stronger. */
	if (has_path(common, path)) {
		json_object_put(entry);
	} else if (has_path(list, path)) {
		check_key(check, SEVERITY_ERROR, map, location, "path", NULL,
		    "context path is given twice: %s",
		    node_show(node_get(map, "path")));
		json_object_put(entry);
	} else
		json_object_array_add(list, entry);
}

struct json_object *
context_load(const struct check *check, struct node *entries,
    const char *location, struct json_object *common)
{
	struct json_object *list = NULL;
	enum severity unset = check_outside(check);
	char *path;
	size_t i;

	if (common != NULL && json_object_deep_copy(common, &list, NULL) == -1)
		fatal("json_object_deep_copy");
	if (list == NULL)
		list = json_object_new_array();
	for (i = 0; entries != NULL && entries->kind == NODE_LIST &&
	     i < entries->count;
	     i++) {
		path = xasprintf("%s[%zu]", location, i);
		expand_tree(check, entries->items[i], path, unset);
		add_entry(check, list, common, entries->items[i], path);
		free(path);
	}
	if (json_object_array_length(list) == 0) {
		json_object_put(list);
		return (NULL);
	}
	keep_readable(list);
	return (list);
}
