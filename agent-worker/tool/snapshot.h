/*
 * The files of an agent's answers: a copy of its workspace, made before each
 * answer, to which the supervisor then gives a name.
 */

#ifndef AGENT_WORKER_TOOL_SNAPSHOT_H
#define AGENT_WORKER_TOOL_SNAPSHOT_H

#include "agent-worker/agent.h"

/*
 * Copy the workspace for an answer, and say in it how the copy is called, or
 * why there is none.  False: the turn is over.
 */
bool snapshot_take(struct agent *, struct msg *);

/* What became of that answer: a copy that is not wanted is removed. */
void snapshot_settle(struct agent *, bool accepted);

#endif
