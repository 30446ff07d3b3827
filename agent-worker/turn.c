/*
 * One turn with a model: ask, carry out the tools it called, until an answer
 * or a vote is accepted or three attempts to decide came to nothing.  The
 * history only grows: see the providers' rules on replayed reasoning.
 */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/agent.h"
#include "agent-worker/aside.h"
#include "agent-worker/call.h"
#include "agent-worker/prompt.h"
#include "agent-worker/tool/tool.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/xmalloc.h"

#define ATTEMPTS_MAX    3
#define PAUSES_MAX      32 /* of one turn */
#define ARGUMENTS_DEPTH 32
#define NDECISIONS      2

enum progress {
	TURN_GO_ON,   /* the model is asked again; not its fault */
	TURN_ATTEMPT, /* likewise, and one of its attempts is used up */
	TURN_OVER,
};

struct work {
	struct agent *agent;
	const struct backend *backend;
	char *system;
	struct json_object *history;
	struct tool_spec *tools;
	size_t ntools;
	unsigned int changes; /* of the toolbox, when these were taken */
	bool decides;         /* with a tool; else its text is the answer */
	bool *answered;       /* which calls of the last reply were */
	struct buf said;      /* before a pause */
	int pauses;
};

static void
add_tool(struct work *w, const char *name, const char *description,
    struct json_object *schema)
{
	w->tools[w->ntools++] =
	    (struct tool_spec) { name, description, schema };
}

static void
release_tools(struct work *w)
{
	size_t i;

	for (i = 0; i < w->ntools; i++)
		json_object_put(w->tools[i].schema);
	free(w->tools);
	w->tools = NULL;
	w->ntools = 0;
}

/* What it may call from now on: a server's tools may come and go. */
static void
offer_tools(struct work *w)
{
	const struct toolbox *box = w->agent->tools;
	size_t i, n = box == NULL ? 0 : box->ntools;

	release_tools(w);
	w->changes = box == NULL ? 0 : box->changes;
	w->tools = xcalloc(NDECISIONS + n, sizeof(*w->tools));
	for (i = 0; i < n; i++)
		add_tool(w, box->tools[i].name, box->tools[i].description,
		    json_object_get(box->tools[i].schema));
	if (!w->decides)
		return;
	add_tool(w, PROMPT_NEW_ANSWER,
	    "Give a new and better answer to the question.",
	    prompt_new_answer_schema());
	add_tool(w, PROMPT_VOTE, "Vote for the best of the current answers.",
	    prompt_vote_schema(w->agent));
}

static void
init_work(struct work *w, struct agent *a, const struct backend *backend)
{
	memset(w, 0, sizeof(*w));
	w->agent = a;
	w->backend = backend;
	w->system = prompt_system(a);
	w->history = json_object_new_array();
	w->decides = !a->turn.present && !a->direct;
	offer_tools(w);
}

static void
release_work(struct work *w)
{
	release_tools(w);
	free(w->answered);
	json_object_put(w->history);
	buf_release(&w->said);
	free(w->system);
}

/* context.txt: what the model is shown. */
static void
say_context(struct work *w, const char *user)
{
	struct json_object *tools = json_object_new_array();
	size_t i;

	for (i = 0; i < w->ntools; i++)
		json_object_array_add(
		    tools, json_object_new_string(w->tools[i].name));
	agent_say_context(w->agent, w->system, user, tools);
}

static size_t
count_calls(const struct reply *r, const char *name)
{
	size_t i, n = 0;

	for (i = 0; i < r->ncalls; i++)
		n += strcmp(r->calls[i].name, name) == 0 ? 1 : 0;
	return (n);
}

static void
answer_call(struct work *w, const struct reply *r, size_t i, const char *text,
    bool is_error)
{
	w->backend->add_result(w->history, &r->calls[i], text, is_error);
	w->answered[i] = true;
}

/* Every call has to be answered: text to the first, a remark to the rest. */
static void
answer_calls(struct work *w, const struct reply *r, const char *text)
{
	size_t i;

	for (i = 0; i < r->ncalls; i++) {
		if (w->answered[i])
			continue;
		answer_call(w, r, i, text, true);
		text = "Not carried out.";
	}
}

static bool
has_open_calls(const struct work *w, const struct reply *r)
{
	size_t i;

	for (i = 0; i < r->ncalls; i++)
		if (!w->answered[i])
			return (true);
	return (false);
}

/* Tell the model what came in while it worked; false: nothing did. */
static bool
tell_news(struct work *w, const struct reply *r)
{
	struct buf *news = &w->agent->turn.news;
	char *text;

	if (news->len == 0)
		return (false);
	text = prompt_news(news->data);
	if (has_open_calls(w, r))
		answer_calls(w, r, text);
	else
		w->backend->add_user(w->history, text);
	free(text);
	buf_release(news);
	return (true);
}

/* What the supervisor made of it. */
static enum progress
submit(struct work *w, const struct reply *r, struct msg *m)
{
	struct agent *a = w->agent;

	if (!agent_await_verdict(a, m) || a->turn.accepted)
		return (TURN_OVER);
	if (tell_news(w, r))
		return (TURN_GO_ON);
	answer_calls(w, r, a->turn.verdict);
	return (TURN_ATTEMPT);
}

static enum progress
submit_answer(
    struct work *w, const struct reply *r, struct json_object *arguments)
{
	const char *content = field_get_str(arguments, "content");
	struct msg m = { .type = MSG_ANSWER, .seen = w->agent->seen };

	if (content == NULL)
		content = r->text.len > 0 ? r->text.data : "";
	m.text = content;
	return (submit(w, r, &m));
}

static enum progress
submit_vote(
    struct work *w, const struct reply *r, struct json_object *arguments)
{
	const char *reason = field_get_str(arguments, "reason");
	struct msg m = { .type = MSG_VOTE,
		.seen = w->agent->seen,
		.agent = field_get_str(arguments, "agent_id"),
		.text = reason == NULL ? "" : reason };

	/* a vote that could not know the news is the model's to reconsider */
	if (tell_news(w, r))
		return (TURN_GO_ON);
	if (m.agent == NULL) {
		answer_calls(w, r, "The vote names no agent_id.");
		return (TURN_ATTEMPT);
	}
	return (submit(w, r, &m));
}

/* NULL: they are no JSON object.  The caller puts them. */
static struct json_object *
arguments_of(const struct tool_call *call)
{
	char err[128];

	if (call->arguments.len == 0)
		return (json_object_new_object());
	return (field_parse(call->arguments.data, call->arguments.len,
	    ARGUMENTS_DEPTH, err, sizeof(err)));
}

static const char bad_arguments[] =
    "The tool's arguments are not a JSON object.";

static enum progress
take_call(struct work *w, const struct reply *r, const struct tool_call *call)
{
	struct json_object *arguments = arguments_of(call);
	enum progress p;

	if (arguments == NULL) {
		answer_calls(w, r, bad_arguments);
		return (TURN_ATTEMPT);
	}
	if (strcmp(call->name, PROMPT_VOTE) == 0)
		p = submit_vote(w, r, arguments);
	else
		p = submit_answer(w, r, arguments);
	json_object_put(arguments);
	return (p);
}

/* --- the agent's own tools --- */

static bool
is_decision(const struct work *w, const char *name)
{
	return (w->decides &&
	    (strcmp(name, PROMPT_VOTE) == 0 ||
		strcmp(name, PROMPT_NEW_ANSWER) == 0));
}

/* False: the turn is over. */
static bool
run_tool(struct work *w, const struct reply *r, size_t i)
{
	struct json_object *arguments = arguments_of(&r->calls[i]);
	struct tool_result result;
	bool wanted;

	if (arguments == NULL) {
		answer_call(w, r, i, bad_arguments, true);
		return (true);
	}
	wanted = toolbox_run(w->agent->tools, r->calls[i].name, arguments,
	    i + 1 < r->ncalls, &result);
	if (wanted)
		answer_call(w, r, i,
		    result.text.len == 0 ? "" : result.text.data,
		    result.is_error);
	buf_release(&result.text);
	json_object_put(arguments);
	return (wanted);
}

/*
 * Carry out what it called besides a decision, which may rest on it.
 * Returns TURN_ATTEMPT where there was nothing to be carried out.
 */
static enum progress
run_tools(struct work *w, const struct reply *r)
{
	enum progress p = TURN_ATTEMPT;
	size_t i;

	for (i = 0; i < r->ncalls; i++) {
		if (is_decision(w, r->calls[i].name))
			continue;
		if (toolbox_find(w->agent->tools, r->calls[i].name) == NULL) {
			answer_call(w, r, i, "There is no such tool.", true);
			continue;
		}
		if (!run_tool(w, r, i))
			return (TURN_OVER);
		p = TURN_GO_ON;
	}
	return (p);
}

/* --- what the reply means --- */

/* What the model decided, if it did. */
static enum progress
decide(struct work *w, const struct reply *r)
{
	size_t votes = count_calls(r, PROMPT_VOTE), i;
	size_t answers = count_calls(r, PROMPT_NEW_ANSWER);
	enum progress p = run_tools(w, r);

	if (p == TURN_OVER)
		return (p);
	if (votes + answers == 0) {
		if (tell_news(w, r) || p == TURN_GO_ON)
			return (TURN_GO_ON);
		w->backend->add_user(w->history, prompt_decide);
		return (TURN_ATTEMPT);
	}
	if (votes > 1) {
		answer_calls(w, r, "Only one vote: choose one answer.");
		return (TURN_ATTEMPT);
	}
	if (votes > 0 && answers > 0) {
		answer_calls(w, r,
		    "Either vote or give a new answer, not "
		    "both.");
		return (TURN_ATTEMPT);
	}
	for (i = 0; i < r->ncalls; i++)
		if (is_decision(w, r->calls[i].name))
			return (take_call(w, r, &r->calls[i]));
	return (TURN_ATTEMPT);
}

/* A presentation, or a direct answer: the text is it. */
static enum progress
take_text(struct work *w, const struct reply *r)
{
	struct msg m = { .type = MSG_ANSWER, .seen = w->agent->seen };

	if (r->ncalls > 0)
		return (run_tools(w, r));
	buf_add(&w->said, r->text.data, r->text.len);
	m.text = w->said.len > 0 ? w->said.data : "";
	if (w->said.len == 0 && !w->agent->turn.present) {
		w->backend->add_user(w->history, "Answer in text, please.");
		return (TURN_ATTEMPT);
	}
	if (w->agent->turn.evaluate == NULL || w->said.len == 0 ||
	    aside_evaluate(w->agent, w->backend, m.text, &m))
		(void)agent_await_verdict(w->agent, &m);
	json_object_put(m.restart);
	return (TURN_OVER);
}

/* The provider's own tools are at work: it goes on where it stopped. */
static enum progress
take_pause(struct work *w, const struct reply *r)
{
	buf_add(&w->said, r->text.data, r->text.len);
	if (r->text.len > 0)
		buf_adds(&w->said, "\n\n");
	return (++w->pauses < PAUSES_MAX ? TURN_GO_ON : TURN_ATTEMPT);
}

/* The history has it; now for what it means. */
static enum progress
take_reply(struct work *w, const struct reply *r)
{
	if (r->finish == FINISH_PAUSE)
		return (take_pause(w, r));
	if (r->finish == FINISH_FILTER)
		log_warnx("the model refused: %s",
		    r->error == NULL ? "no reason given" : r->error);
	w->answered =
	    xreallocarray(w->answered, r->ncalls + 1, sizeof(*w->answered));
	memset(w->answered, 0, (r->ncalls + 1) * sizeof(*w->answered));
	return (w->decides ? decide(w, r) : take_text(w, r));
}

/* The configured model, or the one that took its place. */
static const char *
model_of(const struct agent *a)
{
	if (a->fallback > 0)
		return (json_object_get_string(json_object_array_get_idx(
		    a->fallback_models, a->fallback - 1)));
	return (a->turn.present && a->synthesis_model != NULL
		? a->synthesis_model
		: a->model);
}

/*
 * Another model may do where this one failed, but not where it is the key
 * or the account that is refused.
 */
static bool
fall_back(struct agent *a, const struct reply *r)
{
	if (r->status == 401 || r->status == 402 || r->status == 403 ||
	    a->fallback_models == NULL ||
	    a->fallback == json_object_array_length(a->fallback_models))
		return (false);
	a->fallback++;
	log_warnx("model call: %s: falling back to %s",
	    r->error == NULL ? "failed" : r->error, model_of(a));
	return (true);
}

static enum progress
take_failure(struct work *w, const struct reply *r)
{
	struct agent *a = w->agent;

	if (fall_back(a, r))
		return (TURN_GO_ON);
	agent_say_error(a, mono_ms() >= a->turn.end_ms ? "timeout" : "model",
	    r->error == NULL ? "the model call failed" : r->error,
	    r->failure == FAILURE_PERMANENT);
	return (TURN_OVER);
}

static enum progress
step(struct work *w)
{
	struct call_request q = { .backend = w->backend,
		.model = model_of(w->agent),
		.system = w->system,
		.history = w->history };
	struct reply reply;
	enum progress p = TURN_OVER;

	if (w->agent->tools != NULL && w->agent->tools->changes != w->changes)
		offer_tools(w);
	q.tools = w->tools;
	q.ntools = w->ntools;
	if (call_model(w->agent, &q, &reply)) {
		if (reply.failure != FAILURE_NONE) {
			p = take_failure(w, &reply);
		} else {
			w->backend->add_reply(w->history, &reply);
			p = take_reply(w, &reply);
		}
	}
	reply_release(&reply);
	return (p);
}

/* What comes before the first call of a turn.  False: the turn is over. */
static bool
prepare(struct agent *a, const struct backend *backend)
{
	if (a->turn.classify && !aside_classify(a, backend))
		return (false);
	return (!a->planning_call || a->plan != NULL || a->turn.present ||
	    aside_plan(a, backend));
}

void
turn_run(struct agent *a)
{
	const struct backend *backend = backend_find(a->backend.wire);
	enum progress p = TURN_GO_ON;
	int attempts = 0;
	struct work w;
	char *user;

	if (backend == NULL) {
		agent_say_error(
		    a, "configuration", "unknown wire format", true);
		return;
	}
	if (!prepare(a, backend))
		return;
	init_work(&w, a, backend);
	user = prompt_user(a);
	backend->add_user(w.history, user);
	say_context(&w, user);
	free(user);
	while (p != TURN_OVER && attempts < ATTEMPTS_MAX) {
		p = step(&w);
		attempts += p == TURN_ATTEMPT ? 1 : 0;
	}
	if (p != TURN_OVER && agent_in_turn(a))
		agent_say_error(a, "no_decision",
		    "three attempts without a valid answer or vote", false);
	release_work(&w);
}
