/* net/ratelimit: what providers say of their limits, header by header. */

#include <string.h>

#include "agent-worker/net/ratelimit.h"
#include "tests/test.h"

/* 2026-11-23T06:50:00Z */
#define NOW INT64_C(1795416600000)
#define DAY INT64_C(86400000)

TEST(resets)
{
	static const struct {
		const char *value;
		int64_t ms;
	} table[] = {
		{ "1s", 1000 },
		{ "6m0s", 360000 },
		{ "20ms", 20 },
		{ "7.66s", 7660 },
		{ "2m59.56s", 179560 },
		{ "1h2m3s4ms", 3723004 },
		{ "1d", DAY },
		{ "0s", 0 },
		{ "59.70713ms", 60 },
		{ "1us", 1 },
		{ "12\302\265s", 1 },
		{ "300ns", 1 },
		{ "8.640s", 8640 },
		/* numbers alone: seconds, or since the epoch */
		{ "0", 0 },
		{ "60", 60000 },
		{ "0.25", 250 },
		{ "33011.382867", 33011383 },
		{ "1795416630", 30000 },
		{ "1795416630500", 30500 },
		{ "1795416500", 0 },
		{ "1795416500000", 0 },
		/* times */
		{ "2026-11-23T06:50:00Z", 0 },
		{ "2026-11-23T06:50:30Z", 30000 },
		{ "2026-11-23T06:50:30.25Z", 30250 },
		{ "2026-11-23T06:51:00z", 60000 },
		{ "2026-11-23T07:51:00+01:00", 60000 },
		{ "2026-11-23T01:21:00-05:30", 60000 },
		{ "2026-11-23T06:49:00Z", 0 },
		{ "2020-01-01T00:00:00Z", 0 },
		{ "9999-12-31T23:59:59Z", 365 * DAY },
		{ "99999999h", 365 * DAY },
		{ "9999999999999999999999999999", 365 * DAY },
		/* nothing that is known */
		{ "", -1 },
		{ "soon", -1 },
		{ "-1", -1 },
		{ "-1s", -1 },
		{ "+1s", -1 },
		{ " 1s", -1 },
		{ "1s ", -1 },
		{ "1 s", -1 },
		{ "1x", -1 },
		{ "1s2", -1 },
		{ "1sx", -1 },
		{ ".5s", -1 },
		{ "1.2.3s", -1 },
		{ "1e3s", -1 },
		{ "0x10", -1 },
		{ "nan", -1 },
		{ "inf", -1 },
		{ "2026-11-23", -1 },
		{ "2026-11-23T06:50:30", -1 },
		{ "2026-11-23T06:50:30Zz", -1 },
		{ "2026-11-23T06:50:30+1:00", -1 },
		{ "2026-11-23T06:50:30+01:0x", -1 },
		{ "2026-11-23T06:50:30+01:000", -1 },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!CHECK_INT(ratelimit_reset_parse(table[i].value, NOW),
			table[i].ms))
			printf("# reset: %s\n", table[i].value);
}

/* What a line of headers ("name: value|name: value") comes to. */
static int64_t
pause_of(const char *text)
{
	struct ratelimit limits = { .ncounts = 0 };
	char headers[1024], *line, *rest = headers, *value;

	snprintf(headers, sizeof(headers), "%s", text);
	while ((line = strsep(&rest, "|")) != NULL) {
		value = strstr(line, ": ");
		*value = '\0';
		ratelimit_take(&limits, line, value + 2, NOW);
	}
	return (ratelimit_pause(&limits));
}

TEST(headers)
{
	static const struct {
		const char *headers;
		int64_t ms;
	} table[] = {
		{ "x-ratelimit-remaining-requests: 0|"
		  "x-ratelimit-reset-requests: 1s",
		    1000 },
		{ "x-ratelimit-reset-requests: 1s|"
		  "x-ratelimit-remaining-requests: 0",
		    1000 },
		{ "X-RateLimit-Remaining-Requests: 0|"
		  "x-ratelimit-reset-REQUESTS: 1s",
		    1000 },
		/* something is left of it */
		{ "x-ratelimit-remaining-requests: 1|"
		  "x-ratelimit-reset-requests: 1s",
		    -1 },
		{ "x-ratelimit-remaining-requests: 59999|"
		  "x-ratelimit-reset-requests: 6m0s",
		    -1 },
		/* each counts by itself */
		{ "x-ratelimit-remaining-requests: 59|"
		  "x-ratelimit-reset-requests: 1s|"
		  "x-ratelimit-remaining-tokens: 0|"
		  "x-ratelimit-reset-tokens: 120ms",
		    120 },
		{ "x-ratelimit-remaining-requests: 0|"
		  "x-ratelimit-reset-tokens: 9s",
		    -1 },
		/* all have to be there again */
		{ "x-ratelimit-remaining-requests: 0|"
		  "x-ratelimit-reset-requests: 3s|"
		  "x-ratelimit-remaining-tokens: 0|"
		  "x-ratelimit-reset-tokens: 2s",
		    3000 },
		{ "x-ratelimit-remaining-requests-day: 0|"
		  "x-ratelimit-reset-requests-day: 33011.382|"
		  "x-ratelimit-remaining-tokens-minute: 0|"
		  "x-ratelimit-reset-tokens-minute: 11.382",
		    33011382 },
		{ "x-ratelimit-remaining: 0|x-ratelimit-reset: 1795416630500",
		    30500 },
		{ "anthropic-ratelimit-input-tokens-remaining: 0|"
		  "anthropic-ratelimit-input-tokens-reset: "
		  "2026-11-23T06:50:05Z",
		    5000 },
		{ "anthropic-ratelimit-input-tokens-remaining: 0|"
		  "anthropic-ratelimit-tokens-reset: 2026-11-23T06:50:05Z",
		    -1 },
		{ "anthropic-ratelimit-requests-remaining: 49|"
		  "anthropic-ratelimit-requests-reset: 2026-11-23T06:50:05Z",
		    -1 },
		/* no word of when, none of what is left, or neither */
		{ "x-ratelimit-remaining-requests: 0", -1 },
		{ "x-ratelimit-remaining-requests: 0|"
		  "x-ratelimit-reset-requests: later",
		    -1 },
		{ "x-ratelimit-reset-requests: 1s", -1 },
		{ "x-ratelimit-remaining-requests: -1|"
		  "x-ratelimit-reset-requests: 1s",
		    -1 },
		{ "x-ratelimit-remaining-requests: |"
		  "x-ratelimit-reset-requests: 1s",
		    -1 },
		{ "x-ratelimit-remaining-requests: none|"
		  "x-ratelimit-reset-requests: 1s",
		    -1 },
		/* names that are not ours */
		{ "x-ratelimit-limit-requests: 0|x-ratelimit-reset: 1s", -1 },
		{ "x-ratelimit-remainingx: 0|x-ratelimit-resetx: 1s", -1 },
		{ "anthropic-ratelimits-remaining: 0|"
		  "anthropic-ratelimits-reset: 2026-11-23T06:50:05Z",
		    -1 },
		{ "content-type: 0|date: 1s", -1 },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!CHECK_INT(pause_of(table[i].headers), table[i].ms))
			printf("# headers: %s\n", table[i].headers);
}

TEST(what_is_said_again_counts)
{
	CHECK_INT(pause_of("x-ratelimit-remaining-requests: 0|"
			   "x-ratelimit-reset-requests: 9s|"
			   "x-ratelimit-remaining-requests: 3"),
	    -1);
	CHECK_INT(pause_of("x-ratelimit-remaining-requests: 0|"
			   "x-ratelimit-reset-requests: 9s|"
			   "x-ratelimit-reset-requests: 4s"),
	    4000);
}

TEST(there_may_be_more_than_is_counted)
{
	struct ratelimit limits = { .ncounts = 0 };
	char name[80];
	int i;

	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "x-ratelimit-remaining-%d", i);
		ratelimit_take(&limits, name, "0", NOW);
		snprintf(name, sizeof(name), "x-ratelimit-reset-%d", i);
		ratelimit_take(&limits, name, "1s", NOW);
	}
	CHECK_INT(limits.ncounts, RATELIMIT_COUNTS);
	CHECK_INT(ratelimit_pause(&limits), 1000);
	memset(&limits, 0, sizeof(limits));
	ratelimit_take(&limits,
	    "x-ratelimit-remaining-the-longest-of-all-names-there-are", "0",
	    NOW);
	CHECK_INT(limits.ncounts, 0);
}
