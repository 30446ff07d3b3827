/*
 * What may happen in the model of a run: agents whose processes start,
 * answer, vote, are refused, hang and die, all in random order, and the
 * turns of the supervisor's loop between.
 */

#ifndef TESTS_UNIT_SESSION_MOVES_H
#define TESTS_UNIT_SESSION_MOVES_H

#include "tests/unit/session_model.h"

static inline void
model_die(struct model *m, size_t i)
{
	static const int codes[] = { 0, 1, 3, 70, 75, 78, 255 };
	static const int signals[] = { 6, 9, 11, 15 };

	if (model_chance(m, 500))
		model_gone(m, i, 0, signals[model_pick(m, 4)]);
	else
		model_gone(m, i, codes[model_pick(m, 7)], 0);
}

static inline void
model_use(struct model *m, size_t i)
{
	/* whole binary fractions make ties; the others do not add up */
	static const double costs[] = { 0, 0, 0.25, 0.5, 0.1, 0.7 };

	MODEL_EVENT(m, EVENT_USAGE, .agent = model_ids[i], .model = "mock-2",
	    .input_tokens = 40, .cached_input_tokens = 10, .output_tokens = 7,
	    .reasoning_tokens = 3, .cost = costs[model_pick(m, 6)],
	    .priced = true);
	if (model_chance(m, 5))
		m->cost_limited = true;
}

static inline void
model_act(struct model *m, size_t i)
{
	struct model_agent *a = &m->agents[i];
	bool may_answer = a->answers < MODEL_ANSWERS_MAX || a->presenting;
	int what = model_pick(m, 1000);

	if (what < 120 && m->idle_steps-- > 0)
		model_use(m, i);
	else if (what < 240 && m->idle_steps-- > 0)
		MODEL_EVENT(m, EVENT_ACTIVITY, .agent = model_ids[i],
		    .activity = what < 180 ? "waiting_model" : "streaming");
	else if (what < 290)
		a->seen = a->sent;
	else if (may_answer && what < (a->answers == 0 ? 850 : 400))
		model_answer(m, i);
	else if (what < 950)
		model_vote(m, i);
	else if (what < 970)
		model_stop(a, "timeout", false);
	else if (what < 980)
		model_stop(a, "model", model_chance(m, 300));
	else
		model_die(m, i);
}

static inline void
model_process_moves(struct model *m, size_t i)
{
	struct model_agent *a = &m->agents[i];

	switch (a->process) {
	case PROCESS_DOWN:
		break;
	case PROCESS_STARTING:
		if (model_chance(m, 30)) {
			model_die(m, i);
		} else if (model_chance(m, 20)) {
			model_stop(a, "timeout", false);
		} else {
			a->process = PROCESS_UP;
			MODEL_EVENT(
			    m, EVENT_AGENT_READY, .agent = model_ids[i]);
		}
		break;
	case PROCESS_UP:
		if (a->turn_open)
			model_act(m, i);
		else if (model_chance(m, 10))
			model_die(m, i);
		break;
	case PROCESS_ENDING:
		/* what it says before it is gone still counts */
		if (a->turn_open && model_chance(m, 150))
			model_act(m, i);
		else
			model_gone(m, i, 0, model_chance(m, 300) ? 9 : 0);
		break;
	}
}

/* --- run.c --- */

static inline void
model_serve(struct model *m, size_t i)
{
	struct model_agent *a = &m->agents[i];
	bool owes = session_owes_turn(m->session, (int)i);

	if (a->given_up)
		return;
	if (owes && a->process == PROCESS_DOWN && m->now >= a->start_at)
		model_start(m, i);
	else if (owes && a->process == PROCESS_UP && !a->turn_open)
		model_start_turn(m, i, false);
	else if (a->turn_open && a->process == PROCESS_UP)
		a->sent = (int)m->nanswers;
}

static inline void
model_coordinate(struct model *m)
{
	const struct session *s = m->session;
	size_t i;

	if (m->interrupted)
		model_begin_end(m, "interrupt");
	else if (session_agreed(s))
		model_begin_end(m, "consensus");
	else if (session_living(s) == 0)
		model_begin_end(m, "ended");
	else if (m->now >= m->soft_end)
		model_begin_end(m, "time");
	else if (m->cost_limited)
		model_begin_end(m, "cost");
	else if (s->stalled && model_chance(m, 200))
		model_begin_end(m, "watchdog");
	else
		for (i = 0; i < m->nagents; i++)
			model_serve(m, i);
}

static inline void
model_present(struct model *m)
{
	int w = m->session->winner;

	if (!model_may_present(m))
		model_presented(m, false);
	else if (m->agents[w].process == PROCESS_DOWN)
		model_start(m, (size_t)w);
	else if (m->agents[w].process == PROCESS_UP && !m->agents[w].turn_open)
		model_start_turn(m, (size_t)w, true);
}

static inline void
model_leave(struct model *m)
{
	size_t i;

	for (i = 0; i < m->nagents; i++)
		if (m->agents[i].process != PROCESS_DOWN)
			return;
	model_finish(m);
}

static inline void
model_happen(struct model *m)
{
	int what = model_pick(m, 1000);

	if (what < 2)
		m->interrupted = true;
	else if (what < 4 && !m->session->stalled && m->idle_steps-- > 0)
		MODEL_EVENT(m, EVENT_STALLED, .text = "no progress");
	else if (what < 6 && m->idle_steps-- > 0)
		MODEL_EVENT(m, EVENT_WARNING, .text = "it is odd");
	else
		model_process_moves(m, (size_t)model_pick(m, (int)m->nagents));
	if (m->session->stalled && model_chance(m, 300))
		MODEL_EVENT(m, EVENT_RESUMED, .text = "progress again");
}

/* One turn of the loop. */
static inline void
model_step(struct model *m)
{
	m->steps++;
	m->now += model_pick(m, 3);
	model_happen(m);
	switch (m->stage) {
	case MODEL_COORDINATING:
		model_coordinate(m);
		break;
	case MODEL_PRESENTING:
		model_present(m);
		break;
	case MODEL_ENDING:
		model_leave(m);
		break;
	case MODEL_DONE:
		break;
	}
}

#endif
