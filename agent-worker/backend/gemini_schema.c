/* JSON Schema as Gemini's function declarations want it. */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json_pointer.h>

#include "agent-worker/backend/gemini.h"

/* Levels, references and schemas looked at before the rest is cut off. */
#define DEPTH_MAX 12
#define CHAIN_MAX 8
#define NODES_MAX 2000

struct translation {
	struct json_object *root; /* where references point into */
	int left;                 /* schemas that may still be looked at */
};

static struct json_object *translate(
    struct translation *, struct json_object *, int depth);

static bool
is_string(struct json_object *value, const char *text)
{
	return (json_object_is_type(value, json_type_string) &&
	    strcmp(json_object_get_string(value), text) == 0);
}

static bool
contains(struct json_object *list, const char *text)
{
	size_t i, n = json_object_array_length(list);

	for (i = 0; i < n; i++)
		if (is_string(json_object_array_get_idx(list, i), text))
			return (true);
	return (false);
}

/* The elements of a list, or the single value; 0 for NULL. */
static size_t
count(struct json_object *value)
{
	if (json_object_is_type(value, json_type_array))
		return (json_object_array_length(value));
	return (value == NULL ? 0 : 1);
}

static struct json_object *
element(struct json_object *value, size_t i)
{
	if (json_object_is_type(value, json_type_array))
		return (json_object_array_get_idx(value, i));
	return (value);
}

static void
set(struct json_object *object, const char *name, struct json_object *value)
{
	json_object_object_add(object, name, json_object_get(value));
}

/* The member of that name and type; it is made where there is none. */
static struct json_object *
provide(struct json_object *object, const char *name, enum json_type type)
{
	struct json_object *value = member(object, name);

	if (json_object_is_type(value, type))
		return (value);
	value = type == json_type_array ? json_object_new_array()
					: json_object_new_object();
	json_object_object_add(object, name, value);
	return (value);
}

static void
absorb_list(struct json_object *flat, const char *name, struct json_object *v)
{
	struct json_object *list = provide(flat, name, json_type_array);
	size_t i, n = count(v);

	for (i = 0; i < n; i++)
		json_object_array_add(list, json_object_get(element(v, i)));
}

static void
absorb_properties(struct json_object *flat, struct json_object *v)
{
	struct json_object *all = provide(flat, "properties", json_type_object);

	if (!json_object_is_type(v, json_type_object))
		return;
	json_object_object_foreach (v, name, property) {
		if (!json_object_object_get_ex(all, name, NULL))
			set(all, name, property);
	}
}

static struct json_object *
resolve(struct translation *t, struct json_object *ref)
{
	struct json_object *target = NULL;
	const char *path;

	if (!json_object_is_type(ref, json_type_string))
		return (NULL);
	path = json_object_get_string(ref);
	if (*path != '#' || json_pointer_get(t->root, path + 1, &target) != 0)
		return (NULL);
	return (target);
}

/*
 * Add to flat what a schema asks for, its references and all parts of an
 * "allOf" included.  What is nearer to where it is used comes first and wins.
 */
static void
absorb(struct translation *t, struct json_object *flat,
    struct json_object *schema, int chain)
{
	struct json_object *all = member(schema, "allOf");
	size_t i, n = count(all);

	if (!json_object_is_type(schema, json_type_object) || chain == 0 ||
	    t->left <= 0)
		return;
	t->left--;
	json_object_object_foreach (schema, name, value) {
		if (strcmp(name, "properties") == 0)
			absorb_properties(flat, value);
		else if (strcmp(name, "required") == 0)
			absorb_list(flat, name, value);
		else if (strcmp(name, "$ref") != 0 &&
		    strcmp(name, "allOf") != 0 &&
		    !json_object_object_get_ex(flat, name, NULL))
			set(flat, name, value);
	}
	absorb(t, flat, resolve(t, member(schema, "$ref")), chain - 1);
	for (i = 0; i < n; i++)
		absorb(t, flat, element(all, i), chain - 1);
}

/* One that stands for itself: nothing in it points elsewhere. */
static struct json_object *
flatten(struct translation *t, struct json_object *schema)
{
	struct json_object *flat = json_object_new_object();

	absorb(t, flat, schema, CHAIN_MAX);
	return (flat);
}

/* What a schema that does not name a type must mean. */
static const char *
type_of_value(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_int:
		return ("integer");
	case json_type_double:
		return ("number");
	case json_type_boolean:
		return ("boolean");
	case json_type_array:
		return ("array");
	case json_type_object:
		return ("object");
	case json_type_null:
	case json_type_string:
		break;
	}
	return ("string");
}

static const char *
type_of(struct json_object *flat, struct json_object *values)
{
	static const char *const types[] = { "string", "number", "integer",
		"boolean", "array", "object" };
	struct json_object *type = element(member(flat, "type"), 0);
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (is_string(type, types[i]))
			return (types[i]);
	if (member(flat, "properties") != NULL)
		return ("object");
	if (member(flat, "items") != NULL ||
	    member(flat, "prefixItems") != NULL)
		return ("array");
	return (type_of_value(element(values, 0)));
}

/* An enumeration is of strings, and none of them is empty. */
static void
add_enum(struct json_object *out, struct json_object *values)
{
	struct json_object *list = json_object_new_array(), *v;
	size_t i, n = count(values);

	for (i = 0; i < n; i++) {
		if ((v = element(values, i)) == NULL)
			continue;
		if (!json_object_is_type(v, json_type_string))
			break;
		if (json_object_get_string_len(v) > 0)
			json_object_array_add(list, json_object_get(v));
	}
	if (i == n && json_object_array_length(list) > 0)
		json_object_object_add(out, "enum", list);
	else
		json_object_put(list);
}

static void
add_properties(struct translation *t, struct json_object *out,
    struct json_object *flat, int depth)
{
	struct json_object *all = member(flat, "properties");
	struct json_object *asked = member(flat, "required");
	struct json_object *properties, *required, *v;
	size_t i, n = count(asked);

	if (all == NULL || json_object_object_length(all) == 0)
		return;
	properties = provide(out, "properties", json_type_object);
	json_object_object_foreach (all, name, property) {
		json_object_object_add(
		    properties, name, translate(t, property, depth - 1));
	}
	required = json_object_new_array();
	for (i = 0; i < n; i++) {
		v = element(asked, i);
		if (json_object_is_type(v, json_type_string) &&
		    member(properties, json_object_get_string(v)) != NULL &&
		    !contains(required, json_object_get_string(v)))
			json_object_array_add(required, json_object_get(v));
	}
	if (json_object_array_length(required) > 0)
		json_object_object_add(out, "required", required);
	else
		json_object_put(required);
}

/* A list says what it holds, also one of which nobody has said it. */
static void
add_items(struct translation *t, struct json_object *out,
    struct json_object *flat, int depth)
{
	struct json_object *items = member(flat, "items");

	if (items == NULL)
		items = member(flat, "prefixItems");
	json_object_object_add(
	    out, "items", translate(t, element(items, 0), depth - 1));
}

/* The keywords that are taken over as they are, by the type that has them. */
static const struct keyword {
	const char *type; /* NULL: all */
	const char *name;
	bool number;
	const char *only; /* values that are taken, each between blanks */
} keywords[] = {
	/* clang-format off */
	{ NULL,		"title",	 false, NULL },
	{ NULL,		"description",	 false, NULL },
	{ "string",	"format",	 false, " date-time " },
	{ "string",	"pattern",	 false, NULL },
	{ "string",	"minLength",	 true,	NULL },
	{ "string",	"maxLength",	 true,	NULL },
	{ "integer",	"format",	 false, " int32 int64 " },
	{ "integer",	"minimum",	 true,	NULL },
	{ "integer",	"maximum",	 true,	NULL },
	{ "number",	"format",	 false, " float double " },
	{ "number",	"minimum",	 true,	NULL },
	{ "number",	"maximum",	 true,	NULL },
	{ "array",	"minItems",	 true,	NULL },
	{ "array",	"maxItems",	 true,	NULL },
	{ "object",	"minProperties", true,	NULL },
	{ "object",	"maxProperties", true,	NULL },
	/* clang-format on */
};

static bool
is_taken(const struct keyword *k, const char *type, struct json_object *value)
{
	char word[32];

	if (k->type != NULL && strcmp(k->type, type) != 0)
		return (false);
	if (k->number)
		return (json_object_is_type(value, json_type_int) ||
		    json_object_is_type(value, json_type_double));
	if (!json_object_is_type(value, json_type_string))
		return (false);
	snprintf(word, sizeof(word), " %s ", json_object_get_string(value));
	return (k->only == NULL || strstr(k->only, word) != NULL);
}

/* A schema of one type. */
static struct json_object *
translate_plain(struct translation *t, struct json_object *flat, int depth)
{
	struct json_object *out = json_object_new_object(), *value;
	struct json_object *values = member(flat, "enum");
	const char *type;
	size_t i;

	if (values == NULL)
		values = member(flat, "const");
	type = type_of(flat, values);
	json_object_object_add(out, "type", json_object_new_string(type));
	for (i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		value = member(flat, keywords[i].name);
		if (is_taken(&keywords[i], type, value))
			set(out, keywords[i].name, value);
	}
	if (strcmp(type, "string") == 0)
		add_enum(out, values);
	else if (strcmp(type, "array") == 0)
		add_items(t, out, flat, depth);
	else if (strcmp(type, "object") == 0)
		add_properties(t, out, flat, depth);
	return (out);
}

/*
 * The alternatives in flat, each a schema: those of "anyOf" or "oneOf", or
 * one for each type.  "null" is none of them, but is said in *out_null.
 */
static struct json_object *
alternatives(struct translation *t, struct json_object *flat, bool *out_null)
{
	struct json_object *list = json_object_new_array();
	struct json_object *of = member(flat, "type"), *one, *each;
	bool by_type = of != NULL || member(flat, "properties") != NULL;
	size_t i, n;

	if (!by_type && (of = member(flat, "anyOf")) == NULL)
		of = member(flat, "oneOf");
	n = count(of);
	for (i = 0; i < n; i++) {
		each = element(of, i);
		one = flatten(t, by_type ? flat : each);
		if (by_type)
			set(one, "type", each);
		if (is_string(member(one, "type"), "null")) {
			*out_null = true;
			json_object_put(one);
		} else {
			json_object_array_add(list, one);
		}
	}
	return (list);
}

static struct json_object *
translate_any(struct translation *t, struct json_object *flat,
    struct json_object *list, int depth)
{
	struct json_object *out = json_object_new_object();
	struct json_object *description = member(flat, "description");
	struct json_object *any = provide(out, "anyOf", json_type_array);
	size_t i, n = json_object_array_length(list);

	if (member(flat, "type") == NULL && description != NULL)
		set(out, "description", description);
	for (i = 0; i < n; i++)
		json_object_array_add(any,
		    translate(
			t, json_object_array_get_idx(list, i), depth - 1));
	return (out);
}

static struct json_object *
translate(struct translation *t, struct json_object *schema, int depth)
{
	struct json_object *flat, *list, *only, *out;
	bool null = false;

	flat = flatten(t, depth > 0 ? schema : NULL);
	list = alternatives(t, flat, &null);
	only = json_object_array_get_idx(list, 0);
	if (json_object_array_length(list) > 1) {
		out = translate_any(t, flat, list, depth);
	} else if (only != NULL) {
		absorb(t, only, flat, 1);
		out = translate_plain(t, only, depth);
	} else {
		out = translate_plain(t, flat, depth);
	}
	json_object_put(list);
	json_object_put(flat);
	if (null)
		json_object_object_add(
		    out, "nullable", json_object_new_boolean(true));
	return (out);
}

struct json_object *
gemini_schema(struct json_object *schema)
{
	struct translation t = { schema, NODES_MAX };
	struct json_object *out = translate(&t, schema, DEPTH_MAX);

	if (member(out, "properties") != NULL)
		return (out);
	json_object_put(out);
	return (NULL);
}
