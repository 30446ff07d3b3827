/* What one call of a tool may use up: it ends, and hears when it has to. */

#ifndef AGENT_WORKER_TOOL_WORK_H
#define AGENT_WORKER_TOOL_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent-worker/tool/tool.h"

struct work {
	struct toolbox *box;
	int64_t look_at; /* monotonic: when the supervisor is heard next */
	int64_t end_at;
	int64_t left;    /* steps, such as entries of directories */
	const char *why; /* it may not go on; NULL: it may */
	bool over;       /* nor is it wanted: the turn is over */
};

void work_begin(struct work *, struct toolbox *);

/* What takes time without steps: false, as below. */
bool work_look(struct work *);

/* One step more: false if there may be none, see why and over. */
bool work_go_on(struct work *);

#endif
