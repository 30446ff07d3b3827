/* Words for a program: a list that grows, with NULL behind the last. */

#ifndef AGENT_WORKER_TOOL_WORDS_H
#define AGENT_WORKER_TOOL_WORDS_H

#include <stddef.h>

struct words {
	char **list; /* NULL while there are none */
	size_t n;
};

void words_add(struct words *, const char *word);

/* An option and its value; nothing where the value is NULL. */
void words_add_option(struct words *, const char *name, const char *value);

/* There may be keys in them: they are overwritten.  list may be NULL. */
void words_free(char **list);

#endif
