/* The file tools that show which files there are. */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/files.h"
#include "agent-worker/tool/match.h"
#include "ipc/field.h"
#include "ipc/tree.h"
#include "ipc/xmalloc.h"

#define NAMES_MAX   5000 /* of a directory */
#define NODES_MAX   5000 /* of a tree */
#define DEPTH_MAX   64
#define RESULTS_MAX 1000

/* --- one directory --- */

static int
list(void *arg, const struct files_entry *e)
{
	struct files_list *l = arg;
	char *line;

	if (l->n == NAMES_MAX) {
		l->cut = true;
		return (S_ISDIR(e->st->st_mode) ? TREE_SKIP : 0);
	}
	line = xasprintf("%s %s",
	    S_ISDIR(e->st->st_mode)       ? "[DIR]"
		: S_ISLNK(e->st->st_mode) ? "[LINK]"
					  : "[FILE]",
	    e->name);
	files_list_add(l, line);
	free(line);
	return (S_ISDIR(e->st->st_mode) ? TREE_SKIP : 0);
}

static void
add_lines(struct buf *out, const struct files_list *l, const struct work *k)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		buf_addf(out, "%s%s", i == 0 ? "" : "\n", l->paths[i]);
	if (l->cut || k->why != NULL)
		buf_addf(out, "\n[there are more than these %zu%s%s]", l->n,
		    k->why == NULL ? "" : ": ", k->why == NULL ? "" : k->why);
}

bool
files_list_directory(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "list_directory";
	const char *path = tool_argument(arguments, "path", op, result);
	struct files_list l = { NULL, 0, false };
	struct files_walk walk = { .visit = list, .arg = &l };
	char why[FILES_WHY];
	struct work k;

	(void)arg;
	if (path == NULL)
		return (true);
	work_begin(&k, box);
	if (files_walk(&k, path, &walk, why, sizeof(why)) == -1) {
		tool_fail(result, op, "%s", why);
	} else {
		files_list_sort(&l);
		add_lines(&result->text, &l, &k);
		if (result->text.len == 0)
			buf_adds(&result->text, "[the directory is empty]");
	}
	files_list_release(&l);
	return (!k.over);
}

/* --- a tree --- */

struct growing {
	struct json_object *omit;
	struct json_object *open[DEPTH_MAX + 1]; /* arrays, borrowed */
	size_t depth;
	size_t nodes;
	bool cut;
};

static int
by_name(const void *a, const void *b)
{
	struct json_object *const *x = a, *const *y = b;

	return (
	    strcmp(json_object_get_string(json_object_object_get(*x, "name")),
		json_object_get_string(json_object_object_get(*y, "name"))));
}

static int
grow(void *arg, const struct files_entry *e)
{
	struct growing *g = arg;
	bool is_dir = S_ISDIR(e->st->st_mode);
	struct json_object *node, *children;

	if (match_any(g->omit, e->path, false))
		return (is_dir ? TREE_SKIP : 0);
	if (g->nodes == NODES_MAX) {
		g->cut = true;
		return (is_dir ? TREE_SKIP : 0);
	}
	g->nodes++;
	node = json_object_new_object();
	field_put_str(node, "name", e->name);
	field_put_str(node, "type",
	    is_dir                        ? "directory"
		: S_ISLNK(e->st->st_mode) ? "link"
					  : "file");
	json_object_array_add(g->open[g->depth], node);
	if (!is_dir)
		return (0);
	children = json_object_new_array();
	field_put(node, "children", children);
	if (g->depth == DEPTH_MAX) {
		g->cut = true;
		return (TREE_SKIP);
	}
	g->open[++g->depth] = children;
	return (0);
}

static void
grown(void *arg)
{
	struct growing *g = arg;

	json_object_array_sort(g->open[g->depth--], by_name);
}

bool
files_directory_tree(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "directory_tree";
	const char *path = tool_argument(arguments, "path", op, result);
	struct growing g = { .omit = field_get(arguments, "excludePatterns",
				 json_type_array) };
	struct files_walk walk = { .visit = grow, .leave = grown, .arg = &g };
	struct json_object *root = json_object_new_array();
	char why[FILES_WHY];
	struct work k;

	(void)arg;
	work_begin(&k, box);
	g.open[0] = root;
	if (path != NULL &&
	    files_walk(&k, path, &walk, why, sizeof(why)) == -1) {
		tool_fail(result, op, "%s", why);
	} else if (path != NULL) {
		json_object_array_sort(root, by_name);
		buf_adds(&result->text, field_page(root, NULL));
		if (g.cut || k.why != NULL)
			buf_addf(&result->text, "\n[this is not all: %s]",
			    k.why == NULL ? "there is too much" : k.why);
	}
	json_object_put(root);
	return (!k.over);
}

/* --- names --- */

struct searching {
	const char *pattern;
	bool is_glob;
	struct json_object *omit;
	const char *base;
	struct files_list found;
};

static int
search(void *arg, const struct files_entry *e)
{
	struct searching *s = arg;
	char *whole;

	if (match_any(s->omit, e->path, false))
		return (S_ISDIR(e->st->st_mode) ? TREE_SKIP : 0);
	if (s->is_glob ? !match_path(s->pattern, e->path)
		       : strcasestr(e->name, s->pattern) == NULL)
		return (0);
	if (s->found.n == RESULTS_MAX) {
		s->found.cut = true;
		return (0);
	}
	whole = files_below(s->base, e->path);
	files_list_add(&s->found, whole);
	free(whole);
	return (0);
}

bool
files_search_files(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "search_files";
	const char *path = tool_argument(arguments, "path", op, result);
	struct searching s = { .omit = field_get(arguments, "excludePatterns",
				   json_type_array) };
	struct files_walk walk = { .visit = search, .arg = &s };
	char why[FILES_WHY], *base;
	struct work k;

	(void)arg;
	if (path == NULL ||
	    (s.pattern = tool_argument(arguments, "pattern", op, result)) ==
		NULL)
		return (true);
	s.is_glob = strpbrk(s.pattern, "*?[") != NULL;
	s.base = base = files_absolute(box, path);
	work_begin(&k, box);
	if (files_walk(&k, path, &walk, why, sizeof(why)) == -1) {
		tool_fail(result, op, "%s", why);
	} else {
		files_list_sort(&s.found);
		if (s.found.n == 0)
			buf_adds(&result->text, "No matches found");
		add_lines(&result->text, &s.found, &k);
	}
	files_list_release(&s.found);
	free(base);
	return (!k.over);
}
