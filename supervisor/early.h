/*
 * What is said and left on disk when a run cannot start: the same lines,
 * files and exit codes as of a run that failed later.
 */

#ifndef SUPERVISOR_EARLY_H
#define SUPERVISOR_EARLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/config/config.h"
#include "supervisor/view/view.h"

/* One configuration problem, to the log. */
void early_log_diagnostic(const struct diagnostic *);

/* All errors as one line: the first, and how many more. */
void early_summary(const struct diagnostics *, char *text, size_t len);

/*
 * End before the start.  dir_exists: log_dir was made, the view knows it
 * and gets a status.json there; else the view is told the name only.
 */
void early_fail(const struct view *, const char *log_dir, bool dir_exists,
    int64_t started, int exit_code, const char *error);

#endif
