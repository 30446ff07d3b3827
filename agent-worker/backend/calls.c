/* Tool calls put together from their pieces. */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/calls.h"
#include "ipc/field.h"
#include "ipc/xmalloc.h"

#define NO_INDEX (-1)

struct tool_call *
calls_add(struct reply *r)
{
	struct tool_call *c;

	if (r->ncalls == CALLS_MAX) {
		reply_fail(r, FAILURE_TRANSIENT,
		    "the model made more than %d tool calls at once",
		    CALLS_MAX);
		return (NULL);
	}
	r->calls = xreallocarray(r->calls, r->ncalls + 1, sizeof(*r->calls));
	c = &r->calls[r->ncalls++];
	memset(c, 0, sizeof(*c));
	c->index = NO_INDEX;
	return (c);
}

/* The last call with this index: some servers use one for all. */
static struct tool_call *
find_index(struct reply *r, int64_t index)
{
	size_t i;

	for (i = r->ncalls; i > 0; i--)
		if (index == NO_INDEX || r->calls[i - 1].index == index)
			return (&r->calls[i - 1]);
	return (NULL);
}

static struct tool_call *
find_id(struct reply *r, const char *id)
{
	size_t i;

	for (i = 0; i < r->ncalls; i++)
		if (r->calls[i].id != NULL && strcmp(r->calls[i].id, id) == 0)
			return (&r->calls[i]);
	return (NULL);
}

bool
call_is_whole(const struct tool_call *c)
{
	const struct buf *a = &c->arguments;
	struct json_object *o;
	char err[64];

	if (a->len < 2 || a->data[a->len - 1] != '}')
		return (false);
	o = reply_parse(a->data, a->len, err, sizeof(err));
	json_object_put(o);
	return (o != NULL);
}

/*
 * A name where there is one: the same call's, repeated, or the next call of
 * a server that gives no ids.
 */
static bool
begins_another(const struct tool_call *c, const char *name)
{
	if (c->name == NULL || *name == '\0')
		return (false);
	return (strcmp(c->name, name) != 0 || call_is_whole(c));
}

static struct tool_call *
find_call(struct reply *r, const char *id, int64_t index, const char *name)
{
	struct tool_call *c;

	if (*id != '\0') {
		if ((c = find_id(r, id)) == NULL && (c = calls_add(r)) != NULL)
			c->id = xstrdup(id);
	} else {
		c = find_index(r, index);
		if (c == NULL || begins_another(c, name))
			c = calls_add(r);
	}
	if (c != NULL && index != NO_INDEX)
		c->index = index;
	return (c);
}

/* A string as the standard has it, or the object itself. */
static void
add_arguments(struct tool_call *c, struct json_object *value)
{
	const char *text;
	size_t len;

	if (json_object_is_type(value, json_type_object)) {
		text = field_line(value, &len);
		buf_add(&c->arguments, text, len);
	} else {
		reply_add_string(&c->arguments, value);
	}
}

static char *
string_of(struct json_object *value)
{
	struct buf b = BUF_INITIALIZER;

	reply_add_string(&b, value);
	return (buf_detach(&b));
}

static int64_t
index_of(struct json_object *piece)
{
	struct json_object *number = member(piece, "index");
	int64_t n = NO_INDEX;

	if (json_object_is_type(number, json_type_int))
		n = json_object_get_int64(number);
	return (n >= 0 ? n : NO_INDEX);
}

static void
take_piece(struct reply *r, struct json_object *piece)
{
	struct json_object *function = member(piece, "function");
	struct json_object *arguments = member(function, "arguments");
	char *id = string_of(member(piece, "id"));
	char *name = string_of(member(function, "name"));
	struct tool_call *c = NULL;

	/* A piece that says nothing begins nothing. */
	if (*id != '\0' || *name != '\0' || arguments != NULL)
		c = find_call(r, id, index_of(piece), name);
	if (c != NULL) {
		if (c->name == NULL && *name != '\0') {
			c->name = name;
			name = NULL;
		}
		add_arguments(c, arguments);
	}
	free(id);
	free(name);
}

void
calls_add_arguments(
    struct reply *r, int64_t index, struct json_object *arguments)
{
	struct tool_call *c = find_call(r, "", index, "");

	if (c != NULL)
		add_arguments(c, arguments);
}

void
calls_take(struct reply *r, struct json_object *pieces)
{
	size_t i;

	for (i = 0; i < list_count(pieces) && r->failure == FAILURE_NONE; i++)
		take_piece(r, list_at(pieces, i));
}

/*
 * Nine letters and digits, the only form that Mistral's templates take;
 * random, as an id is to be found again in a long history.
 */
static char *
make_id(void)
{
	static const char set[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char id[] = "call00000";
	size_t i;

	for (i = 4; i < sizeof(id) - 1; i++)
		id[i] = set[arc4random_uniform(sizeof(set) - 1)];
	return (xstrdup(id));
}

static void
drop_cut(struct reply *r)
{
	size_t i, kept = 0;

	for (i = 0; i < r->ncalls; i++) {
		struct tool_call *c = &r->calls[i];

		if (call_is_whole(c)) {
			r->calls[kept++] = *c;
			continue;
		}
		free(c->id);
		free(c->name);
		buf_release(&c->arguments);
	}
	r->ncalls = kept;
}

void
calls_finish(struct reply *r, bool cut)
{
	size_t i;

	if (cut)
		drop_cut(r);
	for (i = 0; i < r->ncalls; i++) {
		struct tool_call *c = &r->calls[i];

		if (c->id == NULL)
			c->id = make_id();
		if (c->name == NULL)
			c->name = xstrdup("");
		if (c->arguments.len == 0)
			buf_adds(&c->arguments, "{}");
	}
}
