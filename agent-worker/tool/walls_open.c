/*
 * How a file of an agent's is opened: whatever others rename or link
 * meanwhile, what is opened lies within the walls, and what was checked is
 * what is written.
 */

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/walls.h"
#include "ipc/xmalloc.h"

#define TRIES_MAX 64 /* of openat2(2), while others rename */

/* As <linux/openat2.h> has it, which not every build machine has. */
struct how {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};

#define HOW_NO_MAGICLINKS 0x02
#define HOW_NO_SYMLINKS   0x04
#define HOW_BENEATH       0x08

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

static int
open_how(int dir, const char *path, int flags, uint64_t resolve)
{
	struct how how = { .flags = (uint64_t)flags | O_CLOEXEC,
		.resolve = resolve | HOW_NO_MAGICLINKS };
	long fd;
	int tries = 0;

	/* EAGAIN: a rename came between, so ".." in a link is not certain */
	do
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
	while (fd == -1 && (errno == EAGAIN || errno == EINTR) &&
	    ++tries < TRIES_MAX);
	return ((int)fd);
}

static int
refuse_errno(char *err, size_t errlen, const char *path)
{
	switch (errno) {
	case EXDEV:
		return (walls_refuse(err, errlen, EXDEV,
		    "%s: a symbolic link in it leads out of the allowed "
		    "directory, or is absolute, which is not followed",
		    path));
	case ELOOP:
		return (walls_refuse(err, errlen, ELOOP,
		    "%s: a symbolic link in it is not followed", path));
	case ENOSYS:
		return (walls_refuse(err, errlen, ENOSYS,
		    "%s: this kernel has no openat2(2), without which no file "
		    "is opened",
		    path));
	default:
		return (walls_refuse(
		    err, errlen, errno, "%s: %s", path, strerror(errno)));
	}
}

/* Inside that wall; "" is the wall itself. */
static int
open_beneath(const struct wall *wall, const char *rest, int flags)
{
	int root, fd, saved;

	/* its own path has no symlink: one that came since is a trap */
	root = open_how(AT_FDCWD, wall->path, *rest == '\0' ? flags : O_PATH,
	    HOW_NO_SYMLINKS);
	if (root == -1 || *rest == '\0')
		return (root);
	fd = open_how(root, rest, flags, HOW_BENEATH);
	saved = errno;
	close(root);
	errno = saved;
	return (fd);
}

char *
walls_real_path(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	if (n == -1 || (size_t)n == sizeof(path)) {
		if (n != -1)
			errno = ENAMETOOLONG;
		return (NULL);
	}
	return (xstrndup(path, (size_t)n));
}

static int
check_change(const struct walls *w, int fd, const char *name, const char *path,
    char *err, size_t errlen)
{
	char *real = walls_real_path(fd), *whole;
	int ret;

	if (real == NULL)
		return (refuse_errno(err, errlen, path));
	whole = name == NULL
	    ? xstrdup(real)
	    : xasprintf("%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
	ret = walls_may_change(w, whole, err, errlen);
	free(whole);
	free(real);
	return (ret);
}

static bool
writes(int flags)
{
	return ((flags & O_PATH) == 0 &&
	    ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0));
}

/*
 * The file that an O_PATH descriptor stands for: what was checked is what is
 * opened, whatever the name means by now.
 */
static int
reopen(const struct walls *w, int at, const char *path, int flags, char *err,
    size_t errlen)
{
	char link[64];
	struct stat st;
	int fd;

	if (writes(flags) && check_change(w, at, NULL, path, err, errlen) == -1)
		return (-1);
	if (fstat(at, &st) == -1)
		return (refuse_errno(err, errlen, path));
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return (walls_refuse(err, errlen, EINVAL,
		    "%s: neither a file nor a directory", path));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", at);
	fd = open(link, (flags & ~O_NOFOLLOW) | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return (refuse_errno(err, errlen, path));
	return (fd);
}

static const struct wall *
find_for(const struct walls *w, const char *path, char **out_rest, char *err,
    size_t errlen)
{
	const struct wall *wall;

	if (*path == '\0') {
		walls_refuse(err, errlen, ENOENT, "the path is empty");
		return (NULL);
	}
	wall = walls_find(w, path, out_rest);
	if (wall == NULL)
		walls_refuse(err, errlen, EACCES,
		    "%s: outside of the allowed directories, see "
		    "list_allowed_directories",
		    path);
	return (wall);
}

int
walls_open(const struct walls *w, const char *path, int flags, char *err,
    size_t errlen)
{
	const struct wall *wall;
	char *rest;
	int at, fd, saved;

	wall = find_for(w, path, &rest, err, errlen);
	if (wall == NULL)
		return (-1);
	at = open_beneath(
	    wall, rest, O_PATH | (flags & (O_NOFOLLOW | O_DIRECTORY)));
	saved = errno;
	free(rest);
	errno = saved;
	if (at == -1)
		return (refuse_errno(err, errlen, path));
	if ((flags & O_PATH) != 0)
		return (at);
	fd = reopen(w, at, path, flags, err, errlen);
	close(at);
	return (fd);
}

int
walls_open_parent(const struct walls *w, const char *path, char **out_name,
    char *err, size_t errlen)
{
	const struct wall *wall;
	const char *slash;
	char *rest, *parent;
	int dir;

	wall = find_for(w, path, &rest, err, errlen);
	if (wall == NULL)
		return (-1);
	if (*rest == '\0') {
		free(rest);
		walls_refuse(err, errlen, EBUSY,
		    "%s: it is itself what is allowed", path);
		return (-1);
	}
	slash = strrchr(rest, '/');
	parent = xstrndup(rest, slash == NULL ? 0 : (size_t)(slash - rest));
	*out_name = xstrdup(slash == NULL ? rest : slash + 1);
	dir = open_beneath(wall, parent, O_PATH | O_DIRECTORY);
	if (dir == -1)
		refuse_errno(err, errlen, path);
	free(parent);
	free(rest);
	if (dir != -1 &&
	    check_change(w, dir, *out_name, path, err, errlen) == -1) {
		close(dir);
		dir = -1;
	}
	if (dir == -1)
		free(*out_name);
	return (dir);
}
