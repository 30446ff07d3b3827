/* supervisor/loop: descriptors, signals and a deadline in one wait. */

#include <sys/epoll.h>

#include <signal.h>
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
