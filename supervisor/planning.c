/* Planning mode: which tools wait for the presentation. */

#include <stdlib.h>
#include <string.h>

#include "ipc/utf8.h"
#include "supervisor/planning.h"

#define TEXT_MAX 500 /* bytes of it in the journal */

static bool
has_servers(const struct agent_config *a)
{
	return (a->tools != NULL &&
	    json_object_object_get_ex(a->tools, "mcp", NULL));
}

bool
planning_is_on(const struct run *run)
{
	size_t i;

	for (i = 0; run->config->planning_mode && i < run->config->nagents; i++)
		if (has_servers(&run->config->agents[i]))
			return (true);
	return (false);
}

/* The first that can; -1: nobody is left. */
static int
who_says(const struct run *run)
{
	size_t i;

	for (i = 0; i < run->config->nagents; i++)
		if (!run->agents[i].given_up &&
		    has_servers(&run->config->agents[i]))
			return ((int)i);
	return (-1);
}

void
planning_fill_turn(struct run *run, int agent, struct msg *m)
{
	m->blocked = run->blocked;
	m->classify = run->blocked == NULL && planning_is_on(run) &&
	    agent == who_says(run);
}

static void
tell(struct run *run, int agent, struct json_object *blocked)
{
	struct msg m = { .type = MSG_BLOCKED, .blocked = blocked };
	struct event e = { .type = EVENT_PLANNING,
		.agent = run->config->agents[agent].id };
	char *text = utf8_line(
	    json_object_to_json_string_ext(blocked, JSON_C_TO_STRING_PLAIN),
	    TEXT_MAX);
	size_t i;

	run->blocked = json_object_get(blocked);
	e.text = text;
	run_event(run, &e);
	for (i = 0; i < run->config->nagents; i++)
		if (run->agents[i].worker.state == WORKER_UP)
			worker_send(&run->agents[i].worker, &m);
	free(text);
}

void
planning_on_message(struct call *c)
{
	struct json_object *blocked = c->msg->blocked;

	/* only the word of the one that was asked counts */
	if (c->run->blocked != NULL || !planning_is_on(c->run) ||
	    c->index != who_says(c->run))
		return;
	if (json_object_is_type(blocked, json_type_boolean) ||
	    json_object_is_type(blocked, json_type_array))
		tell(c->run, c->index, blocked);
	else
		worker_stop(&c->agent->worker, "protocol_error",
		    "protocol error: planning without names", false);
}

void
planning_gone(struct run *run, int agent)
{
	struct json_object *all;

	if (run->blocked != NULL || !planning_is_on(run) ||
	    !has_servers(&run->config->agents[agent]))
		return;
	all = json_object_new_boolean(true);
	tell(run, agent, all);
	json_object_put(all);
}
