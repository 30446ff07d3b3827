/*
 * From bytes to a tree, over libyaml's events.  What an alias names is
 * copied, which keeps the tree a tree; the copies count towards the limits,
 * so a file that multiplies itself is refused.
 */

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "ipc/buf.h"
#include "ipc/log.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/yaml.h"

struct anchor {
	char *name;
	const struct node *node; /* NULL while it is still being read */
};

struct composer {
	yaml_parser_t parser;
	bool json;
	size_t nodes;
	size_t text;
	size_t depth;
	struct anchor *anchors;
	size_t nanchors;
	struct node *aside; /* a list */
	const char *file;
	struct diagnostics *diagnostics;
};

static struct node *compose(struct composer *, yaml_event_t *);

static void __attribute__((format(printf, 3, 4)))
fail(struct composer *c, yaml_mark_t at, const char *fmt, ...)
{
	struct mark mark = { c->file, at.line + 1, at.column + 1 };
	va_list ap;
	char text[512];

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diagnostics_add(c->diagnostics, SEVERITY_ERROR, mark, "file", NULL,
	    "Failed to parse config file: %s", text);
}

static yaml_mark_t
mark_of(const struct node *n)
{
	return ((yaml_mark_t) { 0, n->line - 1, n->column - 1 });
}

/* Libyaml's own description of a syntax error. */
static void
fail_syntax(struct composer *c)
{
	const yaml_parser_t *p = &c->parser;
	const char *problem = p->problem == NULL ? "not YAML" : p->problem;

	/* For bytes that are no text there is only an offset. */
	if (p->error == YAML_READER_ERROR)
		fail(c, p->mark, "%s at byte %zu", problem, p->problem_offset);
	else if (p->context == NULL)
		fail(c, p->problem_mark, "%s", problem);
	else
		fail(c, p->problem_mark, "%s that began on line %zu, %s",
		    p->context, p->context_mark.line + 1, problem);
}

static bool
next_event(struct composer *c, yaml_event_t *event)
{
	if (yaml_parser_parse(&c->parser, event))
		return (true);
	fail_syntax(c);
	return (false);
}

/* Whether one more node with that much text fits. */
static bool
charge(struct composer *c, yaml_mark_t at, size_t text)
{
	c->text += text;
	if (++c->nodes <= YAML_NODES_MAX && c->text <= YAML_TEXT_MAX)
		return (true);
	fail(c, at, "the file grows too large once its aliases are resolved");
	return (false);
}

static struct node *
node_new(struct composer *c, enum node_kind kind, yaml_mark_t at, size_t text)
{
	struct node *n;

	if (!charge(c, at, text))
		return (NULL);
	n = xcalloc(1, sizeof(*n));
	n->kind = kind;
	n->line = at.line + 1;
	n->column = at.column + 1;
	return (n);
}

static struct node *
copy_tree(struct composer *c, const struct node *from, yaml_mark_t at)
{
	struct node *to, *item;
	size_t i, text = from->text == NULL ? 0 : strlen(from->text);

	if ((to = node_new(c, from->kind, at, text)) == NULL)
		return (NULL);
	to->line = from->line;
	to->column = from->column;
	to->text = from->text == NULL ? NULL : xstrdup(from->text);
	to->plain = from->plain;
	to->truth = from->truth;
	to->integer = from->integer;
	to->real = from->real;
	for (i = 0; i < from->count; i++) {
		if ((item = copy_tree(c, from->items[i], at)) == NULL)
			goto fail;
		if (from->keys == NULL) {
			node_add_item(to, item);
			continue;
		}
		node_add_pair(to, copy_tree(c, from->keys[i], at), item);
		if (to->keys[i] == NULL)
			goto fail;
	}
	return (to);
fail:
	node_free(to);
	return (NULL);
}

static struct node *
compose_alias(struct composer *c, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	size_t i = c->nanchors;

	/* The latest of that name counts. */
	while (i > 0 && strcmp(c->anchors[i - 1].name, name) != 0)
		i--;
	if (i == 0) {
		fail(c, event->start_mark, "no anchor named \"%s\" before here",
		    name);
		return (NULL);
	}
	if (c->anchors[i - 1].node == NULL) {
		fail(c, event->start_mark,
		    "alias \"%s\" stands inside what "
		    "it names",
		    name);
		return (NULL);
	}
	if (c->depth + node_depth(c->anchors[i - 1].node) > YAML_DEPTH_MAX) {
		fail(c, event->start_mark, "nested more than %d levels deep",
		    YAML_DEPTH_MAX);
		return (NULL);
	}
	return (copy_tree(c, c->anchors[i - 1].node, event->start_mark));
}

/* Remember an anchor, if there is one, in *index; -1: none. */
static bool
anchor_begin(struct composer *c, const yaml_event_t *event, ssize_t *index)
{
	const yaml_char_t *name = NULL;

	*index = -1;
	if (event->type == YAML_SCALAR_EVENT)
		name = event->data.scalar.anchor;
	else if (event->type == YAML_SEQUENCE_START_EVENT)
		name = event->data.sequence_start.anchor;
	else if (event->type == YAML_MAPPING_START_EVENT)
		name = event->data.mapping_start.anchor;
	if (name == NULL)
		return (true);
	if (c->nanchors == YAML_ANCHORS_MAX) {
		fail(c, event->start_mark, "more than %d anchors",
		    YAML_ANCHORS_MAX);
		return (false);
	}
	c->anchors =
	    xreallocarray(c->anchors, c->nanchors + 1, sizeof(*c->anchors));
	c->anchors[c->nanchors].name = xstrdup((const char *)name);
	c->anchors[c->nanchors].node = NULL;
	*index = (ssize_t)c->nanchors++;
	return (true);
}

static bool
tag_is(const char *tag, const char *name)
{
	static const char prefix[] = "tag:yaml.org,2002:";

	return (strncmp(tag, prefix, sizeof(prefix) - 1) == 0 &&
	    strcmp(tag + sizeof(prefix) - 1, name) == 0);
}

/* A scalar with a tag: what it resolves to must be what the tag says. */
static bool
apply_tag(struct composer *c, struct node *n, const char *tag)
{
	static const struct {
		const char *tag;
		enum node_kind kind;
	} tags[] = {
		{ "str", NODE_STR },
		{ "null", NODE_NULL },
		{ "bool", NODE_BOOL },
		{ "int", NODE_INT },
		{ "float", NODE_REAL },
	};
	size_t i;

	for (i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		if (!tag_is(tag, tags[i].tag))
			continue;
		if (tags[i].kind == NODE_STR)
			return (true);
		scalar_resolve(n, c->json);
		if (n->kind == NODE_INT && tags[i].kind == NODE_REAL)
			n->kind = NODE_REAL;
		if (n->kind == tags[i].kind)
			return (true);
		fail(c, mark_of(n), "the value does not fit its tag !!%s",
		    tags[i].tag);
		return (false);
	}
	fail(c, mark_of(n), "tag %s is not supported", tag);
	return (false);
}

static struct node *
compose_scalar(struct composer *c, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	const char *tag = (const char *)event->data.scalar.tag;
	size_t len = event->data.scalar.length;
	struct node *n;

	if (memchr(text, '\0', len) != NULL) {
		fail(c, event->start_mark, "a NUL character in a string");
		return (NULL);
	}
	n = node_new(c, NODE_STR, event->start_mark, len);
	if (n == NULL)
		return (NULL);
	n->text = xstrndup(text, len);
	if (tag != NULL && strcmp(tag, "!") != 0) {
		if (!apply_tag(c, n, tag)) {
			node_free(n);
			return (NULL);
		}
	} else if (event->data.scalar.plain_implicit) {
		n->plain = true;
		scalar_resolve(n, c->json);
	}
	return (n);
}

static struct node *
compose_list(struct composer *c, const yaml_event_t *start)
{
	struct node *list, *item;
	yaml_event_t event;

	list = node_new(c, NODE_LIST, start->start_mark, 0);
	if (list == NULL)
		return (NULL);
	while (next_event(c, &event)) {
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			return (list);
		}
		if ((item = compose(c, &event)) == NULL)
			break;
		node_add_item(list, item);
	}
	node_free(list);
	return (NULL);
}

/* A node that is no part of the tree, but may yet be named by an alias. */
static void
set_aside(struct composer *c, struct node *n)
{
	node_add_item(c->aside, n);
}

/* Copy what map lacks from the mapping merged into it. */
static bool
merge_map(struct composer *c, struct node *map, const struct node *from)
{
	struct node *key, *value;
	size_t i;

	for (i = 0; i < from->count && map->count < YAML_KEYS_MAX; i++) {
		if (node_find(map, from->keys[i]->text) != -1)
			continue;
		key = copy_tree(c, from->keys[i], mark_of(from));
		value = copy_tree(c, from->items[i], mark_of(from));
		if (key == NULL || value == NULL) {
			node_free(key);
			node_free(value);
			return (false);
		}
		node_add_pair(map, key, value);
	}
	return (true);
}

/* "<<": a mapping or a list of them, the first in the list strongest. */
static bool
merge(struct composer *c, struct node *map, const struct node *value)
{
	size_t i;

	if (value->kind == NODE_MAP)
		return (merge_map(c, map, value));
	for (i = 0; value->kind == NODE_LIST && i < value->count; i++) {
		if (value->items[i]->kind != NODE_MAP)
			break;
		if (!merge_map(c, map, value->items[i]))
			return (false);
	}
	if (value->kind == NODE_LIST && i == value->count)
		return (true);
	fail(c, mark_of(value), "\"<<\" takes a mapping or a list of them");
	return (false);
}

static bool
check_key(struct composer *c, const struct node *map, const struct node *key)
{
	if (key->text == NULL) {
		fail(c, mark_of(key), "a key must be a plain value");
		return (false);
	}
	if (map->count == YAML_KEYS_MAX) {
		fail(c, mark_of(key), "more than %d keys in one mapping",
		    YAML_KEYS_MAX);
		return (false);
	}
	return (true);
}

/* The first of two equal keys stays; the second is reported. */
static void
add_once(
    struct composer *c, struct node *map, struct node *key, struct node *value)
{
	struct mark mark = { c->file, key->line, key->column };
	ssize_t first = node_find(map, key->text);

	if (first == -1) {
		node_add_pair(map, key, value);
		return;
	}
	diagnostics_add(c->diagnostics, SEVERITY_ERROR, mark, key->text, NULL,
	    "duplicate key \"%s\", first on line %zu", key->text,
	    map->keys[first]->line);
	set_aside(c, key);
	set_aside(c, value);
}

/* One key with its value; a merge is kept for the end of the mapping. */
static bool
compose_pair(struct composer *c, struct node *map, struct node **merged,
    yaml_event_t *event)
{
	struct node *key, *value = NULL;
	bool is_merge;

	is_merge = event->type == YAML_SCALAR_EVENT &&
	    event->data.scalar.plain_implicit &&
	    strcmp((const char *)event->data.scalar.value, "<<") == 0;
	if ((key = compose(c, event)) == NULL)
		return (false);
	if (is_merge && *merged != NULL)
		fail(c, mark_of(key), "duplicate key \"<<\"");
	else if (check_key(c, map, key) && next_event(c, event))
		value = compose(c, event);
	if (value == NULL) {
		node_free(key);
		return (false);
	}
	if (is_merge) {
		set_aside(c, key);
		set_aside(c, value);
		*merged = value;
	} else
		add_once(c, map, key, value);
	return (true);
}

static struct node *
compose_map(struct composer *c, const yaml_event_t *start)
{
	struct node *map, *merged = NULL;
	yaml_event_t event;

	map = node_new(c, NODE_MAP, start->start_mark, 0);
	if (map == NULL)
		return (NULL);
	while (next_event(c, &event)) {
		if (event.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&event);
			if (merged != NULL && !merge(c, map, merged))
				break;
			return (map);
		}
		if (!compose_pair(c, map, &merged, &event))
			break;
	}
	node_free(map);
	return (NULL);
}

static struct node *
compose_collection(struct composer *c, const yaml_event_t *event)
{
	bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
	const char *tag =
	    (const char *)(is_list ? event->data.sequence_start.tag
				   : event->data.mapping_start.tag);
	struct node *n;

	if (tag != NULL && strcmp(tag, "!") != 0 &&
	    !tag_is(tag, is_list ? "seq" : "map")) {
		fail(c, event->start_mark, "tag %s is not supported", tag);
		return (NULL);
	}
	if (c->depth == YAML_DEPTH_MAX) {
		fail(c, event->start_mark, "nested more than %d levels deep",
		    YAML_DEPTH_MAX);
		return (NULL);
	}
	c->depth++;
	n = is_list ? compose_list(c, event) : compose_map(c, event);
	c->depth--;
	return (n);
}

/* The node that event begins; the event is used up. */
static struct node *
compose(struct composer *c, yaml_event_t *event)
{
	struct node *n = NULL;
	ssize_t anchor;

	if (!anchor_begin(c, event, &anchor))
		goto out;
	if (event->type == YAML_ALIAS_EVENT)
		n = compose_alias(c, event);
	else if (event->type == YAML_SCALAR_EVENT)
		n = compose_scalar(c, event);
	else if (event->type == YAML_SEQUENCE_START_EVENT ||
	    event->type == YAML_MAPPING_START_EVENT)
		n = compose_collection(c, event);
	else
		fail(c, event->start_mark, "a value was expected here");
	if (anchor != -1)
		c->anchors[anchor].node = n;
out:
	yaml_event_delete(event);
	return (n);
}

/* Skip to the next event of one of two types; false at a syntax error. */
static bool
expect(struct composer *c, yaml_event_t *event, yaml_event_type_t skipped)
{
	if (!next_event(c, event))
		return (false);
	if (event->type != skipped)
		return (true);
	yaml_event_delete(event);
	return (next_event(c, event));
}

/* An empty file is a null, as it is to PyYAML. */
static struct node *
compose_document(struct composer *c)
{
	yaml_event_t event;
	struct node *root;

	if (!expect(c, &event, YAML_STREAM_START_EVENT))
		return (NULL);
	if (event.type == YAML_STREAM_END_EVENT) {
		root = node_new(c, NODE_NULL, event.start_mark, 0);
		yaml_event_delete(&event);
		return (root);
	}
	yaml_event_delete(&event);
	if (!next_event(c, &event) || (root = compose(c, &event)) == NULL)
		return (NULL);
	if (expect(c, &event, YAML_DOCUMENT_END_EVENT)) {
		if (event.type == YAML_STREAM_END_EVENT) {
			yaml_event_delete(&event);
			return (root);
		}
		fail(c, event.start_mark, "a second document in the file");
		yaml_event_delete(&event);
	}
	node_free(root);
	return (NULL);
}

/* The value of "\uXXXX" at s, of which n bytes are there; 0: it is not. */
static unsigned int
unicode_escape(const char *s, size_t n)
{
	char digits[5];
	char *end;
	unsigned int value;

	if (n < 6 || s[0] != '\\' || s[1] != 'u' ||
	    !isxdigit((unsigned char)s[2]))
		return (0);
	memcpy(digits, s + 2, 4);
	digits[4] = '\0';
	value = (unsigned int)strtoul(digits, &end, 16);
	return (*end == '\0' ? value : 0);
}

/*
 * JSON writes characters beyond U+FFFF as two \u escapes, which YAML does
 * not have: such a pair becomes the one long escape of YAML.
 */
static void
join_surrogates(struct buf *out, const char *text, size_t len)
{
	unsigned int high, low;
	size_t i, from = 0;

	for (i = 0; i < len; i++) {
		if (text[i] != '\\')
			continue;
		high = unicode_escape(text + i, len - i);
		low = high == 0 || len - i < 12
		    ? 0
		    : unicode_escape(text + i + 6, len - i - 6);
		if (high < 0xd800 || high > 0xdbff || low < 0xdc00 ||
		    low > 0xdfff) {
			i++;
			continue;
		}
		buf_add(out, text + from, i - from);
		buf_addf(out, "\\U%08x",
		    0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
		from = i + 12;
		i = from - 1;
	}
	buf_add(out, text + from, len - from);
}

struct node *
yaml_parse(const char *file, const char *text, size_t len, bool json,
    struct diagnostics *diagnostics)
{
	struct composer c = {
		.json = json, .file = file, .diagnostics = diagnostics
	};
	struct buf joined = BUF_INITIALIZER;
	struct node *root;
	size_t i;

	if (!yaml_parser_initialize(&c.parser))
		fatalx("no memory for a YAML parser");
	if (json) {
		join_surrogates(&joined, text, len);
		text = joined.data;
		len = joined.len;
	}
	yaml_parser_set_input_string(
	    &c.parser, (const unsigned char *)text, len);
	c.aside = xcalloc(1, sizeof(*c.aside));
	root = compose_document(&c);
	node_free(c.aside);
	yaml_parser_delete(&c.parser);
	for (i = 0; i < c.nanchors; i++)
		free(c.anchors[i].name);
	free(c.anchors);
	buf_release(&joined);
	return (root);
}
