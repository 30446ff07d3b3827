/*
 * What the output of a response, a list of items, comes to: text, thoughts,
 * calls, and what goes back into the history.
 */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/calls.h"
#include "agent-worker/backend/responses.h"
#include "ipc/xmalloc.h"

bool
item_is_commentary(struct json_object *item)
{
	return (member_says(item, "type", "message") &&
	    member_says(item, "phase", "commentary"));
}

void
responses_part_thoughts(struct reply *r)
{
	struct buf *b = &r->reasoning;

	if (b->len > 0 &&
	    (b->len < 2 || strcmp(b->data + b->len - 2, "\n\n") != 0))
		buf_adds(b, "\n\n");
}

/* The texts of all parts, or the only text, where there is no list. */
static void
add_parts(struct buf *out, struct json_object *parts)
{
	size_t i, n = list_count(parts);

	for (i = 0; i < n; i++) {
		struct json_object *part = list_at(parts, i);

		reply_add_string(out, member(part, "text"));
		reply_add_string(out, member(part, "refusal"));
	}
	reply_add_string(out, parts);
}

/* Thoughts that no delta brought. */
static void
take_thoughts(struct reply *r, struct json_object *item)
{
	if (item_is_commentary(item)) {
		responses_part_thoughts(r);
		add_parts(&r->reasoning, member(item, "content"));
	} else if (member_says(item, "type", "reasoning")) {
		responses_part_thoughts(r);
		add_parts(&r->reasoning, member(item, "summary"));
		add_parts(&r->reasoning, member(item, "content"));
	}
}

/* Takes what is in text. */
static void
replace_text(struct reply *r, struct buf *text)
{
	buf_release(&r->text);
	r->text = *text;
	if (r->text_sent > text->len)
		r->text_sent = text->len;
	*text = (struct buf)BUF_INITIALIZER;
}

/* The text as the items have it is the one that counts. */
static void
settle_text(struct reply *r, struct json_object *items)
{
	bool unheard = r->reasoning.len == 0, any = false;
	size_t i, n = json_object_array_length(items);
	struct buf text = BUF_INITIALIZER;

	for (i = 0; i < n; i++) {
		struct json_object *item = list_at(items, i);

		if (unheard)
			take_thoughts(r, item);
		if (!member_says(item, "type", "message"))
			continue;
		any = true;
		if (!item_is_commentary(item))
			add_parts(&text, member(item, "content"));
	}
	buf_adds(&text, "");
	if (any && (r->text.len == 0 || strcmp(r->text.data, text.data) != 0))
		replace_text(r, &text);
	buf_release(&text);
}

/* Whether there is a call with the item's id already. */
static bool
is_known(const struct reply *r, struct json_object *item)
{
	size_t i;

	for (i = 0; i < r->ncalls; i++)
		if (member_says(item, "call_id", r->calls[i].id))
			return (true);
	return (false);
}

/* What cannot be answered, for want of an id of its own, is no call. */
static void
settle_calls(struct reply *r, struct json_object *items, bool cut)
{
	size_t i, n = json_object_array_length(items);
	struct tool_call *c;

	for (i = 0; i < n; i++) {
		struct json_object *item = list_at(items, i);

		if (!member_says(item, "type", "function_call") ||
		    *member_text(item, "call_id") == '\0' || is_known(r, item))
			continue;
		if ((c = calls_add(r)) == NULL)
			return;
		c->id = xstrdup(member_text(item, "call_id"));
		c->name = xstrdup(member_text(item, "name"));
		reply_add_string(&c->arguments, member(item, "arguments"));
	}
	calls_finish(r, cut);
}

/* Reasoning without what came of it is refused when it comes back. */
static void
drop_last_reasoning(struct json_object *list)
{
	size_t n = json_object_array_length(list);

	while (n > 0 && member_says(list_at(list, n - 1), "type", "reasoning"))
		json_object_array_del_idx(list, --n, 1);
}

/* What was said, where only deltas say so. */
static struct json_object *
message_new(const char *text)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "role", json_object_new_string("assistant"));
	json_object_object_add(o, "content", json_object_new_string(text));
	return (o);
}

/*
 * What goes back: all items as they came, but for calls that nobody answers
 * and for reasoning that only the provider's store could tell.
 */
static struct json_object *
native_new(const struct reply *r, struct json_object *items)
{
	struct json_object *list = json_object_new_array();
	size_t i, n = json_object_array_length(items), next = 0;

	for (i = 0; i < n; i++) {
		struct json_object *item = list_at(items, i);
		bool called = member_says(item, "type", "function_call");

		if (called &&
		    (next == r->ncalls ||
			!member_says(item, "call_id", r->calls[next].id))) {
			drop_last_reasoning(list);
			continue;
		}
		if (member_says(item, "type", "reasoning") &&
		    *member_text(item, "encrypted_content") == '\0')
			continue;
		next += called ? 1 : 0;
		json_object_array_add(list, json_object_get(item));
	}
	drop_last_reasoning(list);
	if (n == 0 && r->text.len > 0)
		json_object_array_add(list, message_new(r->text.data));
	return (list);
}

/* The items that are done, or the list in the last event if it has more. */
static struct json_object *
items_new(struct reply *r, struct json_object *output)
{
	struct json_object *items = json_object_new_array();
	size_t i, n = list_count(r->native);

	for (i = 0; i < n; i++) {
		struct json_object *slot = list_at(r->native, i);

		if (member_says(slot, "type", "response.output_item.done"))
			json_object_array_add(
			    items, json_object_get(member(slot, "item")));
	}
	if (list_count(output) <= json_object_array_length(items))
		return (items);
	json_object_put(items);
	return (json_object_get(output));
}

void
responses_settle(struct reply *r, struct json_object *response)
{
	struct json_object *items = items_new(r, member(response, "output"));
	bool cut = r->finish != FINISH_STOP;

	settle_text(r, items);
	settle_calls(r, items, cut);
	json_object_put(r->native);
	r->native = native_new(r, items);
	json_object_put(items);
	if (r->ncalls > 0)
		r->finish = FINISH_TOOL;
	r->done = true;
}
