/*
 * Who may act next in a dry run.  Every mock agent says beforehand how long
 * its next act takes; acts are then let through one at a time in the order
 * of that virtual time, ties by index, so that the same scenario takes the
 * same course on any machine.  Pure: it knows no clock and no process.
 */

#ifndef SUPERVISOR_DECIDE_ORDER_H
#define SUPERVISOR_DECIDE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct order;

/* timeout_ms: the virtual time one attempt may take. */
struct order *order_new(size_t nagents, int64_t timeout_ms);
void order_free(struct order *);

/* The virtual time now, in milliseconds since the run's start. */
int64_t order_now(const struct order *);

/* The agent is about to think, from now (+ delay_ms) on; nobody may pass
 * it until it has said for how long. */
void order_begin(struct order *, int agent, int64_t delay_ms);

/* It thinks already, or acts: order_begin would be one too many. */
bool order_begun(const struct order *, int agent);

/*
 * The agent is to say for how long it thinks, or to act: nothing by the
 * virtual time, only the machine, holds it up.
 */
bool order_is_due(const struct order *, int agent);

/* Its next act comes after so long (at least 1 ms); -1: never. */
void order_promise(struct order *, int agent, int64_t after_ms);

/* It has nothing to do: it is passed from now on. */
void order_end(struct order *, int agent);

/*
 * The agent to let through now, or -1: somebody is acting, or an agent that
 * may come first has not said how long it takes, or the next thing to
 * happen is a timeout.  Moves the virtual time on.
 */
int order_next(struct order *);

/*
 * The agent's attempt has run out of time by the real clock: is that what
 * happens next?  If so the virtual time moves on to it.
 */
bool order_timed_out(struct order *, int agent);

#endif
