/* supervisor/record/atomic: files get to their place whole, or not. */

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "ipc/mono.h"
#include "ipc/tree.h"
#include "supervisor/record/atomic.h"
#include "supervisor/record/durable.h"
#include "tests/test.h"
#include "tests/unit/scratch.h"

#define REPLACEMENTS 2000

TEST(a_file_is_made_and_replaced)
{
	struct stat st;

	scratch_enter();
	umask(027);
	CHECK_INT(atomic_write("f", "one", 3, false), 0);
	HOLDS("f", "one");
	CHECK_INT(stat("f", &st), 0);
	CHECK_INT(st.st_mode & 0777, 0640);
	CHECK_INT(atomic_write("f", "second", 6, true), 0);
	HOLDS("f", "second");
	CHECK_INT(atomic_write("f", NULL, 0, false), 0);
	HOLDS("f", "");
	CHECK_INT(names_in("."), 1);
	umask(022);
	scratch_leave();
}

TEST(an_open_file_keeps_what_it_was)
{
	char text[8] = "";
	int fd;

	scratch_enter();
	spill("f", "old");
	fd = open("f", O_RDONLY | O_CLOEXEC);
	CHECK_INT(atomic_write("f", "new", 3, false), 0);
	CHECK_INT(read(fd, text, sizeof(text)), 3);
	CHECK_STR(text, "old");
	close(fd);
	scratch_leave();
}

/* --- readers --- */

/* Version n is so many times the same letter. */
static size_t
version(int n, char *text)
{
	size_t len = (size_t)(n % 13) * 5000 + 1;

	memset(text, 'a' + n % 13, len);
	return (len);
}

/* Whether some version is all that is at path. */
static bool
is_whole(const char *path)
{
	char *text = slurp(path);
	size_t len, i;
	bool whole;

	if (text == NULL)
		return (false);
	len = strlen(text);
	whole = *text >= 'a' && *text <= 'm' &&
	    len == (size_t)(*text - 'a') * 5000 + 1;
	for (i = 0; i < len && whole; i++)
		whole = text[i] == text[0];
	free(text);
	return (whole);
}

/* Until its input ends; exits 0 if it read often and never a part. */
static void __attribute__((noreturn)) read_until(int stop_fd)
{
	int reads = 0;
	char c;

	fcntl(stop_fd, F_SETFL, O_NONBLOCK);
	do {
		if (!is_whole("f"))
			_exit(1);
		reads++;
	} while (read(stop_fd, &c, 1) == -1);
	_exit(reads < 10 ? 2 : 0);
}

TEST(readers_never_see_a_part)
{
	static char text[13 * 5000];
	int i, n, fds[2], status;
	pid_t readers[2];

	scratch_enter();
	CHECK_INT(atomic_write("f", text, version(0, text), false), 0);
	CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
	fflush(stdout);
	for (i = 0; i < 2; i++)
		if ((readers[i] = fork()) == 0) {
			close(fds[1]);
			read_until(fds[0]);
		}
	for (n = 1; n <= REPLACEMENTS; n++)
		CHECK_INT(atomic_write("f", text, version(n, text), false), 0);
	close(fds[0]);
	close(fds[1]);
	for (i = 0; i < 2; i++) {
		CHECK_INT(waitpid(readers[i], &status, 0), readers[i]);
		CHECK_INT(status, 0);
	}
	CHECK_INT(names_in("."), 1);
	scratch_leave();
}

/* --- failures --- */

/* It fails so, and nothing is changed or left behind. */
static void
check_failure(const char *path, int error)
{
	int before = names_in(".");

	errno = 0;
	CHECK_INT(atomic_write(path, "new", 3, true), -1);
	CHECK_INT(errno, error);
	CHECK_INT(names_in("."), before);
}

TEST(a_failure_leaves_nothing)
{
	char name[NAME_MAX + 1];

	scratch_enter();
	CHECK_INT(mkdir("dir", 0700), 0);
	spill("file", "old");
	check_failure("dir", EISDIR);
	check_failure("missing/f", ENOENT);
	check_failure("file/f", ENOTDIR);
	check_failure("", ENOENT);
	memset(name, 'n', NAME_MAX);
	name[NAME_MAX] = '\0';
	check_failure(name, ENAMETOOLONG);
	HOLDS("file", "old");
	scratch_leave();
}

TEST(a_full_disk_leaves_the_old_content)
{
	struct rlimit old, low;
	static char text[100000];

	scratch_enter();
	spill("f", "old");
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = old;
	low.rlim_cur = sizeof(text) / 2;
	setrlimit(RLIMIT_FSIZE, &low);
	CHECK_INT(atomic_write("f", text, sizeof(text), false), -1);
	CHECK_INT(errno, EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	HOLDS("f", "old");
	CHECK_INT(names_in("."), 1);
	scratch_leave();
}

TEST(links_are_replaced_and_not_followed)
{
	char *tmp;
	struct stat st;

	scratch_enter();
	spill("victim", "mine");
	CHECK_INT(symlink("victim", "f"), 0);
	CHECK_INT(atomic_write("f", "new", 3, false), 0);
	CHECK_INT(lstat("f", &st), 0);
	CHECK(S_ISREG(st.st_mode));
	HOLDS("victim", "mine");

	/* nor is one where the temporary file would be */
	tmp = xasprintf("f.%d.tmp", (int)getpid());
	CHECK_INT(symlink("victim", tmp), 0);
	CHECK_INT(atomic_write("f", "newer", 5, false), -1);
	CHECK_INT(errno, ELOOP);
	HOLDS("victim", "mine");
	HOLDS("f", "new");
	free(tmp);
	scratch_leave();
}

/* --- what is no plain file --- */

#define MUCH ((size_t)1024 * 1024)

/* A child that delivers so much to the FIFO f, and exits 0 if that went. */
static pid_t
deliver(int error)
{
	static char text[MUCH];
	pid_t pid;
	int ret;

	fflush(stdout);
	if ((pid = fork()) != 0)
		return (pid);
	alarm(60);
	if (error == EINTR)
		kill(getpid(), SIGTERM); /* held back, or it ends here */
	memset(text, 'x', sizeof(text));
	ret = atomic_deliver("f", text, sizeof(text));
	_exit(error == 0 ? ret != 0 : ret != -1 || errno != error);
}

static int
make_fifo(void)
{
	scratch_enter();
	CHECK_INT(mkfifo("f", 0600), 0);
	return (open("f", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

static void
await(pid_t pid)
{
	int status = -1;

	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
}

static bool
is_full(int fd)
{
	int there = 0;

	return (ioctl(fd, FIONREAD, &there) == 0 && there >= 65536);
}

TEST(a_slow_reader_gets_all_of_it)
{
	int fd = make_fifo(), turns = 0;
	pid_t pid = deliver(0);
	size_t got = 0;
	char some[8192];
	ssize_t n;

	while (!is_full(fd) && turns++ < 60000)
		poll(NULL, 0, 1);
	fcntl(fd, F_SETFL, 0);
	while ((n = read(fd, some, sizeof(some))) > 0)
		got += (size_t)n;
	await(pid);
	CHECK_INT(got, MUCH);
	close(fd);
	scratch_leave();
}

TEST(a_reader_that_takes_nothing_is_not_waited_for_for_ever)
{
	int fd = make_fifo();

	await(deliver(ETIME));
	close(fd);
	scratch_leave();
}

TEST(a_signal_ends_the_wait_for_a_reader)
{
	int fd = make_fifo();
	sigset_t set, old;
	int64_t began = mono_ms();

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	await(deliver(EINTR));
	sigprocmask(SIG_SETMASK, &old, NULL);
	CHECK(mono_ms() - began < 5000);
	close(fd);
	scratch_leave();
}

/* --- files made ahead --- */

/* In the directory that we are in; returns its name. */
static const char *
stock_up(void)
{
	static char here[PATH_MAX];

	CHECK(getcwd(here, sizeof(here)) != NULL);
	do
		atomic_stock(here);
	while (atomic_stock_wants());
	return (here);
}

/* Writes below the directory that the stock is for, or not. */
static void
write_in(const char *dir, const char *name, const char *text, bool taken)
{
	char *path = xasprintf("%s/%s", dir, name);

	CHECK_INT(atomic_write(path, text, strlen(text), taken), 0);
	CHECK_INT(atomic_stock_wants(), taken);
	free(path);
}

TEST(a_file_made_ahead_gets_its_name)
{
	const char *here;
	char text[8] = "";
	struct stat st;
	int fd;

	scratch_enter();
	umask(027);
	CHECK_INT(mkdir("sub", 0700), 0);
	here = stock_up();
	CHECK_INT(names_in("."), 1);
	write_in(here, "f", "one", true);
	HOLDS("f", "one");
	CHECK_INT(stat("f", &st), 0);
	CHECK_INT(st.st_mode & 0777, 0640);
	CHECK_INT(st.st_nlink, 1);
	fd = open("f", O_RDONLY | O_CLOEXEC);
	write_in(here, "f", "second", true);
	HOLDS("f", "second");
	CHECK_INT(read(fd, text, sizeof(text)), 3);
	CHECK_STR(text, "one");
	close(fd);
	write_in(here, "sub/f", "deep", true);
	HOLDS("sub/f", "deep");
	CHECK_INT(names_in("."), 2);
	atomic_stock_release();
	umask(022);
	scratch_leave();
}

TEST(a_stock_that_is_used_up_or_elsewhere_is_no_matter)
{
	const char *here;
	char name[16];
	int i;

	scratch_enter();
	CHECK_INT(mkdir("sub", 0700), 0);
	here = stock_up();
	write_in(".", "f", "not below it", false);
	atomic_stock("/proc");
	CHECK(!atomic_stock_wants());
	write_in(here, "f", "there is none", false);
	HOLDS("f", "there is none");
	here = stock_up();
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		write_in(here, name, name, true);
		HOLDS(name, name);
	}
	CHECK_INT(names_in("."), 102);
	atomic_stock_release();
	scratch_leave();
}

TEST(a_failure_with_a_stock_leaves_nothing)
{
	static char text[100000];
	const char *here;
	struct rlimit old, low;
	char *path;

	scratch_enter();
	spill("f", "old");
	CHECK_INT(mkdir("dir", 0700), 0);
	here = stock_up();
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = old;
	low.rlim_cur = sizeof(text) / 2;
	setrlimit(RLIMIT_FSIZE, &low);
	path = xasprintf("%s/f", here);
	CHECK_INT(atomic_write(path, text, sizeof(text), false), -1);
	CHECK_INT(errno, EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	HOLDS("f", "old");
	free(path);
	path = xasprintf("%s/dir", here);
	check_failure(path, EISDIR);
	free(path);
	path = xasprintf("%s/missing/f", here);
	check_failure(path, ENOENT);
	free(path);
	CHECK_INT(names_in("."), 2);
	atomic_stock_release();
	scratch_leave();
}

/* --- delivery to what may be somebody else's --- */

TEST(plain_files_are_replaced)
{
	scratch_enter();
	CHECK_INT(atomic_deliver("f", "one", 3), 0);
	HOLDS("f", "one");
	CHECK_INT(atomic_deliver("f", "two", 3), 0);
	HOLDS("f", "two");
	CHECK_INT(names_in("."), 1);
	CHECK_INT(atomic_deliver(".", "x", 1), -1);
	CHECK_INT(atomic_deliver("/dev/null", "x", 1), 0);
	CHECK_INT(access("/dev/null", W_OK), 0);
	scratch_leave();
}

TEST(a_link_leads_to_what_is_replaced_and_its_mode_stays)
{
	struct stat st;

	scratch_enter();
	CHECK_INT(mkdir("d", 0777), 0);
	spill("d/real", "old");
	CHECK_INT(chmod("d/real", 0600), 0);
	CHECK_INT(symlink("d/real", "link"), 0);
	CHECK_INT(atomic_deliver("link", "new", 3), 0);
	HOLDS("d/real", "new");
	CHECK_INT(lstat("link", &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_INT(stat("d/real", &st), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	CHECK_INT(names_in("d"), 1);
	CHECK_INT(names_in("."), 2);
	scratch_leave();
}

TEST(a_fifo_is_written_to_where_somebody_reads)
{
	struct stat st;
	char text[8] = "";
	int fd;

	scratch_enter();
	CHECK_INT(mkfifo("p", 0600), 0);
	alarm(10);
	CHECK_INT(atomic_deliver("p", "one", 3), -1);
	CHECK_INT(errno, ENXIO);
	fd = open("p", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK_INT(atomic_deliver("p", "one", 3), 0);
	CHECK_INT(read(fd, text, sizeof(text)), 3);
	CHECK_STR(text, "one");
	alarm(0);
	close(fd);
	CHECK_INT(stat("p", &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_INT(names_in("."), 1);
	scratch_leave();
}

/* --- directories --- */

static bool
is_dir(const char *path)
{
	struct stat st;

	return (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

TEST(directories_are_made_with_their_parents)
{
	char *path;

	path = xasprintf("%s/x/y/z", scratch_enter());
	CHECK_INT(atomic_mkdirs("a/b/c"), 0);
	CHECK(is_dir("a/b/c"));
	CHECK_INT(atomic_mkdirs("a/b/c"), 0);
	CHECK_INT(atomic_mkdirs("a/d/"), 0);
	CHECK(is_dir("a/d"));
	CHECK_INT(atomic_mkdirs("./e"), 0);
	CHECK_INT(atomic_mkdirs(path), 0);
	CHECK(is_dir("x/y/z"));
	CHECK_INT(atomic_mkdirs("/"), 0);
	CHECK_INT(symlink("a", "link"), 0);
	CHECK_INT(atomic_mkdirs("link/f"), 0);
	CHECK(is_dir("a/f"));
	free(path);
	scratch_leave();
}

TEST(a_file_in_the_way_is_no_directory)
{
	scratch_enter();
	spill("file", "");
	CHECK_INT(atomic_mkdirs("file/x"), -1);
	CHECK_INT(errno, ENOTDIR);
	CHECK_INT(atomic_mkdirs("file"), -1);
	CHECK_INT(symlink("nowhere", "link"), 0);
	CHECK_INT(atomic_mkdirs("link"), -1);
	CHECK_INT(atomic_mkdirs("/dev/null/x"), -1);
	scratch_leave();
}

static int
sync_with(void (*begin)(struct durable *, const char *), const char *path)
{
	struct durable *d = durable_new();

	begin(d, path);
	return (durable_wait(d));
}

TEST(one_failure_among_many_is_told)
{
	struct durable *d = durable_new();
	int pipes[2];

	scratch_enter();
	spill("f", "x");
	CHECK_INT(pipe(pipes), 0);
	durable_path(d, ".");
	durable_fd(d, pipes[1]);
	durable_path(d, ".");
	CHECK_INT(durable_wait(d), -1);
	CHECK_INT(errno, EINVAL);
	/* what was the caller's is left to it */
	CHECK_INT(close(pipes[1]), 0);
	CHECK_INT(close(pipes[0]), 0);
	scratch_leave();
}

TEST(what_is_there_can_be_synced)
{
	scratch_enter();
	CHECK_INT(atomic_mkdirs("a/b"), 0);
	spill("a/f", "x");
	spill("a/b/g", "y");
	CHECK_INT(symlink("nowhere", "a/link"), 0);
	CHECK_INT(sync_with(durable_path, "a"), 0);
	CHECK_INT(sync_with(durable_path, "a/f"), 0);
	CHECK_INT(sync_with(durable_path, "missing"), -1);
	CHECK_INT(errno, ENOENT);
	CHECK_INT(sync_with(durable_path, "a/f/g"), -1);
	CHECK_INT(errno, ENOTDIR);
	CHECK_INT(sync_with(durable_tree, "a"), 0);
	CHECK_INT(sync_with(durable_tree, "missing"), -1);
	CHECK_INT(errno, ENOENT);
	scratch_leave();
}

/*
 * An agent may leave anything in its workspace: more than is synced one by
 * one, and deeper than a path reaches.
 */
TEST(any_tree_can_be_synced)
{
	const char *dir = scratch_enter();
	char name[32];
	int i;

	CHECK_INT(mkdir("a", 0755), 0);
	CHECK_INT(chdir("a"), 0);
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		spill(name, "x");
	}
	for (i = 0; i < 3000; i++)
		if (mkdir("d", 0755) == -1 || chdir("d") == -1)
			err(1, "level %d", i);
	CHECK_INT(chdir(dir), 0);
	CHECK_INT(sync_with(durable_tree, "a"), 0);
	CHECK_INT(tree_remove(AT_FDCWD, "a"), 0);
	scratch_leave();
}

TEST(a_directory_gets_its_name)
{
	scratch_enter();
	CHECK_INT(mkdir("new", 0755), 0);
	CHECK_INT(mkdir("empty", 0755), 0);
	CHECK_INT(mkdir("full", 0755), 0);
	spill("new/f", "x");
	spill("full/f", "y");
	spill("file", "z");
	CHECK_INT(symlink("new", "link"), 0);
	CHECK_INT(atomic_publish_dir("new", "full"), -1);
	CHECK_INT(atomic_publish_dir("file", "name"), -1);
	CHECK_INT(errno, ENOTDIR);
	CHECK_INT(atomic_publish_dir("link", "name"), -1);
	CHECK_INT(atomic_publish_dir("missing", "name"), -1);
	CHECK_INT(errno, ENOENT);
	CHECK_INT(atomic_publish_dir("new", "empty"), 0);
	CHECK_INT(atomic_publish_dir("empty", "name"), 0);
	CHECK_INT(names_in("name"), 1);
	CHECK_INT(names_in("."), 4);
	scratch_leave();
}

TEST(a_fifo_does_not_hold_up_the_sync)
{
	scratch_enter();
	CHECK_INT(mkdir("a", 0700), 0);
	CHECK_INT(mkfifo("a/p", 0600), 0);
	alarm(10);
	CHECK_INT(sync_with(durable_tree, "a"), 0);
	alarm(0);
	scratch_leave();
}
