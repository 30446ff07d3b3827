/* The list of problems; how it is shown is print.c's. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/diag.h"

/* A message quotes the file, so it may be long or hold escape codes. */
#define MESSAGE_MAX 1000

static char *
copy_line(const char *s)
{
	return (s == NULL ? NULL : utf8_line(s, MESSAGE_MAX));
}

void
diagnostics_add(struct diagnostics *all, enum severity severity,
    struct mark mark, const char *location, const char *suggestion,
    const char *fmt, ...)
{
	struct diagnostic *d;
	va_list ap;
	char *text;

	if (severity == SEVERITY_ERROR)
		all->errors++;
	else
		all->warnings++;
	if (all->count == DIAGNOSTICS_MAX)
		return;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);

	all->list =
	    xreallocarray(all->list, all->count + 1, sizeof(*all->list));
	d = &all->list[all->count++];
	*d = (struct diagnostic) {
		.severity = severity,
		.file = copy_line(mark.file),
		.line = mark.line,
		.column = mark.column,
		.location = copy_line(location),
		.message = copy_line(text),
		.suggestion = copy_line(suggestion),
	};
	free(text);
}

static int
compare(const void *left, const void *right)
{
	const struct diagnostic *a = left, *b = right;

	if (a->line != b->line)
		return (a->line < b->line ? -1 : 1);
	if (a->column != b->column)
		return (a->column < b->column ? -1 : 1);
	return (0);
}

void
diagnostics_sort(struct diagnostics *all)
{
	/* Stable, unlike qsort(3): of one place, in the order found. */
	if (all->count > 1)
		mergesort(all->list, all->count, sizeof(*all->list), compare);
}

void
diagnostics_release(struct diagnostics *all)
{
	size_t i;

	for (i = 0; i < all->count; i++) {
		free(all->list[i].file);
		free(all->list[i].location);
		free(all->list[i].message);
		free(all->list[i].suggestion);
	}
	free(all->list);
	*all = (struct diagnostics) { 0 };
}
