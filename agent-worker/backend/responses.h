/*
 * What the parts of the Responses API share: how requests are built, how
 * streams are followed, and what is made of the output that they bring.
 */

#ifndef AGENT_WORKER_BACKEND_RESPONSES_H
#define AGENT_WORKER_BACKEND_RESPONSES_H

#include "agent-worker/backend/backend.h"

/* backend.build_request */
struct json_object *responses_build_request(const struct backend_config *,
    const char *model, const char *system, struct json_object *history,
    const struct tool_spec *tools, size_t ntools);

/*
 * The response has ended as r->finish says: take its items, those that were
 * done in the stream (their events are in r->native) or, where they are
 * more, those in response.  Completes text, reasoning, calls and native.
 */
void responses_settle(struct reply *, struct json_object *response);

/* Thoughts that do not belong together stand apart. */
void responses_part_thoughts(struct reply *);

/* What the model says while it works is no part of its answer. */
bool item_is_commentary(struct json_object *item);

#endif
