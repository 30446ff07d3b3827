/* What a tool's result is to a model: text.  Pure. */

#ifndef AGENT_WORKER_MCP_CONTENT_H
#define AGENT_WORKER_MCP_CONTENT_H

#include <stdbool.h>

#include <json-c/json.h>

#include "ipc/buf.h"

/*
 * Append the text of a tools/call result: its texts, a line for what is no
 * text (pictures, sound, links), JSON for what is unknown; the structured
 * content where there is nothing else.  Returns whether the tool failed.
 */
bool mcp_content(struct json_object *result, struct buf *out);

#endif
