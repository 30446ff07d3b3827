/*
 * supervisor/decide/order: who acts next by the scenario's time.  Random
 * scenarios are run several times, each time with the promises, the effects
 * of acts and the real clock's alarms arriving in another order: the course
 * by the virtual time has to be the same.
 */

#include <stdlib.h>

#include "supervisor/decide/order.h"
#include "tests/test.h"

#define TIMEOUT 500

/* --- the rules, one by one --- */

/* Of so many agents each has begun, at the start. */
static struct order *
begun(int n)
{
	struct order *o = order_new((size_t)n, TIMEOUT);
	int i;

	for (i = 0; i < n; i++)
		order_begin(o, i, 0);
	return (o);
}

/* An agent is let through, and that is the time then. */
static void
check_next(struct order *o, int agent, int64_t at, int line)
{
	test_check_int(order_next(o), agent, "order_next(o)", __FILE__, line);
	test_check_int(order_now(o), at, "order_now(o)", __FILE__, line);
}

#define NEXT(agent, at) check_next(o, agent, at, __LINE__)

TEST(the_earlier_act_comes_first)
{
	struct order *o = order_new(3, TIMEOUT);

	CHECK_INT(order_now(o), 0);
	CHECK_INT(order_next(o), -1);
	order_begin(o, 0, 0);
	order_begin(o, 1, 0);
	order_begin(o, 2, 0);
	order_promise(o, 0, 30);
	order_promise(o, 1, 10);
	/* the third one might still be faster */
	CHECK_INT(order_next(o), -1);
	order_promise(o, 2, 20);
	NEXT(1, 10);
	CHECK_INT(order_next(o), -1); /* it acts */
	order_end(o, 1);
	CHECK_INT(order_next(o), 2);
	order_end(o, 2);
	NEXT(0, 30);
	order_end(o, 0);
	CHECK_INT(order_next(o), -1);
	order_free(o);
}

TEST(ties_go_by_index)
{
	struct order *o = order_new(3, TIMEOUT);
	int i;

	for (i = 2; i >= 0; i--) {
		order_begin(o, i, 0);
		order_promise(o, i, 10);
	}
	for (i = 0; i < 3; i++) {
		CHECK_INT(order_next(o), i);
		order_end(o, i);
	}
	order_free(o);
}

/* Nobody waits for an agent that could come at the same time but later. */
TEST(an_act_takes_a_millisecond_at_least)
{
	struct order *o = begun(2);

	order_promise(o, 0, 0);
	NEXT(0, 1);
	order_end(o, 0);
	order_begin(o, 0, 0);
	order_promise(o, 1, 1);
	NEXT(1, 1);
	order_free(o);
}

TEST(who_may_still_be_first_is_waited_for)
{
	struct order *o = begun(2);

	order_promise(o, 1, 1);
	CHECK_INT(order_next(o), -1); /* by index 0 comes first at 1 ms */
	order_end(o, 0);
	CHECK_INT(order_next(o), 1);
	order_free(o);
}

TEST(begun_is_begun)
{
	struct order *o = order_new(2, TIMEOUT);

	CHECK(!order_begun(o, 0));
	order_begin(o, 0, 0);
	CHECK(order_begun(o, 0) && !order_begun(o, 1));
	order_promise(o, 0, 5);
	CHECK(order_begun(o, 0));
	CHECK_INT(order_next(o), 0);
	CHECK(order_begun(o, 0));
	order_end(o, 0);
	CHECK(!order_begun(o, 0));
	order_free(o);
}

TEST(only_who_waits_for_others_is_not_due)
{
	struct order *o = order_new(2, TIMEOUT);

	CHECK(!order_is_due(o, 0));
	order_begin(o, 0, 0);
	CHECK(order_is_due(o, 0));
	order_promise(o, 0, -1);
	CHECK(!order_is_due(o, 0)); /* it hangs, as was said */
	order_begin(o, 0, 0);
	order_promise(o, 0, 5);
	CHECK(!order_is_due(o, 0));
	CHECK_INT(order_next(o), 0);
	CHECK(order_is_due(o, 0));
	order_end(o, 0);
	CHECK(!order_is_due(o, 0));
	order_free(o);
}

TEST(a_promise_of_nobody_is_nothing)
{
	struct order *o = order_new(2, TIMEOUT);

	order_promise(o, 0, 5);
	CHECK_INT(order_next(o), -1);
	order_begin(o, 0, 0);
	order_promise(o, 0, 5);
	order_promise(o, 0, 1); /* the first one holds */
	NEXT(0, 5);
	order_free(o);
}

TEST(an_act_without_effect_goes_on_to_the_next)
{
	struct order *o = begun(2);

	order_promise(o, 0, 10);
	order_promise(o, 1, 25);
	CHECK_INT(order_next(o), 0);
	order_promise(o, 0, 10);
	NEXT(0, 20);
	order_promise(o, 0, 10);
	CHECK_INT(order_next(o), 1);
	order_end(o, 1);
	NEXT(0, 30);
	order_free(o);
}

TEST(a_restart_begins_later)
{
	struct order *o = begun(2);

	order_promise(o, 0, 10);
	order_promise(o, 1, 105);
	CHECK_INT(order_next(o), 0);
	order_begin(o, 0, 100); /* it crashed */
	CHECK_INT(order_next(o), 1);
	order_end(o, 1);
	order_promise(o, 0, 10);
	NEXT(0, 120);
	order_free(o);
}

TEST(a_hang_ends_with_its_timeout)
{
	struct order *o = begun(2);

	order_promise(o, 0, -1);
	order_promise(o, 1, 600); /* too late: its timeout comes before */
	CHECK_INT(order_next(o), -1);
	CHECK(!order_timed_out(o, 1)); /* 0 comes first, by index */
	CHECK(order_timed_out(o, 0));
	CHECK_INT(order_now(o), TIMEOUT);
	order_begin(o, 0, 100);
	CHECK(order_timed_out(o, 1));
	order_end(o, 1);
	order_promise(o, 0, 7);
	NEXT(0, TIMEOUT + 107);
	order_free(o);
}

TEST(who_waits_for_its_turn_has_not_run_out_of_time)
{
	struct order *o = begun(2);

	order_promise(o, 1, 400);
	CHECK(!order_timed_out(o, 1)); /* 0 may come before */
	order_promise(o, 0, 300);
	CHECK_INT(order_next(o), 0);
	CHECK(!order_timed_out(o, 1)); /* 0 acts */
	order_end(o, 0);
	CHECK(!order_timed_out(o, 1)); /* it is next, and will be let through */
	NEXT(1, 400);
	CHECK(order_timed_out(o, 1)); /* now it acts, and does not end it */
	order_free(o);
}

TEST(an_act_at_the_limit_is_in_time)
{
	struct order *o = begun(1);

	order_promise(o, 0, TIMEOUT);
	CHECK(!order_timed_out(o, 0));
	CHECK_INT(order_next(o), 0);
	order_free(o);
}

TEST(who_says_nothing_at_all_times_out)
{
	struct order *o = begun(2);

	order_promise(o, 1, 50);
	CHECK(order_timed_out(o, 0));
	order_end(o, 0);
	CHECK_INT(order_next(o), 1);
	CHECK(order_now(o) >= TIMEOUT); /* time does not go back */
	order_free(o);
}

/* --- random scenarios --- */

#define AGENTS_MAX   7
#define STEPS_MAX    6
#define TRACE_MAX    400
#define SCENARIOS    20000
#define ARRIVALS     6
#define RESTARTS_MAX 2

enum act {
	ACT_ANSWER,  /* wakes everybody */
	ACT_VOTE,    /* then it has nothing to do */
	ACT_SAY,     /* no effect: its next step follows */
	ACT_REFUSED, /* it begins anew */
	ACT_CRASH,
	ACT_HANG,
};

struct step {
	enum act act;
	int delay;
};

struct scenario {
	int nagents;
	int nsteps[AGENTS_MAX];
	struct step steps[AGENTS_MAX][STEPS_MAX];
};

struct entry {
	int agent;
	bool timeout;
	int64_t at;
};

/* One course of a scenario. */
struct course {
	const struct scenario *scenario;
	struct order *order;
	struct player {
		bool promising; /* its promise is on its way */
		bool promised;
		int step;
		int attempts;
		bool ended;
	} players[AGENTS_MAX];
	int acting; /* -1 */
	struct entry trace[TRACE_MAX];
	int ntrace;
};

static uint64_t state;

/* splitmix64, Vigna's public domain generator. */
static int
pick(int n)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return ((int)((z ^ (z >> 31)) % (uint64_t)n));
}

static void
make_scenario(struct scenario *sc)
{
	static const enum act acts[] = { ACT_ANSWER, ACT_ANSWER, ACT_ANSWER,
		ACT_VOTE, ACT_VOTE, ACT_SAY, ACT_REFUSED, ACT_CRASH, ACT_HANG };
	int i, k;

	memset(sc, 0, sizeof(*sc));
	sc->nagents = 1 + pick(AGENTS_MAX);
	for (i = 0; i < sc->nagents; i++) {
		sc->nsteps[i] = pick(STEPS_MAX + 1);
		for (k = 0; k < sc->nsteps[i]; k++) {
			sc->steps[i][k].act = acts[pick(9)];
			/* few values make ties; some are past the timeout */
			sc->steps[i][k].delay =
			    pick(20) == 0 ? TIMEOUT + 50 : pick(8) * 10;
		}
	}
}

/* After its script an agent votes. */
static struct step
step_of(const struct course *c, int i)
{
	static const struct step vote = { ACT_VOTE, 0 };
	int k = c->players[i].step;

	return (k < c->scenario->nsteps[i] ? c->scenario->steps[i][k] : vote);
}

static void
note(struct course *c, int agent, bool timeout)
{
	struct entry *e = &c->trace[c->ntrace];

	if (!CHECK(c->ntrace < TRACE_MAX - 1))
		return;
	e->agent = agent;
	e->timeout = timeout;
	e->at = order_now(c->order);
	c->ntrace++;
}

static void
begin(struct course *c, int i, int64_t delay)
{
	order_begin(c->order, i, delay);
	c->players[i].promising = true;
	c->players[i].promised = false;
}

/* As run.c does after each message: whoever owes a turn begins. */
static void
wake_all(struct course *c)
{
	int i;

	for (i = 0; i < c->scenario->nagents; i++)
		if (!c->players[i].ended && !order_begun(c->order, i))
			begin(c, i, 0);
}

static void
attempt_failed(struct course *c, int i)
{
	struct player *p = &c->players[i];

	p->promised = false;
	p->step++;
	if (++p->attempts > RESTARTS_MAX) {
		p->ended = true;
		p->promising = false;
		order_end(c->order, i);
	} else {
		begin(c, i, p->attempts * 100);
	}
}

static void
deliver_promise(struct course *c, int i)
{
	struct step s = step_of(c, i);

	c->players[i].promising = false;
	c->players[i].promised = true;
	order_promise(c->order, i, s.act == ACT_HANG ? -1 : s.delay);
}

static void
take_effect(struct course *c)
{
	int i = c->acting;
	enum act act = step_of(c, i).act;

	c->acting = -1;
	c->players[i].promised = false;
	switch (act) {
	case ACT_ANSWER:
		c->players[i].step++;
		order_end(c->order, i);
		wake_all(c);
		break;
	case ACT_VOTE:
		c->players[i].step++;
		order_end(c->order, i);
		break;
	case ACT_SAY:
		c->players[i].step++;
		deliver_promise(c, i);
		break;
	case ACT_REFUSED:
		c->players[i].step++;
		begin(c, i, 0);
		break;
	case ACT_CRASH:
		attempt_failed(c, i);
		break;
	case ACT_HANG:
		CHECK(act != ACT_HANG);
		break;
	}
}

static void
try_next(struct course *c)
{
	int i = order_next(c->order);

	if (i == -1)
		return;
	CHECK(c->acting == -1 && c->players[i].promised);
	c->acting = i;
	note(c, i, false);
}

/* The real clock says that this agent's attempt took too long. */
static bool
ring(struct course *c, int i)
{
	if (!c->players[i].promised || c->acting == i ||
	    !order_timed_out(c->order, i))
		return (false);
	CHECK(step_of(c, i).act == ACT_HANG || step_of(c, i).delay > TIMEOUT);
	note(c, i, true);
	attempt_failed(c, i);
	return (true);
}

static bool
is_quiet(const struct course *c)
{
	int i;

	for (i = 0; i < c->scenario->nagents; i++)
		if (c->players[i].promising)
			return (false);
	return (c->acting == -1);
}

static bool
is_over(const struct course *c)
{
	int i;

	for (i = 0; i < c->scenario->nagents; i++)
		if (order_begun(c->order, i))
			return (false);
	return (true);
}

/* Nothing is on its way: then somebody acts, or one times out. */
static void
check_no_deadlock(struct course *c)
{
	int i, rang = 0;

	try_next(c);
	if (c->acting != -1)
		return;
	for (i = 0; i < c->scenario->nagents && rang == 0; i++)
		rang += ring(c, i);
	CHECK_INT(rang, 1);
}

/* Something arrives. */
static void
arrive(struct course *c)
{
	int i = pick(c->scenario->nagents), what = pick(4);

	if (what == 0)
		try_next(c);
	else if (what == 1)
		(void)ring(c, i);
	else if (what == 2 && c->acting != -1)
		take_effect(c);
	else if (c->players[i].promising)
		deliver_promise(c, i);
}

static void
run_course(struct course *c, const struct scenario *sc)
{
	int budget = 100000;

	memset(c, 0, sizeof(*c));
	c->scenario = sc;
	c->order = order_new((size_t)sc->nagents, TIMEOUT);
	c->acting = -1;
	wake_all(c);
	while (!is_over(c) && !test_failed && budget-- > 0)
		if (is_quiet(c))
			check_no_deadlock(c);
		else
			arrive(c);
	CHECK(budget > 0);
	order_free(c->order);
}

static void
print_difference(const struct course *a, const struct course *b)
{
	int k;

	for (k = 0; k < a->ntrace || k < b->ntrace; k++)
		printf("# %3d: agent %d %s at %lld | agent %d %s at %lld\n", k,
		    a->trace[k].agent, a->trace[k].timeout ? "late" : "acts",
		    (long long)a->trace[k].at, b->trace[k].agent,
		    b->trace[k].timeout ? "late" : "acts",
		    (long long)b->trace[k].at);
}

static void
check_same(const struct course *a, const struct course *b, int scenario)
{
	bool same = a->ntrace == b->ntrace;
	int k;

	for (k = 0; k < a->ntrace && same; k++)
		same = a->trace[k].agent == b->trace[k].agent &&
		    a->trace[k].timeout == b->trace[k].timeout &&
		    a->trace[k].at == b->trace[k].at;
	if (CHECK(same))
		return;
	printf("# scenario %d:\n", scenario);
	print_difference(a, b);
}

/* Each entry is later than the one before, or of a higher index then. */
static void
check_sorted(const struct course *c)
{
	int k;

	for (k = 1; k < c->ntrace; k++) {
		const struct entry *a = &c->trace[k - 1], *b = &c->trace[k];

		CHECK(a->at < b->at || (a->at == b->at && a->agent < b->agent));
	}
}

TEST(the_course_does_not_depend_on_what_arrives_first)
{
	static struct course first, other;
	struct scenario sc;
	int n, k, acts = 0, timeouts = 0;

	for (n = 0; n < SCENARIOS && !test_failed; n++) {
		state = (uint64_t)n;
		make_scenario(&sc);
		for (k = 0; k < ARRIVALS && !test_failed; k++) {
			run_course(k == 0 ? &first : &other, &sc);
			if (k == 0)
				check_sorted(&first);
			else
				check_same(&first, &other, n);
		}
		acts += first.ntrace;
		for (k = 0; k < first.ntrace; k++)
			timeouts += first.trace[k].timeout;
	}
	printf("# %d scenarios, %d arrivals each: %d acts, %d timeouts\n", n,
	    ARRIVALS, acts, timeouts);
	CHECK(acts > 10 * SCENARIOS && timeouts > SCENARIOS / 10);
}
