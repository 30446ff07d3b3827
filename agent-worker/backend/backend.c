/* What all wire formats share: their table, and the making of a reply. */

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/backend.h"
#include "ipc/field.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

/* Levels of nesting accepted in what a server sends. */
#define DEPTH_MAX 64

static const struct backend *const backends[] = {
	&backend_chatcompletion,
	&backend_responses,
	&backend_claude,
	&backend_gemini,
};

const struct backend *
backend_find(const char *wire)
{
	size_t i;

	for (i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		if (strcmp(backends[i]->wire, wire) == 0)
			return (backends[i]);
	return (NULL);
}

void
reply_init(struct reply *r)
{
	memset(r, 0, sizeof(*r));
}

void
reply_drop(struct reply *r)
{
	size_t i;

	for (i = 0; i < r->ncalls; i++) {
		free(r->calls[i].id);
		free(r->calls[i].name);
		buf_release(&r->calls[i].arguments);
	}
	free(r->calls);
	r->calls = NULL;
	r->ncalls = 0;
	json_object_put(r->native);
	r->native = NULL;
}

void
reply_release(struct reply *r)
{
	reply_drop(r);
	buf_release(&r->text);
	buf_release(&r->reasoning);
	think_release(&r->think);
	free(r->error);
	if (r->free_partial != NULL)
		r->free_partial(r->partial);
	reply_init(r);
}

void
reply_bound(struct reply *r)
{
	size_t i, len = r->text.len + r->reasoning.len + r->native_len;

	for (i = 0; i < r->ncalls; i++)
		len += r->calls[i].arguments.len;
	if (len > REPLY_MAX)
		reply_fail(r, FAILURE_PERMANENT,
		    "the model's reply is longer than %zu MiB",
		    REPLY_MAX >> 20);
}

#define REASONING_END 2 /* a paragraph's */

void
reply_forget_reasoning(struct reply *r)
{
	struct buf *b = &r->reasoning;
	size_t gone;

	if (r->reasoning_sent <= REASONING_END)
		return;
	gone = r->reasoning_sent - REASONING_END;
	memmove(b->data, b->data + gone, b->len - gone + 1);
	b->len -= gone;
	r->reasoning_sent = REASONING_END;
}

bool
reply_is_complete(const struct reply *r)
{
	return (r->failure == FAILURE_NONE &&
	    (r->done || r->finish != FINISH_NONE));
}

void
reply_fail(struct reply *r, enum failure failure, const char *fmt, ...)
{
	va_list ap;
	size_t len;
	char *text;

	if (r->failure != FAILURE_NONE)
		return;
	r->failure = failure;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	free(r->error);
	r->error = utf8_line(text, REPLY_ERROR_MAX - 3);
	for (len = strlen(r->error); len > 0 && r->error[len - 1] == ' ';)
		r->error[--len] = '\0';
	free(text);
}

struct json_object *
member(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value))
		return (NULL);
	return (value);
}

const char *
member_text(struct json_object *object, const char *name)
{
	struct json_object *value = member(object, name);

	if (!json_object_is_type(value, json_type_string))
		return ("");
	return (json_object_get_string(value));
}

bool
member_says(struct json_object *object, const char *name, const char *text)
{
	return (strcmp(member_text(object, name), text) == 0);
}

size_t
list_count(struct json_object *list)
{
	if (!json_object_is_type(list, json_type_array))
		return (0);
	return (json_object_array_length(list));
}

struct json_object *
list_at(struct json_object *list, size_t i)
{
	if (i >= list_count(list))
		return (NULL);
	return (json_object_array_get_idx(list, i));
}

void
list_append(struct json_object *to, struct json_object *list)
{
	size_t i, n = list_count(list);

	for (i = 0; i < n; i++)
		json_object_array_add(to, json_object_get(list_at(list, i)));
}

int64_t
member_count(struct json_object *object, const char *name)
{
	int64_t n = json_object_get_int64(member(object, name));

	return (n > 0 ? n : 0);
}

void
usage_settle(struct usage *u)
{
	if (u->cached > u->input)
		u->cached = u->input;
	if (u->reasoning > u->output)
		u->reasoning = u->output;
	u->known = u->input > 0 || u->output > 0;
}

/* Keys are often copied with their end of line, which would end the header. */
char **
headers_new(const struct backend_config *config, const char *key_head)
{
	char **headers = xcalloc(4 + HEADERS_MORE, sizeof(*headers));
	const char *key = config->key;
	size_t n = 0;

	headers[n++] = xstrdup("Content-Type: application/json");
	headers[n++] = xstrdup("Accept: text/event-stream");
	if (key != NULL && *key != '\0')
		headers[n++] = xasprintf(
		    "%s%.*s", key_head, (int)strcspn(key, "\r\n"), key);
	return (headers);
}

void
reply_add_string(struct buf *out, struct json_object *value)
{
	if (json_object_is_type(value, json_type_string))
		utf8_clean(out, json_object_get_string(value),
		    (size_t)json_object_get_string_len(value));
}

static void
trim(const char **text, size_t *len)
{
	while (*len > 0 && isspace((unsigned char)(*text)[*len - 1]))
		(*len)--;
	while (*len > 0 && isspace((unsigned char)**text)) {
		(*text)++;
		(*len)--;
	}
}

struct json_object *
reply_parse(const char *text, size_t len, char *err, size_t errlen)
{
	struct buf clean = BUF_INITIALIZER;
	struct json_object *o;

	trim(&text, &len);
	if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
		trim(&text, &len);
	}
	o = field_parse(text, len, DEPTH_MAX, err, errlen);
	if (o == NULL) {
		utf8_clean(&clean, text, len);
		if (clean.len != len)
			o = field_parse(
			    clean.data, clean.len, DEPTH_MAX, err, errlen);
		buf_release(&clean);
	}
	return (o);
}
