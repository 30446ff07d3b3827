/* Patterns of a configuration, as regex(7) has them. */

#include <string.h>

#include "ipc/buf.h"
#include "ipc/pattern.h"

/* What Python spells in another way, outside and inside of brackets. */
static const struct spelling {
	const char *theirs;
	const char *posix;
	const char *bracketed; /* NULL: left as it is */
} spellings[] = {
	{ "\\d", "[0-9]", "0-9" },
	{ "\\D", "[^0-9]", NULL },
	{ "\\w", "\\w", "[:alnum:]_" },
	{ "\\s", "\\s", "[:space:]" },
	{ "(?:", "(", NULL },
};
#define NSPELLINGS (sizeof(spellings) / sizeof(spellings[0]))

static const struct spelling *
spelling_at(const char *s)
{
	size_t i;

	for (i = 0; i < NSPELLINGS; i++)
		if (strncmp(s, spellings[i].theirs,
			strlen(spellings[i].theirs)) == 0)
			return (&spellings[i]);
	return (NULL);
}

/* A bracket expression, from behind its "[" to its "]"; returns its end. */
static const char *
add_bracket(struct buf *b, const char *s)
{
	const struct spelling *sp;
	const char *first;

	if (*s == '^')
		buf_add(b, s++, 1);
	for (first = s; *s != '\0' && (*s != ']' || s == first);) {
		if ((sp = spelling_at(s)) != NULL && sp->bracketed != NULL) {
			buf_adds(b, sp->bracketed);
			s += strlen(sp->theirs);
		} else if (*s == '\\' && s[1] != '\0') {
			/* POSIX has no escapes here: the next is meant */
			buf_add(b, s + 1, 1);
			s += 2;
		} else {
			buf_add(b, s++, 1);
		}
	}
	return (s);
}

char *
pattern_posix(const char *s)
{
	struct buf b = BUF_INITIALIZER;
	const struct spelling *sp;

	buf_adds(&b, "^(");
	while (*s != '\0') {
		if ((sp = spelling_at(s)) != NULL) {
			buf_adds(&b, sp->posix);
			s += strlen(sp->theirs);
		} else if (*s == '\\' && s[1] != '\0') {
			buf_add(&b, s, 2);
			s += 2;
		} else {
			buf_add(&b, s, 1);
			if (*s++ == '[')
				s = add_bracket(&b, s);
		}
	}
	buf_adds(&b, ")");
	return (buf_detach(&b));
}
