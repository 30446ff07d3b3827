/* The toolbox: what is in it, and one call of what is in it. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/tool.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

#define RESULT_MAX ((size_t)1536 * 1024) /* bytes that a model is told */
#define SAID_MAX   ((size_t)4096)        /* of a call, to the supervisor */
#define PREFIX     "mcp__"
#define THINK_MS   20 /* who replies sooner is not one to get ready for */

static const struct tool_family *const families[TOOL_FAMILIES] = {
	[FAMILY_SNAPSHOT] = &family_snapshot,
	[FAMILY_FILES] = &family_files,
	[FAMILY_SHELL] = &family_shell,
	[FAMILY_PLAN] = &family_plan,
	[FAMILY_MCP] = &family_mcp,
};

struct toolbox *
toolbox_new(struct agent *a, struct json_object *config)
{
	struct toolbox *box;
	size_t i;

	if (config == NULL)
		return (NULL);
	box = xcalloc(1, sizeof(*box));
	box->agent = a;
	box->config = config;
	walls_init(&box->walls, config);
	for (i = 0; i < TOOL_FAMILIES; i++)
		if (families[i]->open != NULL)
			families[i]->open(box);
	return (box);
}

static void
release_tool(struct tool *t)
{
	free(t->name);
	free(t->description);
	json_object_put(t->schema);
}

void
toolbox_free(struct toolbox *box)
{
	size_t i;

	if (box == NULL)
		return;
	link_later(&box->agent->link, MONO_NEVER, NULL, NULL);
	for (i = TOOL_FAMILIES; i-- > 0;)
		if (families[i]->close != NULL)
			families[i]->close(box);
	for (i = 0; i < box->ntools; i++)
		release_tool(&box->tools[i]);
	free(box->tools);
	walls_release(&box->walls);
	free(box);
}

void
toolbox_prepare(struct toolbox *box)
{
	size_t i;

	walls_present(&box->walls, box->agent->turn.present);
	for (i = 0; i < TOOL_FAMILIES; i++)
		if (families[i]->prepare != NULL)
			families[i]->prepare(box);
}

static void
make_ready(void *arg)
{
	struct toolbox *box = arg;
	size_t i;

	for (i = 0; i < TOOL_FAMILIES; i++)
		if (families[i]->ahead != NULL)
			families[i]->ahead(box);
}

void
toolbox_think(struct toolbox *box)
{
	link_later(&box->agent->link, mono_ms() + THINK_MS, make_ready, box);
}

/* Named with or without the prefix "mcp__SERVER__". */
static bool
is_named(struct json_object *list, const char *name)
{
	const char *bare = NULL, *s;
	size_t i, n;

	if (!json_object_is_type(list, json_type_array))
		return (false);
	if (strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
	    (bare = strstr(name + strlen(PREFIX), "__")) != NULL)
		bare += 2;
	n = json_object_array_length(list);
	for (i = 0; i < n; i++) {
		s = json_object_get_string(json_object_array_get_idx(list, i));
		if (s != NULL &&
		    (strcmp(s, name) == 0 ||
			(bare != NULL && strcmp(s, bare) == 0)))
			return (true);
	}
	return (false);
}

static bool
is_allowed(const struct toolbox *box, const char *name)
{
	struct json_object *list;

	if (json_object_object_get_ex(box->config, "exclude_tools", &list) &&
	    is_named(list, name))
		return (false);
	return (
	    !json_object_object_get_ex(box->config, "allowed_tools", &list) ||
	    is_named(list, name));
}

void
toolbox_add(struct toolbox *box, const char *name, const char *description,
    struct json_object *schema, tool_run_fn *run, void *arg, bool foreign)
{
	if (!is_allowed(box, name) || toolbox_find(box, name) != NULL) {
		json_object_put(schema);
		return;
	}
	box->tools =
	    xreallocarray(box->tools, box->ntools + 1, sizeof(*box->tools));
	box->tools[box->ntools++] = (struct tool) { .name = xstrdup(name),
		.description = xstrdup(description),
		.schema = schema,
		.run = run,
		.arg = arg,
		.foreign = foreign };
	box->changes++;
}

void
toolbox_add_rows(
    struct toolbox *box, const struct tool_row *rows, size_t n, void *arg)
{
	struct json_object *schema;
	char err[128];
	size_t i;

	for (i = 0; i < n; i++) {
		schema = field_parse(rows[i].schema, strlen(rows[i].schema),
		    MSG_DEPTH_MAX, err, sizeof(err));
		if (schema == NULL)
			fatalx("the schema of %s: %s", rows[i].name, err);
		toolbox_add(box, rows[i].name, rows[i].description, schema,
		    rows[i].run, arg, false);
	}
}

void
toolbox_remove(struct toolbox *box, const void *arg)
{
	size_t i, kept = 0;

	for (i = 0; i < box->ntools; i++)
		if (box->tools[i].arg == arg)
			release_tool(&box->tools[i]);
		else
			box->tools[kept++] = box->tools[i];
	box->changes += kept == box->ntools ? 0 : 1;
	box->ntools = kept;
}

const struct tool *
toolbox_find(const struct toolbox *box, const char *name)
{
	size_t i;

	for (i = 0; box != NULL && i < box->ntools; i++)
		if (strcmp(box->tools[i].name, name) == 0)
			return (&box->tools[i]);
	return (NULL);
}

/* --- one call --- */

static void
say(struct agent *a, const char *name, const char *kind, const char *text)
{
	size_t len = utf8_prefix(text, strlen(text), SAID_MAX);
	char *cut = xasprintf("%.*s", (int)len, text);
	struct msg m = {
		.type = MSG_TOOL, .name = name, .kind = kind, .text = cut
	};

	agent_say(a, &m);
	free(cut);
}

/*
 * What cannot be taken back waits until the answer is chosen; which tools
 * these are, one of the agents says first.  False: the turn is over.
 */
static bool
learn_blocked(struct agent *a)
{
	while (a->planning_mode && a->blocked == NULL)
		if (!agent_wait(a, MONO_NEVER, NULL, NULL))
			return (false);
	return (true);
}

static bool
is_held_back(const struct agent *a, const struct tool *t)
{
	return (json_object_is_type(a->blocked, json_type_boolean)
		? json_object_get_boolean(a->blocked)
		: is_named(a->blocked, t->name));
}

/* UTF-8 of at most RESULT_MAX bytes. */
static void
make_tellable(struct buf *text)
{
	struct buf clean = BUF_INITIALIZER;
	size_t left = 0;

	utf8_clean(&clean, text->len == 0 ? "" : text->data, text->len);
	if (clean.len > RESULT_MAX) {
		left = clean.len;
		clean.len = utf8_prefix(clean.data, clean.len, RESULT_MAX);
		left -= clean.len;
		buf_addf(&clean, "\n[... %zu bytes left out ...]", left);
	}
	buf_release(text);
	*text = clean;
}

bool
toolbox_run(struct toolbox *box, const char *name,
    struct json_object *arguments, bool more, struct tool_result *result)
{
	const struct tool *t = toolbox_find(box, name);
	bool wanted = true;

	/* too late to get ready for this one */
	link_later(&box->agent->link, mono_ms(), more ? make_ready : NULL, box);
	memset(result, 0, sizeof(*result));
	if (t == NULL) {
		tool_fail(result, name, "there is no such tool");
		return (true);
	}
	say(box->agent, name, "call",
	    json_object_to_json_string_ext(arguments, JSON_C_TO_STRING_PLAIN));
	if (t->foreign && !box->agent->turn.present &&
	    !learn_blocked(box->agent))
		return (false);
	if (t->foreign && !box->agent->turn.present &&
	    is_held_back(box->agent, t))
		tool_fail(result, name,
		    "this tool may change what cannot be changed back, so it "
		    "is run in the final presentation only; say in your "
		    "answer how it is to be used");
	else
		wanted = t->run(box, t->arg, arguments, result);
	if (!wanted)
		return (false);
	make_tellable(&result->text);
	say(box->agent, name, result->is_error ? "error" : "result",
	    result->text.len == 0 ? "" : result->text.data);
	return (agent_in_turn(box->agent));
}

/* --- for tools --- */

void
tool_result_json(struct tool_result *result, struct json_object *o)
{
	struct json_object *success;
	const char *text;
	size_t len;

	result->is_error = json_object_object_get_ex(o, "success", &success) &&
	    !json_object_get_boolean(success);
	text = field_line(o, &len);
	buf_add(&result->text, text, len);
	json_object_put(o);
}

const char *
tool_argument(struct json_object *arguments, const char *name,
    const char *operation, struct tool_result *result)
{
	const char *s = field_get_str(arguments, name);

	if (s == NULL)
		tool_fail(result, operation,
		    "%s is required, and has to be a string", name);
	return (s);
}

struct json_object *
tool_success(const char *operation)
{
	struct json_object *o = json_object_new_object();

	field_put_bool(o, "success", true);
	field_put_str(o, "operation", operation);
	return (o);
}

bool
tool_fail(
    struct tool_result *result, const char *operation, const char *fmt, ...)
{
	struct json_object *o = json_object_new_object();
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	field_put_bool(o, "success", false);
	if (operation != NULL)
		field_put_str(o, "operation", operation);
	field_put_str(o, "error", text);
	buf_release(&result->text);
	tool_result_json(result, o);
	free(text);
	return (true);
}
