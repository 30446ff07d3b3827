/* One call of a model over HTTP. */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/stream.h"
#include "agent-worker/bound.h"
#include "agent-worker/call.h"
#include "agent-worker/net/http.h"
#include "agent-worker/tool/tool.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/words.h"

#define CONNECT_MS 10000

#define TOO_MANY_REQUESTS 429

/*
 * The longest that nobody asks a provider because it said that nothing is
 * left.  Some tell when all of it is there again, and have some of it sooner.
 */
#define HOLD_MAX_MS 60000

struct call {
	struct agent *agent;
	struct reply *reply;
	struct stream stream;
	bool begun; /* bytes of the reply came */
	bool replays_reasoning;
};

/* Pass on what came since the last time. */
static void
pass_on(struct call *c)
{
	struct reply *r = c->reply;

	if (r->text.len > r->text_sent)
		agent_say_text(
		    c->agent, MSG_CONTENT, r->text.data + r->text_sent);
	if (r->reasoning.len > r->reasoning_sent)
		agent_say_text(c->agent, MSG_REASONING,
		    r->reasoning.data + r->reasoning_sent);
	r->text_sent = r->text.len;
	r->reasoning_sent = r->reasoning.len;
	if (!c->replays_reasoning)
		reply_forget_reasoning(r);
}

static bool
on_data(void *arg, const char *bytes, size_t len)
{
	struct call *c = arg;
	bool wanted;

	if (!c->begun)
		agent_say_activity(c->agent, "streaming", NULL);
	c->begun = true;
	wanted = stream_data(&c->stream, bytes, len);
	pass_on(c);
	return (wanted);
}

static bool
on_wait(void *arg, int64_t until_ms,
    int (*poll)(void *, struct pollfd *, unsigned int, int), void *poll_arg)
{
	struct call *c = arg;

	return (!agent_wait(c->agent, until_ms, poll, poll_arg));
}

/*
 * Whether the reply began and what it used is not known: it was cut, or the
 * provider does not say.  An error that came in place of a stream used
 * nothing.
 */
static bool
usage_is_lost(const struct call *c)
{
	const struct reply *r = c->reply;

	if (!c->begun ||
	    (c->stream.kind != STREAM_EVENTS && r->failure != FAILURE_NONE))
		return (false);
	return (!r->usage.known || !reply_is_complete(r));
}

static void
say_usage(const struct call *c, const char *model)
{
	const struct usage *u = &c->reply->usage;
	struct msg m = { .type = MSG_USAGE,
		.model = model,
		.input_tokens = u->input,
		.cached_input_tokens = u->cached,
		.cache_write_tokens = u->cache_write,
		.output_tokens = u->output,
		.reasoning_tokens = u->reasoning,
		.lost = usage_is_lost(c) };

	agent_say(c->agent, &m);
}

/* One try.  False: the turn is over. */
static bool
try_once(struct agent *a, const struct call_request *q, const char *body,
    struct reply *reply, struct http_response *response)
{
	struct call c = { .agent = a, .reply = reply };
	struct http_wait wait = { on_wait, &c };
	char *url = q->backend->url(&a->backend, q->model);
	char **headers = q->backend->headers(&a->backend);
	struct http_request request = { .url = url,
		.headers = headers,
		.body = body,
		.len = strlen(body),
		.connect_ms = CONNECT_MS,
		.first_byte_ms = a->idle_ms,
		.idle_ms = a->idle_ms,
		.deadline_ms = a->turn.end_ms,
		.data = on_data,
		.arg = &c };

	c.replays_reasoning = q->backend->replays_reasoning != NULL &&
	    q->backend->replays_reasoning(&a->backend);
	stream_init(&c.stream, q->backend, &a->backend, reply, &request);
	agent_say_activity(a, "waiting_model", q->model);
	if (a->tools != NULL)
		toolbox_think(a->tools);
	http_post(&request, &wait, response);
	if (agent_in_turn(a)) {
		stream_end(&c.stream, response);
		pass_on(&c);
	}
	say_usage(&c, q->model);
	stream_release(&c.stream);
	words_free(headers);
	free(url);
	return (agent_in_turn(a));
}

/*
 * Where a limit is set, a call is made only when it cannot pass it.  False:
 * the turn is over.
 */
static bool
reserve(struct agent *a, const char *model, struct json_object *request,
    const char *body)
{
	struct msg m = { .type = MSG_RESERVE,
		.model = model,
		.input_tokens = bound_input(strlen(body)),
		.output_tokens = bound_output(request) };

	if (!a->reserve)
		return (true);
	if (m.output_tokens == 0) {
		agent_say_error(a, "cost",
		    "a cost limit needs a limit of the output, and the "
		    "configuration takes it out of the request",
		    true);
		return (false);
	}
	return (agent_reserve(a, &m));
}

/*
 * The pause that the server asks for, in a header or else in its reply; or
 * that follows from what it says of its limits.
 */
static int64_t
asked_pause(const struct reply *reply, const struct http_response *response)
{
	if (response->retry_after_ms >= 0)
		return (response->retry_after_ms);
	if (reply->retry_after_ms > 0)
		return (reply->retry_after_ms);
	return (
	    response->status == TOO_MANY_REQUESTS ? response->limit_ms : -1);
}

static struct retry_decision
judge(const struct agent *a, const struct reply *reply,
    const struct http_response *response, int tries)
{
	struct retry_case c = { .failure = reply->failure,
		.status = response->status,
		.retry_after_ms = asked_pause(reply, response),
		.should_retry = response->should_retry,
		.tries = tries,
		.left_ms = a->turn.end_ms == MONO_NEVER
		    ? MONO_NEVER
		    : a->turn.end_ms - mono_ms(),
		.visible = false, /* what was passed on is a log, no effect */
		.jitter = (double)arc4random() / UINT32_MAX };

	return (retry_decide(&c));
}

/* No call before the provider wants one, unless the turn is over by then. */
static bool
wait_out_hold(struct agent *a)
{
	while (mono_ms() < a->hold_until && a->hold_until < a->turn.end_ms)
		if (!agent_wait(a, a->hold_until, NULL, NULL))
			return (false);
	return (agent_in_turn(a));
}

/* The limit is the provider's, so all who ask it share the pause. */
static void
say_limited(struct agent *a, int64_t ms)
{
	struct msg limited = { .type = MSG_LIMITED, .after_ms = ms };

	agent_say(a, &limited);
}

/* This call was the last that the provider takes for now. */
static void
hold_off(struct agent *a, int64_t ms)
{
	if (ms <= 0)
		return;
	ms = ms < HOLD_MAX_MS ? ms : HOLD_MAX_MS;
	log_warnx("the provider has nothing left for %lld ms", (long long)ms);
	agent_hold(a, ms);
	say_limited(a, ms);
}

/* One try after another.  False: the turn is over. */
static bool
try_again(struct agent *a, const struct reply *reply,
    const struct http_response *response, int64_t wait_ms)
{
	log_warnx("model call: %s: again in %lld ms",
	    reply->error == NULL ? "failed" : reply->error, (long long)wait_ms);
	if (reply->text_sent > 0)
		agent_say_text(a, MSG_CONTENT, "\n[broken off, asked again]\n");
	if (response->status == TOO_MANY_REQUESTS)
		say_limited(a, wait_ms);
	return (agent_sleep(a, mono_ms() + wait_ms));
}

bool
call_model(struct agent *a, const struct call_request *q, struct reply *reply)
{
	struct json_object *request = q->backend->build_request(
	    &a->backend, q->model, q->system, q->history, q->tools, q->ntools);
	const char *body = field_line(request, NULL);
	struct http_response response;
	struct retry_decision next = { true, 0, "" };
	bool wanted = true;
	int tries = 0;

	reply_init(reply);
	while (wanted && next.again) {
		wanted =
		    wait_out_hold(a) && reserve(a, q->model, request, body);
		if (!wanted)
			break;
		reply_release(reply);
		reply_init(reply);
		wanted = try_once(a, q, body, reply, &response);
		reply->status = response.status;
		if (wanted) {
			next = judge(a, reply, &response, ++tries);
			if (next.again)
				wanted = try_again(
				    a, reply, &response, next.wait_ms);
			else if (reply->failure == FAILURE_NONE)
				hold_off(a, response.limit_ms);
		}
		http_response_release(&response);
	}
	json_object_put(request);
	return (wanted);
}
