/* What a Gemini model is asked: the request of generateContent. */

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/gemini.h"
#include "ipc/log.h"
#include "ipc/words.h"

/* How a parameter of ours is taken. */
enum place {
	PLACE_CONFIG,   /* into generationConfig, under another name */
	PLACE_THINKING, /* into its thinkingConfig */
	PLACE_REQUEST,  /* at the top */
	PLACE_APART,    /* by code of its own */
};

/* Those that are not here go into generationConfig as they are. */
static const struct parameter {
	const char *name;
	enum place place;
	const char *as;
} parameters[] = {
	{ "max_tokens", PLACE_CONFIG, "maxOutputTokens" },
	{ "max_completion_tokens", PLACE_CONFIG, "maxOutputTokens" },
	{ "top_p", PLACE_CONFIG, "topP" },
	{ "top_k", PLACE_CONFIG, "topK" },
	{ "stop", PLACE_CONFIG, "stopSequences" },
	{ "presence_penalty", PLACE_CONFIG, "presencePenalty" },
	{ "frequency_penalty", PLACE_CONFIG, "frequencyPenalty" },
	{ "logprobs", PLACE_CONFIG, "responseLogprobs" },
	{ "top_logprobs", PLACE_CONFIG, "logprobs" },
	{ "thinking_budget", PLACE_THINKING, "thinkingBudget" },
	{ "budget_tokens", PLACE_THINKING, "thinkingBudget" },
	{ "thinking_level", PLACE_THINKING, "thinkingLevel" },
	{ "include_thoughts", PLACE_THINKING, "includeThoughts" },
	{ "service_tier", PLACE_REQUEST, "serviceTier" },
	{ "reasoning", PLACE_APART, NULL },
	{ "reasoning_effort", PLACE_APART, NULL },
	{ "thinking", PLACE_APART, NULL },
	{ "enable_thinking", PLACE_APART, NULL },
	{ "tool_choice", PLACE_APART, NULL },
	{ "enable_web_search", PLACE_APART, NULL },
	{ "enable_code_execution", PLACE_APART, NULL },
	{ "enable_code_interpreter", PLACE_APART, NULL },
	{ "extra_body", PLACE_APART, NULL },
};

/* Tools that the provider runs itself. */
static const struct {
	const char *tool;
	const char *params[2]; /* each of which asks for it */
} own_tools[] = {
	{ "googleSearch", { "enable_web_search", "enable_web_search" } },
	{ "codeExecution",
	    { "enable_code_execution", "enable_code_interpreter" } },
};

/*
 * Efforts as budgets of tokens, for models before Gemini 3, which know no
 * levels: Google's own numbers for its OpenAI-compatible endpoint.
 */
static const struct {
	const char *effort;
	int budget;
} budgets[] = {
	{ "none", 0 },
	{ "minimal", 1024 },
	{ "low", 1024 },
	{ "medium", 8192 },
	{ "high", 24576 },
};

static const struct {
	const char *choice;
	const char *mode;
} modes[] = {
	{ "auto", "AUTO" },
	{ "none", "NONE" },
	{ "required", "ANY" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Add value, which is taken; a null takes away. */
static void
set(struct json_object *object, const char *name, struct json_object *value)
{
	if (value == NULL)
		json_object_object_del(object, name);
	else
		json_object_object_add(object, name, value);
}

/* The object of that name; an empty one is made where there is none. */
static struct json_object *
inner(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name);

	if (!json_object_is_type(value, json_type_object)) {
		value = json_object_new_object();
		json_object_object_add(object, name, value);
	}
	return (value);
}

static bool
is_on(struct json_object *params, const char *name)
{
	return (json_object_get_boolean(member(params, name)));
}

/* The number of the Gemini that a model belongs to; none is the latest. */
static long
generation(const char *model)
{
	static const char family[] = "gemini-";
	const char *p = strstr(model, family);

	if (p == NULL || !isdigit((unsigned char)p[sizeof(family) - 1]))
		return (LONG_MAX);
	return (strtol(p + sizeof(family) - 1, NULL, 10));
}

static const struct parameter *
parameter_find(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(parameters); i++)
		if (strcmp(parameters[i].name, name) == 0)
			return (&parameters[i]);
	return (NULL);
}

/* The budget that stands for an effort; -1: there is none. */
static int
budget_of(const char *effort)
{
	size_t i;

	for (i = 0; i < COUNT(budgets); i++)
		if (strcmp(budgets[i].effort, effort) == 0)
			return (budgets[i].budget);
	return (-1);
}

/* A level is written in capitals. */
static void
add_effort(struct json_object *thinking, const char *effort, const char *model)
{
	int budget = generation(model) < 3 ? budget_of(effort) : -1;
	char level[32];
	size_t i;

	if (budget >= 0) {
		set(thinking, "thinkingBudget", json_object_new_int(budget));
		return;
	}
	strlcpy(level, effort, sizeof(level));
	for (i = 0; level[i] != '\0'; i++)
		level[i] = (char)toupper((unsigned char)level[i]);
	set(thinking, "thinkingLevel", json_object_new_string(level));
}

/* The parameter "thinking", in the words of this API or of others. */
static void
add_given(struct json_object *thinking, struct json_object *given)
{
	const struct parameter *p;

	if (!json_object_is_type(given, json_type_object))
		return;
	json_object_object_foreach (given, name, value) {
		p = parameter_find(name);
		if (strcmp(name, "type") != 0)
			set(thinking,
			    p != NULL && p->place == PLACE_THINKING ? p->as
								    : name,
			    json_object_get(value));
		else if (member_says(given, "type", "disabled"))
			set(thinking, "thinkingBudget", json_object_new_int(0));
	}
}

static bool
is_thinking(struct json_object *thinking)
{
	struct json_object *budget = member(thinking, "thinkingBudget");

	return (budget == NULL || json_object_get_int64(budget) != 0);
}

/*
 * The settings of thinking, in thinking: what stands there is the user's.  A
 * budget goes before an effort, since the two together are refused.
 */
static void
add_thinking(
    struct json_object *thinking, struct json_object *params, const char *model)
{
	struct json_object *on = member(params, "enable_thinking");
	const char *effort = member_text(params, "reasoning_effort");

	if (*effort == '\0')
		effort = member_text(member(params, "reasoning"), "effort");
	add_given(thinking, member(params, "thinking"));
	if (on != NULL && !json_object_get_boolean(on))
		set(thinking, "thinkingBudget", json_object_new_int(0));
	if (*effort != '\0' && member(thinking, "thinkingBudget") == NULL &&
	    member(thinking, "thinkingLevel") == NULL)
		add_effort(thinking, effort, model);
}

/*
 * Who speaks of thinking is shown the thoughts, unless there are none: to
 * ask for them is refused then, as it is by models that do not think.
 */
static void
settle_thinking(
    struct json_object *config, struct json_object *params, const char *model)
{
	struct json_object *thinking = inner(config, "thinkingConfig");
	bool asked;

	add_thinking(thinking, params, model);
	asked = json_object_object_length(thinking) > 0 ||
	    member(params, "thinking") != NULL ||
	    member(params, "reasoning") != NULL ||
	    is_on(params, "enable_thinking");
	if (!asked)
		json_object_object_del(config, "thinkingConfig");
	else if (member(thinking, "includeThoughts") == NULL &&
	    is_thinking(thinking))
		set(thinking, "includeThoughts", json_object_new_boolean(true));
}

/* One string is a list of one. */
static void
make_list(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name), *list;

	if (!json_object_is_type(value, json_type_string))
		return;
	list = json_object_new_array();
	json_object_array_add(list, json_object_get(value));
	set(object, name, list);
}

static void
add_parameters(
    struct json_object *request, struct json_object *params, const char *model)
{
	struct json_object *config = inner(request, "generationConfig");
	const struct parameter *p;

	if (params != NULL) {
		json_object_object_foreach (params, name, value) {
			p = parameter_find(name);
			if (p == NULL)
				set(config, name, json_object_get(value));
			else if (p->place == PLACE_CONFIG)
				set(config, p->as, json_object_get(value));
			else if (p->place == PLACE_THINKING)
				set(inner(config, "thinkingConfig"), p->as,
				    json_object_get(value));
			else if (p->place == PLACE_REQUEST)
				set(request, p->as, json_object_get(value));
		}
	}
	make_list(config, "stopSequences");
	settle_thinking(config, params, model);
	if (json_object_object_length(config) == 0)
		json_object_object_del(request, "generationConfig");
}

/* What a run rests on, no parameter changes. */
static const char *const ours[] = { "contents", "model", "systemInstruction",
	"system_instruction", "tools", NULL };

/* Objects are merged, so that one setting does not cost the others. */
static void
merge(struct json_object *request, struct json_object *extra)
{
	if (!json_object_is_type(extra, json_type_object))
		return;
	json_object_object_foreach (extra, name, value) {
		if (words_have(ours, name))
			continue;
		if (!json_object_is_type(value, json_type_object)) {
			set(request, name, json_object_get(value));
			continue;
		}
		json_object_object_foreach (value, key, each) {
			set(inner(request, name), key, json_object_get(each));
		}
	}
}

static struct json_object *
functions_new(const struct tool_spec *tools, size_t ntools)
{
	struct json_object *list = json_object_new_array();
	struct json_object *f, *schema;
	size_t i;

	for (i = 0; i < ntools; i++) {
		f = json_object_new_object();
		set(f, "name", json_object_new_string(tools[i].name));
		set(f, "description",
		    json_object_new_string(tools[i].description));
		schema = gemini_schema(tools[i].schema);
		if (schema != NULL)
			set(f, "parameters", schema);
		json_object_array_add(list, f);
	}
	return (list);
}

/* Wrapped as an element of "tools": {name: value}. */
static void
add_tool(struct json_object *list, const char *name, struct json_object *value)
{
	struct json_object *o = json_object_new_object();

	set(o, name, value);
	json_object_array_add(list, o);
}

/* The provider's own tools that the user wants; whether there are any. */
static bool
add_own_tools(struct json_object *list, struct json_object *params)
{
	bool any = false;
	size_t i;

	for (i = 0; i < COUNT(own_tools); i++) {
		if (!is_on(params, own_tools[i].params[0]) &&
		    !is_on(params, own_tools[i].params[1]))
			continue;
		add_tool(list, own_tools[i].tool, json_object_new_object());
		any = true;
	}
	return (any);
}

/* What the user wants of functions, where there are any. */
static void
add_choice(struct json_object *request, struct json_object *params)
{
	struct json_object *config;
	size_t i;

	for (i = 0; i < COUNT(modes); i++) {
		if (!member_says(params, "tool_choice", modes[i].choice))
			continue;
		config = inner(
		    inner(request, "toolConfig"), "functionCallingConfig");
		set(config, "mode", json_object_new_string(modes[i].mode));
	}
}

/* Both kinds of tools in one request: the mode forces none of them. */
static void
allow_both(struct json_object *request)
{
	struct json_object *config = inner(request, "toolConfig");

	set(config, "includeServerSideToolInvocations",
	    json_object_new_boolean(true));
	set(inner(config, "functionCallingConfig"), "mode",
	    json_object_new_string("VALIDATED"));
}

/*
 * Before Gemini 3, functions and the provider's own tools exclude each other:
 * a run cannot do without the functions.
 */
static void
add_tools(struct json_object *request, struct json_object *params,
    const char *model, const struct tool_spec *tools, size_t ntools)
{
	struct json_object *list = json_object_new_array();
	bool own = add_own_tools(list, params);

	if (ntools > 0) {
		if (own && generation(model) < 3) {
			log_warnx("%s has its own tools only where it is "
				  "offered no others",
			    model);
			json_object_put(list);
			list = json_object_new_array();
			own = false;
		}
		add_tool(
		    list, "functionDeclarations", functions_new(tools, ntools));
		if (own)
			allow_both(request);
		add_choice(request, params);
	}
	if (json_object_array_length(list) > 0)
		set(request, "tools", list);
	else
		json_object_put(list);
}

struct json_object *
gemini_build_request(const struct backend_config *config, const char *model,
    const char *system, struct json_object *history,
    const struct tool_spec *tools, size_t ntools)
{
	struct json_object *request = json_object_new_object();
	struct json_object *params = config->params, *parts, *part;
	struct json_object *contents = json_object_new_array();

	if (!json_object_is_type(params, json_type_object))
		params = NULL;
	if (system != NULL && *system != '\0') {
		part = json_object_new_object();
		set(part, "text", json_object_new_string(system));
		parts = json_object_new_array();
		json_object_array_add(parts, part);
		set(inner(request, "systemInstruction"), "parts", parts);
	}
	/* A list of its own: the history grows while the request may live. */
	list_append(contents, history);
	set(request, "contents", contents);
	add_tools(request, params, model, tools, ntools);
	add_parameters(request, params, model);
	merge(request, member(params, "extra_body"));
	return (request);
}
