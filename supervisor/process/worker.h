/*
 * One worker's life as a state machine: start, configure, work, and an end
 * that always comes.  Each state has at most one deadline.  What a worker
 * says goes to its owner; what it does wrong can end only itself.
 */

#ifndef SUPERVISOR_PROCESS_WORKER_H
#define SUPERVISOR_PROCESS_WORKER_H

#include <sys/resource.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "ipc/chan.h"
#include "ipc/msg.h"
#include "supervisor/loop.h"

enum worker_state {
	WORKER_DOWN,     /* no process */
	WORKER_STARTING, /* it has to say hello */
	WORKER_UP,
	WORKER_CLOSING, /* its input is closed, it should leave */
	WORKER_TERMED,  /* SIGTERM was sent to its group */
	WORKER_KILLED,  /* SIGKILL was */
};

struct worker;

/* How a worker came to its end; strings live for the call. */
struct worker_end {
	int code;           /* exit status, when signal is 0 */
	int signal;         /* that ended it, or 0 */
	bool requested;     /* we ended it */
	const char *kind;   /* why we did, or "crash", "exit" */
	const char *reason; /* in words */
	bool permanent;     /* starting it again cannot help */
	long max_rss_kib;
	double cpu_seconds;
};

struct worker_owner {
	/* It said hello with our version. */
	void (*ready)(void *arg, struct worker *);
	/* It said something else; the message is the worker's. */
	void (*message)(void *arg, struct worker *, const struct msg *);
	/* It is gone, its output is read, it can be started again. */
	void (*gone)(void *arg, struct worker *, const struct worker_end *);
	void *arg;
};

struct worker {
	int index;
	const char *name; /* the agent's id, for logs */
	const struct worker_owner *owner;

	enum worker_state state;
	int64_t deadline; /* of the state; MONO_NEVER */
	pid_t pid;        /* -1 as soon as it is reaped */
	struct chan chan;
	struct buf err_line;
	size_t err_bytes; /* of its standard error so far */
	struct watch in, out, err;
	bool exited;
	int status; /* of wait(2) */
	struct rusage rusage;

	bool undumpable; /* it said that nobody can read its memory */
	int64_t heard;   /* when anything came from it */
	size_t said;     /* bytes it said in this turn */
	char *stop_kind; /* NULL: we have not asked it to end */
	char *stop_reason;
	bool stop_permanent;
};

void worker_init(
    struct worker *, int index, const char *name, const struct worker_owner *);
void worker_release(struct worker *);

/* Start the program.  0, or -1 with the reason in err: still down. */
int worker_start(struct worker *, char *const *argv, char *const *envp,
    char *err, size_t errlen);

/* Queue a message.  Over the limit of its queue the worker is ended. */
void worker_send(struct worker *, const struct msg *);

/*
 * Ask it to leave: kind and reason come back in worker_end.  The first call
 * counts; it then has its grace, SIGTERM, SIGKILL, each with a deadline.
 */
void worker_stop(
    struct worker *, const char *kind, const char *reason, bool permanent);

/* No grace: SIGKILL to its group now. */
void worker_kill(struct worker *, const char *kind, const char *reason);

/* Its deadline has passed. */
void worker_expire(struct worker *);

/*
 * Collect every child that has ended; `find` maps a pid to a worker or
 * NULL, which is an orphan of a dead worker, or inherited.  Returns how many
 * orphans were killed: whoever has no parent is ended, sooner or later.
 */
int worker_reap(struct worker *(*find)(void *arg, pid_t), void *arg);

/* No process, no open end. */
bool worker_is_down(const struct worker *);

#endif
