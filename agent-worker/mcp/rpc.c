/* JSON-RPC messages, taken apart and put together. */

#include <limits.h>
#include <string.h>

#include "agent-worker/mcp/rpc.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/utf8.h"

/* Ours are integers; a few servers send them back as strings. */
static int64_t
number_of(struct json_object *id)
{
	const char *text, *end;
	int64_t n;

	if (json_object_is_type(id, json_type_int))
		return (json_object_get_int64(id));
	if (!json_object_is_type(id, json_type_string))
		return (-1);
	text = field_string(id);
	n = 0;
	for (end = text; *end >= '0' && *end <= '9' && n < INT_MAX; end++)
		n = n * 10 + (*end - '0');
	return (end == text || *end != '\0' ? -1 : n);
}

static enum rpc_kind
kind_of(struct rpc_message *m)
{
	struct json_object *o = m->whole, *method;
	bool has_id = json_object_object_get_ex(o, "id", &m->id);

	method = field_get(o, "method", json_type_string);
	if (method != NULL) {
		m->method = field_string(method);
		(void)json_object_object_get_ex(o, "params", &m->params);
		return (has_id && m->id != NULL ? RPC_REQUEST : RPC_NOTE);
	}
	m->number = number_of(m->id);
	m->error = field_get(o, "error", json_type_object);
	if (m->error != NULL || json_object_object_get_ex(o, "result", NULL)) {
		(void)json_object_object_get_ex(o, "result", &m->result);
		return (RPC_REPLY);
	}
	return (RPC_BAD);
}

static void
take(struct json_object *o, rpc_fn *fn, void *arg)
{
	struct rpc_message m = { .whole = o, .number = -1 };

	m.kind =
	    json_object_is_type(o, json_type_object) ? kind_of(&m) : RPC_BAD;
	fn(arg, &m);
}

/* One value and nothing behind it, or NULL. */
static struct json_object *
parse(const char *text, size_t len)
{
	struct json_object *root;
	struct json_tokener *tok;

	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		len--;
	if (len > INT_MAX || !utf8_is_valid(text, len))
		return (NULL);
	if ((tok = json_tokener_new_ex(RPC_DEPTH_MAX)) == NULL)
		fatalx("no memory for a JSON parser");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	root = json_tokener_parse_ex(tok, text, (int)len);
	if (json_tokener_get_error(tok) != json_tokener_success ||
	    json_tokener_get_parse_end(tok) != len) {
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tok);
	return (root);
}

bool
rpc_parse(const char *text, size_t len, rpc_fn *fn, void *arg)
{
	struct json_object *root;
	size_t i;

	if ((root = parse(text, len)) == NULL)
		return (false);
	if (json_object_is_type(root, json_type_array))
		for (i = 0; i < json_object_array_length(root); i++)
			take(json_object_array_get_idx(root, i), fn, arg);
	else
		take(root, fn, arg);
	json_object_put(root);
	return (true);
}

static struct json_object *
new_message(void)
{
	struct json_object *o = json_object_new_object();

	field_put_str(o, "jsonrpc", "2.0");
	return (o);
}

struct json_object *
rpc_request(int64_t id, const char *method, struct json_object *params)
{
	struct json_object *o = new_message();

	if (id != 0)
		field_put_int(o, "id", id);
	field_put_str(o, "method", method);
	if (params != NULL)
		field_put(o, "params", params);
	return (o);
}

struct json_object *
rpc_result(struct json_object *id, struct json_object *result)
{
	struct json_object *o = new_message();

	field_put(o, "id", json_object_get(id));
	field_put(
	    o, "result", result == NULL ? json_object_new_object() : result);
	return (o);
}

struct json_object *
rpc_error(struct json_object *id, int64_t code, const char *text)
{
	struct json_object *o = new_message(), *e = json_object_new_object();

	field_put_int(e, "code", code);
	field_put_str(e, "message", text);
	field_put(o, "id", json_object_get(id));
	field_put(o, "error", e);
	return (o);
}

int64_t
rpc_error_code(struct json_object *error)
{
	struct json_object *v = field_get(error, "code", json_type_int);

	return (v == NULL ? 0 : json_object_get_int64(v));
}

const char *
rpc_error_text(struct json_object *error)
{
	struct json_object *v = field_get(error, "message", json_type_string);

	return (v == NULL ? "an error without a message" : field_string(v));
}
