/*
 * One agent: what it was told and knows, shared by the worker's parts.
 */

#ifndef AGENT_WORKER_AGENT_H
#define AGENT_WORKER_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent-worker/backend/backend.h"
#include "agent-worker/link.h"

struct toolbox;

/* An agent's latest answer. */
struct answer {
	char *label; /* "agent2.1"; NULL: it gave none */
	char *text;
	bool cut;    /* the supervisor has more of it */
	char *files; /* the directory of its files; NULL: it has none */
};

/* The turn the supervisor asked for. */
struct turn {
	int64_t number;
	bool open;
	bool cancelled;
	bool present; /* the final presentation */
	char *question;
	struct json_object *votes;    /* of a presentation */
	struct json_object *evaluate; /* likewise; NULL: no evaluation */
	struct json_object *feedback; /* of the attempt before, or NULL */
	bool classify;
	bool evaluating; /* the final answer is being looked at */
	int64_t step;    /* of a mock agent's script */
	int64_t end_ms;  /* monotonic */
	int64_t seen_at_start;
	struct buf news; /* answers that came since the model was last told */
	bool go;
	bool judged; /* a verdict came: */
	bool accepted;
	char *verdict;
	bool granted_known; /* a grant came: */
	bool granted;
};

struct agent {
	struct link link;
	struct msg init; /* owns the strings below */
	bool configured;
	const char *name;
	const char *system_message;
	struct backend_config backend;
	const char *model;
	const char *synthesis_model; /* or NULL */
	const char *planning_model;  /* or NULL */
	bool planning_call;
	struct json_object *fallback_models; /* array of names, or NULL */
	size_t fallback;    /* how many of them have been taken up */
	char *plan;         /* what a planning call made; NULL: none yet */
	int64_t hold_until; /* monotonic: no call before, the provider says */
	struct json_object *program; /* see command.h; NULL: it has tools */
	bool direct;                 /* no vote: the text is the answer */
	bool reserve;                /* ask before each call */
	int64_t idle_ms;
	const char *sensitivity;
	const char *novelty;

	struct toolbox *tools;            /* see tool.h; NULL: it has none */
	const char *planning_instruction; /* or NULL */
	bool planning_mode; /* no tool of a server before it is known: */
	struct json_object *blocked; /* which wait; NULL: not known */
	int64_t attempt;             /* the run's, from 1 */

	struct answer *answers; /* of agent1, agent2 and so on */
	int64_t seen;           /* answers of the whole run known here */
	struct turn turn;
};

/* Wait and take what comes.  False: the turn or the whole agent is over. */
bool agent_wait(struct agent *, int64_t until_ms, link_poll_fn *, void *arg);

/* Nothing but that until then.  False: likewise. */
bool agent_sleep(struct agent *, int64_t until_ms);

/* The provider wants no call for so long. */
void agent_hold(struct agent *, int64_t ms);

/* Whether the turn is still wanted. */
bool agent_in_turn(const struct agent *);

/* Send a message that belongs to the turn: fills in its number. */
void agent_say(struct agent *, struct msg *);
void agent_say_activity(
    struct agent *, const char *activity, const char *model);
void agent_say_text(struct agent *, enum msg_type, const char *text);

/* context.txt: what was told; tools is an array of names, which is taken. */
void agent_say_context(struct agent *, const char *system, const char *user,
    struct json_object *tools);

void agent_say_error(
    struct agent *, const char *kind, const char *text, bool permanent);

/*
 * Send an answer or a vote and wait for the verdict.  False: the turn is
 * over without one.
 */
bool agent_await_verdict(struct agent *, struct msg *);

/*
 * Ask whether a call may be made that uses at most so much (a "reserve"
 * message), and wait for the word.  False: it may not, which is said as the
 * agent's error, or the turn is over.
 */
bool agent_reserve(struct agent *, struct msg *);

/* The latest answer of the agent with that name, or NULL. */
const struct answer *agent_answer_of(const struct agent *, const char *name);

/* One turn with a model; with a script; with a program: see command.h. */
void turn_run(struct agent *);
void mock_run(struct agent *);

#endif
