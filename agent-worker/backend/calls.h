/*
 * Tool calls put together from the pieces in which the servers of the
 * OpenAI-compatible family stream them.  They do not agree on what says that
 * two pieces belong together; the rules here suit all that are known.
 */

#ifndef AGENT_WORKER_BACKEND_CALLS_H
#define AGENT_WORKER_BACKEND_CALLS_H

#include <json-c/json.h>

#include "agent-worker/backend/backend.h"

/* The most calls accepted in one reply. */
#define CALLS_MAX 128

/*
 * Another call, without anything yet; valid until the next one.  NULL, and
 * the reply has failed, past CALLS_MAX.
 */
struct tool_call *calls_add(struct reply *);

/*
 * Take "tool_calls" of a delta or of a whole message: an array of pieces;
 * anything else is passed over.
 */
void calls_take(struct reply *, struct json_object *pieces);

/* Take more arguments of the call with that index: a piece without a name. */
void calls_add_arguments(
    struct reply *, int64_t index, struct json_object *arguments);

/*
 * No more pieces come.  Without their own, calls get an id and an empty
 * argument object.  With cut, calls whose arguments are not whole go.
 */
void calls_finish(struct reply *, bool cut);

/* The arguments are one whole JSON object. */
bool call_is_whole(const struct tool_call *);

#endif
