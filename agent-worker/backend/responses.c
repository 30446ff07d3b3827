/*
 * The Responses API of OpenAI, Azure and xAI: the history, and the streams
 * that answer requests.  An item of the output counts once it is done, and
 * the reply once its last event has come; deltas are for showing.
 */

#include <string.h>

#include "agent-worker/backend/responses.h"
#include "agent-worker/backend/scan.h"
#include "ipc/xmalloc.h"

/* The most items accepted in one reply. */
#define ITEMS_MAX 1024

static void
add_string(struct json_object *object, const char *name, const char *value)
{
	json_object_object_add(object, name, json_object_new_string(value));
}

static void
responses_add_user(struct json_object *history, const char *text)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "role", "user");
	add_string(o, "content", text);
	json_object_array_add(history, o);
}

static void
responses_add_reply(struct json_object *history, const struct reply *r)
{
	list_append(history, r->native);
}

/* The API has no mark for an error: the text alone says it. */
static void
responses_add_result(struct json_object *history, const struct tool_call *call,
    const char *text, bool is_error)
{
	struct json_object *o = json_object_new_object();

	(void)is_error;
	add_string(o, "type", "function_call_output");
	add_string(o, "call_id", call->id);
	add_string(o, "output", text);
	json_object_array_add(history, o);
}

static char *
responses_url(const struct backend_config *config, const char *model)
{
	(void)model;
	return (xasprintf("%s/responses", config->base_url));
}

static char **
responses_headers(const struct backend_config *config)
{
	if (strcmp(config->type, "azure_openai") == 0)
		return (headers_new(config, "api-key: "));
	return (headers_new(config, "Authorization: Bearer "));
}

/*
 * Until the reply ends, native holds the latest event of each item of the
 * output, by output_index.  Servers that leave the index out or always give
 * the same one tell items apart by id; others change the id on the way.
 */
static bool
is_same_item(struct json_object *slot, struct json_object *event)
{
	struct json_object *number = member(event, "output_index");
	const char *id = member_text(event, "item_id");

	if (*id == '\0')
		id = member_text(member(event, "item"), "id");
	if (*id != '\0' && member_says(member(slot, "item"), "id", id))
		return (true);
	return (number != NULL &&
	    json_object_equal(member(slot, "output_index"), number) &&
	    !member_says(slot, "type", "response.output_item.done"));
}

/* The number of items if there is none yet. */
static size_t
slot_of(struct reply *r, struct json_object *event)
{
	size_t i, n = list_count(r->native);

	for (i = n; i > 0; i--)
		if (is_same_item(list_at(r->native, i - 1), event))
			return (i - 1);
	return (n);
}

/* Behind all whose index is not greater. */
static void
insert_slot(struct json_object *slots, struct json_object *event)
{
	int64_t number = json_object_get_int64(member(event, "output_index"));
	size_t i = json_object_array_length(slots);

	for (; i > 0; i--) {
		struct json_object *slot = list_at(slots, i - 1);

		if (json_object_get_int64(member(slot, "output_index")) <=
		    number)
			break;
		json_object_array_put_idx(slots, i, json_object_get(slot));
	}
	json_object_array_put_idx(slots, i, json_object_get(event));
}

static void
take_item(struct reply *r, struct json_object *event)
{
	size_t i;

	if (!json_object_is_type(member(event, "item"), json_type_object))
		return;
	if (r->native == NULL)
		r->native = json_object_new_array();
	i = slot_of(r, event);
	if (i == ITEMS_MAX)
		reply_fail(r, FAILURE_TRANSIENT,
		    "the reply has more than %d items", ITEMS_MAX);
	else if (i == json_object_array_length(r->native))
		insert_slot(r->native, event);
	else
		json_object_array_put_idx(r->native, i, json_object_get(event));
}

static void
take_new_item(struct reply *r, struct json_object *event)
{
	if (item_is_commentary(member(event, "item")))
		responses_part_thoughts(r);
	take_item(r, event);
}

static void
take_text(struct reply *r, struct json_object *event)
{
	struct json_object *slot = list_at(r->native, slot_of(r, event));
	bool aside = item_is_commentary(member(slot, "item"));

	reply_add_string(
	    aside ? &r->reasoning : &r->text, member(event, "delta"));
}

static void
take_new_thought(struct reply *r, struct json_object *event)
{
	(void)event;
	responses_part_thoughts(r);
}

static void
take_thought(struct reply *r, struct json_object *event)
{
	reply_add_string(&r->reasoning, member(event, "delta"));
}

static void
take_usage(struct reply *r, struct json_object *usage)
{
	struct json_object *in = member(usage, "input_tokens_details");
	struct json_object *out = member(usage, "output_tokens_details");
	struct usage *u = &r->usage;
	int64_t total = member_count(usage, "total_tokens");

	if (!json_object_is_type(usage, json_type_object))
		return;
	u->input = member_count(usage, "input_tokens");
	u->cached = member_count(in, "cached_tokens");
	u->cache_write = member_count(in, "cache_write_tokens");
	u->output = member_count(usage, "output_tokens");
	u->reasoning = member_count(out, "reasoning_tokens");
	/* The sum gives away who counts reasoning beside the output. */
	if (total > u->input && total - u->input - u->output == u->reasoning)
		u->output = total - u->input;
	usage_settle(u);
}

/*
 * What an error means that came with a status of 200.  The API names the
 * few that pass; all others will come again.
 */
static enum failure
failure_of(struct json_object *root)
{
	static const char *const passing[] = { "server_error",
		"rate_limit_exceeded", "too_many_requests",
		"service_unavailable_error", "server_is_overloaded",
		"slow_down" };
	struct json_object *error = member(root, "error");
	struct json_object *code = member(error, "code");
	int64_t status;
	size_t i;

	if (code == NULL)
		code = member(error, "type");
	if (!json_object_is_type(error, json_type_object))
		code = member(root, "code");
	if (code == NULL)
		return (FAILURE_TRANSIENT);
	for (i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (strcmp(json_object_get_string(code), passing[i]) == 0)
			return (FAILURE_TRANSIENT);
	status = json_object_get_int64(code);
	return (status >= 400 && status <= 599 ? retry_class((long)status)
					       : FAILURE_PERMANENT);
}

static void
fail(const struct backend_config *config, struct reply *r,
    struct json_object *root, const char *data, size_t len)
{
	reply_fail_said(r, config, 200, root, data, len);
	r->failure = failure_of(root);
}

/* A whole response: how it ended stands in status. */
static void
take_response(const struct backend_config *config, struct reply *r,
    const char *status, struct json_object *response, const char *data,
    size_t len)
{
	struct json_object *why = member(response, "incomplete_details");

	take_usage(r, member(response, "usage"));
	if (strcmp(status, "completed") == 0)
		r->finish = FINISH_STOP;
	else if (strcmp(status, "incomplete") == 0)
		r->finish = member_says(why, "reason", "content_filter")
		    ? FINISH_FILTER
		    : FINISH_LENGTH;
	if (r->finish == FINISH_NONE)
		fail(config, r, response, data, len);
	else
		responses_settle(r, response);
}

/* Those not listed say nothing that others do not say as well. */
static const struct {
	const char *type;
	void (*take)(struct reply *, struct json_object *event);
} events[] = {
	/* clang-format off */
	{ "response.output_text.delta",			take_text },
	{ "response.refusal.delta",			take_text },
	{ "response.reasoning_summary_text.delta",	take_thought },
	{ "response.reasoning_text.delta",		take_thought },
	{ "response.reasoning_summary_part.added",	take_new_thought },
	{ "response.output_item.added",			take_new_item },
	{ "response.output_item.done",			take_item },
	/* clang-format on */
};

/* The events that end a response; the status is behind the prefix. */
static const char *
status_of(const char *type)
{
	static const char prefix[] = "response.";
	static const char *const ends[] = { "completed", "incomplete", "failed",
		"cancelled" };
	size_t i;

	if (strncmp(type, prefix, sizeof(prefix) - 1) != 0)
		return (NULL);
	type += sizeof(prefix) - 1;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(ends[i], type) == 0)
			return (ends[i]);
	return (NULL);
}

static void
take_event(const struct backend_config *config, struct reply *r,
    const char *type, struct json_object *root, const char *data, size_t len)
{
	const char *status = status_of(type);
	size_t i;

	if (strcmp(type, "error") == 0 ||
	    (*type == '\0' && member(root, "error") != NULL))
		fail(config, r, root, data, len);
	else if (status != NULL)
		take_response(
		    config, r, status, member(root, "response"), data, len);
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (strcmp(events[i].type, type) == 0)
			events[i].take(r, root);
	/* what a message says is in the reply's text */
	if (strcmp(type, "response.output_item.done") == 0 &&
	    !member_says(member(root, "item"), "type", "message"))
		r->native_len += len;
}

/* Where nothing said is an aside, it matters not which item a text is of. */
static bool
has_commentary(struct json_object *slots)
{
	size_t i, n = list_count(slots);

	for (i = 0; i < n; i++)
		if (item_is_commentary(member(list_at(slots, i), "item")))
			return (true);
	return (false);
}

/* Where a delta of this type goes; NULL if that takes more to know. */
static struct buf *
goes_to(struct reply *r, struct scan_value type)
{
	if (scan_says(type, "response.reasoning_summary_text.delta") ||
	    scan_says(type, "response.reasoning_text.delta"))
		return (&r->reasoning);
	if ((scan_says(type, "response.output_text.delta") ||
		scan_says(type, "response.refusal.delta")) &&
	    !has_commentary(r->native))
		return (&r->text);
	return (NULL);
}

/*
 * The most frequent events, which bring a piece of text, of thought or of
 * arguments, which come whole later.  False, and nothing is taken, for all
 * others.
 */
static bool
take_delta(struct reply *r, const char *data, size_t len)
{
	struct scan_value type, delta;
	const struct scan_member members[] = { SCAN_VALUE("type", &type),
		SCAN_VALUE("delta", &delta), SCAN_END };
	struct json_object *text;
	struct buf *out;

	if (!scan_text(data, len, members))
		return (false);
	if (scan_says(type, "response.function_call_arguments.delta"))
		return (true);
	if ((out = goes_to(r, type)) == NULL || !scan_string(delta, &text))
		return (false);
	reply_add_string(out, text);
	json_object_put(text);
	return (true);
}

/* The name of the event is in its data too, where no proxy drops it. */
static void
responses_consume_event(const struct backend_config *config, struct reply *r,
    const char *event, const char *data, size_t len)
{
	struct json_object *root;
	const char *type;

	if (strspn(data, " \n") == len || r->done || r->failure != FAILURE_NONE)
		return;
	if (take_delta(r, data, len))
		return;
	if ((root = reply_parse_event(r, data, len)) == NULL)
		return;
	type = member_text(root, "type");
	take_event(config, r, *type == '\0' ? event : type, root, data, len);
	json_object_put(root);
}

static void
responses_consume_body(const struct backend_config *config, struct reply *r,
    long status, const char *body, size_t len)
{
	struct json_object *root;
	const char *how;

	root = reply_parse_body(r, config, status, body, len);
	if (root == NULL)
		return;
	how = member_text(root, "status");
	if (*how == '\0' && list_count(member(root, "output")) > 0)
		how = "completed";
	take_response(config, r, how, root, body, len);
	json_object_put(root);
}

const struct backend backend_responses = {
	.wire = "responses",
	.add_user = responses_add_user,
	.add_reply = responses_add_reply,
	.add_result = responses_add_result,
	.url = responses_url,
	.headers = responses_headers,
	.build_request = responses_build_request,
	.consume_event = responses_consume_event,
	.consume_body = responses_consume_body,
};
