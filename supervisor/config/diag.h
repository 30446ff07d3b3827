/*
 * Collecting what is wrong with a configuration, each problem with its
 * place, so that one pass shows them all.
 */

#ifndef SUPERVISOR_CONFIG_DIAG_H
#define SUPERVISOR_CONFIG_DIAG_H

#include "supervisor/config/config.h"

/* Where a problem is: file may be NULL, line and column 0. */
struct mark {
	const char *file;
	size_t line; /* from 1 */
	size_t column;
};

/*
 * Add one problem.  location is a path of keys or "file"; suggestion may be
 * NULL; all strings are copied.  Past DIAGNOSTICS_MAX problems are counted,
 * not kept.
 */
void diagnostics_add(struct diagnostics *, enum severity, struct mark,
    const char *location, const char *suggestion, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

#define DIAGNOSTICS_MAX 1000

/* In the order of the file; problems without a place come first. */
void diagnostics_sort(struct diagnostics *);

#endif
