/*
 * One YAML document as a tree of nodes that know where they stood.  Aliases
 * and merge keys are gone by then: every use is a copy of its own.
 */

#ifndef SUPERVISOR_CONFIG_YAML_H
#define SUPERVISOR_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <json-c/json.h>

#include "supervisor/config/diag.h"

/* Hard limits, so that no file can grow into something else. */
#define YAML_DEPTH_MAX 24     /* levels of nesting */
#define YAML_NODES_MAX 200000 /* after aliases were resolved */
#define YAML_TEXT_MAX \
	((size_t)16 * 1024 * 1024) /* bytes of scalars, likewise */
#define YAML_KEYS_MAX    5000      /* of one mapping */
#define YAML_ANCHORS_MAX 1000

enum node_kind {
	NODE_NULL,
	NODE_BOOL,
	NODE_INT,
	NODE_REAL,
	NODE_STR,
	NODE_LIST,
	NODE_MAP,
};

struct node {
	enum node_kind kind;
	size_t line; /* from 1 */
	size_t column;
	bool plain;  /* a scalar without quotes or a tag */
	bool secret; /* its text came from the environment: never show it */
	char *text;  /* of a scalar, as written; NULL otherwise */
	bool truth;
	int64_t integer;
	double real; /* also of an integer; may be infinite or NaN */

	struct node **items; /* of a list; the values of a map */
	struct node **keys;  /* of a map: scalars, unique by text */
	size_t count;
};

/*
 * Parse text, which is the contents of file.  Scalars are resolved as YAML
 * 1.1's core types; with json the numbers of JSON are, too.  Problems go to
 * diagnostics; NULL if there is no tree, while a tree comes back also when
 * some key was given twice (the first counts).  The caller frees it.
 */
struct node *yaml_parse(const char *file, const char *text, size_t len,
    bool json, struct diagnostics *);

void node_free(struct node *);

/* The value of key in a map; NULL: not there, or map is NULL or no map. */
struct node *node_get(const struct node *map, const char *key);

/* The same; NULL also where the value is null. */
struct node *node_given(const struct node *map, const char *key);

/*
 * The text of a scalar as a message may show it: what came from the
 * environment stays hidden, a collection is told by its type.
 */
const char *node_show(const struct node *);

/* The names that Python gives the types: "str", "dict", "NoneType". */
const char *node_type_name(const struct node *);

/* The tree as JSON; the caller puts it.  NULL stands for null. */
struct json_object *node_json(const struct node *);

/* The parts of a tree under construction; the node takes what it is given. */
void node_add_item(struct node *list, struct node *item);
void node_add_pair(struct node *map, struct node *key, struct node *value);

/* The index of key in a map, or -1. */
ssize_t node_find(const struct node *map, const char *key);

/* Levels of nesting: 1 for a scalar. */
size_t node_depth(const struct node *);

/* Give a plain scalar its type, from its text. */
void scalar_resolve(struct node *, bool json);

#endif
