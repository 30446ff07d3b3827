/*
 * What happened in a run.  A run's state is the fold of its events; the
 * journal is their list on disk.  The table in event.c says which members
 * each type has, and so what a journal line looks like.
 */

#ifndef SUPERVISOR_DECIDE_EVENT_H
#define SUPERVISOR_DECIDE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

enum event_type {
	EVENT_RUN_STARTED,
	EVENT_AGENT_STARTED, /* its process runs */
	EVENT_AGENT_READY,   /* it said hello and has its configuration */
	EVENT_TURN_STARTED,
	EVENT_ACTIVITY, /* what it is doing changed, or still is */
	EVENT_USAGE,    /* one model call's tokens and cost */
	EVENT_ANSWER,
	EVENT_VOTE,
	EVENT_REFUSED,        /* an answer or a vote that does not count */
	EVENT_ATTEMPT_FAILED, /* a turn ended without either */
	EVENT_AGENT_EXITED,   /* its process is gone */
	EVENT_AGENT_FAILED,   /* it will not be started again */
	EVENT_PLANNING, /* it said which tools wait for the presentation */
	EVENT_WARNING,
	EVENT_STALLED, /* nobody made progress for half the limit */
	EVENT_RESUMED,
	EVENT_STOPPING, /* coordination is over: kind says why */
	EVENT_WINNER,
	EVENT_PRESENTATION, /* the winner was asked to present */
	EVENT_RESTART,      /* what was presented will not do: all work again */
	EVENT_FINAL_ANSWER,
	EVENT_ORPHANS,      /* processes found and ended at the end */
	EVENT_CHILD_OPENED, /* an agent's tool started a nested run */
	EVENT_CHILD_STATE,
	EVENT_CHILD_ENDED, /* kind: "ended", or "lost" if it did not say so */
	EVENT_RUN_ENDED,
};
#define EVENT_TYPES (EVENT_RUN_ENDED + 1)

/*
 * One event.  Strings and JSON values are borrowed: from the caller, or
 * from `root` when the event was read.
 */
struct event {
	enum event_type type;
	int64_t seq;   /* from 1, without gaps */
	int64_t at_ms; /* since the run's start; virtual in a dry run */
	double time;   /* seconds since the epoch */
	const char *agent;
	int who; /* index of agent; not written; -1: nobody */

	const char *kind;  /* of a turn, an error, a stop */
	const char *text;  /* preview, reason, message */
	const char *label; /* of an answer, "agent1.2" */
	const char *model;
	const char *activity;
	const char *path; /* relative to the run directory */
	const char *sha256;
	const char *snapshot;     /* an answer's files; relative, or NULL */
	const char *target;       /* the agent voted for */
	const char *instructions; /* of a restart: what to do better */
	const char *question;
	const char *session_id;
	const char *log_dir;
	const char *version;
	const char *parent;
	const char *outcome;
	struct json_object *agents; /* [{id, model, model_profile, sandbox}] */
	int64_t turn;
	int64_t attempt;
	int64_t attempts_max;
	int64_t delay_ms; /* until it is started again */
	int64_t bytes;
	int64_t pid;
	int64_t code;
	int64_t signal; /* 0: none */
	int64_t max_rss_kib;
	int64_t count;
	int64_t depth;
	int64_t exit_code;
	int64_t input_tokens;
	int64_t cached_input_tokens;
	int64_t output_tokens;
	int64_t reasoning_tokens;
	int64_t cache_write_tokens;
	int64_t calls; /* with tokens and cost: so far, of a nested run */
	int64_t unpriced_calls;
	int64_t child; /* of the run's nested runs: which, from 1 */
	int64_t percent;
	double lease; /* USD that a nested run may cost; 0: no limit */
	double cost;
	double cpu_seconds;
	bool dry_run;
	bool direct;    /* one agent: its answer is the result */
	bool requested; /* we asked for this exit */
	bool permanent;
	bool priced;    /* of a call: cost is all that it cost */
	bool presented; /* by the winner, else taken as it stood */

	struct json_object *root;
};

const char *event_name(enum event_type);

/* A new JSON object for the event, without a checksum; the caller puts it. */
struct json_object *event_to_json(const struct event *);

/*
 * The event in object, which it takes; event_release gives it back.  who
 * is -1: only a session knows indices.  Returns 0, or -1 with why in err.
 */
int event_from_json(
    struct event *, struct json_object *object, char *err, size_t errlen);

void event_release(struct event *);

#endif
