/* Which commands are run at all. */

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/shell_rules.h"
#include "ipc/pattern.h"

enum match {
	MATCH_NO,
	MATCH_YES,
	MATCH_ERROR, /* not a regular expression */
};

static enum match
match(const char *pattern, const char *command, char *err, size_t errlen)
{
	char *posix = pattern_posix(pattern), why[128];
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
