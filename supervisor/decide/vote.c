/* Who wins. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/buf.h"
#include "supervisor/decide/vote.h"

/* In the order in which they decide; each < 0 if a is the better one. */
static int
by_votes(const struct session *s, int a, int b)
{
	return (s->answers[s->agents[b].latest].votes -
	    s->answers[s->agents[a].latest].votes);
}

static int
by_cost(const struct session *s, int a, int b)
{
	const struct usage_sum *x = &s->agents[a].usage;
	const struct usage_sum *y = &s->agents[b].usage;

	/* an unknown cost is not the lowest */
	if ((x->unpriced_calls > 0) != (y->unpriced_calls > 0))
		return (x->unpriced_calls > 0 ? 1 : -1);
	return (x->cost < y->cost ? -1 : x->cost > y->cost);
}

static int
by_time(const struct session *s, int a, int b)
{
	int64_t x = s->answers[s->agents[a].latest].at_ms;
	int64_t y = s->answers[s->agents[b].latest].at_ms;

	return (x < y ? -1 : x > y);
}

static int
by_id(const struct session *s, int a, int b)
{
	return (strcmp(s->agents[a].id, s->agents[b].id));
}

static const struct {
	const char *name;
	int (*better)(const struct session *, int, int);
} rules[] = {
	{ "votes", by_votes },
	{ "cost", by_cost },
	{ "time", by_time },
	{ "id", by_id },
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

/* Which rule tells a from b, and how; RULES if none does. */
static size_t
decide(const struct session *s, int a, int b, int *out_order)
{
	size_t i;

	for (i = 0; i < RULES; i++)
		if ((*out_order = rules[i].better(s, a, b)) != 0)
			break;
	return (i);
}

/* The loser that came closest: it lost by the latest rule. */
static size_t
hardest_rule(const struct session *s, int winner, int *out_loser)
{
	size_t i, rule, hardest = 0;
	int order;

	*out_loser = -1;
	for (i = 0; i < s->nagents; i++) {
		if ((int)i == winner || s->agents[i].latest == -1)
			continue;
		rule = decide(s, winner, (int)i, &order);
		if (*out_loser == -1 || rule > hardest) {
			hardest = rule;
			*out_loser = (int)i;
		}
	}
	return (hardest);
}

static char *
reason(const struct session *s, int winner)
{
	const struct session_agent *a = &s->agents[winner];
	struct buf b = BUF_INITIALIZER;
	int loser;
	size_t rule;

	buf_addf(&b, "votes=%d, ", s->answers[a->latest].votes);
	if (a->usage.unpriced_calls > 0)
		buf_adds(&b, "cost=unpriced");
	else
		buf_addf(&b, "cost=%.4f", a->usage.cost);
	rule = hardest_rule(s, winner, &loser);
	if (loser == -1)
		buf_adds(&b, "; the only agent with an answer");
	else if (rule != 0)
		buf_addf(&b, "; tie with %s broken by %s", s->agents[loser].id,
		    rules[rule].name);
	return (buf_detach(&b));
}

int
vote_winner(const struct session *s, char **out_reason)
{
	int best = -1, order;
	size_t i;

	for (i = 0; i < s->nagents; i++) {
		if (s->agents[i].latest == -1)
			continue;
		if (best != -1)
			(void)decide(s, (int)i, best, &order);
		if (best == -1 || order < 0)
			best = (int)i;
	}
	*out_reason = best == -1 ? NULL : reason(s, best);
	return (best);
}
