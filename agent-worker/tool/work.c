/* What one call of a tool may use up. */

#include <string.h>

#include "agent-worker/tool/work.h"
#include "ipc/mono.h"

#define TIME_MS 30000
#define LOOK_MS 50
#define STEPS   200000

void
work_begin(struct work *k, struct toolbox *box)
{
	memset(k, 0, sizeof(*k));
	k->box = box;
	k->look_at = mono_ms();
	k->end_at = k->look_at + TIME_MS;
	k->left = STEPS;
}

bool
work_look(struct work *k)
{
	int64_t now;

	if (k->why != NULL)
		return (false);
	if ((now = mono_ms()) < k->look_at)
		return (true);
	k->look_at = now + LOOK_MS;
	if (!agent_wait(k->box->agent, now, NULL, NULL)) {
		k->over = true;
		k->why = "the turn is over";
	} else if (now >= k->end_at) {
		k->why = "it takes too long";
	}
	return (k->why == NULL);
}

bool
work_go_on(struct work *k)
{
	if (k->why == NULL && k->left-- == 0)
		k->why = "there is too much to go through";
	return (work_look(k));
}
