/* Which levels work here: found out by holding a harmless command in each. */

#ifndef AGENT_WORKER_CONFINE_PROBE_H
#define AGENT_WORKER_CONFINE_PROBE_H

#include "agent-worker/confine/level.h"

/*
 * The level, or with NULL the strongest that works and is not "off".  NULL
 * if it does not; why not has been said on standard error.
 */
const struct level *probe(const struct level *);

#endif
