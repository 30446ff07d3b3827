/* What happened in a run. */

#include <stdio.h>
#include <string.h>

#include "ipc/field.h"
#include "supervisor/decide/event.h"

#define E(member, kind, required) FIELD(event, member, kind, required)
#define FIELDS(...)                               \
	(const struct field[])                    \
	{                                         \
		__VA_ARGS__,                      \
		{                                 \
			NULL, FIELD_END, 0, false \
		}                                 \
	}
#define AGENT E(agent, FIELD_STR, true)
#define CHILD AGENT, E(child, FIELD_INT, true)
#define CHILD_USAGE                                                          \
	E(input_tokens, FIELD_INT, true),                                    \
	    E(cached_input_tokens, FIELD_INT, true),                         \
	    E(output_tokens, FIELD_INT, true),                               \
	    E(reasoning_tokens, FIELD_INT, true), E(calls, FIELD_INT, true), \
	    E(unpriced_calls, FIELD_INT, true), E(cost, FIELD_REAL, true)

static const struct field common[] = {
	E(seq, FIELD_INT, true),
	E(at_ms, FIELD_INT, true),
	E(time, FIELD_REAL, true),
	{ NULL, FIELD_END, 0, false },
};

static const struct event_def {
	const char *name;
	const struct field *fields;
} defs[EVENT_TYPES] = {
	[EVENT_RUN_STARTED] = { "run_started",
	    FIELDS(E(session_id, FIELD_STR, true), E(log_dir, FIELD_STR, true),
		E(question, FIELD_STR, true), E(version, FIELD_STR, true),
		E(pid, FIELD_INT, true), E(dry_run, FIELD_BOOL, true),
		E(direct, FIELD_BOOL, true), E(parent, FIELD_STR, false),
		E(depth, FIELD_INT, true), E(agents, FIELD_JSON, true)) },
	[EVENT_AGENT_STARTED] = { "agent_started",
	    FIELDS(
		AGENT, E(pid, FIELD_INT, true), E(attempt, FIELD_INT, true)) },
	[EVENT_AGENT_READY] = { "agent_ready", FIELDS(AGENT) },
	[EVENT_TURN_STARTED] = { "turn_started",
	    FIELDS(AGENT, E(turn, FIELD_INT, true), E(kind, FIELD_STR, true)) },
	[EVENT_ACTIVITY] = { "activity",
	    FIELDS(AGENT, E(activity, FIELD_STR, true),
		E(model, FIELD_STR, false), E(text, FIELD_STR, false)) },
	[EVENT_USAGE] = { "usage",
	    FIELDS(AGENT, E(model, FIELD_STR, false),
		E(input_tokens, FIELD_INT, true),
		E(cached_input_tokens, FIELD_INT, true),
		E(output_tokens, FIELD_INT, true),
		E(reasoning_tokens, FIELD_INT, true),
		E(cache_write_tokens, FIELD_INT, false),
		E(cost, FIELD_REAL, true), E(priced, FIELD_BOOL, true)) },
	[EVENT_ANSWER] = { "answer",
	    FIELDS(AGENT, E(label, FIELD_STR, true), E(path, FIELD_STR, true),
		E(bytes, FIELD_INT, true), E(sha256, FIELD_STR, true),
		E(snapshot, FIELD_STR, false), E(text, FIELD_STR, true)) },
	[EVENT_VOTE] = { "vote",
	    FIELDS(AGENT, E(target, FIELD_STR, true), E(label, FIELD_STR, true),
		E(text, FIELD_STR, true), E(path, FIELD_STR, true)) },
	[EVENT_REFUSED] = { "refused",
	    FIELDS(AGENT, E(kind, FIELD_STR, true), E(text, FIELD_STR, true)) },
	[EVENT_ATTEMPT_FAILED] = { "attempt_failed",
	    FIELDS(AGENT, E(kind, FIELD_STR, true), E(text, FIELD_STR, true),
		E(attempt, FIELD_INT, true), E(attempts_max, FIELD_INT, true),
		E(delay_ms, FIELD_INT, false)) },
	[EVENT_AGENT_EXITED] = { "agent_exited",
	    FIELDS(AGENT, E(code, FIELD_INT, true), E(signal, FIELD_INT, true),
		E(requested, FIELD_BOOL, true), E(max_rss_kib, FIELD_INT, true),
		E(cpu_seconds, FIELD_REAL, true)) },
	[EVENT_AGENT_FAILED] = { "agent_failed",
	    FIELDS(AGENT, E(kind, FIELD_STR, true), E(text, FIELD_STR, true)) },
	[EVENT_PLANNING] = { "planning",
	    FIELDS(AGENT, E(text, FIELD_STR, true)) },
	[EVENT_WARNING] = { "warning", FIELDS(E(text, FIELD_STR, true)) },
	[EVENT_STALLED] = { "stalled", FIELDS(E(text, FIELD_STR, true)) },
	[EVENT_RESUMED] = { "resumed", FIELDS(E(text, FIELD_STR, true)) },
	[EVENT_STOPPING] = { "stopping",
	    FIELDS(E(kind, FIELD_STR, true), E(text, FIELD_STR, true)) },
	[EVENT_WINNER] = { "winner",
	    FIELDS(
		AGENT, E(label, FIELD_STR, true), E(text, FIELD_STR, true)) },
	[EVENT_PRESENTATION] = { "presentation",
	    FIELDS(AGENT, E(turn, FIELD_INT, true)) },
	[EVENT_RESTART] = { "restart",
	    FIELDS(AGENT, E(attempt, FIELD_INT, true), E(text, FIELD_STR, true),
		E(instructions, FIELD_STR, true)) },
	[EVENT_FINAL_ANSWER] = { "final_answer",
	    FIELDS(AGENT, E(path, FIELD_STR, true), E(bytes, FIELD_INT, true),
		E(sha256, FIELD_STR, true), E(text, FIELD_STR, true),
		E(presented, FIELD_BOOL, true)) },
	[EVENT_ORPHANS] = { "orphans", FIELDS(E(count, FIELD_INT, true)) },
	[EVENT_CHILD_OPENED] = { "child_opened",
	    FIELDS(CHILD, E(session_id, FIELD_STR, true),
		E(log_dir, FIELD_STR, true), E(question, FIELD_STR, true),
		E(lease, FIELD_REAL, true)) },
	[EVENT_CHILD_STATE] = { "child_state",
	    FIELDS(CHILD, E(percent, FIELD_INT, true), CHILD_USAGE) },
	[EVENT_CHILD_ENDED] = { "child_ended",
	    FIELDS(CHILD, E(kind, FIELD_STR, true),
		E(exit_code, FIELD_INT, true), CHILD_USAGE) },
	[EVENT_RUN_ENDED] = { "run_ended",
	    FIELDS(E(outcome, FIELD_STR, true), E(exit_code, FIELD_INT, true),
		E(text, FIELD_STR, false), E(path, FIELD_STR, false)) },
};

const char *
event_name(enum event_type type)
{
	return (defs[type].name);
}

struct json_object *
event_to_json(const struct event *e)
{
	struct json_object *o = json_object_new_object();

	fields_put(common, e, o);
	json_object_object_add(
	    o, "type", json_object_new_string(defs[e->type].name));
	fields_put(defs[e->type].fields, e, o);
	return (o);
}

int
event_from_json(
    struct event *e, struct json_object *object, char *err, size_t errlen)
{
	struct json_object *type;
	const char *name = "";
	int i;

	memset(e, 0, sizeof(*e));
	e->root = object;
	e->who = -1;
	if (json_object_object_get_ex(object, "type", &type) && type != NULL)
		name = json_object_get_string(type);
	for (i = 0; i < EVENT_TYPES; i++)
		if (strcmp(defs[i].name, name) == 0)
			break;
	if (i == EVENT_TYPES) {
		snprintf(err, errlen, "unknown event \"%.40s\"", name);
		goto bad;
	}
	e->type = (enum event_type)i;
	if (fields_get(common, e, object, err, errlen) == 0 &&
	    fields_get(defs[i].fields, e, object, err, errlen) == 0)
		return (0);
bad:
	event_release(e);
	return (-1);
}

void
event_release(struct event *e)
{
	json_object_put(e->root);
	e->root = NULL;
}
