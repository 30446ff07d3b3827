/* Model calls beside those of the turn itself. */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/aside.h"
#include "agent-worker/call.h"
#include "agent-worker/prompt.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/xmalloc.h"

#define ARGUMENTS_DEPTH 32

static const char *
model_for_plans(const struct agent *a)
{
	return (a->planning_model == NULL ? a->model : a->planning_model);
}

/*
 * One call; the caller releases the reply, which is that of a call that
 * worked only if this returns true.  *out_wanted: the turn goes on.
 */
static bool
ask(struct agent *a, struct call_request *q, const char *user, const char *what,
    struct reply *reply, bool *out_wanted)
{
	char *system = prompt_system(a);

	q->system = system;
	q->history = json_object_new_array();
	q->backend->add_user(q->history, user);
	*out_wanted = call_model(a, q, reply);
	if (*out_wanted && reply->failure != FAILURE_NONE)
		log_warnx("%s: %s", what,
		    reply->error == NULL ? "failed" : reply->error);
	json_object_put(q->history);
	free(system);
	return (*out_wanted && reply->failure == FAILURE_NONE);
}

bool
aside_plan(struct agent *a, const struct backend *backend)
{
	struct call_request q = { .backend = backend,
		.model = model_for_plans(a) };
	char *user = prompt_plan(a);
	struct reply reply;
	bool wanted, told;

	told = ask(a, &q, user, "planning call", &reply, &wanted);
	/* once is enough, also when nothing came of it */
	a->plan = xstrdup(told && reply.text.len > 0 ? reply.text.data : "");
	reply_release(&reply);
	free(user);
	return (wanted);
}

/* --- what cannot be taken back --- */

/* What stands behind "KEY:" at the beginning of a line, or NULL. */
static const char *
line_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	while (text != NULL && *text != '\0') {
		text += strspn(text, " \t*#-");
		if (strncasecmp(text, key, len) == 0) {
			text += len + strspn(text + len, " *");
			if (*text == ':')
				return (text + 1 + strspn(text + 1, " \t*"));
		}
		text = strchr(text, '\n');
		text += text == NULL ? 0 : 1;
	}
	return (NULL);
}

/* The names of tools in a line, however they are parted. */
static struct json_object *
names_in(const char *line)
{
	static const char in_name[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";
	struct json_object *list = json_object_new_array();
	const char *end = line + strcspn(line, "\r\n");
	size_t len;

	while (line < end) {
		len = strspn(line, in_name);
		if (len > 0 && !(len == 4 && strncasecmp(line, "none", 4) == 0))
			json_object_array_add(
			    list, json_object_new_string_len(line, (int)len));
		line += len + 1;
	}
	return (list);
}

struct json_object *
aside_read_blocked(const char *text)
{
	const char *answer = line_value(text, "IRREVERSIBLE");
	const char *names = line_value(text, "BLOCKED_TOOLS");
	struct json_object *list;

	if (answer != NULL && strncasecmp(answer, "no", 2) == 0 &&
	    !isalpha((unsigned char)answer[2]))
		return (json_object_new_boolean(false));
	if (answer == NULL || names == NULL)
		return (json_object_new_boolean(true));
	list = names_in(names);
	if (json_object_array_length(list) > 0)
		return (list);
	json_object_put(list);
	return (json_object_new_boolean(true));
}

bool
aside_classify(struct agent *a, const struct backend *backend)
{
	struct call_request q = { .backend = backend,
		.model = model_for_plans(a) };
	struct msg m = { .type = MSG_PLANNING };
	char *user = prompt_classify(a);
	struct reply reply;
	bool wanted, told;

	told = ask(a, &q, user, "planning mode", &reply, &wanted);
	m.blocked = told && reply.text.len > 0
	    ? aside_read_blocked(reply.text.data)
	    : json_object_new_boolean(true);
	if (wanted)
		agent_say(a, &m);
	json_object_put(m.blocked);
	reply_release(&reply);
	free(user);
	return (wanted);
}

/* --- the final answer --- */

/* What the call of the tool asks for; NULL: no other attempt. */
static struct json_object *
restart_of(const struct reply *r)
{
	struct json_object *o, *restart;
	const char *reason, *instructions;
	char err[128];
	size_t i;

	for (i = 0; i < r->ncalls; i++)
		if (strcmp(r->calls[i].name, PROMPT_RESTART) == 0)
			break;
	if (i == r->ncalls)
		return (NULL);
	o = field_parse(
	    r->calls[i].arguments.len == 0 ? "" : r->calls[i].arguments.data,
	    r->calls[i].arguments.len, ARGUMENTS_DEPTH, err, sizeof(err));
	if (o == NULL)
		return (NULL);
	reason = field_get_str(o, "reason");
	instructions = field_get_str(o, "instructions");
	restart = json_object_new_object();
	field_put_str(restart, "reason", reason == NULL ? "" : reason);
	field_put_str(
	    restart, "instructions", instructions == NULL ? "" : instructions);
	json_object_put(o);
	return (restart);
}

/* It may take half of the time that is left: the answer has to get out. */
static int64_t
evaluation_end(const struct agent *a)
{
	int64_t now = mono_ms();

	if (a->turn.end_ms == MONO_NEVER)
		return (MONO_NEVER);
	return (now + (a->turn.end_ms - now) / 2);
}

bool
aside_evaluate(struct agent *a, const struct backend *backend,
    const char *answer, struct msg *m)
{
	struct tool_spec tools[] = {
		{ PROMPT_SUBMIT, "The final answer will do.",
		    prompt_submit_schema() },
		{ PROMPT_RESTART,
		    "The final answer will not do: all agents work on the "
		    "question once more.",
		    prompt_restart_schema() },
	};
	struct call_request q = { .backend = backend,
		.model = a->model,
		.tools = tools,
		.ntools = sizeof(tools) / sizeof(tools[0]) };
	char *user = prompt_evaluate(a, answer);
	int64_t end = a->turn.end_ms;
	struct reply reply;
	bool wanted;
	size_t i;

	a->turn.end_ms = evaluation_end(a);
	a->turn.evaluating = true;
	if (ask(a, &q, user, "evaluation", &reply, &wanted))
		m->restart = restart_of(&reply);
	a->turn.evaluating = false;
	a->turn.end_ms = end;
	reply_release(&reply);
	for (i = 0; i < q.ntools; i++)
		json_object_put(tools[i].schema);
	free(user);
	return (wanted);
}
