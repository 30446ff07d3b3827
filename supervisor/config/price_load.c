/*
 * The table of prices: read from files and the configuration, and asked for
 * the models of an agent.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/xmalloc.h"
#include "supervisor/config/examples.h"
#include "supervisor/config/load.h"

#define LOCAL "http://localhost:"

bool
agent_is_local(const struct agent_config *agent)
{
	const char *url = agent->preset->base_url;

	return (url != NULL && strncmp(url, LOCAL, strlen(LOCAL)) == 0);
}

static bool
is_mock(const struct agent_config *agent)
{
	return (strcmp(agent->preset->type, "mock") == 0);
}

const struct price *
config_price(const struct config *config, const struct agent_config *agent,
    const char *model)
{
	const struct preset *owner = agent->preset;

	/* a generic backend at a provider's address pays that one's prices */
	if (strcmp(owner->type, "chatcompletion") == 0 &&
	    agent->base_url != NULL && preset_of_host(agent->base_url) != NULL)
		owner = preset_of_host(agent->base_url);
	return (price_find(
	    &config->prices, owner->type, agent_is_local(agent), model));
}

static void
load_tier(struct price_tier *tier, const struct node *map)
{
	const struct node *above = node_get(map, "threshold");

	tier->above = above == NULL ? 0 : above->integer;
	tier->input = tree_number(map, "input", 0);
	tier->cached = tree_number(map, "cached", PRICE_NOT_GIVEN);
	tier->cache_write = tree_number(map, "cache_write", PRICE_NOT_GIVEN);
	tier->output = tree_number(map, "output", 0);
}

static void
load_row(const struct check *check, struct price_table *table,
    const struct node *name, const struct node *map, bool shipped)
{
	const struct node *more = node_get(map, "long_context");
	struct price row = { .shipped = shipped, .ntiers = 1 };
	char *location;
	size_t i;

	load_tier(&row.tiers[0], map);
	if (more != NULL && more->kind == NODE_MAP)
		load_tier(&row.tiers[row.ntiers++], more);
	else if (more != NULL && more->count >= PRICE_TIERS_MAX) {
		location = xasprintf("prices.%s.long_context", name->text);
		check_error(check, more, location, NULL,
		    "Price 'long_context' must hold at most %d entries, got "
		    "%zu",
		    PRICE_TIERS_MAX - 1, more->count);
		free(location);
		return;
	}
	for (i = 0; more != NULL && more->kind == NODE_LIST && i < more->count;
	     i++)
		load_tier(&row.tiers[row.ntiers++], more->items[i]);
	price_add(table, name->text, &row);
}

/* What was found wrong in the tree is null by now. */
static void
load_rows(const struct check *check, struct price_table *table,
    const struct node *map, bool shipped)
{
	size_t i;

	for (i = 0; map != NULL && map->kind == NODE_MAP && i < map->count; i++)
		if (map->items[i]->kind == NODE_MAP)
			load_row(
			    check, table, map->keys[i], map->items[i], shipped);
}

static void
load_file(const struct check *run, struct price_table *table, const char *path,
    bool shipped)
{
	struct check check = *run;
	struct node *root;

	check.file = path;
	if ((root = tree_parse_file(&check, path)) == NULL)
		return;
	if (root->kind != NODE_MAP) {
		check_error(&check, root, "root", NULL,
		    "A table of prices must be a dictionary");
	} else {
		check_map(&check, root, &schema_price_file, "");
		load_rows(&check, table, node_get(root, "prices"), shipped);
	}
	node_free(root);
}

static bool
is_there(const char *path)
{
	return (
	    access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR));
}

static void
load_shipped(const struct check *check, struct price_table *table)
{
	char *dir = examples_dir();
	char *path = xasprintf("%s/%s", dir, PRICES_FILE);

	if (is_there(path))
		load_file(check, table, path, true);
	else
		check_warning(check, NULL, "prices", NULL,
		    "the table of prices is missing: %s", path);
	free(path);
	free(dir);
}

static void
load_users(const struct check *check, struct price_table *table)
{
	char *path = config_user_path(PRICES_FILE);

	if (path != NULL && is_there(path))
		load_file(check, table, path, false);
	free(path);
}

/* A name without a slash in front is relative to the configuration. */
static void
load_named(const struct check *check, struct price_table *table,
    const struct node *name)
{
	const char *file = check->file == NULL ? "" : check->file;
	const char *slash = strrchr(file, '/');
	int len =
	    *name->text == '/' || slash == NULL ? 0 : (int)(slash + 1 - file);
	char *path = xasprintf("%.*s%s", len, file, name->text);

	if (is_there(path))
		load_file(check, table, path, false);
	else
		check_error(check, name, "prices", NULL,
		    "File of prices not found: %s", path);
	free(path);
}

/* Mock agents tell what they cost, and read no table. */
static bool
needs_prices(const struct check *check, const struct config *config)
{
	size_t i;

	for (i = 0; !check->dry_run && i < config->nagents; i++)
		if (config->agents[i].preset != NULL &&
		    !is_mock(&config->agents[i]))
			return (true);
	return (false);
}

void
price_load(
    const struct check *check, struct config *config, const struct node *root)
{
	const struct node *own = node_get(root, "prices");

	if (!needs_prices(check, config))
		return;
	load_shipped(check, &config->prices);
	load_users(check, &config->prices);
	if (own != NULL && own->kind == NODE_STR)
		load_named(check, &config->prices, own);
	else
		load_rows(check, &config->prices, own, false);
}

static void
require_price(const struct check *check, const struct config *config,
    const struct agent_config *agent, const char *model, const struct node *at,
    const char *location)
{
	char *hint;

	if (model == NULL || *model == '\0' ||
	    config_price(config, agent, model) != NULL)
		return;
	hint = xasprintf("Give it one, in US dollars per million tokens, under "
			 "the top-level key prices, "
			 "{\"%s\": {input: N, output: N}}, or in the user's "
			 "own " PRICES_FILE "; see massgen.yaml(5).",
	    model);
	check_error(check, at, location, hint,
	    "model '%s' has no price, so the cost limit cannot be kept", model);
	free(hint);
}

/* What a program does is known only when it has done it. */
static void
require_nothing_spent(const struct check *check, const struct config *config,
    const struct agent_config *agent, const struct node *at,
    const char *location)
{
	const struct price *price = config_price(config, agent, agent->model);
	char *hint;

	if (price != NULL && price_bound(price, 1000000, 1000000) <= 0)
		return;
	hint = xasprintf("If it costs nothing, say so under the top-level key "
			 "prices: {\"%s\": {input: 0, output: 0}}.",
	    agent->model);
	check_error(check, at, location, hint,
	    "a cost limit cannot be kept for a program");
	free(hint);
}

/* Parameters with which the table's prices are not those of the call. */
static void
refuse_unknown_prices(const struct check *check, struct json_object *params,
    const struct node *at, const char *location)
{
	static const struct {
		const char *key;
		const char *value; /* NULL: any */
	} table[] = {
		{ "models", NULL },
		{ "plugins", NULL },
		{ "service_tier", "priority" },
		{ "service_tier", "fast" },
		{ "enable_web_search", "true" },
		{ "enable_code_interpreter", "true" },
		{ "enable_code_execution", "true" },
	};
	struct json_object *v;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!json_object_is_type(params, json_type_object) ||
		    !json_object_object_get_ex(params, table[i].key, &v) ||
		    v == NULL)
			continue;
		if (table[i].value == NULL ||
		    strcmp(json_object_get_string(v), table[i].value) == 0)
			check_error(check, at, location, NULL,
			    "'%s' makes the price of a call unknown, so the "
			    "cost limit cannot be kept",
			    table[i].key);
	}
}

void
price_check_limit(const struct check *check, const struct config *config,
    const struct agent_config *agent, const struct node *node,
    const char *location)
{
	const struct node *at = node_get(node, "backend");
	size_t i, fallbacks;
	char *path;

	if (check->dry_run || agent->preset == NULL || is_mock(agent) ||
	    (config->max_cost_usd <= 0 && agent->max_cost_usd <= 0))
		return;
	path = xasprintf("%s.backend", location);
	if (agent->program != NULL) {
		require_nothing_spent(check, config, agent, at, path);
		free(path);
		return;
	}
	require_price(check, config, agent, agent->model, at, path);
	require_price(check, config, agent, agent->planning_model, at, path);
	require_price(check, config, agent, agent->synthesis_model, at, path);
	fallbacks = agent->fallback_models == NULL
	    ? 0
	    : json_object_array_length(agent->fallback_models);
	for (i = 0; i < fallbacks; i++)
		require_price(check, config, agent,
		    json_object_get_string(
			json_object_array_get_idx(agent->fallback_models, i)),
		    at, path);
	refuse_unknown_prices(check, agent->params, at, path);
	refuse_unknown_prices(check,
	    json_object_object_get(agent->params, "extra_body"), at, path);
	free(path);
}
