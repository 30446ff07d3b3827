/*
 * What a model is told of a command.  The members are those of MassGen, and
 * "limit", which names what ended the command where it did not do so itself.
 */

#ifndef AGENT_WORKER_TOOL_SHELL_RESULT_H
#define AGENT_WORKER_TOOL_SHELL_RESULT_H

#include <stdbool.h>

#include "agent-worker/tool/shell_child.h"
#include "agent-worker/tool/tool.h"

/* A command that was not run, and why. */
void shell_result_refused(
    const struct shell *, const char *why, struct tool_result *);

/* One that was waited for; timeout is how many seconds it had. */
void shell_result_executed(
    const struct shell *, double timeout, struct tool_result *);

/* Those in the background. */
void shell_result_started(const struct shell *, struct tool_result *);
void shell_result_output(const struct shell *, struct tool_result *);
void shell_result_killed(
    const struct shell *, bool was_running, struct tool_result *);

/* The caller's to put. */
struct json_object *shell_result_status(const struct shell *);

#endif
