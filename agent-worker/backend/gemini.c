/*
 * The Gemini API, generateContent of v1beta: its history of contents, and
 * the streams that answer requests.
 */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/calls.h"
#include "agent-worker/backend/gemini.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

/*
 * The most parts of one reply.  Each is kept as it came, since signatures
 * belong to parts; the models write 65536 tokens at most.
 */
#define PARTS_MAX 262144

static struct json_object *
content_new(const char *role)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "role", json_object_new_string(role));
	json_object_object_add(o, "parts", json_object_new_array());
	return (o);
}

/* Takes the value: {name: value} is a part. */
static void
add_part(
    struct json_object *content, const char *name, struct json_object *value)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, name, value);
	json_object_array_add(member(content, "parts"), o);
}

static void
gemini_add_user(struct json_object *history, const char *text)
{
	struct json_object *content = content_new("user");

	add_part(content, "text", json_object_new_string(text));
	json_object_array_add(history, content);
}

static void
gemini_add_reply(struct json_object *history, const struct reply *r)
{
	if (r->native != NULL)
		json_object_array_add(history, json_object_get(r->native));
}

static size_t
list_length(struct json_object *list)
{
	if (!json_object_is_type(list, json_type_array))
		return (0);
	return (json_object_array_length(list));
}

/* The n-th content from the end that history has, or NULL. */
static struct json_object *
from_end(struct json_object *history, size_t n)
{
	size_t len = json_object_array_length(history);

	return (len < n ? NULL : json_object_array_get_idx(history, len - n));
}

static bool
holds_results(struct json_object *content)
{
	return (member(json_object_array_get_idx(member(content, "parts"), 0),
		    "functionResponse") != NULL);
}

/* A call of content has this id by itself, and not of our making. */
static bool
knows_id(struct json_object *content, const char *id)
{
	struct json_object *parts = member(content, "parts"), *known;
	size_t i, n = list_length(parts);

	for (i = 0; i < n; i++) {
		known = member(
		    member(json_object_array_get_idx(parts, i), "functionCall"),
		    "id");
		if (json_object_is_type(known, json_type_string) &&
		    strcmp(json_object_get_string(known), id) == 0)
			return (true);
	}
	return (false);
}

/* All results of a reply go into one content, right behind it. */
static void
gemini_add_result(struct json_object *history, const struct tool_call *call,
    const char *text, bool is_error)
{
	struct json_object *content = from_end(history, 1), *result, *said;

	if (content == NULL || !holds_results(content)) {
		content = content_new("user");
		json_object_array_add(history, content);
	}
	result = json_object_new_object();
	if (knows_id(from_end(history, 2), call->id))
		json_object_object_add(
		    result, "id", json_object_new_string(call->id));
	json_object_object_add(
	    result, "name", json_object_new_string(call->name));
	said = json_object_new_object();
	json_object_object_add(
	    said, is_error ? "error" : "output", json_object_new_string(text));
	json_object_object_add(result, "response", said);
	add_part(content, "functionResponse", result);
}

/* A name with a slash is a resource's: "tunedModels/x". */
static char *
gemini_url(const struct backend_config *config, const char *model)
{
	struct buf b = BUF_INITIALIZER;
	const char *p;

	buf_addf(&b, "%s/%s", config->base_url,
	    strchr(model, '/') == NULL ? "models/" : "");
	for (p = model; *p != '\0'; p++)
		if (isalnum((unsigned char)*p) || strchr("-._~/@:", *p) != NULL)
			buf_add(&b, p, 1);
		else
			buf_addf(&b, "%%%02X", (unsigned char)*p);
	buf_adds(&b, ":streamGenerateContent?alt=sse");
	return (buf_detach(&b));
}

static char **
gemini_headers(const struct backend_config *config)
{
	return (headers_new(config, "x-goog-api-key: "));
}

/* Two counts, neither of them negative. */
static int64_t
sum(int64_t a, int64_t b)
{
	return (a > INT64_MAX - b ? INT64_MAX : a + b);
}

/* The counts are of the whole call so far: the last ones stand. */
static void
take_usage(struct reply *r, struct json_object *usage)
{
	struct usage *u = &r->usage;

	if (!json_object_is_type(usage, json_type_object))
		return;
	u->input = sum(member_count(usage, "promptTokenCount"),
	    member_count(usage, "toolUsePromptTokenCount"));
	u->cached = member_count(usage, "cachedContentTokenCount");
	u->reasoning = member_count(usage, "thoughtsTokenCount");
	u->output =
	    sum(member_count(usage, "candidatesTokenCount"), u->reasoning);
	usage_settle(u);
}

/* The provider's reason, and its words where it has any; on the heap. */
static char *
said(struct json_object *reason, struct json_object *words)
{
	return (xasprintf("%s%s%s", json_object_get_string(reason),
	    words == NULL ? "" : ": ",
	    words == NULL ? "" : json_object_get_string(words)));
}

/* Why a reply ends; what is not here is an end like any other. */
static const struct {
	const char *reason;
	enum finish finish; /* FINISH_NONE: it failed, or goes on */
	enum failure failure;
} reasons[] = {
	/* clang-format off */
	{ "MAX_TOKENS",			FINISH_LENGTH, FAILURE_NONE },
	{ "CONTINUATION",		FINISH_LENGTH, FAILURE_NONE },
	{ "SAFETY",			FINISH_FILTER, FAILURE_NONE },
	{ "RECITATION",			FINISH_FILTER, FAILURE_NONE },
	{ "LANGUAGE",			FINISH_FILTER, FAILURE_NONE },
	{ "BLOCKLIST",			FINISH_FILTER, FAILURE_NONE },
	{ "PROHIBITED_CONTENT",		FINISH_FILTER, FAILURE_NONE },
	{ "SPII",			FINISH_FILTER, FAILURE_NONE },
	{ "IMAGE_SAFETY",		FINISH_FILTER, FAILURE_NONE },
	{ "IMAGE_PROHIBITED_CONTENT",	FINISH_FILTER, FAILURE_NONE },
	{ "IMAGE_RECITATION",		FINISH_FILTER, FAILURE_NONE },
	{ "MALFORMED_FUNCTION_CALL",	FINISH_NONE,   FAILURE_TRANSIENT },
	{ "MALFORMED_RESPONSE",		FINISH_NONE,   FAILURE_TRANSIENT },
	{ "UNEXPECTED_TOOL_CALL",	FINISH_NONE,   FAILURE_TRANSIENT },
	{ "TOO_MANY_TOOL_CALLS",	FINISH_NONE,   FAILURE_TRANSIENT },
	{ "MISSING_THOUGHT_SIGNATURE",	FINISH_NONE,   FAILURE_PERMANENT },
	{ "FINISH_REASON_UNSPECIFIED",	FINISH_NONE,   FAILURE_NONE },
	{ "",				FINISH_NONE,   FAILURE_NONE },
	/* clang-format on */
};

static void
take_finish(struct reply *r, struct json_object *candidate)
{
	struct json_object *value = member(candidate, "finishReason");
	size_t i, n = sizeof(reasons) / sizeof(reasons[0]);
	char *text;

	if (!json_object_is_type(value, json_type_string))
		return;
	for (i = 0; i < n; i++)
		if (strcmp(reasons[i].reason, json_object_get_string(value)) ==
		    0)
			break;
	if (i == n) {
		r->finish = FINISH_STOP;
		return;
	}
	text = said(value, member(candidate, "finishMessage"));
	if (reasons[i].failure != FAILURE_NONE)
		reply_fail(r, reasons[i].failure,
		    "the provider ended the reply: %s", text);
	else if (reasons[i].finish != FINISH_NONE)
		r->finish = reasons[i].finish;
	if (r->finish == FINISH_FILTER && r->error == NULL)
		r->error = utf8_line(text, REPLY_ERROR_MAX - 3);
	free(text);
}

static void
take_call(struct reply *r, struct json_object *function)
{
	struct json_object *arguments = member(function, "args");
	struct buf id = BUF_INITIALIZER, name = BUF_INITIALIZER;
	struct tool_call *c;

	reply_add_string(&id, member(function, "id"));
	reply_add_string(&name, member(function, "name"));
	if (name.len == 0) {
		reply_fail(r, FAILURE_TRANSIENT,
		    "the model called a function without a name");
	} else if ((c = calls_add(r)) != NULL) {
		c->name = buf_detach(&name);
		if (id.len > 0)
			c->id = buf_detach(&id);
		if (arguments != NULL)
			buf_adds(&c->arguments,
			    json_object_to_json_string_ext(arguments,
				JSON_C_TO_STRING_PLAIN |
				    JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	buf_release(&id);
	buf_release(&name);
}

/* {"text": ""} and nothing else: it says nothing, and is refused if sent. */
static bool
is_empty(struct json_object *part)
{
	struct json_object *text = member(part, "text");

	return (json_object_object_length(part) == 1 &&
	    json_object_is_type(text, json_type_string) &&
	    json_object_get_string_len(text) == 0);
}

static void
take_part(struct reply *r, struct json_object *part)
{
	struct json_object *function = member(part, "functionCall");
	struct json_object *parts;

	if (!json_object_is_type(part, json_type_object) ||
	    json_object_object_length(part) == 0 || is_empty(part))
		return;
	if (r->native == NULL)
		r->native = content_new("model");
	parts = member(r->native, "parts");
	if (json_object_array_length(parts) == PARTS_MAX) {
		reply_fail(r, FAILURE_TRANSIENT,
		    "the model's reply has more than %d parts", PARTS_MAX);
		return;
	}
	json_object_array_add(parts, json_object_get(part));
	if (function != NULL)
		take_call(r, function);
	else
		reply_add_string(
		    json_object_get_boolean(member(part, "thought"))
			? &r->reasoning
			: &r->text,
		    member(part, "text"));
}

/* The first one that is number 0 or has no number: we ask for one only. */
static struct json_object *
candidate_of(struct json_object *root)
{
	struct json_object *list = member(root, "candidates"), *candidate;
	size_t i, n = list_length(list);

	for (i = 0; i < n; i++) {
		candidate = json_object_array_get_idx(list, i);
		if (json_object_get_int64(member(candidate, "index")) == 0)
			return (candidate);
	}
	return (NULL);
}

/* "34.4s" in milliseconds; 0 for anything else. */
static int64_t
delay_of(struct json_object *value)
{
	char text[32], *unit;
	int64_t ms;

	if (!json_object_is_type(value, json_type_string) ||
	    strlcpy(text, json_object_get_string(value), sizeof(text)) >=
		sizeof(text))
		return (0);
	unit = strchr(text, 's');
	if (!isdigit((unsigned char)text[0]) || unit == NULL || unit[1] != '\0')
		return (0);
	*unit = '\0';
	ms = retry_after_parse(text, 0);
	return (ms > 0 ? ms : 0);
}

/* A quota that is gone for today: no pause of ours brings it back. */
static bool
is_daily(struct json_object *detail)
{
	struct json_object *list = member(detail, "violations"), *id;
	size_t i, n = list_length(list);

	for (i = 0; i < n; i++) {
		id = member(json_object_array_get_idx(list, i), "quotaId");
		if (json_object_is_type(id, json_type_string) &&
		    strstr(json_object_get_string(id), "PerDay") != NULL)
			return (true);
	}
	return (false);
}

/*
 * The error model of Google's APIs (google.rpc): beside the words there are
 * details, which say when to come back, or that it is of no use.
 */
static void
take_error(const struct backend_config *config, struct reply *r, long status,
    struct json_object *root, const char *body, size_t len)
{
	struct json_object *details = member(member(root, "error"), "details");
	struct json_object *detail;
	size_t i, n = list_length(details);
	int64_t ms;

	reply_fail_said(r, config, status, root, body, len);
	for (i = 0; i < n; i++) {
		detail = json_object_array_get_idx(details, i);
		if ((ms = delay_of(member(detail, "retryDelay"))) > 0)
			r->retry_after_ms = ms;
		if (is_daily(detail))
			r->failure = FAILURE_PERMANENT;
	}
}

/* The question itself was refused: there are no candidates then. */
static void
take_feedback(struct reply *r, struct json_object *feedback)
{
	struct json_object *reason = member(feedback, "blockReason");
	char *text;

	if (!json_object_is_type(reason, json_type_string))
		return;
	text = said(reason, member(feedback, "blockReasonMessage"));
	reply_fail(
	    r, FAILURE_PERMANENT, "the provider blocked the prompt: %s", text);
	free(text);
}

static void
take_root(const struct backend_config *config, struct reply *r,
    struct json_object *root, const char *data, size_t len)
{
	struct json_object *candidate = candidate_of(root), *parts;
	size_t i, n;

	if (member(root, "error") != NULL) {
		take_error(config, r, 200, root, data, len);
		return;
	}
	take_usage(r, member(root, "usageMetadata"));
	take_feedback(r, member(root, "promptFeedback"));
	parts = member(member(candidate, "content"), "parts");
	n = list_length(parts);
	for (i = 0; i < n && r->failure == FAILURE_NONE; i++)
		take_part(r, json_object_array_get_idx(parts, i));
	take_finish(r, candidate);
}

static void
gemini_consume_event(const struct backend_config *config, struct reply *r,
    const char *event, const char *data, size_t len)
{
	struct json_object *root;
	char err[128];

	(void)event;
	if (r->failure != FAILURE_NONE)
		return;
	root = reply_parse(data, len, err, sizeof(err));
	if (root != NULL)
		take_root(config, r, root, data, len);
	else if (!reply_is_complete(r))
		reply_fail(r, FAILURE_TRANSIENT,
		    "the server sent an event that is %s", err);
	json_object_put(root);
}

/* Without "alt=sse", the events come as the elements of one list. */
static void
take_list(const struct backend_config *config, struct reply *r,
    const char *body, size_t len)
{
	struct buf b = BUF_INITIALIZER;
	struct json_object *root, *list;
	char err[128];
	size_t i, n;

	buf_adds(&b, "{\"list\":");
	buf_add(&b, body, len);
	buf_adds(&b, "}");
	root = reply_parse(b.data, b.len, err, sizeof(err));
	list = member(root, "list");
	n = list_length(list);
	for (i = 0; i < n && r->failure == FAILURE_NONE; i++)
		take_root(
		    config, r, json_object_array_get_idx(list, i), body, len);
	json_object_put(root);
	buf_release(&b);
}

static void
gemini_consume_body(const struct backend_config *config, struct reply *r,
    long status, const char *body, size_t len)
{
	struct json_object *root;
	char err[128];

	root = reply_parse(body, len, err, sizeof(err));
	if (status != 200) {
		take_error(config, r, status, root, body, len);
	} else {
		if (root != NULL)
			take_root(config, r, root, body, len);
		else
			take_list(config, r, body, len);
		if (!reply_is_complete(r))
			take_error(config, r, 200, root, body, len);
	}
	json_object_put(root);
}

static void
settle(struct reply *r)
{
	calls_finish(r, false);
	if (r->ncalls > 0)
		r->finish = FINISH_TOOL;
	else if (r->finish == FINISH_STOP && r->text.len == 0 &&
	    r->reasoning.len == 0)
		reply_fail(r, FAILURE_TRANSIENT, "the model said nothing");
	r->done = r->failure == FAILURE_NONE;
}

static void
gemini_finish(const struct backend_config *config, struct reply *r)
{
	(void)config;
	if (r->failure == FAILURE_NONE && !reply_is_complete(r))
		reply_fail(r, FAILURE_TRUNCATED,
		    "the stream ended before the reply did");
	if (r->failure == FAILURE_NONE)
		settle(r);
	if (r->failure != FAILURE_NONE)
		reply_drop_calls(r);
	/* A model's content that says nothing has no place in the history. */
	if (r->failure != FAILURE_NONE ||
	    (r->text.len == 0 && r->ncalls == 0)) {
		json_object_put(r->native);
		r->native = NULL;
	}
}

const struct backend backend_gemini = {
	.wire = "gemini",
	.add_user = gemini_add_user,
	.add_reply = gemini_add_reply,
	.add_result = gemini_add_result,
	.url = gemini_url,
	.headers = gemini_headers,
	.build_request = gemini_build_request,
	.consume_event = gemini_consume_event,
	.consume_body = gemini_consume_body,
	.finish = gemini_finish,
};
