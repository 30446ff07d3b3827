/*
 * The parts of the Gemini API: gemini.c keeps the history, gemini_request.c
 * builds requests, gemini_schema.c translates the schemas of tools, and
 * gemini_reply.c reads what answers them.
 */

#ifndef AGENT_WORKER_BACKEND_GEMINI_H
#define AGENT_WORKER_BACKEND_GEMINI_H

#include <json-c/json.h>

#include "agent-worker/backend/backend.h"

/*
 * JSON Schema in the dialect of "parameters", an excerpt of OpenAPI 3.0:
 * references are resolved, alternatives and types written its way, and what
 * it does not know is left out, so that the result allows at least what the
 * schema does.  A recursive or a huge schema is cut off.  The caller puts it;
 * NULL for a function without arguments, which must not have any.
 */
struct json_object *gemini_schema(struct json_object *schema);

/* A content without parts; the caller puts it. */
struct json_object *gemini_content(const char *role);

/* See struct backend for each. */
struct json_object *gemini_build_request(const struct backend_config *,
    const char *model, const char *system, struct json_object *history,
    const struct tool_spec *tools, size_t ntools);
void gemini_consume_event(const struct backend_config *, struct reply *,
    const char *event, const char *data, size_t len);
void gemini_consume_body(const struct backend_config *, struct reply *,
    long status, const char *body, size_t len);
void gemini_finish(const struct backend_config *, struct reply *);

#endif
