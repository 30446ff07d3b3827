/* The tree itself: building, looking up, showing, freeing. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/config/yaml.h"

void
node_free(struct node *n)
{
	size_t i;

	if (n == NULL)
		return;
	for (i = 0; i < n->count; i++) {
		node_free(n->items[i]);
		if (n->keys != NULL)
			node_free(n->keys[i]);
	}
	if (n->text != NULL)
		freezero(n->text, strlen(n->text));
	free(n->items);
	free(n->keys);
	free(n);
}

/* Arrays grow by doubling: full at each power of two. */
static struct node **
grow(struct node **array, size_t count)
{
	if ((count & (count - 1)) != 0)
		return (array);
	return (xreallocarray(
	    array, count == 0 ? 1 : count * 2, sizeof(struct node *)));
}

void
node_add_item(struct node *list, struct node *item)
{
	list->items = grow(list->items, list->count);
	list->items[list->count++] = item;
}

void
node_add_pair(struct node *map, struct node *key, struct node *value)
{
	map->keys = grow(map->keys, map->count);
	map->keys[map->count] = key;
	node_add_item(map, value);
}

ssize_t
node_find(const struct node *map, const char *key)
{
	size_t i;

	for (i = 0; i < map->count; i++) {
		if (strcmp(map->keys[i]->text, key) == 0)
			return ((ssize_t)i);
	}
	return (-1);
}

struct node *
node_get(const struct node *map, const char *key)
{
	ssize_t i;

	if (map == NULL || map->kind != NODE_MAP)
		return (NULL);
	i = node_find(map, key);
	return (i == -1 ? NULL : map->items[i]);
}

struct node *
node_given(const struct node *map, const char *key)
{
	struct node *n = node_get(map, key);

	return (n == NULL || n->kind == NODE_NULL ? NULL : n);
}

size_t
node_depth(const struct node *n)
{
	size_t i, below, deepest = 0;

	for (i = 0; i < n->count; i++) {
		below = node_depth(n->items[i]);
		if (below > deepest)
			deepest = below;
	}
	return (deepest + 1);
}

const char *
node_type_name(const struct node *n)
{
	static const char *const names[] = {
		[NODE_NULL] = "NoneType",
		[NODE_BOOL] = "bool",
		[NODE_INT] = "int",
		[NODE_REAL] = "float",
		[NODE_STR] = "str",
		[NODE_LIST] = "list",
		[NODE_MAP] = "dict",
	};

	return (names[n->kind]);
}

const char *
node_show(const struct node *n)
{
	if (n->secret)
		return ("[redacted]");
	return (n->text == NULL ? node_type_name(n) : n->text);
}

static struct json_object *
collection_json(const struct node *n)
{
	struct json_object *o;
	size_t i;

	o = n->kind == NODE_LIST ? json_object_new_array()
				 : json_object_new_object();
	for (i = 0; i < n->count; i++) {
		if (n->kind == NODE_LIST)
			json_object_array_add(o, node_json(n->items[i]));
		else
			json_object_object_add(
			    o, n->keys[i]->text, node_json(n->items[i]));
	}
	return (o);
}

/* In the fewest digits that read back as the same number. */
static struct json_object *
real_json(double real)
{
	char digits[32];
	int precision;

	for (precision = 15; precision <= 17; precision++) {
		snprintf(digits, sizeof(digits), "%.*g", precision, real);
		if (strtod(digits, NULL) >= real &&
		    strtod(digits, NULL) <= real)
			break;
	}
	return (json_object_new_double_s(real, digits));
}

struct json_object *
node_json(const struct node *n)
{
	switch (n->kind) {
	case NODE_NULL:
		break;
	case NODE_BOOL:
		return (json_object_new_boolean(n->truth));
	case NODE_INT:
		return (json_object_new_int64(n->integer));
	case NODE_REAL:
		return (real_json(n->real));
	case NODE_STR:
		return (json_object_new_string(n->text));
	case NODE_LIST:
	case NODE_MAP:
		return (collection_json(n));
	}
	return (NULL);
}
