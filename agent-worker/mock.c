/*
 * One turn of a scripted agent: it takes the next step of its script when
 * the supervisor lets it through, and does what the step says, faults
 * included.  Without a step it answers once, then votes for the first.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/agent.h"
#include "agent-worker/mock_tools.h"
#include "agent-worker/tool/tool.h"
#include "ipc/field.h"
#include "ipc/mono.h"
#include "ipc/xmalloc.h"

#define ATTEMPTS_MAX 3
#define GARBAGE_LEN  4096

struct step {
	struct json_object *o; /* NULL: the default behaviour */
};

static struct json_object *
get(struct step s, const char *key)
{
	struct json_object *v;

	if (s.o == NULL || !json_object_object_get_ex(s.o, key, &v))
		return (NULL);
	return (v);
}

static const char *
get_string(struct step s, const char *key)
{
	struct json_object *v = get(s, key);

	return (v == NULL ? NULL : json_object_get_string(v));
}

/* --- faults --- */

static void
fault_hang(struct agent *a, struct step s)
{
	(void)a;
	(void)s;
	signal(SIGTERM, SIG_DFL);
	for (;;)
		pause();
}

/* The handler stays: it arms the alarm that ends even an orphan. */
static void
fault_hang_ignore_term(struct agent *a, struct step s)
{
	(void)a;
	(void)s;
	for (;;)
		pause();
}

static void
fault_crash(struct agent *a, struct step s)
{
	static const struct {
		const char *name;
		int sig;
	} signals[] = { { "SEGV", SIGSEGV }, { "KILL", SIGKILL },
		{ "ABRT", SIGABRT }, { "BUS", SIGBUS }, { "FPE", SIGFPE },
		{ "ILL", SIGILL }, { "TERM", SIGTERM }, { "PIPE", SIGPIPE } };
	const char *name = get_string(s, "signal");
	int sig = SIGSEGV;
	size_t i;

	(void)a;
	for (i = 0; name != NULL && i < sizeof(signals) / sizeof(signals[0]);
	     i++)
		if (strcmp(signals[i].name, name) == 0)
			sig = signals[i].sig;
	signal(sig, SIG_DFL);
	raise(sig);
	_exit(1);
}

static void
fault_exit(struct agent *a, struct step s)
{
	(void)a;
	_exit((int)field_get_int(s.o, "code", 1));
}

static void
fault_garbage(struct agent *a, struct step s)
{
	char noise[GARBAGE_LEN];
	size_t i;

	(void)s;
	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(1 + i * 7 % 255);
	noise[sizeof(noise) - 1] = '\n';
	link_send_raw(&a->link, noise, sizeof(noise));
	fault_hang(a, s);
}

static void
fault_half_line(struct agent *a, struct step s)
{
	static const char half[] = "{\"type\":\"answer\",\"turn\":1,\"te";

	(void)s;
	link_send_raw(&a->link, half, sizeof(half) - 1);
	_exit(1);
}

/* More than any reader may be asked to take. */
static void
fault_flood(struct agent *a, struct step s)
{
	struct buf text = BUF_INITIALIZER;

	(void)s;
	memset(buf_reserve(&text, 1 << 20), 'x', 1 << 20);
	text.len = 1 << 20;
	text.data[text.len] = '\0';
	while (!a->link.closed)
		agent_say_text(a, MSG_CONTENT, text.data);
	fault_hang(a, s);
}

static void
fault_huge_line(struct agent *a, struct step s)
{
	struct buf text = BUF_INITIALIZER;

	memset(buf_reserve(&text, 1 << 20), 'x', 1 << 20);
	while (!a->link.closed)
		link_send_raw(&a->link, text.data, 1 << 20);
	fault_hang(a, s);
}

static void
fault_invalid_utf8(struct agent *a, struct step s)
{
	static const char bad[] =
	    "{\"type\":\"heartbeat\",\"x\":\"\xff\xfe\"}\n";

	link_send_raw(&a->link, bad, sizeof(bad) - 1);
	fault_hang(a, s);
}

static void
fault_nul(struct agent *a, struct step s)
{
	static const char bad[] = "{\"type\":\"heart\0beat\"}\n";

	link_send_raw(&a->link, bad, sizeof(bad) - 1);
	fault_hang(a, s);
}

static void
fault_close_output(struct agent *a, struct step s)
{
	chan_release(&a->link.chan);
	fault_hang(a, s);
}

static void
fault_stop(struct agent *a, struct step s)
{
	(void)a;
	(void)s;
	raise(SIGSTOP);
}

static const struct fault {
	const char *name;
	void (*act)(struct agent *, struct step);
	bool never; /* nothing is to be expected from it */
} faults[] = {
	{ "hang", fault_hang, true },
	{ "hang_ignore_term", fault_hang_ignore_term, true },
	{ "stop", fault_stop, true },
	{ "crash", fault_crash, false },
	{ "exit", fault_exit, false },
	{ "garbage", fault_garbage, false },
	{ "half_line", fault_half_line, false },
	{ "flood", fault_flood, false },
	{ "huge_line", fault_huge_line, false },
	{ "invalid_utf8", fault_invalid_utf8, false },
	{ "nul", fault_nul, false },
	{ "close_output", fault_close_output, false },
};

static const struct fault *
fault_of(struct step s)
{
	const char *name = get_string(s, "fault");
	size_t i;

	for (i = 0; name != NULL && i < sizeof(faults) / sizeof(faults[0]); i++)
		if (strcmp(faults[i].name, name) == 0)
			return (&faults[i]);
	return (NULL);
}

/* --- what is said before the act --- */

/* Ask first where a limit is set; false: the call may not be made. */
static bool
pay(struct agent *a, struct step s)
{
	struct json_object *tokens = get(s, "tokens"), *cost = get(s, "cost");
	struct msg m = { .type = MSG_RESERVE,
		.cost = cost == NULL ? 0 : json_object_get_double(cost),
		.input_tokens = field_get_int(tokens, "input", 100),
		.output_tokens = field_get_int(tokens, "output", 50),
		.cached_input_tokens = field_get_int(tokens, "cached", 0),
		.reasoning_tokens = field_get_int(tokens, "reasoning", 0) };

	if (a->reserve && !agent_reserve(a, &m))
		return (false);
	m.type = MSG_USAGE;
	agent_say(a, &m);
	return (true);
}

static bool
stream(struct agent *a, struct step s)
{
	struct json_object *o = get(s, "stream");
	int64_t i, chunks = field_get_int(o, "chunks", 1);
	int64_t bytes = field_get_int(o, "bytes", 16);
	int64_t interval = field_get_int(o, "interval_ms", 0);
	char *text;

	if (o == NULL)
		return (true);
	text = xcalloc((size_t)bytes + 1, 1);
	memset(text, '.', (size_t)bytes);
	for (i = 0; i < chunks && agent_in_turn(a); i++) {
		agent_say_text(a, MSG_CONTENT, text);
		if (interval > 0)
			(void)agent_sleep(a, mono_ms() + interval);
	}
	free(text);
	return (agent_in_turn(a));
}

/* --- the acts --- */

static char *
generated(int64_t bytes)
{
	static const char line[] = "An answer of many lines, all alike.\n";
	char *text = xcalloc((size_t)bytes + 1, 1);
	int64_t i;

	for (i = 0; i < bytes; i++)
		text[i] = line[(size_t)i % (sizeof(line) - 1)];
	return (text);
}

static char *
default_answer(const struct agent *a)
{
	return (xasprintf("Answer of %s: %s", a->name, a->turn.question));
}

static char *
answer_text(const struct agent *a, struct step s)
{
	const char *text = get_string(s, "answer");

	if (text != NULL)
		return (mock_tools_fill(text));
	if (get(s, "answer_bytes") != NULL)
		return (generated(field_get_int(s.o, "answer_bytes", 0)));
	if (s.o == NULL && agent_answer_of(a, a->name) == NULL)
		return (default_answer(a));
	return (NULL);
}

/* The name of the first agent that answered; the caller frees it. */
static char *
first_candidate(const struct agent *a)
{
	int64_t i;

	for (i = 0; i < a->init.count - 1; i++)
		if (a->answers[i].text != NULL)
			break;
	return (xasprintf("agent%lld", (long long)i + 1));
}

/* True: the turn is over. */
static bool
act(struct agent *a, struct step s)
{
	struct msg m = { .type = MSG_ANSWER, .seen = a->seen };
	const char *vote = get_string(s, "vote"), *text;
	char *answer, *first = NULL;
	bool over;

	if ((answer = mock_tools_fill(get_string(s, "say"))) != NULL) {
		agent_say_text(a, MSG_CONTENT, answer);
		free(answer);
		return (false);
	}
	if ((text = get_string(s, "error")) != NULL) {
		agent_say_error(a, "model", text,
		    json_object_get_boolean(get(s, "permanent")));
		return (true);
	}
	if ((answer = answer_text(a, s)) != NULL) {
		if (a->init.count > 0 && strlen(answer) < 65536)
			agent_say_text(a, MSG_CONTENT, answer);
		m.text = answer;
	} else {
		m.type = MSG_VOTE;
		first = first_candidate(a);
		m.agent = vote == NULL ? first : vote;
		m.text = get_string(s, "reason");
		if (m.text == NULL)
			m.text = "It answers the question.";
		if (json_object_get_boolean(get(s, "late")))
			m.seen = a->turn.seen_at_start;
	}
	over = !agent_await_verdict(a, &m) || a->turn.accepted;
	free(answer);
	free(first);
	return (over);
}

/* What the step says of its own presentation; NULL: it will do. */
static struct json_object *
restart_of(struct step s)
{
	const char *reason = get_string(s, "restart");
	const char *instructions = get_string(s, "instructions");
	struct json_object *o;

	if (reason == NULL)
		return (NULL);
	o = json_object_new_object();
	field_put_str(o, "reason", reason);
	field_put_str(
	    o, "instructions", instructions == NULL ? "" : instructions);
	return (o);
}

static bool
present(struct agent *a, struct step s)
{
	struct msg m = { .type = MSG_ANSWER };
	const struct answer *own = agent_answer_of(a, a->name);
	char *text = mock_tools_fill(get_string(s, "present"));

	/* what is known in part only is left as it stands */
	if (text == NULL)
		text = xstrdup(own == NULL || own->cut ? "" : own->text);
	if (strlen(text) < 65536)
		agent_say_text(a, MSG_CONTENT, text);
	m.text = text;
	if (a->turn.evaluate != NULL)
		m.restart = restart_of(s);
	(void)agent_await_verdict(a, &m);
	json_object_put(m.restart);
	free(text);
	return (true);
}

/* --- the turn --- */

/*
 * In a presentation the step that presents, of several the one of the run's
 * attempt; else the next in order.
 */
static struct step
step_at(const struct agent *a, int64_t number)
{
	struct json_object *script = a->init.script;
	struct step s = { NULL };
	int64_t i, n, acts = 0, presentations = 0;

	n = script == NULL ? 0 : (int64_t)json_object_array_length(script);
	for (i = 0; i < n; i++) {
		struct step next = { json_object_array_get_idx(
		    script, (size_t)i) };
		bool presents = get(next, "present") != NULL;

		if (a->turn.present && presents) {
			s = next;
			if (++presentations >= a->attempt)
				break;
		} else if (!a->turn.present && !presents && acts++ == number) {
			return (next);
		}
	}
	return (s);
}

/* A script says nothing of what its tools can do: all of them wait. */
static void
classify(struct agent *a)
{
	struct msg m = { .type = MSG_PLANNING,
		.blocked = json_object_new_boolean(true) };

	agent_say(a, &m);
	json_object_put(m.blocked);
}

/* Say when, wait to be let through, and let the time pass. */
static bool
await_go(struct agent *a, struct step s, int64_t began)
{
	const struct fault *f = fault_of(s);
	int64_t delay = field_get_int(s.o, "delay_ms", 0);
	struct msg m = { .type = MSG_READY,
		.after_ms = f != NULL && f->never ? -1 : delay };

	a->turn.go = false;
	agent_say(a, &m);
	agent_say_activity(a, "waiting_model", NULL);
	if (a->tools != NULL)
		toolbox_think(a->tools);
	if (f != NULL && f->never) {
		link_flush(&a->link);
		f->act(a, s);
	}
	if (!agent_sleep(a, began + delay))
		return (false);
	while (!a->turn.go)
		if (!agent_wait(a, MONO_NEVER, NULL, NULL))
			return (false);
	return (true);
}

/* context.txt: the question and how many answers were shown. */
static void
say_context(struct agent *a)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "system_message",
	    json_object_new_string(
		a->system_message == NULL ? "" : a->system_message));
	json_object_object_add(
	    o, "user_message", json_object_new_string(a->turn.question));
	json_object_object_add(
	    o, "answers_seen", json_object_new_int64(a->seen));
	agent_say_text(a, MSG_CONTEXT,
	    json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

void
mock_run(struct agent *a)
{
	const struct fault *f;
	int64_t number = a->turn.step;
	int attempts;
	bool over = false;

	if (a->turn.classify)
		classify(a);
	for (attempts = 0; attempts < ATTEMPTS_MAX && !over; attempts++) {
		struct step s = step_at(a, number++);

		if (!await_go(a, s, mono_ms()))
			return;
		say_context(a);
		if (!pay(a, s) || !stream(a, s) ||
		    !mock_tools_run(a, get(s, "tools")))
			return;
		if ((f = fault_of(s)) != NULL) {
			link_flush(&a->link);
			f->act(a, s);
		}
		over = a->turn.present ? present(a, s) : act(a, s);
	}
	if (!over && agent_in_turn(a))
		agent_say_error(a, "no_decision",
		    "three attempts without a valid answer or vote", false);
}
