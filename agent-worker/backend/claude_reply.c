/* Anthropic's Messages API: events and bodies, taken apart into blocks. */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/claude.h"
#include "agent-worker/backend/scan.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

/* The most blocks accepted in one reply. */
#define BLOCKS_MAX 1024

/* The most of a refusal's reason that is quoted. */
#define REASON_MAX 200

/* So large that the sum of some cannot overflow. */
#define TOKENS_MAX (INT64_MAX / 8)

#define NO_INDEX (-1)

const struct claude_piece claude_pieces[NPIECES] = {
	[PIECE_TEXT] = { "text_delta", "text", "text" },
	[PIECE_THINKING] = { "thinking_delta", "thinking", "thinking" },
	[PIECE_SIGNATURE] = { "signature_delta", "signature", "signature" },
	[PIECE_INPUT] = { "input_json_delta", "partial_json", "input" },
	[PIECE_COMPACTION] = { "compaction_delta", "content", "content" },
};

/* The counts of a usage object; they are totals so far, not differences. */
static const char *const counts[NCOUNTS] = {
	[COUNT_INPUT] = "input_tokens",
	[COUNT_CACHE_WRITE] = "cache_creation_input_tokens",
	[COUNT_CACHE_READ] = "cache_read_input_tokens",
	[COUNT_OUTPUT] = "output_tokens",
};

static void
partial_free(void *arg)
{
	struct partial *p = arg;
	size_t i, j;

	for (i = 0; i < p->nblocks; i++) {
		json_object_put(p->blocks[i].object);
		for (j = 0; j < NPIECES; j++)
			buf_release(&p->blocks[i].pieces[j]);
	}
	free(p->blocks);
	free(p);
}

struct partial *
claude_partial(struct reply *r)
{
	if (r->free_partial == NULL) {
		r->partial = xcalloc(1, sizeof(struct partial));
		r->free_partial = partial_free;
	}
	return (r->partial);
}

/* Pass on what is for people to read. */
static void
show(struct reply *r, enum piece piece, struct json_object *value)
{
	struct partial *p = r->partial;

	if (json_object_get_string_len(value) == 0)
		return;
	if (piece == PIECE_TEXT) {
		if (p->gap && r->text.len > 0)
			buf_adds(&r->text, "\n\n");
		p->gap = false;
		reply_add_string(&r->text, value);
	} else if (piece == PIECE_THINKING) {
		reply_add_string(&r->reasoning, value);
	}
}

static int64_t
index_of(struct json_object *event)
{
	struct json_object *index = member(event, "index");

	return (index == NULL ? NO_INDEX : json_object_get_int64(index));
}

/* Most blocks are whole at once, or empty but for their kind. */
static struct block *
begin_block(struct reply *r, int64_t index, struct json_object *object)
{
	struct partial *p = claude_partial(r);
	struct block *b;

	if (!json_object_is_type(object, json_type_object))
		return (NULL);
	if (p->nblocks == BLOCKS_MAX) {
		reply_fail(r, FAILURE_TRANSIENT,
		    "the model's reply has more than %d parts", BLOCKS_MAX);
		return (NULL);
	}
	p->blocks = xreallocarray(p->blocks, p->nblocks + 1, sizeof(*b));
	b = &p->blocks[p->nblocks++];
	memset(b, 0, sizeof(*b));
	b->index = index;
	b->object = json_object_get(object);
	if (member_says(object, "type", "text"))
		show(r, PIECE_TEXT, member(object, "text"));
	else
		p->gap = true;
	if (member_says(object, "type", "thinking"))
		show(r, PIECE_THINKING, member(object, "thinking"));
	return (b);
}

/* The last one, should an index come twice. */
static struct block *
find_block(struct reply *r, int64_t index)
{
	struct partial *p = claude_partial(r);
	size_t i;

	for (i = p->nblocks; i > 0; i--)
		if (index == NO_INDEX || p->blocks[i - 1].index == index)
			return (&p->blocks[i - 1]);
	reply_fail(r, FAILURE_TRANSIENT,
	    "the server sent a piece of something that it did not begin");
	return (NULL);
}

static void
take_piece(struct reply *r, struct block *b, enum piece piece,
    struct json_object *value)
{
	struct buf *out = &b->pieces[piece];

	if (!json_object_is_type(value, json_type_string))
		return;
	if (piece == PIECE_SIGNATURE) /* it comes whole */
		buf_release(out);
	if (piece == PIECE_INPUT) /* JSON, where a NUL is none */
		reply_add_string(out, value);
	else
		buf_add(out, json_object_get_string(value),
		    (size_t)json_object_get_string_len(value));
	if (piece != PIECE_TEXT) /* which is in the reply's text */
		r->native_len += (size_t)json_object_get_string_len(value);
	show(r, piece, value);
}

static void
take_citation(struct block *b, struct json_object *citation)
{
	struct json_object *list = member(b->object, "citations");

	if (citation == NULL)
		return;
	if (!json_object_is_type(list, json_type_array)) {
		list = json_object_new_array();
		json_object_object_add(b->object, "citations", list);
	}
	json_object_array_add(list, json_object_get(citation));
}

static void
take_usage(struct reply *r, struct json_object *usage)
{
	struct partial *p = claude_partial(r);
	struct usage *u = &r->usage;
	struct json_object *details;
	int64_t n, *tokens = p->tokens;
	size_t i;

	for (i = 0; i < NCOUNTS; i++) {
		if (member(usage, counts[i]) == NULL)
			continue;
		n = member_count(usage, counts[i]);
		tokens[i] = n < TOKENS_MAX ? n : TOKENS_MAX;
	}
	details = member(usage, "output_tokens_details");
	if (details != NULL)
		u->reasoning = member_count(details, "thinking_tokens");
	u->input = tokens[COUNT_INPUT] + tokens[COUNT_CACHE_WRITE] +
	    tokens[COUNT_CACHE_READ];
	u->cached = tokens[COUNT_CACHE_READ];
	u->cache_write = tokens[COUNT_CACHE_WRITE];
	u->output = tokens[COUNT_OUTPUT];
	usage_settle(u);
}

/* The API says why it refuses, where it says anything. */
static void
take_refusal(struct reply *r, struct json_object *details)
{
	const char *why = member_text(details, "explanation");

	if (*why == '\0')
		why = member_text(details, "category");
	free(r->error);
	r->error = *why == '\0' ? NULL : utf8_line(why, REASON_MAX);
}

/* The end of a message; what nobody has heard of is an end like any other. */
static void
take_stop(struct reply *r, struct json_object *o)
{
	static const struct {
		const char *reason;
		enum finish finish;
	} reasons[] = {
		{ "tool_use", FINISH_TOOL },
		{ "max_tokens", FINISH_LENGTH },
		{ "model_context_window_exceeded", FINISH_LENGTH },
		{ "pause_turn", FINISH_PAUSE },
		{ "refusal", FINISH_FILTER },
	};
	const char *reason = member_text(o, "stop_reason");
	size_t i;

	if (*reason == '\0')
		return;
	r->finish = FINISH_STOP;
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(reasons[i].reason, reason) == 0)
			r->finish = reasons[i].finish;
	if (r->finish == FINISH_FILTER)
		take_refusal(r, member(o, "stop_details"));
}

static void
on_message_start(struct reply *r, struct json_object *event)
{
	take_usage(r, member(member(event, "message"), "usage"));
}

static void
on_block_start(struct reply *r, struct json_object *event)
{
	begin_block(r, index_of(event), member(event, "content_block"));
}

static void
on_block_delta(struct reply *r, struct json_object *event)
{
	struct block *b = find_block(r, index_of(event));
	struct json_object *delta = member(event, "delta");
	size_t i;

	if (b == NULL)
		return;
	for (i = 0; i < NPIECES; i++)
		if (member_says(delta, "type", claude_pieces[i].delta))
			take_piece(
			    r, b, i, member(delta, claude_pieces[i].from));
	if (member_says(delta, "type", "citations_delta"))
		take_citation(b, member(delta, "citation"));
}

static void
on_block_stop(struct reply *r, struct json_object *event)
{
	struct block *b = find_block(r, index_of(event));

	if (b != NULL)
		b->ended = true;
}

static void
on_message_delta(struct reply *r, struct json_object *event)
{
	take_usage(r, member(event, "usage"));
	take_stop(r, member(event, "delta"));
}

static void
on_message_stop(struct reply *r, struct json_object *event)
{
	(void)event;
	r->done = true;
}

/* Others, "ping" among them, say nothing that matters. */
static const struct {
	const char *type;
	void (*take)(struct reply *, struct json_object *event);
} events[] = {
	{ "message_start", on_message_start },
	{ "content_block_start", on_block_start },
	{ "content_block_delta", on_block_delta },
	{ "content_block_stop", on_block_stop },
	{ "message_delta", on_message_delta },
	{ "message_stop", on_message_stop },
};

static void
take_event(const struct backend_config *config, struct reply *r,
    const char *type, struct json_object *event, const char *data, size_t len)
{
	size_t i;

	/* Some proxies lose the line that names the event. */
	if (member(event, "type") != NULL)
		type = member_text(event, "type");
	if (member(event, "error") != NULL || strcmp(type, "error") == 0) {
		reply_fail_said(r, config, 200, event, data, len);
		return;
	}
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (strcmp(events[i].type, type) == 0)
			events[i].take(r, event);
}

/*
 * The most frequent events, those that bring a piece of a block.  False, and
 * nothing is taken, for all others.
 */
static bool
take_delta(struct reply *r, const char *data, size_t len)
{
	struct scan_value type, index, delta, kind, values[NPIECES];
	struct scan_member in_delta[NPIECES + 2] = { SCAN_VALUE(
	    "type", &kind) };
	const struct scan_member in_root[] = { SCAN_VALUE("type", &type),
		SCAN_VALUE("index", &index),
		SCAN_OBJECT("delta", &delta, in_delta), SCAN_ABSENT("error"),
		SCAN_END };
	struct json_object *text;
	struct block *b;
	int64_t n;
	size_t i;

	for (i = 0; i < NPIECES; i++)
		in_delta[i + 1] = (struct scan_member)SCAN_VALUE(
		    claude_pieces[i].from, &values[i]);
	if (!scan_text(data, len, in_root) ||
	    !scan_says(type, "content_block_delta") || index.at == NULL ||
	    !scan_count(index, &n))
		return (false);
	for (i = 0; i < NPIECES; i++)
		if (scan_says(kind, claude_pieces[i].delta))
			break;
	if (i == NPIECES || values[i].at == NULL ||
	    !scan_string(values[i], &text))
		return (false);
	if ((b = find_block(r, n)) != NULL)
		take_piece(r, b, i, text);
	json_object_put(text);
	return (true);
}

void
claude_consume_event(const struct backend_config *config, struct reply *r,
    const char *event, const char *data, size_t len)
{
	struct json_object *root;

	if (r->done || len == 0 || take_delta(r, data, len))
		return;
	root = reply_parse_event(r, data, len);
	if (root != NULL)
		take_event(config, r, event, root, data, len);
	json_object_put(root);
}

/* A message that came whole, in place of a stream. */
static void
take_message(struct reply *r, struct json_object *message)
{
	struct json_object *content = member(message, "content");
	size_t i, n = json_object_array_length(content);
	struct block *b;

	for (i = 0; i < n; i++) {
		b = begin_block(
		    r, (int64_t)i, json_object_array_get_idx(content, i));
		if (b != NULL)
			b->ended = true;
	}
	take_usage(r, member(message, "usage"));
	take_stop(r, message);
	r->done = true;
}

void
claude_consume_body(const struct backend_config *config, struct reply *r,
    long status, const char *body, size_t len)
{
	struct json_object *root;

	root = reply_parse_body(r, config, status, body, len);
	if (root == NULL)
		return;
	if (json_object_is_type(member(root, "content"), json_type_array))
		take_message(r, root);
	else
		reply_fail_said(r, config, 200, root, body, len);
	json_object_put(root);
}
