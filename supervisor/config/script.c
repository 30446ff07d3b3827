/* What a mock agent does, step by step. */

#include <stdlib.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/config/load.h"

#define STEPS_MAX     10000
#define SUGGEST_MAX   100
#define TOOL_NAME_MAX 200

/* A step does exactly one of these. */
static const char *const acts[] = { "answer", "answer_bytes", "vote", "say",
	"present", "error", "fault", NULL };

/* Keys that go with one act, or one fault, only. */
static const struct {
	const char *key;
	const char *act;
	const char *value; /* of the act; NULL: any */
} modifiers[] = {
	{ "reason", "vote", NULL },
	{ "late", "vote", NULL },
	{ "restart", "present", NULL },
	{ "instructions", "present", NULL },
	{ "permanent", "error", NULL },
	{ "signal", "fault", "crash" },
	{ "code", "fault", "exit" },
};

/* The presentation may be faulty: "present" goes together with "fault". */
static void
check_acts(
    const struct check *check, const struct node *step, const char *location)
{
	size_t i, n = 0;
	char *list;

	for (i = 0; acts[i] != NULL; i++) {
		/* One that was given wrongly was told already. */
		if (node_get(step, acts[i]) != NULL)
			n++;
	}
	if (n == 1 ||
	    (n == 2 && node_given(step, "present") &&
		node_given(step, "fault")))
		return;
	list = words_join(acts);
	check_error(check, step, location, NULL,
	    "a step needs exactly one of %s", list);
	free(list);
}

static void
check_modifiers(
    const struct check *check, const struct node *step, const char *location)
{
	const struct node *act;
	size_t i;

	for (i = 0; i < sizeof(modifiers) / sizeof(*modifiers); i++) {
		if (!node_given(step, modifiers[i].key))
			continue;
		act = node_get(step, modifiers[i].act);
		if (act != NULL &&
		    (modifiers[i].value == NULL || act->text == NULL ||
			strcmp(act->text, modifiers[i].value) == 0))
			continue;
		check_error(check, step, location, NULL,
		    "'%s' goes with '%s%s%s' only", modifiers[i].key,
		    modifiers[i].act, modifiers[i].value == NULL ? "" : ": ",
		    modifiers[i].value == NULL ? "" : modifiers[i].value);
	}
}

static void
check_vote(const struct check *check, const struct node *step,
    const char *location, const struct config *config)
{
	const struct node *vote = node_get(step, "vote");
	const char *near;
	char *hint;
	size_t i;

	if (vote == NULL || vote->kind != NODE_STR)
		return;
	for (i = 0; i < config->nagents; i++) {
		if (config->agents[i].id != NULL &&
		    strcmp(config->agents[i].id, vote->text) == 0)
			return;
	}
	/* Agents without an id were told of; one of them may be meant. */
	for (i = 0; i < config->nagents; i++) {
		if (config->agents[i].id == NULL)
			return;
	}
	/* Among very many the nearest one says nothing. */
	near = config->nagents > SUGGEST_MAX
	    ? NULL
	    : suggest(vote->text,
		  (const char *const *)(const void *)&config->agents[0].id,
		  config->nagents, sizeof(*config->agents));
	hint = near == NULL ? NULL : xasprintf("Did you mean \"%s\"?", near);
	check_error(check, vote, location, hint, "no agent has the id '%s'",
	    vote->text);
	free(hint);
}

/* The names of tools are known to the worker; here is what none can be. */
static bool
is_tool_name(const char *s)
{
	size_t n = strspn(s,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789_.-");

	return (n > 0 && s[n] == '\0' && n <= TOOL_NAME_MAX);
}

static void
check_calls(const struct check *check, const struct node *step,
    const char *location, const struct agent_config *agent)
{
	const struct node *calls = node_get(step, "tools"), *name;
	char *path;
	size_t i;

	if (calls == NULL || calls->kind != NODE_LIST)
		return;
	if (agent != NULL && agent->tools == NULL && calls->count > 0)
		check_key(check, SEVERITY_ERROR, step, location, "tools",
		    "Give its backend a cwd.", "the agent has no tools");
	for (i = 0; i < calls->count; i++) {
		name = node_get(calls->items[i], "name");
		if (name == NULL || name->kind != NODE_STR ||
		    is_tool_name(name->text))
			continue;
		path = xasprintf("%s.tools[%zu].name", location, i);
		check_error(check, name, path, NULL,
		    "a tool's name must be 1 to %d of the characters A-Z a-z "
		    "0-9 _ . -, got '%s'",
		    TOOL_NAME_MAX, name->text);
		free(path);
	}
}

struct json_object *
script_load(const struct check *check, struct node *steps, const char *location,
    const struct config *config, const struct agent_config *agent)
{
	struct node *step;
	char *path;
	size_t i;

	if (steps == NULL || steps->kind == NODE_NULL)
		return (NULL);
	if (steps->kind != NODE_LIST || steps->count > STEPS_MAX) {
		check_error(check, steps, location, NULL,
		    "a script must be a list of at most %d steps", STEPS_MAX);
		return (NULL);
	}
	for (i = 0; i < steps->count; i++) {
		step = steps->items[i];
		path = xasprintf("%s[%zu]", location, i);
		if (step->kind == NODE_MAP) {
			check_map(check, step, &schema_step, path);
			check_acts(check, step, path);
			check_modifiers(check, step, path);
			check_vote(check, step, path, config);
			check_calls(check, step, path, agent);
		} else
			check_error(check, step, path, NULL,
			    "Step must be a dictionary, got %s",
			    node_type_name(step));
		free(path);
	}
	return (node_json(steps));
}
