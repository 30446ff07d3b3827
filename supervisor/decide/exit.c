/* How a run can end, in words. */

#include "supervisor/decide/exit.h"

static const char *const outcomes[] = {
	[EXIT_OK] = "success",
	[EXIT_CONFIG] = "config_error",
	[EXIT_EXECUTION] = "execution_error",
	[EXIT_TIMEOUT] = "timeout",
	[EXIT_INTERRUPTED] = "interrupted",
};

const char *
exit_outcome(enum exit_code code)
{
	return (outcomes[code]);
}
