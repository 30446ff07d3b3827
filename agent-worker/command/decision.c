/* What a program without tools decided. */

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "agent-worker/command/decision.h"
#include "agent-worker/prompt.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/xmalloc.h"

#define DEPTH_MAX      16
#define CANDIDATES_MAX 1000 /* objects tried, from the end */

static enum decision_kind
kind_of(struct json_object *o)
{
	const char *action = field_get_str(o, "action");

	if (action != NULL && strcmp(action, PROMPT_VOTE) == 0)
		return (DECISION_VOTE);
	if (action != NULL && strcmp(action, PROMPT_NEW_ANSWER) == 0)
		return (DECISION_ANSWER);
	return (DECISION_NONE);
}

/* The object that begins at text and may have anything behind it, or NULL. */
static struct json_object *
parse_at(struct json_tokener *parser, const char *text, size_t len)
{
	struct json_object *o;

	json_tokener_reset(parser);
	o = json_tokener_parse_ex(parser, text, (int)len);
	if (json_object_is_type(o, json_type_object))
		return (o);
	json_object_put(o);
	return (NULL);
}

/* Where the line begins that ends before text[end]. */
static size_t
line_start(const char *text, size_t end)
{
	const char *newline = end == 0 ? NULL : memrchr(text, '\n', end);

	return (newline == NULL ? 0 : (size_t)(newline - text) + 1);
}

static size_t
trimmed(const char *text, size_t len)
{
	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		len--;
	return (len);
}

static bool
is_fence(const char *text, size_t len)
{
	return (len >= 3 && strncmp(text, "```", 3) == 0);
}

/* What stands above the object, without the fence that opens around it. */
static char *
text_above(const char *text, size_t len, bool fenced)
{
	size_t start;

	len = trimmed(text, len);
	start = line_start(text, len);
	if (fenced && is_fence(text + start, len - start))
		len = trimmed(text, start);
	return (xstrndup(text, len));
}

static void
take(struct decision *d, struct json_object *o, char *above)
{
	const char *content = field_get_str(o, "content");
	const char *agent = field_get_str(o, "agent_id");
	const char *reason = field_get_str(o, "reason");

	d->kind = kind_of(o);
	d->text = above;
	if (d->kind == DECISION_ANSWER && content != NULL) {
		free(above);
		d->text = xstrdup(content);
	}
	if (d->kind == DECISION_VOTE && agent != NULL)
		d->agent = xstrdup(agent);
	d->reason = xstrdup(reason == NULL ? "" : reason);
}

void
decision_find(struct decision *d, const char *text, size_t len)
{
	struct json_tokener *parser = json_tokener_new_ex(DEPTH_MAX);
	size_t end = trimmed(text, len), start, at;
	int candidates = 0;
	struct json_object *o;

	if (parser == NULL)
		fatalx("no memory for a parser");
	json_tokener_set_flags(
	    parser, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	memset(d, 0, sizeof(*d));
	for (start = end; d->kind == DECISION_NONE && start > 0 &&
	     candidates < CANDIDATES_MAX;) {
		start = line_start(text, start == end ? end : start - 1);
		at = start + strspn(text + start, " \t");
		if (at >= end || text[at] != '{')
			continue;
		candidates++;
		o = parse_at(parser, text + at, end - at);
		at += json_tokener_get_parse_end(parser);
		at += strspn(text + at, " \t\r\n");
		if (kind_of(o) != DECISION_NONE)
			take(d, o,
			    text_above(
				text, start, is_fence(text + at, len - at)));
		json_object_put(o);
	}
	json_tokener_free(parser);
	if (d->kind == DECISION_NONE) {
		d->text = xstrndup(text, end);
		d->reason = xstrdup("");
	}
}

void
decision_release(struct decision *d)
{
	free(d->agent);
	free(d->reason);
	free(d->text);
	memset(d, 0, sizeof(*d));
}
