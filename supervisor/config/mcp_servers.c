/*
 * Servers of tools that speak the Model Context Protocol: which, and how
 * they are reached.  What MassGen refuses in such an entry is refused here,
 * but for its list of programs, which counts only where "security" names a
 * level or a list of its own: what holds a server is the sandbox.
 */

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/load.h"
#include "supervisor/config/mcp.h"

#define NAME_MAX_LEN 50
#define COMMAND_MAX  1000
#define ARGS_MAX     50
#define TEXT_MAX     500

#define STDIO "stdio"
#define HTTP  "streamable-http"

void
mcp_error(const struct mcp_entry *e, const char *key, const char *hint,
    const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	check_key(e->check, SEVERITY_ERROR, e->map, e->location, key, hint,
	    "MCP configuration error: %s", text);
	free(text);
}

/* The values of variables that hold a secret, wherever they go. */
static void
note_secrets(const struct mcp_entry *e, const struct node *n)
{
	const char *s = n->kind == NODE_STR ? n->text : NULL, *value;
	char *name;
	size_t i;

	while (s != NULL && (name = expand_next(&s)) != NULL) {
		value = getenv(name);
		if (value != NULL && config_names_secret(name))
			tools_secret(e->agent, value);
		free(name);
	}
	for (i = 0; i < n->count; i++)
		note_secrets(e, n->items[i]);
}

void
mcp_expand(const struct mcp_entry *e, struct node *n, const char *key)
{
	char *path = xasprintf("%s.%s", e->location, key);

	note_secrets(e, n);
	expand_tree(e->check, n, path,
	    e->check->validate_only ? SEVERITY_WARNING : SEVERITY_ERROR);
	free(path);
}

/* --- the command --- */

/* One word of a command as a shell would take it; false: a quote is open. */
static bool
next_word(const char **text, struct buf *word)
{
	const char *s = *text;
	char quote = '\0';

	for (; *s != '\0'; s++) {
		if (quote == '\0' && isspace((unsigned char)*s))
			break;
		if (quote == '\0' && (*s == '"' || *s == '\''))
			quote = *s;
		else if (*s == quote)
			quote = '\0';
		else {
			if (*s == '\\' && quote != '\'' && s[1] != '\0')
				s++;
			buf_add(word, s, 1);
		}
	}
	*text = s;
	return (quote == '\0');
}

static void
split_command(const struct mcp_entry *e, const char *s)
{
	struct buf word;

	for (s += strspn(s, " \t\r\n"); *s != '\0'; s += strspn(s, " \t\r\n")) {
		word = (struct buf)BUF_INITIALIZER;
		buf_adds(&word, "");
		if (!next_word(&s, &word))
			mcp_error(e, "command", NULL,
			    "'command' has a quote that is not closed");
		json_object_array_add(
		    e->argv, json_object_new_string(word.data));
		buf_release(&word);
	}
}

static bool
has_parent(const char *path)
{
	const char *s;

	for (s = path; (s = strstr(s, "..")) != NULL; s += 2) {
		if ((s == path || s[-1] == '/') &&
		    (s[2] == '\0' || s[2] == '/'))
			return (true);
	}
	return (false);
}

static void
check_word(const struct mcp_entry *e, const char *word)
{
	size_t i = strcspn(word, "&|;`$()<>");

	if (word[i] != '\0')
		mcp_error(e, "command", "No shell reads it.",
		    "'command' must not hold '%c'", word[i]);
	if (has_parent(word))
		mcp_error(e, "command", NULL, "'command' must not hold '..'");
}

static void
load_command(const struct mcp_entry *e)
{
	const struct node *command = node_get(e->map, "command");
	size_t i, n, len = 0;

	if (command != NULL && command->kind == NODE_STR)
		split_command(e, command->text);
	for (i = 0; command != NULL && i < command->count; i++) {
		if (command->items[i]->kind == NODE_STR)
			json_object_array_add(e->argv,
			    json_object_new_string(command->items[i]->text));
	}
	n = json_object_array_length(e->argv);
	for (i = 0; i < n; i++) {
		check_word(e,
		    json_object_get_string(
			json_object_array_get_idx(e->argv, i)));
		len += strlen(json_object_get_string(
			   json_object_array_get_idx(e->argv, i))) +
		    1;
	}
	if (len > COMMAND_MAX + 1)
		mcp_error(e, "command", NULL,
		    "'command' is longer than %d characters", COMMAND_MAX);
}

/*
 * Behind "--api-key", or in "--token=X", stands what is not to be shown.
 * *next is whether the argument itself comes behind one, and then whether
 * the next one does.
 */
static void
hide_secret(const struct mcp_entry *e, struct node *arg, bool *next)
{
	const char *value = strchr(arg->text, '=');
	char *name = xstrndup(arg->text, strcspn(arg->text, "="));
	bool names = *name == '-' && config_names_secret(name);

	free(name);
	if (*next)
		value = arg->text;
	else
		value = names && value != NULL ? value + 1 : NULL;
	*next = !*next && names && value == NULL;
	if (value == NULL)
		return;
	arg->secret = true;
	tools_secret(e->agent, value);
}

static void
check_args_secrets(const struct mcp_entry *e, const struct node *args)
{
	const char *s;
	char *name;
	size_t i;

	for (i = 0; i < args->count; i++) {
		s = args->items[i]->text;
		while (s != NULL && (name = expand_next(&s)) != NULL) {
			if (config_names_secret(name))
				check_key(e->check, SEVERITY_WARNING, e->map,
				    e->location, "args",
				    "Hand it on in env, where only the server "
				    "sees it.",
				    "%s in 'args' can be read by every user "
				    "of this machine",
				    name);
			free(name);
		}
	}
}

static void
load_args(const struct mcp_entry *e)
{
	struct node *args = node_get(e->map, "args"), *n;
	bool next = false;
	size_t i;

	if (args == NULL || args->kind != NODE_LIST)
		return;
	check_args_secrets(e, args);
	mcp_expand(e, args, "args");
	for (i = 0; i < args->count; i++) {
		n = args->items[i];
		if (n->kind != NODE_STR)
			continue;
		if (strlen(n->text) > TEXT_MAX)
			mcp_error(e, "args", NULL,
			    "argument %zu is longer than %d characters", i,
			    TEXT_MAX);
		json_object_array_add(e->argv, json_object_new_string(n->text));
		hide_secret(e, n, &next);
	}
	if (args->count > ARGS_MAX)
		mcp_error(e, "args", NULL, "there are more than %d arguments",
		    ARGS_MAX);
}

/* Relative to where we are, as other paths of a configuration. */
static void
load_dir(const struct mcp_entry *e)
{
	const char *dir = tree_string(e->map, "cwd");
	char here[PATH_MAX], *path;

	if (dir == NULL)
		return;
	if (*dir == '\0' || strlen(dir) > TEXT_MAX)
		mcp_error(e, "cwd", NULL, "'cwd' must be 1 to %d characters",
		    TEXT_MAX);
	else if (has_parent(dir))
		mcp_error(e, "cwd", NULL, "'cwd' must not hold '..'");
	if (*dir == '/' || strncmp(dir, "${cwd}", 6) == 0 ||
	    getcwd(here, sizeof(here)) == NULL)
		path = xstrdup(dir);
	else
		path = xasprintf("%s/%s", here, dir);
	json_object_object_add(e->o, "cwd", json_object_new_string(path));
	free(path);
}

/* A server that is fetched needs the network, unless commands are kept off. */
static void
load_network(const struct mcp_entry *e)
{
	const char *network = tree_string(e->map, "network");

	if (network == NULL)
		network = tree_string(e->backend, "command_line_network");
	json_object_object_add(e->o, "network",
	    json_object_new_string(network == NULL ? "host" : network));
}

static void
load_stdio(struct mcp_entry *e)
{
	e->argv = json_object_new_array();
	json_object_object_add(e->o, "command", e->argv);
	load_command(e);
	load_args(e);
	if (json_object_array_length(e->argv) == 0)
		mcp_error(e, "command", NULL,
		    "Stdio server configuration must include 'command' or "
		    "'args'");
	else
		mcp_check_program(e,
		    json_object_get_string(
			json_object_array_get_idx(e->argv, 0)));
	mcp_load_env(e);
	load_dir(e);
	load_network(e);
}

/* --- the entry --- */

static void
add_copy(const struct mcp_entry *e, const char *key, const char *name)
{
	const struct node *n = node_given(e->map, key);

	if (n != NULL)
		json_object_object_add(e->o, name, node_json(n));
}

/* Which of the two it is; NULL: neither. */
static const char *
transport_of(const struct mcp_entry *e)
{
	const char *type = tree_string(e->map, "type");

	if (type == NULL)
		return (tree_string(e->map, "url") != NULL &&
			    node_get(e->map, "command") == NULL
			? HTTP
			: STDIO);
	if (strcmp(type, STDIO) == 0 || strcmp(type, HTTP) == 0)
		return (type);
	mcp_error(e, "type", "Use '" STDIO "' or '" HTTP "'.",
	    "Unsupported transport type: %s", type);
	return (NULL);
}

/* Keys of the transport that the server does not have. */
static void
check_foreign(const struct mcp_entry *e, bool http)
{
	static const char *const of_stdio[] = { "command", "args", "env", "cwd",
		"network", NULL };
	static const char *const of_http[] = { "url", "headers",
		"http_read_timeout", NULL };

	check_given(e->check, SEVERITY_WARNING, e->map, e->location,
	    http ? of_stdio : of_http, "has no effect on a server of type '%s'",
	    http ? HTTP : STDIO);
}

static bool
is_server_name(const char *s)
{
	size_t len = strlen(s);

	return (len > 0 && len <= NAME_MAX_LEN &&
	    strspn(s,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789_-") == len);
}

static bool
load_name(struct mcp_entry *e)
{
	const char *given = tree_string(e->map, "name");

	if (e->name == NULL)
		e->name = given;
	if (e->name == NULL) {
		mcp_error(e, "name", NULL,
		    "Server configuration must include 'name'");
		return (false);
	}
	if (!is_server_name(e->name))
		mcp_error(e, "name",
		    "The names of the server's tools begin with it.",
		    "Server name must be 1 to %d of the characters A-Z a-z "
		    "0-9 _ -, got '%s'",
		    NAME_MAX_LEN, e->name);
	else if (given != NULL && strcmp(given, e->name) != 0)
		mcp_error(e, "name", NULL, "'name' is '%s', but the key '%s'",
		    given, e->name);
	return (true);
}

static void
load_server(struct mcp_entry *e)
{
	const char *transport;
	bool http;

	if (!load_name(e) || (transport = transport_of(e)) == NULL)
		return;
	json_object_object_add(e->o, "name", json_object_new_string(e->name));
	json_object_object_add(e->o, "type", json_object_new_string(transport));
	http = strcmp(transport, HTTP) == 0;
	check_foreign(e, http);
	add_copy(e, "timeout", "timeout");
	if (http) {
		mcp_load_http(e);
		/* The longest wait for an answer, where there is one. */
		add_copy(e, "http_read_timeout", "timeout");
	} else
		load_stdio(e);
	add_copy(e, "allowed_tools", "allowed_tools");
	add_copy(e, "exclude_tools", "exclude_tools");
}

static bool
is_named(struct json_object *list, const char *name)
{
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++) {
		if (strcmp(json_object_get_string(json_object_object_get(
			       json_object_array_get_idx(list, i), "name")),
			name) == 0)
			return (true);
	}
	return (false);
}

struct json_object *
mcp_load(const struct check *check, struct agent_config *agent,
    const struct node *backend, const char *location)
{
	const struct node *servers = node_get(backend, "mcp_servers");
	struct json_object *list = json_object_new_array();
	struct mcp_entry e = {
		.check = check, .agent = agent, .backend = backend
	};
	bool by_name = servers != NULL && servers->kind == NODE_MAP;
	char *path;
	size_t i;

	for (i = 0; servers != NULL && i < servers->count; i++) {
		e.map = servers->items[i];
		if (e.map->kind != NODE_MAP)
			continue;
		e.name = by_name ? servers->keys[i]->text : NULL;
		path = by_name
		    ? xasprintf("%s.mcp_servers.%s", location, e.name)
		    : xasprintf("%s.mcp_servers[%zu]", location, i);
		e.location = path;
		e.o = json_object_new_object();
		load_server(&e);
		if (json_object_object_get(e.o, "type") == NULL) {
			json_object_put(e.o);
		} else if (is_named(list, e.name)) {
			mcp_error(&e, "name", NULL,
			    "Duplicate server names found: ['%s']", e.name);
			json_object_put(e.o);
		} else
			json_object_array_add(list, e.o);
		free(path);
	}
	if (json_object_array_length(list) > 0)
		return (list);
	json_object_put(list);
	return (NULL);
}
