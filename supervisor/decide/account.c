/* What a run has cost: its agents' calls and the runs within it. */

#include <stdlib.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/decide/account.h"

/* Of a sum: two of them can still be added. */
#define COUNT_MAX (INT64_MAX / 2)

static const char *const child_names[] = {
	[CHILD_RUNNING] = "running",
	[CHILD_ENDED] = "ended",
	[CHILD_LOST] = "lost",
};

const char *
child_state_name(enum child_state state)
{
	return (child_names[state]);
}

int64_t
account_count(int64_t said)
{
	if (said < 0)
		return (0);
	return (said > ACCOUNT_TOKENS_MAX ? ACCOUNT_TOKENS_MAX : said);
}

double
account_usd(double said)
{
	if (!(said > 0))
		return (0);
	return (said > ACCOUNT_USD_MAX ? ACCOUNT_USD_MAX : said);
}

/* What e says of itself, whoever wrote the journal that it is from. */
static struct usage_sum
usage_of(const struct event *e)
{
	return (
	    (struct usage_sum) { .input_tokens = account_count(e->input_tokens),
		.cached_input_tokens = account_count(e->cached_input_tokens),
		.output_tokens = account_count(e->output_tokens),
		.reasoning_tokens = account_count(e->reasoning_tokens),
		.calls = account_count(e->calls),
		.unpriced_calls = account_count(e->unpriced_calls),
		.cost = account_usd(e->cost) });
}

static void
note_unpriced(struct session *s, const char *model)
{
	if (model == NULL || s->nunpriced == SESSION_UNPRICED_MAX ||
	    session_is_unpriced(s, model))
		return;
	s->unpriced_models = xreallocarray(
	    s->unpriced_models, s->nunpriced + 1, sizeof(*s->unpriced_models));
	s->unpriced_models[s->nunpriced++] = xstrdup(model);
}

/* Neither is negative nor above COUNT_MAX, and nor is their sum. */
static void
add_count(int64_t *sum, int64_t more)
{
	*sum = more > COUNT_MAX - *sum ? COUNT_MAX : *sum + more;
}

/* Dollars need no such care: no run makes 1e299 calls. */
static void
add_sum(struct usage_sum *u, const struct usage_sum *more)
{
	add_count(&u->input_tokens, more->input_tokens);
	add_count(&u->cached_input_tokens, more->cached_input_tokens);
	add_count(&u->output_tokens, more->output_tokens);
	add_count(&u->reasoning_tokens, more->reasoning_tokens);
	add_count(&u->calls, more->calls);
	add_count(&u->unpriced_calls, more->unpriced_calls);
	u->cost += more->cost;
}

/* The sum of what agents and nested runs show, to the last digit. */
static void
add_up(struct session *s)
{
	size_t i;

	memset(&s->usage, 0, sizeof(s->usage));
	for (i = 0; i < s->nagents; i++)
		add_sum(&s->usage, &s->agents[i].usage);
	for (i = 0; i < s->nchildren; i++)
		add_sum(&s->usage, &s->children[i].usage);
}

void
account_usage(struct session *s, const struct event *e)
{
	struct usage_sum one = usage_of(e);

	if (!e->priced)
		note_unpriced(s, e->model);
	one.calls = 1;
	one.unpriced_calls = e->priced ? 0 : 1;
	add_sum(&s->agents[e->who].usage, &one);
	add_up(s);
}

void
account_child_opened(struct session *s, const struct event *e)
{
	struct session_child *c;

	if (e->child != (int64_t)s->nchildren + 1)
		return;
	s->children =
	    xreallocarray(s->children, s->nchildren + 1, sizeof(*s->children));
	c = &s->children[s->nchildren++];
	memset(c, 0, sizeof(*c));
	c->agent = e->who;
	c->session_id = xstrdup(e->session_id);
	c->log_dir = xstrdup(e->log_dir);
	c->question = xstrdup(e->question);
	c->lease = e->lease;
}

void
account_child(struct session *s, const struct event *e)
{
	struct session_child *c;

	if (e->child < 1 || e->child > (int64_t)s->nchildren)
		return;
	c = &s->children[e->child - 1];
	c->usage = usage_of(e);
	if (e->type == EVENT_CHILD_STATE) {
		c->percent = (int)e->percent;
	} else if (strcmp(e->kind, "ended") == 0) {
		c->state = CHILD_ENDED;
		c->exit_code = e->exit_code;
		c->percent = 100;
	} else {
		c->state = CHILD_LOST;
	}
	add_up(s);
}
