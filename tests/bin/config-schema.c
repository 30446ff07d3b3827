/*
 * Prints the JSON Schema of a configuration, made from the program's own
 * tables: configs/schema/massgen.schema.json is its output.
 */

#include <stdio.h>
#include <string.h>

#include "supervisor/config/config.h"
#include "supervisor/config/schema.h"

struct definition {
	const struct place *place;
	const char *name;
};

static struct definition definitions[64];
static size_t ndefinitions;
static struct json_object *defs;

static struct json_object *place_schema(const struct place *);

static struct json_object *
string(const char *s)
{
	return (json_object_new_string(s));
}

static void
add(struct json_object *o, const char *key, struct json_object *value)
{
	json_object_object_add(o, key, value);
}

/* {"$ref": "#/$defs/NAME"}; the first use of a place names it. */
static struct json_object *
reference(const struct place *place, const char *name)
{
	struct json_object *o = json_object_new_object();
	char path[128];
	size_t i;

	for (i = 0; i < ndefinitions; i++) {
		if (definitions[i].place == place)
			break;
	}
	if (i == ndefinitions) {
		definitions[ndefinitions++] =
		    (struct definition) { place, name };
		add(defs, name, place_schema(place));
	}
	snprintf(path, sizeof(path), "#/$defs/%s", definitions[i].name);
	add(o, "$ref", string(path));
	return (o);
}

static void
add_types(struct json_object *o, unsigned int types)
{
	static const struct {
		unsigned int type;
		const char *name;
	} names[] = {
		{ TYPE_STR, "string" },
		{ TYPE_BOOL, "boolean" },
		{ TYPE_INT, "integer" },
		{ TYPE_NUMBER, "number" },
		{ TYPE_LIST, "array" },
		{ TYPE_MAP, "object" },
	};
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if ((types & names[i].type) != 0)
			json_object_array_add(list, string(names[i].name));
	}
	json_object_array_add(list, string("null"));
	add(o, "type", list);
}

/* Where a boolean may stand too, it is an "off" without quotes. */
static void
add_words(struct json_object *o, const char *const *words, bool off)
{
	struct json_object *list = json_object_new_array();

	for (; *words != NULL; words++)
		json_object_array_add(list, string(*words));
	if (off)
		json_object_array_add(list, json_object_new_boolean(false));
	json_object_array_add(list, NULL);
	add(o, "enum", list);
}

static struct json_object *
item_schema(const struct key *key)
{
	struct json_object *o;

	if (key->inner != NULL)
		return (reference(key->inner, key->name));
	if (strcmp(key->name, "script") == 0)
		return (reference(&schema_step, "step"));
	o = json_object_new_object();
	if (key->item_types != 0)
		add_types(o, key->item_types);
	return (o);
}

/* What is inside of lists and maps. */
static void
add_inside(struct json_object *o, const struct key *key)
{
	struct json_object *scripts;

	if ((key->types & TYPE_LIST) != 0)
		add(o, "items", item_schema(key));
	if (strcmp(key->name, "dry_run") == 0) {
		scripts = json_object_new_object();
		add(scripts, "type", string("array"));
		add(scripts, "items", reference(&schema_step, "step"));
		add(o, "additionalProperties", scripts);
	} else if (key->by_name)
		add(o, "additionalProperties",
		    reference(key->inner, key->name));
}

static struct json_object *
key_schema(const struct key *key)
{
	static const char *const statuses[] = {
		[KEY_SUPPORTED] = NULL,
		[KEY_PASSED] = "Passed to the provider as it is.",
		[KEY_IGNORED] = "Not supported in this version: no effect.",
		[KEY_REFUSED] = "A limit that this version does not enforce: "
				"an error.",
	};
	struct json_object *o = json_object_new_object();

	if (statuses[key->status] != NULL)
		add(o, "description", string(statuses[key->status]));
	if (key->types == TYPE_MAP && key->inner != NULL) {
		add(o, "allOf", json_object_new_array());
		json_object_array_add(json_object_object_get(o, "allOf"),
		    reference(key->inner, key->name));
		return (o);
	}
	add_types(o, key->types);
	if (key->words != NULL)
		add_words(o, key->words, (key->types & TYPE_BOOL) != 0);
	if (key->min < 0 || key->min > 0 || key->max > 0) {
		add(o, "minimum", json_object_new_double(key->min));
		if (key->max < 1e12)
			add(o, "maximum", json_object_new_double(key->max));
	}
	add_inside(o, key);
	return (o);
}

static struct json_object *
place_schema(const struct place *place)
{
	struct json_object *o = json_object_new_object();
	struct json_object *properties = json_object_new_object();
	struct json_object *required = json_object_new_array();
	const struct key *key;

	for (key = place->keys; key->name != NULL; key++) {
		add(properties, key->name, key_schema(key));
		if (key->required)
			json_object_array_add(required, string(key->name));
	}
	add_types(o, TYPE_MAP);
	add(o, "properties", properties);
	add(o, "required", required);
	add(o, "additionalProperties", json_object_new_boolean(false));
	return (o);
}

/* At the root: one of two ways to name agents, and room for anchors. */
static struct json_object *
root_schema(void)
{
	struct json_object *o, *all, *parts;

	all = json_object_new_object();
	add(all, "$schema",
	    string("https://json-schema.org/draft/2020-12/schema"));
	add(all, "title", string("massgen configuration"));
	o = place_schema(&schema_root);
	json_object_object_foreach (o, name, value) {
		add(all, name, json_object_get(value));
	}
	json_object_put(o);
	add(all, "patternProperties", json_tokener_parse("{\"^x-\": {}}"));
	parts = json_tokener_parse("[{\"required\": [\"agents\"]}, "
				   "{\"required\": [\"agent\"]}]");
	add(all, "oneOf", parts);
	add(all, "$defs", defs);
	return (all);
}

int
main(void)
{
	struct json_object *schema;

	defs = json_object_new_object();
	schema = root_schema();
	printf("%s\n",
	    json_object_to_json_string_ext(schema,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
		    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(schema);
	return (0);
}
