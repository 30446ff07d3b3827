/*
 * Between the files that write the reports: what one report is, and what
 * several of them need.  report.c reads the journal once and hands every
 * event to every report, so their cost is that of the journal.
 */

#ifndef SUPERVISOR_RECORD_REPORT_PART_H
#define SUPERVISOR_RECORD_REPORT_PART_H

#include <stddef.h>

#include <json-c/json.h>

#include "ipc/buf.h"
#include "supervisor/config/config.h"
#include "supervisor/decide/session.h"
#include "supervisor/record/artifact.h"

/*
 * The longest list of agents inside one event or vote; a count beside it
 * tells how many there were, so that a run of a thousand agents does not
 * list a thousand names ten thousand times.
 */
#define REPORT_LIST_MAX 64

struct report {
	const struct session *end; /* the run as it ended */
	const struct config *config;
	struct session *now; /* the run up to the event at hand */
	struct report_before {
		enum agent_status status;
		int times_restarted;
	} * before; /* of now's agents, just before that event */
};

/*
 * One file.  begin returns a state that the next two get and that end
 * frees; out collects the file's text.  event is called after the event was
 * applied to report.now; its `who` is set.  It may be NULL.
 */
struct report_part {
	const char *file; /* in the run directory */
	void *(*begin)(const struct report *, struct buf *out);
	void (*event)(void *state, const struct report *, const struct event *,
	    struct buf *out);
	void (*end)(void *state, const struct report *, struct buf *out);
};

extern const struct report_part report_events;
extern const struct report_part report_table;
extern const struct report_part report_votes;
extern const struct report_part report_snapshots;
extern const struct report_part report_metadata;

/* Append a JSON value as text, and free it. */
void report_json(struct buf *out, struct json_object *value);

/* Indices of the first agents that have an answer; returns how many. */
size_t report_available(const struct session *, int list[REPORT_LIST_MAX]);

/*
 * Indices of the first agents that the event at hand sent back to work;
 * *out_all says how many it were in all.
 */
size_t report_sent_back(
    const struct report *, int list[REPORT_LIST_MAX], size_t *out_all);

/*
 * When a step was taken, as its directory is named: from its path, or, if
 * it has none because it could not be written, from the event's time.
 */
void report_stamp(const struct event *, char stamp[ARTIFACT_STAMP_LEN]);

#endif
