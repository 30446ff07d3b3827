/*
 * Whether a failed model call is made again, and when.  Pure: what happened
 * goes in as values, the dice included, and a decision comes out.
 */

#ifndef AGENT_WORKER_NET_RETRY_H
#define AGENT_WORKER_NET_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* How an error may be treated. */
enum failure {
	FAILURE_NONE,
	FAILURE_TRANSIENT, /* the same request may work later */
	FAILURE_PERMANENT, /* bad key, bad request, no money */
	FAILURE_TRUNCATED, /* the stream ended before its end */
};

/* Calls made for one request, the first included, unless the case says. */
#define RETRY_TRIES 4

/* The longest pause of our own, and the longest that a server may ask for. */
#define RETRY_PAUSE_MAX_MS 8000
#define RETRY_AFTER_MAX_MS (10 * 60 * 1000)

struct retry_case {
	enum failure failure;
	long status;            /* of HTTP; 0: no answer came */
	int64_t retry_after_ms; /* what the server asks for; -1: nothing */
	int should_retry;       /* x-should-retry: 1, 0; -1: absent */
	int tries;              /* made so far, this one included */
	int max_tries;          /* 0: RETRY_TRIES */
	int64_t left_ms;        /* until the deadline; MONO_NEVER: none */
	bool visible;           /* part of the reply was passed on */
	double jitter;          /* from 0 to 1, drawn by the caller */
};

struct retry_decision {
	bool again;
	int64_t wait_ms; /* before the next try */
	const char *why; /* a literal: the reason to stop */
};

/*
 * A server's word against trying again is taken; its word for it is taken
 * only for a status that we know nothing about.  After a Retry-After the
 * pause is never shorter than it; otherwise 0.5 s, doubling, less up to a
 * quarter.  A pause that the deadline would cut is not begun.
 */
struct retry_decision retry_decide(const struct retry_case *);

/* What a status means by itself: 2xx is FAILURE_NONE. */
enum failure retry_class(long status);

/*
 * The value of Retry-After (RFC 9110, 10.2.3): seconds, here also with a
 * fraction, or a date, compared with now (seconds since the epoch).
 * Returns milliseconds, or -1 for anything else.
 */
int64_t retry_after_parse(const char *value, int64_t now);

/* The value of retry-after-ms, as Azure sends it; likewise. */
int64_t retry_after_ms_parse(const char *value);

#endif
