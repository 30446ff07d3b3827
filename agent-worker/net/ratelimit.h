/*
 * What a provider says in its headers of the requests and tokens that are
 * left, and when there will be more.  Pure: headers go in, a pause comes out.
 *
 * The OpenAI family sends x-ratelimit-remaining-WHAT and x-ratelimit-reset-WHAT
 * with a duration ("6m0s"), Anthropic anthropic-ratelimit-WHAT-remaining and
 * -reset with a time (RFC 3339).  WHAT may be missing, and is "requests",
 * "input-tokens", "tokens-minute" and so on: each counts by itself.
 */

#ifndef AGENT_WORKER_NET_RATELIMIT_H
#define AGENT_WORKER_NET_RATELIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than any provider counts, and longer than any name of what it does. */
#define RATELIMIT_COUNTS   8
#define RATELIMIT_NAME_MAX 32

struct ratelimit {
	struct ratelimit_count {
		char what[RATELIMIT_NAME_MAX];
		bool none_left;
		int64_t reset_ms; /* from then on; -1: not known */
	} counts[RATELIMIT_COUNTS];
	size_t ncounts;
};

/*
 * Take a header, at now (milliseconds since the epoch); one that is not of
 * these, or makes no sense, changes nothing.
 */
void ratelimit_take(
    struct ratelimit *, const char *name, const char *value, int64_t now);

/*
 * Milliseconds until there is something left again of all that is used up;
 * -1: nothing is, or the provider does not say when.
 */
int64_t ratelimit_pause(const struct ratelimit *);

/*
 * The value of a reset header in milliseconds from now on: a duration with
 * units ("1m30.5s"), a number of seconds, or a time, as RFC 3339 or as
 * seconds or milliseconds since the epoch.  A time that has passed is 0; -1:
 * it is none of these.
 */
int64_t ratelimit_reset_parse(const char *value, int64_t now);

#endif
