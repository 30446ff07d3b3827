/*
 * Which walls can be built here: the level of confine(8) that holds the tools
 * of a run's agents.
 */

#ifndef SUPERVISOR_SANDBOX_H
#define SUPERVISOR_SANDBOX_H

#include <stddef.h>

#include "supervisor/config/config.h"

/*
 * Find out, if any agent's tools want it, which level works: "bwrap",
 * "landlock" or "off", a literal, in *out_level.  Less than the best is said
 * in the log.  Returns 0, or -1 and, in err, why: an agent requires what is
 * not to be had.
 */
int sandbox_choose(
    const struct config *, const char **out_level, char *err, size_t errlen);

/* What of it holds an agent's tools; NULL: it has none. */
const char *sandbox_of(const struct agent_config *, const char *level);

#endif
