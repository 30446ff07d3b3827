/*
 * The Gemini API, generateContent of v1beta: its history of contents, and
 * where it is asked.
 */

#include <ctype.h>
#include <string.h>

#include "agent-worker/backend/gemini.h"

struct json_object *
gemini_content(const char *role)
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
	struct json_object *content = gemini_content("user");

	add_part(content, "text", json_object_new_string(text));
	json_object_array_add(history, content);
}

static void
gemini_add_reply(struct json_object *history, const struct reply *r)
{
	if (r->native != NULL)
		json_object_array_add(history, json_object_get(r->native));
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
	size_t i, n = list_count(parts);

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
		content = gemini_content("user");
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
