/* When a server may be tried again. */

#include "agent-worker/mcp/breaker.h"

enum breaker_state
breaker_state(const struct breaker *b, int64_t now)
{
	if (b->failures < BREAKER_FAILURES)
		return (BREAKER_CLOSED);
	return (now < b->ready_at ? BREAKER_OPEN : BREAKER_PROBE);
}

void
breaker_failed(struct breaker *b, int64_t now, double jitter)
{
	int64_t pause;
	int n = b->failures++, factor;

	if (b->failures < BREAKER_FAILURES) {
		pause = BREAKER_RETRY_MS << n;
		pause += (int64_t)((double)pause * (0.1 + 0.2 * jitter));
	} else {
		factor = n - (BREAKER_FAILURES - 1);
		pause = BREAKER_PAUSE_MS *
		    (factor < 3 ? 1 << factor : BREAKER_FACTOR);
		/* it counts no further than it matters */
		if (factor > 3)
			b->failures = n;
	}
	b->ready_at = now + pause;
}

void
breaker_worked(struct breaker *b)
{
	*b = (struct breaker) { 0, 0 };
}
