/*
 * ipc/err and ipc/trywrite: what is written to a standard error that nobody
 * reads, or that somebody reads late.  Each test runs in a child, which an
 * alarm ends where it blocks.
 */

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/err.h"
#include "ipc/log.h"
#include "ipc/trywrite.h"
#include "tests/test.h"

#define PATIENCE 20 /* seconds; nothing here takes so long */
#define LINES    20 /* of 1000 bytes: they fit where err keeps them */
#define MUCH     ((size_t)300000)

static int reader = -1; /* of what the child has as standard error */

static void
hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Until nothing goes there any more; how much that was. */
static size_t
fill(int fd)
{
	char block[1000];
	size_t done = 0;
	ssize_t n;

	memset(block, '.', sizeof(block));
	while ((n = try_write(fd, block, sizeof(block))) > 0)
		done += (size_t)n;
	CHECK(n == -1 && errno == EAGAIN);
	return (done);
}

/* body returns the exit status: 0 if all was well. */
static pid_t
start_with(int fd, int (*body)(void))
{
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		alarm(PATIENCE);
		signal(SIGPIPE, SIG_IGN);
		log_init("test", LOG_LEVEL_WARN);
		dup2(fd, STDERR_FILENO);
		exit(body()); /* and what is done at exit */
	}
	close(fd);
	return (pid);
}

static void
finish(pid_t pid)
{
	int status = -1;

	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	if (reader != -1)
		close(reader);
	reader = -1;
}

/* The write end of a pipe that we read. */
static int
make_pipe(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) == -1)
		abort();
	reader = fds[0];
	return (fds[1]);
}

/* All that comes until the end, behind so much; the caller frees it. */
static char *
read_all(size_t skip)
{
	struct buf b = BUF_INITIALIZER;

	CHECK_INT(buf_read_fd(&b, reader, 1 << 24), 0);
	CHECK(b.len >= skip);
	buf_consume(&b, skip);
	return (buf_detach(&b));
}

/* --- */

static int
warn_held(void)
{
	int i;

	hold_signals();
	for (i = 0; i < 100; i++)
		log_warnx("%d %01000d", i, 0);
	return (err_flush() ? 1 : 0);
}

TEST(nobody_reads_and_the_log_goes_on)
{
	int fd = make_pipe();

	fill(fd);
	finish(start_with(fd, warn_held));
}

static int
print_held(void)
{
	int i;

	hold_signals();
	for (i = 0; i < LINES; i++)
		err_printf("%d %01000d\n", i, i);
	return (0);
}

/* In order, and none is missing or cut. */
static void
check_lines(const char *text)
{
	struct buf want = BUF_INITIALIZER;
	int i;

	for (i = 0; i < LINES; i++)
		buf_addf(&want, "%d %01000d\n", i, i);
	CHECK_STR(text, want.data);
	buf_release(&want);
}

TEST(what_is_kept_goes_when_somebody_reads_at_last)
{
	int fd = make_pipe();
	size_t filled = fill(fd);
	pid_t pid = start_with(fd, print_held);
	char *text = read_all(filled);

	check_lines(text);
	finish(pid);
	free(text);
}

static int
print_freely(void)
{
	int i;

	for (i = 0; i < 1000; i++)
		err_printf("%d %01000d\n", i, i);
	return (0);
}

/* Nothing of it is lost, though it is more than is ever kept. */
TEST(whom_signals_reach_waits)
{
	int fd = make_pipe();
	size_t filled = fill(fd);
	pid_t pid = start_with(fd, print_freely);
	char *text = read_all(filled);

	CHECK_INT(strlen(text), 1000 * 1002 + 10 + 90 * 2 + 900 * 3);
	finish(pid);
	free(text);
}

static int
warn_to_nobody(void)
{
	hold_signals();
	log_warnx("one");
	return (err_flush() ? 0 : 1);
}

TEST(a_reader_that_is_gone_is_forgotten)
{
	int fd = make_pipe();

	close(reader);
	reader = -1;
	finish(start_with(fd, warn_to_nobody));
}

static int
deliver_much(void)
{
	static char text[MUCH];

	hold_signals();
	err_printf("first\n");
	memset(text, 'x', sizeof(text));
	return (err_deliver(text, sizeof(text)) ? 0 : 1);
}

TEST(what_must_get_through_does)
{
	int fd = make_pipe();
	size_t filled = fill(fd);
	pid_t pid = start_with(fd, deliver_much);
	char *text = read_all(filled);

	CHECK_INT(strlen(text), 6 + MUCH);
	CHECK_MEM(text, "first\nxxx", 9);
	finish(pid);
	free(text);
}

/* --- other things than pipes --- */

/* A terminal with room for a part would wait for the rest. */
TEST(a_terminal_that_nobody_reads)
{
	int fd;

	if (openpty(&reader, &fd, NULL, NULL, NULL) == -1)
		SKIP("no pseudo-terminal");
	finish(start_with(fd, warn_held));
	if (openpty(&reader, &fd, NULL, NULL, NULL) == -1)
		return;
	alarm(PATIENCE);
	CHECK(fill(fd) > 0);
	CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	alarm(0);
	close(fd);
	close(reader);
	reader = -1;
}

TEST(a_socket_that_nobody_reads)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		abort();
	reader = fds[0];
	fill(fds[1]);
	finish(start_with(fds[1], warn_held));
}

TEST(a_file_gets_all)
{
	FILE *f = tmpfile();
	char text[2000] = "";
	pid_t pid;

	if (f == NULL)
		abort();
	CHECK_INT(write(fileno(f), "before\n", 7), 7);
	pid = start_with(dup(fileno(f)), warn_to_nobody);
	finish(pid);
	CHECK_INT(pread(fileno(f), text, sizeof(text), 0), 7 + 10);
	CHECK_STR(text, "before\ntest: one\n");
	fclose(f);
}
