/* What files there are in a directory. */

#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/tree.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/artifact.h"
#include "supervisor/record/filelist.h"

#define BLOCK 65536

struct collected {
	struct buf dir; /* that one stands in, with its slash */
	size_t skip;    /* of it: what leads to the run's directory */
	struct artifact *files;
	size_t n;
	int64_t left_out;
};

static int
enter(void *arg, int dir, const char *name, const struct stat *st)
{
	struct collected *c = arg;

	(void)dir;
	(void)st;
	/* the first is called by the path to it */
	buf_addf(&c->dir, "%s/", name);
	return (0);
}

static int
leave(void *arg, int dir, const char *name, const struct stat *st)
{
	struct collected *c = arg;

	(void)dir;
	(void)st;
	c->dir.len -= strlen(name) + 1;
	return (0);
}

static int
digest(int fd, struct artifact *out)
{
	static uint8_t block[BLOCK];
	SHA2_CTX sha;
	ssize_t n;

	SHA256Init(&sha);
	while ((n = read(fd, block, sizeof(block))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		SHA256Update(&sha, block, (size_t)n);
		out->bytes += n;
	}
	SHA256End(&sha, out->sha256);
	return (0);
}

static int
entry(void *arg, int dir, const char *name, const struct stat *st)
{
	struct collected *c = arg;
	struct artifact file = { 0 };
	int fd;

	if (!S_ISREG(st->st_mode))
		return (0);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 || c->n == FILELIST_MAX ||
	    c->dir.len + strlen(name) >= PATH_MAX || digest(fd, &file) == -1) {
		c->left_out++;
	} else {
		file.path = xasprintf("%.*s%s", (int)(c->dir.len - c->skip),
		    c->dir.data + c->skip, name);
		c->files[c->n++] = file;
	}
	if (fd != -1)
		close(fd);
	return (0);
}

static int
unreadable(void *arg, int dir, const char *name)
{
	struct collected *c = arg;

	(void)dir;
	(void)name;
	c->left_out++;
	return (0);
}

static int
compare(const void *a, const void *b)
{
	return (strcmp(((const struct artifact *)a)->path,
	    ((const struct artifact *)b)->path));
}

int64_t
filelist_append(struct json_object *list, const char *run_dir, const char *dir)
{
	static const struct tree_visitor visitor = { .enter = enter,
		.leave = leave,
		.entry = entry,
		.unreadable = unreadable };
	char *path = xasprintf("%s/%s", run_dir, dir);
	struct collected c = { .skip = strlen(run_dir) + 1 };
	size_t i;

	c.files = xcalloc(FILELIST_MAX, sizeof(*c.files));
	if (tree_walk(AT_FDCWD, path, &visitor, &c) == -1 && errno != ENOENT)
		c.left_out++;
	qsort(c.files, c.n, sizeof(*c.files), compare);
	for (i = 0; i < c.n; i++) {
		json_object_array_add(list, artifact_json(&c.files[i]));
		artifact_release(&c.files[i]);
	}
	free(c.files);
	buf_release(&c.dir);
	free(path);
	return (c.left_out);
}
