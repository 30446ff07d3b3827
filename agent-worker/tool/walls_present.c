/*
 * What opens for the presentation, and what of it stays shut: programs know
 * nothing of names, so what has one that is kept is found beforehand.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/walls.h"
#include "ipc/buf.h"
#include "ipc/log.h"
#include "ipc/tree.h"
#include "ipc/pathname.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"

#define DEPTH_MAX   8     /* directories below a wall that are looked into */
#define ENTRIES_MAX 50000 /* of each wall */
#define FOUND_MAX   256   /* each is a mount for every command */

struct search {
	struct wall *wall;
	struct buf path; /* of the directory that is gone through */
	size_t depth;
	size_t entries;
};

static void
keep(struct wall *wall, char *path)
{
	wall->keep =
	    xreallocarray(wall->keep, wall->nkeep + 1, sizeof(*wall->keep));
	wall->keep[wall->nkeep++] = path;
}

/* Whether that was one of them, or enough; -1 and E2BIG: too many. */
static int
look(struct search *s, const char *name)
{
	if (++s->entries > ENTRIES_MAX || s->wall->nkeep > FOUND_MAX) {
		errno = E2BIG;
		return (-1);
	}
	if (!words_have(pathname_kept, name))
		return (0);
	keep(s->wall, xasprintf("%s/%s", s->path.data, name));
	return (TREE_SKIP);
}

static int
on_enter(void *arg, int dir, const char *name, const struct stat *st)
{
	struct search *s = arg;
	int ret = 0;

	(void)dir;
	(void)st;
	if (s->depth > 0)
		ret = look(s, name);
	if (ret == 0 && s->depth > DEPTH_MAX)
		ret = TREE_SKIP;
	if (ret != 0)
		return (ret);
	if (s->depth++ > 0)
		buf_addf(&s->path, "/%s", name);
	return (0);
}

static int
on_leave(void *arg, int dir, const char *name, const struct stat *st)
{
	struct search *s = arg;

	(void)dir;
	(void)st;
	if (--s->depth > 0) {
		s->path.len -= strlen(name) + 1;
		s->path.data[s->path.len] = '\0';
	}
	return (0);
}

static int
on_entry(void *arg, int dir, const char *name, const struct stat *st)
{
	(void)dir;
	(void)st;
	return (look(arg, name) == -1 ? -1 : 0);
}

static int
on_unreadable(void *arg, int dir, const char *name)
{
	(void)arg;
	(void)dir;
	(void)name;
	return (0);
}

static void
find_kept(struct wall *wall)
{
	static const struct tree_visitor visitor = { .enter = on_enter,
		.leave = on_leave,
		.entry = on_entry,
		.unreadable = on_unreadable };
	struct search s = { .wall = wall };

	buf_adds(&s.path, strcmp(wall->path, "/") == 0 ? "" : wall->path);
	if (tree_walk(AT_FDCWD, wall->path, &visitor, &s) == -1)
		log_warn(
		    "%s: not all that is to be kept was found", wall->path);
	buf_release(&s.path);
}

/* A wall in another that opens stays as it is, for programs too. */
static void
keep_inner(struct walls *w, struct wall *outer)
{
	const struct wall *inner;
	size_t len = strlen(outer->path), i;

	for (i = 0; i < w->n; i++) {
		inner = &w->list[i];
		if (!inner->write && !inner->presenter &&
		    strncmp(inner->path, outer->path, len) == 0 &&
		    inner->path[len] == '/')
			keep(outer, xstrdup(inner->path));
	}
}

void
walls_present(struct walls *w, bool presenting)
{
	struct wall *wall;
	size_t i;

	for (i = 0; presenting && !w->looked && i < w->n; i++) {
		wall = &w->list[i];
		if (!wall->context || !wall->presenter || wall->file)
			continue;
		keep_inner(w, wall);
		find_kept(wall);
	}
	w->looked = w->looked || presenting;
	w->presenting = presenting;
}
