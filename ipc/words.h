/*
 * Words: a list that grows, with NULL behind the last, as programs take
 * their arguments and their environment.
 */

#ifndef IPC_WORDS_H
#define IPC_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct words {
	char **list; /* NULL while there are none */
	size_t n;
};

void words_add(struct words *, const char *word);

/* An option and its value; nothing where the value is NULL. */
void words_add_option(struct words *, const char *name, const char *value);

/* "NAME=VALUE", in the place of what has that name. */
void words_set(struct words *, const char *name, const char *value);

/* What is set, borrowed; or NULL. */
const char *words_value(const struct words *, const char *name);

/* Whether a list, which NULL ends, has the word. */
bool words_have(const char *const *list, const char *word);

/* There may be keys in them: they are overwritten.  list may be NULL. */
void words_free(char **list);

#endif
