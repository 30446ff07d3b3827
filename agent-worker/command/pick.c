/* What of a program's JSON means what. */

#include <string.h>

#include "agent-worker/command/pick.h"

#define DEPTH_MAX 32

/* What is being looked for, and who is told. */
struct search {
	enum pick_part part;
	pick_fn *fn;
	void *arg;
};

/* clang-format off */

/* The names that a configuration uses; NULL: what it cannot name. */
static const char *const names[PICK_PARTS] = {
	[PICK_TEXT] = "text",
	[PICK_PIECE] = NULL,
	[PICK_SAID] = NULL,
	[PICK_ERROR] = "error",
	[PICK_COST] = "cost",
	[PICK_INPUT] = "input_tokens",
	[PICK_CACHED] = "cached_input_tokens",
	[PICK_CACHE_WRITE] = "cache_write_tokens",
	[PICK_OUTPUT] = "output_tokens",
	[PICK_REASONING] = "reasoning_tokens",
};

static const struct {
	enum pick_part part;
	const char *path;
} defaults[] = {
	/* codex and gemini */
	{ PICK_ERROR, "error.message" },

	/* claude: one object of type result comes last */
	{ PICK_TEXT, "[type=result].result" },
	{ PICK_SAID, "[type=assistant].message.content.*[type=text].text" },
	{ PICK_ERROR, "[type=result][is_error=true].result" },
	{ PICK_ERROR, "[type=result][is_error=true].subtype" },
	{ PICK_COST, "total_cost_usd" },
	/* ... its input tokens are those that no cache had to do with */
	{ PICK_INPUT, "[type=result].usage.input_tokens" },
	{ PICK_INPUT, "[type=result].usage.cache_read_input_tokens" },
	{ PICK_INPUT, "[type=result].usage.cache_creation_input_tokens" },
	{ PICK_CACHED, "[type=result].usage.cache_read_input_tokens" },
	{ PICK_CACHE_WRITE, "[type=result].usage.cache_creation_input_tokens" },
	{ PICK_OUTPUT, "[type=result].usage.output_tokens" },

	/* codex: messages are items, of which the last one counts */
	{ PICK_TEXT, "[type=item.completed].item[type=agent_message].text" },
	{ PICK_INPUT, "[type=turn.completed].usage.input_tokens" },
	{ PICK_CACHED, "[type=turn.completed].usage.cached_input_tokens" },
	{ PICK_OUTPUT, "[type=turn.completed].usage.output_tokens" },
	{ PICK_REASONING,
	    "[type=turn.completed].usage.reasoning_output_tokens" },

	/* gemini: one object, whose output tokens leave out the thoughts */
	{ PICK_TEXT, "response" },
	{ PICK_INPUT, "stats.models.*.tokens.prompt" },
	{ PICK_CACHED, "stats.models.*.tokens.cached" },
	{ PICK_OUTPUT, "stats.models.*.tokens.candidates" },
	{ PICK_OUTPUT, "stats.models.*.tokens.thoughts" },
	{ PICK_REASONING, "stats.models.*.tokens.thoughts" },
	/* ... or a stream */
	{ PICK_PIECE, "[type=message][role=assistant].content" },
	{ PICK_INPUT, "[type=result].stats.input_tokens" },
	{ PICK_CACHED, "[type=result].stats.cached" },
	{ PICK_OUTPUT, "[type=result].stats.output_tokens" },
};

/* clang-format on */

static bool
name_is(const char *name, const char *path, size_t len)
{
	return (strlen(name) == len && strncmp(name, path, len) == 0);
}

static struct json_object *
member(struct json_object *o, const char *name, size_t len)
{
	if (!json_object_is_type(o, json_type_object))
		return (NULL);
	json_object_object_foreach (o, key, value) {
		if (name_is(key, name, len))
			return (value);
	}
	return (NULL);
}

/* "[NAME=VALUE]" at path; NULL: it does not hold, else what follows it. */
static const char *
condition(struct json_object *o, const char *path)
{
	const char *equals = strchr(path, '='), *end = strchr(path, ']');
	struct json_object *v;

	if (equals == NULL || end == NULL || equals > end)
		return (NULL);
	v = member(o, path + 1, (size_t)(equals - path) - 1);
	if (v == NULL ||
	    !name_is(json_object_get_string(v), equals + 1,
		(size_t)(end - equals) - 1))
		return (NULL);
	return (end + 1);
}

static void
walk(const struct search *s, struct json_object *o, const char *path, int depth)
{
	size_t i, len;

	while (path != NULL && *path == '[')
		path = condition(o, path);
	if (path == NULL || o == NULL || depth == 0)
		return;
	if (*path == '\0') {
		s->fn(s->arg, s->part, o);
		return;
	}
	path += *path == '.' ? 1 : 0;
	len = strcspn(path, ".[");
	if (!name_is("*", path, len)) {
		walk(s, member(o, path, len), path + len, depth - 1);
	} else if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach (o, key, value) {
			(void)key;
			walk(s, value, path + len, depth - 1);
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (i = 0; i < json_object_array_length(o); i++)
			walk(s, json_object_array_get_idx(o, i), path + len,
			    depth - 1);
	}
}

/* The configuration's path of a part, or NULL. */
static const char *
own_path(struct json_object *fields, enum pick_part part)
{
	struct json_object *v;

	/* text found elsewhere is not text of the agent's */
	if (part == PICK_PIECE || part == PICK_SAID)
		part = PICK_TEXT;
	if (!json_object_is_type(fields, json_type_object) ||
	    !json_object_object_get_ex(fields, names[part], &v))
		return (NULL);
	return (json_object_get_string(v));
}

void
pick_from(
    struct json_object *o, struct json_object *fields, pick_fn *fn, void *arg)
{
	struct search s = { PICK_TEXT, fn, arg };
	const char *own;
	size_t i;
	int part;

	for (part = PICK_PARTS - 1; part >= 0; part--) {
		s.part = (enum pick_part)part;
		own = own_path(fields, s.part);
		if (own != NULL && names[part] != NULL)
			walk(&s, o, own, DEPTH_MAX);
		for (i = 0;
		     own == NULL && i < sizeof(defaults) / sizeof(defaults[0]);
		     i++)
			if (defaults[i].part == s.part)
				walk(&s, o, defaults[i].path, DEPTH_MAX);
	}
}
