/*
 * JSON-RPC 2.0 as MCP uses it: one message as text, taken apart and put
 * together.  Pure.  https://www.jsonrpc.org/specification
 */

#ifndef AGENT_WORKER_MCP_RPC_H
#define AGENT_WORKER_MCP_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/* Levels of nesting that are accepted, and given to a server. */
#define RPC_DEPTH_MAX 128

#define RPC_METHOD_NOT_FOUND (-32601)

enum rpc_kind {
	RPC_REQUEST, /* of the server: wants an answer */
	RPC_NOTE,    /* wants none */
	RPC_REPLY,   /* to a request of ours */
	RPC_BAD,     /* a JSON object, but no message */
};

/* One message; everything is borrowed from the text's JSON value. */
struct rpc_message {
	enum rpc_kind kind;
	struct json_object *whole;
	struct json_object *id; /* of a request */
	int64_t number;         /* of a reply: our id; -1: it is none */
	const char *method;
	struct json_object *params; /* or NULL */
	struct json_object *result; /* of a reply: this, */
	struct json_object *error;  /* or this, an object */
};

typedef void rpc_fn(void *arg, const struct rpc_message *);

/*
 * Call fn for the message in text, or for each one of a batch, which servers
 * of one old version send.  False: it is no JSON of bounded depth in UTF-8.
 */
bool rpc_parse(const char *text, size_t len, rpc_fn *fn, void *arg);

/*
 * A request; a note, where id is 0; the answers to a request.  params is
 * taken, and so is result; NULL leaves it out.  For json_object_put.
 */
struct json_object *rpc_request(
    int64_t id, const char *method, struct json_object *params);
struct json_object *rpc_result(
    struct json_object *id, struct json_object *result);
struct json_object *rpc_error(
    struct json_object *id, int64_t code, const char *text);

/* The code of an error, or 0; its message, or words for none, borrowed. */
int64_t rpc_error_code(struct json_object *error);
const char *rpc_error_text(struct json_object *error);

#endif
