/* Whether an answer says something new. */

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/decide/novelty.h"

/* Of longer texts the beginning decides: the comparison stays bounded. */
#define COMPARED_MAX ((size_t)1024 * 1024)

static const char *
strip(const char *s, size_t *len)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	n = strlen(s);
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		n--;
	*len = n;
	return (s);
}

bool
novelty_is_duplicate(const char *a, const char *b)
{
	size_t alen, blen;

	a = strip(a, &alen);
	b = strip(b, &blen);
	return (alen == blen && memcmp(a, b, alen) == 0);
}

struct words {
	char *text;
	const char **list;
	size_t count;
};

static int
compare(const void *a, const void *b)
{
	return (strcmp(*(const char *const *)a, *(const char *const *)b));
}

/* The sorted set of the text's words. */
static void
split(struct words *w, const char *text)
{
	char *p, *word;
	size_t i, n = 0, size = 0;

	w->text = xstrndup(text, COMPARED_MAX);
	w->list = NULL;
	for (p = w->text; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	p = w->text;
	while ((word = strsep(&p, " \t\r\n\v\f")) != NULL) {
		if (*word == '\0')
			continue;
		if (n == size) {
			size = size == 0 ? 64 : size * 2;
			w->list =
			    xreallocarray(w->list, size, sizeof(*w->list));
		}
		w->list[n++] = word;
	}
	if (n > 0)
		qsort(w->list, n, sizeof(*w->list), compare);
	for (i = w->count = 0; i < n; i++)
		if (i == 0 || strcmp(w->list[i], w->list[w->count - 1]) != 0)
			w->list[w->count++] = w->list[i];
}

double
novelty_similarity(const char *a, const char *b)
{
	struct words x, y;
	size_t i = 0, j = 0, both = 0, all;

	split(&x, a);
	split(&y, b);
	while (i < x.count && j < y.count) {
		int order = strcmp(x.list[i], y.list[j]);

		both += order == 0 ? 1 : 0;
		i += order <= 0 ? 1 : 0;
		j += order >= 0 ? 1 : 0;
	}
	all = x.count + y.count - both;
	free(x.list);
	free(x.text);
	free(y.list);
	free(y.text);
	return (all == 0 ? 1.0 : (double)both / (double)all);
}
