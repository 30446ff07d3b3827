/*
 * The wire "command": a program in place of a model.  Each call is one run
 * of it; what it is configured to be came in "init" as the backend's
 * "program": {command: [...], env: {...}, cwd, output, output_fields}.
 */

#ifndef AGENT_WORKER_COMMAND_COMMAND_H
#define AGENT_WORKER_COMMAND_COMMAND_H

#include "agent-worker/agent.h"

/* One turn. */
void command_run(struct agent *);

#endif
