/*
 * One run: what its parts share.  setup.c sets it up; run.c decides when to
 * do what; dispatch.c takes what workers say; finalize.c is every way out.
 */

#ifndef SUPERVISOR_RUN_H
#define SUPERVISOR_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/config/config.h"
#include "supervisor/decide/exit.h"
#include "supervisor/decide/order.h"
#include "supervisor/decide/session.h"
#include "supervisor/process/worker.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/status.h"
#include "supervisor/view/view.h"

enum stage {
	STAGE_COORDINATING,
	STAGE_PRESENTING, /* the winner was asked, or is being started */
	STAGE_ENDING,     /* the result is known, workers are leaving */
	STAGE_DONE,
};

/* One agent's model call, as far as money goes. */
struct spend {
	bool open;         /* asked for or begun, and not settled */
	bool begun;        /* bytes of its reply came */
	char *model;       /* of an open one; or NULL */
	double reserved;   /* USD granted to it; 0 where no limit is set */
	bool waiting;      /* for what others may give back, to have */
	double wanted;     /* so many USD; */
	int64_t waits_for; /* the turn it is in */
};

/* What one agent's process was given and owes; the session knows the rest. */
struct agent_run {
	struct worker worker;
	const struct agent_config *config;
	char *workspace;  /* absolute; NULL: it has no tools */
	int64_t attempts; /* processes started */
	int64_t in_grace; /* of these, did what was asked in their grace */
	bool timed_out;   /* its turn was, and the process has to leave */
	int64_t start_at; /* monotonic: not before */
	bool given_up;    /* it will not be started again */

	bool turn_open;
	bool presenting;  /* that turn is the final presentation */
	int64_t turn;     /* its number, unique in the run */
	int64_t turn_end; /* monotonic limit */
	int refusals;     /* in this turn */
	int64_t steps;    /* a mock agent's acts so far */
	size_t sent;      /* answers its process knows of */
	char *context;    /* what its model was shown last */

	int64_t progress_at; /* monotonic */
	bool idle_warned;
	int64_t noted_at; /* when its activity was last journalled */
	char *noted;      /* and which it was */
	struct spend spend;
	int output_fd;       /* agent_outputs/ID.txt; -1 */
	struct buf output;   /* of it, not yet written */
	int64_t output_left; /* bytes it may still grow by */
};

struct manifest;    /* record/manifest.h */
struct nest;        /* nest/parent.c: runs that the tools start */
struct parent_link; /* nest/child.c: the way to the run that started us */

struct run {
	const struct config *config;
	const char *question;
	const char *output_path; /* -o; or NULL */
	char *log_dir;           /* absolute */
	char *ballast;           /* path of a file that makes room at the end */
	struct manifest *manifest; /* from the final answer on */
	const struct view *view;
	bool dry_run;

	struct session *session;
	struct journal journal;
	struct status_writer status;
	struct order *order; /* a dry run's; else NULL */
	struct agent_run *agents;
	struct json_object **answers; /* as sent, by index in the session */
	char **texts;                 /* their full texts, likewise */

	enum stage stage;
	int64_t started;  /* monotonic */
	int64_t start_ms; /* the wall clock then, since the epoch */
	int64_t soft_end; /* coordination stops here */
	int64_t present_end;
	int64_t hard_end;
	int64_t progress_at;
	int64_t next_turn;
	int interrupts;
	bool cost_limited;
	bool sweep;          /* a worker may have left processes behind */
	bool quiet;          /* nothing came for a while */
	bool has_files;      /* of setup_files() */
	bool has_final;      /* the result's folders */
	const char *sandbox; /* level of confine(8) that works here */
	char *real_dir;      /* log_dir as tools know it: no symlinks */
	char *final_files;   /* of what was presented; relative, or NULL */
	struct nest *nest;
	struct parent_link *parent; /* NULL: we are the outermost */

	struct json_object *feedback; /* of the attempt before, or NULL */
	char *presented;              /* what it ended with, or NULL, */
	int presenter;                /* and who did */
	struct json_object *blocked;  /* in planning mode; NULL: not known */

	char *final_text;  /* of the result; NULL: none */
	int journal_error; /* errno of its first failure; 0: none */
	char *error;       /* what made the run fail, for the last lines */
	char **worker_argv;
	char **worker_env;
};

/* The run's time: its start on the wall clock plus monotonic time since. */
double run_time(const struct run *);

/* Journal an event, apply it, show it. */
void run_event(struct run *, struct event *);
void run_warn(struct run *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Anything observed that brings the run on. */
void run_progress(struct run *, struct agent_run *);

/* Tell an agent's process of the answers it does not know yet. */
void run_send_update(struct run *, int agent);

/* Give an agent's process its turn; the process is up and has none. */
void run_start_turn(struct run *, int agent, bool presentation);

/* Start an agent's process. */
void run_start_worker(struct run *, int agent);

/* dispatch.c */

/* What workers say goes here; there is one run in a process. */
const struct worker_owner *dispatch_owner(struct run *);

/* Write what is held back of the agent's stream: nothing follows. */
void dispatch_flush_output(struct agent_run *);

/* A message on its way to its handler. */
struct call {
	struct run *run;
	struct agent_run *agent;
	int index;
	const struct msg *msg;
};

/* spend.c: what calls cost, and the limits of it. */
void spend_on_reserve(struct call *);
void spend_on_usage(struct call *);

/* Signs of an agent's call: that it is made, that its reply begins. */
void spend_call(struct agent_run *, const char *model);
void spend_reply(struct agent_run *);

/* An agent's process is gone: whatever it had open is settled. */
void spend_gone(struct run *, struct agent_run *);

/*
 * What a run that a tool of the agent starts may spend: see ledger_lease.
 * What is left for the agent in all; -1: there is no limit.
 */
bool spend_lease(
    struct run *, const struct agent_run *, double wanted, double *out_lease);
double spend_left(struct run *, const struct agent_run *);

/* Something was given back: who waits for it may have it. */
void spend_retry(struct run *);

/* verdict.c */
void verdict_on_answer(struct call *);
void verdict_on_vote(struct call *);

/* life.c: for struct worker_owner, and the limits of an agent's turn. */
void life_ready(void *run, struct worker *);
void life_gone(void *run, struct worker *, const struct worker_end *);

/* When an agent's process or turn needs life_expire, monotonic. */
int64_t life_deadline(const struct run *, const struct agent_run *);
void life_expire(struct run *, struct agent_run *, int64_t now);

/*
 * When the agent brought the run on last, or will by what is under way: the
 * start or the end of its process, or the pause before the next one, each of
 * which has a limit.  Monotonic; 0: nothing is to be expected from it.
 */
int64_t life_moves(const struct run *, const struct agent_run *);

/* finalize.c */

/* Coordination is over: why is one of the kinds of EVENT_STOPPING. */
void finalize_begin(struct run *, const char *why, const char *text);

/* Whether the result's folders are to be made while that is presented. */
bool finalize_wants_folders(const struct run *);
void finalize_make_folders(struct run *);

/* The presenter's answer, or NULL: it will not come. */
void finalize_presented(struct run *, const char *text);

/* Called each turn of the loop after finalize_begin; moves the stage on. */
void finalize_step(struct run *);

/* Everything else on disk; the exit code. */
enum exit_code finalize_finish(struct run *);

/* What a run is asked for; question is UTF-8. */
struct run_request {
	struct config *config;
	char *question;
	const char *output_path;
	const char *log_dir;
	const struct view *view;
	bool dry_run;
	const char *sandbox;        /* see sandbox.h */
	int64_t started;            /* monotonic, of the program */
	struct parent_link *parent; /* NULL: nobody's tool started it */
};

/* setup.c */
void setup_run(struct run *, const struct run_request *);
/* What the workers need not wait for: files that only we write.  Once. */
void setup_files(struct run *);
/* Nobody writes to the agents' streams any more. */
void setup_close_files(struct run *);
void setup_release(struct run *);

/* The whole run, from its directory to its exit code. */
enum exit_code run_execute(const struct run_request *);

#endif
