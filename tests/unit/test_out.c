/*
 * supervisor/view/out: standard output that cannot hold up a run.  Each test
 * runs in a child whose standard output is a pipe of ours; where it blocks,
 * an alarm ends it.
 */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "supervisor/view/out.h"
#include "tests/test.h"

#define PATIENCE 60 /* seconds; nothing here takes so long */
#define MUCH     ((size_t)1024 * 1024)

struct child {
	pid_t pid;
	int out;  /* its standard output */
	int said; /* a byte comes here when it says so */
	int hear; /* and what we write here it waits for */
};

/* What the child has of them. */
static int say_fd, hear_fd;

static void
say(void)
{
	if (write(say_fd, "x", 1) != 1)
		_exit(9);
}

static void
hear(void)
{
	char c;

	if (read(hear_fd, &c, 1) != 1)
		_exit(9);
}

/* body returns the exit status: 0 if all was well. */
static struct child
start(int (*body)(void))
{
	struct child c;
	int out[2], said[2], heard[2];

	if (pipe2(out, O_CLOEXEC) == -1 || pipe2(said, O_CLOEXEC) == -1 ||
	    pipe2(heard, O_CLOEXEC) == -1)
		abort();
	fflush(stdout);
	signal(SIGPIPE, SIG_IGN);
	if ((c.pid = fork()) == 0) {
		alarm(PATIENCE);
		log_init("test_out", LOG_LEVEL_ERROR);
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		say_fd = said[1];
		hear_fd = heard[0];
		_exit(body());
	}
	close(out[1]);
	close(said[1]);
	close(heard[0]);
	c.out = out[0];
	c.said = said[0];
	c.hear = heard[1];
	return (c);
}

static void
await(struct child *c)
{
	char byte;

	CHECK_INT(read(c->said, &byte, 1), 1);
}

static void
answer(struct child *c)
{
	CHECK_INT(write(c->hear, "x", 1), 1);
}

static void
finish(struct child *c)
{
	int status = -1;

	CHECK_INT(waitpid(c->pid, &status, 0), c->pid);
	CHECK_INT(status, 0);
	if (c->out != -1)
		close(c->out);
	close(c->said);
	close(c->hear);
}

/* Lines that all differ, len bytes in all; the caller frees them. */
static char *
lines(size_t len)
{
	struct buf b = BUF_INITIALIZER;
	int i;

	for (i = 0; b.len < len; i++)
		buf_addf(&b, "line %d\n", i);
	b.data[len] = '\0';
	return (buf_detach(&b));
}

/* All that comes until the end, in pieces of at most so many bytes. */
static void
check_output(struct child *c, const char *want, size_t piece)
{
	struct buf b = BUF_INITIALIZER;
	ssize_t n;

	do {
		n = read(c->out, buf_reserve(&b, piece), piece);
		b.len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	CHECK_INT(n, 0);
	CHECK_INT(b.len, strlen(want));
	CHECK_MEM(b.data, want, strlen(want));
	buf_release(&b);
}

/* --- */

static int
print_lines(void)
{
	out_write("one\n", 4);
	out_printf("%s %d\n", "two", 2);
	out_write("", 0);
	return (out_flush() ? 0 : 1);
}

TEST(lines_go_out_at_once)
{
	struct child c = start(print_lines);

	check_output(&c, "one\ntwo 2\n", 100);
	finish(&c);
}

static int
write_much(void)
{
	char *text = lines(MUCH);
	bool left;

	out_write(text, MUCH);
	left = !out_flush();
	say(); /* it came here though nobody reads */
	hear();
	out_drain();
	return (left && out_flush() ? 0 : 1);
}

TEST(a_reader_that_takes_nothing_holds_up_nobody)
{
	struct child c = start(write_much);
	char *want = lines(MUCH);

	await(&c);
	answer(&c);
	check_output(&c, want, 65536);
	finish(&c);
	free(want);
}

TEST(a_reader_in_small_sips_gets_all)
{
	struct child c = start(write_much);
	char *want = lines(MUCH);

	await(&c);
	answer(&c);
	check_output(&c, want, 100);
	finish(&c);
	free(want);
}

static int
write_line_by_line(void)
{
	int i;

	for (i = 0; i < 20000; i++)
		out_printf("event %d\n", i);
	out_drain();
	return (out_flush() ? 0 : 1);
}

TEST(what_is_kept_comes_before_what_is_new)
{
	struct child c = start(write_line_by_line);
	struct buf want = BUF_INITIALIZER;
	int i;

	for (i = 0; i < 20000; i++)
		buf_addf(&want, "event %d\n", i);
	check_output(&c, want.data, 333);
	finish(&c);
	buf_release(&want);
}

static int
write_and_drain(void)
{
	char *text = lines(MUCH);

	out_write(text, MUCH);
	if (out_drain())
		return (1);
	say();
	out_write("more\n", 5); /* would make no sense behind the gap */
	return (out_flush() && out_drain() ? 0 : 2);
}

TEST(the_end_does_not_wait_for_ever)
{
	struct child c = start(write_and_drain);

	await(&c);
	finish(&c);
}

/* Its own is the only process that it is about. */
static int
drain_with_a_signal(void)
{
	char *text = lines(MUCH);
	int64_t began;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	out_write(text, MUCH);
	kill(getpid(), SIGTERM);
	began = mono_ms();
	return (!out_drain() && mono_ms() - began < 5000 ? 0 : 1);
}

TEST(a_signal_ends_the_wait_for_the_reader)
{
	struct child c = start(drain_with_a_signal);

	finish(&c);
}

static int
write_to_nobody(void)
{
	hear();
	out_write("one\n", 4);
	if (!out_flush()) /* there is nothing to keep any more */
		return (1);
	out_write("two\n", 4);
	out_drain();
	return (out_flush() ? 0 : 2);
}

TEST(a_reader_that_is_gone_is_forgotten)
{
	struct child c = start(write_to_nobody);

	close(c.out);
	c.out = -1;
	answer(&c);
	finish(&c);
}

static int
write_while_it_leaves(void)
{
	char *text = lines(MUCH);

	out_write(text, MUCH);
	say();
	hear();
	out_drain();
	return (out_flush() ? 0 : 1);
}

TEST(a_reader_that_leaves_in_the_middle)
{
	struct child c = start(write_while_it_leaves);
	char some[1000];

	await(&c);
	CHECK(read(c.out, some, sizeof(some)) > 0);
	close(c.out);
	c.out = -1;
	answer(&c);
	finish(&c);
}

static int
write_too_much(void)
{
	char *text = lines(MUCH);
	int i;

	for (i = 0; i < 64; i++)
		out_write(text, MUCH);
	if (out_flush())
		return (1); /* 64 MiB are kept */
	out_write(text, MUCH);
	if (!out_flush())
		return (2); /* and then none */
	out_write(text, MUCH);
	return (out_flush() ? 0 : 3);
}

TEST(what_is_kept_has_a_limit)
{
	struct child c = start(write_too_much);

	finish(&c);
}

static int
write_to_a_full_disk(void)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return (0);
	dup2(fd, STDOUT_FILENO);
	out_write("one\n", 4);
	return (out_flush() ? 0 : 1);
}

static int
write_to_nothing(void)
{
	close(STDOUT_FILENO);
	out_write("one\n", 4);
	out_drain();
	return (out_flush() ? 0 : 1);
}

TEST(an_output_that_fails_is_forgotten)
{
	struct child c = start(write_to_a_full_disk);

	finish(&c);
	c = start(write_to_nothing);
	finish(&c);
}

static int
look_at_its_mode(void)
{
	char *text = lines(MUCH);

	out_write(text, MUCH);
	return (fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK ? 1 : 0);
}

/* Who shares it would get errors that it does not expect. */
TEST(standard_output_keeps_its_mode)
{
	struct child c = start(look_at_its_mode);

	finish(&c);
}
