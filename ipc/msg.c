/* What supervisor and worker say to each other. */

#include <stdio.h>
#include <string.h>

#include "ipc/log.h"
#include "ipc/msg.h"
#include "ipc/utf8.h"

#define NAME_SHOWN 40 /* bytes of a type that is none */

#define M(member, kind, required) FIELD(msg, member, kind, required)
#define FIELDS(...)                               \
	(const struct field[])                    \
	{                                         \
		__VA_ARGS__,                      \
		{                                 \
			NULL, FIELD_END, 0, false \
		}                                 \
	}

static const struct msg_def {
	const char *name;
	enum msg_direction direction;
	const struct field *fields;
} defs[MSG_TYPES] = {
	[MSG_INIT] = { "init", MSG_TO_WORKER,
	    FIELDS(M(version, FIELD_INT, true), M(agent, FIELD_STR, true),
		M(count, FIELD_INT, true), M(backend, FIELD_JSON, true),
		M(key, FIELD_STR, false), M(system_message, FIELD_STR, false),
		M(script, FIELD_JSON, false), M(options, FIELD_JSON, false),
		M(tools, FIELD_JSON, false)) },
	[MSG_TURN] = { "turn", MSG_TO_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(kind, FIELD_STR, true),
		M(text, FIELD_STR, true), M(answers, FIELD_JSON, true),
		M(seen, FIELD_INT, true), M(step, FIELD_INT, false),
		M(limit_ms, FIELD_INT, false), M(votes, FIELD_JSON, false),
		M(attempt, FIELD_INT, false), M(feedback, FIELD_JSON, false),
		M(evaluate, FIELD_JSON, false), M(classify, FIELD_BOOL, false),
		M(blocked, FIELD_JSON, false)) },
	[MSG_UPDATE] = { "update", MSG_TO_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(answers, FIELD_JSON, true),
		M(seen, FIELD_INT, true)) },
	[MSG_GO] = { "go", MSG_TO_WORKER, FIELDS(M(turn, FIELD_INT, true)) },
	[MSG_VERDICT] = { "verdict", MSG_TO_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(accepted, FIELD_BOOL, true),
		M(final, FIELD_BOOL, false), M(text, FIELD_STR, false)) },
	[MSG_GRANT] = { "grant", MSG_TO_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(accepted, FIELD_BOOL, true),
		M(text, FIELD_STR, false)) },
	[MSG_HOLD] = { "hold", MSG_TO_WORKER,
	    FIELDS(M(after_ms, FIELD_INT, true)) },
	[MSG_BLOCKED] = { "blocked", MSG_TO_WORKER,
	    FIELDS(M(blocked, FIELD_JSON, true)) },
	[MSG_CANCEL] = { "cancel", MSG_TO_WORKER,
	    FIELDS(M(turn, FIELD_INT, true)) },

	[MSG_HELLO] = { "hello", MSG_FROM_WORKER,
	    FIELDS(M(version, FIELD_INT, true), M(name, FIELD_STR, false),
		M(pid, FIELD_INT, false), M(undumpable, FIELD_BOOL, false)) },
	[MSG_CONTEXT] = { "context", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(text, FIELD_STR, true)) },
	[MSG_ACTIVITY] = { "activity", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(activity, FIELD_STR, true),
		M(model, FIELD_STR, false), M(text, FIELD_STR, false)) },
	[MSG_CONTENT] = { "content", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(text, FIELD_STR, true)) },
	[MSG_REASONING] = { "reasoning", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(text, FIELD_STR, true)) },
	[MSG_TOOL] = { "tool", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(name, FIELD_STR, true),
		M(kind, FIELD_STR, true), M(text, FIELD_STR, false)) },
	[MSG_READY] = { "ready", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(after_ms, FIELD_INT, true)) },
	[MSG_PLANNING] = { "planning", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(blocked, FIELD_JSON, true)) },
	[MSG_RESERVE] = { "reserve", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(model, FIELD_STR, false),
		M(input_tokens, FIELD_INT, false),
		M(output_tokens, FIELD_INT, false),
		M(cost, FIELD_REAL, false)) },
	[MSG_LIMITED] = { "limited", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(after_ms, FIELD_INT, true)) },
	[MSG_USAGE] = { "usage", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(model, FIELD_STR, false),
		M(input_tokens, FIELD_INT, false),
		M(cached_input_tokens, FIELD_INT, false),
		M(output_tokens, FIELD_INT, false),
		M(reasoning_tokens, FIELD_INT, false),
		M(cache_write_tokens, FIELD_INT, false),
		M(cost, FIELD_REAL, false), M(lost, FIELD_BOOL, false)) },
	[MSG_ANSWER] = { "answer", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(text, FIELD_STR, true),
		M(seen, FIELD_INT, false), M(snapshot, FIELD_STR, false),
		M(snapshot_error, FIELD_STR, false),
		M(restart, FIELD_JSON, false)) },
	[MSG_VOTE] = { "vote", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, true), M(agent, FIELD_STR, true),
		M(text, FIELD_STR, false), M(seen, FIELD_INT, true)) },
	[MSG_ERROR] = { "error", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, false), M(kind, FIELD_STR, true),
		M(text, FIELD_STR, true), M(permanent, FIELD_BOOL, false)) },
	[MSG_HEARTBEAT] = { "heartbeat", MSG_FROM_WORKER,
	    FIELDS(M(turn, FIELD_INT, false)) },
};

const char *
msg_name(enum msg_type type)
{
	return (defs[type].name);
}

void
msg_encode(const struct msg *m, struct buf *out)
{
	const struct msg_def *def = &defs[m->type];
	struct json_object *o = json_object_new_object();
	const char *s;
	size_t len;

	if (o == NULL)
		fatalx("no memory for a message");
	json_object_object_add(o, "type", json_object_new_string(def->name));
	fields_put(def->fields, m, o);
	s = field_line(o, &len);
	buf_add(out, s, len);
	buf_add(out, "\n", 1);
	json_object_put(o);
}

static const struct msg_def *
find(const char *name)
{
	int i;

	for (i = 0; i < MSG_TYPES; i++)
		if (strcmp(defs[i].name, name) == 0)
			return (&defs[i]);
	return (NULL);
}

int
msg_decode(struct msg *m, enum msg_direction d, const char *line, size_t len,
    char *err, size_t errlen)
{
	const struct msg_def *def;
	struct json_object *type;
	const char *name;

	memset(m, 0, sizeof(*m));
	m->root = field_parse(line, len, MSG_DEPTH_MAX, err, errlen);
	if (m->root == NULL)
		return (-1);
	if (!json_object_object_get_ex(m->root, "type", &type) ||
	    !json_object_is_type(type, json_type_string)) {
		snprintf(err, errlen, "no \"type\"");
		goto bad;
	}
	name = json_object_get_string(type);
	if ((def = find(name)) == NULL || def->direction != d) {
		snprintf(err, errlen, "%s message \"%.*s\"",
		    def == NULL ? "unknown" : "misdirected",
		    (int)utf8_prefix(name, strlen(name), NAME_SHOWN), name);
		goto bad;
	}
	m->type = (enum msg_type)(def - defs);
	if (fields_get(def->fields, m, m->root, err, errlen) == 0)
		return (0);
bad:
	msg_release(m);
	return (-1);
}

void
msg_release(struct msg *m)
{
	json_object_put(m->root);
	memset(m, 0, sizeof(*m));
}
