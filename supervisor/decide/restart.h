/*
 * Whether an agent whose attempt failed is tried again, and when.  Pure.
 */

#ifndef SUPERVISOR_DECIDE_RESTART_H
#define SUPERVISOR_DECIDE_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define RESTART_NEVER (-1)

/*
 * Milliseconds until the next attempt after `attempts` of them, or
 * RESTART_NEVER: the limit is reached, or trying again cannot help.
 */
int64_t restart_delay(int64_t attempts, int max_restarts, bool permanent);

/*
 * Whether an exit status says that trying again cannot help: the codes of
 * sysexits.h for wrong usage, input, rights or configuration, all but
 * EX_TEMPFAIL (75).
 */
bool restart_is_permanent(int exit_code);

#endif
