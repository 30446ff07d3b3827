/*
 * Sessions made by hand: a run's events, with what a test does not care
 * about filled in, on a clock of the tests' own.
 */

#ifndef TESTS_UNIT_SESSION_MAKE_H
#define TESTS_UNIT_SESSION_MAKE_H

#include <stdlib.h>

#include "ipc/xmalloc.h"
#include "supervisor/decide/session.h"

#define MADE_START 1762320000.0 /* 2025-11-05 05:20:00 UTC */
#define MADE_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Milliseconds since the run's start; each event takes one. */
static int64_t made_ms;

/* Apply an event of a type with these members. */
#define TELL(session, type_, ...) \
	made_tell((session), &(struct event) { .type = (type_), __VA_ARGS__ })

static inline void
made_tell(struct session *s, struct event *e)
{
	e->at_ms = ++made_ms;
	e->time = MADE_START + (double)made_ms / 1000;
	session_apply(s, e);
}

/* The "agents" of an event run_started; ids is a list ending with NULL. */
static inline struct json_object *
made_agents(const char *const *ids)
{
	struct json_object *list = json_object_new_array(), *o;

	for (; *ids != NULL; ids++) {
		o = json_object_new_object();
		json_object_object_add(o, "id", json_object_new_string(*ids));
		json_object_object_add(
		    o, "model", json_object_new_string("mock-1"));
		json_object_array_add(list, o);
	}
	return (list);
}

/* A run that has just been started; direct is for one agent alone. */
static inline struct session *
made_session(const char *const *ids, bool direct)
{
	struct session *s = session_new();
	struct json_object *agents = made_agents(ids);

	made_ms = -1;
	TELL(s, EVENT_RUN_STARTED, .session_id = "log_x",
	    .log_dir = "/runs/log_x", .question = "Why?", .version = "0.1.0",
	    .pid = 100, .direct = direct, .agents = agents);
	json_object_put(agents);
	return (s);
}

#define MADE_RUN(...) \
	made_session((const char *const[]) { __VA_ARGS__, NULL }, false)

static inline struct session_agent *
made_agent(const struct session *s, const char *id)
{
	int i = session_agent_by_id(s, id);

	if (i == -1)
		abort();
	return (&s->agents[i]);
}

#define STATUS(s, id) agent_status_name(made_agent((s), (id))->status)

/* Its process runs and has said hello. */
static inline void
made_ready(struct session *s, const char *id)
{
	TELL(s, EVENT_AGENT_STARTED, .agent = id, .pid = 200,
	    .attempt = made_agent(s, id)->attempts + 1);
	TELL(s, EVENT_AGENT_READY, .agent = id);
}

static inline void
made_turn(struct session *s, const char *id)
{
	TELL(s, EVENT_TURN_STARTED, .agent = id, .kind = "answer",
	    .turn = made_ms);
}

/* Everybody is ready and in its first turn. */
static inline void
made_all_work(struct session *s)
{
	size_t i;

	for (i = 0; i < s->nagents; i++)
		made_ready(s, s->agents[i].id);
	for (i = 0; i < s->nagents; i++)
		made_turn(s, s->agents[i].id);
}

/* A run at work, with nothing said yet. */
static inline struct session *
made_working(const char *const *ids)
{
	struct session *s = made_session(ids, false);

	made_all_work(s);
	return (s);
}

#define MADE_WORKING(...) \
	made_working((const char *const[]) { __VA_ARGS__, NULL })

static inline void
made_answer(struct session *s, const char *id)
{
	const struct session_agent *a = made_agent(s, id);
	char *label = xasprintf("%s.%d", a->anonymous, a->answers + 1);
	char *path = xasprintf("%s/%d/answer.txt", id, a->answers + 1);

	TELL(s, EVENT_ANSWER, .agent = id, .label = label, .path = path,
	    .bytes = 7, .sha256 = MADE_SHA256, .text = "because");
	free(label);
	free(path);
}

/* One after the other, as they were configured. */
static inline void
made_all_answer(struct session *s)
{
	size_t i;

	for (i = 0; i < s->nagents; i++)
		made_answer(s, s->agents[i].id);
}

static inline void
made_vote(struct session *s, const char *id, const char *target)
{
	int t = session_agent_by_id(s, target);
	const char *label = "agent0.0";

	if (t != -1 && s->agents[t].latest != -1)
		label = s->answers[s->agents[t].latest].label;
	TELL(s, EVENT_VOTE, .agent = id, .target = target, .label = label,
	    .text = "it is good", .path = "vote.json");
}

static inline void
made_usage(struct session *s, const char *id, int64_t tokens, double cost)
{
	TELL(s, EVENT_USAGE, .agent = id, .input_tokens = 4 * tokens,
	    .cached_input_tokens = 3 * tokens, .output_tokens = 2 * tokens,
	    .reasoning_tokens = tokens, .cost = cost, .priced = true);
}

static inline void
made_failure(struct session *s, const char *id, const char *kind)
{
	TELL(s, EVENT_AGENT_FAILED, .agent = id, .kind = kind,
	    .text = "it does not work");
}

static inline void
made_end(struct session *s, int exit_code)
{
	TELL(s, EVENT_RUN_ENDED, .exit_code = exit_code,
	    .outcome = exit_code == 0 ? "success" : "execution_error",
	    .path = "final_output/manifest.json");
}

#endif
