/*
 * A small model of a run: a supervisor that does what run.c, life.c,
 * verdict.c and finalize.c do, around the real session, vote and restart.
 * It keeps an account of its own to hold them against.  One seed is one
 * course of events: session_moves.h says what may happen.
 */

#ifndef TESTS_UNIT_SESSION_MODEL_H
#define TESTS_UNIT_SESSION_MODEL_H

#include <stdlib.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/decide/restart.h"
#include "supervisor/decide/session.h"
#include "supervisor/decide/vote.h"

#define MODEL_AGENTS_MAX  7
#define MODEL_ANSWERS_MAX 6  /* of one agent */
#define MODEL_REFUSALS    16 /* in one turn */
#define MODEL_AGAIN_MAX   2  /* attempts of all after the first */
#define MODEL_START       1762320000.0

enum model_process {
	PROCESS_DOWN,
	PROCESS_STARTING,
	PROCESS_UP,
	PROCESS_ENDING
};

enum model_stage {
	MODEL_COORDINATING,
	MODEL_PRESENTING,
	MODEL_ENDING,
	MODEL_DONE
};

struct model_agent {
	enum model_process process;
	int64_t attempts;
	int64_t start_at;
	bool given_up;
	bool turn_open;
	bool presenting;
	int64_t turn;
	int sent; /* answers that its process was told of */
	int seen; /* and that the model behind it has looked at */
	int refusals;
	const char *stop_kind; /* we asked it to end, and why; or NULL */
	bool stop_permanent;

	/* what has to come out */
	int answers;
	int latest;
	int vote; /* the answer that its vote stands for; -1 */
	int restarted;
	double cost;
	int64_t tokens;
	int64_t calls;
};

struct model_answer {
	int agent;
	int64_t at_ms;
	int votes;
	int superseded;
};

struct model {
	uint64_t random;
	struct session *session;
	enum model_stage stage;
	int64_t now;
	int64_t soft_end;
	int64_t present_end;
	int64_t next_turn;
	int64_t steps;
	int64_t idle_steps; /* that may still bring nothing new */
	int max_restarts;
	int max_answers;
	int max_again;       /* attempts of all after the first */
	int again;           /* and so many there were */
	size_t first_answer; /* of this attempt */
	int presenter;       /* of the one before; -1 */
	bool direct;
	bool interrupted;
	bool cost_limited;
	char *reasons[MODEL_AGAIN_MAX + 1]; /* events have them */

	struct model_agent agents[MODEL_AGENTS_MAX];
	size_t nagents;
	struct model_answer answers[MODEL_AGENTS_MAX * MODEL_ANSWERS_MAX];
	size_t nanswers;
	int accepted_votes;

	struct event *events;
	size_t nevents;
	size_t room;
	/* after each event */
	void (*check)(struct model *, const struct event *);
};

/* --- chance: splitmix64, Vigna's public domain generator --- */

static inline uint64_t
model_random(struct model *m)
{
	uint64_t z = (m->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31));
}

static inline int
model_pick(struct model *m, int n)
{
	return ((int)(model_random(m) % (uint64_t)n));
}

static inline bool
model_chance(struct model *m, int per_thousand)
{
	return (model_pick(m, 1000) < per_thousand);
}

/* --- events --- */

static const char *const model_ids[MODEL_AGENTS_MAX] = { "kim", "al", "zoe",
	"Bo", "x10", "x9", "eve" };

static const char *const model_labels[MODEL_AGENTS_MAX][MODEL_ANSWERS_MAX] = {
	{ "agent1.1", "agent1.2", "agent1.3", "agent1.4", "agent1.5",
	    "agent1.6" },
	{ "agent2.1", "agent2.2", "agent2.3", "agent2.4", "agent2.5",
	    "agent2.6" },
	{ "agent3.1", "agent3.2", "agent3.3", "agent3.4", "agent3.5",
	    "agent3.6" },
	{ "agent4.1", "agent4.2", "agent4.3", "agent4.4", "agent4.5",
	    "agent4.6" },
	{ "agent5.1", "agent5.2", "agent5.3", "agent5.4", "agent5.5",
	    "agent5.6" },
	{ "agent6.1", "agent6.2", "agent6.3", "agent6.4", "agent6.5",
	    "agent6.6" },
	{ "agent7.1", "agent7.2", "agent7.3", "agent7.4", "agent7.5",
	    "agent7.6" },
};

#define MODEL_EVENT(m, type_, ...) \
	model_event((m), &(struct event) { .type = (type_), __VA_ARGS__ })

/* Recorded as it is: every string lives as long as the model. */
static inline void
model_event(struct model *m, struct event *e)
{
	e->at_ms = m->now;
	e->time = MODEL_START + (double)m->now / 1000;
	if (m->nevents == m->room) {
		m->room = m->room == 0 ? 256 : m->room * 2;
		m->events =
		    xreallocarray(m->events, m->room, sizeof(*m->events));
	}
	m->events[m->nevents++] = *e;
	session_apply(m->session, e);
	m->check(m, e);
}

/* --- what the supervisor does: finalize.c --- */

static inline void
model_stop(struct model_agent *a, const char *kind, bool permanent)
{
	if (a->process != PROCESS_STARTING && a->process != PROCESS_UP)
		return;
	a->process = PROCESS_ENDING;
	a->stop_kind = kind;
	a->stop_permanent = permanent;
}

static inline void
model_stop_all_but(struct model *m, const struct model_agent *keep)
{
	size_t i;

	for (i = 0; i < m->nagents; i++) {
		if (&m->agents[i] == keep)
			continue;
		m->agents[i].turn_open = false;
		model_stop(&m->agents[i], "finished", false);
	}
}

static inline bool
model_may_present(const struct model *m)
{
	int w = m->session->winner;

	return (w != -1 && !m->agents[w].given_up && !m->direct &&
	    m->nanswers > m->first_answer && !m->interrupted &&
	    !m->cost_limited && m->now < m->present_end);
}

static inline void
model_presented(struct model *m, bool presented)
{
	int w = m->session->winner;

	if (m->stage != MODEL_PRESENTING)
		return;
	m->stage = MODEL_ENDING;
	/* a full disk leaves none */
	if (w != -1 && !model_chance(m, 20))
		MODEL_EVENT(m, EVENT_FINAL_ANSWER, .agent = model_ids[w],
		    .path = "final/answer.txt", .bytes = 6, .sha256 = "5a",
		    .text = "so it is", .presented = presented);
	model_stop_all_but(m, NULL);
}

/* --- attempt.c --- */

static inline bool
model_may_go_again(const struct model *m)
{
	return (m->again < m->max_again && !m->direct && !m->interrupted &&
	    !m->cost_limited && m->now < m->soft_end);
}

static inline void
model_go_again(struct model *m)
{
	int w = m->session->winner;

	m->again++;
	m->presenter = w;
	MODEL_EVENT(m, EVENT_RESTART, .agent = model_ids[w],
	    .attempt = m->again + 1, .text = "it is too short",
	    .instructions = "write more");
	m->stage = MODEL_COORDINATING;
}

static inline void
model_begin_end(struct model *m, const char *why)
{
	size_t i;
	int w;

	MODEL_EVENT(m, EVENT_STOPPING, .kind = why, .text = "it is over");
	w = vote_winner(m->session, &m->reasons[m->again]);
	if (w == -1 && m->presenter != -1)
		MODEL_EVENT(m, EVENT_WINNER, .agent = model_ids[m->presenter],
		    .label = model_labels[m->presenter][0],
		    .text = "the one before stands");
	else if (w != -1)
		MODEL_EVENT(m, EVENT_WINNER, .agent = model_ids[w],
		    .label = model_labels[w][m->agents[w].answers - 1],
		    .text = m->reasons[m->again]);
	m->stage = MODEL_PRESENTING;
	if (!model_may_present(m)) {
		model_presented(m, false);
		return;
	}
	if (!model_may_go_again(m))
		model_stop_all_but(m, &m->agents[w]);
	for (i = 0; i < m->nagents; i++)
		m->agents[i].turn_open = false;
	m->agents[w].start_at = 0;
}

static inline void
model_finish(struct model *m)
{
	bool done = m->session->final_path != NULL;

	if (model_chance(m, 100))
		MODEL_EVENT(m, EVENT_ORPHANS, .count = 1 + model_pick(m, 3));
	MODEL_EVENT(m, EVENT_RUN_ENDED, .exit_code = done ? 0 : 2,
	    .outcome = done ? "success" : "execution_error",
	    .text = done ? NULL : "no agent produced an answer",
	    .path = "final_output/manifest.json");
	m->stage = MODEL_DONE;
}

/* --- life.c --- */

static inline void
model_give_up(struct model *m, size_t i, const char *kind)
{
	m->agents[i].given_up = true;
	MODEL_EVENT(m, EVENT_AGENT_FAILED, .agent = model_ids[i], .kind = kind,
	    .text = "it does not work");
}

static inline void
model_attempt_failed(
    struct model *m, size_t i, const char *kind, bool permanent)
{
	struct model_agent *a = &m->agents[i];
	int64_t delay;

	delay = restart_delay(a->attempts, m->max_restarts, permanent);
	MODEL_EVENT(m, EVENT_ATTEMPT_FAILED, .agent = model_ids[i],
	    .kind = kind, .text = "it came to nothing", .attempt = a->attempts,
	    .attempts_max = m->max_restarts + 1, .delay_ms = delay);
	if (delay == RESTART_NEVER)
		model_give_up(m, i, kind);
	else
		a->start_at = m->now + delay / 100;
}

/* The process has ended; asked to or not. */
static inline void
model_gone(struct model *m, size_t i, int code, int signal)
{
	struct model_agent *a = &m->agents[i];
	bool asked = a->stop_kind != NULL;
	bool presenter =
	    m->stage == MODEL_PRESENTING && m->session->winner == (int)i;
	const char *kind = asked ? a->stop_kind : signal ? "crash" : "exit";
	bool permanent = asked ? a->stop_permanent
			       : signal == 0 && restart_is_permanent(code);

	a->process = PROCESS_DOWN;
	a->stop_kind = NULL;
	a->sent = a->seen = 0;
	a->turn_open = a->presenting = false;
	MODEL_EVENT(m, EVENT_AGENT_EXITED, .agent = model_ids[i], .code = code,
	    .signal = signal, .requested = asked,
	    .max_rss_kib = 3000 + model_pick(m, 500), .cpu_seconds = 0.01);
	if (asked && strcmp(kind, "finished") == 0)
		return;
	if (m->stage == MODEL_COORDINATING || presenter ||
	    (m->stage == MODEL_PRESENTING && model_may_go_again(m)))
		model_attempt_failed(m, i, kind, permanent);
	if (presenter)
		model_presented(m, false);
}

static inline void
model_start(struct model *m, size_t i)
{
	struct model_agent *a = &m->agents[i];

	a->attempts++;
	if (model_chance(m, 10)) {
		model_give_up(m, i, "start");
		return;
	}
	a->process = PROCESS_STARTING;
	MODEL_EVENT(m, EVENT_AGENT_STARTED, .agent = model_ids[i],
	    .pid = 1000 + m->now, .attempt = a->attempts);
}

static inline void
model_start_turn(struct model *m, size_t i, bool presentation)
{
	struct model_agent *a = &m->agents[i];

	a->turn = ++m->next_turn;
	a->turn_open = true;
	a->presenting = presentation;
	a->refusals = 0;
	MODEL_EVENT(m, presentation ? EVENT_PRESENTATION : EVENT_TURN_STARTED,
	    .agent = model_ids[i], .turn = a->turn,
	    .kind = presentation ? "present" : "answer");
	a->sent = a->seen = (int)m->nanswers;
}

/* --- verdict.c --- */

static inline void
model_refuse(struct model *m, size_t i, const char *kind, const char *why)
{
	MODEL_EVENT(
	    m, EVENT_REFUSED, .agent = model_ids[i], .kind = kind, .text = why);
	if (++m->agents[i].refusals > MODEL_REFUSALS)
		model_stop(&m->agents[i], "no_decision", false);
}

static inline void
model_close_turn(struct model_agent *a)
{
	a->turn_open = a->presenting = false;
	a->refusals = 0;
}

static inline void
model_answer(struct model *m, size_t i)
{
	struct model_agent *a = &m->agents[i];
	char why[200];

	if (a->presenting) {
		model_close_turn(a);
		if (model_may_go_again(m) && model_chance(m, 400))
			model_go_again(m);
		else
			model_presented(m, !model_chance(m, 50));
		return;
	}
	if (m->stage != MODEL_COORDINATING)
		return;
	if (session_check_answer(m->session, (int)i, m->max_answers, why,
		sizeof(why)) != VERDICT_OK)
		model_refuse(m, i, "answer", "enough");
	else if (model_chance(m, 30))
		model_refuse(m, i, "answer", "this is the same as agent1.1");
	else {
		MODEL_EVENT(m, EVENT_ANSWER, .agent = model_ids[i],
		    .label = model_labels[i][a->answers],
		    .path = "a/answer.txt", .bytes = 100 + a->answers,
		    .sha256 = "5a", .text = "because of it");
		model_close_turn(a);
	}
}

static inline void
model_vote(struct model *m, size_t i)
{
	static const char *const names[MODEL_AGENTS_MAX + 1] = { "agent1",
		"agent2", "agent3", "agent4", "agent5", "agent6", "agent7",
		"nobody" };
	struct model_agent *a = &m->agents[i];
	int t = model_chance(m, 30) ? MODEL_AGENTS_MAX
				    : model_pick(m, (int)m->nagents);
	char why[200];

	if (m->stage != MODEL_COORDINATING || a->presenting)
		return;
	switch (session_check_vote(
	    m->session, (int)i, names[t], a->seen, why, sizeof(why))) {
	case VERDICT_OK:
		MODEL_EVENT(m, EVENT_VOTE, .agent = model_ids[i],
		    .target = model_ids[t],
		    .label = model_labels[t][m->agents[t].answers - 1],
		    .text = "it is the best", .path = "a/vote.json");
		model_close_turn(a);
		break;
	case VERDICT_STALE:
		a->sent = a->seen = (int)m->nanswers;
		model_refuse(m, i, "late_vote", "look at the news");
		break;
	case VERDICT_RETRY:
		model_refuse(m, i, "vote", "you cannot");
		break;
	}
}

/* agents is the list for run_started, borrowed. */
static inline void
model_init(struct model *m, uint64_t seed, struct json_object *const *lists,
    void (*check)(struct model *, const struct event *))
{
	struct event *events = m->events;
	size_t i, room = m->room;

	memset(m, 0, sizeof(*m));
	m->events = events;
	m->room = room;
	m->random = seed;
	m->check = check;
	m->session = session_new();
	m->nagents = (size_t)(1 + model_pick(m, MODEL_AGENTS_MAX));
	m->direct = m->nagents == 1 && model_chance(m, 500);
	m->max_restarts = model_pick(m, 4);
	m->max_answers = model_pick(m, 4) == 0 ? -1 : 1 + model_pick(m, 3);
	m->max_again =
	    model_chance(m, 700) ? 0 : model_pick(m, MODEL_AGAIN_MAX + 1);
	m->presenter = -1;
	m->idle_steps = 40;
	m->soft_end = model_chance(m, 150) ? model_pick(m, 400) : 1000000;
	m->present_end = m->soft_end + model_pick(m, 60);
	for (i = 0; i < m->nagents; i++)
		m->agents[i].latest = m->agents[i].vote = -1;
	MODEL_EVENT(m, EVENT_RUN_STARTED, .session_id = "log_model",
	    .log_dir = "/runs/log_model", .question = "Why?",
	    .version = "0.1.0", .pid = 99, .dry_run = model_chance(m, 500),
	    .direct = m->direct, .agents = lists[m->nagents - 1]);
}

/* Room for events is kept for the next run. */
static inline void
model_clear(struct model *m)
{
	int i;

	session_free(m->session);
	for (i = 0; i <= MODEL_AGAIN_MAX; i++)
		free(m->reasons[i]);
	m->session = NULL;
}

#endif
