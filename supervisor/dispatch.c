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
#include "supervisor/planning.h"
#include "supervisor/record/redact.h"
#include "supervisor/run.h"

#define NOTE_EVERY_MS 1000 /* an activity that goes on */
#define HOLD_MAX_MS   600000

static void
note_activity(
    struct call *c, const char *activity, const char *model, const char *text)
{
	struct agent_run *a = c->agent;
	struct event e = { .type = EVENT_ACTIVITY,
		.agent = a->config->id,
		.activity = activity,
		.model = model,
		.text = text };
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
note_spending(struct call *c, const char *activity)
{
	if (strcmp(activity, "waiting_model") == 0)
		spend_call(c->agent, c->msg->model);
	else if (strcmp(activity, "streaming") == 0)
		spend_reply(c->agent);
}

static void
on_activity(struct call *c)
{
	static const char *const known[] = { "waiting_model", "streaming",
		"running_tool", "waiting_child", "idle" };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], c->msg->activity) == 0) {
			note_spending(c, known[i]);
			note_activity(c, known[i], c->msg->model, c->msg->text);
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
write_output(struct agent_run *a, size_t len)
{
	ssize_t n;

	if ((int64_t)len > a->output_left) {
		log_warnx("agent %s: agent_outputs is full, the rest is left "
			  "out",
		    a->config->id);
		close(a->output_fd);
		a->output_fd = -1;
	}
	if (a->output_fd == -1 || len == 0)
		return;
	do
		n = write(a->output_fd, a->output.data, len);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		log_warn("agent_outputs/%s.txt", a->config->id);
	a->output_left -= (int64_t)len;
}

/*
 * A key may come in pieces: as much as could be the beginning of one stays
 * back until what follows is known.
 */
static void
append_output(struct agent_run *a, const char *text)
{
	size_t back = redact_longest();

	buf_adds(&a->output, text);
	redact(a->output.data, a->output.len);
	back = back == 0 ? 0 : back - 1;
	if (a->output.len <= back)
		return;
	write_output(a, a->output.len - back);
	buf_consume(&a->output, a->output.len - back);
}

void
dispatch_flush_output(struct agent_run *a)
{
	write_output(a, a->output.len);
	buf_release(&a->output);
}

static void
on_content(struct call *c)
{
	setup_files(c->run);
	append_output(c->agent, c->msg->text);
	spend_reply(c->agent);
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

	/* presentations stand beside the order, but for a scripted hang */
	c->agent->steps += c->agent->presenting ? 0 : 1;
	if (c->msg->after_ms >= 0 &&
	    (c->run->order == NULL || c->agent->presenting)) {
		worker_send(&c->agent->worker, &go);
		return;
	}
	if (c->run->order == NULL)
		return;
	order_promise(c->run->order, c->index, c->msg->after_ms);
	c->agent->turn_end = mono_ms() + c->run->config->agent_timeout_ms;
}

static bool
share_provider(const struct agent_config *a, const struct agent_config *b)
{
	return (a->base_url != NULL && b->base_url != NULL &&
	    strcmp(a->base_url, b->base_url) == 0);
}

/* Too many requests: whoever asks the same provider waits as well. */
static void
on_limited(struct call *c)
{
	struct msg hold = { .type = MSG_HOLD, .after_ms = c->msg->after_ms };
	size_t i;

	if (hold.after_ms < 0 || hold.after_ms > HOLD_MAX_MS)
		return;
	for (i = 0; i < c->run->session->nagents; i++) {
		struct agent_run *other = &c->run->agents[i];

		if (other != c->agent && other->worker.state == WORKER_UP &&
		    share_provider(other->config, c->agent->config))
			worker_send(&other->worker, &hold);
	}
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
	[MSG_PLANNING] = { planning_on_message, true, true },
	[MSG_RESERVE] = { spend_on_reserve, true, true },
	[MSG_LIMITED] = { on_limited, true, true },
	[MSG_USAGE] = { spend_on_usage, false, true },
	[MSG_ANSWER] = { verdict_on_answer, true, true },
	[MSG_VOTE] = { verdict_on_vote, true, true },
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

const struct worker_owner *
dispatch_owner(struct run *run)
{
	static struct worker_owner owner = { life_ready, message, life_gone,
		NULL };

	owner.arg = run;
	return (&owner);
}
