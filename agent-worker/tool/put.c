/* How an agent's file gets to its place whole. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/put.h"
#include "ipc/buf.h"
#include "ipc/xmalloc.h"

#define NAMES_MAX 64 /* tried for a file that is not in its place yet */

static int
refuse(char *err, size_t errlen, const char *path)
{
	int saved = errno;

	return (
	    walls_refuse(err, errlen, saved, "%s: %s", path, strerror(saved)));
}

/* --- directories --- */

/* Its parents are there.  It may be there too. */
static int
make_dir(const struct walls *w, const char *path, char *err, size_t errlen)
{
	char *name;
	int dir, ret;

	if ((dir = walls_open(w, path, O_PATH | O_DIRECTORY, err, errlen)) !=
	    -1) {
		close(dir);
		return (0);
	}
	if (errno != ENOENT)
		return (-1);
	if ((dir = walls_open_parent(w, path, &name, err, errlen)) == -1)
		return (-1);
	ret = mkdirat(dir, name, 0777);
	if (ret == -1)
		refuse(err, errlen, path);
	free(name);
	close(dir);
	return (ret);
}

int
put_dirs(const struct walls *w, const char *path, char *err, size_t errlen)
{
	const struct wall *wall;
	char *rest, *whole, *p, *slash;
	int ret = 0;

	if (*path == '\0' || (wall = walls_find(w, path, &rest)) == NULL)
		return (walls_refuse(err, errlen, EACCES,
		    "%s: outside of the allowed directories", path));
	whole = xasprintf("%s/%s", wall->path, rest);
	p = whole + strlen(wall->path) + 1;
	while (ret == 0 && p != NULL) {
		slash = strchr(p, '/');
		if (slash != NULL)
			*slash = '\0';
		ret = make_dir(w, whole, err, errlen);
		if (slash != NULL)
			*slash = '/';
		p = slash == NULL ? NULL : slash + 1;
	}
	free(whole);
	free(rest);
	return (ret);
}

/* The directory that is to hold it, made if need be. */
static int
open_parent(const struct walls *w, const char *path, char **out_name, char *err,
    size_t errlen)
{
	char *parent, *slash;
	int dir, ret;

	dir = walls_open_parent(w, path, out_name, err, errlen);
	if (dir != -1 || errno != ENOENT ||
	    (slash = strrchr(path, '/')) == NULL || slash == path)
		return (dir);
	parent = xstrndup(path, (size_t)(slash - path));
	ret = put_dirs(w, parent, err, errlen);
	free(parent);
	if (ret == -1)
		return (-1);
	return (walls_open_parent(w, path, out_name, err, errlen));
}

/* --- one file --- */

static int
begin_beside(struct put *p, const struct walls *w, const char *path, char *err,
    size_t errlen)
{
	int i;

	p->dir = open_parent(w, path, &p->name, err, errlen);
	if (p->dir == -1)
		return (-1);
	for (i = 0; i < NAMES_MAX && p->fd == -1; i++) {
		free(p->tmp);
		p->tmp = xasprintf(".put-%d-%d", (int)getpid(), i);
		p->fd = openat(p->dir, p->tmp,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
		if (p->fd == -1 && errno != EEXIST)
			break;
	}
	if (p->fd != -1)
		return (0);
	refuse(err, errlen, path);
	free(p->tmp);
	free(p->name);
	close(p->dir);
	return (-1);
}

static int
begin_in_place(struct put *p, const struct walls *w, const char *path,
    char *err, size_t errlen)
{
	p->fd = walls_open(w, path, O_WRONLY | O_TRUNC, err, errlen);
	return (p->fd == -1 ? -1 : 0);
}

int
put_begin(struct put *p, const struct walls *w, const char *path, char *err,
    size_t errlen)
{
	const struct wall *wall;
	struct stat st;
	char *real = NULL;
	int at, ret;

	memset(p, 0, sizeof(*p));
	p->dir = p->fd = -1;
	at = walls_open(w, path, O_PATH, err, errlen);
	if (at == -1)
		return (errno == ENOENT ? begin_beside(p, w, path, err, errlen)
					: -1);
	if (fstat(at, &st) == -1 || (real = walls_real_path(at)) == NULL)
		ret = refuse(err, errlen, path);
	else if (!S_ISREG(st.st_mode))
		ret = walls_refuse(
		    err, errlen, EISDIR, "%s: there, and no file", path);
	else if ((wall = walls_find(w, real, NULL)) != NULL && wall->file)
		ret = begin_in_place(p, w, real, err, errlen);
	else
		ret = begin_beside(p, w, real, err, errlen);
	if (ret == 0 && p->tmp != NULL &&
	    fchmod(p->fd, st.st_mode & 0777) == -1) {
		refuse(err, errlen, path);
		put_abort(p);
		ret = -1;
	}
	free(real);
	close(at);
	return (ret);
}

static void
release(struct put *p)
{
	if (p->dir != -1)
		close(p->dir);
	free(p->name);
	free(p->tmp);
}

void
put_abort(struct put *p)
{
	int saved = errno;

	close(p->fd);
	if (p->tmp != NULL)
		(void)unlinkat(p->dir, p->tmp, 0);
	release(p);
	errno = saved;
}

/* Onto no other; not every file system does that itself. */
static int
rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
	struct stat st;

	if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return (0);
	if (errno != EINVAL && errno != ENOSYS)
		return (-1);
	if (fstatat(to_dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return (-1);
	}
	return (renameat(from_dir, from, to_dir, to));
}

int
put_commit(struct put *p, const struct stat *like, bool replace, char *err,
    size_t errlen)
{
	int ret = 0, saved;

	if (like != NULL) {
		struct timespec times[2] = { like->st_atim, like->st_mtim };

		(void)fchmod(p->fd, like->st_mode & 0777);
		(void)futimens(p->fd, times);
	}
	/* some file systems find out here only that they are full */
	if (close(p->fd) == -1)
		ret = -1;
	else if (p->tmp != NULL)
		ret = replace ? renameat(p->dir, p->tmp, p->dir, p->name)
			      : rename_new(p->dir, p->tmp, p->dir, p->name);
	if (ret == -1) {
		saved = errno;
		if (p->tmp != NULL)
			(void)unlinkat(p->dir, p->tmp, 0);
		errno = saved;
		refuse(err, errlen, p->name == NULL ? "the file" : p->name);
	}
	release(p);
	return (ret);
}

int
put_text(const struct walls *w, const char *path, const char *text, size_t len,
    char *err, size_t errlen)
{
	struct put p;

	if (put_begin(&p, w, path, err, errlen) == -1)
		return (-1);
	if (buf_write_fd(p.fd, text, len) == -1) {
		refuse(err, errlen, path);
		put_abort(&p);
		return (-1);
	}
	return (put_commit(&p, NULL, true, err, errlen));
}

/* --- a new name --- */

/* What stands there may go. */
static int
open_source(const struct walls *w, const char *path, char **out_name, char *err,
    size_t errlen)
{
	char *real, *whole;
	int dir, ret;

	dir = walls_open_parent(w, path, out_name, err, errlen);
	if (dir == -1)
		return (-1);
	if ((real = walls_real_path(dir)) == NULL) {
		ret = refuse(err, errlen, path);
	} else {
		whole = xasprintf("%s/%s", real, *out_name);
		ret = walls_may_go(w, whole, err, errlen);
		free(whole);
		free(real);
	}
	if (ret == 0)
		return (dir);
	free(*out_name);
	close(dir);
	return (-1);
}

int
put_move(const struct walls *w, const char *from, const char *to, char *err,
    size_t errlen)
{
	char *old, *new;
	int from_dir, to_dir, ret;

	if ((from_dir = open_source(w, from, &old, err, errlen)) == -1)
		return (-1);
	if ((to_dir = open_parent(w, to, &new, err, errlen)) == -1) {
		free(old);
		close(from_dir);
		return (-1);
	}
	ret = rename_new(from_dir, old, to_dir, new);
	if (ret == -1 && errno == EXDEV)
		walls_refuse(err, errlen, EXDEV,
		    "%s: on another file system than %s: copy it and delete "
		    "it",
		    to, from);
	else if (ret == -1)
		refuse(err, errlen, errno == EEXIST ? to : from);
	free(new);
	free(old);
	close(to_dir);
	close(from_dir);
	return (ret);
}
