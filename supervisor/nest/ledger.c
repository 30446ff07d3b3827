/* Whether a call or a nested run may be had. */

#include <math.h>
#include <stdio.h>

#include "supervisor/nest/ledger.h"

#define GRAINS      1e9  /* of a USD: what leases are multiples of */
#define GRAINED_MAX 1e9  /* USD: and up to where */
#define MARGIN_MS   2000 /* its parent hears the end of it */
#define SHORTEST_MS 1000

/* What a call would add, and to whom. */
struct addition {
	size_t agent;
	double cost;
};

/* Of an agent's own, as far as it counts. */
static double
own_sum(const struct ledger *l, size_t i, const struct addition *more,
    bool with_reserved)
{
	double own = l->agents[i].spent;

	if (more != NULL && more->agent == i)
		own += more->cost;
	else if (with_reserved)
		own += l->agents[i].call;
	return (own);
}

static double
child_sum(const struct ledger_child *c, bool with_reserved)
{
	return (with_reserved && c->open && c->lease > 0 ? c->lease : c->spent);
}

static double
run_sum(const struct ledger *l, const struct addition *more, bool with_reserved)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < l->nagents; i++)
		sum += own_sum(l, i, more, with_reserved);
	for (i = 0; i < l->nchildren; i++)
		sum += child_sum(&l->children[i], with_reserved);
	return (sum);
}

static double
agent_sum(const struct ledger *l, size_t agent, const struct addition *more,
    bool with_reserved)
{
	double sum = own_sum(l, agent, more, with_reserved);
	size_t i;

	for (i = 0; i < l->nchildren; i++)
		if (l->children[i].agent == agent)
			sum += child_sum(&l->children[i], with_reserved);
	return (sum);
}

enum ledger_ruling
ledger_call(const struct ledger *l, size_t agent, double cost)
{
	const struct addition call = { agent, cost };
	double own = l->agents[agent].limit;

	if (own > 0 && agent_sum(l, agent, &call, false) > own)
		return (LEDGER_REFUSED);
	if (l->limit > 0 && run_sum(l, &call, false) > l->limit)
		return (LEDGER_OVER);
	if ((own > 0 && agent_sum(l, agent, &call, true) > own) ||
	    (l->limit > 0 && run_sum(l, &call, true) > l->limit))
		return (LEDGER_WAIT);
	return (LEDGER_GRANTED);
}

static double
lesser(double a, double b)
{
	return (a < b ? a : b);
}

static double
rounded_down(double usd)
{
	if (usd >= GRAINED_MAX)
		return (usd);
	return (lesser(usd, (double)(int64_t)(usd * GRAINS) / GRAINS));
}

bool
ledger_lease(
    const struct ledger *l, size_t agent, double wanted, double *out_lease)
{
	double own = l->agents[agent].limit, run = l->limit, left = HUGE_VAL;
	double agent_is = agent_sum(l, agent, NULL, true);
	double run_is = run_sum(l, NULL, true);
	double lease;

	*out_lease = 0;
	if (own <= 0 && run <= 0)
		return (true);
	if (own > 0)
		left = own - agent_is;
	if (run > 0)
		left = lesser(left, run - run_is);
	lease = wanted > 0 ? lesser(wanted, left) : left / 2;
	if (lease != wanted)
		lease = rounded_down(lease);
	/* the new one is the last in both sums: it is added as they add it */
	while (lease > 0 &&
	    ((own > 0 && agent_is + lease > own) ||
		(run > 0 && run_is + lease > run)))
		lease -=
		    lease * 1e-12 > 1 / GRAINS ? lease * 1e-12 : 1 / GRAINS;
	*out_lease = lease > 0 ? lease : 0;
	return (lease > 0);
}

int64_t
ledger_admit(const struct ledger_terms *t, char *why, size_t whylen)
{
	int64_t left = t->left_ms - MARGIN_MS;

	if (t->depth > t->max_depth)
		snprintf(why, whylen,
		    "it would be nested %lld deep, and the limit is %lld",
		    (long long)t->depth, (long long)t->max_depth);
	else if (t->open >= t->max_open)
		snprintf(why, whylen,
		    "%zu nested runs are under way, which is the limit",
		    t->open);
	else if (t->ever >= LEDGER_EVER_MAX)
		snprintf(why, whylen,
		    "there have been %zu nested runs, which is the limit",
		    t->ever);
	else if (left < SHORTEST_MS)
		snprintf(why, whylen,
		    "too little time is left, and of it %g s are kept back",
		    (double)MARGIN_MS / 1000);
	else
		return (t->own_ms > 0 && t->own_ms < left ? t->own_ms : left);
	return (0);
}
