/*
 * Whether a call or a nested run may be had: money, time, depth and number.
 * Pure: values in, a ruling out.
 *
 * What an agent's calls cost is the agent's; what a nested run costs stands
 * beside it.  A total is the sum of the agents in their order, then of the
 * nested runs in theirs, here as in the session: so no rounding comes
 * between what was promised and what is shown.
 */

#ifndef SUPERVISOR_NEST_LEDGER_H
#define SUPERVISOR_NEST_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An agent's own money, in USD. */
struct ledger_agent {
	double limit; /* 0: none */
	double spent; /* on calls that are settled */
	double call;  /* reserved for the one under way */
};

/* A nested run's. */
struct ledger_child {
	size_t agent;
	bool open;
	double spent; /* as last heard; what it came to once it is not open */
	double lease; /* what it may come to; 0: no limit was in force */
};

struct ledger {
	double limit; /* of the run; 0: none */
	struct ledger_agent *agents;
	size_t nagents;
	struct ledger_child *children; /* in the order of their start */
	size_t nchildren;
};

enum ledger_ruling {
	LEDGER_GRANTED,
	LEDGER_WAIT,    /* what others may give back could make room */
	LEDGER_REFUSED, /* by the agent's limit */
	LEDGER_OVER,    /* by the run's */
};

/* May the agent make a call that can cost so much? */
enum ledger_ruling ledger_call(
    const struct ledger *, size_t agent, double cost);

/*
 * What a nested run of the agent may spend: as much as it wants (above 0)
 * or half of what is left.  False: nothing is left.  *out_lease 0: no limit
 * is in force.
 */
bool ledger_lease(
    const struct ledger *, size_t agent, double wanted, double *out_lease);

/* All but money: what a nested run asks for, and how things stand. */
struct ledger_terms {
	int64_t depth; /* it would have; the outermost run has 0 */
	int64_t max_depth;
	size_t open; /* nested runs now */
	size_t max_open;
	size_t ever;     /* so far */
	int64_t left_ms; /* until its parent has to end what it started */
	int64_t own_ms;  /* its own limit */
};

#define LEDGER_EVER_MAX 1024 /* nested runs of one run in its life */

/* The time it is given; 0 and, in why, the reason: none. */
int64_t ledger_admit(const struct ledger_terms *, char *why, size_t whylen);

#endif
