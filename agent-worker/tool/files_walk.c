/* Going through trees of an agent's files. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/files.h"
#include "agent-worker/tool/match.h"
#include "ipc/tree.h"
#include "ipc/xmalloc.h"

#define LIST_MAX 20000

struct going {
	struct work *work;
	struct files_walk *walk;
	struct buf path; /* of the directory, with "/" behind; "" at first */
	size_t depth;    /* directories entered */
};

/* Report one entry; the path stays as it was. */
static int
visit(struct going *g, int dir, const char *name, const struct stat *st)
{
	struct files_entry e = {
		.dir = dir, .name = name, .st = st, .depth = g->depth
	};
	size_t len = g->path.len;
	int ret;

	if (!work_go_on(g->work)) {
		errno = ECANCELED;
		return (-1);
	}
	buf_adds(&g->path, name);
	e.path = g->path.data;
	ret = g->walk->visit(g->walk->arg, &e);
	g->path.len = len;
	g->path.data[len] = '\0';
	return (ret);
}

static int
on_enter(void *arg, int dir, const char *name, const struct stat *st)
{
	struct going *g = arg;
	int ret = 0;

	if (g->depth > 0) {
		ret = visit(g, dir, name, st);
		if (ret == 0)
			buf_addf(&g->path, "%s/", name);
	}
	g->depth += ret == 0 ? 1 : 0;
	return (ret);
}

static int
on_leave(void *arg, int dir, const char *name, const struct stat *st)
{
	struct going *g = arg;

	(void)dir;
	(void)st;
	if (--g->depth > 0) {
		g->path.len -= strlen(name) + 1;
		g->path.data[g->path.len] = '\0';
		if (g->walk->leave != NULL)
			g->walk->leave(g->walk->arg);
	}
	return (0);
}

static int
on_entry(void *arg, int dir, const char *name, const struct stat *st)
{
	return (visit(arg, dir, name, st));
}

static int
on_unreadable(void *arg, int dir, const char *name)
{
	struct going *g = arg;

	(void)dir;
	(void)name;
	g->walk->unreadable++;
	return (0);
}

int
files_walk(struct work *k, const char *path, struct files_walk *walk, char *err,
    size_t errlen)
{
	static const struct tree_visitor visitor = { .enter = on_enter,
		.leave = on_leave,
		.entry = on_entry,
		.unreadable = on_unreadable };
	struct going g = { .work = k, .walk = walk };
	int dir, ret;

	dir =
	    walls_open(&k->box->walls, path, O_PATH | O_DIRECTORY, err, errlen);
	if (dir == -1)
		return (-1);
	buf_adds(&g.path, "");
	ret = tree_walk(dir, ".", &visitor, &g);
	if (ret == -1 && k->why != NULL)
		ret = 0;
	else if (ret == -1)
		walls_refuse(
		    err, errlen, errno, "%s: %s", path, strerror(errno));
	buf_release(&g.path);
	close(dir);
	return (ret);
}

/* --- lists --- */

void
files_list_add(struct files_list *l, const char *path)
{
	/* as many again each time it is a power of two */
	if ((l->n & (l->n - 1)) == 0)
		l->paths = xreallocarray(
		    l->paths, l->n == 0 ? 1 : 2 * l->n, sizeof(*l->paths));
	l->paths[l->n++] = xstrdup(path);
}

static int
compare(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

void
files_list_sort(struct files_list *l)
{
	if (l->n > 1)
		qsort(l->paths, l->n, sizeof(*l->paths), compare);
}

void
files_list_release(struct files_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		free(l->paths[i]);
	free(l->paths);
	memset(l, 0, sizeof(*l));
}

struct collection {
	struct json_object *include;
	struct json_object *exclude;
	struct files_list *list;
};

static int
collect(void *arg, const struct files_entry *e)
{
	struct collection *c = arg;

	if (match_any(c->exclude, e->path, false))
		return (S_ISDIR(e->st->st_mode) ? TREE_SKIP : 0);
	if (S_ISDIR(e->st->st_mode) || !match_any(c->include, e->path, true))
		return (0);
	if (c->list->n == LIST_MAX)
		c->list->cut = true;
	else
		files_list_add(c->list, e->path);
	return (0);
}

int
files_collect(struct work *k, const char *path, struct json_object *include,
    struct json_object *exclude, struct files_list *list, char *err,
    size_t errlen)
{
	struct collection c = { include, exclude, list };
	struct files_walk walk = { .visit = collect, .arg = &c };

	if (files_walk(k, path, &walk, err, errlen) == -1)
		return (-1);
	list->cut = list->cut || k->why != NULL;
	files_list_sort(list);
	return (0);
}
