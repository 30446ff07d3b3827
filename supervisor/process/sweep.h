/*
 * Nothing is left running: every descendant that remains is found and
 * ended, whatever session or process group it made for itself.  Children
 * that were there before are not ours to end; see ipc/children.h.
 */

#ifndef SUPERVISOR_PROCESS_SWEEP_H
#define SUPERVISOR_PROCESS_SWEEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Become the parent of every descendant that loses its own.  The children
 * that there are by now are inherited: nothing below ends or counts them.
 */
void sweep_init(void);

/* SIGKILL every child that `keep` does not claim.  They are reaped as any. */
void sweep_strangers(bool (*keep)(void *arg, pid_t), void *arg);

/*
 * Kill and collect children until there is none but inherited ones, or until
 * the monotonic time until_ms.  Returns how many were killed.
 */
int sweep_all(int64_t until_ms);

#endif
