/*
 * Ways to watch a run.  A view is told of every event after it is in the
 * journal and applied; it keeps no books of its own beyond what it printed.
 */

#ifndef SUPERVISOR_VIEW_VIEW_H
#define SUPERVISOR_VIEW_VIEW_H

#include <stddef.h>

#include "supervisor/decide/session.h"

/* How it ended; pointers live for the call. */
struct view_end {
	const struct session *session; /* NULL: it did not get that far */
	int exit_code;
	double elapsed;          /* seconds */
	const char *error;       /* NULL: none */
	const char *answer_path; /* absolute; NULL: no final answer */
	const char *answer;
	const char *log_dir; /* of one that did not get that far; or NULL */
};

struct view {
	/* The run directory is known (absolute path). */
	void (*open)(const char *log_dir);
	/* line: the event as it stands in the journal, newline included. */
	void (*event)(const struct session *, const struct event *,
	    const char *line, size_t len);
	void (*close)(const struct view_end *);
};

extern const struct view view_automation; /* massgen(1), AUTOMATION */
extern const struct view view_json;       /* the journal's lines */
extern const struct view view_terminal;   /* for a person */
extern const struct view view_answer;     /* the final answer alone */

#endif
