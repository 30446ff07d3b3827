/* Regular expressions: from their text to a program. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/pattern_ops.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

#define TEXT_MAX   512
#define REPEAT_MAX 1000
#define READS_MAX  20000
#define NO_LIMIT   (-1)

struct reader {
	struct pattern *p;
	const char *at;
	const char *end;
	bool ignore_case;
	char *err;
	size_t errlen;
	bool failed;
};

static void
fail(struct reader *r, const char *why)
{
	if (!r->failed)
		snprintf(r->err, r->errlen, "the pattern: %s", why);
	r->failed = true;
}

static bool
is_at(const struct reader *r, char c)
{
	return (!r->failed && r->at < r->end && *r->at == c);
}

/* Room for one more operation, at a place before the end or at it. */
static struct op *
insert(struct reader *r, int place, enum op_kind kind)
{
	struct pattern *p = r->p;
	struct op *op;

	if (p->n == PATTERN_OPS_MAX) {
		fail(r, "it is too long when its repetitions are written out");
		p->n--;
	}
	if (place > p->n)
		place = p->n;
	op = &p->ops[place];
	memmove(op + 1, op, (size_t)(p->n - place) * sizeof(*op));
	p->n++;
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	return (op);
}

static struct set *
add_set(struct reader *r)
{
	struct pattern *p = r->p;
	struct set *set = xcalloc(1, sizeof(*set));

	p->sets = xreallocarray(p->sets, p->nsets + 1, sizeof(*p->sets));
	p->sets[p->nsets++] = set;
	insert(r, p->n, OP_SET)->set = set;
	return (set);
}

static void
put(const struct reader *r, struct set *set, unsigned char c)
{
	set->has[c] = true;
	if (r->ignore_case && c < 0x80) {
		set->has[tolower(c)] = true;
		set->has[toupper(c)] = true;
	}
}

/* Bytes that follow the first of a character. */
static void
add_rest_of_character(struct reader *r)
{
	int place = r->p->n, i;
	struct set *set;

	insert(r, place, OP_SPLIT)->x = 1;
	set = add_set(r);
	for (i = 0x80; i < 0xc0; i++)
		set->has[i] = true;
	insert(r, r->p->n, OP_JUMP)->x = -2;
	r->p->ops[place].y = 3;
}

/* Every other character instead. */
static void
invert(struct reader *r, struct set *set)
{
	int i;

	for (i = 0; i < 256; i++)
		set->has[i] = !set->has[i] && (i < 0x80 || i >= 0xc0);
	add_rest_of_character(r);
}

/* --- sets --- */

static const struct {
	const char *name;
	int (*is_in)(int);
} classes[] = { { "alpha", isalpha }, { "digit", isdigit },
	{ "alnum", isalnum }, { "upper", isupper }, { "lower", islower },
	{ "space", isspace }, { "blank", isblank }, { "punct", ispunct },
	{ "print", isprint }, { "graph", isgraph }, { "cntrl", iscntrl },
	{ "xdigit", isxdigit } };

int
pattern_is_word(int c)
{
	return (c == '_' || (c < 0x80 && isalnum(c)));
}

static void
put_class(struct set *set, int (*is_in)(int), bool inverted)
{
	int c;

	for (c = 0; c < 0x80; c++)
		if ((is_in(c) != 0) != inverted)
			set->has[c] = true;
}

/* \d and its like; false: it is none. */
static bool
put_shorthand(struct set *set, char c, bool in_brackets)
{
	int (*is_in)(int);

	switch (tolower((unsigned char)c)) {
	case 'd':
		is_in = isdigit;
		break;
	case 'w':
		is_in = pattern_is_word;
		break;
	case 's':
		is_in = isspace;
		break;
	default:
		return (false);
	}
	/* outside of brackets the caller inverts, other characters too */
	put_class(set, is_in, in_brackets && isupper((unsigned char)c));
	return (true);
}

/* What stands for itself behind "\"; -1: nothing does. */
static int
escaped(char c)
{
	static const char letters[] = "ntrfv", meant[] = "\n\t\r\f\v";
	const char *p = strchr(letters, c);

	if (c != '\0' && p != NULL)
		return ((unsigned char)meant[p - letters]);
	return (isalnum((unsigned char)c) ? -1 : (unsigned char)c);
}

/* One byte of brackets, or a class of them, which are put; -1: those. */
static int
read_member(struct reader *r, struct set *set)
{
	size_t i, len;
	int c;

	if (r->end - r->at > 2 && r->at[0] == '[' && r->at[1] == ':') {
		for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
			len = strlen(classes[i].name);
			if ((size_t)(r->end - r->at) >= len + 4 &&
			    strncmp(r->at + 2, classes[i].name, len) == 0 &&
			    strncmp(r->at + 2 + len, ":]", 2) == 0) {
				put_class(set, classes[i].is_in, false);
				r->at += len + 4;
				return (-1);
			}
		}
	}
	c = (unsigned char)*r->at++;
	if (c >= 0x80)
		fail(r, "brackets take ASCII only");
	if (c != '\\' || r->at == r->end)
		return (c);
	if (put_shorthand(set, *r->at, true)) {
		r->at++;
		return (-1);
	}
	if ((c = escaped(*r->at++)) == -1)
		fail(r, "an escape that is not known");
	return (c);
}

static void
read_brackets(struct reader *r)
{
	struct set *set = add_set(r);
	bool inverted = is_at(r, '^'), empty = true;
	int low, high, c;

	r->at += inverted ? 1 : 0;
	while (!r->failed && (empty || !is_at(r, ']'))) {
		if (r->at == r->end) {
			fail(r, "a bracket is not closed");
			return;
		}
		empty = false;
		low = high = read_member(r, set);
		if (low != -1 && r->end - r->at > 1 && r->at[0] == '-' &&
		    r->at[1] != ']') {
			r->at++;
			high = read_member(r, set);
			if (high < low)
				fail(r, "a range that ends before it begins");
		}
		for (c = low; low != -1 && c <= high; c++)
			put(r, set, (unsigned char)c);
	}
	r->at++;
	if (inverted)
		invert(r, set);
}

/* --- the rest --- */

static void read_choice(struct reader *);

static void
read_escape(struct reader *r)
{
	struct set *set;
	int c;

	if (r->at == r->end) {
		fail(r, "it ends in \\");
		return;
	}
	c = (unsigned char)*r->at++;
	if (c == 'b' || c == 'B') {
		insert(r, r->p->n, c == 'b' ? OP_WORD_EDGE : OP_NO_WORD_EDGE);
		return;
	}
	if (c >= '1' && c <= '9') {
		fail(r, "back references are not supported");
		return;
	}
	set = add_set(r);
	if (put_shorthand(set, (char)c, false)) {
		if (isupper(c))
			invert(r, set);
	} else if ((c = escaped((char)c)) == -1) {
		fail(r, "an escape that is not known");
	} else {
		put(r, set, (unsigned char)c);
	}
}

static void
read_group(struct reader *r)
{
	if (r->end - r->at > 1 && r->at[0] == '?' && r->at[1] == ':')
		r->at += 2;
	else if (is_at(r, '?'))
		fail(r, "of (?...) only (?:...) is supported");
	/* counts even if it is empty, so that repetitions of it are bounded */
	insert(r, r->p->n, OP_JUMP)->x = 1;
	read_choice(r);
	if (!is_at(r, ')'))
		fail(r, "a ( is not closed");
	else
		r->at++;
}

static void
read_literal(struct reader *r)
{
	size_t n = utf8_sequence(r->at, (size_t)(r->end - r->at));

	for (n = n == 0 ? 1 : n; n > 0; n--)
		put(r, add_set(r), (unsigned char)*r->at++);
}

static void
read_atom(struct reader *r)
{
	struct set *set;

	if (++r->p->reads > READS_MAX) {
		fail(r, "it has too many repetitions");
		return;
	}
	switch (*r->at) {
	case '(':
		r->at++;
		read_group(r);
		break;
	case '[':
		r->at++;
		read_brackets(r);
		break;
	case '\\':
		r->at++;
		read_escape(r);
		break;
	case '.':
		r->at++;
		set = add_set(r);
		set->has['\n'] = true;
		invert(r, set);
		break;
	case '^':
		r->at++;
		insert(r, r->p->n, OP_BEGIN);
		break;
	case '$':
		r->at++;
		insert(r, r->p->n, OP_END);
		break;
	case '*':
	case '+':
	case '?':
		fail(r, "there is nothing to repeat");
		break;
	default:
		read_literal(r);
		break;
	}
}

/* --- repetition --- */

static void
make_optional(struct reader *r, int place)
{
	struct op *op = insert(r, place, OP_SPLIT);

	op->x = 1;
	op->y = r->p->n - place;
}

/* Any number of times from once. */
static void
make_plus(struct reader *r, int place)
{
	struct op *op = insert(r, r->p->n, OP_SPLIT);

	op->x = place - (r->p->n - 1);
	op->y = 1;
}

/* {n}, {n,} or {n,m}; false: it is none, so "{" stands for itself. */
static bool
read_bounds(struct reader *r, long *low, long *high)
{
	const char *p = r->at + 1;
	char *end;

	if (p >= r->end || !isdigit((unsigned char)*p))
		return (false);
	*low = *high = strtol(p, &end, 10);
	if (end < r->end && *end == ',') {
		p = end + 1;
		*high = NO_LIMIT;
		if (p < r->end && isdigit((unsigned char)*p))
			*high = strtol(p, &end, 10);
		else
			end++;
	}
	if (end >= r->end || *end != '}')
		return (false);
	r->at = end + 1;
	if (*low > REPEAT_MAX || *high > REPEAT_MAX)
		fail(r, "a repetition is over 1000");
	else if (*high != NO_LIMIT && *high < *low)
		fail(r, "a repetition of more than its end");
	return (true);
}

static void read_repeated(struct reader *);

/* Once more what stands there in the pattern. */
static void
read_again(struct reader *r, const char *from, const char *to)
{
	struct reader again = *r;

	again.at = from;
	again.end = to;
	read_repeated(&again);
	r->failed = again.failed;
}

static void
repeat(struct reader *r, int place, const char *from, const char *to, long low,
    long high)
{
	long i, copies = high == NO_LIMIT ? low : high;

	if (high == 0)
		r->p->n = place;
	if (low == 0 && high != 0) {
		if (high == NO_LIMIT)
			make_plus(r, place);
		make_optional(r, place);
	}
	for (i = 1; i < copies && !r->failed; i++) {
		place = r->p->n;
		read_again(r, from, to);
		if (i >= low)
			make_optional(r, place);
	}
	if (high == NO_LIMIT && low > 0)
		make_plus(r, place);
}

static void
read_repeated(struct reader *r)
{
	const char *from = r->at, *to;
	int place = r->p->n;
	long low, high;

	read_atom(r);
	while (!r->failed && r->at < r->end) {
		to = r->at;
		if (is_at(r, '{')) {
			if (!read_bounds(r, &low, &high))
				return;
			if (!r->failed)
				repeat(r, place, from, to, low, high);
		} else if (strchr("*+?", *r->at) == NULL || *r->at == '\0') {
			return;
		} else if (*r->at++ == '?') {
			make_optional(r, place);
		} else {
			make_plus(r, place);
			if (r->at[-1] == '*')
				make_optional(r, place);
		}
		/* which of several matches is meant makes no difference */
		if (is_at(r, '?'))
			r->at++;
	}
}

static void
read_choice(struct reader *r)
{
	struct pattern *p = r->p;
	int place = p->n, jump;

	while (!r->failed && r->at < r->end && *r->at != '|' && *r->at != ')')
		read_repeated(r);
	if (!is_at(r, '|'))
		return;
	r->at++;
	insert(r, place, OP_SPLIT)->x = 1;
	jump = p->n;
	insert(r, jump, OP_JUMP);
	p->ops[place].y = p->n - place;
	read_choice(r);
	if (!r->failed)
		p->ops[jump].x = p->n - jump;
}

int
pattern_read(struct pattern *p, const char *text, bool ignore_case, char *err,
    size_t errlen)
{
	struct reader r = { .p = p,
		.at = text,
		.end = text + strlen(text),
		.ignore_case = ignore_case,
		.err = err,
		.errlen = errlen };

	p->ops = xcalloc(PATTERN_OPS_MAX + 2, sizeof(*p->ops));
	if (*text == '\0' || r.end - r.at > TEXT_MAX)
		fail(&r, "it has to have 1 to 512 bytes");
	else
		read_choice(&r);
	if (!r.failed && r.at < r.end)
		fail(&r, "a ) that closes nothing");
	if (r.failed)
		return (-1);
	p->ops[p->n++].kind = OP_FOUND;
	return (0);
}
