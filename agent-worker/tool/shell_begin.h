/* One command from the arguments of a call to its start. */

#ifndef AGENT_WORKER_TOOL_SHELL_BEGIN_H
#define AGENT_WORKER_TOOL_SHELL_BEGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "agent-worker/tool/shell_child.h"
#include "agent-worker/tool/tool.h"

/* "command_line" of init's tools, or NULL. */
struct json_object *shell_config(const struct toolbox *);

/* Make walls for the command that may come. */
void shell_ahead(struct toolbox *);

/*
 * head is how many bytes to keep of the beginning of each output.  False: it
 * was not started, why is in err.  What the shell is, is filled in either
 * way, for shell_release.
 */
bool shell_begin(struct toolbox *, struct shell *,
    struct json_object *arguments, size_t head, char *err, size_t errlen);

#endif
