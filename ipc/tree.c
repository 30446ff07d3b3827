/* Trees of files: the walk, and their removal. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/tree.h"
#include "ipc/xmalloc.h"

#define DIR_FLAGS   (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define REMOVE_MAX  3 /* times, where somebody puts something new there */
#define FRAMES_STEP 64

/* --- the way down --- */

int
tree_trail_down(struct tree_trail *t, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		close(fd);
		return (-1);
	}
	if (t->depth == t->size) {
		t->size += FRAMES_STEP;
		t->steps = xreallocarray(t->steps, t->size, sizeof(*t->steps));
	}
	t->steps[t->depth].dev = st.st_dev;
	t->steps[t->depth++].ino = st.st_ino;
	if (t->fd != -1)
		close(t->fd);
	t->fd = fd;
	return (0);
}

int
tree_trail_up(struct tree_trail *t)
{
	const struct tree_step *above;
	struct stat st;
	int fd = -1;

	if (t->depth > 1) {
		above = &t->steps[t->depth - 2];
		if ((fd = openat(t->fd, "..", DIR_FLAGS)) == -1)
			return (-1);
		if (fstat(fd, &st) == -1 || st.st_dev != above->dev ||
		    st.st_ino != above->ino) {
			close(fd);
			errno = ESTALE;
			return (-1);
		}
	}
	close(t->fd);
	t->fd = fd;
	t->depth--;
	return (0);
}

void
tree_trail_release(struct tree_trail *t)
{
	if (t->fd != -1)
		close(t->fd);
	free(t->steps);
	memset(t, 0, sizeof(*t));
	t->fd = -1;
}

/* --- the walk --- */

/* A directory that was entered and not left. */
struct frame {
	char *name;
	struct stat st;
	struct buf below; /* names of its directories, each with its NUL */
	size_t at;        /* of the next one to enter */
};

struct walk {
	const struct tree_visitor *visitor;
	void *arg;
	int top; /* holds the first directory; the caller's */
	struct tree_trail trail;
	struct frame *frames;
	size_t n;
	size_t size;
};

static int
holder(const struct walk *w)
{
	return (w->trail.fd == -1 ? w->top : w->trail.fd);
}

/* chmod(2) that follows no symlink. */
static int
make_accessible(int dir, const char *name)
{
	char path[32];
	int fd, ret;

	fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return (-1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = chmod(path, 0700);
	close(fd);
	return (ret);
}

/* A descriptor that can be read and gone through, or -1 and errno. */
static int
open_dir(const struct walk *w, const char *name, const struct stat *st)
{
	int fd, saved;

	if (w->visitor->force && (st->st_mode & 0700) != 0700 &&
	    make_accessible(holder(w), name) == -1)
		return (-1);
	fd = openat(holder(w), name, DIR_FLAGS);
	if (fd != -1 && faccessat(fd, ".", X_OK, AT_EACCESS) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	return (fd);
}

static int
visit_entry(struct walk *w, const char *name)
{
	struct frame *f = &w->frames[w->n - 1];
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return (0);
	if (fstatat(w->trail.fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (errno == ENOENT ? 0 : -1);
	if (S_ISDIR(st.st_mode)) {
		buf_add(&f->below, name, strlen(name) + 1);
		return (0);
	}
	if (w->visitor->entry == NULL)
		return (0);
	return (w->visitor->entry(w->arg, w->trail.fd, name, &st));
}

/* Everything that the directory holds, its directories for later. */
static int
visit_entries(struct walk *w)
{
	struct dirent *d;
	int fd, ret = 0, saved;
	DIR *dir;

	if ((fd = openat(w->trail.fd, ".", DIR_FLAGS)) == -1)
		return (-1);
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return (-1);
	}
	for (;;) {
		errno = 0;
		if ((d = readdir(dir)) == NULL) {
			ret = errno == 0 || errno == ENOENT ? 0 : -1;
			break;
		}
		if ((ret = visit_entry(w, d->d_name)) != 0)
			break;
	}
	saved = errno;
	closedir(dir);
	errno = saved;
	return (ret);
}

static void
push_frame(struct walk *w, const char *name, const struct stat *st)
{
	if (w->n == w->size) {
		w->size += FRAMES_STEP;
		w->frames =
		    xreallocarray(w->frames, w->size, sizeof(*w->frames));
	}
	memset(&w->frames[w->n], 0, sizeof(*w->frames));
	w->frames[w->n].name = xstrdup(name);
	w->frames[w->n++].st = *st;
}

static void
pop_frame(struct walk *w)
{
	struct frame *f = &w->frames[--w->n];

	free(f->name);
	buf_release(&f->below);
}

static int
unreadable(const struct walk *w, const char *name)
{
	if (errno == ENOENT && w->n > 0)
		return (0);
	if (w->visitor->unreadable == NULL || w->n == 0)
		return (-1);
	return (w->visitor->unreadable(w->arg, holder(w), name));
}

static int
enter(struct walk *w, const char *name)
{
	struct stat st;
	int fd, ret = 0, saved;

	if (fstatat(holder(w), name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (unreadable(w, name));
	if (w->n > 0 && st.st_dev != w->frames[0].st.st_dev) {
		errno = EXDEV;
		return (unreadable(w, name));
	}
	if ((fd = open_dir(w, name, &st)) == -1)
		return (unreadable(w, name));
	if (w->visitor->enter != NULL)
		ret = w->visitor->enter(w->arg, holder(w), name, &st);
	if (ret != 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return (ret == TREE_SKIP ? 0 : ret);
	}
	if (tree_trail_down(&w->trail, fd) == -1)
		return (-1);
	push_frame(w, name, &st);
	return (visit_entries(w));
}

static int
leave(struct walk *w)
{
	const struct frame *f = &w->frames[w->n - 1];
	int ret = 0;

	if (tree_trail_up(&w->trail) == -1)
		return (-1);
	if (w->visitor->leave != NULL)
		ret = w->visitor->leave(w->arg, holder(w), f->name, &f->st);
	pop_frame(w);
	return (ret);
}

/* The next directory below, or back. */
static int
step(struct walk *w)
{
	struct frame *f = &w->frames[w->n - 1];
	char *name;
	int ret;

	if (f->at == f->below.len)
		return (leave(w));
	/* frames move when one is added */
	name = xstrdup(f->below.data + f->at);
	f->at += strlen(name) + 1;
	ret = enter(w, name);
	free(name);
	return (ret);
}

int
tree_walk(int dir, const char *name, const struct tree_visitor *v, void *arg)
{
	struct walk w = {
		.visitor = v, .arg = arg, .top = dir, .trail = { .fd = -1 }
	};
	int ret, saved;

	ret = enter(&w, name);
	while (ret == 0 && w.n > 0)
		ret = step(&w);
	saved = errno;
	while (w.n > 0)
		pop_frame(&w);
	free(w.frames);
	tree_trail_release(&w.trail);
	errno = saved;
	return (ret);
}

/* --- removal --- */

struct removal {
	const char *keep; /* name of an entry of the first directory; or NULL */
	bool empty;       /* the first directory stays */
	size_t depth;
};

static bool
is_kept(const struct removal *r, const char *name)
{
	return (r->depth == 1 && r->keep != NULL && strcmp(name, r->keep) == 0);
}

static int
remove_enter(void *arg, int dir, const char *name, const struct stat *st)
{
	struct removal *r = arg;

	(void)dir;
	(void)st;
	if (is_kept(r, name))
		return (TREE_SKIP);
	r->depth++;
	return (0);
}

static int
remove_leave(void *arg, int dir, const char *name, const struct stat *st)
{
	struct removal *r = arg;

	(void)st;
	if (--r->depth == 0 && r->empty)
		return (0);
	return (unlinkat(dir, name, AT_REMOVEDIR));
}

static int
remove_entry(void *arg, int dir, const char *name, const struct stat *st)
{
	(void)st;
	if (is_kept(arg, name) || unlinkat(dir, name, 0) == 0)
		return (0);
	return (errno == ENOENT ? 0 : -1);
}

static int
remove_below(int dir, const char *name, const char *keep, bool empty)
{
	static const struct tree_visitor visitor = { .enter = remove_enter,
		.leave = remove_leave,
		.entry = remove_entry,
		.force = true };
	int i, ret = -1;

	for (i = 0; i < REMOVE_MAX && ret == -1; i++) {
		struct removal r = { .keep = keep, .empty = empty };

		ret = tree_walk(dir, name, &visitor, &r);
		if (ret == -1 && errno != ENOTEMPTY && errno != EEXIST &&
		    errno != ESTALE)
			break;
	}
	return (ret);
}

int
tree_remove(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (errno == ENOENT ? 0 : -1);
	if (!S_ISDIR(st.st_mode))
		return (unlinkat(dir, name, 0));
	return (remove_below(dir, name, NULL, false));
}

int
tree_empty(const char *path, const char *keep)
{
	return (remove_below(AT_FDCWD, path, keep, true));
}
