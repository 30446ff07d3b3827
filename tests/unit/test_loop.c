/* supervisor/loop: descriptors, signals and a deadline in one wait. */

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/spawn.h"
#include "supervisor/loop.h"
#include "tests/test.h"

#define PATIENCE_MS 30000

static void
prepare(void)
{
	static bool ready;

	if (ready)
		return;
	log_init("test_loop", LOG_LEVEL_ERROR);
	loop_init();
	ready = true;
}

static void
count(void *arg, uint32_t events)
{
	(void)events;
	++*(int *)arg;
}

TEST(whoever_is_ready_is_told)
{
	int times = 0, fds[2];
	struct watch w = { -1, 0, count, &times };

	prepare();
	if (!CHECK_INT(spawn_pipe(fds), 0))
		return;
	loop_watch(&w, fds[0], EPOLLIN);
	loop_wait(mono_ms());
	CHECK_INT(times, 0);
	CHECK_INT(write(fds[1], "x", 1), 1);
	loop_wait(mono_ms() + PATIENCE_MS);
	CHECK_INT(times, 1);
	loop_unwatch(&w);
	loop_wait(mono_ms());
	CHECK_INT(times, 1);
	close(fds[0]);
	close(fds[1]);
}

TEST(signals_end_the_wait_and_are_told_once)
{
	struct loop_signals s;

	prepare();
	raise(SIGINT);
	raise(SIGTERM);
	raise(SIGCHLD);
	s = loop_signals();
	CHECK(s.stop == 0 && !s.child);
	loop_wait(mono_ms() + PATIENCE_MS);
	s = loop_signals();
	CHECK_INT(s.stop, 2);
	CHECK(s.child);
	s = loop_signals();
	CHECK(s.stop == 0 && !s.child);
}

/* A pipe that nobody reads reports its error for ever. */
TEST(what_is_always_ready_does_not_keep_signals_out)
{
	int times = 0, fds[2], i;
	struct watch w = { -1, 0, count, &times };
	struct loop_signals s;

	prepare();
	if (!CHECK_INT(spawn_pipe(fds), 0))
		return;
	close(fds[0]);
	loop_watch(&w, fds[1], 0);
	for (i = 1; i <= 3; i++) {
		raise(SIGINT);
		raise(SIGCHLD);
		loop_wait(mono_ms() + PATIENCE_MS);
		CHECK_INT(times, i);
		s = loop_signals();
		CHECK_INT(s.stop, 1);
		CHECK(s.child);
	}
	loop_unwatch(&w);
	close(fds[1]);
}

static void
take_one(void *arg, uint32_t events)
{
	uint64_t n;

	(void)events;
	CHECK_INT(read(((struct watch *)arg)->fd, &n, sizeof(n)), sizeof(n));
}

/* --- much is ready --- */

#define MANY 300 /* more than one call of epoll_wait tells of */
#define EACH 3   /* reads until nothing is left in one */

TEST(what_is_ready_is_taken_to_its_end)
{
	struct watch w[MANY];
	uint64_t n;
	int i, left = 0;

	prepare();
	for (i = 0; i < MANY; i++) {
		w[i] = (struct watch) { -1, 0, take_one, &w[i] };
		loop_watch(&w[i],
		    eventfd(EACH, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC),
		    EPOLLIN);
	}
	loop_catch_up();
	for (i = 0; i < MANY; i++) {
		int fd = w[i].fd;

		loop_unwatch(&w[i]);
		left += read(fd, &n, sizeof(n)) == sizeof(n) ? 1 : 0;
		close(fd);
	}
	CHECK_INT(left, 0);
}

TEST(who_is_never_silent_does_not_hold_up_the_rest)
{
	int times = 0, fds[2];
	struct watch w = { -1, 0, count, &times };

	prepare();
	if (!CHECK_INT(spawn_pipe(fds), 0))
		return;
	close(fds[0]);
	loop_watch(&w, fds[1], 0);
	loop_catch_up();
	CHECK(times > 0);
	loop_unwatch(&w);
	close(fds[1]);
}

/* --- in a process of its own --- */

static char
state_of(pid_t pid)
{
	char path[64], line[256] = "";
	const char *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return ('X');
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	end = strrchr(line, ')');
	return (end == NULL ? 'X' : end[2]);
}

static void
await_sleep(pid_t pid)
{
	int64_t until = mono_ms() + PATIENCE_MS;

	while (state_of(pid) != 'S' && mono_ms() < until)
		usleep(1000);
	CHECK_INT(state_of(pid), 'S');
}

/* 0: one wait was enough to be told. */
static int
wait_once(int fd)
{
	int times = 0;
	struct watch w = { -1, 0, count, &times };

	loop_shutdown();
	loop_init();
	loop_watch(&w, fd, EPOLLIN);
	(void)loop_wait(mono_ms() + PATIENCE_MS);
	return (times == 1 ? 0 : 1);
}

TEST(what_came_while_it_was_stopped_is_told)
{
	int fds[2], status = -1;
	pid_t pid;

	prepare();
	if (!CHECK_INT(spawn_pipe(fds), 0))
		return;
	if ((pid = fork()) == 0)
		_exit(wait_once(fds[0]));
	await_sleep(pid);
	kill(pid, SIGSTOP);
	CHECK_INT(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_INT(write(fds[1], "x", 1), 1);
	kill(pid, SIGCONT);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	close(fds[0]);
	close(fds[1]);
}

/* How many of the three signals end what ignored them all before. */
static int
stops_heard(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	loop_shutdown();
	loop_init();
	raise(SIGINT);
	raise(SIGHUP);
	raise(SIGTERM);
	loop_wait(mono_ms() + PATIENCE_MS);
	return (loop_signals().stop);
}

TEST(ignored_signals_stay_ignored_but_for_sigterm)
{
	int status = -1;
	pid_t pid;

	prepare();
	if ((pid = fork()) == 0)
		_exit(stops_heard());
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 1);
}
