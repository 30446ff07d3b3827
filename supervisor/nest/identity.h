/*
 * How what a run left behind is recognised when the run itself is gone: its
 * tools carry an id that nobody can guess in their environment, and the run
 * holds a lock on the file that names it for as long as it lives.
 */

#ifndef SUPERVISOR_NEST_IDENTITY_H
#define SUPERVISOR_NEST_IDENTITY_H

#include <stdbool.h>

#define IDENTITY_VARIABLE "MASSGEN_RUN_ID"
#define IDENTITY_FILE     "run.lock"

struct identity {
	char *id;  /* session id and random */
	char *all; /* of the runs around it, the outermost first, and its own:
		    * what IDENTITY_VARIABLE says, with a slash between two */
	int lock;  /* -1: there is no file */
};

/*
 * Of a run with this directory: the id goes to the file, and to our own
 * environment for whatever we start, from which the variables of the run
 * that started us are taken.  Without a file, which is logged, the run goes
 * on: what it leaves behind cannot be collected.
 */
void identity_take(struct identity *, const char *log_dir);

/* Nothing is left to be recognised: the file goes. */
void identity_remove(struct identity *, const char *log_dir);
void identity_release(struct identity *);

enum identity_state {
	IDENTITY_NONE,  /* no such file, or not one of ours */
	IDENTITY_ALIVE, /* a living process holds it */
	IDENTITY_DEAD,
};

/*
 * Whose run directory that is: the id, malloc'd, if it is dead; it then
 * stays ours until identity_release.
 */
enum identity_state identity_look(struct identity *, const char *log_dir);

#endif
