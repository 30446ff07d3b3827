/*
 * Money: what each model call cost, and whether another one may be made.
 * A call is granted the most that it can cost, and settled with what it
 * did; what is granted and not yet settled counts against the limits.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/log.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/decide/account.h"
#include "supervisor/nest/ledger.h"
#include "supervisor/run.h"

#define MODEL_NAME_MAX 200

static bool
is_mock(const struct agent_run *a)
{
	return (strcmp(a->config->preset->type, "mock") == 0);
}

/* How the money stands; for close_ledger. */
static void
open_ledger(const struct run *run, struct ledger *l)
{
	const struct session *s = run->session;
	struct ledger_agent *agents = xcalloc(s->nagents, sizeof(*agents));
	struct ledger_child *children =
	    xcalloc(s->nchildren + 1, sizeof(*children));
	size_t i;

	for (i = 0; i < s->nagents; i++)
		agents[i] = (struct ledger_agent) {
			.limit = run->agents[i].config->max_cost_usd,
			.spent = s->agents[i].usage.cost,
			.call = run->agents[i].spend.reserved,
		};
	for (i = 0; i < s->nchildren; i++)
		children[i] = (struct ledger_child) {
			.agent = (size_t)s->children[i].agent,
			.open = s->children[i].state == CHILD_RUNNING,
			.spent = s->children[i].usage.cost,
			.lease = s->children[i].lease,
		};
	*l = (struct ledger) { run->config->max_cost_usd, agents, s->nagents,
		children, s->nchildren };
}

static void
close_ledger(struct ledger *l)
{
	free(l->agents);
	free(l->children);
}

static enum ledger_ruling
rule(struct run *run, const struct agent_run *a, double cost)
{
	enum ledger_ruling ruling;
	struct ledger l;

	open_ledger(run, &l);
	ruling = ledger_call(&l, (size_t)a->worker.index, cost);
	close_ledger(&l);
	if (ruling == LEDGER_OVER)
		run->cost_limited = true;
	return (ruling);
}

bool
spend_lease(struct run *run, const struct agent_run *a, double wanted,
    double *out_lease)
{
	struct ledger l;
	bool had;

	open_ledger(run, &l);
	had = ledger_lease(&l, (size_t)a->worker.index, wanted, out_lease);
	close_ledger(&l);
	return (had);
}

double
spend_left(struct run *run, const struct agent_run *a)
{
	double left;

	if (!spend_lease(run, a, HUGE_VAL, &left))
		return (0);
	return (left > 0 ? left : -1);
}

static void
answer(struct agent_run *a, int64_t turn, const char *refusal)
{
	struct msg m = { .type = MSG_GRANT,
		.turn = turn,
		.accepted = refusal == NULL,
		.text = refusal };

	worker_send(&a->worker, &m);
}

static void
take_up(struct run *run, struct agent_run *a, double cost, int64_t turn)
{
	enum ledger_ruling ruling = rule(run, a, cost);

	a->spend.waiting = ruling == LEDGER_WAIT;
	a->spend.wanted = cost;
	a->spend.waits_for = turn;
	if (ruling == LEDGER_GRANTED) {
		a->spend.open = true;
		a->spend.reserved = cost;
		answer(a, turn, NULL);
	} else if (ruling != LEDGER_WAIT) {
		answer(a, turn, "the cost limit allows no other call");
	}
}

void
spend_retry(struct run *run)
{
	size_t i;

	for (i = 0; i < run->session->nagents; i++) {
		struct agent_run *a = &run->agents[i];

		if (!a->spend.waiting)
			continue;
		a->spend.waiting = false;
		if (a->turn_open && a->turn == a->spend.waits_for)
			take_up(run, a, a->spend.wanted, a->turn);
	}
}

static void
set_model(struct agent_run *a, const char *model)
{
	free(a->spend.model);
	a->spend.model =
	    model == NULL ? NULL : utf8_line(model, MODEL_NAME_MAX);
}

static void
forget(struct agent_run *a)
{
	set_model(a, NULL);
	memset(&a->spend, 0, sizeof(a->spend));
}

/* Why e's cost is not known, said once for a model. */
static void
warn_unpriced(struct run *run, const struct agent_run *a, const char *model)
{
	if (agent_is_local(a->config))
		return;
	if (config_price(run->config, a->config, model) == NULL)
		run_warn(run,
		    "model %s has no price: its calls are not in the costs",
		    model);
	else
		run_warn(run,
		    "model %s: what a call used is not known, its cost is not "
		    "in the costs",
		    model);
}

/* The end of a call: journalled, and what was granted given back. */
static void
settle(struct run *run, struct agent_run *a, struct event *e)
{
	char *model = utf8_line(
	    e->model == NULL ? a->config->model : e->model, MODEL_NAME_MAX);
	bool news = !e->priced && !session_is_unpriced(run->session, model);

	if (a->spend.reserved > 0 && e->cost > a->spend.reserved)
		log_warnx("agent %s: a call cost %g USD, at most %g were "
			  "expected",
		    a->config->id, e->cost, a->spend.reserved);
	e->type = EVENT_USAGE;
	e->agent = a->config->id;
	e->model = model;
	forget(a);
	run_event(run, e);
	if (news && session_is_unpriced(run->session, model))
		warn_unpriced(run, a, model);
	free(model);
	spend_retry(run);
}

/* The reply began, and how much it took nobody can say: all of it. */
static void
price_lost(const struct agent_run *a, struct event *e)
{
	e->priced = a->spend.reserved > 0;
	if (e->cost < a->spend.reserved)
		e->cost = a->spend.reserved;
}

static void
drop_call(struct run *run, struct agent_run *a)
{
	struct event e = { .model = a->spend.model };

	if (a->spend.open && a->spend.begun) {
		price_lost(a, &e);
		settle(run, a, &e);
	} else {
		forget(a);
	}
}

/* The most that the call can cost; -1: no bound is known. */
static double
bound(const struct run *run, const struct agent_run *a, const struct msg *m)
{
	const struct price *price;

	if (is_mock(a))
		return (account_usd(m->cost));
	price = config_price(run->config, a->config,
	    m->model == NULL ? a->config->model : m->model);
	if (price == NULL || m->input_tokens <= 0 || m->output_tokens <= 0)
		return (-1);
	return (
	    account_usd(price_bound(price, m->input_tokens, m->output_tokens)));
}

void
spend_on_reserve(struct call *c)
{
	struct agent_run *a = c->agent;
	double cost = bound(c->run, a, c->msg);

	/* it asks again without having settled: that call is over */
	drop_call(c->run, a);
	set_model(a, c->msg->model);
	if (cost < 0)
		answer(a, c->msg->turn, "what the call can cost is not known");
	else
		take_up(c->run, a, cost, c->msg->turn);
}

static void
price_usage(const struct run *run, const struct agent_run *a,
    const struct msg *m, struct event *e)
{
	const struct price *price = config_price(run->config, a->config,
	    m->model == NULL ? a->config->model : m->model);
	bool is_program = a->config->program != NULL;
	struct price_usage usage = { e->input_tokens, e->cached_input_tokens,
		e->cache_write_tokens, e->output_tokens };

	/* a program may tell what it paid, whatever for */
	if (is_program && e->cost > 0)
		return;
	e->cost = price == NULL ? 0 : account_usd(price_of(price, &usage));
	/* a call that failed before its reply used nothing */
	e->priced = price != NULL ||
	    (!is_program && usage.input == 0 && usage.output == 0);
	if (m->lost)
		price_lost(a, e);
}

void
spend_on_usage(struct call *c)
{
	const struct msg *m = c->msg;
	struct event e = { .model = m->model,
		.input_tokens = account_count(m->input_tokens),
		.cached_input_tokens = account_count(m->cached_input_tokens),
		.cache_write_tokens = account_count(m->cache_write_tokens),
		.output_tokens = account_count(m->output_tokens),
		.reasoning_tokens = account_count(m->reasoning_tokens),
		.cost = account_usd(m->cost),
		.priced = true };

	if (!is_mock(c->agent))
		price_usage(c->run, c->agent, m, &e);
	settle(c->run, c->agent, &e);
}

void
spend_call(struct agent_run *a, const char *model)
{
	if (is_mock(a) || a->spend.open)
		return;
	a->spend.open = true;
	set_model(a, model);
}

void
spend_reply(struct agent_run *a)
{
	a->spend.begun = a->spend.open && !is_mock(a);
}

void
spend_gone(struct run *run, struct agent_run *a)
{
	drop_call(run, a);
	spend_retry(run);
}
