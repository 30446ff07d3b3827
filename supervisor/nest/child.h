/*
 * The side of a run that a tool of another run started: it finds the way to
 * its parent in MASSGEN_PARENT, does nothing without its leave, keeps to
 * what it was granted, tells how it goes, and ends when its parent does.
 */

#ifndef SUPERVISOR_NEST_CHILD_H
#define SUPERVISOR_NEST_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/config/config.h"
#include "supervisor/decide/session.h"

struct parent_link;

struct child_ask {
	struct config *config; /* its limits are lowered to what is granted */
	const char *log_dir;
	const char *question;
	int64_t started; /* monotonic, of the program */
};

/*
 * Ask the parent for its leave and wait for it, 10 seconds at most.  Returns
 * 0 with the way to it in *out, for child_free; NULL: there is no parent.
 * -1 and why in err: there is one that refuses, does not answer or is gone.
 */
int child_join(const struct child_ask *, struct parent_link **out, char *err,
    size_t errlen);
void child_free(struct parent_link *);

/* The parent's session and how deep this run is, 0 without a parent. */
const char *child_parent(const struct parent_link *);
int64_t child_depth(const struct parent_link *);

/* Once true: the parent is gone, or a signal came before its answer. */
bool child_is_orphan(struct parent_link *);

/* Something happened that the parent may want to know. */
void child_changed(struct parent_link *);

/* When child_poll has to be called, monotonic; it says what changed. */
int64_t child_due(const struct parent_link *);
void child_poll(struct parent_link *, const struct session *);

/*
 * The last word: how it ended and what it cost in all; without a session,
 * because it did not begin, nothing.
 */
void child_end(struct parent_link *, const struct session *, int exit_code);

#endif
