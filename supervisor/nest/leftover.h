/* The processes that carry a run's id: found in /proc, and ended. */

#ifndef SUPERVISOR_NEST_LEFTOVER_H
#define SUPERVISOR_NEST_LEFTOVER_H

#include <stdint.h>

/*
 * SIGKILL every process of ours whose environment has the id, until there is
 * none or the monotonic time until_ms has come.  Returns how many there were,
 * and in *out_left how many there still are.
 */
int leftover_end(const char *id, int64_t until_ms, int *out_left);

#endif
