/* Who may act next in a dry run. */

#include <stdlib.h>

#include "ipc/mono.h"
#include "ipc/xmalloc.h"
#include "supervisor/decide/order.h"

enum standing {
	STANDING_IDLE,
	STANDING_THINKING,
	STANDING_PROMISED,
	STANDING_ACTING
};

struct order {
	size_t nagents;
	int64_t timeout_ms;
	int64_t now;
	int acting; /* -1: nobody */
	struct entry {
		enum standing standing;
		int64_t since; /* when it began to think */
		int64_t at;    /* of its act; MONO_NEVER */
	} agents[];
};

struct order *
order_new(size_t nagents, int64_t timeout_ms)
{
	struct order *o;

	o = xcalloc(1, sizeof(*o) + nagents * sizeof(o->agents[0]));
	o->nagents = nagents;
	o->timeout_ms = timeout_ms;
	o->acting = -1;
	return (o);
}

void
order_free(struct order *o)
{
	free(o);
}

int64_t
order_now(const struct order *o)
{
	return (o->now);
}

void
order_begin(struct order *o, int agent, int64_t delay_ms)
{
	struct entry *e = &o->agents[agent];

	if (o->acting == agent)
		o->acting = -1;
	e->standing = STANDING_THINKING;
	e->since = o->now + delay_ms;
	e->at = MONO_NEVER;
}

bool
order_begun(const struct order *o, int agent)
{
	return (o->agents[agent].standing != STANDING_IDLE);
}

bool
order_is_due(const struct order *o, int agent)
{
	enum standing standing = o->agents[agent].standing;

	return (standing == STANDING_THINKING || standing == STANDING_ACTING);
}

void
order_promise(struct order *o, int agent, int64_t after_ms)
{
	struct entry *e = &o->agents[agent];

	/* its act had no effect: it goes on to the next */
	if (e->standing == STANDING_ACTING)
		order_begin(o, agent, 0);
	if (e->standing != STANDING_THINKING)
		return;
	e->standing = STANDING_PROMISED;
	if (after_ms >= 0)
		e->at = mono_add(e->since, after_ms < 1 ? 1 : after_ms);
}

void
order_end(struct order *o, int agent)
{
	if (o->acting == agent)
		o->acting = -1;
	o->agents[agent].standing = STANDING_IDLE;
}

/* When the agent is heard of next, at the earliest. */
static int64_t
next_of(const struct order *o, const struct entry *e)
{
	switch (e->standing) {
	case STANDING_THINKING:
		return (e->since + 1);
	case STANDING_PROMISED:
		return (mono_min(e->at, mono_add(e->since, o->timeout_ms)));
	case STANDING_IDLE:
	case STANDING_ACTING:
		break;
	}
	return (MONO_NEVER);
}

/* The agent that is heard of first; -1: none will ever be. */
static int
first(const struct order *o)
{
	int64_t at, best_at = MONO_NEVER;
	int best = -1;
	size_t i;

	for (i = 0; i < o->nagents; i++) {
		at = next_of(o, &o->agents[i]);
		if (at < best_at) {
			best_at = at;
			best = (int)i;
		}
	}
	return (best);
}

int
order_next(struct order *o)
{
	struct entry *e;
	int i;

	if (o->acting != -1 || (i = first(o)) == -1)
		return (-1);
	e = &o->agents[i];
	if (e->standing != STANDING_PROMISED || e->at != next_of(o, e))
		return (-1);
	o->now = e->at > o->now ? e->at : o->now;
	e->standing = STANDING_ACTING;
	o->acting = i;
	return (i);
}

bool
order_timed_out(struct order *o, int agent)
{
	struct entry *e = &o->agents[agent];
	int64_t at;

	if (o->acting == agent)
		return (true);
	if (o->acting != -1 || first(o) != agent)
		return (false);
	at = mono_add(e->since, o->timeout_ms);
	/* it is to act before that, and only waits for its turn */
	if (e->standing == STANDING_PROMISED && e->at <= at)
		return (false);
	o->now = at > o->now ? at : o->now;
	return (true);
}
