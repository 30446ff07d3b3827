/* What somebody may have meant: edit distance over short words. */

#include <ctype.h>
#include <string.h>

#include "ipc/buf.h"
#include "supervisor/config/schema.h"

#define WORD_MAX 48

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return (least < c ? least : c);
}

/*
 * Insertions, deletions, replacements and swaps of neighbours from a to b,
 * both at most WORD_MAX long (optimal string alignment).
 */
static size_t
distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1] = { { 0 } };
	size_t *before = rows[0], *last = rows[1], *row = rows[2], *t;
	size_t i, j, n = strlen(a), m = strlen(b);
	bool same;

	for (j = 0; j <= m; j++)
		row[j] = j;
	for (i = 1; i <= n; i++) {
		t = before;
		before = last;
		last = row;
		row = t;
		row[0] = i;
		for (j = 1; j <= m; j++) {
			same = tolower((unsigned char)a[i - 1]) ==
			    tolower((unsigned char)b[j - 1]);
			row[j] = min3(last[j] + 1, row[j - 1] + 1,
			    last[j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
	}
	return (row[m]);
}

const char *
suggest(const char *s, const char *const *words, size_t n, size_t stride)
{
	const char *word, *best = NULL;
	size_t i, d, least;

	if (strlen(s) > WORD_MAX)
		return (NULL);
	/* A third of the letters may differ; less than two never mislead. */
	least = strlen(s) / 3 + 2;
	for (i = 0; i < n; i++) {
		word =
		    *(const char *const *)(const void *)((const char *)words +
			i * stride);
		if (strlen(word) > WORD_MAX)
			continue;
		d = distance(s, word);
		/* The beginning of a longer name, as in "agent_timeout". */
		if (d > 1 && strlen(s) > 3 && strncmp(s, word, strlen(s)) == 0)
			d = 1;
		if (d < least && d < strlen(word)) {
			least = d;
			best = word;
		}
	}
	return (best);
}

char *
words_join(const char *const *words)
{
	struct buf b = BUF_INITIALIZER;
	size_t i;

	for (i = 0; words[i] != NULL; i++) {
		if (i > 0)
			buf_adds(&b, words[i + 1] == NULL ? " or " : ", ");
		buf_addf(&b, "'%s'", words[i]);
	}
	return (buf_detach(&b));
}
