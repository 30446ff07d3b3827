/*
 * supervisor/nest/ledger: whether a call or a nested run may be had.  Random
 * courses of calls and nested runs are played against it: whatever comes in
 * which order, no limit is passed by a cent, nobody waits for nothing, and
 * what was not spent can be had by others.
 */

#include <stdio.h>
#include <stdlib.h>

#include "supervisor/nest/ledger.h"
#include "tests/test.h"

#define AGENTS       4
#define CHILDREN_MAX 300
#define COURSES      400
#define STEPS        400

/* --- a course of a run --- */

struct course {
	struct ledger ledger;
	struct ledger_agent agents[AGENTS];
	struct ledger_child children[CHILDREN_MAX];
	unsigned seed;
	int granted;
	int waited;
	int refused;
	int leased;
};

static unsigned
draw(struct course *c, unsigned n)
{
	/* a linear congruence: the same course on any machine */
	c->seed = c->seed * 1664525u + 1013904223u;
	return ((c->seed >> 8) % n);
}

static double
lesser(double a, double b)
{
	return (a < b ? a : b);
}

/* Sums like 0.1 + 0.2, which come out a little wrong. */
static double
draw_usd(struct course *c, double most)
{
	static const double odd[] = { 0.1, 0.2, 0.3, 0.7, 1e-7, 0.000333 };

	if (draw(c, 3) == 0)
		return (lesser(most, odd[draw(c, 6)] * (1 + draw(c, 3))));
	return (most * draw(c, 1000001) / 1e6);
}

static void
begin(struct course *c, unsigned seed)
{
	size_t i;

	memset(c, 0, sizeof(*c));
	c->seed = seed;
	c->ledger.agents = c->agents;
	c->ledger.nagents = 1 + draw(c, AGENTS);
	c->ledger.children = c->children;
	c->ledger.limit = draw(c, 4) == 0 ? 0 : draw_usd(c, 20) + 0.01;
	for (i = 0; i < c->ledger.nagents; i++)
		c->agents[i].limit = draw(c, 2) == 0 ? 0 : draw_usd(c, 9);
}

static bool
has_limit(const struct course *c, size_t agent)
{
	return (c->ledger.limit > 0 || c->agents[agent].limit > 0);
}

/* What status.json would show, added up as it adds up. */
static double
spent_by(const struct course *c, size_t agent, bool all)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < c->ledger.nagents; i++)
		sum += all || i == agent ? c->agents[i].spent : 0;
	for (i = 0; i < c->ledger.nchildren; i++)
		if (all || c->children[i].agent == agent)
			sum += c->children[i].spent;
	return (sum);
}

static bool
check_limits(const struct course *c)
{
	bool ok = true;
	size_t i;

	if (c->ledger.limit > 0)
		ok = CHECK(spent_by(c, 0, true) <= c->ledger.limit);
	for (i = 0; i < c->ledger.nagents; i++)
		if (c->agents[i].limit > 0)
			ok = CHECK(
				 spent_by(c, i, false) <= c->agents[i].limit) &&
			    ok;
	return (ok);
}

static bool
anything_open(const struct course *c)
{
	size_t i;

	for (i = 0; i < c->ledger.nagents; i++)
		if (c->agents[i].call > 0)
			return (true);
	for (i = 0; i < c->ledger.nchildren; i++)
		if (c->children[i].open && c->children[i].lease > 0)
			return (true);
	return (false);
}

static void
call(struct course *c, size_t agent)
{
	double cost = draw_usd(c, 3);
	bool open = anything_open(c);

	if (c->agents[agent].call > 0)
		return;
	switch (ledger_call(&c->ledger, agent, cost)) {
	case LEDGER_GRANTED:
		c->granted++;
		c->agents[agent].call = cost;
		break;
	case LEDGER_WAIT:
		c->waited++;
		CHECK(open);
		break;
	case LEDGER_REFUSED:
	case LEDGER_OVER:
		c->refused++;
		CHECK(has_limit(c, agent));
		break;
	}
}

static void
settle(struct course *c, size_t agent)
{
	struct ledger_agent *a = &c->agents[agent];

	if (a->call <= 0)
		return;
	a->spent += draw(c, 3) == 0 ? a->call : draw_usd(c, a->call);
	a->call = 0;
}

static void
nest(struct course *c, size_t agent)
{
	double wanted = draw(c, 2) == 0 ? 0 : draw_usd(c, 5), lease;
	struct ledger_child *child;

	if (c->ledger.nchildren == CHILDREN_MAX)
		return;
	if (!ledger_lease(&c->ledger, agent, wanted, &lease)) {
		CHECK(has_limit(c, agent));
		CHECK(lease == 0);
		return;
	}
	c->leased++;
	CHECK((lease > 0) == has_limit(c, agent));
	CHECK(wanted <= 0 || lease <= wanted);
	child = &c->children[c->ledger.nchildren++];
	child->agent = agent;
	child->open = true;
	child->lease = lease;
}

/* It spends, ends, or is lost with all that it had. */
static void
go_on(struct course *c)
{
	struct ledger_child *child;
	double left;

	if (c->ledger.nchildren == 0)
		return;
	child = &c->children[draw(c, (unsigned)c->ledger.nchildren)];
	if (!child->open)
		return;
	left = child->lease > 0 ? child->lease - child->spent : 1;
	if (left > 0)
		child->spent += draw_usd(c, left);
	if (child->lease > 0 && child->spent > child->lease)
		child->spent = child->lease;
	switch (draw(c, 4)) {
	case 0:
		child->open = false;
		break;
	case 1:
		child->open = false;
		if (child->lease > 0)
			child->spent = child->lease;
		break;
	}
}

static bool
step(struct course *c)
{
	size_t agent = draw(c, (unsigned)c->ledger.nagents);

	switch (draw(c, 5)) {
	case 0:
		call(c, agent);
		break;
	case 1:
		settle(c, agent);
		break;
	case 2:
		nest(c, agent);
		break;
	default:
		go_on(c);
		break;
	}
	return (check_limits(c));
}

TEST(no_course_passes_a_limit)
{
	static struct course c;
	int granted = 0, waited = 0, refused = 0, leased = 0;
	unsigned seed;
	int i;

	for (seed = 1; seed <= COURSES; seed++) {
		begin(&c, seed);
		for (i = 0; i < STEPS; i++)
			if (!step(&c)) {
				printf("# seed %u, step %d\n", seed, i);
				return;
			}
		granted += c.granted;
		waited += c.waited;
		refused += c.refused;
		leased += c.leased;
	}
	/* every ruling was met, and often */
	CHECK(granted > 1000 && waited > 100 && refused > 1000);
	CHECK(leased > 1000);
}

/* --- the rules, one by one --- */

static struct ledger
ledger_of(struct ledger_agent agents[2], struct ledger_child children[4],
    double limit, size_t nchildren)
{
	return ((struct ledger) { .limit = limit,
	    .agents = agents,
	    .nagents = 2,
	    .children = children,
	    .nchildren = nchildren });
}

TEST(without_limits_all_is_granted)
{
	struct ledger_agent agents[2] = { { .limit = 0 } };
	struct ledger_child children[4] = { { .agent = 0 } };
	struct ledger l = ledger_of(agents, children, 0, 0);
	double lease = 7;

	CHECK_INT(ledger_call(&l, 1, 1e6), LEDGER_GRANTED);
	CHECK(ledger_lease(&l, 1, 0, &lease) && lease == 0);
	CHECK(ledger_lease(&l, 1, 5, &lease) && lease == 0);
}

TEST(a_lease_is_what_is_wanted_or_half)
{
	struct ledger_agent agents[2] = { { .limit = 0 } };
	struct ledger_child children[4] = { { .agent = 0 } };
	struct ledger l = ledger_of(agents, children, 10, 0);
	double lease;

	CHECK(ledger_lease(&l, 0, 3, &lease) && lease == 3);
	CHECK(ledger_lease(&l, 0, 0, &lease) && lease == 5);
	CHECK(ledger_lease(&l, 0, 99, &lease) && lease == 10);
	/* the agent's own limit is the narrower one */
	agents[0].limit = 2;
	CHECK(ledger_lease(&l, 0, 99, &lease) && lease == 2);
	CHECK(ledger_lease(&l, 1, 99, &lease) && lease == 10);
}

TEST(what_is_under_way_is_kept_back)
{
	struct ledger_agent agents[2] = { { .spent = 1, .call = 2 },
		{ .limit = 0 } };
	struct ledger_child children[4] = {
		{ .agent = 1, .open = true, .spent = 1, .lease = 3 },
		{ .agent = 0, .open = false, .spent = 1, .lease = 9 },
	};
	struct ledger l = ledger_of(agents, children, 10, 2);
	double lease;

	/* 1 + 2, 3 and 1 are gone */
	CHECK(ledger_lease(&l, 1, 99, &lease) && lease == 3);
	CHECK_INT(ledger_call(&l, 1, 3), LEDGER_GRANTED);
	CHECK_INT(ledger_call(&l, 1, 4), LEDGER_WAIT);
	CHECK_INT(ledger_call(&l, 1, 7), LEDGER_WAIT);
	CHECK_INT(ledger_call(&l, 1, 7.5), LEDGER_OVER);
}

TEST(a_nested_run_counts_for_its_agent)
{
	struct ledger_agent agents[2] = { { .limit = 2 }, { .limit = 2 } };
	struct ledger_child children[4] = {
		{ .agent = 0, .open = true, .spent = 0.5, .lease = 1.5 },
	};
	struct ledger l = ledger_of(agents, children, 0, 1);
	double lease;

	CHECK_INT(ledger_call(&l, 0, 0.5), LEDGER_GRANTED);
	CHECK_INT(ledger_call(&l, 0, 1), LEDGER_WAIT);
	CHECK_INT(ledger_call(&l, 0, 1.75), LEDGER_REFUSED);
	CHECK_INT(ledger_call(&l, 1, 1.75), LEDGER_GRANTED);
	CHECK(ledger_lease(&l, 0, 9, &lease) && lease == 0.5);
	children[0].open = false;
	children[0].spent = 2;
	CHECK(!ledger_lease(&l, 0, 9, &lease) && lease == 0);
}

/* 0.1 three times is more than 0.3, and has to be found to be. */
TEST(rounding_is_nobodys_gain)
{
	struct ledger_agent agents[2] = { { .spent = 0.1 }, { .spent = 0.1 } };
	struct ledger_child children[4] = { { .agent = 0 } };
	struct ledger l = ledger_of(agents, children, 0.3, 0);
	double lease;

	CHECK(ledger_lease(&l, 0, 0.1, &lease));
	CHECK(lease <= 0.1 && lease > 0.0999999);
	CHECK(agents[0].spent + agents[1].spent + lease <= 0.3);
	CHECK_INT(ledger_call(&l, 0, 0.2), LEDGER_OVER);
}

static int64_t
admitted(struct ledger_terms t, const char *word)
{
	char why[160] = "";
	int64_t ms = ledger_admit(&t, why, sizeof(why));

	CHECK((ms == 0) == (word != NULL));
	if (word != NULL && !CHECK(strstr(why, word) != NULL))
		printf("# %s\n", why);
	return (ms);
}

TEST(depth_number_and_time)
{
	const struct ledger_terms good = { .depth = 3,
		.max_depth = 3,
		.open = 63,
		.max_open = 64,
		.ever = LEDGER_EVER_MAX - 1,
		.left_ms = 60000,
		.own_ms = 0 };
	struct ledger_terms t = good;

	CHECK_INT(admitted(t, NULL), 58000);
	t.own_ms = 1000;
	CHECK_INT(admitted(t, NULL), 1000);
	t.own_ms = 59000;
	CHECK_INT(admitted(t, NULL), 58000);
	t = good;
	t.depth = 4;
	admitted(t, "nested 4 deep, and the limit is 3");
	t = good;
	t.open = 64;
	admitted(t, "64 nested runs are under way");
	t = good;
	t.ever = LEDGER_EVER_MAX;
	admitted(t, "which is the limit");
	t = good;
	t.left_ms = 2999;
	admitted(t, "too little time");
	t.left_ms = 3000;
	CHECK_INT(admitted(t, NULL), 1000);
	t.left_ms = -5;
	admitted(t, "too little time");
}
