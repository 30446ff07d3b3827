/*
 * A directory for one test: made, and its working directory, from
 * scratch_enter() to scratch_leave(), which removes it with all it holds.
 */

#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <sys/stat.h>

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/xmalloc.h"
#include "tests/test.h"

static char *scratch_path;

/* A new directory that the caller removes; its path is the caller's too. */
static inline char *
scratch_make(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/scratch-XXXXXX", tmp == NULL ? "/tmp" : tmp);

	if (mkdtemp(dir) == NULL)
		err(1, "%s", dir);
	return (dir);
}

/* Returns its absolute path. */
static inline const char *
scratch_enter(void)
{
	scratch_path = scratch_make();
	if (chdir(scratch_path) == -1)
		err(1, "%s", scratch_path);
	return (scratch_path);
}

static inline int
scratch_remove(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static inline void
scratch_leave(void)
{
	if (chdir("/") == -1 ||
	    nftw(scratch_path, scratch_remove, 16, FTW_DEPTH | FTW_PHYS) != 0)
		err(1, "%s", scratch_path);
	free(scratch_path);
}

/* A file's bytes, NUL-terminated, the caller's to free; NULL if it cannot
 * be read. */
static inline char *
slurp(const char *path)
{
	struct buf b = BUF_INITIALIZER;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), ret;

	if (fd == -1)
		return (NULL);
	ret = buf_read_fd(&b, fd, (size_t)1 << 30);
	close(fd);
	if (ret == 0)
		return (buf_detach(&b));
	buf_release(&b);
	return (NULL);
}

static inline void
spill(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (f == NULL || fputs(text, f) == EOF || fclose(f) == EOF)
		err(1, "%s", path);
}

/* A file holds exactly that; NULL: there is none. */
static inline void
scratch_check(const char *path, const char *want, const char *file, int line)
{
	char *text = slurp(path);

	test_check_str(text, want, path, file, line);
	free(text);
}

#define HOLDS(path, want) scratch_check((path), (want), __FILE__, __LINE__)

/* How many names a directory holds; -1: it is none. */
static inline int
names_in(const char *path)
{
	DIR *dir = opendir(path);
	int n = -2; /* "." and ".." */

	if (dir == NULL)
		return (-1);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return (n);
}

#endif
