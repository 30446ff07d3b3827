/* Where members of the OpenAI-compatible family differ: one row each. */

#ifndef AGENT_WORKER_BACKEND_QUIRKS_H
#define AGENT_WORKER_BACKEND_QUIRKS_H

#include <stdbool.h>

#include "agent-worker/backend/backend.h"

struct quirks {
	const char *type; /* as in the configuration */
	const char *host; /* the end of its host's name: for other types */
	const char *max_tokens;      /* its name for the output limit */
	bool output_lacks_reasoning; /* usage: counted beside, not within */
	bool replays_reasoning;      /* reasoning_content goes back to it */
};

/* By type, else by the host of the base URL; never NULL. */
const struct quirks *quirks_find(const struct backend_config *);

#endif
