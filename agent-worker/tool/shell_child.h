/*
 * One command of an agent, in the foreground or behind it: it is read, and
 * its end noticed, whenever the worker sleeps.
 */

#ifndef AGENT_WORKER_TOOL_SHELL_CHILD_H
#define AGENT_WORKER_TOOL_SHELL_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent-worker/agent.h"
#include "agent-worker/tool/confined.h"
#include "agent-worker/tool/shell_keep.h"

/* More than a command has to say: it is ended. */
#define SHELL_PRINTS_MAX ((int64_t)1024 * 1024 * 1024)

struct shell_stream {
	struct shell *shell;
	int *fd; /* -1: closed */
	struct watch watch;
	struct keep kept;
};

struct shell {
	struct agent *agent;
	char *id;      /* of one in the background, else NULL */
	char *command; /* as the model gave it */
	char *dir;
	char *container; /* where docker runs it: its name, else NULL */

	struct confined process;
	struct watch end;
	struct shell_stream out;
	struct shell_stream err;

	bool running;
	pid_t pid;
	const char *ended_by; /* "timeout", "output", "kill"; NULL: itself */
	int exit_code;        /* as a shell says it; once it has ended */
	char cause[16];       /* see confined_collect */
	double started_wall;
	int64_t started_ms;
	int64_t ended_ms;
};

/*
 * Start it; head and tail are the bytes that are kept of each of its outputs.
 * The shell stays where it is until shell_release.  Returns 0, or -1 and why
 * in err; shell_release is due in either case.
 */
int shell_start(struct shell *, const struct walls *,
    const struct confined_want *, size_t head, size_t tail, char *err,
    size_t errlen);

/* Ask it to end; why is a literal that becomes ended_by. */
void shell_stop(struct shell *, const char *why);

/*
 * Wait until it has ended, or the monotonic time until_ms, without hearing
 * anybody else, and then end it by force.
 */
void shell_end(struct shell *, int64_t until_ms);

/* Its time so far, or from start to end. */
int64_t shell_ms(const struct shell *);

/* It has ended. */
void shell_release(struct shell *);

#endif
