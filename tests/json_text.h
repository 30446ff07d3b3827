/*
 * JSON as tests write it, with ' for ": parsed, compared as text, and looked
 * into by a path.
 */

#ifndef TESTS_JSON_TEXT_H
#define TESTS_JSON_TEXT_H

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "ipc/xmalloc.h"
#include "tests/test.h"

static inline void
json_swap(char *s, char from, char to)
{
	for (; *s != '\0'; s++)
		if (*s == from)
			*s = to;
}

static inline char *
json_unquote(const char *text)
{
	char *s = xstrdup(text);

	json_swap(s, '\'', '"');
	return (s);
}

/* What does not parse is the test's own mistake. */
static inline struct json_object *
json_parse(const char *text)
{
	char *json = json_unquote(text);
	struct json_object *o = json_tokener_parse(json);

	if (o == NULL)
		errx(1, "%s", json);
	free(json);
	return (o);
}

static inline const char *
json_compact(struct json_object *o)
{
	return (json_object_to_json_string_ext(
	    o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* Takes the object. */
static inline bool
json_check(struct json_object *o, const char *want)
{
	char *got = xstrdup(json_compact(o));
	bool ok;

	json_swap(got, '"', '\'');
	ok = CHECK_STR(got, want);
	free(got);
	json_object_put(o);
	return (ok);
}

/* The value at "a/b/0/c", as compact JSON. */
static inline void
json_check_at(struct json_object *o, const char *path, const char *want)
{
	char *copy = xstrdup(path), *rest = copy, *word;

	while ((word = strsep(&rest, "/")) != NULL) {
		if (json_object_is_type(o, json_type_array))
			o = json_object_array_get_idx(
			    o, (size_t)strtoul(word, NULL, 10));
		else if (!json_object_object_get_ex(o, word, &o))
			o = NULL;
	}
	if (!CHECK_STR(json_compact(o), want))
		printf("# at %s\n", path);
	free(copy);
}

#endif
