/* Whether and when a failed attempt is repeated. */

#include <sysexits.h>

#include "supervisor/decide/restart.h"

/* A crash at once should not spin; a later one may need a longer pause. */
static const int64_t delays_ms[] = { 100, 1000, 5000 };
#define DELAYS ((int64_t)(sizeof(delays_ms) / sizeof(delays_ms[0])))

int64_t
restart_delay(int64_t attempts, int max_restarts, bool permanent)
{
	if (permanent || attempts > max_restarts)
		return (RESTART_NEVER);
	if (attempts > DELAYS)
		attempts = DELAYS;
	return (delays_ms[attempts < 1 ? 0 : attempts - 1]);
}

bool
restart_is_permanent(int exit_code)
{
	return (exit_code >= EX_USAGE && exit_code <= EX_CONFIG &&
	    exit_code != EX_TEMPFAIL);
}
