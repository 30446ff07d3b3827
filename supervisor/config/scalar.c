/*
 * What a plain scalar means: the core types of YAML 1.1 as PyYAML's safe
 * loader resolves them (its resolver.py and constructor.py), so that a file
 * means here what it means to MassGen.  Dates stay strings.
 */

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/config/yaml.h"

static bool
is_one_of(const char *s, const char *const *words)
{
	/* most scalars differ from most words in their first character */
	for (; *words != NULL; words++) {
		if (*s == **words && strcmp(s, *words) == 0)
			return (true);
	}
	return (false);
}

static bool
resolve_word(struct node *n)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL",
		NULL };
	static const char *const yes[] = { "yes", "Yes", "YES", "true", "True",
		"TRUE", "on", "On", "ON", NULL };
	static const char *const no[] = { "no", "No", "NO", "false", "False",
		"FALSE", "off", "Off", "OFF", NULL };

	if (is_one_of(n->text, nulls)) {
		n->kind = NODE_NULL;
		return (true);
	}
	n->truth = is_one_of(n->text, yes);
	if (!n->truth && !is_one_of(n->text, no))
		return (false);
	n->kind = NODE_BOOL;
	return (true);
}

/* How many leading characters are from set or '_'. */
static size_t
span(const char *s, const char *set)
{
	size_t n = 0;

	while (s[n] != '\0' && (s[n] == '_' || strchr(set, s[n]) != NULL))
		n++;
	return (n);
}

/* ":59" any number of times, base 60; returns the length of it all. */
static size_t
span_sixties(const char *s)
{
	size_t n = 0, digits;

	while (s[n] == ':' && isdigit((unsigned char)s[n + 1])) {
		digits = 1;
		if (s[n + 1] <= '5' && isdigit((unsigned char)s[n + 2]))
			digits = 2;
		n += 1 + digits;
	}
	return (n);
}

/* The number in s without its underscores; the caller frees it. */
static char *
without_underscores(const char *s)
{
	char *copy = xstrdup(s), *to = copy;

	for (; *s != '\0'; s++) {
		if (*s != '_')
			*to++ = *s;
	}
	*to = '\0';
	return (copy);
}

/* Numbers written 1:30:00.5; digits before the point are base 60. */
static double
sixties(const char *s)
{
	double value = 0, part;
	char *end;

	for (;;) {
		part = strtod(s, &end);
		value = value * 60 + part;
		if (*end != ':')
			return (value);
		s = end + 1;
	}
}

static void
set_real(struct node *n, double value)
{
	n->kind = NODE_REAL;
	n->real = *n->text == '-' ? -value : value;
}

/* An integer too large for us becomes a real, for the range check to see. */
static void
set_int(struct node *n, const char *digits, int base)
{
	unsigned long long value;

	errno = 0;
	value = strtoull(digits, NULL, base);
	if (errno == ERANGE || value > INT64_MAX) {
		set_real(n, strtod(digits, NULL));
		return;
	}
	n->kind = NODE_INT;
	n->integer = *n->text == '-' ? -(int64_t)value : (int64_t)value;
	n->real = (double)n->integer;
}

/* A prefix and digits: 0x1f, 0b101, 017. */
static bool
resolve_based(struct node *n, const char *s)
{
	static const struct {
		const char *prefix;
		const char *digits;
		int base;
	} forms[] = {
		{ "0b", "01", 2 },
		{ "0x", "0123456789abcdefABCDEF", 16 },
		{ "0", "01234567", 8 },
	};
	size_t i, skip;
	char *digits;

	for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		skip = strlen(forms[i].prefix);
		if (strncmp(s, forms[i].prefix, skip) != 0 || s[skip] == '\0' ||
		    s[skip + span(s + skip, forms[i].digits)] != '\0')
			continue;
		digits = without_underscores(s + skip);
		set_int(n, digits, forms[i].base);
		free(digits);
		return (true);
	}
	return (false);
}

static bool
resolve_int(struct node *n, const char *s)
{
	size_t len, tail;
	char *digits;

	if (resolve_based(n, s))
		return (true);
	if (!isdigit((unsigned char)*s) || (*s == '0' && s[1] != '\0'))
		return (false);
	len = span(s, "0123456789");
	tail = span_sixties(s + len);
	if (s[len + tail] != '\0')
		return (false);
	digits = without_underscores(s);
	if (tail == 0) {
		set_int(n, digits, 10);
	} else if (sixties(digits) <= 9e15) {
		n->kind = NODE_INT;
		n->integer = (int64_t)sixties(digits);
		if (*n->text == '-')
			n->integer = -n->integer;
		n->real = (double)n->integer;
	} else
		set_real(n, sixties(digits));
	free(digits);
	return (true);
}

/* The exponent of YAML 1.1 wants its sign; JSON's does not. */
static size_t
span_exponent(const char *s, bool json)
{
	size_t n = 1, digits;

	if (*s != 'e' && *s != 'E')
		return (0);
	if (s[n] == '+' || s[n] == '-')
		n++;
	else if (!json)
		return (0);
	digits = strspn(s + n, "0123456789");
	return (digits == 0 ? 0 : n + digits);
}

static bool
resolve_special(struct node *n, const char *s)
{
	static const char *const infinities[] = { ".inf", ".Inf", ".INF",
		NULL };
	static const char *const nans[] = { ".nan", ".NaN", ".NAN", NULL };

	if (is_one_of(s, infinities))
		set_real(n, (double)INFINITY);
	else if (is_one_of(n->text, nans))
		set_real(n, (double)NAN);
	else
		return (false);
	return (true);
}

static bool
resolve_real(struct node *n, const char *s, bool json)
{
	size_t len, tail, all;
	char *digits;

	if (resolve_special(n, s))
		return (true);
	/* ".5" is a number, "-.5" is not. */
	if (!isdigit((unsigned char)*s) &&
	    (*s != '.' || s != n->text || !isdigit((unsigned char)s[1])))
		return (false);
	len = span(s, "0123456789");
	tail = span_sixties(s + len);
	all = len + tail;
	if (s[all] == '.')
		all += 1 + span(s + all + 1, "0123456789");
	else if (!json || span_exponent(s + all, json) == 0)
		return (false);
	if (tail == 0)
		all += span_exponent(s + all, json);
	if (s[all] != '\0')
		return (false);
	digits = without_underscores(s);
	set_real(n, tail == 0 ? strtod(digits, NULL) : sixties(digits));
	free(digits);
	return (true);
}

void
scalar_resolve(struct node *n, bool json)
{
	const char *s = n->text;

	n->kind = NODE_STR;
	if (resolve_word(n))
		return;
	if (*s == '+' || *s == '-')
		s++;
	if (!resolve_int(n, s))
		resolve_real(n, s, json);
}
