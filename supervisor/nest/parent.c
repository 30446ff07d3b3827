/* The side of a run whose tools start runs of their own. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/decide/account.h"
#include "supervisor/environment.h"
#include "supervisor/nest/door.h"
#include "supervisor/nest/identity.h"
#include "supervisor/nest/ledger.h"
#include "supervisor/nest/parent.h"
#include "supervisor/run.h"

#define QUESTION_SHOWN 200
#define SESSION_MAX    64
#define REFUSALS_TOLD  64  /* in the journal; the log has all */
#define STATE_EVERY_MS 400 /* in the journal, of one nested run */

struct child {
	struct run *run;
	int agent;
	int64_t number; /* in the journal, from 1 */
	char token[WIRE_RANDOM_LEN + 1];
	struct watch down;
	bool open; /* it has not said how it ended */
	double lease;
	struct event word; /* what it said last */
	int64_t told_at;   /* and when that went to the journal */
};

struct nest {
	struct identity identity;
	struct door *doors; /* by agent */
	struct child **children;
	size_t nchildren;
	size_t open;
	int refusals;
};

/* --- what they said --- */

static int64_t
count_of(int64_t n, int64_t least)
{
	return (n < least ? least : account_count(n));
}

/* It only grows, and stays within what was granted. */
static void
hear_usage(struct child *c, const struct wire *w)
{
	struct event *e = &c->word;
	double most = account_usd(c->lease > 0 ? c->lease : ACCOUNT_USD_MAX);

	e->input_tokens = count_of(w->input_tokens, e->input_tokens);
	e->cached_input_tokens =
	    count_of(w->cached_input_tokens, e->cached_input_tokens);
	e->output_tokens = count_of(w->output_tokens, e->output_tokens);
	e->reasoning_tokens =
	    count_of(w->reasoning_tokens, e->reasoning_tokens);
	e->calls = count_of(w->calls, e->calls);
	e->unpriced_calls = count_of(w->unpriced_calls, e->unpriced_calls);
	if (w->cost > most)
		log_warnx("a nested run says that it cost %g USD, and was "
			  "granted %g",
		    w->cost, most);
	if (w->cost > e->cost)
		e->cost = w->cost > most ? most : w->cost;
}

static void
tell(struct child *c, enum event_type type)
{
	c->word.type = type;
	c->word.agent = c->run->agents[c->agent].config->id;
	c->word.child = c->number;
	c->told_at = mono_ms();
	run_event(c->run, &c->word);
}

static void
end(struct child *c, const char *kind)
{
	int fd = c->down.fd;

	loop_unwatch(&c->down);
	close(fd);
	c->open = false;
	c->run->nest->open--;
	c->word.kind = kind;
	tell(c, EVENT_CHILD_ENDED);
	spend_retry(c->run);
}

/* What it may have spent since its last word nobody can say: all of it. */
static void
lose(struct child *c)
{
	if (c->lease > 0)
		c->word.cost = account_usd(c->lease);
	c->word.exit_code = -1;
	end(c, "lost");
}

/* Nobody holds the other end of its FIFO; its last word may be in the door. */
static void
gone(void *arg, uint32_t events)
{
	struct child *c = arg;

	(void)events;
	door_read(&c->run->nest->doors[c->agent]);
	if (c->open)
		lose(c);
}

static struct child *
find(struct nest *nest, int agent, const char *token)
{
	struct child *c;
	size_t i;

	for (i = 0; i < nest->nchildren; i++) {
		c = nest->children[i];
		if (c->open && c->agent == agent &&
		    strcmp(c->token, token) == 0)
			return (c);
	}
	return (NULL);
}

static void
hear_state(struct run *run, struct child *c, const struct wire *w)
{
	int64_t percent = w->percent > 99 ? 99 : w->percent;

	run_progress(run, &run->agents[c->agent]);
	if (percent > c->word.percent)
		c->word.percent = percent;
	hear_usage(c, w);
	if (mono_ms() - c->told_at >= STATE_EVERY_MS)
		tell(c, EVENT_CHILD_STATE);
}

static void
hear_end(struct run *run, struct child *c, const struct wire *w)
{
	run_progress(run, &run->agents[c->agent]);
	hear_usage(c, w);
	c->word.exit_code = w->exit_code;
	if (w->exit_code < EXIT_OK || w->exit_code > EXIT_INTERRUPTED)
		c->word.exit_code = EXIT_EXECUTION;
	end(c, "ended");
}

/* --- a new one --- */

static void
say(int fd, const struct wire *w)
{
	struct buf line = BUF_INITIALIZER;

	/* the FIFO is empty, and if nobody reads it that is soon known */
	if (!wire_encode(w, &line) || wire_write(fd, &line) == -1)
		log_info("a nested run does not hear: %s", strerror(errno));
	buf_release(&line);
}

static void
refuse(struct run *run, int agent, int fd, const char *why)
{
	struct wire w = { .type = WIRE_REFUSE, .text = why };
	struct event e = { .type = EVENT_REFUSED,
		.agent = run->agents[agent].config->id,
		.kind = "nested_run",
		.text = why };

	say(fd, &w);
	close(fd);
	log_info("agent %s: a nested run was refused: %s", e.agent, why);
	if (run->nest->refusals++ < REFUSALS_TOLD)
		run_event(run, &e);
}

/* Until when what the agent started can be of use, monotonic. */
static int64_t
agent_end(const struct run *run, int agent)
{
	const struct agent_run *a = &run->agents[agent];
	int64_t at =
	    run->stage == STAGE_COORDINATING ? run->soft_end : run->present_end;

	return (a->turn_open ? mono_min(at, a->turn_end) : at);
}

static int64_t
admit(struct run *run, int agent, const struct wire *w, double *out_lease,
    char *why, size_t whylen)
{
	struct ledger_terms terms = { .depth = run->session->depth + 1,
		.max_depth = run->config->max_nesting_depth,
		.open = run->nest->open,
		.max_open = (size_t)run->config->max_nested_runs,
		.ever = run->nest->nchildren,
		.left_ms = agent_end(run, agent) - mono_ms(),
		.own_ms = w->timeout_ms };
	int64_t left;

	if (run->stage >= STAGE_ENDING || run->interrupts > 0) {
		strlcpy(why, "the run that started this one is ending", whylen);
		return (0);
	}
	if ((left = ledger_admit(&terms, why, whylen)) == 0)
		return (0);
	if (!spend_lease(
		run, &run->agents[agent], w->max_cost_usd, out_lease)) {
		strlcpy(
		    why, "the cost limit leaves it nothing to spend", whylen);
		return (0);
	}
	return (left);
}

static struct child *
enter(struct run *run, int agent, int fd, double lease)
{
	struct nest *nest = run->nest;
	struct child *c = xcalloc(1, sizeof(*c));

	nest->children = xreallocarray(
	    nest->children, nest->nchildren + 1, sizeof(struct child *));
	nest->children[nest->nchildren++] = c;
	nest->open++;
	c->run = run;
	c->agent = agent;
	c->number = (int64_t)nest->nchildren;
	c->open = true;
	c->lease = lease;
	wire_random(c->token);
	c->down.ready = gone;
	c->down.arg = c;
	/* no event is asked for: an error is reported in any case */
	loop_watch(&c->down, fd, 0);
	return (c);
}

static void
tell_opened(struct run *run, const struct child *c, const struct wire *w)
{
	char *question = utf8_line(w->question, QUESTION_SHOWN);
	struct event e = { .type = EVENT_CHILD_OPENED,
		.agent = run->agents[c->agent].config->id,
		.child = c->number,
		.session_id = w->session_id,
		.log_dir = w->log_dir,
		.question = question,
		.lease = c->lease };

	run_event(run, &e);
	free(question);
}

static bool
is_sane(const struct wire *w)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
				   "abcdefghijklmnopqrstuvwxyz0123456789.-";
	size_t len = strlen(w->session_id);

	return (len > 0 && len <= SESSION_MAX && *w->session_id != '.' &&
	    *w->session_id != '-' && strspn(w->session_id, safe) == len &&
	    *w->log_dir == '/');
}

static void
hear_open(struct run *run, struct door *d, const struct wire *w)
{
	struct wire grant = { .type = WIRE_GRANT,
		.parent = run->session->session_id,
		.depth = run->session->depth + 1,
		.max_depth = run->config->max_nesting_depth,
		.max_runs = run->config->max_nested_runs };
	struct child *c;
	char why[160];
	int fd;

	if (!is_sane(w) || (fd = door_down(d, w->name)) == -1)
		return;
	grant.left_ms =
	    admit(run, d->agent, w, &grant.budget_usd, why, sizeof(why));
	if (grant.left_ms == 0) {
		refuse(run, d->agent, fd, why);
		return;
	}
	c = enter(run, d->agent, fd, grant.budget_usd);
	run_progress(run, &run->agents[d->agent]);
	tell_opened(run, c, w);
	grant.token = c->token;
	say(fd, &grant);
}

static void
take(void *arg, struct door *d, const struct wire *w)
{
	struct run *run = arg;
	struct child *c;

	switch (w->type) {
	case WIRE_OPEN:
		hear_open(run, d, w);
		break;
	case WIRE_STATE:
	case WIRE_END:
		c = find(run->nest, d->agent, w->token);
		if (c == NULL)
			break;
		if (w->type == WIRE_STATE)
			hear_state(run, c, w);
		else
			hear_end(run, c, w);
		break;
	case WIRE_GRANT:
	case WIRE_REFUSE:
		break;
	}
}

/* --- the run's --- */

void
parent_init(struct run *run)
{
	size_t i, n = run->config->nagents;
	struct nest *nest = xcalloc(1, sizeof(*nest));

	run->nest = nest;
	nest->doors = xcalloc(n, sizeof(*nest->doors));
	for (i = 0; i < n; i++) {
		nest->doors[i].agent = (int)i;
		nest->doors[i].in.fd = -1;
		nest->doors[i].take = take;
		nest->doors[i].arg = run;
	}
	identity_take(&nest->identity, run->log_dir);
}

void
parent_release(struct run *run)
{
	struct nest *nest = run->nest;
	char *dir;
	size_t i;

	for (i = 0; i < run->config->nagents; i++)
		door_close(&nest->doors[i]);
	dir = xasprintf("%s/children", run->log_dir);
	(void)rmdir(dir);
	free(dir);
	for (i = 0; i < nest->nchildren; i++)
		free(nest->children[i]);
	free(nest->children);
	free(nest->doors);
	identity_remove(&nest->identity, run->log_dir);
	free(nest);
	run->nest = NULL;
}

void
parent_finish(struct run *run)
{
	struct nest *nest = run->nest;
	size_t i;

	for (i = 0; i < run->config->nagents; i++)
		door_read(&nest->doors[i]);
	for (i = 0; i < nest->nchildren; i++)
		if (nest->children[i]->open)
			lose(nest->children[i]);
}

const char *
nest_dir(const struct run *run, int agent)
{
	return (run->nest->doors[agent].dir);
}

/* Where its door is, or would be: without one a nested run says so. */
static char *
door_dir(const struct run *run, int agent)
{
	return (xasprintf("%s/children/%s",
	    run->real_dir == NULL ? run->log_dir : run->real_dir,
	    run->session->agents[agent].anonymous));
}

struct json_object *
nest_env(struct run *run, int agent)
{
	struct door *d = &run->nest->doors[agent];
	struct json_object *env = json_object_new_object();
	double left = spend_left(run, &run->agents[agent]);
	char *dir = door_dir(run, agent), text[32];

	if (d->dir == NULL && door_open(d, xstrdup(dir)) == -1)
		log_warn("agent %s: no run can be nested",
		    run->agents[agent].config->id);
	environment_put_own(env);
	field_put_str(env, "MASSGEN_PARENT", dir);
	free(dir);
	field_put_str(env, IDENTITY_VARIABLE, run->nest->identity.all);
	snprintf(text, sizeof(text), "%lld", (long long)run->session->depth);
	field_put_str(env, "MASSGEN_DEPTH", text);
	snprintf(text, sizeof(text), "%lld",
	    (long long)(run->start_ms + run->soft_end - run->started) / 1000);
	field_put_str(env, "MASSGEN_DEADLINE", text);
	snprintf(text, sizeof(text), "%.9g", left);
	if (left >= 0)
		field_put_str(env, "MASSGEN_BUDGET_USD", text);
	return (env);
}
