/* The configuration as a run records it: the file without its secrets. */

#include <string.h>

#include "supervisor/config/load.h"

#define HIDDEN "[redacted]"

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return (n >= m && strcasecmp(s + n - m, end) == 0);
}

static bool
ends_with_one_of(const char *s, const char *const *ends)
{
	for (; *ends != NULL; ends++) {
		if (ends_with(s, *ends))
			return (true);
	}
	return (false);
}

bool
config_names_secret(const char *name)
{
	static const char *const ends[] = { "_key", "apikey", "api-key",
		"access-key", "private-key", "secret-key", "secret", "password",
		"passwd", "_pass", "_pat", "token", "authorization",
		"credentials", NULL };

	return (ends_with_one_of(name, ends));
}

/* The way from the root to a value. */
struct trail {
	const char *key; /* "": an element of a list */
	const struct trail *up;
};

static bool
is_at(const struct trail *t, const char *key)
{
	return (t != NULL && strcmp(t->key, key) == 0);
}

/* Below "env" in mcp_servers.NAME.security are rules and no values. */
static bool
is_rules(const struct trail *t)
{
	return (is_at(t, "env") && is_at(t->up, "security") &&
	    t->up->up != NULL && is_at(t->up->up->up, "mcp_servers"));
}

/* Values that are secret wherever they stand, alone or below such a key. */
static bool
is_secret(const struct trail *t)
{
	static const char *const holders[] = { "headers", "env", "env_vars",
		NULL };

	if (config_names_secret(t->key))
		return (true);
	return (ends_with_one_of(t->key, holders) && !is_rules(t) &&
	    !is_at(t, "command_line_pass_env"));
}

/* The shape of what stands there, with every scalar in it hidden. */
static struct json_object *
redacted_json(const struct node *n, const struct trail *up, bool hide)
{
	struct trail t = { "", up };
	struct json_object *o;
	size_t i;

	if (n->kind == NODE_LIST) {
		o = json_object_new_array();
		for (i = 0; i < n->count; i++)
			json_object_array_add(
			    o, redacted_json(n->items[i], &t, hide));
		return (o);
	}
	if (n->kind == NODE_MAP) {
		o = json_object_new_object();
		for (i = 0; i < n->count; i++) {
			t.key = n->keys[i]->text;
			json_object_object_add(o, t.key,
			    redacted_json(
				n->items[i], &t, hide || is_secret(&t)));
		}
		return (o);
	}
	if (n->kind != NODE_NULL && (hide || n->secret))
		return (json_object_new_string(HIDDEN));
	return (node_json(n));
}

struct json_object *
source_json(const struct node *root)
{
	return (redacted_json(root, NULL, false));
}
