/*
 * What workers say and what follows from it: a table of message types, each
 * with the turn it needs and its handler.  A message out of place is its
 * worker's protocol error and nobody else's.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/decide/novelty.h"
#include "supervisor/decide/restart.h"
#include "supervisor/record/artifact.h"
#include "supervisor/record/redact.h"
#include "supervisor/run.h"

#define PREVIEW_MAX	 200
#define REFUSALS_MAX	 16   /* a worker gives up itself after three */
#define NOTE_EVERY_MS	 1000 /* an activity that goes on */
#define ANSWER_SENT_MAX	 ((size_t)256 * 1024)
#define BALANCED_LIKENESS 0.70
#define STRICT_LIKENESS	 0.50

struct call {
	struct run *run;
	struct agent_run *agent;
	int index;
	const struct msg *msg;
};

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
send_verdict(struct call *c, bool accepted, bool final, const char *text)
{
	struct msg m = { .type = MSG_VERDICT, .turn = c->agent->turn,
		.accepted = accepted, .final = final, .text = text };

	worker_send(&c->agent->worker, &m);
}

/* The turn is done: the agent owes nothing until the session says so. */
static void
close_turn(struct run *run, struct agent_run *a)
{
	a->turn_open = a->presenting = false;
	a->refusals = 0;
	a->reserved = 0;
	a->worker.said = 0;
	if (run->order != NULL)
		order_end(run->order, a->worker.index);
}

static void
refuse(struct call *c, const char *kind, const char *why)
{
	struct event e = { .type = EVENT_REFUSED,
		.agent = c->agent->config->id, .kind = kind, .text = why };

	run_event(c->run, &e);
	if (++c->agent->refusals > REFUSALS_MAX) {
		worker_stop(&c->agent->worker, "no_decision",
		    "too many refused answers and votes", false);
		return;
	}
	if (c->run->order != NULL)
		order_begin(c->run->order, c->index, 0);
	send_verdict(c, false, false, why);
}

/* --- answers --- */

/* Each other agent reads a long answer's beginning and end. */
static struct json_object *
answer_as_sent(const char *anonymous, const char *label, const char *text)
{
	struct json_object *o = json_object_new_object();
	struct buf b = BUF_INITIALIZER;
	size_t len = strlen(text), head, tail;

	if (len <= ANSWER_SENT_MAX) {
		buf_add(&b, text, len);
	} else {
		head = utf8_prefix(text, len, ANSWER_SENT_MAX / 2);
		tail = len - ANSWER_SENT_MAX / 2;
		while (((unsigned char)text[tail] & 0xc0) == 0x80)
			tail++;
		buf_add(&b, text, head);
		buf_addf(&b, "\n[... %zu of %zu bytes left out ...]\n",
		    tail - head, len);
		buf_adds(&b, text + tail);
	}
	json_object_object_add(o, "agent", json_object_new_string(anonymous));
	json_object_object_add(o, "label", json_object_new_string(label));
	json_object_object_add(o, "text",
	    json_object_new_string_len(b.data, (int)b.len));
	buf_release(&b);
	return (o);
}

static void
remember(struct run *run, struct json_object *sent, const char *text)
{
	size_t n = run->session->nanswers; /* the event is not applied yet */

	run->answers = xreallocarray(run->answers, n + 1,
	    sizeof(*run->answers));
	run->texts = xreallocarray(run->texts, n + 1, sizeof(*run->texts));
	run->answers[n] = sent;
	run->texts[n] = xstrdup(text);
}

static double
likeness_limit(enum strictness s)
{
	switch (s) {
	case STRICTNESS_LENIENT:
		break;
	case STRICTNESS_BALANCED:
		return (BALANCED_LIKENESS);
	case STRICTNESS_STRICT:
		return (STRICT_LIKENESS);
	}
	return (1.0);
}

static bool
answer_is_new(struct run *run, const char *text, char *why, size_t whylen)
{
	double limit = likeness_limit(run->config->answer_novelty);
	const struct session_answer *known;
	size_t i;

	for (i = 0; i < run->session->nanswers; i++) {
		known = &run->session->answers[i];
		if (novelty_is_duplicate(text, run->texts[i])) {
			snprintf(why, whylen, "this is the same as %s: vote "
			    "for it, or give an answer that improves it",
			    known->label);
			return (false);
		}
		if (limit < 1.0 &&
		    novelty_similarity(text, run->texts[i]) > limit) {
			snprintf(why, whylen, "this is too close to %s: vote "
			    "for it, or give an answer with new content",
			    known->label);
			return (false);
		}
	}
	return (true);
}

/* The files of one step; the journal refers to them. */
static int
write_step(struct run *run, const struct agent_run *a, const char *name,
    const char *data, size_t len, struct artifact *out)
{
	const char *context = a->context == NULL ? "" : a->context;
	char *dir;
	int ret;

	memset(out, 0, sizeof(*out));
	if ((dir = artifact_step_dir(run->log_dir, a->config->id)) == NULL)
		return (-1);
	ret = artifact_write(run->log_dir, dir, "context.txt", context,
	    strlen(context), false, NULL);
	if (artifact_write(run->log_dir, dir, name, data, len, false, out) ==
	    -1)
		ret = -1;
	free(dir);
	return (ret);
}

static void
accept_answer(struct call *c, const char *text)
{
	struct run *run = c->run;
	struct session_agent *s = &run->session->agents[c->index];
	struct artifact file;
	char *label, *preview;
	struct event e = { .type = EVENT_ANSWER,
		.agent = c->agent->config->id };

	if (write_step(run, c->agent, "answer.txt", text, strlen(text),
	    &file) == -1)
		run_warn(run, "%s: the answer of %s is kept in memory only: "
		    "%s", run->log_dir, s->id, strerror(errno));
	label = xasprintf("%s.%d", s->anonymous, s->answers + 1);
	preview = utf8_line(text, PREVIEW_MAX);
	e.label = label;
	e.text = preview;
	e.path = file.path == NULL ? "" : file.path;
	e.sha256 = file.sha256;
	e.bytes = (int64_t)strlen(text);
	remember(run, answer_as_sent(s->anonymous, label, text), text);
	run_event(run, &e);
	send_verdict(c, true, true, NULL);
	close_turn(run, c->agent);
	artifact_release(&file);
	free(preview);
	free(label);
}

static void
on_answer(struct call *c)
{
	const char *text = c->msg->text;
	char why[256];

	if (c->agent->presenting) {
		send_verdict(c, true, true, NULL);
		close_turn(c->run, c->agent);
		finalize_presented(c->run, text);
		return;
	}
	if (c->run->stage != STAGE_COORDINATING)
		return;
	if (text[strspn(text, " \t\r\n")] == '\0')
		refuse(c, "answer", "the answer is empty");
	else if (session_check_answer(c->run->session, c->index,
	    c->run->config->max_new_answers_per_agent, why,
	    sizeof(why)) != VERDICT_OK ||
	    !answer_is_new(c->run, text, why, sizeof(why)))
		refuse(c, "answer", why);
	else
		accept_answer(c, text);
}

/* --- votes --- */

static void
put_str(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

/* vote.json, with MassGen's keys. */
static struct json_object *
vote_record(const struct call *c, int target)
{
	const struct session *s = c->run->session;
	struct json_object *o = json_object_new_object();
	struct json_object *ids = json_object_new_array();
	struct json_object *names = json_object_new_array();
	struct json_object *map = json_object_new_object();
	size_t i;

	put_str(o, "voter_id", c->agent->config->id);
	put_str(o, "voter_anon_id", s->agents[c->index].anonymous);
	put_str(o, "voted_for", s->agents[target].id);
	put_str(o, "voted_for_anon", s->agents[target].anonymous);
	put_str(o, "voted_for_label",
	    s->answers[s->agents[target].latest].label);
	put_str(o, "reason", c->msg->text == NULL ? "" : c->msg->text);
	json_object_object_add(o, "unix_timestamp",
	    field_real(run_time(c->run)));
	for (i = 0; i < s->nagents; i++) {
		if (s->agents[i].latest == -1)
			continue;
		json_object_array_add(ids,
		    json_object_new_string(s->agents[i].id));
		json_object_array_add(names,
		    json_object_new_string(s->agents[i].anonymous));
		put_str(map, s->agents[i].anonymous, s->agents[i].id);
	}
	json_object_object_add(o, "available_options", ids);
	json_object_object_add(o, "available_options_anon", names);
	json_object_object_add(o, "agent_mapping", map);
	return (o);
}

static void
accept_vote(struct call *c, int target)
{
	const struct session *s = c->run->session;
	struct json_object *o = vote_record(c, target);
	struct artifact file;
	const char *text;
	size_t len;
	struct event e = { .type = EVENT_VOTE,
		.agent = c->agent->config->id };

	text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PRETTY |
	    JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	if (write_step(c->run, c->agent, "vote.json", text, len, &file) == -1)
		log_warn("%s: vote of %s", c->run->log_dir, e.agent);
	e.target = s->agents[target].id;
	e.label = s->answers[s->agents[target].latest].label;
	e.text = c->msg->text == NULL ? "" : c->msg->text;
	e.path = file.path == NULL ? "" : file.path;
	run_event(c->run, &e);
	send_verdict(c, true, true, NULL);
	close_turn(c->run, c->agent);
	artifact_release(&file);
	json_object_put(o);
}

static void
on_vote(struct call *c)
{
	struct session *s = c->run->session;
	char why[512];
	int target;

	if (c->run->stage != STAGE_COORDINATING || c->agent->presenting)
		return;
	switch (session_check_vote(s, c->index, c->msg->agent, c->msg->seen,
	    why, sizeof(why))) {
	case VERDICT_OK:
		target = session_agent_by_name(s, c->msg->agent);
		if (target == -1)
			target = session_agent_by_id(s, c->msg->agent);
		accept_vote(c, target);
		break;
	case VERDICT_STALE:
		/* first the news, so that the refusal makes sense */
		run_send_update(c->run, c->index);
		refuse(c, "late_vote", why);
		break;
	case VERDICT_RETRY:
		refuse(c, "vote", why);
		break;
	}
}

/* --- the rest --- */

static void
note_activity(struct call *c, const char *activity, const char *model,
    const char *text)
{
	struct agent_run *a = c->agent;
	struct event e = { .type = EVENT_ACTIVITY, .agent = a->config->id,
		.activity = activity, .model = model, .text = text };
	int64_t now = mono_ms();

	if (a->noted != NULL && strcmp(a->noted, activity) == 0 &&
	    now - a->noted_at < NOTE_EVERY_MS)
		return;
	free(a->noted);
	a->noted = xstrdup(activity);
	a->noted_at = now;
	run_event(c->run, &e);
}

static void
on_activity(struct call *c)
{
	static const char *const known[] = { "waiting_model", "streaming",
		"running_tool", "waiting_child", "idle" };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], c->msg->activity) == 0) {
			note_activity(c, known[i], c->msg->model,
			    c->msg->text);
			return;
		}
	worker_stop(&c->agent->worker, "protocol_error",
	    "protocol error: unknown activity", false);
}

static void
on_context(struct call *c)
{
	free(c->agent->context);
	c->agent->context = xstrdup(c->msg->text);
}

static void
append_output(struct agent_run *a, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	if (a->output_fd == -1)
		return;
	if ((int64_t)len > a->output_left) {
		log_warnx("agent %s: agent_outputs is full, the rest is left "
		    "out", a->config->id);
		close(a->output_fd);
		a->output_fd = -1;
		return;
	}
	do
		n = write(a->output_fd, text, len);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		log_warn("agent_outputs/%s.txt", a->config->id);
	a->output_left -= (int64_t)len;
}

static void
on_content(struct call *c)
{
	append_output(c->agent, c->msg->text);
	note_activity(c, "streaming", NULL, NULL);
}

static void
on_tool(struct call *c)
{
	note_activity(c, "running_tool", NULL, c->msg->name);
}

/* A mock agent says when its next act comes; see order.h. */
static void
on_ready(struct call *c)
{
	struct msg go = { .type = MSG_GO, .turn = c->agent->turn };

	c->agent->steps++;
	if (c->run->order == NULL || c->agent->presenting) {
		if (c->msg->after_ms >= 0)
			worker_send(&c->agent->worker, &go);
		return;
	}
	order_promise(c->run->order, c->index, c->msg->after_ms);
	c->agent->turn_end = mono_ms() + c->run->config->agent_timeout_ms;
}

static void
on_reserve(struct call *c)
{
	struct msg m = { .type = MSG_GRANT, .turn = c->agent->turn };

	m.accepted = run_reserve(c->run, c->index, c->msg->cost);
	if (!m.accepted)
		m.text = "the cost limit is reached";
	worker_send(&c->agent->worker, &m);
}

static int64_t
not_negative(int64_t n)
{
	return (n < 0 ? 0 : n);
}

static void
on_usage(struct call *c)
{
	const struct msg *m = c->msg;
	struct event e = { .type = EVENT_USAGE,
		.agent = c->agent->config->id, .model = m->model,
		.input_tokens = not_negative(m->input_tokens),
		.cached_input_tokens = not_negative(m->cached_input_tokens),
		.output_tokens = not_negative(m->output_tokens),
		.reasoning_tokens = not_negative(m->reasoning_tokens),
		.cost = m->cost > 0 ? m->cost : 0 };

	c->agent->reserved = 0;
	run_event(c->run, &e);
}

static void
on_error(struct call *c)
{
	char *kind = utf8_line(c->msg->kind, 40);
	char *text = utf8_line(c->msg->text, 500);

	worker_stop(&c->agent->worker, kind, text, c->msg->permanent);
	free(kind);
	free(text);
}

static void
on_heartbeat(struct call *c)
{
	(void)c; /* that it came was noted when it was read */
}

static const struct {
	void (*handle)(struct call *);
	bool in_turn;  /* only with the number of the open turn */
	bool progress; /* it brings the run on */
} handlers[MSG_TYPES] = {
	[MSG_CONTEXT] = { on_context, true, false },
	[MSG_ACTIVITY] = { on_activity, true, true },
	[MSG_CONTENT] = { on_content, true, true },
	[MSG_REASONING] = { on_content, true, true },
	[MSG_TOOL] = { on_tool, true, true },
	[MSG_READY] = { on_ready, true, true },
	[MSG_RESERVE] = { on_reserve, true, true },
	[MSG_USAGE] = { on_usage, false, true },
	[MSG_ANSWER] = { on_answer, true, true },
	[MSG_VOTE] = { on_vote, true, true },
	[MSG_ERROR] = { on_error, false, false },
	[MSG_HEARTBEAT] = { on_heartbeat, false, false },
};

static void
message(void *arg, struct worker *w, const struct msg *m)
{
	struct run *run = arg;
	struct agent_run *a = &run->agents[w->index];
	struct call c = { run, a, w->index, m };
	char what[80];

	log_debug("%s -> supervisor: %s", w->name, msg_name(m->type));
	if (handlers[m->type].in_turn &&
	    (!a->turn_open || m->turn != a->turn)) {
		/* of a turn that was cancelled meanwhile: nobody's fault */
		if (m->turn > 0 && m->turn <= a->turn)
			return;
		snprintf(what, sizeof(what),
		    "protocol error: %s for turn %lld, which is not open",
		    msg_name(m->type), (long long)m->turn);
		worker_stop(w, "protocol_error", what, false);
		return;
	}
	if (handlers[m->type].progress)
		run_progress(run, a);
	handlers[m->type].handle(&c);
}

/* --- life and death --- */

static void
put_json(struct json_object *o, const char *key, struct json_object *value)
{
	if (value != NULL)
		json_object_object_add(o, key, json_object_get(value));
}

static struct json_object *
backend_of(const struct agent_config *a)
{
	struct json_object *o = json_object_new_object();

	put_str(o, "type", a->preset->type);
	put_str(o, "wire", a->preset->wire);
	put_str(o, "model", a->model);
	if (a->base_url != NULL)
		put_str(o, "base_url", a->base_url);
	if (a->planning_model != NULL)
		put_str(o, "planning_model", a->planning_model);
	if (a->synthesis_model != NULL)
		put_str(o, "synthesis_model", a->synthesis_model);
	put_json(o, "params", a->params);
	return (o);
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

	put_str(o, "voting_sensitivity",
	    strictness_name(run->config->voting_sensitivity));
	put_str(o, "answer_novelty",
	    strictness_name(run->config->answer_novelty));
	json_object_object_add(o, "direct",
	    json_object_new_boolean(run->session->direct));
	json_object_object_add(o, "reserve", json_object_new_boolean(
	    run->config->max_cost_usd > 0 || a->max_cost_usd > 0));
	json_object_object_add(o, "idle_ms",
	    json_object_new_int64(run->config->idle_timeout_ms));
	return (o);
}

static void
ready(void *arg, struct worker *w)
{
	struct run *run = arg;
	struct agent_run *a = &run->agents[w->index];
	struct event e = { .type = EVENT_AGENT_READY, .agent = a->config->id };
	struct msg m = { .type = MSG_INIT, .version = MSG_VERSION,
		.agent = run->session->agents[w->index].anonymous,
		.count = (int64_t)run->session->nagents,
		.system_message = a->config->system_message,
		.key = a->config->api_key, .script = a->config->script,
		.backend = backend_of(a->config),
		.options = options_of(run, a->config) };

	run_event(run, &e);
	worker_send(w, &m);
	json_object_put(m.backend);
	json_object_put(m.options);
}

static void
give_up(struct run *run, struct agent_run *a, const char *kind,
    const char *text)
{
	struct event e = { .type = EVENT_AGENT_FAILED, .agent = a->config->id,
		.kind = kind, .text = text };

	a->given_up = true;
	if (run->order != NULL)
		order_end(run->order, a->worker.index);
	run_event(run, &e);
}

/* An attempt came to nothing: again, later, or never. */
static void
attempt_failed(struct run *run, struct agent_run *a, const char *kind,
    const char *text, bool permanent)
{
	int max = run->config->max_restarts_per_agent;
	int64_t delay = restart_delay(a->attempts, max, permanent);
	struct event e = { .type = EVENT_ATTEMPT_FAILED,
		.agent = a->config->id, .kind = kind, .text = text,
		.attempt = a->attempts, .attempts_max = max + 1,
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

static void
gone(void *arg, struct worker *w, const struct worker_end *end)
{
	struct run *run = arg;
	struct agent_run *a = &run->agents[w->index];
	bool presenting = a->presenting;
	struct event e = { .type = EVENT_AGENT_EXITED, .agent = a->config->id,
		.code = end->code, .signal = end->signal,
		.requested = end->requested,
		.max_rss_kib = end->max_rss_kib,
		.cpu_seconds = end->cpu_seconds };
	char text[640];

	run->sweep = run->sweep || !end->requested || end->signal != 0;
	a->sent = 0;
	a->reserved = 0;
	a->turn_open = a->presenting = false;
	run_event(run, &e);
	if (end->requested && strcmp(end->kind, "finished") == 0)
		return;
	if (!end->requested && end->signal != 0)
		snprintf(text, sizeof(text), "exit signal %d", end->signal);
	else if (!end->requested)
		snprintf(text, sizeof(text), "exit code %d", end->code);
	else
		strlcpy(text, end->reason, sizeof(text));
	log_info("agent %s: %s", w->name, end->reason);
	if (run->stage == STAGE_COORDINATING || presenting)
		attempt_failed(run, a, end->kind, text, end->permanent);
	if (presenting)
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
	else if (now - a->worker.heard >= DISPATCH_SILENCE_MS)
		snprintf(text, len, "not heard of for %s",
		    seconds(DISPATCH_SILENCE_MS, s));
	else
		return (NULL);
	return (text);
}

int64_t
dispatch_deadline(const struct run *run, const struct agent_run *a)
{
	int64_t at = a->worker.deadline;

	if (!a->turn_open || a->worker.state != WORKER_UP)
		return (at);
	at = mono_min(at, a->turn_end);
	at = mono_min(at, mono_add(a->progress_at,
	    a->idle_warned ? run->config->idle_timeout_ms :
	    run->config->idle_timeout_ms / 2));
	return (mono_min(at, a->worker.heard + DISPATCH_SILENCE_MS));
}

void
dispatch_expire(struct run *run, struct agent_run *a, int64_t now)
{
	const char *why;
	char text[80], s[32];

	if (now >= a->worker.deadline)
		worker_expire(&a->worker);
	if (!a->turn_open || a->worker.state != WORKER_UP)
		return;
	why = limit_passed(run, a, now, text, sizeof(text));
	if (why == NULL) {
		if (!a->idle_warned && now - a->progress_at >=
		    run->config->idle_timeout_ms / 2) {
			a->idle_warned = true;
			log_warnx("agent %s: no progress for %s",
			    a->config->id,
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
	worker_stop(&a->worker, "timeout", why, false);
}

const struct worker_owner *
dispatch_owner(struct run *run)
{
	static struct worker_owner owner = { ready, message, gone, NULL };

	owner.arg = run;
	return (&owner);
}
