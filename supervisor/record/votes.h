/* Votes as several files show them. */

#ifndef SUPERVISOR_RECORD_VOTES_H
#define SUPERVISOR_RECORD_VOTES_H

#include <stdbool.h>

#include <json-c/json.h>

#include "supervisor/decide/session.h"

/* Label to votes, of answers with any; the caller puts it. */
struct json_object *votes_counted(const struct session *, bool superseded);

/*
 * For whom an agent's vote stands, for more members; the caller puts it.
 * NULL: it has none.
 */
struct json_object *votes_cast(
    const struct session *, const struct session_agent *);

#endif
