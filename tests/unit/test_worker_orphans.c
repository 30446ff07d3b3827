/*
 * supervisor/process: what a worker leaves behind is found and ended,
 * whatever process group or session it has made for itself.
 */

#include <sys/wait.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>

#include "ipc/children.h"
#include "tests/unit/worker_run.h"

/* In a shell: tell its own pid, or that of its last child. */
#define TELL(pid)                                                      \
	"echo \"{\\\"type\\\":\\\"error\\\",\\\"kind\\\":\\\"pid\\\"," \
	"\\\"text\\\":\\\"" pid "\\\"}\"; "
/* Let go of what was inherited. */
#define QUIETLY   "exec </dev/null >/dev/null 2>&1; "
#define UNTIL_EOF "cat >/dev/null; "

/* The number that the worker's last message brought; 0: none. */
static pid_t
told_pid(void)
{
	return ((pid_t)strtol(told.text, NULL, 10));
}

static bool
is_alive(pid_t pid)
{
	return (pid > 0 && kill(pid, 0) == 0);
}

static bool
has_children(void)
{
	return (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD);
}

/* It has told of so many pids; then the worker leaves. */
static void
live_until_told(const char *script, int pids)
{
	prepare();
	if (!launch(script) || !await(&told.messages, pids))
		return;
	worker_stop(&worker, "finished", "the run is over", false);
	await(&told.ends, 1);
}

TEST(a_survivor_in_its_group_ends_with_it)
{
	live(HELLO "(" QUIETLY "exec sleep 1000) & " TELL("$!") "exit 3");
	CHECK_INT(told.code, 3);
	CHECK(told_pid() > 0);
	await(&orphans, 1);
	CHECK(!is_alive(told_pid()));
	CHECK_INT(sweep_all(mono_ms() + PATIENCE_MS), 0);
	CHECK(!has_children());
}

TEST(a_daemon_that_left_the_session_is_found)
{
	live_until_told(HELLO "setsid sh -c '" TELL("$$") QUIETLY
	    "exec sleep 1000' & " UNTIL_EOF,
	    1);
	CHECK_INT(told.code, 0);
	CHECK(is_alive(told_pid()));
	CHECK_INT(sweep_all(mono_ms() + PATIENCE_MS), 1);
	CHECK(!is_alive(told_pid()));
	CHECK(!has_children());
}

TEST(also_when_its_worker_crashed)
{
	live_until_told(HELLO "setsid sh -c '" TELL("$$") QUIETLY
	    "exec sleep 1000' & " UNTIL_EOF "kill -9 $$",
	    1);
	CHECK_INT(told.signal, SIGKILL);
	CHECK(is_alive(told_pid()));
	CHECK_INT(sweep_all(mono_ms() + PATIENCE_MS), 1);
	CHECK(!is_alive(told_pid()));
	CHECK(!has_children());
}

TEST(a_whole_family_of_daemons)
{
	live_until_told(HELLO "for i in 1 2 3 4 5; do setsid sh -c '" TELL("$$")
			    QUIETLY
	    "sleep 1000 & sleep 1000 & "
	    "setsid sleep 1000 & wait' & done; " UNTIL_EOF,
	    5);
	CHECK(sweep_all(mono_ms() + PATIENCE_MS) >= 5);
	CHECK(!has_children());
}

/* While they are killed they make new ones. */
TEST(daemons_that_multiply)
{
	live_until_told(HELLO "setsid sh -c '" TELL("$$") QUIETLY
	    "while :; do setsid sleep 1000 & "
	    "sleep 0.01; done' & " UNTIL_EOF,
	    1);
	CHECK(sweep_all(mono_ms() + PATIENCE_MS) >= 1);
	CHECK(!is_alive(told_pid()));
	CHECK(!has_children());
}

/* Whose child it is by now. */
static pid_t
parent_of(pid_t pid)
{
	char path[64], line[256] = "", *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return (-1);
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	p = strrchr(line, ')');
	return (p == NULL ? -1 : (pid_t)strtol(p + 4, NULL, 10));
}

TEST(the_living_are_spared)
{
	prepare();
	if (!launch(HELLO "(setsid sh -c '" TELL("$$") QUIETLY
		"exec sleep 1000' &); " UNTIL_EOF) ||
	    !await(&told.messages, 1))
		return;
	while (is_alive(told_pid()) && parent_of(told_pid()) != getpid())
		turn();
	CHECK_INT(orphans, 0);
	sweep_strangers(is_it, NULL);
	await(&orphans, 1);
	CHECK(!is_alive(told_pid()));
	CHECK_INT(worker.state, WORKER_UP);
	CHECK_INT(told.ends, 0);
	worker_stop(&worker, "finished", "the run is over", false);
	await(&told.ends, 1);
	CHECK_INT(told.code, 0);
	CHECK(!has_children());
}

/* A worker that dies is told of, an orphan only counted if it was killed. */
TEST(orphans_are_no_workers)
{
	static const char script[] = HELLO "(setsid sh -c '" TELL(
	    "$$") "exit 9' &); "
		  "(setsid sh -c 'kill -9 $$' &); " UNTIL_EOF;
	int64_t until = mono_ms() + PATIENCE_MS;

	prepare();
	if (!launch(script))
		return;
	await(&told.messages, 1);
	while (is_alive(told_pid()) && mono_ms() < until)
		turn();
	await(&orphans, 1);
	CHECK_INT(told.ends, 0);
	worker_stop(&worker, "finished", "the run is over", false);
	await(&told.ends, 1);
	CHECK_INT(sweep_all(mono_ms() + PATIENCE_MS), 0);
}

TEST(without_children_there_is_nothing_to_sweep)
{
	prepare();
	CHECK_INT(sweep_all(mono_ms() + PATIENCE_MS), 0);
	sweep_strangers(NULL, NULL);
	CHECK_INT(orphans, 0);
}

/* It gets a processor only when nobody else wants it. */
static void
idle_forever(int ready)
{
	struct sched_param none = { 0 };

	(void)sched_setscheduler(0, SCHED_IDLE, &none);
	if (write(ready, "", 1) == 1)
		for (;;)
			pause();
	_exit(1);
}

/* Who is still dying when met again: here we leave it no time to die. */
TEST(a_slow_death_counts_once)
{
	enum {
		CHILDREN = 10
	};
	int i, killed = 0, ready[2];
	cpu_set_t before, one;
	char byte;

	prepare();
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK_INT(sched_getaffinity(0, sizeof(before), &before), 0);
	CHECK_INT(sched_setaffinity(0, sizeof(one), &one), 0);
	CHECK_INT(pipe(ready), 0);
	for (i = 0; i < CHILDREN; i++)
		if (fork() == 0)
			idle_forever(ready[1]);
	for (i = 0; i < CHILDREN; i++)
		CHECK_INT(read(ready[0], &byte, 1), 1);
	while (!children_end(&killed))
		continue;
	CHECK_INT(killed, CHILDREN);
	CHECK_INT(sched_setaffinity(0, sizeof(before), &before), 0);
	close(ready[0]);
	close(ready[1]);
}

/* A child that leads its own group, as a job of an interactive shell does. */
static pid_t
start_job(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	CHECK_INT(setpgid(pid, pid), 0);
	return (pid);
}

/* The last one: from here on there are children that are not ours. */
TEST(what_was_there_before_is_left_alone)
{
	pid_t alive, dead;

	prepare();
	alive = start_job();
	dead = start_job();
	sweep_init();
	live_until_told(HELLO "setsid sh -c '" TELL("$$") QUIETLY
	    "exec sleep 1000' & " UNTIL_EOF,
	    1);
	kill(dead, SIGKILL);
	while (is_alive(dead))
		turn();
	CHECK_INT(orphans, 0);
	sweep_strangers(NULL, NULL);
	await(&orphans, 1);
	CHECK(!is_alive(told_pid()));
	CHECK_INT(sweep_all(mono_ms() + PATIENCE_MS), 0);
	CHECK_INT(waitpid(alive, NULL, WNOHANG), 0);
	kill(alive, SIGKILL);
	CHECK_INT(waitpid(alive, NULL, 0), alive);
}
