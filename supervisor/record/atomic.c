/* How a file gets to its place whole. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/atomic.h"

int
atomic_write(const char *path, const void *data, size_t len, bool sync)
{
	char *tmp;
	int fd, saved, ret = -1;

	/* one process writes a run's files, so its pid makes the name unique */
	tmp = xasprintf("%s.%d.tmp", path, (int)getpid());
	fd = open(
	    tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd == -1)
		goto out;
	if (buf_write_fd(fd, data, len) == -1 || (sync && fsync(fd) == -1)) {
		saved = errno;
		close(fd);
		errno = saved;
		goto out;
	}
	if (close(fd) == 0 && rename(tmp, path) == 0)
		ret = 0;
out:
	if (ret == -1) {
		saved = errno;
		unlink(tmp);
		errno = saved;
	}
	free(tmp);
	return (ret);
}

int
atomic_deliver(const char *path, const void *data, size_t len)
{
	struct stat st;
	int fd, ret, saved;

	if (stat(path, &st) == -1 || S_ISREG(st.st_mode))
		return (atomic_write(path, data, len, true));
	fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return (-1);
	ret = buf_write_fd(fd, data, len);
	saved = errno;
	close(fd);
	errno = saved;
	return (ret);
}

int
atomic_publish_dir(const char *from, const char *to)
{
	struct stat st;

	if (lstat(from, &st) == -1)
		return (-1);
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return (-1);
	}
	return (rename(from, to));
}

static int
make_dir(const char *path)
{
	struct stat st;

	if (mkdir(path, 0777) == 0)
		return (0);
	if (errno != EEXIST || stat(path, &st) == -1)
		return (-1);
	if (S_ISDIR(st.st_mode))
		return (0);
	errno = ENOTDIR;
	return (-1);
}

int
atomic_mkdirs(const char *path)
{
	char *copy = xstrdup(path), *p = copy;
	int ret = 0;

	while (ret == 0 && p != NULL) {
		p = strchr(p + 1, '/');
		if (p != NULL)
			*p = '\0';
		ret = make_dir(copy);
		if (p != NULL)
			*p = '/';
	}
	free(copy);
	return (ret);
}
