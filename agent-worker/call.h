/*
 * One call of a model over HTTP: asked for, made, repeated where that can
 * help, streamed to the supervisor, and paid for.
 */

#ifndef AGENT_WORKER_CALL_H
#define AGENT_WORKER_CALL_H

#include "agent-worker/agent.h"

struct call_request {
	const struct backend *backend;
	const char *model;
	const char *system;
	struct json_object *history;
	const struct tool_spec *tools;
	size_t ntools;
};

/*
 * Fills reply, which is initialised here and released by the caller.
 * Returns false if the turn is over: cancelled, or no more wanted.  A call
 * that failed has reply->failure set.
 */
bool call_model(struct agent *, const struct call_request *, struct reply *);

#endif
