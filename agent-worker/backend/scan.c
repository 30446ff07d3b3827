/* JSON read where it stands. */

#include <ctype.h>
#include <string.h>

#include "agent-worker/backend/scan.h"
#include "ipc/log.h"
#include "ipc/utf8.h"

/* Deeper and longer than anything in an event that is worth it. */
#define DEPTH_MAX  16
#define DIGITS_MAX 15

struct cursor {
	const char *p;
	const char *end;
};

static bool skip_value(struct cursor *, int depth);
static bool take_object(
    struct cursor *, const struct scan_member *, int depth, size_t *count);

static bool
take(struct cursor *c, char wanted)
{
	if (c->p == c->end || *c->p != wanted)
		return (false);
	c->p++;
	return (true);
}

static void
skip_space(struct cursor *c)
{
	while (c->p < c->end &&
	    (*c->p == ' ' || *c->p == '\n' || *c->p == '\t' || *c->p == '\r'))
		c->p++;
}

static bool
skip_escape(struct cursor *c)
{
	int i;

	if (c->p == c->end || memchr("\"\\/bfnrtu", *c->p, 9) == NULL)
		return (false);
	if (*c->p++ != 'u')
		return (true);
	for (i = 0; i < 4; i++, c->p++)
		if (c->p == c->end || !isxdigit((unsigned char)*c->p))
			return (false);
	return (true);
}

/* Eight bytes at once, none of which ends or changes a string. */
static void
skip_plain(struct cursor *c)
{
	const uint64_t ones = 0x0101010101010101U, high = ones << 7;
	uint64_t word, quote, slash;

	for (; c->end - c->p >= 8; c->p += 8) {
		memcpy(&word, c->p, sizeof(word));
		quote = word ^ ones * '"';
		slash = word ^ ones * '\\';
		if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
			((word - ones * ' ') & ~word)) &
		    high)
			return;
	}
}

static bool
skip_string(struct cursor *c)
{
	if (!take(c, '"'))
		return (false);
	skip_plain(c);
	while (c->p < c->end) {
		unsigned char byte = (unsigned char)*c->p++;

		if (byte == '"')
			return (true);
		if (byte < ' ')
			return (false);
		if (byte == '\\') {
			if (!skip_escape(c))
				return (false);
			skip_plain(c);
		}
	}
	return (false);
}

static bool
skip_digits(struct cursor *c)
{
	const char *start = c->p;

	while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
		c->p++;
	return (c->p > start && c->p - start <= DIGITS_MAX);
}

static bool
skip_number(struct cursor *c)
{
	const char *start;

	(void)take(c, '-');
	start = c->p;
	if (!skip_digits(c) || (*start == '0' && c->p - start > 1))
		return (false);
	if (take(c, '.') && !skip_digits(c))
		return (false);
	if (take(c, 'e') || take(c, 'E')) {
		if (!take(c, '+'))
			(void)take(c, '-');
		return (skip_digits(c));
	}
	return (true);
}

static bool
skip_word(struct cursor *c, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(c->end - c->p) < len || memcmp(c->p, word, len) != 0)
		return (false);
	c->p += len;
	return (true);
}

/* What stands behind an element: true for a comma, or at the end. */
static bool
next(struct cursor *c, char close, bool *over)
{
	skip_space(c);
	*over = take(c, close);
	if (*over)
		return (true);
	if (!take(c, ','))
		return (false);
	skip_space(c);
	return (true);
}

/* At the value of a member that somebody asked for. */
static bool
take_wanted(struct cursor *c, const struct scan_member *m, int depth)
{
	struct scan_value value;
	size_t count;

	if (skip_word(c, "null"))
		return (m->value == NULL || m->value->at == NULL);
	/* the last of two with one name counts, so there may not be two */
	if (m->value == NULL || m->value->at != NULL)
		return (false);
	if (m->listed && !take(c, '['))
		return (false);
	skip_space(c);
	value.at = c->p;
	if (m->inside == NULL ? !skip_value(c, depth)
			      : !take_object(c, m->inside, depth, &count))
		return (false);
	value.len = (size_t)(c->p - value.at);
	*m->value = value;
	skip_space(c);
	return (!m->listed || take(c, ']'));
}

/* At the name of a member; with an escape in it, it may be any. */
static bool
take_member(struct cursor *c, const struct scan_member *m, int depth)
{
	const char *name = c->p + 1;
	size_t len;

	if (!skip_string(c))
		return (false);
	len = (size_t)(c->p - name) - 1;
	skip_space(c);
	if (!take(c, ':') || memchr(name, '\\', len) != NULL)
		return (false);
	skip_space(c);
	for (; m->name != NULL; m++)
		if (m->name[0] == name[0] && strlen(m->name) == len &&
		    memcmp(m->name, name, len) == 0)
			return (take_wanted(c, m, depth + 1));
	return (skip_value(c, depth + 1));
}

static bool
take_object(struct cursor *c, const struct scan_member *members, int depth,
    size_t *count)
{
	bool over;

	*count = 0;
	if (depth == DEPTH_MAX || !take(c, '{'))
		return (false);
	skip_space(c);
	if (take(c, '}'))
		return (true);
	do {
		if (!take_member(c, members, depth))
			return (false);
		++*count;
	} while (next(c, '}', &over) && !over);
	return (over);
}

static bool
skip_array(struct cursor *c, int depth)
{
	bool over;

	c->p++;
	skip_space(c);
	if (take(c, ']'))
		return (true);
	do
		if (!skip_value(c, depth + 1))
			return (false);
	while (next(c, ']', &over) && !over);
	return (over);
}

static bool
skip_value(struct cursor *c, int depth)
{
	static const struct scan_member none = SCAN_END;
	size_t count;

	if (c->p == c->end || depth == DEPTH_MAX)
		return (false);
	switch (*c->p) {
	case '"':
		return (skip_string(c));
	case '{':
		return (take_object(c, &none, depth, &count));
	case '[':
		return (skip_array(c, depth));
	case 'n':
		return (skip_word(c, "null"));
	case 't':
		return (skip_word(c, "true"));
	case 'f':
		return (skip_word(c, "false"));
	default:
		return (skip_number(c));
	}
}

static void
forget(const struct scan_member *m)
{
	for (; m->name != NULL; m++) {
		if (m->value != NULL)
			m->value->at = NULL;
		if (m->inside != NULL)
			forget(m->inside);
	}
}

bool
scan_object(
    struct scan_value object, const struct scan_member *members, size_t *count)
{
	struct cursor c;

	forget(members);
	if (object.at == NULL)
		return (false);
	c.p = object.at;
	c.end = object.at + object.len;
	return (take_object(&c, members, 0, count) && c.p == c.end);
}

bool
scan_text(const char *text, size_t len, const struct scan_member *members)
{
	struct cursor c = { text, text + len };
	size_t count;

	forget(members);
	skip_space(&c);
	if (!utf8_is_valid(text, len) || !take_object(&c, members, 0, &count))
		return (false);
	skip_space(&c);
	return (c.p == c.end);
}

bool
scan_is(struct scan_value value, const char *word)
{
	size_t len = strlen(word);

	return (value.at != NULL && value.len == len &&
	    memcmp(value.at, word, len) == 0);
}

bool
scan_says(struct scan_value value, const char *text)
{
	size_t len = strlen(text);

	return (value.at != NULL && value.len == len + 2 &&
	    value.at[0] == '"' && memcmp(value.at + 1, text, len) == 0);
}

bool
scan_count(struct scan_value value, int64_t *count)
{
	size_t i;

	*count = 0;
	if (value.at == NULL)
		return (true);
	for (i = 0; i < value.len; i++) {
		if (!isdigit((unsigned char)value.at[i]))
			return (false);
		*count = *count * 10 + (value.at[i] - '0');
	}
	return (true);
}

/* Escapes mean what they mean everywhere else. */
static struct json_object *
unescape(struct scan_value value)
{
	struct json_tokener *tok = json_tokener_new_ex(1);
	struct json_object *string;

	if (tok == NULL)
		fatalx("no memory for a JSON parser");
	string = json_tokener_parse_ex(tok, value.at, (int)value.len);
	json_tokener_free(tok);
	return (string);
}

bool
scan_string(struct scan_value value, struct json_object **string)
{
	*string = NULL;
	if (value.at == NULL || *value.at != '"')
		return (value.at == NULL);
	if (memchr(value.at, '\\', value.len) != NULL)
		*string = unescape(value);
	else
		*string = json_object_new_string_len(
		    value.at + 1, (int)value.len - 2);
	return (*string != NULL);
}
