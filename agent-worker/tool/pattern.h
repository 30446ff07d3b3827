/*
 * Regular expressions of strangers: whether one is found in a text, in time
 * that is at most its length times the text's, and memory that is bounded.
 */

#ifndef AGENT_WORKER_TOOL_PATTERN_H
#define AGENT_WORKER_TOOL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

struct pattern;

/*
 * Extended regular expressions as in regex(7) without collating elements and
 * back references, with \d \w \s \D \W \S \b \B \n \t \r and (?:...) as in
 * Perl.  Characters are those of UTF-8, except in brackets, which take ASCII.
 * NULL with the reason in err.
 */
struct pattern *pattern_new(
    const char *text, bool ignore_case, char *err, size_t errlen);
void pattern_free(struct pattern *);

/* Whether some part of text matches; "^" and "$" are its ends. */
bool pattern_finds(struct pattern *, const char *text, size_t len);

#endif
