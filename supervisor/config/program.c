/*
 * A backend of type "command": which program, where, with what in its
 * environment, and how its output is read.
 */

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>

#include "supervisor/config/load.h"

/* One program on its way from the tree. */
struct loading {
	const struct check *check;
	const struct node *backend;
	const char *location; /* of the backend */
	struct json_object *program;
};

/* Keys of one kind of backend that are given to the other. */
static void
check_foreign(const struct loading *l, bool is_program)
{
	static const char *const programs[] = { "command", "env", "output",
		"output_fields", NULL };
	static const char *const models[] = { "api_key", "base_url",
		"model_profile", "fallback_models", "planning_call", NULL };

	if (is_program)
		check_given(l->check, SEVERITY_WARNING, l->backend, l->location,
		    models, "has no effect on a program");
	else
		check_given(l->check, SEVERITY_ERROR, l->backend, l->location,
		    programs, "is for backends of type 'command' only");
}

static void
check_parameters(const struct loading *l, struct json_object *params)
{
	json_object_object_foreach (params, key, value) {
		(void)value;
		check_warning(l->check, node_get(l->backend, key), l->location,
		    "A program is given its parameters in its command.",
		    "'%s' has no effect on a program", key);
	}
}

void
program_check_secrets(
    const struct check *check, const struct node *backend, const char *location)
{
	const struct node *command = node_get(backend, "command");
	const char *s;
	char *name;
	size_t i;

	for (i = 0; command != NULL && i < command->count; i++) {
		if ((s = command->items[i]->text) == NULL)
			continue;
		while ((name = expand_next(&s)) != NULL) {
			if (config_names_secret(name))
				check_key(check, SEVERITY_ERROR, backend,
				    location, "command",
				    "Hand it on in env, where only the "
				    "program sees it.",
				    "a key must not stand in a command line, "
				    "which every user can read");
			free(name);
		}
	}
}

static void
load_command(const struct loading *l)
{
	const struct node *list = node_given(l->backend, "command");
	const char *first;

	if (list == NULL) {
		check_error(l->check, l->backend, l->location,
		    "It is a list: the program, then its arguments.",
		    "Backend missing required field 'command'");
		return;
	}
	if (list->kind != NODE_LIST)
		return; /* told already */
	first = list->count == 0 ? NULL : list->items[0]->text;
	if (first == NULL || *first == '\0')
		check_key(l->check, SEVERITY_ERROR, l->backend, l->location,
		    "command", NULL, "Backend 'command' names no program");
	json_object_object_add(l->program, "command", node_json(list));
}

static bool
is_variable_name(const char *name)
{
	return (*name != '\0' && strchr(name, '=') == NULL);
}

static void
load_env(const struct loading *l)
{
	const struct node *map = node_get(l->backend, "env"), *value;
	struct json_object *env = json_object_new_object();
	size_t i;

	json_object_object_add(l->program, "env", env);
	for (i = 0; map != NULL && i < map->count; i++) {
		value = map->items[i];
		if (!is_variable_name(map->keys[i]->text))
			check_key(l->check, SEVERITY_ERROR, l->backend,
			    l->location, "env", NULL,
			    "Backend 'env' has a name that is empty or holds "
			    "'='");
		else if (value->text == NULL && value->kind != NODE_NULL)
			check_key(l->check, SEVERITY_ERROR, l->backend,
			    l->location, "env", NULL,
			    "Backend 'env' must hold plain values only");
		else
			json_object_object_add(env, map->keys[i]->text,
			    json_object_new_string(
				value->kind == NODE_NULL ? "" : value->text));
	}
}

/* A worker that is started elsewhere finds other directories there. */
static void
load_dir(const struct loading *l, bool elsewhere)
{
	const char *dir = tree_string(l->backend, "cwd");
	const struct node *at = node_get(l->backend, "cwd");
	struct stat st;

	if (dir == NULL)
		return;
	json_object_object_add(l->program, "cwd", json_object_new_string(dir));
	if (l->check->dry_run || elsewhere ||
	    (stat(dir, &st) == 0 && S_ISDIR(st.st_mode)))
		return;
	check_problem(l->check, check_outside(l->check), at, l->location, NULL,
	    "Backend 'cwd' is no directory: %s", node_show(at));
}

static void
load_output(const struct loading *l)
{
	const struct node *fields = node_get(l->backend, "output_fields");
	const char *form = tree_string(l->backend, "output");

	json_object_object_add(l->program, "output",
	    json_object_new_string(form == NULL ? "text" : form));
	if (fields == NULL || fields->kind != NODE_MAP)
		return;
	if (form == NULL || strcmp(form, "jsonl") != 0)
		check_key(l->check, SEVERITY_ERROR, l->backend, l->location,
		    "output_fields", NULL,
		    "'output_fields' goes with 'output: jsonl' only");
	json_object_object_add(l->program, "output_fields", node_json(fields));
}

void
program_load(const struct check *check, const struct config *config,
    struct agent_config *agent, const struct node *backend,
    const char *location)
{
	struct loading l = { check, backend, location, NULL };
	bool is_program = strcmp(agent->preset->type, "command") == 0;

	check_foreign(&l, is_program);
	if (!is_program)
		return;
	check_parameters(&l, agent->params);
	l.program = agent->program = json_object_new_object();
	load_command(&l);
	load_env(&l);
	load_dir(&l, config->worker_launcher != NULL);
	load_output(&l);
}
