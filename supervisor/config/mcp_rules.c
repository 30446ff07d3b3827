/*
 * What a server of tools must not be given or reach, as far as "security"
 * does not allow it.  The lists are MassGen's.
 */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/words.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/mcp.h"

#define NAME_LEN_MAX  100
#define VALUE_LEN_MAX 4096

enum level {
	LEVEL_STRICT,
	LEVEL_MODERATE,
	LEVEL_PERMISSIVE
};

static enum level
level_of(const struct node *map)
{
	const char *word = tree_string(map, "level");

	if (word != NULL && strcmp(word, "moderate") == 0)
		return (LEVEL_MODERATE);
	if (word != NULL && strcmp(word, "permissive") == 0)
		return (LEVEL_PERMISSIVE);
	return (LEVEL_STRICT);
}

/* Whether a list of the tree holds the word. */
static bool
is_listed(const struct node *list, const char *word, bool ignore_case)
{
	const char *s;
	size_t i;

	for (i = 0; list != NULL && i < list->count; i++) {
		s = list->items[i]->text;
		if (s != NULL &&
		    (ignore_case ? strcasecmp(s, word) : strcmp(s, word)) == 0)
			return (true);
	}
	return (false);
}

/* --- the program --- */

static bool
program_is_known(const char *name, enum level level)
{
	static const char *const known[] = { "uv", "uvx", "pipx", "pip", "node",
		"npm", "npx", "yarn", "pnpm", "bun", "deno", "java", "ruby",
		"go", "rust", "cargo", "fastmcp", "sh", "bash", "zsh", "fish",
		"powershell", "pwsh", "cmd", NULL };
	static const char *const moderate[] = { "git", "nodejs", NULL };
	static const char *const permissive[] = { "curl", "wget", NULL };
	static const char python[] = "python";
	const char *version = name + strlen(python);

	if (strncmp(name, python, strlen(python)) == 0)
		return (version[strspn(version, "0123456789.")] == '\0');
	return (words_have(known, name) ||
	    (level >= LEVEL_MODERATE && words_have(moderate, name)) ||
	    (level >= LEVEL_PERMISSIVE && words_have(permissive, name)));
}

void
mcp_check_program(const struct mcp_entry *e, const char *program)
{
	const struct node *security = node_get(e->map, "security");
	const struct node *allowed = node_get(security, "allowed_executables");
	const char *slash = strrchr(program, '/');
	const char *name = slash == NULL ? program : slash + 1;

	if (*name == '\0')
		mcp_error(e, "command", NULL, "'command' names no program");
	else if (allowed != NULL && allowed->kind == NODE_LIST
		? !is_listed(allowed, name, false)
		: tree_string(security, "level") != NULL &&
		    !program_is_known(name, level_of(security)))
		mcp_error(e, "command",
		    "Name it in security.allowed_executables.",
		    "executable '%s' is not allowed", name);
}

/* --- the environment --- */

static bool
variable_is_denied(const struct node *security, const char *name)
{
	static const char *const always[] = { "LD_LIBRARY_PATH",
		"DYLD_LIBRARY_PATH", "PYTHONPATH", "PWD", "OLDPWD", NULL };
	static const char *const strict[] = { "PATH", "HOME", "USER",
		"USERNAME", "SHELL", NULL };
	const struct node *rules = node_get(security, "env");
	const struct node *denied = node_get(rules, "denied_vars");
	const char *mode = tree_string(rules, "mode");
	enum level level =
	    level_of(tree_string(rules, "level") == NULL ? security : rules);

	if (mode != NULL && strcmp(mode, "allowlist") == 0)
		return (
		    !is_listed(node_get(rules, "allowed_vars"), name, false));
	if (denied != NULL && denied->kind == NODE_LIST)
		return (is_listed(denied, name, false));
	return (words_have(always, name) ||
	    (level == LEVEL_STRICT && words_have(strict, name)));
}

/* What a shell would act on, before variables are replaced; or NULL. */
static const char *
dangerous_part(const char *value)
{
	static const char *const parts[] = { "$(", "`", "&", ";", "|", NULL };
	const char *s, *behind;
	char *name;
	size_t i;

	for (i = 0; parts[i] != NULL; i++) {
		if (strstr(value, parts[i]) != NULL)
			return (parts[i]);
	}
	for (s = value; (s = strstr(s, "${")) != NULL; s = behind) {
		behind = s;
		if ((name = expand_next(&behind)) == NULL ||
		    behind != strchr(s, '}') + 1) {
			free(name);
			return ("${");
		}
		free(name);
	}
	return (NULL);
}

/* in: within "env" of the entry. */
static void
load_variable(const struct mcp_entry *in, const struct node *security,
    struct json_object *env, const char *name, struct node *value)
{
	const char *part;

	if (*name == '\0' || strchr(name, '=') != NULL ||
	    strlen(name) > NAME_LEN_MAX) {
		mcp_error(in, name, NULL,
		    "'env' has a name that is empty, too long or holds '='");
		return;
	}
	if (value->text == NULL && value->kind != NODE_NULL) {
		mcp_error(in, name, NULL,
		    "'env' must hold plain values only, not for %s", name);
		return;
	}
	if (variable_is_denied(security, name))
		mcp_error(in, name, "See security.env.",
		    "environment variable '%s' is not allowed", name);
	part = value->kind == NODE_NULL ? NULL : dangerous_part(value->text);
	if (part != NULL)
		mcp_error(in, name, NULL,
		    "the value of environment variable '%s' must not hold "
		    "'%s'",
		    name, part);
	mcp_expand(in, value, name);
	if (value->kind != NODE_NULL && strlen(value->text) > VALUE_LEN_MAX)
		mcp_error(in, name, NULL,
		    "the value of environment variable '%s' is longer than %d "
		    "characters",
		    name, VALUE_LEN_MAX);
	if (value->kind != NODE_NULL && config_names_secret(name))
		tools_secret(in->agent, value->text);
	json_object_object_add(env, name,
	    json_object_new_string(
		value->kind == NODE_NULL ? "" : value->text));
}

void
mcp_load_env(const struct mcp_entry *e)
{
	const struct node *security = node_get(e->map, "security");
	struct json_object *env = json_object_new_object();
	char *location = xasprintf("%s.env", e->location);
	struct mcp_entry in = *e;
	size_t i;

	in.map = node_get(e->map, "env");
	in.location = location;
	json_object_object_add(e->o, "env", env);
	for (i = 0; in.map != NULL && i < in.map->count; i++)
		load_variable(&in, security, env, in.map->keys[i]->text,
		    in.map->items[i]);
	free(location);
}

/* --- the address --- */

/* Where other services listen. */
static bool
port_is_refused(int port)
{
	static const int ports[] = { 22, 23, 25, 53, 135, 139, 445, 1433, 1521,
		3306, 3389, 5432, 6379 };
	size_t i;

	for (i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
		if (port == ports[i])
			return (true);
	}
	return (port < 1 || port > 65535);
}

static void
check_host(const struct mcp_entry *e, const char *host)
{
	const struct node *security = node_get(e->map, "security");
	const struct node *names = node_get(security, "allowed_hostnames");
	enum url_reach reach = url_reach(host);

	if (reach == REACH_LOCAL &&
	    !tree_bool(security, "allow_localhost", false))
		mcp_error(e, "url", "Set security.allow_localhost.",
		    "'url' is on this machine: %s", host);
	if (reach == REACH_PRIVATE &&
	    !tree_bool(security, "allow_private_ips", false))
		mcp_error(e, "url", "Set security.allow_private_ips.",
		    "'url' is a private address: %s", host);
	if (names != NULL && names->kind == NODE_LIST && names->count > 0 &&
	    !is_listed(names, host, true))
		mcp_error(e, "url", NULL,
		    "'url' is none of security.allowed_hostnames: %s", host);
}

/* "?api_key=..." in an address is a key all the same. */
static void
hide_query(const struct mcp_entry *e, struct node *url)
{
	const char *s = strchr(url->text, '?'), *value;
	char *name, *secret;
	size_t len;

	while (s != NULL && *s != '\0' && *s != '#') {
		len = strcspn(++s, "=&#");
		name = xstrndup(s, len);
		s += len;
		if (*s == '=' && config_names_secret(name)) {
			value = s + 1;
			secret = xstrndup(value, strcspn(value, "&#"));
			tools_secret(e->agent, secret);
			free(secret);
			url->secret = true;
		}
		free(name);
		s += strcspn(s, "&#");
	}
}

static void
load_url(const struct mcp_entry *e)
{
	struct node *url = node_get(e->map, "url");
	const char *problem;
	char *host;
	int port;

	if (tree_string(e->map, "url") == NULL) {
		mcp_error(e, "url", NULL,
		    "HTTP server configuration must include 'url'");
		return;
	}
	mcp_expand(e, url, "url");
	hide_query(e, url);
	/* Where a variable is not set, which was told, nothing is known. */
	if (strstr(url->text, "${") != NULL)
		return;
	if ((problem = url_problem(url->text)) != NULL) {
		mcp_error(e, "url", NULL, "'url' %s", problem);
		return;
	}
	host = url_host(url->text, &port);
	if (port_is_refused(port))
		mcp_error(e, "url", NULL,
		    "'url' has a port that is not "
		    "allowed: %d",
		    port);
	check_host(e, host);
	free(host);
	json_object_object_add(e->o, "url", json_object_new_string(url->text));
}

/* RFC 9110: a token. */
static bool
is_header_name(const char *s)
{
	const char *c;

	for (c = s; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) &&
		    strchr("!#$%&'*+-.^_`|~", *c) == NULL)
			return (false);
	}
	return (c != s);
}

static bool
is_header_value(const char *s)
{
	for (; *s != '\0'; s++) {
		if (iscntrl((unsigned char)*s) && *s != '\t')
			return (false);
	}
	return (true);
}

/* "Bearer TOKEN": the token too is to be hidden, wherever it stands. */
static void
note_header(const struct mcp_entry *e, const char *name, const char *value)
{
	const char *space = strchr(value, ' ');

	if (!config_names_secret(name) && strcasecmp(name, "cookie") != 0)
		return;
	tools_secret(e->agent, value);
	if (space != NULL)
		tools_secret(e->agent, space + 1);
}

static void
load_headers(const struct mcp_entry *e)
{
	struct json_object *headers = json_object_new_object();
	char *location = xasprintf("%s.headers", e->location);
	struct mcp_entry in = *e;
	struct node *value;
	const char *name;
	size_t i;

	in.map = node_get(e->map, "headers");
	in.location = location;
	json_object_object_add(e->o, "headers", headers);
	for (i = 0; in.map != NULL && i < in.map->count; i++) {
		name = in.map->keys[i]->text;
		value = in.map->items[i];
		mcp_expand(&in, value, name);
		if (value->kind == NODE_NULL || value->text == NULL ||
		    !is_header_name(name) || !is_header_value(value->text)) {
			mcp_error(&in, name, NULL,
			    "'headers' has a name or a value that no header "
			    "can have: %s",
			    name);
			continue;
		}
		note_header(e, name, value->text);
		json_object_object_add(
		    headers, name, json_object_new_string(value->text));
	}
	free(location);
}

void
mcp_load_http(const struct mcp_entry *e)
{
	load_url(e);
	load_headers(e);
}
