/*
 * An agent's process beyond its messages: what it is told when it is ready,
 * what its end means for the agent, and the limits of its turn.
 */

#include <stdio.h>
#include <string.h>

#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "supervisor/attempt.h"
#include "supervisor/decide/restart.h"
#include "supervisor/nest/parent.h"
#include "supervisor/planning.h"
#include "supervisor/run.h"
#include "supervisor/workspace.h"

/* A worker in a turn that says nothing at all for so long is stuck. */
#define SILENCE_MS 30000

/* In a dry run, what is due by the scenario may come so late. */
#define SLOW_MS 30000

/* Milliseconds as people say them: "0.5 s", "120 s". */
static const char *
seconds(int64_t ms, char text[32])
{
	if (ms % 1000 == 0)
		snprintf(text, 32, "%lld s", (long long)ms / 1000);
	else
		snprintf(text, 32, "%.3g s", (double)ms / 1000);
	return (text);
}

static void
put_json(struct json_object *o, const char *key, struct json_object *value)
{
	if (value != NULL)
		json_object_object_add(o, key, json_object_get(value));
}

/* A massgen that the program starts has to know whose it is. */
static void
add_nest_env(struct run *run, int agent, struct json_object *program)
{
	struct json_object *more = nest_env(run, agent), *env;

	if (!json_object_object_get_ex(program, "env", &env)) {
		json_object_object_add(program, "env", more);
		return;
	}
	json_object_object_foreach (more, name, value)
		/* the user's own PATH stays; who we are is not theirs to say */
		if (strncmp(name, "MASSGEN_", 8) == 0 ||
		    !json_object_object_get_ex(env, name, NULL))
			put_json(env, name, value);
	json_object_put(more);
}

/* In a program's environment may be a key: see life_ready(). */
static struct json_object *
program_of(const struct agent_config *a, bool undumpable)
{
	struct json_object *program = NULL;

	if (a->program == NULL ||
	    json_object_deep_copy(a->program, &program, NULL) == -1)
		return (NULL);
	if (!undumpable)
		json_object_object_del(program, "env");
	return (program);
}

static struct json_object *
backend_of(const struct agent_config *a, bool undumpable)
{
	struct json_object *o = json_object_new_object();

	field_put_str(o, "type", a->preset->type);
	field_put_str(o, "wire", a->preset->wire);
	field_put_str(o, "model", a->model);
	if (a->base_url != NULL)
		field_put_str(o, "base_url", a->base_url);
	if (a->planning_model != NULL)
		field_put_str(o, "planning_model", a->planning_model);
	if (a->synthesis_model != NULL)
		field_put_str(o, "synthesis_model", a->synthesis_model);
	put_json(o, "fallback_models", a->fallback_models);
	json_object_object_add(
	    o, "planning_call", json_object_new_boolean(a->planning_call));
	put_json(o, "params", a->params);
	if (a->program != NULL)
		json_object_object_add(o, "program", program_of(a, undumpable));
	return (o);
}

/*
 * The steps as the worker gets them: it knows the others by their anonymous
 * names only.
 */
static struct json_object *
script_of(const struct run *run, const struct agent_config *a)
{
	struct json_object *script = NULL, *step, *vote;
	size_t i;
	int who;

	if (a->script == NULL ||
	    json_object_deep_copy(a->script, &script, NULL) == -1)
		return (NULL);
	for (i = 0; i < json_object_array_length(script); i++) {
		step = json_object_array_get_idx(script, i);
		if (!json_object_object_get_ex(step, "vote", &vote))
			continue;
		who = session_agent_by_id(
		    run->session, json_object_get_string(vote));
		if (who != -1)
			json_object_set_string(
			    vote, run->session->agents[who].anonymous);
	}
	return (script);
}

static const char *
strictness_name(enum strictness s)
{
	static const char *const names[] = {
		[STRICTNESS_LENIENT] = "lenient",
		[STRICTNESS_BALANCED] = "balanced",
		[STRICTNESS_STRICT] = "strict",
	};

	return (names[s]);
}

static struct json_object *
options_of(const struct run *run, const struct agent_config *a)
{
	struct json_object *o = json_object_new_object();

	field_put_str(o, "voting_sensitivity",
	    strictness_name(run->config->voting_sensitivity));
	field_put_str(
	    o, "answer_novelty", strictness_name(run->config->answer_novelty));
	field_put_bool(o, "planning_mode", planning_is_on(run));
	if (run->config->planning_instruction != NULL)
		field_put_str(o, "planning_instruction",
		    run->config->planning_instruction);
	json_object_object_add(
	    o, "direct", json_object_new_boolean(run->session->direct));
	json_object_object_add(o, "reserve",
	    json_object_new_boolean(
		run->config->max_cost_usd > 0 || a->max_cost_usd > 0));
	json_object_object_add(
	    o, "idle_ms", json_object_new_int64(run->config->idle_timeout_ms));
	return (o);
}

/* Whether what it is told may have keys in it. */
static bool
holds_keys(const struct agent_config *a)
{
	return (a->api_key != NULL || a->program != NULL ||
	    (a->secrets != NULL && json_object_array_length(a->secrets) > 0));
}

/* What of an agent's tools may hold keys. */
static void
forget_keys(struct json_object *tools)
{
	struct json_object *commands;

	if (tools == NULL)
		return;
	json_object_object_del(tools, "mcp");
	if (json_object_object_get_ex(tools, "command_line", &commands))
		json_object_object_del(commands, "pass_env");
}

void
life_ready(void *arg, struct worker *w)
{
	struct run *run = arg;
	struct agent_run *a = &run->agents[w->index];
	struct event e = { .type = EVENT_AGENT_READY, .agent = a->config->id };
	struct json_object *program;
	struct msg m = { .type = MSG_INIT,
		.version = MSG_VERSION,
		.agent = run->session->agents[w->index].anonymous,
		.count = (int64_t)run->session->nagents,
		.system_message = a->config->system_message,
		.key = a->config->api_key,
		.script = script_of(run, a->config),
		.backend = backend_of(a->config, w->undumpable),
		.options = options_of(run, a->config),
		.tools = workspace_tools(run, w->index) };

	if (json_object_object_get_ex(m.backend, "program", &program))
		add_nest_env(run, w->index, program);
	run_event(run, &e);
	if (!w->undumpable && holds_keys(a->config)) {
		log_warnx("agent %s: its worker is not undumpable, so it is "
			  "given no key",
		    w->name);
		m.key = NULL;
		forget_keys(m.tools);
	}
	worker_send(w, &m);
	json_object_put(m.tools);
	json_object_put(m.backend);
	json_object_put(m.options);
	json_object_put(m.script);
}

static void
give_up(
    struct run *run, struct agent_run *a, const char *kind, const char *text)
{
	struct event e = { .type = EVENT_AGENT_FAILED,
		.agent = a->config->id,
		.kind = kind,
		.text = text };

	a->given_up = true;
	if (run->order != NULL)
		order_end(run->order, a->worker.index);
	run_event(run, &e);
	planning_gone(run, a->worker.index);
}

/* An attempt came to nothing: again, later, or never. */
static void
attempt_failed(struct run *run, struct agent_run *a, const char *kind,
    const char *text, bool permanent)
{
	int max = run->config->max_restarts_per_agent;
	int64_t failed = a->attempts - a->in_grace;
	int64_t delay = restart_delay(failed, max, permanent);
	struct event e = { .type = EVENT_ATTEMPT_FAILED,
		.agent = a->config->id,
		.kind = kind,
		.text = text,
		.attempt = failed,
		.attempts_max = max + 1,
		.delay_ms = delay };

	run_event(run, &e);
	if (delay == RESTART_NEVER) {
		give_up(run, a, kind, text);
		return;
	}
	a->start_at = mono_ms() + delay;
	if (run->order != NULL && order_begun(run->order, a->worker.index))
		order_begin(run->order, a->worker.index, delay);
}

void
life_gone(void *arg, struct worker *w, const struct worker_end *end)
{
	struct run *run = arg;
	struct agent_run *a = &run->agents[w->index];
	bool presenter =
	    run->stage == STAGE_PRESENTING && w->index == run->session->winner;
	struct event e = { .type = EVENT_AGENT_EXITED,
		.agent = a->config->id,
		.code = end->code,
		.signal = end->signal,
		.requested = end->requested,
		.max_rss_kib = end->max_rss_kib,
		.cpu_seconds = end->cpu_seconds };
	bool in_grace = a->timed_out && !a->turn_open;
	char text[640];

	run->sweep = run->sweep || !end->requested || end->signal != 0;
	dispatch_flush_output(a);
	a->sent = 0;
	spend_gone(run, a);
	a->turn_open = a->presenting = a->timed_out = false;
	run_event(run, &e);
	if (end->requested && strcmp(end->kind, "finished") == 0)
		return;
	if (in_grace) {
		a->in_grace++;
		return;
	}
	if (!end->requested && end->signal != 0)
		snprintf(text, sizeof(text), "exit signal %d", end->signal);
	else if (!end->requested)
		snprintf(text, sizeof(text), "exit code %d", end->code);
	else
		strlcpy(text, end->reason, sizeof(text));
	log_info("agent %s: %s", w->name, end->reason);
	if (run->stage == STAGE_COORDINATING || presenter ||
	    (run->stage == STAGE_PRESENTING && attempt_may_follow(run)))
		attempt_failed(run, a, end->kind, text, end->permanent);
	/* it is not asked twice: its last answer is as good as it stands */
	if (presenter)
		finalize_presented(run, NULL);
}

/* Why an agent's turn has to end now, or NULL. */
static const char *
limit_passed(const struct run *run, const struct agent_run *a, int64_t now,
    char *text, size_t len)
{
	char s[32];

	if (now >= a->turn_end)
		snprintf(text, len, "timeout after %s",
		    seconds(run->config->agent_timeout_ms, s));
	else if (now - a->progress_at >= run->config->idle_timeout_ms)
		snprintf(text, len, "no progress for %s",
		    seconds(run->config->idle_timeout_ms, s));
	else if (now - a->worker.heard >= SILENCE_MS)
		snprintf(
		    text, len, "not heard of for %s", seconds(SILENCE_MS, s));
	else
		return (NULL);
	return (text);
}

/* The scenario has its course on a slow machine too: only a hang is late. */
static int64_t
slack(const struct run *run, const struct agent_run *a)
{
	if (run->order == NULL || !order_is_due(run->order, a->worker.index))
		return (0);
	return (SLOW_MS);
}

int64_t
life_deadline(const struct run *run, const struct agent_run *a)
{
	int64_t at = a->turn_end;

	if (!a->turn_open || a->worker.state != WORKER_UP)
		return (a->worker.deadline);
	at = mono_min(at,
	    mono_add(a->progress_at,
		a->idle_warned ? run->config->idle_timeout_ms
			       : run->config->idle_timeout_ms / 2));
	at = mono_min(at, a->worker.heard + SILENCE_MS);
	return (mono_min(a->worker.deadline, mono_add(at, slack(run, a))));
}

int64_t
life_moves(const struct run *run, const struct agent_run *a)
{
	if (a->given_up)
		return (0);
	if (a->worker.deadline != MONO_NEVER)
		return (a->worker.deadline);
	/* who waits for others is not bounded but by them */
	if (a->turn_open)
		return (a->spend.waiting ? 0 : a->progress_at + slack(run, a));
	if (!session_owes_turn(run->session, a->worker.index))
		return (0);
	return (a->worker.state == WORKER_UP ? a->worker.heard : a->start_at);
}

void
life_expire(struct run *run, struct agent_run *a, int64_t now)
{
	int64_t idle;
	const char *why;
	char text[80], s[32];

	if (now >= a->worker.deadline)
		worker_expire(&a->worker);
	if (!a->turn_open || a->worker.state != WORKER_UP)
		return;
	if (a->spend.waiting)
		a->progress_at = now; /* it is others that it waits for */
	idle = now - slack(run, a) - a->progress_at;
	why = limit_passed(run, a, now - slack(run, a), text, sizeof(text));
	if (why == NULL) {
		if (!a->idle_warned &&
		    idle >= run->config->idle_timeout_ms / 2) {
			a->idle_warned = true;
			log_warnx("agent %s: no progress for %s", a->config->id,
			    seconds(now - a->progress_at, s));
		}
		return;
	}
	/* by the scenario's time others may still come before it */
	if (run->order != NULL && !a->presenting &&
	    !order_timed_out(run->order, a->worker.index)) {
		a->turn_end = mono_min(a->turn_end, now) + 10;
		a->progress_at = a->worker.heard = now;
		return;
	}
	a->timed_out = true;
	worker_stop(&a->worker, "timeout", why, false);
}
