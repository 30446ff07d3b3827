/* Words for a program. */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/words.h"
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
