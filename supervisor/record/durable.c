/* Files and names put on stable storage. */

#include <sys/stat.h>

#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/tree.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/durable.h"

#define EACH_MAX 100 /* for more, all of the file system is cheaper */

struct request {
	struct aiocb control;
	bool close; /* the descriptor is ours */
};

struct durable {
	struct request requests[EACH_MAX];
	size_t n;
	int fs;    /* below which there is more than that; -1: there is not */
	int error; /* the first errno; 0: none */
};

struct durable *
durable_new(void)
{
	struct durable *d = xcalloc(1, sizeof(*d));

	d->fs = -1;
	return (d);
}

static void
note(struct durable *d, int error)
{
	if (d->error == 0)
		d->error = error;
}

static void
finish_one(struct durable *d, int fd, bool close_it)
{
	if (fsync(fd) == -1)
		note(d, errno);
	if (close_it)
		close(fd);
}

/* The descriptor is closed at the end if it is ours. */
static void
begin(struct durable *d, int fd, bool close_it)
{
	struct request *r = &d->requests[d->n];

	r->control.aio_fildes = fd;
	r->control.aio_sigevent.sigev_notify = SIGEV_NONE;
	r->close = close_it;
	/* where no thread is to be had it is done at once */
	if (aio_fsync(O_SYNC, &r->control) == 0)
		d->n++;
	else
		finish_one(d, fd, close_it);
}

static bool
has_room(const struct durable *d)
{
	return (d->n < EACH_MAX);
}

/* --- trees --- */

struct walk {
	struct durable *durable;
	bool more; /* there is what has to be done with all others */
};

static int
take(struct walk *w, int dir, const char *name, int flags)
{
	int fd;

	if (!has_room(w->durable)) {
		w->more = true;
		return (0);
	}
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);
	if (fd != -1)
		begin(w->durable, fd, true);
	else if (errno == EACCES || errno == EMFILE || errno == ENFILE)
		w->more = true;
	else
		return (-1);
	return (0);
}

static int
take_entry(void *arg, int dir, const char *name, const struct stat *st)
{
	/* nothing else has content, and to open a FIFO is to wait */
	return (S_ISREG(st->st_mode) ? take(arg, dir, name, 0) : 0);
}

static int
take_dir(void *arg, int dir, const char *name, const struct stat *st)
{
	(void)st;
	return (take(arg, dir, name, O_DIRECTORY));
}

void
durable_tree(struct durable *d, const char *path)
{
	static const struct tree_visitor visitor = { .entry = take_entry,
		.leave = take_dir };
	struct walk w = { .durable = d };

	if (tree_walk(AT_FDCWD, path, &visitor, &w) == -1)
		note(d, errno);
	if (!w.more || d->fs != -1)
		return;
	d->fs = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fs == -1)
		note(d, errno);
}

void
durable_path(struct durable *d, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		note(d, errno);
	else if (has_room(d))
		begin(d, fd, true);
	else
		finish_one(d, fd, true);
}

void
durable_fd(struct durable *d, int fd)
{
	if (has_room(d))
		begin(d, fd, false);
	else
		finish_one(d, fd, false);
}

static void
end(struct durable *d, struct request *r)
{
	const struct aiocb *list[1] = { &r->control };
	int error;

	while ((error = aio_error(&r->control)) == EINPROGRESS)
		(void)aio_suspend(list, 1, NULL);
	(void)aio_return(&r->control);
	if (error != 0)
		note(d, error);
	if (r->close)
		close(r->control.aio_fildes);
}

int
durable_wait(struct durable *d)
{
	size_t i;
	int error;

	for (i = 0; i < d->n; i++)
		end(d, &d->requests[i]);
	if (d->fs != -1) {
		if (syncfs(d->fs) == -1)
			note(d, errno);
		close(d->fs);
	}
	error = d->error;
	free(d);
	errno = error;
	return (error == 0 ? 0 : -1);
}
