/*
 * The tools that a scripted agent calls, and what it makes of their results.
 */

#ifndef AGENT_WORKER_MOCK_TOOLS_H
#define AGENT_WORKER_MOCK_TOOLS_H

#include "agent-worker/agent.h"

/*
 * Carry out a step's calls, an array of {name, arguments} or NULL, in their
 * order.  False: the turn is over.
 */
bool mock_tools_run(struct agent *, struct json_object *calls);

/*
 * The text with what calls so far have brought put in: "{{result}}" is the
 * last result, "{{stdout}}" the last command's output without its last
 * newline, "{{shell_id}}" the last background shell.  The caller frees it;
 * NULL stays NULL.
 */
char *mock_tools_fill(const char *text);

#endif
