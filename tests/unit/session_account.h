/*
 * What has to come out of a run: an account of its events that is kept
 * beside the session, and a note of what kind of run it was.
 */

#ifndef TESTS_UNIT_SESSION_ACCOUNT_H
#define TESTS_UNIT_SESSION_ACCOUNT_H

#include "tests/unit/session_model.h"

/* What a run may show: runs are not all alike. */
enum seen {
	SEEN_CONSENSUS,
	SEEN_INTERRUPT,
	SEEN_ENDED,
	SEEN_TIME,
	SEEN_COST,
	SEEN_WATCHDOG,
	SEEN_LATE_VOTE,
	SEEN_VOIDED,
	SEEN_FAILED,
	SEEN_RESTART,
	SEEN_PRESENTED,
	SEEN_TAKEN,
	SEEN_NO_WINNER,
	SEEN_NO_FINAL,
	SEEN_DIRECT,
	SEEN_TIE_COST,
	SEEN_TIE_TIME,
	SEEN_TIE_ID,
	SEEN_DEAD_WINNER,
	SEEN_AGAIN,
	SEEN_ONE_BEFORE
};
#define SEENS (SEEN_ONE_BEFORE + 1)
static const char *const seen_names[SEENS] = { "consensus", "interrupt",
	"ended", "time", "cost", "watchdog", "late vote", "votes voided",
	"an agent failed", "an agent restarted", "presented",
	"taken as it stood", "no winner", "no final answer", "direct",
	"tie broken by cost", "tie broken by time", "tie broken by id",
	"a winner that had failed", "another attempt of all",
	"the attempt before stood" };
static bool seen_now[SEENS];

static inline void
account_answer(struct model *m, int who, int64_t at_ms)
{
	struct model_answer *a = &m->answers[m->nanswers];
	size_t i;

	for (i = 0; i < m->nagents; i++) {
		struct model_agent *other = &m->agents[i];

		if (other->vote != -1) {
			m->answers[other->vote].votes--;
			m->answers[other->vote].superseded++;
			seen_now[SEEN_VOIDED] = true;
		}
		other->vote = -1;
		if ((int)i != who && !other->given_up && other->turn > 0)
			other->restarted++;
	}
	a->agent = who;
	a->at_ms = at_ms;
	a->votes = a->superseded = 0;
	m->agents[who].answers++;
	m->agents[who].latest = (int)m->nanswers++;
}

static inline void
account_restart(struct model *m)
{
	size_t i;

	for (i = 0; i < m->nagents; i++) {
		struct model_agent *a = &m->agents[i];

		if (a->vote != -1) {
			m->answers[a->vote].votes--;
			m->answers[a->vote].superseded++;
		}
		a->vote = a->latest = -1;
	}
	m->first_answer = m->nanswers;
	seen_now[SEEN_AGAIN] = true;
}

static inline void
account_stop(const char *kind)
{
	static const char *const kinds[] = { "consensus", "interrupt", "ended",
		"time", "cost", "watchdog" };
	int i;

	for (i = 0; i < 6; i++)
		if (strcmp(kind, kinds[i]) == 0)
			seen_now[SEEN_CONSENSUS + i] = true;
}

static inline void
account(struct model *m, const struct event *e)
{
	struct model_agent *a = e->who == -1 ? NULL : &m->agents[e->who];
	int target;

	if (e->type == EVENT_ANSWER) {
		account_answer(m, e->who, e->at_ms);
	} else if (e->type == EVENT_VOTE) {
		target = session_agent_by_id(m->session, e->target);
		a->vote = m->agents[target].latest;
		m->answers[a->vote].votes++;
		m->accepted_votes++;
	} else if (e->type == EVENT_RESTART) {
		account_restart(m);
	} else if (e->type == EVENT_USAGE) {
		a->cost += e->cost;
		a->tokens += e->input_tokens + e->output_tokens;
		a->calls++;
	} else if (e->type == EVENT_STOPPING) {
		account_stop(e->kind);
	} else if (e->type == EVENT_FINAL_ANSWER) {
		seen_now[e->presented ? SEEN_PRESENTED : SEEN_TAKEN] = true;
	} else if (e->type == EVENT_REFUSED) {
		if (strcmp(e->kind, "late_vote") == 0)
			seen_now[SEEN_LATE_VOTE] = true;
	} else if (e->type == EVENT_AGENT_FAILED) {
		seen_now[SEEN_FAILED] = true;
	} else if (e->type == EVENT_AGENT_STARTED && e->attempt > 1) {
		seen_now[SEEN_RESTART] = true;
	}
}

#endif
