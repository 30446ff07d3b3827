/*
 * The Chat Completions API of OpenAI and of everybody who speaks it too:
 * requests, and the streams that answer them.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent-worker/backend/backend.h"
#include "agent-worker/backend/calls.h"
#include "agent-worker/backend/quirks.h"
#include "agent-worker/backend/scan.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"

static void
add(struct json_object *object, const char *name, struct json_object *value)
{
	json_object_object_add(object, name, value);
}

static void
add_string(struct json_object *object, const char *name, const char *value)
{
	add(object, name, json_object_new_string(value));
}

static struct json_object *
message_new(const char *role, const char *text)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "role", role);
	add_string(o, "content", text);
	return (o);
}

static void
chat_add_user(struct json_object *history, const char *text)
{
	json_object_array_add(history, message_new("user", text));
}

static void
chat_add_reply(struct json_object *history, const struct reply *r)
{
	if (r->native != NULL)
		json_object_array_add(history, json_object_get(r->native));
}

/* The API has no mark for an error: the text alone says it. */
static void
chat_add_result(struct json_object *history, const struct tool_call *call,
    const char *text, bool is_error)
{
	struct json_object *o = json_object_new_object();

	(void)is_error;
	add_string(o, "role", "tool");
	add_string(o, "tool_call_id", call->id);
	add_string(o, "content", text);
	json_object_array_add(history, o);
}

static char *
chat_url(const struct backend_config *config, const char *model)
{
	(void)model;
	return (xasprintf("%s/chat/completions", config->base_url));
}

static char **
chat_headers(const struct backend_config *config)
{
	return (headers_new(config, "Authorization: Bearer "));
}

static struct json_object *
tools_new(const struct tool_spec *tools, size_t ntools)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < ntools; i++) {
		struct json_object *f = json_object_new_object();
		struct json_object *o = json_object_new_object();

		add_string(f, "name", tools[i].name);
		add_string(f, "description", tools[i].description);
		add(f, "parameters", json_object_get(tools[i].schema));
		add_string(o, "type", "function");
		add(o, "function", f);
		json_object_array_add(list, o);
	}
	return (list);
}

static struct json_object *
messages_new(const char *system, struct json_object *history)
{
	struct json_object *list = json_object_new_array();

	if (system != NULL && *system != '\0')
		json_object_array_add(list, message_new("system", system));
	list_append(list, history);
	return (list);
}

/* What a run rests on, no parameter changes. */
static const char *const ours[] = { "model", "messages", "stream", "tools",
	"extra_body", NULL };

/* A null takes away what would be sent otherwise. */
static void
merge(struct json_object *request, struct json_object *params,
    const struct quirks *quirks)
{
	if (!json_object_is_type(params, json_type_object))
		return;
	json_object_object_foreach (params, name, value) {
		const char *as = name;

		if (words_have(ours, name))
			continue;
		if (strcmp(name, "max_tokens") == 0)
			as = quirks->max_tokens;
		if (value == NULL)
			json_object_object_del(request, as);
		else
			add(request, as, json_object_get(value));
	}
}

static struct json_object *
chat_build_request(const struct backend_config *config, const char *model,
    const char *system, struct json_object *history,
    const struct tool_spec *tools, size_t ntools)
{
	const struct quirks *quirks = quirks_find(config);
	struct json_object *request = json_object_new_object();
	struct json_object *options = json_object_new_object();

	add_string(request, "model", model);
	add(request, "messages", messages_new(system, history));
	add(request, "stream", json_object_new_boolean(true));
	add(options, "include_usage", json_object_new_boolean(true));
	add(request, "stream_options", options);
	if (ntools > 0) {
		add(request, "tools", tools_new(tools, ntools));
		add_string(request, "tool_choice", "auto");
	}
	merge(request, config->params, quirks);
	merge(request, member(config->params, "extra_body"), quirks);
	if (ntools == 0)
		json_object_object_del(request, "tool_choice");
	return (request);
}

static void
take_usage(
    const struct quirks *quirks, struct reply *r, struct json_object *usage)
{
	struct json_object *in, *out;
	struct usage *u = &r->usage;

	if (!json_object_is_type(usage, json_type_object))
		return;
	in = member(usage, "prompt_tokens_details");
	out = member(usage, "completion_tokens_details");
	u->input = member_count(usage, "prompt_tokens");
	u->output = member_count(usage, "completion_tokens");
	u->reasoning = member_count(out, "reasoning_tokens");
	u->cached = member_count(in, "cached_tokens");
	if (u->cached == 0)
		u->cached = member_count(usage, "cached_tokens");
	if (u->cached == 0)
		u->cached = member_count(usage, "prompt_cache_hit_tokens");
	if (quirks->output_lacks_reasoning &&
	    u->output <= INT64_MAX - u->reasoning)
		u->output += u->reasoning;
	usage_settle(u);
}

/*
 * Null and "" say nothing yet.  What nobody has heard of is an end like any
 * other.
 */
static void
take_finish(struct reply *r, struct json_object *value)
{
	static const struct {
		const char *reason;
		enum finish finish;
		enum failure failure;
	} reasons[] = {
		{ "length", FINISH_LENGTH, FAILURE_NONE },
		{ "model_length", FINISH_LENGTH, FAILURE_NONE },
		{ "tool_calls", FINISH_TOOL, FAILURE_NONE },
		{ "content_filter", FINISH_FILTER, FAILURE_NONE },
		{ "sensitive", FINISH_FILTER, FAILURE_NONE },
		{ "error", FINISH_NONE, FAILURE_TRANSIENT },
		{ "network_error", FINISH_NONE, FAILURE_TRANSIENT },
		{ "insufficient_system_resource", FINISH_NONE,
		    FAILURE_TRANSIENT },
	};
	const char *s;
	size_t i;

	if (!json_object_is_type(value, json_type_string) ||
	    json_object_get_string_len(value) == 0)
		return;
	s = json_object_get_string(value);
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(reasons[i].reason, s) != 0)
			continue;
		if (reasons[i].failure != FAILURE_NONE)
			reply_fail(r, reasons[i].failure,
			    "the provider ended the reply: %s", s);
		else
			r->finish = reasons[i].finish;
		return;
	}
	r->finish = FINISH_STOP;
}

/* Plain text, or the parts that some servers make of it. */
static void
take_content(struct reply *r, struct json_object *content)
{
	struct buf b = BUF_INITIALIZER;
	size_t i;

	for (i = 0; i < list_count(content); i++)
		reply_add_string(&b, member(list_at(content, i), "text"));
	reply_add_string(&b, content);
	if (b.len > 0)
		think_feed(&r->think, b.data, b.len, &r->text, &r->reasoning);
	buf_release(&b);
}

static bool
is_text(struct json_object *value)
{
	return (json_object_is_type(value, json_type_string) &&
	    json_object_get_string_len(value) > 0);
}

/* Where both thoughts are there, they say the same. */
static void
take_texts(struct reply *r, struct json_object *content,
    struct json_object *thought, struct json_object *same)
{
	reply_add_string(&r->reasoning, is_text(thought) ? thought : same);
	take_content(r, content);
}

/* A delta of a stream, or the message of a reply that came whole. */
static void
take_delta(struct reply *r, struct json_object *delta)
{
	take_texts(r, member(delta, "content"),
	    member(delta, "reasoning_content"), member(delta, "reasoning"));
	reply_add_string(&r->text, member(delta, "refusal"));
	calls_take(r, member(delta, "tool_calls"));
}

/* What the only choice of a frequent event may bring a piece of. */
struct piece {
	struct scan_value content;
	struct scan_value thought;
	struct scan_value same; /* thought, elsewhere */
	struct scan_value call; /* one begun before, by its index */
	struct scan_value call_index;
	struct scan_value arguments;
};

/* False if anything else in the event matters. */
static bool
scan_piece(struct piece *p, const char *data, size_t len)
{
	struct scan_value choice, index, delta, function;
	const struct scan_member in_function[] = { SCAN_VALUE("arguments",
						       &p->arguments),
		SCAN_ABSENT("name"), SCAN_END };
	const struct scan_member in_call[] = {
		SCAN_VALUE("index", &p->call_index), SCAN_ABSENT("id"),
		SCAN_OBJECT("function", &function, in_function), SCAN_END
	};
	const struct scan_member in_delta[] = { SCAN_VALUE(
						    "content", &p->content),
		SCAN_VALUE("reasoning_content", &p->thought),
		SCAN_VALUE("reasoning", &p->same), SCAN_ABSENT("refusal"),
		SCAN_ONLY("tool_calls", &p->call, in_call), SCAN_END };
	const struct scan_member in_choice[] = { SCAN_VALUE("index", &index),
		SCAN_OBJECT("delta", &delta, in_delta),
		SCAN_ABSENT("finish_reason"), SCAN_ABSENT("error"),
		SCAN_ABSENT("message"), SCAN_ABSENT("usage"), SCAN_END };
	const struct scan_member in_root[] = {
		SCAN_ONLY("choices", &choice, in_choice), SCAN_ABSENT("error"),
		SCAN_ABSENT("usage"), SCAN_ABSENT("x_groq"), SCAN_END
	};

	return (scan_text(data, len, in_root) && choice.at != NULL &&
	    (index.at == NULL || scan_is(index, "0")) &&
	    (p->call.at == NULL ||
		(p->call_index.at != NULL && p->arguments.at != NULL)));
}

/*
 * The most frequent events.  False, and nothing is taken, for all others.
 */
static bool
take_piece(struct reply *r, const char *data, size_t len)
{
	struct json_object *texts[4] = { NULL, NULL, NULL, NULL };
	struct piece p;
	int64_t call;
	size_t i;
	bool ok;

	if (!scan_piece(&p, data, len))
		return (false);
	ok = scan_string(p.content, &texts[0]) &&
	    scan_string(p.thought, &texts[1]) &&
	    scan_string(p.same, &texts[2]) &&
	    scan_string(p.arguments, &texts[3]) &&
	    scan_count(p.call_index, &call);
	if (ok)
		take_texts(r, texts[0], texts[1], texts[2]);
	if (ok && p.call.at != NULL)
		calls_add_arguments(r, call, texts[3]);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		json_object_put(texts[i]);
	return (ok);
}

/* The first one that is number 0 or has no number: we ask for one only. */
static struct json_object *
choice_of(struct json_object *root)
{
	struct json_object *choices = member(root, "choices"), *choice;
	size_t i;

	for (i = 0; i < list_count(choices); i++) {
		choice = list_at(choices, i);
		if (json_object_get_int64(member(choice, "index")) == 0)
			return (choice);
	}
	return (NULL);
}

static void
take_root(const struct backend_config *config, struct reply *r,
    struct json_object *root, const char *data, size_t len)
{
	const struct quirks *quirks = quirks_find(config);
	struct json_object *choice = choice_of(root);

	if (member(root, "error") != NULL || member(choice, "error") != NULL) {
		reply_fail_said(r, config, 200,
		    member(root, "error") != NULL ? root : choice, data, len);
		return;
	}
	take_usage(quirks, r, member(member(root, "x_groq"), "usage"));
	take_usage(quirks, r, member(choice, "usage"));
	take_usage(quirks, r, member(root, "usage"));
	take_delta(r, member(choice, "delta"));
	take_delta(r, member(choice, "message"));
	take_finish(r, member(choice, "finish_reason"));
}

static bool
is_done_mark(const char *data, size_t len)
{
	static const char mark[] = "[DONE]";
	size_t n = sizeof(mark) - 1;

	return (len >= n && memcmp(data, mark, n) == 0 &&
	    strspn(data + n, " \t") == len - n);
}

static void
chat_consume_event(const struct backend_config *config, struct reply *r,
    const char *event, const char *data, size_t len)
{
	struct json_object *root;

	(void)event;
	if (r->done)
		return;
	while (len > 0 && *data == ' ') {
		data++;
		len--;
	}
	if (len == 0)
		return;
	if (is_done_mark(data, len)) {
		r->done = true;
		return;
	}
	if (take_piece(r, data, len))
		return;
	root = reply_parse_event(r, data, len);
	if (root != NULL)
		take_root(config, r, root, data, len);
	json_object_put(root);
}

static void
chat_consume_body(const struct backend_config *config, struct reply *r,
    long status, const char *body, size_t len)
{
	struct json_object *root;

	root = reply_parse_body(r, config, status, body, len);
	if (root == NULL)
		return;
	if (choice_of(root) == NULL)
		reply_fail_said(r, config, 200, root, body, len);
	take_root(config, r, root, body, len);
	r->done = true;
	json_object_put(root);
}

static struct json_object *
call_native(const struct tool_call *c)
{
	struct json_object *f = json_object_new_object();
	struct json_object *o = json_object_new_object();

	add_string(o, "id", c->id);
	add_string(o, "type", "function");
	add_string(f, "name", c->name);
	/* Several servers parse what they get back, and fail on it. */
	add_string(f, "arguments", call_is_whole(c) ? c->arguments.data : "{}");
	add(o, "function", f);
	return (o);
}

/* The reply as the API wants it back: NULL for one that said nothing. */
static struct json_object *
native_new(const struct quirks *quirks, const struct reply *r)
{
	struct json_object *o, *calls;
	size_t i;

	if (r->text.len == 0 && r->ncalls == 0)
		return (NULL);
	o = json_object_new_object();
	add_string(o, "role", "assistant");
	add(o, "content",
	    r->text.len == 0 ? NULL : json_object_new_string(r->text.data));
	if (r->ncalls == 0)
		return (o);
	if (quirks->replays_reasoning)
		add_string(o, "reasoning_content",
		    r->reasoning.len == 0 ? "" : r->reasoning.data);
	calls = json_object_new_array();
	for (i = 0; i < r->ncalls; i++)
		json_object_array_add(calls, call_native(&r->calls[i]));
	add(o, "tool_calls", calls);
	return (o);
}

static void
chat_finish(const struct backend_config *config, struct reply *r)
{
	bool cut;

	think_finish(&r->think, &r->text, &r->reasoning);
	if (r->failure != FAILURE_NONE)
		return;
	cut = r->finish == FINISH_LENGTH || r->finish == FINISH_FILTER;
	calls_finish(r, cut);
	if (r->ncalls > 0)
		r->finish = FINISH_TOOL;
	else if (r->finish == FINISH_NONE || r->finish == FINISH_TOOL)
		r->finish = FINISH_STOP;
	r->done = true;
	r->native = native_new(quirks_find(config), r);
}

static bool
chat_replays_reasoning(const struct backend_config *config)
{
	return (quirks_find(config)->replays_reasoning);
}

const struct backend backend_chatcompletion = {
	.wire = "chatcompletion",
	.add_user = chat_add_user,
	.add_reply = chat_add_reply,
	.add_result = chat_add_result,
	.url = chat_url,
	.headers = chat_headers,
	.build_request = chat_build_request,
	.replays_reasoning = chat_replays_reasoning,
	.consume_event = chat_consume_event,
	.consume_body = chat_consume_body,
	.finish = chat_finish,
};
