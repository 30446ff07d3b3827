/*
 * One worker under test: its program is a line of shell, its owner writes
 * down what it is told, and the loop turns until something has happened.
 */

#ifndef TESTS_UNIT_WORKER_RUN_H
#define TESTS_UNIT_WORKER_RUN_H

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/xmalloc.h"
#include "supervisor/process/sweep.h"
#include "supervisor/process/worker.h"
#include "tests/test.h"

#define PATIENCE_MS 30000
#define HELLO                                                                \
	"echo '{\"type\":\"hello\",\"version\":1,\"name\":\"sh\",\"pid\":1," \
	"\"undumpable\":true}'; "

extern char **environ;

static struct worker worker;

/* What the owner was told. */
static struct told {
	int readies;
	int messages;
	int ends;
	char text[64]; /* of the last message */
	int code;
	int signal;
	bool requested;
	bool permanent;
	char kind[32];
	char reason[320];
	long max_rss_kib;
} told;
static int orphans;

static inline void
owner_ready(void *arg, struct worker *w)
{
	(void)arg;
	(void)w;
	told.readies++;
}

static inline void
owner_message(void *arg, struct worker *w, const struct msg *m)
{
	(void)arg;
	(void)w;
	told.messages++;
	strlcpy(told.text, m->text == NULL ? "" : m->text, sizeof(told.text));
}

static inline void
owner_gone(void *arg, struct worker *w, const struct worker_end *end)
{
	(void)arg;
	CHECK(worker_is_down(w));
	CHECK_INT(w->pid, -1);
	told.ends++;
	told.code = end->code;
	told.signal = end->signal;
	told.requested = end->requested;
	told.permanent = end->permanent;
	told.max_rss_kib = end->max_rss_kib;
	strlcpy(told.kind, end->kind, sizeof(told.kind));
	strlcpy(told.reason, end->reason, sizeof(told.reason));
}

static const struct worker_owner owner = { owner_ready, owner_message,
	owner_gone, NULL };

static inline struct worker *
find_it(void *arg, pid_t pid)
{
	(void)arg;
	return (pid == worker.pid ? &worker : NULL);
}

static inline bool
is_it(void *arg, pid_t pid)
{
	return (find_it(arg, pid) != NULL);
}

/* A worker that is down.  The first time the loop is set up as well. */
static inline void
prepare(void)
{
	static bool ready;

	if (!ready) {
		log_init("test_worker", LOG_LEVEL_ERROR);
		loop_init();
		sweep_init();
		ready = true;
	}
	memset(&told, 0, sizeof(told));
	orphans = 0;
	worker_init(&worker, 0, "tested", &owner);
}

static inline bool
launch(const char *script)
{
	char *argv[] = { (char *)(uintptr_t) "/bin/sh",
		(char *)(uintptr_t) "-c", (char *)(uintptr_t)script, NULL };
	char err[256] = "";

	if (worker_start(&worker, argv, environ, err, sizeof(err)) == 0)
		return (CHECK_INT(worker.state, WORKER_STARTING));
	CHECK_STR(err, "");
	return (false);
}

/* One turn of the loop; deadlines are the tests' business. */
static inline void
turn(void)
{
	loop_wait(mono_ms() + 20);
	if (loop_signals().child)
		orphans += worker_reap(find_it, NULL);
}

/* Turn until the counter has come to want; deadlines expire as they come. */
static inline bool
await(const int *counter, int want)
{
	int64_t until = mono_ms() + PATIENCE_MS;

	while (*counter < want && mono_ms() < until) {
		turn();
		if (mono_ms() >= worker.deadline)
			worker_expire(&worker);
	}
	return (CHECK_INT(*counter, want));
}

/* Its end, as it comes. */
static inline void
check_end(
    int code, int signal, bool requested, const char *kind, const char *reason)
{
	if (!await(&told.ends, 1))
		return;
	CHECK_INT(told.code, code);
	CHECK_INT(told.signal, signal);
	CHECK_INT(told.requested, requested);
	CHECK_STR(told.kind, kind);
	CHECK_STR(told.reason, reason);
}

/* A whole life that nobody disturbs. */
static inline void
live(const char *script)
{
	prepare();
	if (launch(script))
		await(&told.ends, 1);
}

/* As if the state's deadline had passed; it is to be within limit_ms. */
static inline void
expire(enum worker_state state, int64_t limit_ms)
{
	int64_t now = mono_ms();

	CHECK_INT(worker.state, state);
	CHECK(worker.deadline <= now + limit_ms);
	worker_expire(&worker);
}

/* Descriptors that are open: none may be left by a worker. */
static inline int
open_descriptors(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return (n);
}

#endif
