/* The question: from the command line, a file, or standard input. */

#ifndef SUPERVISOR_QUESTION_H
#define SUPERVISOR_QUESTION_H

#include <stdint.h>

#include "supervisor/decide/exit.h"
#include "supervisor/options.h"

/*
 * Read it whole, as valid UTF-8.  A pipe or a terminal is waited for, until
 * until_ms of monotonic time or a signal to stop.  EXIT_OK and the text, the
 * caller's; else how the run ends, and why in err.
 */
enum exit_code question_read(const struct options *, int64_t until_ms,
    char **out, char *err, size_t errlen);

#endif
