/*
 * When a server may be tried again: shortly after a failure, and after three
 * in a row only once a longer pause has passed.  The first try after that
 * pause decides: a failure doubles the pause, up to a limit; a success
 * forgets everything.  Pure.
 */

#ifndef AGENT_WORKER_MCP_BREAKER_H
#define AGENT_WORKER_MCP_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAILURES 3     /* in a row, that open it */
#define BREAKER_PAUSE_MS 30000 /* the first time */
#define BREAKER_FACTOR   8     /* the most that the pause grows by */
#define BREAKER_RETRY_MS 500   /* after the first failure; then doubled */

enum breaker_state {
	BREAKER_CLOSED, /* as usual; see ready_at after a failure */
	BREAKER_OPEN,   /* not now */
	BREAKER_PROBE,  /* one try */
};

/* All zero is a new one. */
struct breaker {
	int failures;     /* in a row */
	int64_t ready_at; /* monotonic: no try before */
};

enum breaker_state breaker_state(const struct breaker *, int64_t now);

/* jitter, 0 to 1, keeps those apart who failed at the same time. */
void breaker_failed(struct breaker *, int64_t now, double jitter);
void breaker_worked(struct breaker *);

#endif
