/* Nothing is left running. */

#include "ipc/children.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "supervisor/loop.h"
#include "supervisor/process/sweep.h"

#define NAP_MS 10 /* SIGKILL takes effect when the kernel gets to it */

void
sweep_init(void)
{
	children_adopt();
	children_inherit();
}

void
sweep_strangers(bool (*keep)(void *, pid_t), void *arg)
{
	children_kill(keep, arg);
}

int
sweep_all(int64_t until_ms)
{
	int killed = 0;

	while (!children_end(&killed)) {
		if (mono_ms() >= until_ms) {
			log_warnx("processes remain that cannot be killed");
			break;
		}
		loop_wait(mono_ms() + NAP_MS);
	}
	return (killed);
}
