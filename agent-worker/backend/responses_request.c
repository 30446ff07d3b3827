/*
 * Requests to the Responses API: nothing is stored at the provider, so the
 * whole history goes along each time, with the reasoning sealed by it.
 */

#include <fnmatch.h>
#include <string.h>

#include "agent-worker/backend/responses.h"
#include "ipc/words.h"

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

/*
 * Which models reason, and so may be asked for their sealed reasoning: the
 * others refuse such a request.  From OpenAI's and xAI's model pages; the
 * first pattern that fits decides, and what fits none reasons if the user
 * gives parameters for it, as with deployments that have names of their own.
 */
static const struct {
	const char *pattern; /* see fnmatch(3) */
	bool reasons;
} models[] = {
	/* clang-format off */
	{ "gpt-[34]*",		false },
	{ "gpt-5-chat*",	false },
	{ "gpt-[5-9]*",		true },
	{ "o[1-9]*",		true },
	{ "codex-mini*",	true },
	{ "*-non-reasoning*",	false },
	{ "grok-3-mini*",	true },
	{ "grok-[123]*",	false },
	{ "grok-*",		true },
	/* clang-format on */
};

static bool
reasons(const char *model, struct json_object *params)
{
	const char *slash = strrchr(model, '/');
	size_t i;

	/* A gateway puts the vendor in front, and tuning puts "ft:". */
	if (slash != NULL)
		model = slash + 1;
	if (strncmp(model, "ft:", 3) == 0)
		model += 3;
	for (i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		if (fnmatch(models[i].pattern, model, 0) == 0)
			return (models[i].reasons);
	return (member(params, "reasoning") != NULL ||
	    member(params, "reasoning_effort") != NULL);
}

/* Not strict: a schema that does not suit that mode would be refused. */
static struct json_object *
function_new(const struct tool_spec *tool)
{
	struct json_object *o = json_object_new_object();

	add_string(o, "type", "function");
	add_string(o, "name", tool->name);
	add_string(o, "description", tool->description);
	add(o, "parameters", json_object_get(tool->schema));
	add(o, "strict", json_object_new_boolean(false));
	return (o);
}

/* The tools that the provider runs itself, and what asks for them. */
static const struct native_tool {
	const char *type;
	const char *keys[2];
	bool has_container;
} native_tools[] = {
	{ "web_search", { "enable_web_search", NULL }, false },
	{ "code_interpreter",
	    { "enable_code_interpreter", "enable_code_execution" }, true },
};

#define NNATIVE (sizeof(native_tools) / sizeof(native_tools[0]))
#define NKEYS   (sizeof(native_tools[0].keys) / sizeof(char *))

static bool
is_wanted(const struct native_tool *tool, struct json_object *params)
{
	size_t i;

	for (i = 0; i < NKEYS; i++)
		if (tool->keys[i] != NULL &&
		    json_object_get_boolean(member(params, tool->keys[i])))
			return (true);
	return (false);
}

static struct json_object *
native_tool_new(const struct native_tool *tool)
{
	struct json_object *o = json_object_new_object(), *container;

	add_string(o, "type", tool->type);
	if (tool->has_container) {
		container = json_object_new_object();
		add_string(container, "type", "auto");
		add(o, "container", container);
	}
	return (o);
}

static struct json_object *
tools_new(const struct backend_config *config, const struct tool_spec *tools,
    size_t ntools)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < ntools; i++)
		json_object_array_add(list, function_new(&tools[i]));
	for (i = 0; i < NNATIVE; i++)
		if (is_wanted(&native_tools[i], config->params))
			json_object_array_add(
			    list, native_tool_new(&native_tools[i]));
	return (list);
}

/* Names of the Chat Completions API, and where this one has their values. */
static const struct {
	const char *name;
	const char *as;
	const char *inside; /* an object that has it as a member, or NULL */
} renamed[] = {
	{ "max_tokens", "max_output_tokens", NULL },
	{ "max_completion_tokens", "max_output_tokens", NULL },
	{ "reasoning_effort", "effort", "reasoning" },
	{ "verbosity", "verbosity", "text" },
	{ "response_format", "format", "text" },
};

#define NRENAMED (sizeof(renamed) / sizeof(renamed[0]))

/* What a run rests on, and what is no parameter of the API. */
static bool
is_ours(const char *name)
{
	static const char *const ours[] = { "model", "instructions", "input",
		"stream", "tools", "extra_body", "enable_web_search",
		"enable_code_interpreter", "enable_code_execution", NULL };
	size_t i;

	if (words_have(ours, name))
		return (true);
	for (i = 0; i < NRENAMED; i++)
		if (strcmp(renamed[i].name, name) == 0)
			return (true);
	return (false);
}

/* "json_schema" has a level of its own there and none here. */
static struct json_object *
flattened(struct json_object *value)
{
	struct json_object *schema = member(value, "json_schema");
	struct json_object *o;

	if (!json_object_is_type(schema, json_type_object))
		return (json_object_get(value));
	o = json_object_new_object();
	json_object_object_foreach (schema, name, inner) {
		add(o, name, json_object_get(inner));
	}
	add(o, "type", json_object_get(member(value, "type")));
	return (o);
}

/* What the user gave by the name it has here stays. */
static void
merge_renamed(struct json_object *request, struct json_object *params, size_t i)
{
	struct json_object *value = member(params, renamed[i].name);
	struct json_object *in = request, *copy = NULL;

	if (value == NULL)
		return;
	if (renamed[i].inside != NULL) {
		in = member(request, renamed[i].inside);
		if (in == NULL)
			copy = json_object_new_object();
		else
			json_object_deep_copy(in, &copy, NULL);
		add(request, renamed[i].inside, copy);
		in = copy;
	}
	if (json_object_is_type(in, json_type_object) &&
	    !json_object_object_get_ex(in, renamed[i].as, NULL))
		add(in, renamed[i].as, flattened(value));
}

/* A null takes away what would be sent otherwise. */
static void
merge(struct json_object *request, struct json_object *params)
{
	size_t i;

	if (!json_object_is_type(params, json_type_object))
		return;
	json_object_object_foreach (params, name, value) {
		if (is_ours(name))
			continue;
		if (value == NULL)
			json_object_object_del(request, name);
		else
			add(request, name, json_object_get(value));
	}
	for (i = 0; i < NRENAMED; i++)
		merge_renamed(request, params, i);
}

static void
add_include(struct json_object *request)
{
	struct json_object *list = json_object_new_array();

	json_object_array_add(
	    list, json_object_new_string("reasoning.encrypted_content"));
	add(request, "include", list);
}

/* Without tools the API knows nothing to choose among. */
static void
drop_tools(struct json_object *request)
{
	json_object_object_del(request, "tools");
	json_object_object_del(request, "tool_choice");
	json_object_object_del(request, "parallel_tool_calls");
}

struct json_object *
responses_build_request(const struct backend_config *config, const char *model,
    const char *system, struct json_object *history,
    const struct tool_spec *tools, size_t ntools)
{
	struct json_object *request = json_object_new_object();
	struct json_object *list = tools_new(config, tools, ntools);

	add_string(request, "model", model);
	if (system != NULL && *system != '\0')
		add_string(request, "instructions", system);
	add(request, "input", json_object_get(history));
	add(request, "stream", json_object_new_boolean(true));
	add(request, "store", json_object_new_boolean(false));
	if (reasons(model, config->params))
		add_include(request);
	add(request, "tools", list);
	merge(request, config->params);
	merge(request, member(config->params, "extra_body"));
	if (json_object_array_length(list) == 0)
		drop_tools(request);
	return (request);
}
