/* What a run has cost: its agents' calls and the runs within it. */

#include <stdlib.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/decide/account.h"

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

static void
add_usage(struct usage_sum *u, const struct event *e)
{
	u->input_tokens += e->input_tokens;
	u->cached_input_tokens += e->cached_input_tokens;
	u->output_tokens += e->output_tokens;
	u->reasoning_tokens += e->reasoning_tokens;
	u->cost += e->cost;
	u->calls++;
	u->unpriced_calls += e->priced ? 0 : 1;
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

static void
add_sum(struct usage_sum *u, const struct usage_sum *more)
{
	u->input_tokens += more->input_tokens;
	u->cached_input_tokens += more->cached_input_tokens;
	u->output_tokens += more->output_tokens;
	u->reasoning_tokens += more->reasoning_tokens;
	u->calls += more->calls;
	u->unpriced_calls += more->unpriced_calls;
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
	if (!e->priced)
		note_unpriced(s, e->model);
	add_usage(&s->agents[e->who].usage, e);
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
	c->usage = (struct usage_sum) { .input_tokens = e->input_tokens,
		.cached_input_tokens = e->cached_input_tokens,
		.output_tokens = e->output_tokens,
		.reasoning_tokens = e->reasoning_tokens,
		.calls = e->calls,
		.unpriced_calls = e->unpriced_calls,
		.cost = e->cost };
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
