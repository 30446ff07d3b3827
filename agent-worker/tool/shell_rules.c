/* Which commands are run at all. */

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/shell_rules.h"
#include "ipc/buf.h"

enum match {
	MATCH_NO,
	MATCH_YES,
	MATCH_ERROR, /* not a regular expression */
};

/* What Python spells in another way, outside and inside of brackets. */
static const struct spelling {
	const char *theirs;
	const char *posix;
	const char *bracketed; /* NULL: left as it is */
} spellings[] = {
	{ "\\d", "[0-9]", "0-9" },
	{ "\\D", "[^0-9]", NULL },
	{ "\\w", "\\w", "[:alnum:]_" },
	{ "\\s", "\\s", "[:space:]" },
	{ "(?:", "(", NULL },
};
#define NSPELLINGS (sizeof(spellings) / sizeof(spellings[0]))

static const struct spelling *
spelling_at(const char *s)
{
	size_t i;

	for (i = 0; i < NSPELLINGS; i++)
		if (strncmp(s, spellings[i].theirs,
			strlen(spellings[i].theirs)) == 0)
			return (&spellings[i]);
	return (NULL);
}

/* A bracket expression, from behind its "[" to its "]"; returns its end. */
static const char *
add_bracket(struct buf *b, const char *s)
{
	const struct spelling *sp;
	const char *first;

	if (*s == '^')
		buf_add(b, s++, 1);
	for (first = s; *s != '\0' && (*s != ']' || s == first);) {
		if ((sp = spelling_at(s)) != NULL && sp->bracketed != NULL) {
			buf_adds(b, sp->bracketed);
			s += strlen(sp->theirs);
		} else if (*s == '\\' && s[1] != '\0') {
			/* POSIX has no escapes here: the next is meant */
			buf_add(b, s + 1, 1);
			s += 2;
		} else {
			buf_add(b, s++, 1);
		}
	}
	return (s);
}

/* As a POSIX expression that is held to the start. */
static char *
translate(const char *s)
{
	struct buf b = BUF_INITIALIZER;
	const struct spelling *sp;

	buf_adds(&b, "^(");
	while (*s != '\0') {
		if ((sp = spelling_at(s)) != NULL) {
			buf_adds(&b, sp->posix);
			s += strlen(sp->theirs);
		} else if (*s == '\\' && s[1] != '\0') {
			buf_add(&b, s, 2);
			s += 2;
		} else {
			buf_add(&b, s, 1);
			if (*s++ == '[')
				s = add_bracket(&b, s);
		}
	}
	buf_adds(&b, ")");
	return (buf_detach(&b));
}

static enum match
match(const char *pattern, const char *command, char *err, size_t errlen)
{
	char *posix = translate(pattern), why[128];
	enum match m = MATCH_ERROR;
	regex_t re;
	int error;

	error = regcomp(&re, posix, REG_EXTENDED | REG_NOSUB);
	free(posix);
	if (error == 0) {
		error = regexec(&re, command, 0, NULL, 0);
		m = error == 0             ? MATCH_YES
		    : error == REG_NOMATCH ? MATCH_NO
					   : MATCH_ERROR;
	}
	if (m == MATCH_ERROR) {
		regerror(error, &re, why, sizeof(why));
		snprintf(err, errlen,
		    "The pattern '%s' of the configuration cannot be used: %s",
		    pattern, why);
	}
	if (error == 0 || error == REG_NOMATCH)
		regfree(&re);
	return (m);
}

/* The first of the patterns that matches or is none, in *out_pattern. */
static enum match
match_any(struct json_object *list, const char *command,
    const char **out_pattern, char *err, size_t errlen)
{
	enum match m = MATCH_NO;
	size_t i, n = json_object_array_length(list);

	for (i = 0; i < n && m == MATCH_NO; i++) {
		*out_pattern =
		    json_object_get_string(json_object_array_get_idx(list, i));
		if (*out_pattern != NULL)
			m = match(*out_pattern, command, err, errlen);
	}
	return (m);
}

static bool
has_any(struct json_object *list)
{
	return (json_object_is_type(list, json_type_array) &&
	    json_object_array_length(list) > 0);
}

bool
shell_rules_allow(struct json_object *allowed, struct json_object *blocked,
    const char *command, char *err, size_t errlen)
{
	const char *pattern = NULL;
	enum match m;

	if (has_any(allowed)) {
		m = match_any(allowed, command, &pattern, err, errlen);
		if (m == MATCH_NO)
			snprintf(err, errlen,
			    "Command not in allowed list. Allowed patterns: %s",
			    json_object_to_json_string_ext(
				allowed, JSON_C_TO_STRING_NOSLASHESCAPE));
		if (m != MATCH_YES)
			return (false);
	}
	if (!has_any(blocked))
		return (true);
	m = match_any(blocked, command, &pattern, err, errlen);
	if (m == MATCH_YES)
		snprintf(err, errlen, "Command matches blocked pattern: '%s'",
		    pattern);
	return (m == MATCH_NO);
}
