/*
 * Anthropic's Messages API: a reply that is over.  Its blocks are put
 * together, into calls to run and, for the history, exactly as they came.
 */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/calls.h"
#include "agent-worker/backend/claude.h"
#include "ipc/field.h"
#include "ipc/xmalloc.h"

/* JSON text that is kept to the letter: numbers, order and all. */
static struct json_object *
raw_object(const struct buf *text)
{
	struct json_object *o = json_object_new_object();
	struct tool_call c = { .arguments = *text };

	if (call_is_whole(&c))
		json_object_set_serializer(o,
		    json_object_userdata_to_json_string, xstrdup(text->data),
		    json_object_free_userdata);
	return (o);
}

static struct json_object *
joined(struct json_object *begun, const struct buf *more)
{
	struct buf b = BUF_INITIALIZER;
	struct json_object *o;

	if (json_object_is_type(begun, json_type_string))
		buf_add(&b, json_object_get_string(begun),
		    (size_t)json_object_get_string_len(begun));
	buf_add(&b, more->data, more->len);
	o = json_object_new_string_len(b.data, (int)b.len);
	buf_release(&b);
	return (o);
}

/* Put a block's pieces where they belong. */
static void
complete_block(struct block *b)
{
	struct json_object *value;
	size_t i;

	for (i = 0; i < NPIECES; i++) {
		if (b->pieces[i].len == 0)
			continue;
		if (i == PIECE_INPUT)
			value = raw_object(&b->pieces[i]);
		else
			value = joined(member(b->object, claude_pieces[i].to),
			    &b->pieces[i]);
		json_object_object_add(b->object, claude_pieces[i].to, value);
	}
}

/* A call for us.  Most begin with an empty input, a few with all of it. */
static void
take_call(struct reply *r, const struct block *b, size_t at)
{
	struct tool_call *c = calls_add(r);
	const struct buf *text = &b->pieces[PIECE_INPUT];
	struct json_object *input = member(b->object, "input");

	if (c == NULL)
		return;
	c->index = (int64_t)at;
	if (*member_text(b->object, "id") != '\0')
		c->id = xstrdup(member_text(b->object, "id"));
	c->name = xstrdup(member_text(b->object, "name"));
	if (text->len > 0)
		buf_add(&c->arguments, text->data, text->len);
	else if (json_object_is_type(input, json_type_object) &&
	    json_object_object_length(input) > 0)
		buf_adds(&c->arguments, field_line(input, NULL));
}

static void
take_calls(struct reply *r, bool cut)
{
	struct partial *p = claude_partial(r);
	size_t i;

	for (i = 0; i < p->nblocks; i++)
		if (member_says(p->blocks[i].object, "type", "tool_use") &&
		    (p->blocks[i].ended || !cut))
			take_call(r, &p->blocks[i], i);
	calls_finish(r, cut);
}

static const struct tool_call *
call_of(const struct reply *r, size_t at)
{
	size_t i;

	for (i = 0; i < r->ncalls; i++)
		if (r->calls[i].index == (int64_t)at)
			return (&r->calls[i]);
	return (NULL);
}

static bool
is_blank(struct json_object *text)
{
	const char *s = json_object_is_type(text, json_type_string)
	    ? json_object_get_string(text)
	    : "";

	return (s[strspn(s, " \t\r\n")] == '\0');
}

/* A use of the provider's own tools that was cut off before its result. */
static bool
lacks_result(const struct partial *p, size_t at)
{
	const char *id = member_text(p->blocks[at].object, "id");
	size_t i;

	if (!member_says(p->blocks[at].object, "type", "server_tool_use") &&
	    !member_says(p->blocks[at].object, "type", "mcp_tool_use"))
		return (false);
	for (i = at + 1; i < p->nblocks; i++)
		if (strcmp(member_text(p->blocks[i].object, "tool_use_id"),
			id) == 0)
			return (false);
	return (true);
}

/* What the API would refuse to hear again: it sends such things itself. */
static bool
is_refused(const struct reply *r, size_t at)
{
	const struct partial *p = r->partial;
	struct json_object *o = p->blocks[at].object;

	if (member_says(o, "type", "text"))
		return (is_blank(member(o, "text")));
	if (member_says(o, "type", "thinking"))
		return (*member_text(o, "signature") == '\0');
	if (member_says(o, "type", "tool_use"))
		return (call_of(r, at) == NULL);
	return (r->finish == FINISH_LENGTH && lacks_result(p, at));
}

/* A call has an id and an input, whatever the server left out. */
static void
complete_call(struct json_object *o, const struct tool_call *c)
{
	if (strcmp(member_text(o, "id"), c->id) != 0)
		json_object_object_add(o, "id", json_object_new_string(c->id));
	if (!json_object_is_type(member(o, "input"), json_type_object))
		json_object_object_add(o, "input", json_object_new_object());
}

/*
 * No message may end with a thought: one that led nowhere goes, unless the
 * model is to go on from there.
 */
static void
drop_last_thoughts(struct json_object *content)
{
	size_t n = json_object_array_length(content);
	struct json_object *last;

	while (n > 0) {
		last = json_object_array_get_idx(content, n - 1);
		if (!member_says(last, "type", "thinking") &&
		    !member_says(last, "type", "redacted_thinking"))
			return;
		json_object_array_del_idx(content, --n, 1);
	}
}

/* The blocks as the API wants them back: NULL if nothing was said. */
static struct json_object *
native_new(struct reply *r)
{
	struct json_object *content = json_object_new_array(), *o;
	struct partial *p = claude_partial(r);
	const struct tool_call *c;
	size_t i;

	for (i = 0; i < p->nblocks; i++) {
		complete_block(&p->blocks[i]);
		if (is_refused(r, i))
			continue;
		o = p->blocks[i].object;
		if ((c = call_of(r, i)) != NULL)
			complete_call(o, c);
		json_object_array_add(content, json_object_get(o));
	}
	if (r->finish != FINISH_PAUSE)
		drop_last_thoughts(content);
	if (json_object_array_length(content) > 0)
		return (content);
	json_object_put(content);
	return (NULL);
}

void
claude_finish(const struct backend_config *config, struct reply *r)
{
	(void)config;
	/* A refused reply is not to be gone on with. */
	if (r->failure == FAILURE_NONE && r->finish != FINISH_FILTER)
		take_calls(r, r->finish == FINISH_LENGTH);
	if (r->failure != FAILURE_NONE)
		return;
	if (r->finish != FINISH_FILTER)
		r->native = native_new(r);
	if (r->ncalls > 0)
		r->finish = FINISH_TOOL;
	else if (r->finish == FINISH_NONE || r->finish == FINISH_TOOL)
		r->finish = FINISH_STOP;
	r->done = true;
}
