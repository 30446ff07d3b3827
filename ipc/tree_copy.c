/* Trees of files: copies, and what is remembered of them. */

#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/mono.h"
#include "ipc/tree.h"
#include "ipc/tree_links.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define CHUNK     ((off_t)16 * 1024 * 1024) /* between two looks up */
#define ROOM      (256 * 1024)              /* that a copy leaves on a disk */
#define ASK_MS    50
#define TICK_NS   500000
#define TICKS_MAX 200 /* of waiting for a clock that stands still */

/* --- the copy --- */

struct copy {
	const struct tree_want *want;
	struct tree_sum sum;
	struct tree_trail to;
	struct tree_trail last;   /* the same place in the last copy */
	size_t astray;            /* directories below one that it lacks */
	struct tree_links *links; /* not made yet; or NULL */
	struct buf path;          /* in the tree; for left_out */
	struct timespec began; /* later changes can be told; see await_tick() */
	bool waited;
	int64_t ask_at; /* monotonic: go_on */
	int64_t copied;
	bool entered; /* the tree itself */
	bool cannot_clone;
	bool cannot_range;
};

static int
ask(struct copy *c)
{
	int64_t now;

	if (c->want->go_on == NULL || (now = mono_ms()) < c->ask_at)
		return (0);
	c->ask_at = now + ASK_MS;
	if (c->want->go_on(c->want->arg))
		return (0);
	errno = ECANCELED;
	return (-1);
}

static int
leave_out(struct copy *c, const char *name, const char *why)
{
	size_t len = c->path.len;

	c->sum.left_out++;
	if (c->want->left_out == NULL)
		return (0);
	buf_adds(&c->path, name);
	c->want->left_out(c->want->arg, c->path.data, why);
	c->path.len = len;
	return (0);
}

static bool
is_skipped(const struct copy *c, const char *name)
{
	return (c->want->skip != NULL && strcmp(name, c->want->skip) == 0);
}

/*
 * Whether a symlink in a directory so deep in the tree stays in it.  Behind a
 * name, ".." may leave what a symlink of that name leads to.
 */
static bool
stays_inside(const char *target, size_t depth)
{
	size_t up = 0, len;
	bool named = false;

	if (*target == '/')
		return (false);
	for (; *target != '\0'; target += len + strspn(target + len, "/")) {
		len = strcspn(target, "/");
		if (len == 1 && *target == '.')
			continue;
		if (len != 2 || strncmp(target, "..", 2) != 0)
			named = true;
		else if (named || ++up > depth)
			return (false);
	}
	return (true);
}

static int
copy_symlink(struct copy *c, int dir, const char *name, const struct stat *st)
{
	struct timespec times[2] = { st->st_mtim, st->st_mtim };
	char target[PATH_MAX];
	ssize_t n;

	n = readlinkat(dir, name, target, sizeof(target) - 1);
	if (n == -1)
		return (leave_out(c, name, strerror(errno)));
	target[n] = '\0';
	if (!stays_inside(target, c->to.depth - 1))
		return (leave_out(c, name, "a symlink that leads outside"));
	if (symlinkat(target, c->to.fd, name) == -1)
		return (-1);
	(void)utimensat(c->to.fd, name, times, AT_SYMLINK_NOFOLLOW);
	return (0);
}

/* Whether another way of copying may do where this one failed so. */
static bool
is_unsupported(void)
{
	return (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP ||
	    errno == ENOSYS || errno == ENOTTY || errno == EPERM ||
	    errno == EBADF);
}

static ssize_t
copy_some(struct copy *c, int from, int to, off_t at, off_t len)
{
	off_t in = at, out = at;
	ssize_t n = -1;

	len = len > CHUNK ? CHUNK : len;
	if (!c->cannot_range) {
		n = copy_file_range(from, &in, to, &out, (size_t)len, 0);
		if (n == -1 && is_unsupported())
			c->cannot_range = true;
	}
	if (c->cannot_range) {
		if (lseek(to, at, SEEK_SET) == -1)
			return (-1);
		n = sendfile(to, from, &in, (size_t)len);
	}
	return (n);
}

/* What a file holds between two places; less if it has become shorter. */
static int
copy_range(struct copy *c, int from, int to, off_t at, off_t end)
{
	ssize_t n;

	while (at < end) {
		n = copy_some(c, from, to, at, end - at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		if (n == 0)
			break;
		at += n;
		c->copied += n;
		if (c->want->max_bytes > 0 && c->copied > c->want->max_bytes) {
			errno = EFBIG;
			return (-1);
		}
		if (ask(c) == -1)
			return (-1);
	}
	return (0);
}

/* What is left of a disk is for what must not be lost. */
static int
leave_room(int fd, off_t size)
{
	struct statvfs fs;

	if (fstatvfs(fd, &fs) == -1 || fs.f_blocks == 0 || /* it cannot tell */
	    (uint64_t)fs.f_bavail * fs.f_frsize >= (uint64_t)size + ROOM)
		return (0);
	errno = ENOSPC;
	return (-1);
}

static int
copy_content(struct copy *c, int from, int to, const struct stat *st)
{
	off_t at = 0, hole;

	if (st->st_size == 0)
		return (0);
	if (!c->cannot_clone) {
		if (ioctl(to, FICLONE, from) == 0)
			return (0);
		c->cannot_clone = is_unsupported();
	}
	if (leave_room(to, (off_t)st->st_blocks * 512) == -1)
		return (-1);
	if ((off_t)st->st_blocks * 512 >= st->st_size)
		return (copy_range(c, from, to, 0, st->st_size));
	for (;;) {
		at = lseek(from, at, SEEK_DATA);
		if (at == -1 && errno != ENXIO)
			return (-1);
		if (at == -1 || at >= st->st_size)
			return (ftruncate(to, st->st_size));
		hole = lseek(from, at, SEEK_HOLE);
		hole = hole == -1 || hole > st->st_size ? st->st_size : hole;
		if (copy_range(c, from, to, at, hole) == -1)
			return (-1);
		at = hole;
	}
}

/* The directory that one stands in. */
static ino_t
here(const struct tree_trail *t)
{
	return (t->steps[t->depth - 1].ino);
}

static bool
is_before(struct timespec a, struct timespec b)
{
	return (a.tv_sec < b.tv_sec ||
	    (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec));
}

/*
 * Times on files are those of the clock's last tick, or later: only one that
 * is older than the tick we begin in is sure to look different after a change.
 */
static void
await_tick(struct timespec *out)
{
	struct timespec now, nap = { 0, TICK_NS };
	int i;

	clock_gettime(CLOCK_REALTIME, &now);
	for (i = 0; i < TICKS_MAX; i++) {
		clock_gettime(CLOCK_REALTIME_COARSE, out);
		if (is_before(now, *out))
			return;
		nanosleep(&nap, NULL);
	}
}

/* One that is as new as we are is read in the next tick, if it is the first. */
static int
stat_file(struct copy *c, int fd, struct stat *st)
{
	if (fstat(fd, st) == -1)
		return (-1);
	if (c->want->made == NULL || c->waited ||
	    is_before(st->st_ctim, c->began))
		return (0);
	await_tick(&c->began);
	c->waited = true;
	return (fstat(fd, st));
}

/* The file has its content: now for what else it is. */
static int
finish_file(
    const struct copy *c, int fd, const char *name, const struct stat *st)
{
	if (tree_dress(fd, st->st_mode, st->st_mtim) == -1)
		return (-1);
	/* a later change of one that is as new as we are may not be seen */
	if (c->want->made != NULL && is_before(st->st_ctim, c->began))
		tree_index_add(c->want->made, st, here(&c->to), name);
	return (0);
}

static int
copy_file(struct copy *c, int dir, const char *name)
{
	struct stat st;
	int from, to, ret = -1, saved;

	from = openat(dir, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (from == -1)
		return (
		    errno == ENOENT ? 0 : leave_out(c, name, strerror(errno)));
	if (stat_file(c, from, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(from);
		return (leave_out(c, name, "it changed meanwhile"));
	}
	to = openat(c->to.fd, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to != -1 && copy_content(c, from, to, &st) == 0 &&
	    finish_file(c, to, name, &st) == 0)
		ret = 0;
	saved = errno;
	close(from);
	/* some file systems find out here only that they are full */
	if (to != -1 && close(to) == -1 && ret == 0) {
		saved = errno;
		ret = -1;
	}
	errno = saved;
	if (ret == 0) {
		c->sum.files++;
		c->sum.bytes += st.st_size;
	}
	return (ret);
}

/* The last copy's file, if this is still the same; false: it is not. */
static bool
take_over(struct copy *c, const char *name, const struct stat *st)
{
	/* in the last copy nothing changes: a place is a file */
	if (c->want->known == NULL || c->astray > 0 || c->last.fd == -1 ||
	    !tree_index_has(c->want->known, st, here(&c->last), name))
		return (false);
	if (!tree_links_add(c->links, c->to.depth, name, st->st_size) &&
	    linkat(c->last.fd, name, c->to.fd, name, 0) == -1)
		return (false);
	if (c->want->made != NULL)
		tree_index_add(c->want->made, st, here(&c->to), name);
	c->sum.files++;
	c->sum.linked++;
	c->sum.bytes += st->st_size;
	return (true);
}

static int
copy_entry(void *arg, int dir, const char *name, const struct stat *st)
{
	struct copy *c = arg;

	if (is_skipped(c, name))
		return (0);
	if (ask(c) == -1)
		return (-1);
	if (S_ISLNK(st->st_mode))
		return (copy_symlink(c, dir, name, st));
	if (!S_ISREG(st->st_mode))
		return (leave_out(c, name, "neither a file nor a directory"));
	return (take_over(c, name, st) ? 0 : copy_file(c, dir, name));
}

/* --- links that wait --- */

/* It was taken for one that is taken over. */
static int
copy_after_all(struct copy *c, struct tree_job *j)
{
	int from = tree_job_source(j);

	c->sum.files--;
	c->sum.linked--;
	c->sum.bytes -= j->links[j->at].size;
	if (from == -1) /* it may have gone with all that it held */
		return (errno == ENOENT ? 0 : -1);
	return (copy_file(c, from, tree_job_name(j)));
}

/* In the directory that one stands in. */
static int
make_links(struct copy *c, struct tree_job *j)
{
	for (; j->at < j->n; j->at++)
		if (ask(c) == -1 ||
		    (tree_job_link(j) == -1 && copy_after_all(c, j) == -1))
			return (-1);
	return (0);
}

/* One stands where the job is for as long as it takes. */
static int
do_job(struct copy *c, struct tree_job *j)
{
	struct tree_step step = { .ino = j->ino };
	struct tree_trail to = c->to;
	struct buf path = c->path;
	int ret, saved;

	c->to = (struct tree_trail) { .fd = j->to, .steps = &step, .depth = 1 };
	c->path = j->path;
	ret = make_links(c, j);
	if (ret == 0)
		ret = tree_dress(j->to, j->mode, j->mtime);
	saved = errno;
	j->path = c->path;
	c->path = path;
	c->to = to;
	tree_links_give_back(c->links, j);
	errno = saved;
	return (ret);
}

/* Those that the helper came back with; or all that nobody began. */
static int
do_jobs(struct copy *c, bool any)
{
	struct tree_job *j;

	while ((j = tree_links_take(c->links, any)) != NULL)
		if (do_job(c, j) == -1)
			return (-1);
	return (0);
}

/* Those of a directory that is left.  1: it is complete when they are. */
static int
leave_links(struct copy *c, int dir, const char *name, const struct stat *st)
{
	struct tree_job j = { .last = c->last.fd,
		.to = c->to.fd,
		.from = -1,
		.ino = here(&c->to),
		.mode = st->st_mode,
		.mtime = st->st_mtim,
		.path = c->path,
		.above = dir,
		.name = name,
		.st = st };
	int ret, saved;

	if (!tree_links_top(c->links, c->to.depth, &j))
		return (0);
	if (do_jobs(c, false) == -1)
		return (-1);
	if (c->to.depth > 1 && tree_links_put(c->links, &j))
		ret = 1;
	else
		ret = make_links(c, &j);
	saved = errno;
	if (j.from != -1)
		close(j.from);
	tree_links_pop(c->links, &j);
	errno = saved;
	return (ret);
}

/* What other directories are waiting for. */
static int
end_links(struct copy *c)
{
	if (c->links == NULL)
		return (0);
	do {
		if (do_jobs(c, true) == -1 || ask(c) == -1)
			return (-1);
	} while (tree_links_wait(c->links, ASK_MS));
	return (0);
}

/* --- directories --- */

/* Keep step in the last copy, as far as it goes. */
static void
follow(struct copy *c, const char *name)
{
	int fd = -1;

	if (c->last.fd == -1)
		return;
	if (c->astray == 0)
		fd = openat(c->last.fd, name, DIR_FLAGS);
	if (fd == -1 || tree_trail_down(&c->last, fd) == -1)
		c->astray++;
}

static int
copy_enter(void *arg, int dir, const char *name, const struct stat *st)
{
	struct copy *c = arg;
	int fd;

	(void)dir;
	(void)st;
	if (!c->entered) { /* its copy is there: see open_ends() */
		c->entered = true;
		return (0);
	}
	if (is_skipped(c, name))
		return (TREE_SKIP);
	if (ask(c) == -1 || mkdirat(c->to.fd, name, 0700) == -1 ||
	    (fd = openat(c->to.fd, name, DIR_FLAGS)) == -1 ||
	    tree_trail_down(&c->to, fd) == -1)
		return (-1);
	follow(c, name);
	buf_addf(&c->path, "%s/", name);
	return (0);
}

static int
copy_leave(void *arg, int dir, const char *name, const struct stat *st)
{
	struct copy *c = arg;
	int ret = leave_links(c, dir, name, st);

	if (ret == 0 && (c->to.depth > 1 || !c->want->into))
		ret = tree_dress(c->to.fd, st->st_mode, st->st_mtim);
	if (ret == -1)
		return (-1);
	if (c->to.depth == 1)
		return (0);
	c->path.len -= strlen(name) + 1;
	if (c->astray > 0)
		c->astray--;
	else if (c->last.fd != -1 && tree_trail_up(&c->last) == -1)
		return (-1);
	return (tree_trail_up(&c->to));
}

static int
copy_unreadable(void *arg, int dir, const char *name)
{
	(void)dir;
	return (
	    is_skipped(arg, name) ? 0 : leave_out(arg, name, strerror(errno)));
}

/* Both ends of the copy, and the last one. */
static int
open_ends(struct copy *c)
{
	const struct tree_want *w = c->want;
	int fd;

	if (!w->into && mkdir(w->to, 0700) == -1)
		return (-1);
	if ((fd = open(w->to, DIR_FLAGS)) == -1 ||
	    tree_trail_down(&c->to, fd) == -1)
		return (-1);
	if (w->made != NULL) {
		tree_index_begin(w->made, w->to, w->known);
		clock_gettime(CLOCK_REALTIME_COARSE, &c->began);
	}
	if (w->known != NULL && (fd = tree_index_open(w->known)) != -1 &&
	    tree_trail_down(&c->last, fd) == 0)
		c->links = tree_links_new();
	return (0);
}

int
tree_copy(const struct tree_want *want, struct tree_sum *sum)
{
	static const struct tree_visitor visitor = { .enter = copy_enter,
		.leave = copy_leave,
		.entry = copy_entry,
		.unreadable = copy_unreadable };
	struct copy c = {
		.want = want, .to = { .fd = -1 }, .last = { .fd = -1 }
	};
	int ret, saved;

	ret = open_ends(&c);
	if (ret == 0)
		ret = tree_walk(AT_FDCWD, want->from, &visitor, &c);
	if (ret == 0)
		ret = end_links(&c);
	saved = errno;
	tree_links_free(c.links);
	tree_trail_release(&c.to);
	tree_trail_release(&c.last);
	buf_release(&c.path);
	if (sum != NULL)
		*sum = c.sum;
	errno = saved;
	return (ret);
}
