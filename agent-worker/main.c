/*
 * agent-worker: one agent, spoken to by its supervisor over standard input
 * and output; see massgen-ipc(7).  It waits for a turn, takes it, and leaves
 * when its input ends.
 */

#include <sys/prctl.h>
#include <sys/resource.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent-worker/agent.h"
#include "agent-worker/bound.h"
#include "agent-worker/command/command.h"
#include "agent-worker/net/http.h"
#include "agent-worker/prompt.h"
#include "agent-worker/tool/snapshot.h"
#include "agent-worker/tool/tool.h"
#include "ipc/children.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/pathname.h"
#include "ipc/xmalloc.h"

#define AGENTS_MAX 1000000
#define SLACK_MS   1000
#define IDLE_MS    300000 /* unless init says otherwise */

/* No core, and no reader of our memory among the user's other processes. */
static bool
harden(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	children_adopt();
	return (prctl(PR_SET_DUMPABLE, 0) == 0);
}

static void
configure(struct agent *a, struct msg *m)
{
	struct json_object *o = m->backend;

	if (m->version != MSG_VERSION || a->configured || m->count < 1 ||
	    m->count > AGENTS_MAX) {
		log_warnx("init: version %lld, %lld agents, or a second one",
		    (long long)m->version, (long long)m->count);
		exit(EX_CONFIG);
	}
	a->init = *m;
	m->root = NULL; /* ours from now on */
	a->name = a->init.agent;
	a->system_message = a->init.system_message;
	a->backend.type = field_get_str(o, "type");
	a->backend.wire = field_get_str(o, "wire");
	a->backend.base_url = field_get_str(o, "base_url");
	a->backend.key = a->init.key;
	a->model = field_get_str(o, "model");
	a->synthesis_model = field_get_str(o, "synthesis_model");
	a->planning_model = field_get_str(o, "planning_model");
	a->planning_call = field_get_bool(o, "planning_call");
	a->fallback_models = field_get(o, "fallback_models", json_type_array);
	a->program = field_get(o, "program", json_type_object);
	a->backend.params = field_get(o, "params", json_type_object);
	o = a->init.options;
	a->sensitivity = field_get_str(o, "voting_sensitivity");
	a->novelty = field_get_str(o, "answer_novelty");
	a->direct = field_get_bool(o, "direct");
	a->planning_mode = field_get_bool(o, "planning_mode");
	a->planning_instruction = field_get_str(o, "planning_instruction");
	a->reserve = field_get_bool(o, "reserve");
	if (a->reserve && a->backend.params != NULL)
		bound_set(a->backend.params);
	a->idle_ms = field_get_int(o, "idle_ms", IDLE_MS);
	a->answers = xcalloc((size_t)a->init.count, sizeof(*a->answers));
	a->tools = toolbox_new(a, a->init.tools);
	a->configured = true;
}

/* Where the agent of that anonymous name, "agent2", keeps its answer. */
static struct answer *
slot_for(const struct agent *a, const char *name)
{
	char *end;
	long n;

	if (strncmp(name, "agent", 5) != 0)
		return (NULL);
	n = strtol(name + 5, &end, 10);
	if (*end != '\0' || n < 1 || n > a->init.count)
		return (NULL);
	return (&a->answers[n - 1]);
}

const struct answer *
agent_answer_of(const struct agent *a, const char *name)
{
	const struct answer *slot = slot_for(a, name);

	return (slot == NULL || slot->text == NULL ? NULL : slot);
}

/*
 * An answer's text; of the agent's own as it gave it, with the workspace in
 * place of the files that the others see.
 */
static char *
text_of(const struct agent *a, const char *name, const char *text,
    const char *files)
{
	if (files == NULL || a->tools == NULL ||
	    a->tools->walls.workspace == NULL || strcmp(name, a->name) != 0)
		return (xstrdup(text));
	return (pathname_replace(text, files, a->tools->walls.workspace));
}

/* What the supervisor shows: the latest answer of each agent is kept. */
static void
take_answers(struct agent *a, struct json_object *list, int64_t seen)
{
	size_t i, n;

	n = json_object_is_type(list, json_type_array)
	    ? json_object_array_length(list)
	    : 0;
	for (i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *name = field_get_str(o, "agent");
		const char *label = field_get_str(o, "label");
		const char *text = field_get_str(o, "text");
		struct answer *slot = name == NULL ? NULL : slot_for(a, name);
		const char *files;

		if (slot == NULL || label == NULL || text == NULL)
			continue;
		free(slot->label);
		free(slot->text);
		free(slot->files);
		slot->label = xstrdup(label);
		files = field_get_str(o, "files");
		slot->text = text_of(a, name, text, files);
		slot->files = files == NULL ? NULL : xstrdup(files);
		slot->cut = json_object_object_get_ex(o, "bytes", NULL);
		if (a->turn.open && strcmp(name, a->name) != 0)
			prompt_add_answer(&a->turn.news, name, "", slot);
	}
	a->seen = seen;
}

static void
end_turn(struct agent *a)
{
	struct turn *t = &a->turn;

	t->open = false;
	free(t->question);
	free(t->verdict);
	json_object_put(t->votes);
	json_object_put(t->evaluate);
	json_object_put(t->feedback);
	buf_release(&t->news);
	memset(t, 0, sizeof(*t));
	a->link.turn = 0;
}

static void
forget_answers(struct agent *a)
{
	size_t i;

	for (i = 0; a->answers != NULL && i < (size_t)a->init.count; i++) {
		free(a->answers[i].label);
		free(a->answers[i].text);
		free(a->answers[i].files);
		memset(&a->answers[i], 0, sizeof(a->answers[i]));
	}
}

static void
set_blocked(struct agent *a, struct json_object *blocked)
{
	if (blocked == NULL)
		return;
	json_object_put(a->blocked);
	a->blocked = json_object_get(blocked);
}

static void
begin_turn(struct agent *a, const struct msg *m)
{
	struct turn *t = &a->turn;

	if (m->attempt > a->attempt) {
		/* what was answered before is told in the feedback */
		forget_answers(a);
		a->attempt = m->attempt;
	}
	take_answers(a, m->answers, m->seen);
	t->number = a->link.turn = m->turn;
	t->present = strcmp(m->kind, "present") == 0;
	t->question = xstrdup(m->text);
	t->votes = json_object_get(m->votes);
	t->evaluate = json_object_get(m->evaluate);
	t->feedback = json_object_get(m->feedback);
	t->classify = m->classify;
	set_blocked(a, m->blocked);
	t->step = m->step;
	/* the supervisor keeps the limit; this is for one that forgets */
	t->end_ms =
	    m->limit_ms > 0 ? mono_ms() + m->limit_ms + SLACK_MS : MONO_NEVER;
	t->seen_at_start = m->seen;
	t->open = true;
}

void
agent_hold(struct agent *a, int64_t ms)
{
	int64_t until = mono_ms() + ms;

	if (until > a->hold_until)
		a->hold_until = until;
}

static void
take(struct agent *a, struct msg *m)
{
	struct turn *t = &a->turn;
	bool mine = t->open && m->turn == t->number;

	if (m->type == MSG_INIT) {
		configure(a, m);
	} else if (m->type == MSG_TURN) {
		/* an order for one turn follows the end of the other */
		if (!t->open && a->configured)
			begin_turn(a, m);
		else
			a->link.closed = true;
	} else if (m->type == MSG_UPDATE) {
		take_answers(a, m->answers, m->seen);
	} else if (m->type == MSG_HOLD) {
		agent_hold(a, m->after_ms);
	} else if (m->type == MSG_BLOCKED) {
		set_blocked(a, m->blocked);
	} else if (m->type == MSG_GO && mine) {
		t->go = true;
	} else if (m->type == MSG_CANCEL && mine) {
		t->cancelled = true;
	} else if (m->type == MSG_GRANT && mine) {
		t->granted_known = true;
		t->granted = m->accepted;
	} else if (m->type == MSG_VERDICT && mine) {
		t->judged = true;
		t->accepted = m->accepted;
		free(t->verdict);
		t->verdict = xstrdup(m->text == NULL ? "" : m->text);
	}
}

bool
agent_in_turn(const struct agent *a)
{
	return (!a->link.closed && !a->turn.cancelled);
}

/*
 * Take the messages that are there.  A turn that is cancelled or judged is
 * looked at first: the next order may already stand behind it.
 */
static bool
take_all(struct agent *a)
{
	struct msg m;
	bool any = false;

	while (
	    !a->turn.cancelled && !a->turn.judged && link_next(&a->link, &m)) {
		take(a, &m);
		msg_release(&m);
		any = true;
	}
	return (any);
}

bool
agent_wait(struct agent *a, int64_t until_ms, link_poll_fn *fn, void *arg)
{
	if (!take_all(a)) {
		link_wait(&a->link, until_ms, fn, arg);
		(void)take_all(a);
	}
	return (agent_in_turn(a));
}

bool
agent_sleep(struct agent *a, int64_t until_ms)
{
	while (mono_ms() < until_ms)
		if (!agent_wait(a, until_ms, NULL, NULL))
			return (false);
	return (agent_in_turn(a));
}

void
agent_say(struct agent *a, struct msg *m)
{
	m->turn = a->turn.number;
	link_send(&a->link, m);
}

void
agent_say_activity(struct agent *a, const char *activity, const char *model)
{
	struct msg m = {
		.type = MSG_ACTIVITY, .activity = activity, .model = model
	};

	agent_say(a, &m);
}

void
agent_say_text(struct agent *a, enum msg_type type, const char *text)
{
	struct msg m = { .type = type, .text = text };

	agent_say(a, &m);
}

void
agent_say_context(struct agent *a, const char *system, const char *user,
    struct json_object *tools)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(
	    o, "system_message", json_object_new_string(system));
	json_object_object_add(o, "user_message", json_object_new_string(user));
	json_object_object_add(o, "tools", tools);
	agent_say_text(a, MSG_CONTEXT,
	    json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

void
agent_say_error(
    struct agent *a, const char *kind, const char *text, bool permanent)
{
	struct msg m = { .type = MSG_ERROR,
		.kind = kind,
		.text = text,
		.permanent = permanent };

	agent_say(a, &m);
}

bool
agent_await_verdict(struct agent *a, struct msg *m)
{
	a->turn.judged = false;
	if (m->type == MSG_ANSWER && !snapshot_take(a, m))
		return (false);
	agent_say(a, m);
	while (!a->turn.judged)
		if (!agent_wait(a, MONO_NEVER, NULL, NULL))
			return (false);
	a->turn.judged = false;
	if (m->type == MSG_ANSWER)
		snapshot_settle(a, a->turn.accepted);
	return (true);
}

bool
agent_reserve(struct agent *a, struct msg *m)
{
	struct turn *t = &a->turn;

	t->granted_known = false;
	agent_say(a, m);
	while (!t->granted_known)
		if (!agent_wait(a, MONO_NEVER, NULL, NULL))
			return (false);
	if (!t->granted)
		agent_say_error(a, "cost",
		    "the cost limit does not allow another call", true);
	return (t->granted);
}

static void
say_hello(struct agent *a, bool undumpable)
{
	struct msg m = { .type = MSG_HELLO,
		.version = MSG_VERSION,
		.name = "agent-worker",
		.pid = getpid(),
		.undumpable = undumpable };

	link_send(&a->link, &m);
}

static void
release(struct agent *a)
{
	forget_answers(a);
	toolbox_free(a->tools);
	json_object_put(a->blocked);
	free(a->answers);
	free(a->plan);
	msg_release(&a->init);
	http_shutdown();
	link_release(&a->link);
}

/* Of a leak checker that may be built in. */
extern void __lsan_do_leak_check(void) __attribute__((weak));

/*
 * Not through exit(3): libcurl's libraries would tidy up what goes anyway, and
 * everybody waits for the last worker.
 */
static void
leave(void)
{
	if (__lsan_do_leak_check != NULL)
		exit(0);
	_exit(0);
}

static void
take_turn(struct agent *a)
{
	static const struct {
		const char *wire;
		void (*run)(struct agent *);
	} kinds[] = { { "mock", mock_run }, { "command", command_run } };
	void (*run)(struct agent *) = turn_run;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(a->backend.wire, kinds[i].wire) == 0)
			run = kinds[i].run;
	if (a->tools != NULL)
		toolbox_prepare(a->tools);
	if (agent_in_turn(a))
		run(a);
	end_turn(a);
}

int
main(int argc, char **argv)
{
	static struct agent agent;

	log_init("agent-worker", LOG_LEVEL_WARN);
	if (argc != 1) {
		fprintf(stderr,
		    "usage: %s\n"
		    "Started by massgen(1); see agent-worker(8).\n",
		    argv[0]);
		return (EX_USAGE);
	}
	link_init(&agent.link);
	say_hello(&agent, harden());
	while (!agent.link.closed) {
		(void)agent_wait(&agent, MONO_NEVER, NULL, NULL);
		if (agent.turn.open && !agent.link.closed)
			take_turn(&agent);
	}
	release(&agent);
	leave();
}
