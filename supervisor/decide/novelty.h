/*
 * Whether an answer says something new.  Pure.
 */

#ifndef SUPERVISOR_DECIDE_NOVELTY_H
#define SUPERVISOR_DECIDE_NOVELTY_H

#include <stdbool.h>

/* The same text, leading and trailing white space aside. */
bool novelty_is_duplicate(const char *a, const char *b);

/*
 * Jaccard similarity, 0 to 1, of the two sets of words: lower-cased (ASCII),
 * split at white space.  Two texts without words are the same.
 */
double novelty_similarity(const char *a, const char *b);

#endif
