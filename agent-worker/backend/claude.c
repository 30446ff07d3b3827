/*
 * Anthropic's Messages API: requests, and the history that they carry.  The
 * API wants what its models said back unmodified and in order, since their
 * thoughts are signed together with all that came before.
 */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/claude.h"
#include "ipc/field.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"

#define API_VERSION "anthropic-version: 2023-06-01"

/* An object whose one member says what it is. */
static struct json_object *
typed(const char *type)
{
	struct json_object *o = json_object_new_object();

	field_put_str(o, "type", type);
	return (o);
}

/*
 * The API wants user and assistant in turn: what one of them says in pieces
 * goes into one message.
 */
static void
add_block(
    struct json_object *history, const char *role, struct json_object *block)
{
	size_t n = json_object_array_length(history);
	struct json_object *last =
	    n > 0 ? json_object_array_get_idx(history, n - 1) : NULL;

	if (!member_says(last, "role", role)) {
		last = json_object_new_object();
		field_put_str(last, "role", role);
		field_put(last, "content", json_object_new_array());
		json_object_array_add(history, last);
	}
	json_object_array_add(member(last, "content"), block);
}

static void
claude_add_user(struct json_object *history, const char *text)
{
	struct json_object *block = typed("text");

	field_put_str(block, "text", text);
	add_block(history, "user", block);
}

static void
claude_add_reply(struct json_object *history, const struct reply *r)
{
	size_t i;

	for (i = 0; i < list_count(r->native); i++)
		add_block(history, "assistant",
		    json_object_get(list_at(r->native, i)));
}

static void
claude_add_result(struct json_object *history, const struct tool_call *call,
    const char *text, bool is_error)
{
	struct json_object *block = typed("tool_result");

	field_put_str(block, "tool_use_id", call->id);
	/* An error must say something. */
	field_put_str(block, "content", *text == '\0' ? "(nothing)" : text);
	if (is_error)
		field_put_bool(block, "is_error", true);
	add_block(history, "user", block);
}

/* Base URLs are given with and, as in the vendor's own tools, without /v1. */
static char *
claude_url(const struct backend_config *config, const char *model)
{
	const char *base = config->base_url;
	size_t len = strlen(base);
	bool versioned = len >= 3 && strcmp(base + len - 3, "/v1") == 0;

	(void)model;
	return (xasprintf("%s%s/messages", base, versioned ? "" : "/v1"));
}

/* The provider's own tools, and the keys that ask for them. */
static const struct native_tool {
	const char *keys[2]; /* the second one: as others call it, or "" */
	const char *type;
	const char *name;
	const char *beta; /* or NULL */
} native_tools[] = {
	{ { "enable_web_search", "" }, "web_search_20250305", "web_search",
	    NULL },
	{ { "enable_code_execution", "enable_code_interpreter" },
	    "code_execution_20250825", "code_execution",
	    "code-execution-2025-08-25" },
};
#define NNATIVE (sizeof(native_tools) / sizeof(native_tools[0]))

static bool
is_enabled(const struct backend_config *config, const struct native_tool *tool)
{
	return (
	    json_object_get_boolean(member(config->params, tool->keys[0])) ||
	    json_object_get_boolean(member(config->params, tool->keys[1])));
}

/* One more word of a header's list, if it is a word. */
static void
add_word(struct buf *list, const char *word)
{
	const char *c;

	for (c = word; isgraph((unsigned char)*c) && *c != ',';)
		c++;
	if (c != word && *c == '\0')
		buf_addf(list, "%s%s", list->len > 0 ? "," : "", word);
}

/* The beta features that are used, those of the user's key "betas" first. */
static void
list_betas(struct buf *list, const struct backend_config *config)
{
	struct json_object *betas = member(config->params, "betas");
	size_t i;

	for (i = 0; i < list_count(betas); i++) {
		struct json_object *beta = list_at(betas, i);

		if (json_object_is_type(beta, json_type_string))
			add_word(list, json_object_get_string(beta));
	}
	for (i = 0; i < NNATIVE; i++)
		if (native_tools[i].beta != NULL &&
		    is_enabled(config, &native_tools[i]))
			add_word(list, native_tools[i].beta);
}

static char **
claude_headers(const struct backend_config *config)
{
	char **headers = headers_new(config, "x-api-key: ");
	struct buf betas = BUF_INITIALIZER;
	size_t n = 0;

	while (headers[n] != NULL)
		n++;
	headers[n++] = xstrdup(API_VERSION);
	list_betas(&betas, config);
	if (betas.len > 0)
		headers[n++] = xasprintf("anthropic-beta: %s", betas.data);
	buf_release(&betas);
	return (headers);
}

static struct json_object *
tools_new(const struct backend_config *config, const struct tool_spec *tools,
    size_t ntools)
{
	struct json_object *list = json_object_new_array(), *o;
	size_t i;

	for (i = 0; i < ntools; i++) {
		o = json_object_new_object();
		field_put_str(o, "name", tools[i].name);
		field_put_str(o, "description", tools[i].description);
		field_put(o, "input_schema", json_object_get(tools[i].schema));
		json_object_array_add(list, o);
	}
	for (i = 0; i < NNATIVE; i++) {
		if (!is_enabled(config, &native_tools[i]))
			continue;
		o = typed(native_tools[i].type);
		field_put_str(o, "name", native_tools[i].name);
		json_object_array_add(list, o);
	}
	return (list);
}

static struct json_object *
copy_object(struct json_object *from)
{
	struct json_object *o = json_object_new_object();

	json_object_object_foreach (from, name, value)
		json_object_object_add(o, name, json_object_get(value));
	return (o);
}

/* A message whose last block bears the mark up to which is cached. */
static struct json_object *
cached_message(struct json_object *message)
{
	struct json_object *content = member(message, "content"), *last;
	struct json_object *list = json_object_new_array();
	struct json_object *o = copy_object(message);
	size_t i, n = json_object_array_length(content);

	for (i = 0; i + 1 < n; i++)
		json_object_array_add(list,
		    json_object_get(json_object_array_get_idx(content, i)));
	last = copy_object(json_object_array_get_idx(content, n - 1));
	field_put(last, "cache_control", typed("ephemeral"));
	json_object_array_add(list, last);
	json_object_object_add(o, "content", list);
	return (o);
}

/*
 * Writing a cache costs more than reading without one: that pays only in a
 * conversation of several calls, so from the second one on.  One mark at the
 * end covers the tools and the system message too.
 */
static struct json_object *
messages_new(struct json_object *history)
{
	struct json_object *list = json_object_new_array(), *message;
	size_t i, n = json_object_array_length(history);

	for (i = 0; i < n; i++) {
		message = json_object_array_get_idx(history, i);
		if (i > 0 && i + 1 == n && member_says(message, "role", "user"))
			message = cached_message(message);
		else
			message = json_object_get(message);
		json_object_array_add(list, message);
	}
	return (list);
}

/* What a run rests on, or what is meant for us, no parameter changes. */
static bool
is_ours(const char *name)
{
	static const char *const ours[] = { "model", "messages", "stream",
		"tools", "system", "betas", "extra_body", NULL };
	size_t i;

	if (words_have(ours, name))
		return (true);
	for (i = 0; i < NNATIVE; i++)
		if (strcmp(native_tools[i].keys[0], name) == 0 ||
		    strcmp(native_tools[i].keys[1], name) == 0)
			return (true);
	return (false);
}

static struct json_object *
as_list(struct json_object *value)
{
	struct json_object *list;

	if (json_object_is_type(value, json_type_array))
		return (json_object_get(value));
	list = json_object_new_array();
	json_object_array_add(list, json_object_get(value));
	return (list);
}

/* {"effort": E, ...} and E itself; NULL where there is none. */
static struct json_object *
as_output_config(struct json_object *value)
{
	struct json_object *o;

	if (json_object_is_type(value, json_type_object))
		value = member(value, "effort");
	if (value == NULL)
		return (NULL);
	o = json_object_new_object();
	field_put(o, "effort", json_object_get(value));
	return (o);
}

static struct json_object *
as_choice(struct json_object *value)
{
	const char *word;

	if (!json_object_is_type(value, json_type_string))
		return (json_object_get(value));
	word = json_object_get_string(value);
	return (typed(strcmp(word, "required") == 0 ? "any" : word));
}

/* Names that others have for what this API has too. */
static const struct renamed {
	const char *name;
	const char *as;
	struct json_object *(*convert)(struct json_object *);
} renamed[] = {
	{ "max_completion_tokens", "max_tokens", json_object_get },
	{ "max_output_tokens", "max_tokens", json_object_get },
	{ "stop", "stop_sequences", as_list },
	{ "reasoning", "output_config", as_output_config },
	{ "reasoning_effort", "output_config", as_output_config },
	{ "tool_choice", "tool_choice", as_choice },
};

static struct renamed
find_renamed(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++)
		if (strcmp(renamed[i].name, name) == 0)
			return (renamed[i]);
	return ((struct renamed) { name, name, json_object_get });
}

/* A null takes away what would be sent otherwise. */
static void
merge(struct json_object *request, struct json_object *params)
{
	struct json_object *converted;

	if (!json_object_is_type(params, json_type_object))
		return;
	json_object_object_foreach (params, name, value) {
		struct renamed r = find_renamed(name);

		if (is_ours(name))
			continue;
		if (value == NULL)
			json_object_object_del(request, r.as);
		else if ((converted = r.convert(value)) != NULL)
			json_object_object_add(request, r.as, converted);
	}
}

/*
 * The API wants a limit.  It counts thoughts too, so it leaves room for them,
 * and what the user grants to thoughts comes on top; early models take less.
 */
static int64_t
default_limit(const char *model, struct json_object *request)
{
	static const struct {
		const char *prefix;
		int64_t tokens;
	} limits[] = {
		{ "claude-3-5-", 8192 },
		{ "claude-3-7-", 16384 },
		{ "claude-3-", 4096 },
		{ "", 16384 },
	};
	int64_t budget =
	    member_count(member(request, "thinking"), "budget_tokens");
	size_t i = 0;

	while (strncmp(model, limits[i].prefix, strlen(limits[i].prefix)) != 0)
		i++;
	return (
	    budget < INT32_MAX ? limits[i].tokens + budget : limits[i].tokens);
}

static struct json_object *
claude_build_request(const struct backend_config *config, const char *model,
    const char *system, struct json_object *history,
    const struct tool_spec *tools, size_t ntools)
{
	struct json_object *request = json_object_new_object();
	struct json_object *list = tools_new(config, tools, ntools);
	bool has_tools = json_object_array_length(list) > 0;

	field_put_str(request, "model", model);
	if (system != NULL && *system != '\0')
		field_put_str(request, "system", system);
	field_put(request, "messages", messages_new(history));
	field_put_bool(request, "stream", true);
	if (has_tools)
		field_put(request, "tools", list);
	else
		json_object_put(list);
	merge(request, config->params);
	merge(request, member(config->params, "extra_body"));
	if (!has_tools)
		json_object_object_del(request, "tool_choice");
	if (member(request, "max_tokens") == NULL)
		field_put_int(
		    request, "max_tokens", default_limit(model, request));
	return (request);
}

const struct backend backend_claude = {
	.wire = "claude",
	.add_user = claude_add_user,
	.add_reply = claude_add_reply,
	.add_result = claude_add_result,
	.url = claude_url,
	.headers = claude_headers,
	.build_request = claude_build_request,
	.consume_event = claude_consume_event,
	.consume_body = claude_consume_body,
	.finish = claude_finish,
};
