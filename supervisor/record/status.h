/*
 * status.json: the session as a file that others poll.  A cache of the
 * journal, never read by us.
 */

#ifndef SUPERVISOR_RECORD_STATUS_H
#define SUPERVISOR_RECORD_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/buf.h"
#include "supervisor/decide/session.h"

/*
 * The file's text for a session at the time now, in seconds since the
 * epoch.  Two calls with the same values give the same bytes.
 */
void status_format(const struct session *, double now, struct buf *out);

struct status_writer {
	char *path;
	bool dirty;
	int64_t written; /* monotonic; 0: never */
	bool failing;    /* said once */
};

/* The path is copied; status_release frees it. */
void status_init(struct status_writer *, const char *path);
void status_release(struct status_writer *);

/* When status_poll has to be called next, monotonic. */
int64_t status_due(const struct status_writer *);

/*
 * Write the file if it is due: at most 4 times a second when something
 * changed, every 2 seconds in any case.
 */
void status_poll(struct status_writer *, const struct session *, double now);

/* Write it now, synced if that is possible.  0, or -1 and errno. */
int status_write(struct status_writer *, const struct session *, double now);

#endif
