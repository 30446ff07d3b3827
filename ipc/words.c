/* Words: a list that grows, with NULL behind the last. */

#include <stdlib.h>
#include <string.h>

#include "ipc/words.h"
#include "ipc/xmalloc.h"

void
words_add(struct words *w, const char *word)
{
	w->list = xreallocarray(w->list, w->n + 2, sizeof(*w->list));
	w->list[w->n++] = xstrdup(word);
	w->list[w->n] = NULL;
}

void
words_add_option(struct words *w, const char *name, const char *value)
{
	if (value == NULL)
		return;
	words_add(w, name);
	words_add(w, value);
}

/* Which of them sets name; how many there are, if none does. */
static size_t
place_of(const struct words *w, const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < w->n; i++)
		if (strncmp(w->list[i], name, len) == 0 &&
		    w->list[i][len] == '=')
			break;
	return (i);
}

void
words_set(struct words *w, const char *name, const char *value)
{
	size_t i = place_of(w, name);

	if (i == w->n)
		words_add(w, "");
	free(w->list[i]);
	w->list[i] = xasprintf("%s=%s", name, value);
}

const char *
words_value(const struct words *w, const char *name)
{
	size_t i = place_of(w, name);

	return (i == w->n ? NULL : w->list[i] + strlen(name) + 1);
}

bool
words_have(const char *const *list, const char *word)
{
	for (; *list != NULL; list++)
		if (strcmp(word, *list) == 0)
			return (true);
	return (false);
}

void
words_free(char **list)
{
	size_t i;

	for (i = 0; list != NULL && list[i] != NULL; i++) {
		explicit_bzero(list[i], strlen(list[i]));
		free(list[i]);
	}
	free(list);
}
