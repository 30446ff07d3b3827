/* ipc/tree_links.c: a tree of which most is taken over from the last copy. */

#include <sys/stat.h>
#include <sys/syscall.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/mono.h"
#include "ipc/tree.h"
#include "tests/test.h"
#include "tests/unit/copy_next.h"
#include "tests/unit/scratch.h"

#define DIRS   20
#define FILES  8 /* in each of them, and as many in one below it */
#define ALL    (2 * DIRS * FILES)
#define NOBODY 65534

/* --- what the copy calls --- */

static pthread_t main_thread;
static int threads; /* that were wanted */
static bool no_threads;
static atomic_int links, helped, unsafe;
static int fail_with;        /* each link, or */
static const char *fail_for; /* only those of this name */
static const char *occupied; /* a name that is taken as a helper links it */
static atomic_int nap_ms;    /* before each link of another thread */

static void
start_over(void)
{
	main_thread = pthread_self();
	threads = 0;
	no_threads = false;
	links = helped = unsafe = 0;
	fail_with = 0;
	fail_for = occupied = NULL;
	nap_ms = 0;
}

int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*start)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
	    void *) = NULL;

	threads++;
	if (no_threads)
		return (EAGAIN);
	*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return (real(thread, attr, start, arg));
}

static bool
is_main(void)
{
	return (pthread_equal(pthread_self(), main_thread) != 0);
}

static void
note_helper(void)
{
	sigset_t blocked;

	helped++;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	if (!sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGCHLD))
		unsafe++;
	usleep((useconds_t)nap_ms * 1000);
}

/* It may be slow to begin. */
static void
await_helper(void)
{
	int i;

	for (i = 0; i < 10000 && threads > 0 && !no_threads && helped == 0; i++)
		usleep(100);
}

int
linkat(int from, const char *name, int to, const char *as, int flags)
{
	links++;
	if (is_main())
		await_helper();
	else
		note_helper();
	if (!is_main() && occupied != NULL && strcmp(as, occupied) == 0)
		close(openat(to, as, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	if (fail_with != 0 &&
	    (fail_for == NULL || strcmp(name, fail_for) == 0)) {
		errno = fail_with;
		return (-1);
	}
	return ((int)syscall(SYS_linkat, from, name, to, as, flags));
}

/* --- trees --- */

static const char *
path_of(const char *top, int dir, bool below, int file)
{
	static char path[128];
	int n = snprintf(
	    path, sizeof(path), "%s/d%d%s", top, dir, below ? "/below" : "");

	if (file != -1)
		snprintf(path + n, sizeof(path) - (size_t)n, "/f%d", file);
	return (path);
}

static void
set_time(const char *path, time_t seconds)
{
	struct timespec t[2] = { { seconds, 5 }, { seconds, 7 } };

	CHECK_INT(utimensat(AT_FDCWD, path, t, 0), 0);
}

/* Each directory has a mode and a time of its own. */
static void
dress(int dir, bool below)
{
	const char *path = path_of("from", dir, below, -1);

	chmod(path, dir % 2 == 0 ? 0750 : 0555);
	set_time(path, 1000000000 + 10 * dir + below);
}

static void
fill(int dir, bool below)
{
	int i;

	mkdir(path_of("from", dir, below, -1), 0755);
	for (i = 0; i < FILES; i++)
		spill(path_of("from", dir, below, i),
		    i % 2 == 0 ? "even" : "odd");
}

static void
make_tree(int dirs)
{
	int i;

	mkdir("from", 0755);
	for (i = 0; i < dirs; i++) {
		fill(i, false);
		fill(i, true);
		dress(i, true);
		dress(i, false);
	}
	set_time("from", 1000000000);
}

/* A tree and what its next copy takes over. */
static struct tree_index *
make_both(int dirs)
{
	struct tree_index *known = NULL;
	struct tree_sum sum;

	start_over();
	scratch_enter();
	make_tree(dirs);
	CHECK_INT(copy_next("from", "one", &known, &sum), 0);
	CHECK_INT(sum.files, 2 * dirs * FILES);
	CHECK_INT(threads, 0);
	return (known);
}

static int different, compared;
static const char *copy_of_it;

static int
compare(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char *other = xasprintf("%s%s", copy_of_it, path + strlen("from"));
	char *text = NULL, *copied = NULL;
	struct stat is;

	(void)ftw;
	compared++;
	if (lstat(other, &is) == -1 || is.st_mode != st->st_mode ||
	    is.st_mtim.tv_sec != st->st_mtim.tv_sec ||
	    is.st_mtim.tv_nsec != st->st_mtim.tv_nsec) {
		printf("# %s is different\n", other);
		different++;
	} else if (type == FTW_F) {
		text = slurp(path);
		copied = slurp(other);
		if (text == NULL || copied == NULL || strcmp(text, copied) != 0)
			different++;
	}
	free(text);
	free(copied);
	free(other);
	return (0);
}

/* The copy is the tree: modes, times and all. */
static void
check_copy(const char *copy, int files)
{
	different = compared = 0;
	copy_of_it = copy;
	CHECK_INT(nftw("from", compare, 16, FTW_PHYS), 0);
	CHECK_INT(different, 0);
	CHECK_INT(compared, 1 + 2 * DIRS + files);
}

static ino_t
inode_of(const char *path)
{
	struct stat st;

	return (lstat(path, &st) == -1 ? 0 : st.st_ino);
}

static bool
is_linked(int dir, bool below, int file)
{
	ino_t first = inode_of(path_of("one", dir, below, file));

	return (
	    first != 0 && first == inode_of(path_of("two", dir, below, file)));
}

static void
clean_up(struct tree_index *known)
{
	tree_index_free(known);
	CHECK_INT(tree_remove(AT_FDCWD, "from"), 0);
	CHECK_INT(tree_remove(AT_FDCWD, "one"), 0);
	CHECK_INT(tree_remove(AT_FDCWD, "two"), 0);
	scratch_leave();
}

static bool
has_two_cpus(void)
{
	cpu_set_t set;

	return (sched_getaffinity(0, sizeof(set), &set) == 0 &&
	    CPU_COUNT(&set) > 1);
}

static int
descriptors(void)
{
	return (names_in("/proc/self/fd"));
}

/* --- tests --- */

TEST(two_threads_link_what_is_the_same)
{
	struct tree_index *known = make_both(DIRS);
	struct tree_sum sum;
	int i, open_before = descriptors();

	/* in every directory one is new, one has another content */
	for (i = 0; i < DIRS; i++) {
		spill(path_of("from", i, i % 3 == 0, 4), "changed");
		spill(path_of("from", i, i % 3 == 1, FILES), "new");
		dress(i, true);
		dress(i, false);
	}
	links = 0;
	nap_ms = 1;
	CHECK_INT(copy_next("from", "two", &known, &sum), 0);
	CHECK_INT(sum.files, ALL + DIRS);
	CHECK_INT(sum.linked, ALL - DIRS);
	CHECK_INT(sum.bytes,
	    ALL / 2 * 3 + (ALL / 2 - DIRS) * 4 + DIRS * 7 + DIRS * 3);
	CHECK_INT(links, ALL - DIRS);
	CHECK_INT(threads, has_two_cpus());
	CHECK(helped > 0 || !has_two_cpus());
	CHECK(helped < links);
	CHECK_INT(unsafe, 0);
	CHECK_INT(descriptors(), open_before);
	check_copy("two", ALL + DIRS);
	for (i = 0; i < DIRS; i++) {
		CHECK(is_linked(i, false, 3));
		CHECK(is_linked(i, true, 3));
		CHECK_INT(is_linked(i, false, 4), i % 3 == 0);
		CHECK_INT(is_linked(i, true, 4), i % 3 != 0);
	}
	/* and the next one takes over all of it */
	CHECK_INT(tree_remove(AT_FDCWD, "one"), 0);
	CHECK_INT(copy_next("from", "one", &known, &sum), 0);
	CHECK_INT(sum.linked, ALL + DIRS);
	check_copy("one", ALL + DIRS);
	clean_up(known);
}

TEST(a_small_tree_needs_no_thread)
{
	struct tree_index *known = make_both(10);
	struct tree_sum sum;

	CHECK_INT(copy_next("from", "two", &known, &sum), 0);
	CHECK_INT(sum.linked, 2 * 10 * FILES);
	CHECK_INT(threads, 0);
	clean_up(known);
}

TEST(one_cpu_needs_no_thread)
{
	struct tree_index *known = make_both(DIRS);
	struct tree_sum sum;
	cpu_set_t before, one;
	int cpu = sched_getcpu();

	CHECK_INT(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	CHECK_INT(sched_setaffinity(0, sizeof(one), &one), 0);
	CHECK_INT(copy_next("from", "two", &known, &sum), 0);
	CHECK_INT(sched_setaffinity(0, sizeof(before), &before), 0);
	CHECK_INT(sum.linked, ALL);
	CHECK_INT(threads, 0);
	check_copy("two", ALL);
	clean_up(known);
}

TEST(a_thread_that_cannot_be_had_is_not_missed)
{
	struct tree_index *known = make_both(DIRS);
	struct tree_sum sum;

	no_threads = true;
	CHECK_INT(copy_next("from", "two", &known, &sum), 0);
	CHECK_INT(sum.linked, ALL);
	CHECK_INT(threads, has_two_cpus());
	CHECK_INT(helped, 0);
	check_copy("two", ALL);
	clean_up(known);
}

TEST(what_the_last_copy_lacks_is_copied)
{
	struct tree_index *known = make_both(DIRS);
	struct tree_sum sum;
	int i, gone = 0;

	for (i = 0; i < DIRS; i += 4, gone++)
		CHECK_INT(unlink(path_of("one", i, i % 8 == 0, i % FILES)), 0);
	for (i = 0; i < FILES; i++, gone++)
		CHECK_INT(unlink(path_of("one", 1, true, i)), 0);
	nap_ms = 1;
	CHECK_INT(copy_next("from", "two", &known, &sum), 0);
	CHECK_INT(sum.files, ALL);
	CHECK_INT(sum.linked, ALL - gone);
	CHECK_INT(sum.bytes, ALL / 2 * 7);
	check_copy("two", ALL);
	/* those that were copied are remembered */
	CHECK_INT(tree_remove(AT_FDCWD, "one"), 0);
	CHECK_INT(copy_next("from", "one", &known, &sum), 0);
	CHECK_INT(sum.linked, ALL);
	clean_up(known);
}

TEST(a_link_that_fails_becomes_a_copy)
{
	struct tree_index *known = make_both(DIRS);
	struct tree_sum sum;
	int open_before = descriptors();

	fail_with = EMLINK;
	fail_for = "f3";
	nap_ms = 1;
	CHECK_INT(copy_next("from", "two", &known, &sum), 0);
	CHECK_INT(sum.files, ALL);
	CHECK_INT(sum.linked, ALL - 2 * DIRS);
	CHECK_INT(descriptors(), open_before);
	check_copy("two", ALL);
	/* and if none can be made */
	CHECK_INT(tree_remove(AT_FDCWD, "one"), 0);
	fail_with = EPERM;
	fail_for = NULL;
	CHECK_INT(copy_next("from", "one", &known, &sum), 0);
	CHECK_INT(sum.files, ALL);
	CHECK_INT(sum.linked, 0);
	check_copy("one", ALL);
	clean_up(known);
}

TEST(an_error_behind_a_failed_link_is_told)
{
	struct tree_index *known = make_both(DIRS);
	struct tree_want want = { .from = "from", .to = "two", .known = known };
	int open_before = descriptors();

	if (!has_two_cpus()) {
		clean_up(known);
		SKIP("one CPU");
	}
	occupied = "f5";
	nap_ms = 1;
	CHECK_INT(tree_copy(&want, NULL), -1);
	CHECK_INT(errno, EEXIST);
	CHECK_INT(descriptors(), open_before);
	clean_up(known);
}

static void
note_left_out(void *arg, const char *path, const char *why)
{
	buf_addf(arg, "%s: %s\n", path, why);
}

/* Only root can make files that it may not read as somebody else. */
TEST(what_cannot_be_copied_instead_is_left_out)
{
	struct buf told = BUF_INITIALIZER;
	struct tree_want want = { .from = "from",
		.to = "two",
		.left_out = note_left_out,
		.arg = &told };
	struct tree_index *known = NULL;
	struct tree_sum sum;
	int i;

	if (geteuid() != 0)
		SKIP("not root");
	start_over();
	scratch_enter();
	make_tree(DIRS);
	chmod(path_of("from", 17, true, 5), 0600);
	for (i = 0; i < DIRS; i++)
		chmod(path_of("from", i, false, -1), 0755);
	CHECK_INT(copy_next("from", "one", &known, &sum), 0);
	CHECK_INT(unlink(path_of("one", 17, true, 5)), 0);
	want.known = known;
	if (chown(".", NOBODY, NOBODY) == -1 || seteuid(NOBODY) == -1)
		err(1, "to be nobody");
	CHECK_INT(tree_copy(&want, &sum), 0);
	if (seteuid(0) == -1)
		err(1, "to be root again");
	CHECK_INT(sum.left_out, 1);
	CHECK_INT(sum.files, ALL - 1);
	CHECK_STR(told.data, "d17/below/f5: Permission denied\n");
	buf_release(&told);
	clean_up(known);
}

struct asked {
	int times;
	int enough; /* then it is not to go on; 0: never */
	bool elsewhere;
};

static bool
go_on(void *arg)
{
	struct asked *a = arg;

	if (!is_main())
		a->elsewhere = true;
	return (++a->times != a->enough);
}

TEST(ends_when_told_while_another_thread_links)
{
	struct tree_index *known = make_both(DIRS);
	struct asked asked = { .enough = 4 };
	struct tree_want want = { .from = "from",
		.to = "two",
		.known = known,
		.go_on = go_on,
		.arg = &asked };
	int64_t start = mono_ms();
	int open_before = descriptors();

	if (!has_two_cpus()) {
		clean_up(known);
		SKIP("one CPU");
	}
	nap_ms = 200;
	links = 0;
	CHECK_INT(tree_copy(&want, NULL), -1);
	CHECK_INT(errno, ECANCELED);
	CHECK_INT(asked.times, 4);
	CHECK(!asked.elsewhere);
	CHECK(helped > 0);
	CHECK(links < ALL);
	CHECK(mono_ms() - start < 2000);
	CHECK_INT(descriptors(), open_before);
	clean_up(known);
}

TEST(asks_while_it_waits)
{
	struct tree_index *known = make_both(DIRS);
	struct asked asked = { .enough = 0 };
	struct tree_want want = { .from = "from",
		.to = "two",
		.known = known,
		.go_on = go_on,
		.arg = &asked };

	if (!has_two_cpus()) {
		clean_up(known);
		SKIP("one CPU");
	}
	nap_ms = 40;
	CHECK_INT(tree_copy(&want, NULL), 0);
	CHECK(asked.times >= 4);
	CHECK(!asked.elsewhere);
	check_copy("two", ALL);
	clean_up(known);
}
