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
	static const char *const ends[] = { "api_key", "apikey", "api-key",
		"access_key", "private_key", "secret", "secret_key", "password",
		"passwd", "token", "authorization", "credentials", NULL };

	return (ends_with_one_of(name, ends));
}

/* Values that are secret wherever they stand, alone or below such a key. */
static bool
is_secret(const char *key)
{
	static const char *const holders[] = { "headers", "env", "env_vars",
		NULL };

	return (config_names_secret(key) || ends_with_one_of(key, holders));
}

/* The shape of a tree with every scalar in it hidden. */
static struct json_object *
redacted_json(const struct node *n, bool hide)
{
	struct json_object *o;
	size_t i;

	if (n->kind == NODE_LIST) {
		o = json_object_new_array();
		for (i = 0; i < n->count; i++)
			json_object_array_add(
			    o, redacted_json(n->items[i], hide));
		return (o);
	}
	if (n->kind == NODE_MAP) {
		o = json_object_new_object();
		for (i = 0; i < n->count; i++)
			json_object_object_add(o, n->keys[i]->text,
			    redacted_json(n->items[i],
				hide || is_secret(n->keys[i]->text)));
		return (o);
	}
	if (n->kind != NODE_NULL && (hide || n->secret))
		return (json_object_new_string(HIDDEN));
	return (node_json(n));
}

struct json_object *
source_json(const struct node *root)
{
	return (redacted_json(root, false));
}
