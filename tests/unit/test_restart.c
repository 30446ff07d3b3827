/* supervisor/decide/restart: tried again or not, and when. */

#include <stddef.h>

#include "supervisor/decide/restart.h"
#include "tests/test.h"

TEST(each_attempt_waits_longer)
{
	static const struct {
		int64_t attempts;
		int max;
		int64_t delay;
	} rows[] = {
		{ 1, 2, 100 }, { 2, 2, 1000 }, { 3, 2, RESTART_NEVER },
		{ 4, 2, RESTART_NEVER }, { 1, 0, RESTART_NEVER }, { 1, 1, 100 },
		{ 2, 1, RESTART_NEVER }, { 1, 100, 100 }, { 2, 100, 1000 },
		{ 3, 100, 5000 }, { 4, 100, 5000 }, { 100, 100, 5000 },
		{ 101, 100, RESTART_NEVER },
		{ 0, 2, 100 }, /* it could not even be started */
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_INT(restart_delay(rows[i].attempts, rows[i].max, false),
		    rows[i].delay);
		CHECK_INT(restart_delay(rows[i].attempts, rows[i].max, true),
		    RESTART_NEVER);
	}
}

TEST(attempts_are_bounded_for_every_limit)
{
	int max;
	int64_t attempts;

	for (max = 0; max < 50; max++) {
		for (attempts = 1;
		     restart_delay(attempts, max, false) != RESTART_NEVER;
		     attempts++)
			if (attempts > 1000)
				break;
		CHECK_INT(attempts, max + 1);
	}
}

/* sysexits.h: 64 EX_USAGE to 78 EX_CONFIG, of which 75 is EX_TEMPFAIL. */
TEST(exit_codes_that_cannot_get_better)
{
	int code;

	for (code = -1; code <= 256; code++)
		CHECK_INT(restart_is_permanent(code),
		    code >= 64 && code <= 78 && code != 75);
}
