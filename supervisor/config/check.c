/* A tree held against the tables of schema.c: names, types, ranges. */

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/log.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/schema.h"

/* One value on its way through the checks. */
struct value {
	const struct check *check;
	const struct place *place; /* its key's */
	const struct key *key;
	struct node *node;
	char *location;
	bool quiet; /* below something already warned of */
};

static void check_place(const struct check *, struct node *,
    const struct place *, const char *, bool);

static void __attribute__((format(printf, 6, 0)))
report(const struct check *check, enum severity severity, const struct node *at,
    const char *location, const char *suggestion, const char *fmt, va_list ap)
{
	struct mark mark = { check->file, 0, 0 };
	char *text;

	if (at != NULL && check->file != NULL) {
		mark.line = at->line;
		mark.column = at->column;
	}
	text = xvasprintf(fmt, ap);
	diagnostics_add(check->diagnostics, severity, mark, location,
	    suggestion, "%s", text);
	free(text);
}

void
check_problem(const struct check *check, enum severity severity,
    const struct node *at, const char *location, const char *suggestion,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(check, severity, at, location, suggestion, fmt, ap);
	va_end(ap);
}

void
check_given(const struct check *check, enum severity severity,
    const struct node *map, const char *location, const char *const *keys,
    const char *fmt, ...)
{
	va_list ap;
	char *why;

	va_start(ap, fmt);
	why = xvasprintf(fmt, ap);
	va_end(ap);
	for (; *keys != NULL; keys++)
		if (node_given(map, *keys) != NULL)
			check_key(check, severity, map, location, *keys, NULL,
			    "'%s' %s", *keys, why);
	free(why);
}

void
check_key(const struct check *check, enum severity severity,
    const struct node *map, const char *location, const char *key,
    const char *suggestion, const char *fmt, ...)
{
	const struct node *at = node_get(map, key);
	char *path = xasprintf("%s.%s", location, key);
	va_list ap;

	va_start(ap, fmt);
	report(
	    check, severity, at == NULL ? map : at, path, suggestion, fmt, ap);
	va_end(ap);
	free(path);
}

enum severity
check_outside(const struct check *check)
{
	return (check->dry_run || check->validate_only ? SEVERITY_WARNING
						       : SEVERITY_ERROR);
}

const struct key *
place_key(const struct place *place, const char *name)
{
	const struct key *key;

	for (key = place->keys; key->name != NULL; key++) {
		if (strcmp(key->name, name) == 0)
			return (key);
	}
	return (NULL);
}

/* The path of a key below location. */
static char *
below(const char *location, const char *name)
{
	return (
	    xasprintf("%s%s%s", location, *location == '\0' ? "" : ".", name));
}

/* What to do about an unknown key, or NULL; the caller frees it. */
static char *
unknown_hint(const struct place *place, const char *name)
{
	const char *near;
	size_t n = 0;

	if (place == &schema_backend && strstr(name, "system_") != NULL)
		return (xstrdup("The agent's system_message stands beside its "
				"backend."));
	while (place->keys[n].name != NULL)
		n++;
	near = suggest(name, &place->keys[0].name, n, sizeof(*place->keys));
	if (near != NULL)
		return (xasprintf("Did you mean \"%s\"?", near));
	if (place != &schema_backend)
		return (NULL);
	return (xstrdup("A parameter of the provider that is not known here "
			"goes under extra_body."));
}

static void
report_unknown(const struct check *check, const struct node *key,
    const struct place *place, const char *location)
{
	char *path = below(location, key->text);
	char *hint = unknown_hint(place, key->text);

	check_error(check, key, path, hint, "unknown key \"%s\"%s%s", key->text,
	    *location == '\0' ? "" : " in ", location);
	free(hint);
	free(path);
}

static unsigned int
type_of(const struct node *n)
{
	static const unsigned int types[] = {
		[NODE_BOOL] = TYPE_BOOL,
		[NODE_INT] = TYPE_INT | TYPE_NUMBER,
		[NODE_REAL] = TYPE_NUMBER,
		[NODE_STR] = TYPE_STR,
		[NODE_LIST] = TYPE_LIST,
		[NODE_MAP] = TYPE_MAP,
	};

	return (n->kind == NODE_NULL ? 0 : types[n->kind]);
}

/* Types as MassGen's validator names them in its messages. */
static const char *
wanted(unsigned int types)
{
	static const struct {
		unsigned int types;
		const char *words;
	} names[] = {
		{ TYPE_STR, "a string" },
		{ TYPE_BOOL, "a boolean" },
		{ TYPE_INT, "an integer" },
		{ TYPE_NUMBER, "a number" },
		{ TYPE_LIST, "a list" },
		{ TYPE_MAP, "a dictionary" },
		{ TYPE_STR | TYPE_LIST, "a string or a list" },
		{ TYPE_STR | TYPE_MAP, "a string or a dictionary" },
		{ TYPE_LIST | TYPE_MAP, "a list or a dictionary" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (names[i].types == types)
			return (names[i].words);
	}
	return ("of another type");
}

/* A wrong value is dropped from the tree, so that no one trips over it. */
static void
drop(struct node *n)
{
	size_t i;

	for (i = 0; i < n->count; i++) {
		node_free(n->items[i]);
		if (n->keys != NULL)
			node_free(n->keys[i]);
	}
	n->count = 0;
	n->kind = NODE_NULL;
}

/* "'name' must be a string, got int" in its many forms. */
static void
report_type(const struct value *v, const char *want, const char *got)
{
	const struct key *key = v->key;

	if (key->title != NULL)
		check_error(v->check, v->node, v->location, NULL,
		    "%s must be %s, got %s", key->title, want, got);
	else
		check_error(v->check, v->node, v->location, NULL,
		    "%s'%s' must be %s, got %s", v->place->prefix, key->name,
		    want, got);
	drop(v->node);
}

static bool
type_is_right(const struct value *v)
{
	const struct key *key = v->key;
	const char *got;

	/* 1e-5 is no number to YAML 1.1, but what else can be meant? */
	if ((key->types & TYPE_NUMBER) != 0 && v->node->plain &&
	    v->node->kind == NODE_STR)
		scalar_resolve(v->node, true);
	if ((type_of(v->node) & key->types) != 0)
		return (true);
	/* Of a number that is too large or no integer, the number says it. */
	got = v->node->kind == NODE_REAL && (key->types & TYPE_INT) != 0
	    ? node_show(v->node)
	    : node_type_name(v->node);
	report_type(v, key->want != NULL ? key->want : wanted(key->types), got);
	return (false);
}

static bool
number_is_right(const struct value *v)
{
	const struct key *key = v->key;
	double x = v->node->real;

	if (v->node->kind != NODE_INT && v->node->kind != NODE_REAL)
		return (true);
	if (!isfinite(x)) {
		report_type(v,
		    key->want != NULL ? key->want : "a finite number",
		    node_show(v->node));
		return (false);
	}
	if ((key->min < 0 || key->min > 0 || key->max > 0) &&
	    (x < key->min || x > key->max)) {
		report_type(v, key->want, node_show(v->node));
		return (false);
	}
	return (true);
}

static bool
word_is_right(const struct value *v)
{
	const struct key *key = v->key;
	char *list, *hint;

	if (key->words == NULL || v->node->kind != NODE_STR ||
	    words_have(key->words, v->node->text))
		return (true);
	list = words_join(key->words);
	hint = xasprintf("Use %s.", list);
	check_error(v->check, v->node, v->location, hint, "Invalid %s: '%s'",
	    key->label != NULL ? key->label : key->name, node_show(v->node));
	free(hint);
	free(list);
	drop(v->node);
	return (false);
}

/* What switches nothing on needs no warning. */
static bool
asks_for_nothing(const struct value *v)
{
	const struct node *n = v->node;

	switch (n->kind) {
	case NODE_NULL:
		return (true);
	case NODE_BOOL:
		return (!n->truth);
	case NODE_INT:
		return (n->integer == 0);
	case NODE_REAL:
		return (false);
	case NODE_STR:
		return (v->key->status == KEY_IGNORED && v->key->mild != NULL &&
		    words_have(v->key->mild, n->text));
	case NODE_LIST:
	case NODE_MAP:
		return (n->count == 0);
	}
	return (false);
}

/* One warning a key, at its first place. */
static void
tell_unsupported(const struct check *check, const struct key *key,
    const struct node *at, const char *location)
{
	struct told *told = check->told;
	size_t i;

	for (i = 0; i < told->count; i++) {
		if (told->keys[i] == key)
			return;
	}
	if (told->count < TOLD_MAX)
		told->keys[told->count++] = key;
	check_warning(check, at, location, NULL,
	    "\"%s\" is not supported in this version and has no effect",
	    key->name);
}

/* Returns whether what is below the value was spoken for. */
static bool
tell_status(const struct value *v)
{
	const struct key *key = v->key;
	bool harmless;

	if (key->status == KEY_SUPPORTED || key->status == KEY_PASSED)
		return (v->quiet);
	if (asks_for_nothing(v))
		return (v->quiet);
	harmless = v->check->dry_run || key->status == KEY_IGNORED ||
	    (v->node->kind == NODE_STR && key->mild != NULL &&
		words_have(key->mild, v->node->text));
	if (!harmless)
		check_error(v->check, v->node, v->location,
		    "Remove it, knowing that the limit does not hold.",
		    "\"%s\" sets a limit that this version does not enforce",
		    key->name);
	else if (!v->quiet)
		tell_unsupported(v->check, key, v->node, v->location);
	return (true);
}

static void
check_item(const struct value *list, size_t i, bool quiet)
{
	const struct key *key = list->key;
	struct node *item = list->node->items[i];
	char *path = xasprintf("%s[%zu]", list->location, i);

	if (key->item_types != 0 && (type_of(item) & key->item_types) == 0) {
		if (key->item_title != NULL)
			check_error(list->check, item, path, NULL,
			    "%s must be %s, got %s", key->item_title,
			    wanted(key->item_types), node_type_name(item));
		else
			check_error(list->check, item, path, NULL,
			    "%s'%s[%zu]' must be %s, got %s",
			    list->place->prefix, key->name, i,
			    wanted(key->item_types), node_type_name(item));
		drop(item);
	} else if (key->inner != NULL)
		check_place(list->check, item, key->inner, path, quiet);
	free(path);
}

/* A map from names to maps of the inner place. */
static void
check_named(const struct value *v, bool quiet)
{
	struct node *item;
	size_t i;
	char *path;

	for (i = 0; i < v->node->count; i++) {
		item = v->node->items[i];
		path = below(v->location, v->node->keys[i]->text);
		if (item->kind == NODE_MAP)
			check_place(v->check, item, v->key->inner, path, quiet);
		else
			check_error(v->check, item, path, NULL,
			    "%s'%s' must be a dictionary, got %s",
			    v->key->inner->prefix, v->node->keys[i]->text,
			    node_type_name(item));
		free(path);
	}
}

static void
check_inside(const struct value *v, bool quiet)
{
	size_t i;

	if (v->node->kind == NODE_LIST) {
		for (i = 0; i < v->node->count; i++)
			check_item(v, i, quiet);
	} else if (v->node->kind == NODE_MAP && v->key->inner != NULL) {
		if (v->key->by_name)
			check_named(v, quiet);
		else
			check_place(v->check, v->node, v->key->inner,
			    v->location, quiet);
	}
}

static void
check_value(const struct value *v)
{
	if (v->node->kind == NODE_NULL || !type_is_right(v) ||
	    !number_is_right(v) || !word_is_right(v))
		return;
	check_inside(v, tell_status(v));
}

static void
check_required(const struct check *check, const struct node *map,
    const struct place *place, const char *location)
{
	const struct key *key;

	for (key = place->keys; key->name != NULL; key++) {
		if (!key->required)
			continue;
		if (node_given(map, key->name) == NULL)
			check_error(check, map, location, NULL, "%s '%s'%s",
			    place->missing, key->name,
			    place->missing_tail == NULL ? ""
							: place->missing_tail);
	}
}

/* At the root, keys such as "x-defaults" are a place for anchors. */
static bool
is_extension(const struct place *place, const char *key)
{
	return (place == &schema_root && strncmp(key, "x-", 2) == 0);
}

static void
check_place(const struct check *check, struct node *map,
    const struct place *place, const char *location, bool quiet)
{
	struct value v = { .check = check, .place = place, .quiet = quiet };
	const char *name;
	size_t i;

	check_required(check, map, place, location);
	for (i = 0; i < map->count; i++) {
		name = map->keys[i]->text;
		v.key = place_key(place, name);
		v.node = map->items[i];
		if (v.key == NULL) {
			if (!is_extension(place, name))
				report_unknown(
				    check, map->keys[i], place, location);
			continue;
		}
		v.location = below(location, name);
		check_value(&v);
		free(v.location);
	}
}

void
check_map(const struct check *check, struct node *map,
    const struct place *place, const char *location)
{
	check_place(check, map, place, location, false);
}
