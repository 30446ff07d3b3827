/* Names of files against patterns. */

#include <stddef.h>
#include <string.h>

#include "agent-worker/tool/match.h"

/*
 * The set that begins behind "[": whether c is in it, and where it ends; NULL
 * where it does not end, so that the bracket stands for itself.
 */
static const char *
match_set(const char *p, unsigned char c, bool *out_in)
{
	bool in = false, inverted = *p == '!' || *p == '^';
	unsigned char low, high;
	const char *first;

	p += inverted ? 1 : 0;
	for (first = p; *p != '\0' && (*p != ']' || p == first); p++) {
		low = high = (unsigned char)*p;
		if (p[1] == '-' && p[2] != '\0' && p[2] != ']') {
			high = (unsigned char)p[2];
			p += 2;
		}
		in = in || (c >= low && c <= high);
	}
	*out_in = in != inverted;
	return (*p == '\0' ? NULL : p + 1);
}

/* One character of the pattern; where it goes on, NULL: no match. */
static const char *
match_one(const char *p, unsigned char c)
{
	const char *end;
	bool in;

	if (*p == '?')
		return (p + 1);
	if (*p == '[' && (end = match_set(p + 1, c, &in)) != NULL)
		return (in ? end : NULL);
	if (*p == '\\' && p[1] != '\0')
		p++;
	return (*p == (char)c ? p + 1 : NULL);
}

bool
match_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL, *next;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
			continue;
		}
		next = *pattern == '\0'
		    ? NULL
		    : match_one(pattern, (unsigned char)*text);
		if (next != NULL) {
			pattern = next;
			text++;
		} else if (star != NULL) {
			/* the last asterisk takes one more: others need not */
			pattern = star;
			text = ++resume;
		} else {
			return (false);
		}
	}
	pattern += strspn(pattern, "*");
	return (*pattern == '\0');
}

bool
match_path(const char *pattern, const char *path)
{
	const char *name = strrchr(path, '/');

	while (strncmp(pattern, "**/", 3) == 0) {
		if (match_glob(pattern, path))
			return (true);
		pattern += 3;
	}
	if (match_glob(pattern, path))
		return (true);
	return (strchr(pattern, '/') == NULL && name != NULL &&
	    match_glob(pattern, name + 1));
}

bool
match_any(struct json_object *list, const char *path, bool otherwise)
{
	size_t i, n;
	const char *pattern;

	if (!json_object_is_type(list, json_type_array) ||
	    (n = json_object_array_length(list)) == 0)
		return (otherwise);
	for (i = 0; i < n; i++) {
		pattern =
		    json_object_get_string(json_object_array_get_idx(list, i));
		if (pattern != NULL && match_path(pattern, path))
			return (true);
	}
	return (false);
}
