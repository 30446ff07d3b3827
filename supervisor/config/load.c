/* From a file and the command line to a struct config. */

#include <stdlib.h>
#include <string.h>

#include "ipc/buf.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/load.h"

#define RUN_TIMEOUT_MS  1800000
#define IDLE_TIMEOUT_MS 300000
#define RESTARTS        2
#define NESTING_DEPTH   3
#define NESTED_RUNS     64

void
config_free(struct config *config)
{
	size_t i;

	if (config == NULL)
		return;
	for (i = 0; i < config->nagents; i++)
		agent_release(&config->agents[i]);
	free(config->agents);
	words_free(config->worker_launcher);
	free(config->planning_instruction);
	free(config->debug_final_answer);
	price_table_release(&config->prices);
	json_object_put(config->source);
	json_object_put(config->cli_args);
	free(config->path);
	free(config);
}

static bool
is_v1(const struct check *check, const struct node *root)
{
	struct buf found = BUF_INITIALIZER;
	const struct node *first = NULL;
	size_t i;
	ssize_t at;

	for (i = 0; schema_v1_keys[i] != NULL; i++) {
		if ((at = node_find(root, schema_v1_keys[i])) == -1)
			continue;
		if (first == NULL)
			first = root->keys[at];
		buf_addf(&found, "%s%s", found.len == 0 ? "" : ", ",
		    schema_v1_keys[i]);
	}
	if (first != NULL)
		check_error(check, first, "root",
		    "Please migrate to the current format: a list 'agents', "
		    "each with an 'id' and a 'backend'.",
		    "V1 config format detected (found: %s). V1 configs are no "
		    "longer supported.",
		    found.data);
	buf_release(&found);
	return (first != NULL);
}

/* Whether the id can name a directory and a line of output. */
static bool
id_is_safe(const char *id)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t len = strlen(id);

	return (len > 0 && len <= AGENT_ID_MAX && *id != '.' && *id != '-' &&
	    strspn(id, safe) == len);
}

/* Some file systems do not tell 'A' from 'a'. */
static bool
id_is_new(const struct check *check, const struct config *config,
    const struct node *id, const char *location)
{
	const char *other;
	size_t i;

	for (i = 0; i < config->nagents; i++) {
		other = config->agents[i].id;
		if (other == NULL || strcasecmp(other, id->text) != 0)
			continue;
		if (strcmp(other, id->text) == 0)
			check_error(check, id, location, NULL,
			    "Duplicate agent ID: '%s'", id->text);
		else
			check_error(check, id, location, NULL,
			    "Duplicate agent ID: '%s' differs from '%s' in "
			    "case only",
			    id->text, other);
		return (false);
	}
	return (true);
}

/* What lies beside the agents' folders in the run directory or final_output. */
static bool
id_is_taken(const char *id)
{
	static const char *const names[] = { "agent_outputs", "ballast",
		"children", "coordination_events.json",
		"coordination_table.txt", "events.ndjson",
		"execution_metadata.yaml", "final", "final_output",
		"manifest.json", "massgen.log", "run.lock",
		"snapshot_mappings.json", "snapshots", "status.json", "tmp",
		"vote.json", "workspaces" };
	size_t i;

	if (strncasecmp(id, "attempt_", 8) == 0 &&
	    id[8 + strspn(id + 8, "0123456789")] == '\0')
		return (true);

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcasecmp(id, names[i]) == 0)
			return (true);
	return (false);
}

static char *
load_id(const struct check *check, const struct config *config,
    const struct node *agent, const char *location)
{
	const struct node *id = node_get(agent, "id");
	char *path, *result = NULL;

	if (id == NULL || id->kind != NODE_STR)
		return (NULL);
	path = xasprintf("%s.id", location);
	if (!id_is_safe(id->text))
		check_error(check, id, path, NULL,
		    "Agent 'id' must be 1 to %d of the characters A-Z a-z 0-9 "
		    "_ . - and not begin with . or -, got '%s'",
		    AGENT_ID_MAX, id->text);
	else if (id_is_taken(id->text))
		check_error(check, id, path, NULL,
		    "Agent 'id' '%s' is the name of a file of the run",
		    id->text);
	else if (id_is_new(check, config, id, path))
		result = xstrdup(id->text);
	free(path);
	return (result);
}

/* "agents" or "agent": which, and how many there are. */
static struct node *
find_agents(const struct check *check, struct node *root, size_t *count)
{
	struct node *agents = node_get(root, "agents");
	struct node *agent = node_get(root, "agent");

	*count = 0;
	if (agents == NULL && agent == NULL) {
		check_error(check, root, "root", NULL,
		    "Config must have "
		    "either 'agents' (list) or 'agent' (single agent)");
		return (NULL);
	}
	if (agents != NULL && agent != NULL) {
		check_error(check, root, "root", NULL,
		    "Config cannot have both 'agents' and 'agent' fields");
		return (NULL);
	}
	if (agent != NULL) {
		*count = agent->kind == NODE_MAP ? 1 : 0;
		return (agent);
	}
	if (agents->kind == NODE_LIST &&
	    (agents->count == 0 || agents->count > CONFIG_AGENTS_MAX))
		check_error(check, agents, "root.agents", NULL,
		    "'agents' must hold 1 to %d agents, got %zu",
		    CONFIG_AGENTS_MAX, agents->count);
	else if (agents->kind == NODE_LIST)
		*count = agents->count;
	return (agents);
}

static struct node *
agent_at(struct node *agents, size_t i)
{
	return (agents->kind == NODE_LIST ? agents->items[i] : agents);
}

static char *
agent_location(const struct node *agents, size_t i)
{
	return (agents->kind == NODE_LIST ? xasprintf("agents[%zu]", i)
					  : xstrdup("agent"));
}

/* Two agents do not work in one folder; as for ids, case is ignored. */
static void
check_workspace(const struct check *check, const struct config *config,
    size_t which, const struct node *agent, const char *location)
{
	const char *name = config->agents[which].workspace, *other;
	const struct node *backend = node_get(agent, "backend");
	char *path;
	size_t i;

	for (i = 0; name != NULL && i < which; i++) {
		other = config->agents[i].workspace;
		if (other == NULL || strcasecmp(name, other) != 0)
			continue;
		path = xasprintf("%s.backend", location);
		check_key(check, SEVERITY_ERROR, backend, path, "cwd",
		    "A workspace is named by the last part of its agent's "
		    "'cwd', or else by the agent's id.",
		    "Duplicate workspace: agents '%s' and '%s' both have '%s'",
		    config->agents[i].id == NULL ? "?" : config->agents[i].id,
		    config->agents[which].id == NULL ? "?"
						     : config->agents[which].id,
		    name);
		free(path);
		return;
	}
}

static void
load_agents(const struct check *check, struct config *config, struct node *root)
{
	struct common_tools common;
	struct node *agents;
	size_t i, count;
	char *location;

	agents = find_agents(check, root, &count);
	config->agents = xcalloc(count, sizeof(*config->agents));
	/* Every id first: a script may vote for an agent further down. */
	for (i = 0; i < count; i++) {
		location = agent_location(agents, i);
		config->agents[i].id =
		    load_id(check, config, agent_at(agents, i), location);
		config->nagents = i + 1;
		free(location);
	}
	common_tools_load(check, &common, node_get(root, "orchestrator"));
	for (i = 0; i < count; i++) {
		location = agent_location(agents, i);
		agent_load(check, config, &common, &config->agents[i],
		    agent_at(agents, i), location);
		check_workspace(
		    check, config, i, agent_at(agents, i), location);
		free(location);
	}
	common_tools_release(&common);
}

static struct agent_config *
find_agent(const struct config *config, const char *id)
{
	size_t i;

	for (i = 0; i < config->nagents; i++) {
		if (config->agents[i].id != NULL &&
		    strcmp(config->agents[i].id, id) == 0)
			return (&config->agents[i]);
	}
	return (NULL);
}

/* The scripts of a dry run; they are checked also when it is none. */
static void
load_dry_run(const struct check *check, struct config *config,
    const struct node *scripts)
{
	struct agent_config *agent;
	struct json_object *script;
	const struct node *id;
	char *path;
	size_t i;

	for (i = 0; scripts != NULL && i < scripts->count; i++) {
		id = scripts->keys[i];
		path = xasprintf("dry_run.%s", id->text);
		if ((agent = find_agent(config, id->text)) == NULL)
			check_error(check, id, path, NULL,
			    "no agent has the id '%s'", id->text);
		script =
		    script_load(check, scripts->items[i], path, config, agent);
		if (agent != NULL && check->dry_run && script != NULL)
			agent_mock(agent, script);
		else
			json_object_put(script);
		free(path);
	}
	for (i = 0; check->dry_run && i < config->nagents; i++) {
		agent_mock(&config->agents[i],
		    json_object_get(config->agents[i].script));
		tools_dry(&config->agents[i]);
	}
}

/* A limit in seconds: at the top level, or under orchestrator.timeout. */
static int64_t
load_seconds(const struct node *root, const char *key, int64_t absent_ms)
{
	const struct node *orchestrator = node_get(root, "orchestrator");
	double seconds;

	seconds = tree_number(node_get(orchestrator, "timeout"), key, 0);
	seconds = tree_number(node_get(root, "timeout_settings"), key, seconds);
	return (seconds > 0 ? (int64_t)(seconds * 1000 + 0.5) : absent_ms);
}

static void
load_limits(struct config *config, const struct node *root,
    const struct config_overrides *overrides)
{
	const struct node *orchestrator = node_get(root, "orchestrator");

	config->run_timeout_ms = overrides->run_timeout_ms;
	if (config->run_timeout_ms == 0)
		config->run_timeout_ms = load_seconds(
		    root, "orchestrator_timeout_seconds", RUN_TIMEOUT_MS);
	config->agent_timeout_ms = overrides->agent_timeout_ms;
	if (config->agent_timeout_ms == 0)
		config->agent_timeout_ms = load_seconds(root,
		    "agent_timeout_seconds", (config->run_timeout_ms + 1) / 2);
	config->idle_timeout_ms =
	    load_seconds(root, "agent_idle_timeout_seconds", IDLE_TIMEOUT_MS);
	config->max_restarts_per_agent =
	    tree_int(orchestrator, "max_restarts_per_agent", RESTARTS);
	config->max_new_answers_per_agent =
	    tree_int(orchestrator, "max_new_answers_per_agent", -1);
	config->max_cost_usd = overrides->max_cost_usd > 0
	    ? overrides->max_cost_usd
	    : tree_number(orchestrator, "max_cost_usd", 0);
}

static void
load_prices(const struct check *check, struct config *config, struct node *root)
{
	struct node *agents = node_get(root, "agents");
	char *location;
	size_t i;

	if (agents == NULL)
		agents = node_get(root, "agent");
	price_load(check, config, root);
	for (i = 0; i < config->nagents; i++) {
		location = agent_location(agents, i);
		price_check_limit(check, config, &config->agents[i],
		    agent_at(agents, i), location);
		free(location);
	}
}

static enum strictness
strictness_of(const struct node *map, const char *key)
{
	const char *word = tree_string(map, key);

	if (word != NULL && strcmp(word, "balanced") == 0)
		return (STRICTNESS_BALANCED);
	if (word != NULL && strcmp(word, "strict") == 0)
		return (STRICTNESS_STRICT);
	return (STRICTNESS_LENIENT);
}

static void
load_nesting(struct config *config, const struct node *orchestrator)
{
	config->max_nesting_depth =
	    tree_int(orchestrator, "max_nesting_depth", NESTING_DEPTH);
	config->max_nested_runs =
	    tree_int(orchestrator, "max_nested_runs", NESTED_RUNS);
}

/* How often, and with what in hand, the agents coordinate. */
static void
load_coordination(struct config *config, const struct node *orchestrator)
{
	const struct node *map = node_get(orchestrator, "coordination");
	const char *instruction = tree_string(map, "planning_mode_instruction");
	const char *answer = tree_string(orchestrator, "debug_final_answer");

	config->planning_mode = tree_bool(map, "enable_planning_mode", false);
	if (instruction != NULL)
		config->planning_instruction = xstrdup(instruction);
	config->max_orchestration_restarts =
	    tree_int(map, "max_orchestration_restarts", 0);
	if (answer != NULL)
		config->debug_final_answer = xstrdup(answer);
	config->skip_coordination_rounds =
	    tree_bool(orchestrator, "skip_coordination_rounds", false);
}

/*
 * skip_coordination_rounds: the first agent alone is asked, once, and its
 * text is the result.
 */
static void
skip_rounds(struct config *config)
{
	if (!config->skip_coordination_rounds || config->nagents == 0)
		return;
	while (config->nagents > 1)
		agent_release(&config->agents[--config->nagents]);
	config->single_agent_direct = true;
}

static char **
load_launcher(const struct node *list)
{
	struct words argv = { NULL, 0 };
	size_t i;

	if (list == NULL || list->kind != NODE_LIST)
		return (NULL);
	for (i = 0; i < list->count; i++)
		words_add(&argv,
		    list->items[i]->text == NULL ? "" : list->items[i]->text);
	return (argv.list);
}

static struct config *
load_tree(const struct check *check, struct node *root,
    const struct config_overrides *overrides)
{
	struct config *config = xcalloc(1, sizeof(*config));
	const struct node *orchestrator;

	check_map(check, root, &schema_root, "");
	orchestrator = node_get(root, "orchestrator");
	config->worker_launcher =
	    load_launcher(node_get(orchestrator, "worker_launcher"));
	load_agents(check, config, root);
	load_dry_run(check, config, node_get(root, "dry_run"));
	load_limits(config, root, overrides);
	load_nesting(config, orchestrator);
	load_coordination(config, orchestrator);
	load_prices(check, config, root);
	config->voting_sensitivity =
	    strictness_of(orchestrator, "voting_sensitivity");
	config->answer_novelty =
	    strictness_of(orchestrator, "answer_novelty_requirement");
	config->single_agent_direct = config->nagents == 1 &&
	    !tree_bool(node_get(root, "ui"),
		"use_orchestrator_for_single_agent", true);
	skip_rounds(config);
	config->source = source_json(root);
	return (config);
}

struct config *
config_load(const char *path, const struct config_overrides *overrides,
    struct diagnostics *diagnostics)
{
	struct told told = { .count = 0 };
	struct check check = { path, diagnostics, &told, overrides->dry_run,
		overrides->validate_only };
	struct config *config = NULL;
	struct node *root;

	root = path != NULL ? tree_parse_file(&check, path)
			    : tree_parse_quick(&check, overrides);
	if (root == NULL)
		return (NULL);
	if (root->kind != NODE_MAP)
		check_error(&check, root, "root", NULL,
		    "Config must be a dictionary/object");
	else if (!is_v1(&check, root))
		config = load_tree(&check, root, overrides);
	node_free(root);
	diagnostics_sort(diagnostics);
	if (config == NULL || diagnostics->errors > 0) {
		config_free(config);
		return (NULL);
	}
	config->path = path == NULL ? NULL : xstrdup(path);
	return (config);
}
