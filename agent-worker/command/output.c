/* What a program prints. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/command/output.h"
#include "ipc/log.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

#define DEPTH_MAX  64
#define HALF       (OUTPUT_TEXT_MAX / 2)
#define TOKENS_MAX ((int64_t)1 << 50)

/* --- a text that may be too long --- */

static void
keep(struct kept *k, const char *text, size_t len)
{
	size_t n, cut;

	if (!k->full) {
		n = utf8_prefix(text, len, HALF - k->head.len);
		buf_add(&k->head, text, n);
		k->full = n < len;
		text += n;
		len -= n;
	}
	buf_add(&k->tail, text, len);
	if (k->tail.len > 2 * HALF) {
		cut = k->tail.len - HALF;
		buf_consume(&k->tail, cut);
		k->dropped += cut;
	}
}

static void
forget(struct kept *k)
{
	buf_release(&k->head);
	buf_release(&k->tail);
	k->full = false;
	k->dropped = 0;
}

/* --- what counts in a JSON value --- */

static void
show(struct output *o, const char *text)
{
	/* what was said on the way comes again at the end */
	if (o->said != NULL && strcmp(o->said, text) == 0)
		return;
	free(o->said);
	o->said = xstrdup(text);
	o->say(o->arg, text);
}

static void
set_error(struct output *o, const char *words)
{
	free(o->error);
	o->error = words == NULL ? NULL : xstrdup(words);
}

static void
take_text(struct output *o, const char *text, bool whole)
{
	if (o->failed || (!whole && o->whole))
		return;
	if (whole)
		forget(&o->text);
	keep(&o->text, text, strlen(text));
	o->whole = whole;
	o->has_text = true;
	set_error(o, NULL);
	show(o, text);
}

static void
take_number(struct output *o, enum pick_part part, struct json_object *value)
{
	double n = json_object_get_double(value);

	if ((!json_object_is_type(value, json_type_int) &&
		!json_object_is_type(value, json_type_double)) ||
	    !isfinite(n) || n < 0 || n > (double)TOKENS_MAX)
		return;
	if (part == PICK_COST) {
		o->cost = n;
		o->cost_known = true;
	} else {
		o->sums[part] += (int64_t)n;
		o->found[part] = true;
	}
}

static void
take_part(void *arg, enum pick_part part, struct json_object *value)
{
	struct output *o = arg;
	const char *text = json_object_get_string(value);
	bool is_text = json_object_is_type(value, json_type_string);

	switch (part) {
	case PICK_TEXT:
	case PICK_PIECE:
		if (is_text)
			take_text(o, text, part == PICK_TEXT);
		break;
	case PICK_SAID:
		if (is_text)
			show(o, text);
		break;
	case PICK_ERROR:
		if (is_text && !o->failed) {
			set_error(o, text);
			o->failed = true;
		}
		break;
	case PICK_COST:
	case PICK_INPUT:
	case PICK_CACHED:
	case PICK_CACHE_WRITE:
	case PICK_OUTPUT:
	case PICK_REASONING:
		take_number(o, part, value);
		break;
	}
}

/* Programs tell sums: the last one told counts. */
static void
take_usage(struct output *o)
{
	int64_t *const totals[PICK_PARTS] = {
		[PICK_INPUT] = &o->usage.input,
		[PICK_CACHED] = &o->usage.cached,
		[PICK_CACHE_WRITE] = &o->usage.cache_write,
		[PICK_OUTPUT] = &o->usage.output,
		[PICK_REASONING] = &o->usage.reasoning,
	};
	int part;

	for (part = 0; part < PICK_PARTS; part++)
		if (totals[part] != NULL && o->found[part]) {
			*totals[part] = o->sums[part];
			o->usage.known = true;
		}
}

static void
take_object(struct output *o, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_object))
		return;
	o->objects++;
	o->failed = false;
	memset(o->sums, 0, sizeof(o->sums));
	memset(o->found, 0, sizeof(o->found));
	pick_from(value, o->fields, take_part, o);
	take_usage(o);
}

static void
take_value(struct output *o, struct json_object *value)
{
	size_t i;

	if (!json_object_is_type(value, json_type_array)) {
		take_object(o, value);
		return;
	}
	for (i = 0; i < json_object_array_length(value); i++)
		take_object(o, json_object_array_get_idx(value, i));
}

/* --- finding JSON values --- */

/* Bytes up to where the next value begins, or the next line. */
static size_t
find_value(struct output *o, const char *data, size_t len)
{
	const char *newline;
	size_t n = 0;

	while (!o->skip && n < len && strchr(" \t\r\n", data[n]) != NULL)
		n++;
	if (n == len)
		return (n);
	if (!o->skip && (data[n] == '{' || data[n] == '[')) {
		o->inside = true;
		o->taken = 0;
		json_tokener_reset(o->parser);
		return (n);
	}
	newline = memchr(data + n, '\n', len - n);
	o->skip = newline == NULL;
	return (newline == NULL ? len : (size_t)(newline - data) + 1);
}

/* Bytes of the value that has begun; what is none is skipped to its line. */
static size_t
parse_value(struct output *o, const char *data, size_t len)
{
	struct json_object *value;
	size_t n = len < 1 << 20 ? len : 1 << 20;

	value = json_tokener_parse_ex(o->parser, data, (int)n);
	o->inside = json_tokener_get_error(o->parser) == json_tokener_continue;
	o->skip = value == NULL && !o->inside;
	n = json_tokener_get_parse_end(o->parser);
	o->taken += n;
	if (o->taken > OUTPUT_OBJECT_MAX) {
		o->skip = o->skip || o->inside;
		o->inside = false;
	} else if (value != NULL) {
		take_value(o, value);
	}
	json_object_put(value);
	return (n);
}

static void
take_json(struct output *o, const char *data, size_t len)
{
	size_t n;

	for (; len > 0; data += n, len -= n)
		n = o->inside ? parse_value(o, data, len)
			      : find_value(o, data, len);
}

/* --- from bytes to characters --- */

/* The bytes at the end that may be a character's first. */
static size_t
unfinished(const char *data, size_t len)
{
	size_t n;

	for (n = 1; n <= 3 && n <= len; n++) {
		unsigned char c = (unsigned char)data[len - n];

		if ((c & 0xc0) == 0x80)
			continue;
		if (c < 0xc0)
			return (0);
		return (n < (c < 0xe0 ? 2U : c < 0xf0 ? 3U : 4U) ? n : 0);
	}
	return (0);
}

static void
take_clean(struct output *o, const char *data, size_t len)
{
	struct buf clean = BUF_INITIALIZER;

	utf8_clean(&clean, data, len);
	if (clean.len > 0 && o->parser != NULL) {
		take_json(o, clean.data, clean.len);
	} else if (clean.len > 0) {
		keep(&o->text, clean.data, clean.len);
		o->has_text = true;
		o->say(o->arg, clean.data);
	}
	buf_release(&clean);
}

void
output_take(struct output *o, const char *data, size_t len)
{
	struct buf joined = BUF_INITIALIZER;
	size_t rest;

	buf_add(&joined, o->cut, o->ncut);
	buf_add(&joined, data, len);
	rest = unfinished(joined.data, joined.len);
	o->ncut = rest;
	memcpy(o->cut, joined.data + joined.len - rest, rest);
	take_clean(o, joined.data, joined.len - rest);
	buf_release(&joined);
}

void
output_end(struct output *o)
{
	size_t n = o->ncut;

	o->ncut = 0;
	take_clean(o, o->cut, n);
}

/* --- */

void
output_init(struct output *o, bool json, struct json_object *fields,
    output_say_fn *say, void *arg)
{
	memset(o, 0, sizeof(*o));
	o->fields = fields;
	o->say = say;
	o->arg = arg;
	if (!json)
		return;
	if ((o->parser = json_tokener_new_ex(DEPTH_MAX)) == NULL)
		fatalx("no memory for a parser");
	json_tokener_set_flags(
	    o->parser, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
}

void
output_release(struct output *o)
{
	if (o->parser != NULL)
		json_tokener_free(o->parser);
	forget(&o->text);
	free(o->error);
	free(o->said);
}

char *
output_text(const struct output *o)
{
	const struct kept *k = &o->text;
	struct buf b = BUF_INITIALIZER;
	size_t from = k->tail.len > HALF ? k->tail.len - HALF : 0;

	buf_add(&b, k->head.data, k->head.len);
	/* not in the middle of a character */
	while (from + k->dropped > 0 && from < k->tail.len &&
	    ((unsigned char)k->tail.data[from] & 0xc0) == 0x80)
		from++;
	if (from + k->dropped > 0)
		buf_addf(
		    &b, "\n[... %zu bytes left out ...]\n", from + k->dropped);
	if (from < k->tail.len)
		buf_add(&b, k->tail.data + from, k->tail.len - from);
	return (buf_detach(&b));
}
