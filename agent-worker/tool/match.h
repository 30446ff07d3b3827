/* Names of files against patterns: values in, values out. */

#ifndef AGENT_WORKER_TOOL_MATCH_H
#define AGENT_WORKER_TOOL_MATCH_H

#include <stdbool.h>

#include <json-c/json.h>

/*
 * A shell pattern ("*", "?", "[a-z]", "[!a]", "\" before one of these)
 * against the whole of text; "*" takes "/" too.  Its time is at most the
 * product of both lengths.
 */
bool match_glob(const char *pattern, const char *text);

/*
 * A pattern against a path relative to where a search began: the whole path,
 * or, without "/" in the pattern, its last name; a leading double asterisk
 * and slash stands for any directories or none.
 */
bool match_path(const char *pattern, const char *path);

/*
 * Whether one of the list's patterns matches; otherwise, where it is no list
 * or an empty one.
 */
bool match_any(struct json_object *list, const char *path, bool otherwise);

#endif
