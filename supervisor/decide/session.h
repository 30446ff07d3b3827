/*
 * A run's state: the fold of its events.  Who answered, whose vote stands,
 * what each agent owes, how far the run is.  Pure: it takes events and
 * values and touches no file, process or clock; status.json, the views and
 * the result are made from it alone.
 */

#ifndef SUPERVISOR_DECIDE_SESSION_H
#define SUPERVISOR_DECIDE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "supervisor/decide/event.h"

enum phase {
	PHASE_PLANNING,
	PHASE_GENERATION,
	PHASE_VOTING,
	PHASE_PRESENTATION
};
#define PHASES (PHASE_PRESENTATION + 1)

/* The name of a phase and the percentage that its completion reaches. */
const char *phase_name(enum phase);
int phase_milestone(enum phase);

enum agent_status {
	AGENT_WAITING,
	AGENT_STREAMING,
	AGENT_ANSWERED,
	AGENT_VOTED,
	AGENT_RESTARTING,
	AGENT_ERROR,
	AGENT_TIMEOUT,
	AGENT_COMPLETED,
};

const char *agent_status_name(enum agent_status);

struct usage_sum {
	int64_t input_tokens;
	int64_t cached_input_tokens;
	int64_t output_tokens;
	int64_t reasoning_tokens;
	int64_t calls;
	int64_t unpriced_calls; /* of calls: cost is without these */
	double cost;
};

struct session_answer {
	int agent;
	int number; /* of that agent, from 1 */
	char *label;
	char *path;
	char *sha256;
	char *snapshot; /* its files; relative, or NULL */
	char *preview;
	int64_t bytes;
	int64_t at_ms;
	int votes;            /* that stand */
	int votes_superseded; /* voided by a later answer */
};

struct session_agent {
	char *id;
	char anonymous[32]; /* "agent1": by order of configuration */
	char *model;
	struct json_object *profile; /* or NULL */
	char *sandbox; /* what holds its tools; NULL: it has none */

	enum agent_status status;
	char *activity;
	bool ready; /* said hello at least once */
	bool busy;  /* in a turn */
	bool acted; /* answered or voted at least once */
	bool ended; /* will do nothing more */
	bool failed;

	int answers;
	int answers_before; /* of these, in earlier attempts of the run */
	int latest;         /* index of its latest answer in this attempt; -1 */
	bool vote_stands;
	int vote_answer; /* index of the answer voted for; -1: never voted */
	char *vote_reason;

	int64_t turn;
	int times_restarted;
	int process_restarts;
	int64_t attempts;
	double last_activity;
	char *error_type; /* NULL: none */
	char *error_message;
	double error_time;
	int64_t pid; /* 0: no process */
	bool exited;
	int64_t exit_code;
	int64_t exit_signal;
	int64_t max_rss_kib;
	double cpu_seconds;
	struct usage_sum usage;
};

enum child_state {
	CHILD_RUNNING,
	CHILD_ENDED,
	CHILD_LOST, /* its process was gone before it said how it ended */
};

const char *child_state_name(enum child_state);

/* A run that a tool of an agent started. */
struct session_child {
	int agent;
	char *session_id;
	char *log_dir;
	char *question; /* how it begins */
	enum child_state state;
	int64_t exit_code; /* of one that has ended */
	int percent;
	double lease; /* what it may cost; 0: no limit */
	struct usage_sum usage;
};

struct session {
	char *session_id;
	char *log_dir;
	char *question;
	char *version;
	char *parent;
	int64_t pid;
	int64_t depth;
	bool dry_run;
	bool direct;
	double start_time;
	double last_time; /* of the last event */
	int64_t at_ms;

	struct session_agent *agents;
	size_t nagents;
	int *by_id;                     /* their indices, sorted by id */
	struct session_answer *answers; /* in the order they came */
	size_t nanswers;
	int64_t attempt;     /* of the run, from 1 */
	size_t first_answer; /* of this attempt: nanswers if there is none */
	struct session_child *children; /* likewise */
	size_t nchildren;

	enum phase phase;
	bool reached[PHASES]; /* that phase is complete */
	int percent;
	int last_active; /* index; -1 */
	double last_progress;
	bool stalled;
	char *stopping; /* why coordination ended; NULL while it goes on */
	bool presenting;
	int winner; /* index; -1 */
	char *winner_reason;
	char *final_path; /* relative; NULL until it is on disk */
	char *final_preview;
	char *final_sha256;
	int64_t final_bytes;
	bool presented;
	char *manifest;
	int64_t orphans;
	bool ended;
	char *outcome;
	char *message; /* of a failed run */
	int64_t exit_code;
	struct usage_sum usage; /* of the agents, then of the nested runs */
	char **unpriced_models; /* each once, in the order they came */
	size_t nunpriced;
};

/* The most models that unpriced_models names. */
#define SESSION_UNPRICED_MAX 64

struct session *session_new(void);
void session_free(struct session *);

/* The next event.  Sets its `who`. */
void session_apply(struct session *, struct event *);

/* NULL: there is none yet. */
const char *session_winner_id(const struct session *);

/* Index of an agent by id or by anonymous name; -1. */
int session_agent_by_id(const struct session *, const char *id);
int session_agent_by_name(const struct session *, const char *anonymous);

/* Whether calls of the model are known not to be in the costs. */
bool session_is_unpriced(const struct session *, const char *model);

/* Agents that may still do something. */
size_t session_living(const struct session *);

/* Of these: said hello; answered or voted; have a vote that stands. */
size_t session_living_ready(const struct session *);
size_t session_living_acted(const struct session *);
size_t session_living_voted(const struct session *);

/*
 * Agents with an answer; agents that failed: were given up, or came to the
 * end of the run without an answer; standing votes.
 */
size_t session_answered(const struct session *);
size_t session_failed(const struct session *);
size_t session_voted(const struct session *);

/* Whether anybody has answered in this attempt. */
bool session_has_answer(const struct session *);

/* Every living agent's vote stands (or, direct, the answer is there). */
bool session_agreed(const struct session *);

/* The agent has to be given a turn now. */
bool session_owes_turn(const struct session *, int agent);

/* Nested runs of an agent that are under way; of all agents with -1. */
size_t session_children(const struct session *, int agent);

/* What the agent is doing: massgen-status(5), activity. */
const char *session_activity(const struct session *, int agent);

/* The agent that was last seen working and still is; -1. */
int session_active(const struct session *);

enum verdict {
	VERDICT_OK,
	VERDICT_RETRY, /* the agent may try again in this turn */
	VERDICT_STALE, /* it could not know better: newer answers came */
};

/*
 * May agent vote for the agent called target, having seen so many answers?
 * The reason of a refusal, for the model to read, goes to why.
 */
enum verdict session_check_vote(const struct session *, int agent,
    const char *target, int64_t seen, char *why, size_t whylen);

/* May agent give one more answer?  max_answers -1: no limit. */
enum verdict session_check_answer(const struct session *, int agent,
    int max_answers, char *why, size_t whylen);

#endif
