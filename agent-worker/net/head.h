/*
 * What the head of a response says: its status line and the headers that
 * somebody wants to know of.
 */

#ifndef AGENT_WORKER_NET_HEAD_H
#define AGENT_WORKER_NET_HEAD_H

#include "agent-worker/net/http.h"
#include "agent-worker/net/ratelimit.h"

/* A response begins, perhaps behind an informational one. */
void head_begin(struct http_response *, struct ratelimit *, const char *line);

/* One header of it. */
void head_take(struct http_response *, struct ratelimit *, const char *name,
    const char *value);

#endif
