/* A run without a file: the command line as a tree. */

#include <string.h>

#include "supervisor/config/load.h"

#define QUICK_SYSTEM_MESSAGE "You are a helpful assistant."

static void
add_string(struct json_object *o, const char *key, const char *value)
{
	if (value != NULL)
		json_object_object_add(o, key, json_object_new_string(value));
}

/* One agent as the command line describes it. */
static struct json_object *
quick_agent(
    const char *id, const char *type, const struct config_overrides *overrides)
{
	struct json_object *agent = json_object_new_object();
	struct json_object *backend = json_object_new_object();

	add_string(backend, "type", type);
	add_string(backend, "model", overrides->model);
	add_string(backend, "base_url", overrides->base_url);
	add_string(agent, "id", id);
	add_string(agent, "system_message",
	    overrides->system_message != NULL ? overrides->system_message
					      : QUICK_SYSTEM_MESSAGE);
	json_object_object_add(agent, "backend", backend);
	return (agent);
}

static struct json_object *
quick_agents(
    const struct check *check, const struct config_overrides *overrides)
{
	struct json_object *agents = json_object_new_array();
	const char *type = overrides->backend;

	if (type == NULL && overrides->model == NULL && overrides->dry_run) {
		json_object_array_add(
		    agents, quick_agent("agent_a", "mock", overrides));
		json_object_array_add(
		    agents, quick_agent("agent_b", "mock", overrides));
		return (agents);
	}
	if (type == NULL && overrides->base_url != NULL)
		type = "chatcompletion";
	if (type == NULL && overrides->model != NULL)
		type = preset_infer(overrides->model);
	if (type == NULL && overrides->model == NULL)
		check_error(
		    check, NULL, "root", NULL, "no configuration was given");
	else if (type == NULL)
		check_error(check, NULL, "root", "Add --backend TYPE.",
		    "the model '%s' does not tell its backend type",
		    overrides->model);
	else
		json_object_array_add(
		    agents, quick_agent("agent1", type, overrides));
	return (agents);
}

/* The command line alone, in the form of a file. */
struct node *
tree_parse_quick(
    const struct check *check, const struct config_overrides *overrides)
{
	struct json_object *o = json_object_new_object();
	struct node *root = NULL;
	const char *text;
	size_t errors = check->diagnostics->errors;

	json_object_object_add(o, "agents", quick_agents(check, overrides));
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	if (check->diagnostics->errors == errors)
		root = yaml_parse(
		    NULL, text, strlen(text), true, check->diagnostics);
	json_object_put(o);
	return (root);
}
