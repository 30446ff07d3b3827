/*
 * A program within the agent's walls: started through confine(8), spoken to
 * over pipes, and ended with everything that it started.
 */

#ifndef AGENT_WORKER_TOOL_CONFINED_H
#define AGENT_WORKER_TOOL_CONFINED_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent-worker/tool/walls.h"

struct confined_want {
	char *const *argv; /* NULL: see confined_ahead */
	char *const *envp; /* see confined_env */
	const char *dir;   /* NULL: the workspace */
	bool input;        /* a pipe for its standard input, else /dev/null */
	bool network;
	int64_t memory; /* bytes; 0: no limit, as below */
	int64_t processes;
	int64_t file_size;
	int64_t cpu_seconds;
	int64_t grace_ms; /* between SIGTERM and SIGKILL; 0: confine's own */
};

/* Descriptors are close-on-exec, not blocking, and -1 where there is none. */
struct confined {
	pid_t pid; /* of confine: gone when everything is; 0: none */
	int pidfd; /* readable once it is gone */
	int in;
	int out;
	int err;
	int report;
	int command; /* of walls that wait for theirs */
};

/*
 * Make walls for a program that is likely to come: it need not wait for them.
 * What argv, dir and envp will be does not matter, but PATH has to be in envp.
 * There is at most one such place; in the presentation, where a user's
 * directory can be written, there is none.
 */
void confined_ahead(const struct walls *, const struct confined_want *);
void confined_drop_ahead(void);

/*
 * In walls that were made ahead, if they are the same and what they let in is
 * what the paths lead to now, or in new ones.
 * Returns 0, or -1 and, in err, why, for the model to read.
 */
int confined_start(const struct walls *, const struct confined_want *,
    struct confined *, char *err, size_t errlen);

/* Ask for its end; it comes within the grace. */
void confined_stop(const struct confined *);

/*
 * Collect it if it is gone: true, with the exit status as a shell would say
 * it (128 + n for signal n) and the report in cause ("exit", "signal",
 * "memory", "processes", "cpu", "file-size"; "walls" or "not-run": it never
 * was; "lost": nothing was reported) filled in and every descriptor closed:
 * read what is in them before.
 */
bool confined_collect(
    struct confined *, int *out_status, char *cause, size_t causelen);

/* Now, whatever it takes: returns when nothing of it is left. */
void confined_kill(struct confined *);

/*
 * The environment of a tool: what every program needs, what the
 * configuration adds ("env" of init.tools) and passes, and more, an object
 * of strings or NULL, on top.  pass is an array of names to take from our own
 * environment, an object of strings where that does not have them, or NULL.
 * PATH has only what the walls let in.  For words_free.
 */
char **confined_env(const struct walls *, struct json_object *tools,
    struct json_object *pass, struct json_object *more);

#endif
