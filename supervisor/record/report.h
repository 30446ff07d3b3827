/*
 * The files that MassGen writes about a run, derived from the journal when
 * the run is over: coordination_events.json, coordination_table.txt,
 * vote.json, snapshot_mappings.json, execution_metadata.yaml.
 */

#ifndef SUPERVISOR_RECORD_REPORT_H
#define SUPERVISOR_RECORD_REPORT_H

#include <json-c/json.h>

#include "supervisor/config/config.h"
#include "supervisor/decide/session.h"

/*
 * Write them all into run_dir, whose events.ndjson is complete.  What can
 * be written is; returns -1 if anything could not, after saying so in the
 * log.
 */
int report_write(
    const char *run_dir, const struct session *, const struct config *);

/*
 * A vote with the keys that MassGen gives to one.  Of the event its agent,
 * who, target, label, text, time, seq and path are used; the session is that
 * in which it is cast.  The caller puts the object.
 */
struct json_object *report_vote(const struct session *, const struct event *);

#endif
