/*
 * One agent: which provider, which models, at what address, with whose key,
 * and what goes to the provider unread.
 */

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/buf.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/load.h"

/* One agent on its way from the tree. */
struct loading {
	const struct check *check;
	struct agent_config *agent;
	struct node *backend;
	char *location; /* of the backend */
};

/* What the worker itself puts into a request. */
static const char *const reserved[] = { "model", "messages", "input",
	"contents", "instructions", "system", "systemInstruction",
	"system_instruction", "stream", "tools", NULL };

/* A problem at one key of the backend. */
#define key_error(l, key, ...)                                             \
	check_key((l)->check, SEVERITY_ERROR, (l)->backend, (l)->location, \
	    key, __VA_ARGS__)

/*
 * What a run needs from outside the file: an error, a warning where the
 * file alone is looked at, nothing to a dry run.
 */
static void
report_need(const struct loading *l, const struct node *at, const char *hint,
    const char *text)
{
	if (l->check->dry_run)
		return;
	check_problem(l->check, check_outside(l->check), at, l->location, hint,
	    "%s", text);
}

static void
expand_backend(const struct loading *l)
{
	const struct key *key;
	enum severity unset;
	char *path;
	size_t i;

	for (i = 0; i < l->backend->count; i++) {
		key = place_key(&schema_backend, l->backend->keys[i]->text);
		if (key == NULL || key->raw ||
		    (key->status != KEY_SUPPORTED && key->status != KEY_PASSED))
			continue;
		unset =
		    l->check->validate_only && strcmp(key->name, "api_key") == 0
		    ? SEVERITY_WARNING
		    : SEVERITY_ERROR;
		path = xasprintf("%s.%s", l->location, key->name);
		expand_tree(l->check, l->backend->items[i], path, unset);
		free(path);
	}
}

/* "Did you mean 'openai'?  The types are: ag2, ..." */
static char *
type_hint(const char *type)
{
	struct buf b = BUF_INITIALIZER;
	const char *near;
	size_t i, n = 0;

	while (preset_at(n) != NULL)
		n++;
	near = suggest(type, &preset_at(0)->type, n, sizeof(struct preset));
	if (near != NULL)
		buf_addf(&b, "Did you mean '%s'? ", near);
	buf_adds(&b, "Valid types: ");
	for (i = 0; i < n; i++)
		buf_addf(&b, "%s%s", i == 0 ? "" : ", ", preset_at(i)->type);
	return (buf_detach(&b));
}

static bool
load_type(const struct loading *l)
{
	const struct node *type = node_get(l->backend, "type");
	char *text;

	if (type == NULL || type->kind != NODE_STR)
		return (false);
	l->agent->preset = preset_find(type->text);
	if (l->agent->preset == NULL) {
		text = type_hint(type->text);
		key_error(l, "type", text, "Unknown backend type: '%s'",
		    node_show(type));
		free(text);
		return (false);
	}
	if (l->agent->preset->wire == NULL) {
		text = xasprintf("backend type '%s' is not built in this "
				 "version: a run with it is refused",
		    type->text);
		report_need(l, type, NULL, text);
		free(text);
	}
	return (true);
}

static void
check_tools(const struct loading *l)
{
	static const struct {
		const char *key;
		unsigned int tool;
		const char *name;
	} tools[] = {
		{ "enable_web_search", PRESET_WEB_SEARCH, "web_search" },
		{ "enable_code_execution", PRESET_CODE_EXECUTION,
		    "code_execution" },
		{ "enable_code_interpreter", PRESET_CODE_EXECUTION,
		    "code_execution/interpreter" },
		{ "mcp_servers", PRESET_MCP, "MCP" },
	};
	const struct node *n;
	size_t i;

	for (i = 0; i < sizeof(tools) / sizeof(*tools); i++) {
		n = node_get(l->backend, tools[i].key);
		if (n == NULL || (!n->truth && n->count == 0) ||
		    (l->agent->preset->tools & tools[i].tool) != 0)
			continue;
		check_error(l->check, n, l->location, NULL,
		    "%s does not support %s", l->agent->preset->type,
		    tools[i].name);
	}
	if (node_get(l->backend, "allowed_tools") != NULL &&
	    node_get(l->backend, "exclude_tools") != NULL)
		check_warning(l->check, node_get(l->backend, "exclude_tools"),
		    l->location, NULL,
		    "both 'allowed_tools' and "
		    "'exclude_tools' are given");
}

/* A string of map that must not be empty; NULL when it is absent. */
static const char *
filled_string(const struct loading *l, const struct node *map, const char *key)
{
	const char *s = tree_string(map, key);

	if (s == NULL || *s != '\0')
		return (s);
	check_error(l->check, node_get(map, key), l->location, NULL,
	    "Backend '%s' must not be empty", key);
	return (NULL);
}

static void
load_models(const struct loading *l)
{
	struct agent_config *agent = l->agent;
	const struct preset *preset = agent->preset;
	struct node *profile = node_get(l->backend, "model_profile");
	const char *model, *planning, *synthesis;

	model = filled_string(l, profile, "default");
	planning = filled_string(l, profile, "planning");
	synthesis = filled_string(l, profile, "synthesis");
	if (model == NULL)
		model = filled_string(l, l->backend, "model");
	if (model == NULL)
		model = preset->default_model;
	if (model == NULL && strcmp(preset->type, "ag2") == 0)
		model = preset->type;
	if (model == NULL && tree_string(l->backend, "model") == NULL)
		check_error(l->check, l->backend, l->location, NULL,
		    "Backend missing required field 'model'");
	agent->model = xstrdup(model == NULL ? "" : model);
	if (planning != NULL)
		agent->planning_model = xstrdup(planning);
	if (synthesis != NULL)
		agent->synthesis_model = xstrdup(synthesis);
	if (profile != NULL)
		agent->profile = node_json(profile);
	if (node_get(l->backend, "fallback_models") != NULL)
		agent->fallback_models =
		    node_json(node_get(l->backend, "fallback_models"));
	agent->planning_call = tree_bool(l->backend, "planning_call", false);
}

/*
 * Where the type's provider is; the variable that may name the server is the
 * user's own and ends in slashes or not.  NULL: it is not set.
 */
static char *
default_url(const struct preset *preset)
{
	const char *url = preset->base_url, *end, *host;
	char *name;
	size_t len;

	if (url == NULL || strncmp(url, "${", 2) != 0)
		return (url == NULL ? NULL : xstrdup(url));
	end = strchr(url, '}');
	name = xstrndup(url + 2, (size_t)(end - url - 2));
	host = getenv(name);
	free(name);
	if (host == NULL || *host == '\0')
		return (NULL);
	for (len = strlen(host); len > 0 && host[len - 1] == '/'; len--)
		continue;
	return (xasprintf("%.*s%s", (int)len, host, end + 1));
}

static void
load_url(const struct loading *l)
{
	const char *given = tree_string(l->backend, "base_url"), *problem;
	char *url =
	    given == NULL ? default_url(l->agent->preset) : xstrdup(given);
	size_t len;

	if (url != NULL && (problem = url_problem(url)) != NULL) {
		key_error(
		    l, "base_url", NULL, "Backend 'base_url' %s", problem);
		free(url);
		return;
	}
	len = url == NULL ? 0 : strlen(url);
	while (len > 0 && url[len - 1] == '/')
		url[--len] = '\0';
	l->agent->base_url = url;
	if (url == NULL && l->agent->preset->base_url != NULL)
		report_need(l, l->backend,
		    "Give the backend a base_url, or set the variable.",
		    "no server: the variable that names it is not set");
}

/* A key travels in a header line. */
static bool
key_is_clean(const char *key)
{
	for (; *key != '\0'; key++) {
		if (!isgraph((unsigned char)*key))
			return (false);
	}
	return (true);
}

static void
report_missing_key(const struct loading *l, const struct preset *owner)
{
	const char *const *env = owner->key_env;
	char *text, *hint;

	text = xasprintf("no API key for agent '%s' (backend type '%s'): "
			 "%s%s%s %s not set",
	    l->agent->id == NULL ? "?" : l->agent->id, l->agent->preset->type,
	    env[0], env[1] == NULL ? "" : " and ", env[1] == NULL ? "" : env[1],
	    env[1] == NULL ? "is" : "are");
	hint = xasprintf("Set %s in the environment, or give the backend an "
			 "api_key: \"${VARIABLE}\".",
	    env[0]);
	report_need(l, l->backend, hint, text);
	free(hint);
	free(text);
}

/* The first variable of an owner's that is set, and its name. */
static const char *
key_from_environment(const struct preset *owner, const char **name)
{
	const char *value;
	size_t i;

	for (i = 0; i < 2 && owner->key_env[i] != NULL; i++) {
		value = getenv(owner->key_env[i]);
		if (value != NULL && *value != '\0') {
			*name = owner->key_env[i];
			return (value);
		}
	}
	return (NULL);
}

static void
load_key(const struct loading *l)
{
	const struct preset *preset = l->agent->preset, *owner = preset;
	const char *key, *name = "api_key";

	/* A generic backend at a provider's address takes that one's key. */
	if (strcmp(preset->type, "chatcompletion") == 0 &&
	    l->agent->base_url != NULL &&
	    preset_of_host(l->agent->base_url) != NULL)
		owner = preset_of_host(l->agent->base_url);
	key = tree_string(l->backend, "api_key");
	if (key == NULL || *key == '\0')
		key = key_from_environment(owner, &name);
	if (key == NULL && owner->key_default != NULL)
		key = owner->key_default;
	if (key == NULL) {
		if (owner->needs_key)
			report_missing_key(l, owner);
		return;
	}
	if (key_is_clean(key))
		l->agent->api_key = xstrdup(key);
	else if (!l->check->dry_run)
		key_error(l, "api_key", NULL,
		    "the key in %s holds a space or "
		    "a character outside ASCII",
		    name);
}

/* JSON has no way to write what is not finite. */
static bool
check_finite(const struct loading *l, const struct node *n, const char *key)
{
	size_t i;

	if (n->kind == NODE_REAL && !isfinite(n->real)) {
		check_error(l->check, n, l->location, NULL,
		    "Backend '%s' holds a number that is not finite: %s", key,
		    node_show(n));
		return (false);
	}
	for (i = 0; i < n->count; i++) {
		if (!check_finite(l, n->items[i], key))
			return (false);
	}
	return (true);
}

/* The worker drops these names; here is the place to say so. */
static void
check_extra_body(const struct loading *l)
{
	const struct node *extra = node_get(l->backend, "extra_body");
	size_t i;

	for (i = 0; reserved[i] != NULL; i++) {
		if (node_get(extra, reserved[i]) != NULL)
			key_error(l, "extra_body", NULL,
			    "extra_body must not set '%s'", reserved[i]);
	}
}

/* A null among them takes away what would be sent otherwise. */
static void
load_params(const struct loading *l)
{
	const struct node *value;
	const struct key *key;
	size_t i;

	for (i = 0; i < l->backend->count; i++) {
		key = place_key(&schema_backend, l->backend->keys[i]->text);
		value = l->backend->items[i];
		if (key != NULL && key->status == KEY_PASSED &&
		    check_finite(l, value, key->name))
			json_object_object_add(
			    l->agent->params, key->name, node_json(value));
	}
	check_extra_body(l);
}

static void
load_script(const struct loading *l, const struct config *config)
{
	struct node *steps = node_get(l->backend, "script");
	char *path;

	if (steps == NULL)
		return;
	if (strcmp(l->agent->preset->type, "mock") != 0) {
		key_error(l, "script",
		    "A script for a dry run goes under the "
		    "top-level key dry_run.",
		    "'script' is for backends of "
		    "type 'mock' only");
		return;
	}
	path = xasprintf("%s.script", l->location);
	l->agent->script = script_load(l->check, steps, path, config, l->agent);
	free(path);
}

void
agent_load(const struct check *check, const struct config *config,
    const struct common_tools *common, struct agent_config *agent,
    struct node *n, const char *location)
{
	struct loading l = { check, agent, node_get(n, "backend"), NULL };
	const char *system = tree_string(n, "system_message");

	agent->params = json_object_new_object();
	if (system != NULL)
		agent->system_message = xstrdup(system);
	if (l.backend == NULL || l.backend->kind != NODE_MAP)
		return;
	l.location = xasprintf("%s.backend", location);
	program_check_secrets(check, l.backend, l.location);
	expand_backend(&l);
	load_params(&l);
	agent->max_cost_usd = tree_number(l.backend, "max_cost_usd", 0);
	if (load_type(&l)) {
		check_tools(&l);
		program_load(check, config, agent, l.backend, l.location);
		if (agent->program == NULL)
			tools_load(check, common, agent, l.backend, l.location);
		else
			tools_check_program(
			    check, common, l.backend, l.location);
		load_script(&l, config);
		if (strcmp(agent->preset->type, "mock") == 0) {
			agent->model = xstrdup("mock");
		} else {
			load_models(&l);
			if (agent->program == NULL) {
				load_url(&l);
				load_key(&l);
			}
		}
	}
	free(l.location);
}

/* All that belongs to a model and its provider. */
static void
forget_model(struct agent_config *agent)
{
	free(agent->model);
	free(agent->planning_model);
	free(agent->synthesis_model);
	free(agent->base_url);
	if (agent->api_key != NULL)
		freezero(agent->api_key, strlen(agent->api_key));
	json_object_put(agent->profile);
	json_object_put(agent->fallback_models);
	json_object_put(agent->params);
	json_object_put(agent->program);
	agent->program = NULL;
	agent->model = agent->planning_model = agent->synthesis_model = NULL;
	agent->base_url = agent->api_key = NULL;
	agent->profile = agent->params = agent->fallback_models = NULL;
	agent->planning_call = false;
}

void
agent_mock(struct agent_config *agent, struct json_object *script)
{
	forget_model(agent);
	json_object_put(agent->script);
	agent->script = script;
	agent->preset = preset_find("mock");
	agent->model = xstrdup("mock");
	agent->params = json_object_new_object();
}

void
agent_release(struct agent_config *agent)
{
	forget_model(agent);
	json_object_put(agent->script);
	json_object_put(agent->tools);
	json_object_put(agent->secrets);
	free(agent->workspace);
	free(agent->id);
	free(agent->system_message);
}
