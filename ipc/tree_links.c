/* Trees of files: what a copy takes over from the last one. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/tree_links.h"
#include "ipc/xmalloc.h"

#define DIR_FLAGS   (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define INDEX_START 256
#define NEAR        64    /* files whose places are kept together */
#define JOBS        8     /* each holds three descriptors */
#define JOB_MIN     4     /* links: fewer are made sooner than handed over */
#define HELP_MIN    256   /* links: fewer are made before a thread is there */
#define WAITING_MAX 65536 /* links */

/* --- what is remembered --- */

/* A file that was copied, as it was then: small, for there may be many. */
struct seen {
	ino_t ino; /* 0: a free slot */
	off_t size;
	uint64_t mtime; /* see instant() */
	uint64_t ctime;
	ino_t dir;     /* of its copy */
	uint64_t name; /* likewise; see hash() */
};

struct tree_index {
	int fd; /* the copy's directory, O_PATH; -1 */
	struct seen *slots;
	size_t used;
	size_t size; /* a power of two */
};

struct tree_index *
tree_index_new(void)
{
	struct tree_index *x = xcalloc(1, sizeof(*x));

	x->fd = -1;
	x->size = INDEX_START;
	x->slots = xcalloc(x->size, sizeof(*x->slots));
	return (x);
}

void
tree_index_free(struct tree_index *x)
{
	if (x == NULL)
		return;
	if (x->fd != -1)
		close(x->fd);
	free(x->slots);
	free(x);
}

/*
 * Where a file is remembered, or would be.  Files of one directory mostly have
 * numbers that are near each other: they stay so.
 */
static struct seen *
slot_of(const struct tree_index *x, ino_t ino)
{
	uint64_t block = (uint64_t)ino / NEAR * 0x9e3779b97f4a7c15u >> 20;
	size_t i = (size_t)(block * NEAR + (uint64_t)ino % NEAR);

	for (i &= x->size - 1; x->slots[i].ino != 0;
	     i = (i + 1) & (x->size - 1))
		if (x->slots[i].ino == ino)
			break;
	return (&x->slots[i]);
}

static void
grow(struct tree_index *x)
{
	struct seen *old = x->slots;
	size_t i, n = x->size;

	x->size *= 2;
	x->slots = xcalloc(x->size, sizeof(*x->slots));
	for (i = 0; i < n; i++)
		if (old[i].ino != 0)
			*slot_of(x, old[i].ino) = old[i];
	free(old);
}

/* An empty one becomes as large as another. */
static void
make_room(struct tree_index *x, const struct tree_index *like)
{
	if (like == NULL || like->size <= x->size)
		return;
	free(x->slots);
	x->size = like->size;
	x->slots = xcalloc(x->size, sizeof(*x->slots));
}

/* A time as one number: it has to tell times apart and no more. */
static uint64_t
instant(struct timespec t)
{
	return ((uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);
}

/* FNV-1a of a name on a device. */
static uint64_t
hash(dev_t dev, const char *name)
{
	uint64_t h = 0xcbf29ce484222325u ^ dev;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	return (h);
}

void
tree_index_begin(
    struct tree_index *x, const char *copy, const struct tree_index *known)
{
	make_room(x, known);
	x->fd = open(copy, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int
tree_index_open(const struct tree_index *x)
{
	if (x->fd == -1) {
		errno = EBADF;
		return (-1);
	}
	return (openat(x->fd, ".", DIR_FLAGS));
}

void
tree_index_add(
    struct tree_index *x, const struct stat *st, ino_t dir, const char *name)
{
	struct seen *s;

	if (x->used * 2 >= x->size)
		grow(x);
	s = slot_of(x, st->st_ino);
	if (s->ino == 0)
		x->used++;
	s->ino = st->st_ino;
	s->size = st->st_size;
	s->mtime = instant(st->st_mtim);
	s->ctime = instant(st->st_ctim);
	s->dir = dir;
	s->name = hash(st->st_dev, name);
}

bool
tree_index_has(const struct tree_index *x, const struct stat *st, ino_t dir,
    const char *name)
{
	const struct seen *s = slot_of(x, st->st_ino);

	return (s->ino != 0 && s->size == st->st_size &&
	    s->mtime == instant(st->st_mtim) &&
	    s->ctime == instant(st->st_ctim) && s->dir == dir &&
	    s->name == hash(st->st_dev, name));
}

/* --- one directory --- */

int
tree_dress(int fd, mode_t mode, struct timespec mtime)
{
	struct timespec times[2] = { mtime, mtime };

	/* no set-id bits: it is not their owner's any more */
	return (fchmod(fd, mode & 0777) == -1 || futimens(fd, times) == -1 ? -1
									   : 0);
}

const char *
tree_job_name(const struct tree_job *j)
{
	return (j->names + j->links[j->at].name);
}

int
tree_job_link(const struct tree_job *j)
{
	const char *name = tree_job_name(j);

	return (linkat(j->last, name, j->to, name, 0));
}

int
tree_job_source(struct tree_job *j)
{
	struct stat st;
	int fd;

	if (j->from != -1)
		return (j->from);
	if ((fd = openat(j->above, j->name, DIR_FLAGS)) == -1)
		return (-1);
	if (fstat(fd, &st) == -1 || st.st_dev != j->st->st_dev ||
	    st.st_ino != j->st->st_ino) {
		close(fd);
		errno = ESTALE;
		return (-1);
	}
	return (j->from = fd);
}

/* --- all of them --- */

enum state {
	IDLE,
	QUEUED,
	TAKEN,
	BACK /* for the caller's thread to go on with */
};

/* Keeps its memory for the next job: the helper neither needs nor frees any. */
struct place {
	struct tree_job job; /* the first: see tree_links_give_back() */
	enum state state;    /* under the lock */
	struct tree_link *links;
	size_t size;
	struct buf names;
};

struct tree_links {
	/* the caller's own */
	struct tree_link *waiting;
	size_t n;
	size_t size;
	struct buf names; /* of those that wait */
	size_t put;       /* links that there could have been help with */
	bool alone;       /* no thread could be had */
	bool helped;
	pthread_t helper;

	pthread_mutex_t lock;
	pthread_cond_t more; /* for the helper */
	pthread_cond_t done; /* by it */
	bool over;           /* under the lock */
	atomic_bool hurry;   /* likewise; looked at between two links */
	struct place places[JOBS];
};

/* Whether a second thread would not only take turns with the first. */
static bool
has_company(void)
{
	cpu_set_t set;

	/* EINVAL: there are more than it can tell */
	return (sched_getaffinity(0, sizeof(set), &set) == -1 ||
	    CPU_COUNT(&set) > 1);
}

struct tree_links *
tree_links_new(void)
{
	pthread_condattr_t monotonic;
	struct tree_links *l;

	if (!has_company())
		return (NULL);
	l = xcalloc(1, sizeof(*l));
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->more, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&l->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return (l);
}

static void
close_job(struct tree_job *j)
{
	close(j->from);
	close(j->last);
	close(j->to);
}

static void
dismiss(struct tree_links *l)
{
	if (!l->helped)
		return;
	atomic_store(&l->hurry, true);
	pthread_mutex_lock(&l->lock);
	l->over = true;
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->helper, NULL);
}

void
tree_links_free(struct tree_links *l)
{
	struct place *p;

	if (l == NULL)
		return;
	dismiss(l);
	for (p = l->places; p < l->places + JOBS; p++) {
		if (p->state != IDLE)
			close_job(&p->job);
		buf_release(&p->job.path);
		buf_release(&p->names);
		free(p->links);
	}
	pthread_cond_destroy(&l->done);
	pthread_cond_destroy(&l->more);
	pthread_mutex_destroy(&l->lock);
	buf_release(&l->names);
	free(l->waiting);
	free(l);
}

bool
tree_links_add(struct tree_links *l, size_t depth, const char *name, off_t size)
{
	if (l == NULL || l->alone || l->n == WAITING_MAX)
		return (false);
	if (l->n == l->size) {
		l->size = l->size == 0 ? HELP_MIN : l->size * 2;
		l->waiting =
		    xreallocarray(l->waiting, l->size, sizeof(*l->waiting));
	}
	l->waiting[l->n++] = (struct tree_link) { l->names.len, depth, size };
	buf_add(&l->names, name, strlen(name) + 1);
	return (true);
}

bool
tree_links_top(const struct tree_links *l, size_t depth, struct tree_job *j)
{
	size_t i;

	if (l == NULL)
		return (false);
	for (i = l->n; i > 0 && l->waiting[i - 1].depth == depth; i--)
		continue;
	j->links = l->waiting + i;
	j->names = l->names.data;
	j->at = 0;
	j->n = l->n - i;
	return (j->n > 0);
}

void
tree_links_pop(struct tree_links *l, const struct tree_job *j)
{
	l->n -= j->n;
	l->names.len = l->waiting[l->n].name;
}

/* --- the helper --- */

static struct place *
find(struct tree_links *l, enum state state)
{
	struct place *p;

	for (p = l->places; p < l->places + JOBS; p++)
		if (p->state == state)
			return (p);
	return (NULL);
}

/* False: it is the caller's thread that can copy, and that tells errors. */
static bool
make_all(struct tree_links *l, struct tree_job *j)
{
	for (; j->at < j->n; j->at++)
		if (atomic_load_explicit(&l->hurry, memory_order_relaxed) ||
		    tree_job_link(j) == -1)
			return (false);
	if (tree_dress(j->to, j->mode, j->mtime) == -1)
		return (false);
	close_job(j);
	return (true);
}

static void *
help(void *arg)
{
	struct tree_links *l = arg;
	struct place *p;
	bool made;

	pthread_mutex_lock(&l->lock);
	while (!l->over) {
		if ((p = find(l, QUEUED)) == NULL) {
			pthread_cond_wait(&l->more, &l->lock);
			continue;
		}
		p->state = TAKEN;
		pthread_mutex_unlock(&l->lock);
		made = make_all(l, &p->job);
		pthread_mutex_lock(&l->lock);
		p->state = made ? IDLE : BACK;
		pthread_cond_signal(&l->done);
	}
	pthread_mutex_unlock(&l->lock);
	return (NULL);
}

/* Signals are for the thread that was there. */
static void
call_help(struct tree_links *l)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	l->helped = pthread_create(&l->helper, NULL, help, l) == 0;
	l->alone = !l->helped;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* --- jobs --- */

/* Descriptors of its own; from is handed over. */
static bool
hold(struct tree_job *to, struct tree_job *j)
{
	if (tree_job_source(j) == -1 ||
	    (to->last = fcntl(j->last, F_DUPFD_CLOEXEC, 0)) == -1)
		return (false);
	if ((to->to = fcntl(j->to, F_DUPFD_CLOEXEC, 0)) == -1) {
		close(to->last);
		return (false);
	}
	to->from = j->from;
	j->from = -1;
	return (true);
}

/* The names too, which are about to leave the stack. */
static void
fill(struct place *p, const struct tree_job *j)
{
	const struct tree_link *end = j->links + j->n - 1;
	size_t i, base = j->links[0].name;
	const char *last = j->names + end->name;

	if (j->n > p->size) {
		p->size = j->n;
		p->links = xreallocarray(p->links, p->size, sizeof(*p->links));
	}
	for (i = 0; i < j->n; i++) {
		p->links[i] = j->links[i];
		p->links[i].name -= base;
	}
	p->names.len = 0;
	buf_add(&p->names, j->names + base,
	    (size_t)(last - j->names) - base + strlen(last) + 1);
	p->job.path.len = 0;
	buf_add(&p->job.path, j->path.data, j->path.len);
	p->job.links = p->links;
	p->job.names = p->names.data;
	p->job.ino = j->ino;
	p->job.mode = j->mode;
	p->job.mtime = j->mtime;
	p->job.at = 0;
	p->job.n = j->n;
}

bool
tree_links_put(struct tree_links *l, struct tree_job *j)
{
	struct place *p;

	if (j->n < JOB_MIN || l->alone)
		return (false);
	l->put += j->n;
	if (!l->helped && l->put >= HELP_MIN)
		call_help(l);
	pthread_mutex_lock(&l->lock);
	p = find(l, IDLE);
	pthread_mutex_unlock(&l->lock);
	/* nobody else makes one busy */
	if (p == NULL || !hold(&p->job, j))
		return (false);
	fill(p, j);
	pthread_mutex_lock(&l->lock);
	p->state = QUEUED;
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->lock);
	return (true);
}

struct tree_job *
tree_links_take(struct tree_links *l, bool any)
{
	struct place *p;

	pthread_mutex_lock(&l->lock);
	p = find(l, BACK);
	if (p == NULL && any)
		p = find(l, QUEUED);
	if (p != NULL)
		p->state = TAKEN;
	pthread_mutex_unlock(&l->lock);
	return (p == NULL ? NULL : &p->job);
}

void
tree_links_give_back(struct tree_links *l, struct tree_job *j)
{
	struct place *p = (struct place *)j;

	close_job(j);
	pthread_mutex_lock(&l->lock);
	p->state = IDLE;
	pthread_mutex_unlock(&l->lock);
}

bool
tree_links_wait(struct tree_links *l, int64_t ms)
{
	struct timespec until;
	bool busy;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&l->lock);
	busy = find(l, TAKEN) != NULL;
	if (busy)
		pthread_cond_timedwait(&l->done, &l->lock, &until);
	busy = busy || find(l, BACK) != NULL;
	pthread_mutex_unlock(&l->lock);
	return (busy);
}
