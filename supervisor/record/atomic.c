/* How a file gets to its place whole. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/trywrite.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/atomic.h"

/* --- files made ahead --- */

#define STOCK_MAX 10 /* about what the end of a run takes */

static struct {
	char *dir; /* NULL: there are none */
	int fds[STOCK_MAX];
	size_t n;
	bool cannot;
} stock;

void
atomic_stock_release(void)
{
	while (stock.n > 0)
		close(stock.fds[--stock.n]);
	free(stock.dir);
	stock.dir = NULL;
	stock.cannot = false;
}

bool
atomic_stock_wants(void)
{
	return (stock.n < STOCK_MAX && !stock.cannot);
}

void
atomic_stock(const char *dir)
{
	int fd;

	if (stock.dir == NULL || strcmp(stock.dir, dir) != 0) {
		atomic_stock_release();
		stock.dir = xstrdup(dir);
	}
	if (!atomic_stock_wants())
		return;
	fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
	stock.cannot = fd == -1;
	if (fd != -1)
		stock.fds[stock.n++] = fd;
}

/* -1: there is none for that path. */
static int
take_from_stock(const char *path)
{
	size_t len = stock.n == 0 ? 0 : strlen(stock.dir);

	if (len == 0 || strncmp(path, stock.dir, len) != 0 || path[len] != '/')
		return (-1);
	return (stock.fds[--stock.n]);
}

/* As open(2) says of O_TMPFILE.  A name that is taken is left alone. */
static int
give_name(int fd, const char *name)
{
	char proc[64];

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	return (linkat(AT_FDCWD, proc, AT_FDCWD, name, AT_SYMLINK_FOLLOW));
}

/* --- files --- */

static int
fill(int fd, const void *data, size_t len, bool sync)
{
	return (buf_write_fd(fd, data, len) == -1 || (sync && fsync(fd) == -1)
		? -1
		: 0);
}

/* As close(2); what went wrong before is what went wrong. */
static int
finish(int fd, int ret)
{
	int saved = errno;

	if (close(fd) == -1 && ret == 0)
		return (-1);
	errno = saved;
	return (ret);
}

/* Under another name first.  like: whose mode it gets; NULL: nobody's. */
static int
write_beside(const char *path, const void *data, size_t len, bool sync,
    const struct stat *like)
{
	char *tmp;
	int fd, saved, ret = -1;

	/* one process writes a run's files, so its pid makes the name unique */
	tmp = xasprintf("%s.%d.tmp", path, (int)getpid());
	fd = open(
	    tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd != -1 && like != NULL)
		(void)fchmod(fd, like->st_mode & 0777);
	if (fd != -1 && finish(fd, fill(fd, data, len, sync)) == 0 &&
	    rename(tmp, path) == 0)
		ret = 0;
	if (ret == -1) {
		saved = errno;
		unlink(tmp);
		errno = saved;
	}
	free(tmp);
	return (ret);
}

/* In a file that has no name yet; false: it does not get there so. */
static bool
write_stocked(const char *path, const void *data, size_t len, bool sync)
{
	int fd = take_from_stock(path), ret = -1;
	char *tmp;

	if (fd == -1)
		return (false);
	tmp = xasprintf("%s.%d.tmp", path, (int)getpid());
	if (fill(fd, data, len, sync) == 0 &&
	    (ret = give_name(fd, path)) == -1 && errno == EEXIST &&
	    give_name(fd, tmp) == 0 && (ret = rename(tmp, path)) == -1)
		unlink(tmp);
	free(tmp);
	return (finish(fd, ret) == 0);
}

int
atomic_write(const char *path, const void *data, size_t len, bool sync)
{
	if (write_stocked(path, data, len, sync))
		return (0);
	return (write_beside(path, data, len, sync, NULL));
}

/* Where a link leads. */
static int
deliver_file(
    const char *path, const void *data, size_t len, const struct stat *like)
{
	char *real = realpath(path, NULL);
	int ret, saved;

	ret = write_beside(real == NULL ? path : real, data, len, true, like);
	saved = errno;
	free(real);
	errno = saved;
	return (ret);
}

#define DELIVER_MS 10000

int
atomic_deliver(const char *path, const void *data, size_t len)
{
	struct stat st;
	int fd, ret, saved;

	if (stat(path, &st) == -1)
		return (deliver_file(path, data, len, NULL));
	if (S_ISREG(st.st_mode))
		return (deliver_file(path, data, len, &st));
	fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return (-1);
	ret = try_write_for(fd, data, len, DELIVER_MS) == len ? 0 : -1;
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
