/*
 * The limits of a command: those that the kernel keeps, and those that are
 * looked after from outside.
 */

#ifndef AGENT_WORKER_CONFINE_WATCH_H
#define AGENT_WORKER_CONFINE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "agent-worker/confine/policy.h"

struct watch {
	const struct policy *policy;
	int64_t next_at;  /* when to look again; MONO_NEVER */
	int64_t look_at;  /* likewise, at everything */
	int64_t last_pid; /* when we counted; -1: not known */
	int64_t tasks;
	const char *exceeded; /* the limit's name, once one was */
};

/* wanted: somebody else does it if not. */
void watch_init(struct watch *, const struct policy *, bool wanted);

/* Look, if it is time; true from when a limit was exceeded. */
bool watch_is_exceeded(struct watch *, int64_t now);

/*
 * Between fork and exec: what the kernel keeps.  Returns NULL, or the name
 * of what failed, and errno.
 */
const char *watch_enter(const struct policy *);

#endif
