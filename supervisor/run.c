/*
 * One run: turn the loop until it is done.  Each turn reads
 * what came, takes what ended, expires what is late, and gives every agent
 * what the session says it is owed.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/xmalloc.h"
#include "supervisor/attempt.h"
#include "supervisor/planning.h"
#include "supervisor/nest/child.h"
#include "supervisor/nest/parent.h"
#include "supervisor/process/sweep.h"
#include "supervisor/record/atomic.h"
#include "supervisor/run.h"
#include "supervisor/view/out.h"
#include "supervisor/workspace.h"

#define RETRY_OUT_MS 20 /* when standard output takes nothing */
#define SWEEP_MS     2000
#define QUIET_MS     20 /* in which nothing came: agents wait */

double
run_time(const struct run *run)
{
	int64_t ms = run->start_ms + mono_ms() - run->started;

	return ((double)ms / 1000);
}

void
run_event(struct run *run, struct event *e)
{
	static struct buf line;

	e->time = run_time(run);
	e->at_ms = run->order != NULL ? order_now(run->order)
				      : mono_ms() - run->started;
	if (journal_append(&run->journal, e, &line) == -1 &&
	    run->journal_error == 0) {
		run->journal_error = errno;
		log_warn("%s/events.ndjson: cannot be written, the run goes "
			 "on without",
		    run->log_dir);
	}
	session_apply(run->session, e);
	run->status.dirty = true;
	child_changed(run->parent);
	run->view->event(run->session, e, line.data, line.len);
}

void
run_warn(struct run *run, const char *fmt, ...)
{
	struct event e = { .type = EVENT_WARNING };
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	log_warnx("%s", text);
	e.text = text;
	run_event(run, &e);
	free(text);
}

void
run_progress(struct run *run, struct agent_run *a)
{
	struct event e = { .type = EVENT_RESUMED,
		.text = "there is progress again" };

	a->progress_at = run->progress_at = mono_ms();
	a->idle_warned = false;
	if (run->session->stalled)
		run_event(run, &e);
}

/* The answers that the agent's process has not been given. */
static struct json_object *
news_for(struct run *run, struct agent_run *a)
{
	struct json_object *list = json_object_new_array();

	if (a->sent < run->session->first_answer)
		a->sent = run->session->first_answer;
	for (; a->sent < run->session->nanswers; a->sent++)
		json_object_array_add(
		    list, json_object_get(run->answers[a->sent]));
	return (list);
}

void
run_send_update(struct run *run, int agent)
{
	struct agent_run *a = &run->agents[agent];
	struct msg m = { .type = MSG_UPDATE, .turn = a->turn };

	if (a->sent == run->session->nanswers)
		return;
	m.answers = news_for(run, a);
	m.seen = (int64_t)a->sent;
	worker_send(&a->worker, &m);
	json_object_put(m.answers);
}

/* Who voted for the presenter's answer, and why. */
static struct json_object *
votes_for(const struct run *run)
{
	const struct session *s = run->session;
	struct json_object *list = json_object_new_array(), *o;
	char *reason;
	size_t i;

	for (i = 0; i < s->nagents; i++) {
		const struct session_agent *a = &s->agents[i];

		if (!a->vote_stands)
			continue;
		o = json_object_new_object();
		json_object_object_add(
		    o, "voter", json_object_new_string(a->anonymous));
		json_object_object_add(o, "agent",
		    json_object_new_string(
			s->agents[s->answers[a->vote_answer].agent].anonymous));
		reason = workspace_hide(run, (int)i, a->vote_reason, NULL);
		json_object_object_add(
		    o, "reason", json_object_new_string(reason));
		free(reason);
		json_object_array_add(list, o);
	}
	return (list);
}

void
run_start_turn(struct run *run, int agent, bool presentation)
{
	struct agent_run *a = &run->agents[agent];
	int64_t now = mono_ms();
	struct msg m = { .type = MSG_TURN,
		.text = run->question,
		.kind = presentation ? "present" : "answer",
		.step = a->steps };
	struct event e = { .agent = a->config->id, .kind = m.kind };

	a->turn = m.turn = e.turn = ++run->next_turn;
	a->turn_open = true;
	a->presenting = presentation;
	a->refusals = 0;
	a->worker.said = 0;
	a->worker.heard = a->progress_at = now;
	a->idle_warned = false;
	a->turn_end = now + run->config->agent_timeout_ms;
	if (presentation)
		a->turn_end = mono_min(a->turn_end, run->present_end);
	if (presentation && run->order != NULL)
		order_begin(run->order, agent, 0);
	e.type = presentation ? EVENT_PRESENTATION : EVENT_TURN_STARTED;
	run_event(run, &e);
	m.limit_ms = a->turn_end - now;
	m.answers = news_for(run, a);
	m.seen = (int64_t)a->sent;
	if (presentation)
		m.votes = votes_for(run);
	attempt_fill_turn(run, presentation, &m);
	planning_fill_turn(run, agent, &m);
	worker_send(&a->worker, &m);
	attempt_release_turn(&m);
	json_object_put(m.answers);
	json_object_put(m.votes);
}

void
run_start_worker(struct run *run, int agent)
{
	struct agent_run *a = &run->agents[agent];
	struct event e = { .type = EVENT_AGENT_STARTED,
		.agent = a->config->id,
		.attempt = ++a->attempts };
	struct event failed = { .type = EVENT_AGENT_FAILED,
		.agent = a->config->id,
		.kind = "start" };
	char err[256];

	if (worker_start(&a->worker, run->worker_argv, run->worker_env, err,
		sizeof(err)) == 0) {
		e.pid = a->worker.pid;
		run_event(run, &e);
		return;
	}
	/* what cannot be started now cannot be started in a second either */
	log_warnx("agent %s: %s", a->config->id, err);
	a->given_up = true;
	if (run->order != NULL)
		order_end(run->order, agent);
	failed.text = err;
	run_event(run, &failed);
}

/* --- what every turn of the loop does --- */

static struct worker *
find_worker(void *arg, pid_t pid)
{
	struct run *run = arg;
	size_t i;

	for (i = 0; i < run->session->nagents; i++)
		if (run->agents[i].worker.pid == pid)
			return (&run->agents[i].worker);
	return (NULL);
}

static bool
is_worker(void *arg, pid_t pid)
{
	return (find_worker(arg, pid) != NULL);
}

static void
note_orphans(struct run *run, int count)
{
	struct event e = { .type = EVENT_ORPHANS, .count = count };

	if (count > 0)
		run_event(run, &e);
}

/* After a death, what it left behind has become our child: end it. */
static void
sweep(struct run *run)
{
	run->sweep = false;
	sweep_strangers(is_worker, run);
}

/* In a dry run: who owes an act thinks from now on, so nobody passes it. */
static void
think(struct run *run, int i)
{
	if (run->order != NULL && !run->agents[i].given_up &&
	    session_owes_turn(run->session, i) && !order_begun(run->order, i))
		order_begin(run->order, i, 0);
}

/* Bring one agent to where the session says it should be. */
static void
serve(struct run *run, int i, int64_t now)
{
	struct agent_run *a = &run->agents[i];
	bool owes = session_owes_turn(run->session, i);

	if (a->given_up)
		return;
	think(run, i);
	if (owes && a->worker.state == WORKER_DOWN && now >= a->start_at)
		run_start_worker(run, i);
	else if (owes && a->worker.state == WORKER_UP && !a->turn_open)
		run_start_turn(run, i, false);
	else if (a->turn_open && run->order == NULL &&
	    a->worker.state == WORKER_UP && chan_pending(&a->worker.chan) == 0)
		run_send_update(run, i);
}

/* In a dry run: let through who comes next by the scenario's time. */
static void
let_through(struct run *run)
{
	int i = order_next(run->order);
	struct agent_run *a;
	struct msg go = { .type = MSG_GO };

	if (i == -1)
		return;
	a = &run->agents[i];
	if (a->worker.state != WORKER_UP || !a->turn_open) {
		/* it died meanwhile: its next attempt takes its place */
		order_begin(run->order, i, 0);
		return;
	}
	run_send_update(run, i);
	/* its time runs from now on: it was others that it waited for */
	a->turn_end = mono_ms() + run->config->agent_timeout_ms;
	a->progress_at = a->worker.heard = mono_ms();
	go.turn = a->turn;
	worker_send(&a->worker, &go);
}

/* Since when nobody, by no limit of its own, has brought the run on. */
static int64_t
idle_since(const struct run *run)
{
	int64_t at = run->progress_at, its;
	size_t i;

	for (i = 0; i < run->session->nagents; i++) {
		its = life_moves(run, &run->agents[i]);
		at = its > at ? its : at;
	}
	return (at);
}

static void
check_stall(struct run *run, int64_t now)
{
	int64_t limit = run->config->idle_timeout_ms;
	int64_t idle = now - idle_since(run);
	struct event e = { .type = EVENT_STALLED };
	char text[80];

	if (idle >= limit / 2 && !run->session->stalled) {
		snprintf(text, sizeof(text),
		    "no progress by any agent for %g s",
		    (double)limit / 2 / 1000);
		log_warnx("%s", text);
		e.text = text;
		run_event(run, &e);
	}
	/* each agent's own limit comes first; this is for what it misses */
	if (idle >= limit + limit / 4)
		finalize_begin(run, "watchdog",
		    "no progress by any agent, ending the run");
}

static void
check_ends(struct run *run, int64_t now)
{
	const struct session *s = run->session;
	char text[80];

	if (run->interrupts > 0) {
		finalize_begin(run, "interrupt", "interrupted");
	} else if (session_agreed(s)) {
		finalize_begin(run, "consensus", "every vote is in");
	} else if (session_living(s) == 0) {
		finalize_begin(run, "ended", "no agent is left");
	} else if (now >= run->soft_end) {
		snprintf(text, sizeof(text), "the time limit of %g s passed",
		    (double)run->config->run_timeout_ms / 1000);
		finalize_begin(run, "time", text);
	} else if (run->cost_limited) {
		snprintf(text, sizeof(text),
		    "the cost limit of %g USD allows no other call",
		    run->config->max_cost_usd);
		finalize_begin(run, "cost", text);
	} else {
		check_stall(run, now);
	}
}

static int64_t
next_deadline(struct run *run)
{
	int64_t at = mono_min(status_due(&run->status), child_due(run->parent));
	size_t i;

	if (mono_ms() < run->hard_end)
		at = mono_min(at, run->hard_end);
	if (run->stage == STAGE_COORDINATING) {
		at = mono_min(at, run->soft_end);
		at = mono_min(at,
		    idle_since(run) +
			(run->session->stalled
				? run->config->idle_timeout_ms * 5 / 4
				: run->config->idle_timeout_ms / 2));
	} else if (run->stage == STAGE_PRESENTING) {
		at = mono_min(at, run->present_end);
	}
	for (i = 0; i < run->session->nagents; i++) {
		const struct agent_run *a = &run->agents[i];

		at = mono_min(at, life_deadline(run, a));
		if (!a->given_up && a->worker.state == WORKER_DOWN &&
		    session_owes_turn(run->session, (int)i))
			at = mono_min(at, a->start_at);
	}
	/* the step after this one may already be due */
	if (run->stage == STAGE_DONE)
		at = 0;
	return (at);
}

static void
take_signals(struct run *run)
{
	struct loop_signals s = loop_signals();
	bool first = run->interrupts == 0;
	size_t i;

	if (s.child)
		note_orphans(run, worker_reap(find_worker, run));
	if (run->sweep)
		sweep(run);
	run->interrupts += s.stop;
	if (child_is_orphan(run->parent)) {
		run->interrupts++;
		run_warn(run, "the run that started this one is over");
	}
	/* else it is what coordination stops for, and says */
	if (first && run->interrupts > 0 && run->stage != STAGE_COORDINATING)
		run_warn(run, "interrupted");
	/* a nested run is told by each that ends around it: nobody hurries */
	if (run->interrupts < 2 || run->parent != NULL)
		return;
	/* somebody is in a hurry: no grace for anybody */
	for (i = 0; i < run->session->nagents; i++)
		worker_kill(
		    &run->agents[i].worker, "finished", "interrupted twice");
}

/* What would be waited for later is made, piece by piece. */
static void
get_ahead(struct run *run)
{
	if (!run->has_files)
		setup_files(run);
	else if (finalize_wants_folders(run))
		finalize_make_folders(run);
	else
		atomic_stock(run->log_dir);
}

/* Sleep.  While the agents wait for their models there is time for that. */
static void
wait_until(struct run *run, int64_t until)
{
	int64_t at = MONO_NEVER;

	if (run->quiet)
		get_ahead(run);
	if (!run->has_files || finalize_wants_folders(run) ||
	    atomic_stock_wants())
		at = mono_ms() + (run->quiet ? 0 : QUIET_MS);
	run->quiet = !loop_wait(mono_min(until, at)) && at < until;
}

static void
turn(struct run *run)
{
	int64_t until = next_deadline(run), now;
	size_t i;

	if (!out_flush())
		until = mono_min(until, mono_ms() + RETRY_OUT_MS);
	wait_until(run, until);
	/* whatever was said until now is heard before anything is judged */
	now = mono_ms();
	loop_catch_up();
	take_signals(run);
	for (i = 0; i < run->session->nagents; i++)
		think(run, (int)i);
	for (i = 0; i < run->session->nagents; i++)
		if (now >= life_deadline(run, &run->agents[i]))
			life_expire(run, &run->agents[i], now);
	if (run->stage == STAGE_COORDINATING)
		check_ends(run, now);
	if (run->stage == STAGE_COORDINATING) {
		for (i = 0; i < run->session->nagents; i++)
			serve(run, (int)i, now);
		if (run->order != NULL)
			let_through(run);
	} else {
		finalize_step(run);
	}
	status_poll(&run->status, run->session, run_time(run));
	child_poll(run->parent, run->session);
}

enum exit_code
run_execute(const struct run_request *request)
{
	struct run run;
	enum exit_code code;

	setup_run(&run, request);
	while (run.stage != STAGE_DONE)
		turn(&run);
	note_orphans(&run, sweep_all(mono_ms() + SWEEP_MS));
	parent_finish(&run);
	code = finalize_finish(&run);
	setup_release(&run);
	return (code);
}
