/* A run's state: the fold of its events. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/decide/account.h"
#include "supervisor/decide/session.h"

#define PERCENT_FINAL 95 /* the final answer is there */

static const struct {
	const char *name;
	int milestone;
	size_t (*done)(const struct session *); /* agents that got so far */
} phases[PHASES] = {
	[PHASE_PLANNING] = { "planning", 10, session_living_ready },
	[PHASE_GENERATION] = { "generation", 50, session_living_acted },
	[PHASE_VOTING] = { "voting", 75, session_living_voted },
	[PHASE_PRESENTATION] = { "presentation", 100, NULL },
};

static const char *const status_names[] = {
	[AGENT_WAITING] = "waiting",
	[AGENT_STREAMING] = "streaming",
	[AGENT_ANSWERED] = "answered",
	[AGENT_VOTED] = "voted",
	[AGENT_RESTARTING] = "restarting",
	[AGENT_ERROR] = "error",
	[AGENT_TIMEOUT] = "timeout",
	[AGENT_COMPLETED] = "completed",
};

const char *
phase_name(enum phase phase)
{
	return (phases[phase].name);
}

int
phase_milestone(enum phase phase)
{
	return (phases[phase].milestone);
}

const char *
agent_status_name(enum agent_status status)
{
	return (status_names[status]);
}

struct session *
session_new(void)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->last_active = s->winner = -1;
	s->attempt = 1;
	return (s);
}

void
session_free(struct session *s)
{
	size_t i;

	for (i = 0; i < s->nagents; i++) {
		struct session_agent *a = &s->agents[i];

		free(a->id);
		free(a->model);
		json_object_put(a->profile);
		free(a->sandbox);
		free(a->activity);
		free(a->vote_reason);
		free(a->error_type);
		free(a->error_message);
	}
	for (i = 0; i < s->nanswers; i++) {
		free(s->answers[i].label);
		free(s->answers[i].path);
		free(s->answers[i].sha256);
		free(s->answers[i].snapshot);
		free(s->answers[i].preview);
	}
	for (i = 0; i < s->nchildren; i++) {
		free(s->children[i].session_id);
		free(s->children[i].log_dir);
		free(s->children[i].question);
	}
	free(s->children);
	for (i = 0; i < s->nunpriced; i++)
		free(s->unpriced_models[i]);
	free(s->unpriced_models);
	free(s->agents);
	free(s->by_id);
	free(s->answers);
	free(s->session_id);
	free(s->log_dir);
	free(s->question);
	free(s->version);
	free(s->parent);
	free(s->stopping);
	free(s->winner_reason);
	free(s->final_path);
	free(s->final_preview);
	free(s->final_sha256);
	free(s->manifest);
	free(s->outcome);
	free(s->message);
	free(s);
}

static void
set(char **slot, const char *value)
{
	free(*slot);
	*slot = value == NULL ? NULL : xstrdup(value);
}

/* --- one function per event --- */

static int
compare_ids(const void *a, const void *b, void *arg)
{
	const struct session_agent *agents = arg;

	return (strcmp(agents[*(const int *)a].id, agents[*(const int *)b].id));
}

static void
sort_ids(struct session *s)
{
	size_t i;

	s->by_id = xcalloc(s->nagents, sizeof(*s->by_id));
	for (i = 0; i < s->nagents; i++)
		s->by_id[i] = (int)i;
	qsort_r(
	    s->by_id, s->nagents, sizeof(*s->by_id), compare_ids, s->agents);
}

static void
apply_run_started(struct session *s, const struct event *e)
{
	struct json_object *row, *v;
	size_t i;

	set(&s->session_id, e->session_id);
	set(&s->log_dir, e->log_dir);
	set(&s->question, e->question);
	set(&s->version, e->version);
	set(&s->parent, e->parent);
	s->pid = e->pid;
	s->depth = e->depth;
	s->dry_run = e->dry_run;
	s->direct = e->direct;
	s->start_time = s->last_progress = e->time;
	s->nagents = json_object_array_length(e->agents);
	s->agents = xcalloc(s->nagents, sizeof(*s->agents));
	for (i = 0; i < s->nagents; i++) {
		struct session_agent *a = &s->agents[i];

		row = json_object_array_get_idx(e->agents, i);
		if (json_object_object_get_ex(row, "id", &v))
			a->id = xstrdup(json_object_get_string(v));
		else
			a->id = xasprintf("agent%zu", i + 1);
		if (json_object_object_get_ex(row, "model", &v))
			a->model = xstrdup(json_object_get_string(v));
		if (json_object_object_get_ex(row, "model_profile", &v))
			a->profile = json_object_get(v);
		if (json_object_object_get_ex(row, "sandbox", &v))
			a->sandbox = xstrdup(json_object_get_string(v));
		snprintf(a->anonymous, sizeof(a->anonymous), "agent%zu", i + 1);
		a->latest = a->vote_answer = -1;
		a->activity = xstrdup("starting");
		a->last_activity = e->time;
	}
	sort_ids(s);
}

static void
void_votes(struct session *s)
{
	size_t i;

	for (i = 0; i < s->nagents; i++) {
		struct session_agent *a = &s->agents[i];

		if (!a->vote_stands)
			continue;
		a->vote_stands = false;
		s->answers[a->vote_answer].votes--;
		s->answers[a->vote_answer].votes_superseded++;
	}
}

static void
back_to_work(struct session *s, int author)
{
	size_t i;

	for (i = 0; i < s->nagents; i++) {
		struct session_agent *a = &s->agents[i];

		if ((int)i == author || a->ended || a->turn == 0)
			continue;
		a->times_restarted++;
		a->status = AGENT_RESTARTING;
	}
}

static void
acted(struct session_agent *a, enum agent_status status)
{
	a->acted = true;
	a->busy = false;
	a->status = status;
	set(&a->activity, "idle");
	set(&a->error_type, NULL);
	set(&a->error_message, NULL);
}

static void
apply_answer(struct session *s, const struct event *e)
{
	struct session_agent *a = &s->agents[e->who];
	struct session_answer *answer;

	void_votes(s);
	s->answers =
	    xreallocarray(s->answers, s->nanswers + 1, sizeof(*s->answers));
	answer = &s->answers[s->nanswers];
	memset(answer, 0, sizeof(*answer));
	answer->agent = e->who;
	answer->number = ++a->answers;
	answer->label = xstrdup(e->label);
	answer->path = xstrdup(e->path);
	answer->sha256 = xstrdup(e->sha256);
	set(&answer->snapshot, e->snapshot);
	answer->preview = xstrdup(e->text);
	answer->bytes = e->bytes;
	answer->at_ms = e->at_ms;
	a->latest = (int)s->nanswers++;
	acted(a, AGENT_ANSWERED);
	back_to_work(s, e->who);
}

static void
apply_vote(struct session *s, const struct event *e)
{
	struct session_agent *a = &s->agents[e->who];
	int target = session_agent_by_id(s, e->target);

	if (target == -1 || s->agents[target].latest == -1)
		return;
	if (a->vote_stands)
		s->answers[a->vote_answer].votes--;
	a->vote_stands = true;
	a->vote_answer = s->agents[target].latest;
	set(&a->vote_reason, e->text);
	s->answers[a->vote_answer].votes++;
	acted(a, AGENT_VOTED);
}

/* Answers stay on record, but are no more to be voted for. */
static void
apply_restart(struct session *s, const struct event *e)
{
	size_t i;

	void_votes(s);
	s->attempt = e->attempt;
	s->first_answer = s->nanswers;
	s->winner = -1;
	s->presenting = false;
	set(&s->winner_reason, NULL);
	set(&s->stopping, NULL);
	s->phase = PHASE_GENERATION;
	for (i = 0; i < s->nagents; i++) {
		struct session_agent *a = &s->agents[i];

		a->latest = a->vote_answer = -1;
		a->answers_before = a->answers;
		a->acted = a->busy = false;
		if (!a->ended)
			a->status = AGENT_RESTARTING;
	}
}

static void
apply_error(struct session_agent *a, const struct event *e)
{
	set(&a->error_type, e->kind);
	set(&a->error_message, e->text);
	a->error_time = e->time;
	a->busy = false;
}

/* What an agent is called at the end that no failure stopped before. */
static void
settle(const struct session *s, struct session_agent *a, double now)
{
	bool late = s->stopping != NULL && strcmp(s->stopping, "time") == 0;

	a->busy = false;
	if (a->failed)
		return;
	if (a->vote_stands) {
		a->status = AGENT_VOTED;
	} else if (s->winner == (int)(a - s->agents)) {
		a->status = AGENT_COMPLETED;
	} else if (a->answers > 0) {
		a->status = AGENT_ANSWERED;
	} else {
		a->status = late ? AGENT_TIMEOUT : AGENT_ERROR;
		set(&a->error_type, late ? "timeout" : "unfinished");
		set(&a->error_message, "the run ended before it answered");
		a->error_time = now;
	}
}

static void
apply_exited(struct session *s, const struct event *e)
{
	struct session_agent *a = &s->agents[e->who];

	a->pid = 0;
	a->exited = true;
	a->exit_code = e->code;
	a->exit_signal = e->signal;
	a->cpu_seconds += e->cpu_seconds;
	if (e->max_rss_kib > a->max_rss_kib)
		a->max_rss_kib = e->max_rss_kib;
	set(&a->activity, "dead");
	a->busy = false;
}

static void
apply_run_ended(struct session *s, const struct event *e)
{
	size_t i;

	set(&s->outcome, e->outcome);
	set(&s->message, e->text);
	set(&s->manifest, e->path);
	s->exit_code = e->exit_code;
	s->ended = true;
	for (i = 0; i < s->nagents; i++)
		settle(s, &s->agents[i], e->time);
}

static void
apply_started(struct session *s, const struct event *e)
{
	struct session_agent *a = &s->agents[e->who];

	a->pid = e->pid;
	a->attempts = e->attempt;
	a->process_restarts = (int)e->attempt - 1;
	set(&a->activity, "starting");
}

static void
apply_ready(struct session *s, const struct event *e)
{
	s->agents[e->who].ready = true;
	set(&s->agents[e->who].activity, "idle");
}

static void
apply_turn(struct session *s, const struct event *e)
{
	struct session_agent *a = &s->agents[e->who];

	a->turn = e->turn;
	a->busy = true;
	set(&a->activity, "waiting_model");
	a->status = AGENT_STREAMING;
	s->presenting |= e->type == EVENT_PRESENTATION;
}

static void
apply_activity(struct session *s, const struct event *e)
{
	struct session_agent *a = &s->agents[e->who];

	set(&a->activity, e->activity);
	if (e->model != NULL)
		set(&a->model, e->model);
	if (a->busy)
		a->status = AGENT_STREAMING;
}

static void
apply_attempt_failed(struct session *s, const struct event *e)
{
	apply_error(&s->agents[e->who], e);
	s->agents[e->who].status = AGENT_RESTARTING;
}

static void
apply_failed(struct session *s, const struct event *e)
{
	struct session_agent *a = &s->agents[e->who];

	apply_error(a, e);
	a->ended = a->failed = true;
	a->status =
	    strcmp(e->kind, "timeout") == 0 ? AGENT_TIMEOUT : AGENT_ERROR;
}

static void
apply_winner(struct session *s, const struct event *e)
{
	s->winner = e->who;
	set(&s->winner_reason, e->text);
}

static void
apply_final(struct session *s, const struct event *e)
{
	set(&s->final_path, e->path);
	set(&s->final_preview, e->text);
	set(&s->final_sha256, e->sha256);
	s->final_bytes = e->bytes;
	s->presented = e->presented;
	settle(s, &s->agents[e->who], e->time);
}

static void
apply_stalled(struct session *s, const struct event *e)
{
	s->stalled = e->type == EVENT_STALLED;
}

static void
apply_stopping(struct session *s, const struct event *e)
{
	set(&s->stopping, e->kind);
}

static void
apply_orphans(struct session *s, const struct event *e)
{
	s->orphans += e->count;
}

typedef void apply_fn(struct session *, const struct event *);

/* What an event about an agent changes; and one about nobody. */
static apply_fn *const of_agent[EVENT_TYPES] = {
	[EVENT_AGENT_STARTED] = apply_started,
	[EVENT_AGENT_READY] = apply_ready,
	[EVENT_TURN_STARTED] = apply_turn,
	[EVENT_PRESENTATION] = apply_turn,
	[EVENT_ACTIVITY] = apply_activity,
	[EVENT_USAGE] = account_usage,
	[EVENT_ANSWER] = apply_answer,
	[EVENT_VOTE] = apply_vote,
	[EVENT_ATTEMPT_FAILED] = apply_attempt_failed,
	[EVENT_AGENT_EXITED] = apply_exited,
	[EVENT_AGENT_FAILED] = apply_failed,
	[EVENT_WINNER] = apply_winner,
	[EVENT_RESTART] = apply_restart,
	[EVENT_FINAL_ANSWER] = apply_final,
	[EVENT_CHILD_OPENED] = account_child_opened,
	[EVENT_CHILD_STATE] = account_child,
	[EVENT_CHILD_ENDED] = account_child,
};
static apply_fn *const of_run[EVENT_TYPES] = {
	[EVENT_RUN_STARTED] = apply_run_started,
	[EVENT_STALLED] = apply_stalled,
	[EVENT_RESUMED] = apply_stalled,
	[EVENT_STOPPING] = apply_stopping,
	[EVENT_ORPHANS] = apply_orphans,
	[EVENT_RUN_ENDED] = apply_run_ended,
};

static void
advance_phase(struct session *s)
{
	size_t living = session_living(s);

	if (s->phase == PHASE_PLANNING && living > 0 &&
	    session_living_ready(s) == living) {
		s->reached[PHASE_PLANNING] = true;
		s->phase = PHASE_GENERATION;
	}
	if (s->phase == PHASE_GENERATION && living > 0 &&
	    session_has_answer(s) && session_living_acted(s) == living) {
		s->reached[PHASE_GENERATION] = true;
		s->phase = PHASE_VOTING;
	}
	if (s->stopping != NULL && s->phase != PHASE_PRESENTATION) {
		s->reached[PHASE_VOTING] |=
		    s->phase == PHASE_VOTING && session_agreed(s);
		s->phase = PHASE_PRESENTATION;
	}
	if (s->ended && s->final_path != NULL)
		s->reached[PHASE_PRESENTATION] = true;
}

/* How far between the milestone before the phase and its own. */
static int
percent_of(const struct session *s)
{
	int from = s->phase == 0 ? 0 : phases[s->phase - 1].milestone;
	int way = phases[s->phase].milestone - from;
	size_t living = session_living(s);

	if (s->phase == PHASE_PRESENTATION)
		return (s->final_path != NULL ? PERCENT_FINAL : from);
	if (living == 0)
		return (from);
	return (from + (int)((size_t)way * phases[s->phase].done(s) / living));
}

/* It never falls, and is 100 only at the end. */
static void
advance_percent(struct session *s)
{
	int percent = percent_of(s);

	if (s->ended)
		percent = 100;
	else if (percent > 99)
		percent = 99;
	if (percent > s->percent)
		s->percent = percent;
}

void
session_apply(struct session *s, struct event *e)
{
	apply_fn *apply;

	s->last_time = e->time;
	s->at_ms = e->at_ms;
	e->who = e->agent == NULL ? -1 : session_agent_by_id(s, e->agent);
	apply = e->who == -1 ? of_run[e->type] : of_agent[e->type];
	if (apply != NULL)
		apply(s, e);
	if (e->who != -1) {
		s->last_active = e->who;
		s->agents[e->who].last_activity = e->time;
		s->last_progress = e->time;
	}
	advance_phase(s);
	advance_percent(s);
}
