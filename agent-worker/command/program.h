/*
 * One run of another program: started without a shell, given its input,
 * read as it prints, and ended with all that it started.  Whatever it does,
 * the supervisor is heard meanwhile.
 */

#ifndef AGENT_WORKER_COMMAND_PROGRAM_H
#define AGENT_WORKER_COMMAND_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "agent-worker/agent.h"

/* What it may print in all before it is taken for one that never stops. */
#define PROGRAM_PRINTS_MAX ((int64_t)256 * 1024 * 1024)

/* The last line it wrote to standard error, as much as is kept of it. */
#define PROGRAM_WORDS_MAX 1024

struct program {
	char **argv;
	char **envp;
	const char *dir;   /* NULL: ours */
	const char *input; /* for its standard input, which then ends */
	size_t len;

	/* Called with what it prints to standard output. */
	void (*take)(void *arg, const char *data, size_t len);
	void *arg;
};

enum program_ending {
	PROGRAM_LEFT,        /* by itself: see status */
	PROGRAM_DONE,        /* ended after it had closed its output */
	PROGRAM_NOT_STARTED, /* see words */
	PROGRAM_OUT_OF_TIME, /* the turn's */
	PROGRAM_PRINTS_ON,   /* past PROGRAM_PRINTS_MAX */
	PROGRAM_UNWANTED,    /* the turn is over */
};

struct program_end {
	enum program_ending ending;
	bool permanent; /* of one not started: trying again cannot help */
	int status;     /* as waitpid(2) tells it */
	char words[PROGRAM_WORDS_MAX + 1];
};

/*
 * Returns when the program and all its descendants are gone, also those
 * that left its process group and session.  What it writes to standard
 * error goes to ours, as it comes.
 */
void program_run(struct agent *, const struct program *, struct program_end *);

#endif
