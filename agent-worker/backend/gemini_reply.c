/* Gemini: the streams that answer, taken apart into a content. */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/calls.h"
#include "agent-worker/backend/gemini.h"
#include "agent-worker/backend/scan.h"
#include "ipc/field.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

/*
 * The most parts of one reply.  They are kept as they came, since signatures
 * belong to parts; of text without any, what follows each other is one.
 */
#define PARTS_MAX 4096

/* Text, or thought, of which more may follow. */
struct partial {
	struct buf text;
	bool thought;
};

/* Two counts, neither of them negative. */
static int64_t
sum(int64_t a, int64_t b)
{
	return (a > INT64_MAX - b ? INT64_MAX : a + b);
}

enum count {
	COUNT_PROMPT,
	COUNT_TOOLS,
	COUNT_CACHED,
	COUNT_CANDIDATES,
	COUNT_THOUGHTS,
	NCOUNTS
};

/* The members of a usageMetadata object. */
static const char *const counts[NCOUNTS] = {
	[COUNT_PROMPT] = "promptTokenCount",
	[COUNT_TOOLS] = "toolUsePromptTokenCount",
	[COUNT_CACHED] = "cachedContentTokenCount",
	[COUNT_CANDIDATES] = "candidatesTokenCount",
	[COUNT_THOUGHTS] = "thoughtsTokenCount",
};

/* The counts are of the whole call so far: the last ones stand. */
static void
set_usage(struct reply *r, const int64_t tokens[NCOUNTS])
{
	struct usage *u = &r->usage;

	u->input = sum(tokens[COUNT_PROMPT], tokens[COUNT_TOOLS]);
	u->cached = tokens[COUNT_CACHED];
	u->reasoning = tokens[COUNT_THOUGHTS];
	u->output = sum(tokens[COUNT_CANDIDATES], u->reasoning);
	usage_settle(u);
}

static void
take_usage(struct reply *r, struct json_object *usage)
{
	int64_t tokens[NCOUNTS];
	size_t i;

	if (!json_object_is_type(usage, json_type_object))
		return;
	for (i = 0; i < NCOUNTS; i++)
		tokens[i] = member_count(usage, counts[i]);
	set_usage(r, tokens);
}

/* The provider's reason, and its words where it has any; on the heap. */
static char *
said(struct json_object *reason, struct json_object *words)
{
	return (xasprintf("%s%s%s", json_object_get_string(reason),
	    words == NULL ? "" : ": ",
	    words == NULL ? "" : json_object_get_string(words)));
}

/* Why a reply ends; what is not here is an end like any other. */
static const struct {
	const char *reason;
	enum finish finish; /* FINISH_NONE: it failed, or goes on */
	enum failure failure;
} reasons[] = {
	/* clang-format off */
	{ "MAX_TOKENS",			FINISH_LENGTH, FAILURE_NONE },
	{ "CONTINUATION",		FINISH_LENGTH, FAILURE_NONE },
	{ "SAFETY",			FINISH_FILTER, FAILURE_NONE },
	{ "RECITATION",			FINISH_FILTER, FAILURE_NONE },
	{ "LANGUAGE",			FINISH_FILTER, FAILURE_NONE },
	{ "BLOCKLIST",			FINISH_FILTER, FAILURE_NONE },
	{ "PROHIBITED_CONTENT",		FINISH_FILTER, FAILURE_NONE },
	{ "SPII",			FINISH_FILTER, FAILURE_NONE },
	{ "IMAGE_SAFETY",		FINISH_FILTER, FAILURE_NONE },
	{ "IMAGE_PROHIBITED_CONTENT",	FINISH_FILTER, FAILURE_NONE },
	{ "IMAGE_RECITATION",		FINISH_FILTER, FAILURE_NONE },
	{ "MALFORMED_FUNCTION_CALL",	FINISH_NONE,   FAILURE_TRANSIENT },
	{ "MALFORMED_RESPONSE",		FINISH_NONE,   FAILURE_TRANSIENT },
	{ "UNEXPECTED_TOOL_CALL",	FINISH_NONE,   FAILURE_TRANSIENT },
	{ "TOO_MANY_TOOL_CALLS",	FINISH_NONE,   FAILURE_TRANSIENT },
	{ "MISSING_THOUGHT_SIGNATURE",	FINISH_NONE,   FAILURE_PERMANENT },
	{ "FINISH_REASON_UNSPECIFIED",	FINISH_NONE,   FAILURE_NONE },
	{ "",				FINISH_NONE,   FAILURE_NONE },
	/* clang-format on */
};

static void
take_finish(struct reply *r, struct json_object *candidate)
{
	struct json_object *value = member(candidate, "finishReason");
	size_t i, n = sizeof(reasons) / sizeof(reasons[0]);
	char *text;

	if (!json_object_is_type(value, json_type_string))
		return;
	for (i = 0; i < n; i++)
		if (strcmp(reasons[i].reason, json_object_get_string(value)) ==
		    0)
			break;
	if (i == n) {
		r->finish = FINISH_STOP;
		return;
	}
	text = said(value, member(candidate, "finishMessage"));
	if (reasons[i].failure != FAILURE_NONE)
		reply_fail(r, reasons[i].failure,
		    "the provider ended the reply: %s", text);
	else if (reasons[i].finish != FINISH_NONE)
		r->finish = reasons[i].finish;
	if (r->finish == FINISH_FILTER && r->error == NULL)
		r->error = utf8_line(text, REPLY_ERROR_MAX - 3);
	free(text);
}

static void
take_call(struct reply *r, struct json_object *function)
{
	struct json_object *arguments = member(function, "args");
	struct buf id = BUF_INITIALIZER, name = BUF_INITIALIZER;
	struct tool_call *c;

	reply_add_string(&id, member(function, "id"));
	reply_add_string(&name, member(function, "name"));
	if (name.len == 0) {
		reply_fail(r, FAILURE_TRANSIENT,
		    "the model called a function without a name");
	} else if ((c = calls_add(r)) != NULL) {
		c->name = buf_detach(&name);
		if (id.len > 0)
			c->id = buf_detach(&id);
		if (arguments != NULL)
			buf_adds(&c->arguments, field_line(arguments, NULL));
	}
	buf_release(&id);
	buf_release(&name);
}

/* {"text": ""} and nothing else: it says nothing, and is refused if sent. */
static bool
is_empty(struct json_object *part)
{
	struct json_object *text = member(part, "text");

	return (json_object_object_length(part) == 1 &&
	    json_object_is_type(text, json_type_string) &&
	    json_object_get_string_len(text) == 0);
}

/* Takes part. */
static void
add_part(struct reply *r, struct json_object *part)
{
	struct json_object *parts;

	if (r->native == NULL)
		r->native = gemini_content("model");
	parts = member(r->native, "parts");
	if (json_object_array_length(parts) == PARTS_MAX) {
		reply_fail(r, FAILURE_TRANSIENT,
		    "the model's reply has more than %d parts", PARTS_MAX);
		json_object_put(part);
		return;
	}
	json_object_array_add(parts, part);
}

static void
partial_free(void *arg)
{
	struct partial *p = arg;

	buf_release(&p->text);
	free(p);
}

/* No more follows what was collected. */
static void
end_text(struct reply *r)
{
	struct partial *p = r->partial;
	struct json_object *part;

	if (p == NULL || p->text.len == 0)
		return;
	part = json_object_new_object();
	json_object_object_add(part, "text",
	    json_object_new_string_len(p->text.data, (int)p->text.len));
	if (p->thought)
		json_object_object_add(
		    part, "thought", json_object_new_boolean(true));
	buf_release(&p->text);
	add_part(r, part);
}

/* {"text", "thought"}, the latter or not, and nothing else. */
static bool
is_text(struct json_object *part)
{
	struct json_object *thought = member(part, "thought");

	return (json_object_is_type(member(part, "text"), json_type_string) &&
	    (thought == NULL ||
		json_object_is_type(thought, json_type_boolean)) &&
	    json_object_object_length(part) == (thought == NULL ? 1 : 2));
}

static void
collect_text(struct reply *r, struct json_object *value, bool thought)
{
	struct partial *p = r->partial;
	size_t len = (size_t)json_object_get_string_len(value);

	if (p == NULL) {
		r->partial = p = xcalloc(1, sizeof(*p));
		r->free_partial = partial_free;
	}
	if (p->thought != thought)
		end_text(r);
	p->thought = thought;
	buf_add(&p->text, json_object_get_string(value), len);
	if (thought)
		r->native_len += len;
}

/* Neither text nor a call, which are counted already: a picture, say. */
static void
count_part(struct reply *r, struct json_object *part)
{
	size_t len;

	if (member(part, "text") != NULL ||
	    member(part, "functionCall") != NULL)
		return;
	(void)json_object_to_json_string_length(
	    part, JSON_C_TO_STRING_PLAIN, &len);
	r->native_len += len;
}

static void
take_part(struct reply *r, struct json_object *part)
{
	struct json_object *function = member(part, "functionCall");
	struct json_object *text = member(part, "text");
	bool thought = json_object_get_boolean(member(part, "thought"));

	if (!json_object_is_type(part, json_type_object) ||
	    json_object_object_length(part) == 0 || is_empty(part))
		return;
	if (is_text(part)) {
		collect_text(r, text, thought);
	} else {
		end_text(r);
		add_part(r, json_object_get(part));
		count_part(r, part);
	}
	if (function != NULL)
		take_call(r, function);
	else
		reply_add_string(thought ? &r->reasoning : &r->text, text);
}

/* The first one that is number 0 or has no number: we ask for one only. */
static struct json_object *
candidate_of(struct json_object *root)
{
	struct json_object *list = member(root, "candidates"), *candidate;
	size_t i, n = list_count(list);

	for (i = 0; i < n; i++) {
		candidate = json_object_array_get_idx(list, i);
		if (json_object_get_int64(member(candidate, "index")) == 0)
			return (candidate);
	}
	return (NULL);
}

/* "34.4s" in milliseconds; 0 for anything else. */
static int64_t
delay_of(struct json_object *value)
{
	char text[32], *unit;
	int64_t ms;

	if (!json_object_is_type(value, json_type_string) ||
	    strlcpy(text, json_object_get_string(value), sizeof(text)) >=
		sizeof(text))
		return (0);
	unit = strchr(text, 's');
	if (!isdigit((unsigned char)text[0]) || unit == NULL || unit[1] != '\0')
		return (0);
	*unit = '\0';
	ms = retry_after_parse(text, 0);
	return (ms > 0 ? ms : 0);
}

/* A quota that is gone for today: no pause of ours brings it back. */
static bool
is_daily(struct json_object *detail)
{
	struct json_object *list = member(detail, "violations"), *id;
	size_t i, n = list_count(list);

	for (i = 0; i < n; i++) {
		id = member(json_object_array_get_idx(list, i), "quotaId");
		if (json_object_is_type(id, json_type_string) &&
		    strstr(json_object_get_string(id), "PerDay") != NULL)
			return (true);
	}
	return (false);
}

/*
 * The error model of Google's APIs (google.rpc): beside the words there are
 * details, which say when to come back, or that it is of no use.
 */
static void
take_error(const struct backend_config *config, struct reply *r, long status,
    struct json_object *root, const char *body, size_t len)
{
	struct json_object *details = member(member(root, "error"), "details");
	struct json_object *detail;
	size_t i, n = list_count(details);
	int64_t ms;

	reply_fail_said(r, config, status, root, body, len);
	for (i = 0; i < n; i++) {
		detail = json_object_array_get_idx(details, i);
		if ((ms = delay_of(member(detail, "retryDelay"))) > 0)
			r->retry_after_ms = ms;
		if (is_daily(detail))
			r->failure = FAILURE_PERMANENT;
	}
}

/* The question itself was refused: there are no candidates then. */
static void
take_feedback(struct reply *r, struct json_object *feedback)
{
	struct json_object *reason = member(feedback, "blockReason");
	char *text;

	if (!json_object_is_type(reason, json_type_string))
		return;
	text = said(reason, member(feedback, "blockReasonMessage"));
	reply_fail(
	    r, FAILURE_PERMANENT, "the provider blocked the prompt: %s", text);
	free(text);
}

static void
take_root(const struct backend_config *config, struct reply *r,
    struct json_object *root, const char *data, size_t len)
{
	struct json_object *candidate = candidate_of(root), *parts;
	size_t i, n;

	if (member(root, "error") != NULL) {
		take_error(config, r, 200, root, data, len);
		return;
	}
	take_usage(r, member(root, "usageMetadata"));
	take_feedback(r, member(root, "promptFeedback"));
	parts = member(member(candidate, "content"), "parts");
	n = list_count(parts);
	for (i = 0; i < n && r->failure == FAILURE_NONE; i++)
		take_part(r, json_object_array_get_idx(parts, i));
	take_finish(r, candidate);
}

#define AS_CONSTANT \
	(JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY)

/* A part that is text or a thought, and nothing beside; NULL for others. */
static struct json_object *
scan_part(struct scan_value part)
{
	struct scan_value text, thought;
	const struct scan_member members[] = { SCAN_VALUE("text", &text),
		SCAN_VALUE("thought", &thought), SCAN_END };
	struct json_object *o, *s;
	size_t count;

	if (!scan_object(part, members, &count) || text.at == NULL ||
	    count != (thought.at == NULL ? 1 : 2) ||
	    (count == 2 &&
		(thought.at < text.at || !scan_is(thought, "true"))) ||
	    !scan_string(text, &s))
		return (NULL);
	o = json_object_new_object();
	json_object_object_add_ex(o, "text", s, AS_CONSTANT);
	if (count == 2)
		json_object_object_add_ex(
		    o, "thought", json_object_new_boolean(true), AS_CONSTANT);
	return (o);
}

/* The part of the only candidate, if nothing but it and usage matters. */
static struct json_object *
scan_event(const char *data, size_t len, struct scan_value *usage,
    struct scan_value tokens[NCOUNTS])
{
	struct scan_value candidate, index, content, part;
	const struct scan_member in_content[] = {
		SCAN_ONLY("parts", &part, NULL), SCAN_END
	};
	const struct scan_member in_candidate[] = { SCAN_VALUE("index", &index),
		SCAN_OBJECT("content", &content, in_content),
		SCAN_ABSENT("finishReason"), SCAN_END };
	struct scan_member in_usage[NCOUNTS + 1] = { SCAN_END };
	const struct scan_member in_root[] = { SCAN_ONLY("candidates",
						   &candidate, in_candidate),
		SCAN_OBJECT("usageMetadata", usage, in_usage),
		SCAN_ABSENT("promptFeedback"), SCAN_ABSENT("error"), SCAN_END };
	size_t i;

	for (i = 0; i < NCOUNTS; i++)
		in_usage[i] =
		    (struct scan_member)SCAN_VALUE(counts[i], &tokens[i]);
	if (!scan_text(data, len, in_root) || candidate.at == NULL ||
	    (index.at != NULL && !scan_is(index, "0")))
		return (NULL);
	return (scan_part(part));
}

/*
 * The most frequent events, which bring one piece of text or of thought.
 * False, and nothing is taken, for all others.
 */
static bool
take_text(struct reply *r, const char *data, size_t len)
{
	struct scan_value usage = { NULL, 0 }, values[NCOUNTS];
	int64_t tokens[NCOUNTS];
	struct json_object *part;
	bool ok = true;
	size_t i;

	if ((part = scan_event(data, len, &usage, values)) == NULL)
		return (false);
	for (i = 0; i < NCOUNTS && ok; i++)
		ok = scan_count(values[i], &tokens[i]);
	if (ok && usage.at != NULL)
		set_usage(r, tokens);
	if (ok)
		take_part(r, part);
	json_object_put(part);
	return (ok);
}

void
gemini_consume_event(const struct backend_config *config, struct reply *r,
    const char *event, const char *data, size_t len)
{
	struct json_object *root;

	(void)event;
	if (r->failure != FAILURE_NONE || take_text(r, data, len))
		return;
	root = reply_parse_event(r, data, len);
	if (root != NULL)
		take_root(config, r, root, data, len);
	json_object_put(root);
}

/* Without "alt=sse", the events come as the elements of one list. */
static void
take_list(const struct backend_config *config, struct reply *r,
    const char *body, size_t len)
{
	struct buf b = BUF_INITIALIZER;
	struct json_object *root, *list;
	char err[128];
	size_t i, n;

	buf_adds(&b, "{\"list\":");
	buf_add(&b, body, len);
	buf_adds(&b, "}");
	root = reply_parse(b.data, b.len, err, sizeof(err));
	list = member(root, "list");
	n = list_count(list);
	for (i = 0; i < n && r->failure == FAILURE_NONE; i++)
		take_root(
		    config, r, json_object_array_get_idx(list, i), body, len);
	json_object_put(root);
	buf_release(&b);
}

void
gemini_consume_body(const struct backend_config *config, struct reply *r,
    long status, const char *body, size_t len)
{
	struct json_object *root;
	char err[128];

	root = reply_parse(body, len, err, sizeof(err));
	if (status != 200) {
		take_error(config, r, status, root, body, len);
	} else {
		if (root != NULL)
			take_root(config, r, root, body, len);
		else
			take_list(config, r, body, len);
		if (!reply_is_complete(r))
			take_error(config, r, 200, root, body, len);
	}
	json_object_put(root);
}

static void
settle(struct reply *r)
{
	calls_finish(r, false);
	if (r->ncalls > 0)
		r->finish = FINISH_TOOL;
	else if (r->finish == FINISH_STOP && r->text.len == 0 &&
	    r->reasoning.len == 0)
		reply_fail(r, FAILURE_TRANSIENT, "the model said nothing");
	r->done = r->failure == FAILURE_NONE;
}

void
gemini_finish(const struct backend_config *config, struct reply *r)
{
	(void)config;
	end_text(r);
	if (r->failure == FAILURE_NONE)
		settle(r);
	/* A model's content that says nothing has no place in the history. */
	if (r->text.len == 0 && r->ncalls == 0) {
		json_object_put(r->native);
		r->native = NULL;
	}
}
