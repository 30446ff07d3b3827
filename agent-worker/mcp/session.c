/*
 * What is said to a server and what it means: the handshake, its tools, a
 * call, and what servers ask in between.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/mcp/mcp.h"
#include "agent-worker/mcp/rpc.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"

#define MODERN    "2026-07-28"
#define META      "io.modelcontextprotocol/"
#define PAGES_MAX 100
#define TOOLS_MAX 1000
#define LINES_MAX 200  /* of one server, to the log */
#define NOTE_MS   1000 /* between words about its progress */
#define LOG_LINE  400

/* The newest first; each of them is enough for tools. */
static const char *const legacy[] = { "2025-11-25", "2025-06-18", "2025-03-26",
	"2024-11-05", "2024-10-07" };

enum mcp_outcome
mcp_fail(struct mcp_server *s, enum mcp_outcome outcome, const char *fmt, ...)
{
	char text[sizeof(s->reason)], *line;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line = utf8_line(text, sizeof(s->reason) - sizeof("..."));
	strlcpy(s->reason, line, sizeof(s->reason));
	free(line);
	return (outcome);
}

void
mcp_log(struct mcp_server *s, const char *what, const char *text)
{
	char *line;

	if (s->logged > LINES_MAX)
		return;
	if (s->logged++ == LINES_MAX) {
		log_warnx(
		    "MCP server %s: no more of its lines are logged", s->name);
		return;
	}
	line = utf8_line(text, LOG_LINE);
	log_warnx("MCP server %s: %s%s", s->name, what, line);
	free(line);
}

void
mcp_note_progress(struct mcp_server *s)
{
	int64_t now = mono_ms();

	if (!s->went_on || now < s->noted_at)
		return;
	s->went_on = false;
	s->noted_at = now + NOTE_MS;
	agent_say_activity(s->box->agent, "running_tool", NULL);
}

/* --- what comes --- */

struct taking {
	struct mcp_server *server;
	void (*answer)(void *arg, const char *text, size_t len);
	void *arg;
};

/* Nothing is offered to servers, so there is one thing that they may ask. */
static void
take_request(const struct taking *t, const struct rpc_message *m)
{
	struct json_object *o;
	const char *text;
	size_t len;

	if (strcmp(m->method, "ping") == 0)
		o = rpc_result(m->id, NULL);
	else
		o = rpc_error(m->id, RPC_METHOD_NOT_FOUND,
		    "this client does not offer that");
	text = field_line(o, &len);
	t->answer(t->arg, text, len);
	json_object_put(o);
}

static void
take_note(struct mcp_server *s, const struct rpc_message *m)
{
	const char *text;

	if (strcmp(m->method, "notifications/tools/list_changed") == 0) {
		s->list_is_stale = true;
	} else if (strcmp(m->method, "notifications/message") == 0) {
		text = field_get_str(m->params, "level");
		if (text != NULL && strcmp(text, "debug") != 0 &&
		    strcmp(text, "info") != 0)
			mcp_log(s, "says: ",
			    json_object_to_json_string_ext(
				m->params, JSON_C_TO_STRING_PLAIN));
	}
}

static void
take_reply(struct mcp_server *s, const struct rpc_message *m)
{
	/* late answers to what was given up are nobody's any more */
	if (s->awaited == 0 || m->number != s->awaited || s->reply != NULL)
		log_debug("MCP server %s: an answer to nothing", s->name);
	else
		s->reply = json_object_get(m->whole);
}

static void
take(void *arg, const struct rpc_message *m)
{
	const struct taking *t = arg;

	switch (m->kind) {
	case RPC_REQUEST:
		take_request(t, m);
		break;
	case RPC_NOTE:
		take_note(t->server, m);
		break;
	case RPC_REPLY:
		take_reply(t->server, m);
		break;
	case RPC_BAD:
		mcp_log(t->server, "not a message: ",
		    json_object_to_json_string_ext(
			m->whole, JSON_C_TO_STRING_PLAIN));
		break;
	}
}

bool
mcp_take(struct mcp_server *s, const char *text, size_t len,
    void (*answer)(void *arg, const char *text, size_t len), void *arg)
{
	struct taking t = { s, answer, arg };

	s->went_on = true;
	return (rpc_parse(text, len, take, &t));
}

/* --- one request --- */

static struct json_object *
client_info(void)
{
	struct json_object *o = json_object_new_object();

	field_put_str(o, "name", "massgen");
	field_put_str(o, "version", MASSGEN_VERSION);
	return (o);
}

/* A modern server is told with each request who asks. */
static void
add_meta(const struct mcp_server *s, struct json_object *params, int64_t id,
    bool progress)
{
	struct json_object *meta;

	if (!s->modern && !progress)
		return;
	meta = json_object_new_object();
	if (s->modern) {
		field_put_str(meta, META "protocolVersion", MODERN);
		field_put(meta, META "clientInfo", client_info());
		field_put(
		    meta, META "clientCapabilities", json_object_new_object());
	}
	if (progress)
		field_put_int(meta, "progressToken", id);
	field_put(params, "_meta", meta);
}

/* The server need not go on with what nobody waits for. */
static void
cancel(struct mcp_server *s, int64_t id, enum mcp_outcome outcome)
{
	struct json_object *o, *params = json_object_new_object();
	struct mcp_message m = { .method = "notifications/cancelled",
		.params = params };

	field_put_int(params, "requestId", id);
	field_put_str(params, "reason",
	    outcome == MCP_LATE ? "timeout" : "no longer needed");
	o = rpc_request(0, m.method, params);
	m.text = field_line(o, &m.len);
	s->transport->notify(s, &m);
	json_object_put(o);
}

/* What the reply says: its result, or its error, both for the caller. */
static enum mcp_outcome
read_reply(struct mcp_server *s, const char *method,
    struct json_object **out_result, struct json_object **out_error)
{
	struct json_object *error, *result;
	enum mcp_outcome outcome = MCP_OK;

	if (json_object_object_get_ex(s->reply, "error", &error)) {
		if (out_error != NULL)
			*out_error = json_object_get(error);
		outcome = mcp_fail(s, MCP_REFUSED, "%s: %s (%lld)", method,
		    rpc_error_text(error), (long long)rpc_error_code(error));
	} else if (!json_object_object_get_ex(s->reply, "result", &result) ||
	    !json_object_is_type(result, json_type_object)) {
		outcome = mcp_fail(
		    s, MCP_REFUSED, "%s: the result is no object", method);
	} else {
		*out_result = json_object_get(result);
	}
	return (outcome);
}

static enum mcp_outcome
send(struct mcp_server *s, struct json_object *message, struct mcp_message *m,
    int64_t until)
{
	m->text = field_line(message, &m->len);
	if (m->len > MCP_MESSAGE_MAX)
		return (mcp_fail(s, MCP_REFUSED,
		    "%s: over %zu MiB, which is not sent", m->method,
		    MCP_MESSAGE_MAX >> 20));
	return (s->transport->exchange(s, m, until));
}

/* Ask and wait.  params is taken; out_error may be NULL. */
static enum mcp_outcome
request(struct mcp_server *s, const char *method, struct json_object *params,
    int64_t until, struct json_object **out_result,
    struct json_object **out_error)
{
	struct mcp_message m = {
		.method = method, .params = params, .wants_reply = true
	};
	struct json_object *message;
	enum mcp_outcome outcome;
	int64_t id = ++s->last_id;

	*out_result = NULL;
	add_meta(s, params, id, strcmp(method, "tools/call") == 0);
	message = rpc_request(id, method, params);
	s->awaited = id;
	s->taken = 0;
	s->went_on = false;
	outcome = send(s, message, &m, until);
	s->awaited = 0;
	if (outcome == MCP_OK)
		outcome = read_reply(s, method, out_result, out_error);
	else if ((outcome == MCP_LATE || outcome == MCP_OVER) &&
	    s->version != NULL)
		cancel(s, id, outcome);
	json_object_put(s->reply);
	s->reply = NULL;
	json_object_put(message);
	return (outcome);
}

/* --- the handshake --- */

static const char *
known_version(const char *version)
{
	size_t i;

	for (i = 0; i < sizeof(legacy) / sizeof(legacy[0]); i++)
		if (version != NULL && strcmp(version, legacy[i]) == 0)
			return (legacy[i]);
	return (NULL);
}

static void
take_capabilities(struct mcp_server *s, struct json_object *result)
{
	struct json_object *o;

	s->has_tools = json_object_object_get_ex(result, "capabilities", &o) &&
	    json_object_object_get_ex(o, "tools", NULL);
	s->list_is_stale = true;
}

static enum mcp_outcome
say_initialized(struct mcp_server *s, int64_t until)
{
	struct mcp_message m = { .method = "notifications/initialized" };
	struct json_object *o = rpc_request(0, m.method, NULL);
	enum mcp_outcome outcome = send(s, o, &m, until);

	json_object_put(o);
	return (outcome);
}

static enum mcp_outcome
initialize(struct mcp_server *s, const char *version, int64_t until,
    struct json_object **out_error)
{
	struct json_object *params = json_object_new_object(), *result;
	enum mcp_outcome outcome;
	const char *theirs;

	field_put_str(params, "protocolVersion", version);
	field_put(params, "capabilities", json_object_new_object());
	field_put(params, "clientInfo", client_info());
	outcome = request(s, "initialize", params, until, &result, out_error);
	if (outcome != MCP_OK)
		return (outcome);
	theirs = field_get_str(result, "protocolVersion");
	s->version = known_version(theirs);
	if (s->version == NULL)
		outcome = mcp_fail(s, MCP_LOST,
		    "it speaks version %.40s of the protocol, which is "
		    "unknown here",
		    theirs == NULL ? "?" : theirs);
	else
		take_capabilities(s, result);
	json_object_put(result);
	return (outcome == MCP_OK ? say_initialized(s, until) : outcome);
}

static bool
is_in(struct json_object *list, const char *text)
{
	struct json_object *v;
	size_t i;

	if (!json_object_is_type(list, json_type_array))
		return (false);
	for (i = 0; i < json_object_array_length(list); i++) {
		v = json_object_array_get_idx(list, i);
		if (json_object_is_type(v, json_type_string) &&
		    strcmp(json_object_get_string(v), text) == 0)
			return (true);
	}
	return (false);
}

/* A server that knows no "initialize" may be of the time after it. */
static enum mcp_outcome
discover(struct mcp_server *s, int64_t until)
{
	struct json_object *result, *versions = NULL;
	enum mcp_outcome outcome;

	s->modern = true;
	s->version = MODERN;
	outcome = request(s, "server/discover", json_object_new_object(), until,
	    &result, NULL);
	if (outcome == MCP_OK) {
		(void)json_object_object_get_ex(
		    result, "supportedVersions", &versions);
		if (is_in(versions, MODERN))
			take_capabilities(s, result);
		else
			outcome = mcp_fail(s, MCP_LOST,
			    "it speaks no version of the protocol that is "
			    "known here");
		json_object_put(result);
	}
	if (outcome != MCP_OK) {
		s->modern = false;
		s->version = NULL;
	}
	return (outcome);
}

/* The newest version that both know, as an error may tell, or NULL. */
static const char *
version_offered(struct json_object *error)
{
	struct json_object *data, *list;
	size_t i;

	if (!json_object_object_get_ex(error, "data", &data) ||
	    !json_object_object_get_ex(data, "supported", &list))
		return (NULL);
	for (i = 0; i < sizeof(legacy) / sizeof(legacy[0]); i++)
		if (is_in(list, legacy[i]))
			return (legacy[i]);
	return (NULL);
}

enum mcp_outcome
mcp_open(struct mcp_server *s, int64_t until)
{
	struct json_object *error = NULL;
	char first[sizeof(s->reason)];
	enum mcp_outcome outcome;
	const char *other;

	s->modern = false;
	s->version = NULL;
	outcome = initialize(s, legacy[0], until, &error);
	other = version_offered(error);
	if (outcome == MCP_REFUSED && other != NULL)
		outcome = initialize(s, other, until, NULL);
	json_object_put(error);
	if (outcome == MCP_REFUSED) {
		strlcpy(first, s->reason, sizeof(first));
		outcome = discover(s, until);
		if (outcome == MCP_REFUSED)
			strlcpy(s->reason, first, sizeof(s->reason));
	}
	if (outcome == MCP_OK)
		s->state = MCP_READY;
	return (outcome);
}

/* --- tools --- */

/* Append a page; returns where the next one is, borrowed, or NULL. */
static const char *
take_page(struct json_object *page, struct json_object *all)
{
	struct json_object *list;
	size_t i, n = 0;

	if (json_object_object_get_ex(page, "tools", &list) &&
	    json_object_is_type(list, json_type_array))
		n = json_object_array_length(list);
	for (i = 0; i < n && json_object_array_length(all) < TOOLS_MAX; i++)
		json_object_array_add(
		    all, json_object_get(json_object_array_get_idx(list, i)));
	return (field_get_str(page, "nextCursor"));
}

enum mcp_outcome
mcp_list(struct mcp_server *s, int64_t until, struct json_object **out_tools)
{
	struct json_object *all = json_object_new_array(), *page = NULL;
	struct json_object *params, *last;
	enum mcp_outcome outcome = MCP_OK;
	const char *cursor = NULL;
	int pages = 0;

	*out_tools = all;
	s->list_is_stale = false;
	do {
		params = json_object_new_object();
		if (cursor != NULL)
			field_put_str(params, "cursor", cursor);
		last = page;
		outcome = request(s, "tools/list", params, until, &page, NULL);
		json_object_put(last);
		if (outcome != MCP_OK)
			break;
		cursor = take_page(page, all);
	} while (cursor != NULL && ++pages < PAGES_MAX);
	json_object_put(page);
	if (outcome == MCP_OK && cursor != NULL)
		log_warnx("MCP server %s: only the first %d pages of its "
			  "tools are used",
		    s->name, PAGES_MAX);
	return (outcome);
}

enum mcp_outcome
mcp_call(struct mcp_server *s, const char *tool, struct json_object *arguments,
    int64_t until, struct json_object **out_result)
{
	struct json_object *params = json_object_new_object();
	enum mcp_outcome outcome;
	const char *type;

	field_put_str(params, "name", tool);
	field_put(params, "arguments", json_object_get(arguments));
	outcome = request(s, "tools/call", params, until, out_result, NULL);
	type =
	    outcome == MCP_OK ? field_get_str(*out_result, "resultType") : NULL;
	if (type != NULL && strcmp(type, "complete") != 0) {
		outcome = mcp_fail(s, MCP_REFUSED,
		    "the server wants more input (%.40s), which is not "
		    "offered here",
		    type);
		json_object_put(*out_result);
		*out_result = NULL;
	}
	return (outcome);
}
