/*
 * The client's side of the Model Context Protocol: a session with one
 * server, whose tools become the agent's.  What is said is in session.c, how
 * it travels in stdio.c and streamable.c, and when in family.c.
 *
 * https://modelcontextprotocol.io/specification, versions 2024-10-07 to
 * 2025-11-25 ("legacy": a session begins with "initialize") and 2026-07-28
 * ("modern": each request says who asks; there is no session).
 */

#ifndef AGENT_WORKER_MCP_MCP_H
#define AGENT_WORKER_MCP_MCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "agent-worker/mcp/breaker.h"
#include "agent-worker/tool/tool.h"

/* The longest message either way, and all that one request may bring. */
#define MCP_MESSAGE_MAX ((size_t)16 * 1024 * 1024)
#define MCP_FLOOD_MAX   ((size_t)64 * 1024 * 1024)

enum mcp_outcome {
	MCP_OK,
	MCP_REFUSED, /* the server says why: it is there and works */
	MCP_EXPIRED, /* it knows this session no more; nothing was done */
	MCP_LATE,    /* no answer in time */
	MCP_LOST,    /* it is not there, has gone, or cannot be understood */
	MCP_OVER,    /* the turn is */
};

enum mcp_state {
	MCP_DOWN,
	MCP_STARTED, /* nothing was said yet */
	MCP_READY,
};

struct mcp_server {
	struct toolbox *box;
	struct json_object *config; /* its element of "mcp"; borrowed */
	const char *name;
	const struct mcp_transport *transport;
	void *wire; /* the transport's; NULL: none is open */
	enum mcp_state state;
	struct breaker breaker;
	int64_t timeout_ms; /* of one call */
	bool modern;
	const char *version; /* of the protocol; NULL: not agreed on */
	bool has_tools;
	struct json_object *list; /* of its tools, as it last gave it */
	bool list_is_stale;
	int64_t last_id;
	int64_t awaited;           /* the open request's id; 0: none */
	struct json_object *reply; /* to it; NULL: not yet */
	size_t taken;              /* bytes since that request */
	bool went_on;              /* a sign of progress came */
	int64_t noted_at;          /* when one was last told */
	unsigned int logged;       /* lines of its own */
	struct mcp_tool **tools;
	size_t ntools;
	char reason[256]; /* of the last outcome that is not MCP_OK */
};

struct mcp_tool {
	struct mcp_server *server;
	char *name; /* the server's own name for it */
};

/* What a transport has to carry. */
struct mcp_message {
	const char *text; /* on one line */
	size_t len;
	const char *method;
	struct json_object *params; /* or NULL */
	bool wants_reply;
};

/*
 * A way to a server.  Each function that fails fills in reason.  Whatever
 * arrives goes to mcp_take.
 */
struct mcp_transport {
	const char *type; /* as the configuration has it */

	/* Make the wire; does not wait. */
	bool (*start)(struct mcp_server *);

	/*
	 * Deliver a message and wait for server->reply if it wants one.
	 * until is monotonic.
	 */
	enum mcp_outcome (*exchange)(
	    struct mcp_server *, const struct mcp_message *, int64_t until);

	/*
	 * A message of no consequence: out at once or never; waits for a
	 * moment at most.
	 */
	void (*notify)(struct mcp_server *, const struct mcp_message *);

	/* Whether it has gone by itself, as far as can be told unasked. */
	bool (*is_gone)(struct mcp_server *);

	/* Ask for its end; once more, and it is a demand. */
	void (*leave)(struct mcp_server *);

	/* Wait until it has gone; false: it has not by then. */
	bool (*await)(struct mcp_server *, int64_t until);

	/* End it now and free the wire. */
	void (*stop)(struct mcp_server *);
};

extern const struct mcp_transport mcp_stdio;
extern const struct mcp_transport mcp_streamable;

/* Say why; the outcome itself is returned. */
enum mcp_outcome mcp_fail(struct mcp_server *, enum mcp_outcome,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Take what came from a server: one JSON text, which a NUL follows.  Answers
 * to what it asks go to answer(), on one line each.  False: it is no JSON,
 * or far too much.
 */
bool mcp_take(struct mcp_server *, const char *text, size_t len,
    void (*answer)(void *arg, const char *text, size_t len), void *arg);

/* A server's own words, for the log; a bounded number of them. */
void mcp_log(struct mcp_server *, const char *what, const char *text);

/* Where it went on the agent does, which is told now and then. */
void mcp_note_progress(struct mcp_server *);

/* --- a session, over whatever transport --- */

/* Agree on a version.  The transport was started. */
enum mcp_outcome mcp_open(struct mcp_server *, int64_t until);

/* All tools, page by page, as an array for json_object_put. */
enum mcp_outcome mcp_list(
    struct mcp_server *, int64_t until, struct json_object **out_tools);

/* Call a tool; the result, an object, is for json_object_put. */
enum mcp_outcome mcp_call(struct mcp_server *, const char *tool,
    struct json_object *arguments, int64_t until,
    struct json_object **out_result);

#endif
