/*
 * What an agent can do besides deciding: "tools" of init as far as the
 * configuration tells it, the name of the agent's workspace, and what has
 * to hold it all.
 */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/config/load.h"

#define TASKS_PER_PLAN     10
#define WORKSPACE_NAME_MAX 100

static void
add(struct json_object *o, const char *key, struct json_object *value)
{
	json_object_object_add(o, key, value);
}

/* To YAML 1.1 an "off" without quotes is a boolean. */
static void
name_off(struct node *n)
{
	if (n->kind != NODE_BOOL || n->truth)
		return;
	n->kind = NODE_STR;
	free(n->text);
	n->text = xstrdup("off");
}

/* What a key "sandbox" says; without it, what holds otherwise. */
static enum sandbox
load_sandbox(const struct check *check, const struct node *map,
    const char *location, enum sandbox otherwise)
{
	struct node *n = node_given(map, "sandbox");
	enum sandbox sandbox = SANDBOX_AUTO;

	if (n == NULL)
		return (otherwise);
	name_off(n);
	if (n->kind == NODE_BOOL) {
		check_key(check, SEVERITY_ERROR, map, location, "sandbox",
		    "Use 'auto', 'required' or 'off'.", "Invalid sandbox: '%s'",
		    node_show(n));
		return (otherwise);
	}
	if (strcmp(n->text, "off") == 0)
		sandbox = SANDBOX_OFF;
	else if (strcmp(n->text, "required") == 0)
		sandbox = SANDBOX_REQUIRED;
	if (otherwise == SANDBOX_REQUIRED && sandbox != SANDBOX_REQUIRED)
		check_key(check, SEVERITY_ERROR, map, location, "sandbox", NULL,
		    "an agent's 'sandbox' must not be weaker than the "
		    "orchestrator's 'required'");
	else if (sandbox == SANDBOX_OFF)
		check_key(check, SEVERITY_WARNING, map, location, "sandbox",
		    NULL,
		    "'sandbox: off': what a model asks for is run "
		    "without any wall around it");
	return (sandbox);
}

void
common_tools_load(const struct check *check, struct common_tools *common,
    struct node *orchestrator)
{
	const struct node *coordination =
	    node_get(orchestrator, "coordination");

	common->sandbox =
	    load_sandbox(check, orchestrator, "orchestrator", SANDBOX_AUTO);
	common->context =
	    context_load(check, node_get(orchestrator, "context_paths"),
		"orchestrator.context_paths", NULL);
	common->planning =
	    tree_bool(coordination, "enable_agent_task_planning", false);
	common->plan_file =
	    tree_bool(coordination, "task_planning_filesystem_mode", false);
	common->max_tasks =
	    tree_int(coordination, "max_tasks_per_plan", TASKS_PER_PLAN);
}

void
common_tools_release(struct common_tools *common)
{
	json_object_put(common->context);
}

/* The last component of a path, malloc'd, or NULL: it names no folder. */
static char *
folder_of(const char *path)
{
	size_t len = strlen(path), at, i;
	char *name;

	while (len > 0 && path[len - 1] == '/')
		len--;
	for (at = len; at > 0 && path[at - 1] != '/'; at--)
		continue;
	if (len == at || len - at > WORKSPACE_NAME_MAX || path[at] == '.')
		return (NULL);
	name = xstrndup(path + at, len - at);
	for (i = 0; name[i] != '\0'; i++) {
		if (iscntrl((unsigned char)name[i])) {
			free(name);
			return (NULL);
		}
	}
	return (name);
}

/* A directory of the user's is never worked in: "cwd" only lends its name. */
static void
load_workspace(const struct check *check, struct agent_config *agent,
    const struct node *backend, const char *location)
{
	const char *cwd = tree_string(backend, "cwd");

	if (cwd == NULL) {
		if (agent->id != NULL)
			agent->workspace = xstrdup(agent->id);
		return;
	}
	agent->workspace = folder_of(cwd);
	if (agent->workspace == NULL)
		check_key(check, SEVERITY_ERROR, backend, location, "cwd",
		    "For example: workspace1.",
		    "Backend 'cwd' must end in the name of a folder, got '%s'",
		    node_show(node_get(backend, "cwd")));
}

/* "mcp__server__tool" of either form. */
static struct json_object *
whole_name(struct json_object *server, const char *tool)
{
	struct json_object *o;
	char *name;

	if (strncmp(tool, "mcp__", 5) == 0)
		return (json_object_new_string(tool));
	name = xasprintf("mcp__%s__%s",
	    json_object_get_string(json_object_object_get(server, "name")),
	    tool);
	o = json_object_new_string(name);
	free(name);
	return (o);
}

/* A server's own list is stronger than the agent's, which gets its names. */
static void
widen_filter(struct json_object *tools)
{
	struct json_object *allowed, *servers, *server, *list;
	size_t i, j;

	allowed = json_object_object_get(tools, "allowed_tools");
	servers = json_object_object_get(tools, "mcp");
	for (i = 0; allowed != NULL && servers != NULL &&
	     i < json_object_array_length(servers);
	     i++) {
		server = json_object_array_get_idx(servers, i);
		list = json_object_object_get(server, "allowed_tools");
		for (j = 0; list != NULL && j < json_object_array_length(list);
		     j++)
			json_object_array_add(allowed,
			    whole_name(server,
				json_object_get_string(
				    json_object_array_get_idx(list, j))));
	}
}

static void
load_filters(struct json_object *tools, const struct node *backend)
{
	static const char *const keys[] = { "allowed_tools", "exclude_tools" };
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (node_given(backend, keys[i]))
			add(tools, keys[i],
			    node_json(node_get(backend, keys[i])));
	}
	widen_filter(tools);
}

void
tools_load(const struct check *check, const struct common_tools *common,
    struct agent_config *agent, struct node *backend, const char *location)
{
	struct json_object *tools = json_object_new_object();
	struct json_object *context, *command_line, *servers;
	char *paths = xasprintf("%s.context_paths", location);
	bool files;

	agent->sandbox =
	    load_sandbox(check, backend, location, common->sandbox);
	context = context_load(
	    check, node_get(backend, "context_paths"), paths, common->context);
	command_line = command_line_load(check, agent, backend, location);
	servers = mcp_load(check, agent, backend, location);
	files = node_given(backend, "cwd") || context != NULL ||
	    command_line != NULL;
	if (files)
		add(tools, "files", json_object_new_boolean(true));
	if (context != NULL)
		add(tools, "context", context);
	if (command_line != NULL)
		add(tools, "command_line", command_line);
	if (servers != NULL)
		add(tools, "mcp", servers);
	if (common->planning) {
		add(tools, "planning", json_object_new_boolean(true));
		add(tools, "max_tasks", json_object_new_int(common->max_tasks));
		add(tools, "plan_file",
		    json_object_new_boolean(common->plan_file));
	}
	if (json_object_object_length(tools) > 0) {
		load_filters(tools, backend);
		load_workspace(check, agent, backend, location);
		agent->tools = tools;
	} else
		json_object_put(tools);
	free(paths);
}

void
tools_check_program(const struct check *check,
    const struct common_tools *common, const struct node *backend,
    const char *location)
{
	static const struct {
		const char *key;
		bool is_limit;
	} keys[] = {
		{ "enable_mcp_command_line", false },
		{ "context_paths", false },
		{ "sandbox", true },
		{ "allowed_tools", true },
		{ "exclude_tools", true },
		{ "command_line_allowed_commands", true },
		{ "command_line_blocked_commands", true },
		{ "command_line_network", true },
		{ "command_line_memory_limit", true },
		{ "command_line_max_processes", true },
		{ "command_line_max_file_size", true },
		{ "command_line_cpu_seconds", true },
	};
	const struct node *n;
	bool limit;
	size_t i;

	if (common->sandbox == SANDBOX_REQUIRED && !check->dry_run)
		check_error(check, backend, location,
		    "A program has the user's own rights.",
		    "the orchestrator's 'sandbox: required' does not hold a "
		    "program");
	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		n = node_given(backend, keys[i].key);
		if (n == NULL || (n->kind == NODE_BOOL && !n->truth))
			continue;
		limit = keys[i].is_limit && !check->dry_run;
		check_key(check, limit ? SEVERITY_ERROR : SEVERITY_WARNING,
		    backend, location, keys[i].key,
		    limit ? "A program has the user's own rights." : NULL,
		    limit ? "'%s' sets a limit that does not hold a program"
			  : "'%s' has no effect on a program",
		    keys[i].key);
	}
}

/* Whether a step of the script calls a tool of a server. */
static bool
script_uses_servers(struct json_object *script)
{
	struct json_object *calls;
	const char *name;
	size_t i, j;

	for (i = 0; script != NULL && i < json_object_array_length(script);
	     i++) {
		calls = json_object_object_get(
		    json_object_array_get_idx(script, i), "tools");
		for (j = 0;
		     calls != NULL && j < json_object_array_length(calls);
		     j++) {
			name = json_object_get_string(json_object_object_get(
			    json_object_array_get_idx(calls, j), "name"));
			if (name != NULL && strncmp(name, "mcp__", 5) == 0)
				return (true);
		}
	}
	return (false);
}

void
tools_dry(struct agent_config *agent)
{
	static const char *const families[] = { "files", "planning" };
	size_t i;

	if (agent->tools == NULL || script_uses_servers(agent->script))
		return;
	json_object_object_del(agent->tools, "mcp");
	for (i = 0; i < sizeof(families) / sizeof(*families); i++) {
		if (json_object_object_get(agent->tools, families[i]) != NULL)
			return;
	}
	json_object_put(agent->tools);
	free(agent->workspace);
	agent->tools = NULL;
	agent->workspace = NULL;
}

void
tools_secret(struct agent_config *agent, const char *secret)
{
	if (*secret == '\0')
		return;
	if (agent->secrets == NULL)
		agent->secrets = json_object_new_array();
	json_object_array_add(agent->secrets, json_object_new_string(secret));
}
