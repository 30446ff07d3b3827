/*
 * The tools of MCP servers, in the agent's toolbox.  Servers are started at
 * the agent's first turn and live as long as its process.  One that does not
 * start, or stops working, is tried again as breaker.h says, and the others
 * go on.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/mcp/content.h"
#include "agent-worker/mcp/mcp.h"
#include "agent-worker/mcp/names.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

#define START_MS    60000  /* from a server's start to its tools */
#define LIST_MS     10000  /* for a new list of tools */
#define CALL_MS     400000 /* unless the configuration says otherwise */
#define PATIENCE_MS 2000   /* for a server that may soon be tried again */
#define EOF_MS      300    /* to end, once its input has ended */
#define TERM_MS     700    /* once it was told to, confine's grace included */
#define TEXT_MAX    8192   /* of a tool's description */

struct family {
	struct mcp_server *servers;
	size_t n;
};

static const struct mcp_transport *const transports[] = { &mcp_stdio,
	&mcp_streamable };

/* --- configuration --- */

static int64_t
timeout_of(struct json_object *config)
{
	struct json_object *v;
	double seconds;

	if (!json_object_object_get_ex(config, "timeout", &v))
		return (CALL_MS);
	seconds = json_object_get_double(v);
	return (
	    seconds > 0 && seconds < 1e9 ? (int64_t)(seconds * 1000) : CALL_MS);
}

static bool
init_server(
    struct mcp_server *s, struct toolbox *box, struct json_object *config)
{
	const char *type = field_get_str(config, "type");
	size_t i;

	memset(s, 0, sizeof(*s));
	s->box = box;
	s->config = config;
	s->name = field_get_str(config, "name");
	s->timeout_ms = timeout_of(config);
	for (i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (type != NULL && strcmp(transports[i]->type, type) == 0)
			s->transport = transports[i];
	if (s->name != NULL && s->transport != NULL)
		return (true);
	log_warnx("MCP server %s: of type %s, which is unknown",
	    s->name == NULL ? "?" : s->name, type == NULL ? "?" : type);
	return (false);
}

static void
open_family(struct toolbox *box)
{
	struct json_object *list;
	struct family *f;
	size_t i, n;

	if ((list = field_get(box->config, "mcp", json_type_array)) == NULL)
		return;
	n = json_object_array_length(list);
	f = xcalloc(1, sizeof(*f));
	f->servers = xcalloc(n, sizeof(*f->servers));
	for (i = 0; i < n; i++)
		if (init_server(&f->servers[f->n], box,
			json_object_array_get_idx(list, i)))
			f->n++;
	box->state[FAMILY_MCP] = f;
}

/* --- up and down --- */

static void
put_down(struct mcp_server *s)
{
	if (s->wire != NULL)
		s->transport->stop(s);
	s->state = MCP_DOWN;
}

/* What a user has to know; a model does without the server's tools. */
static void
warn_of(struct mcp_server *s, const char *what)
{
	char *name = xasprintf("mcp__%s", s->name);
	struct msg m = { .type = MSG_TOOL,
		.name = name,
		.kind = "error",
		.text = s->reason };

	log_warnx("MCP server %s: %s: %s", s->name, what, s->reason);
	agent_say(s->box->agent, &m);
	free(name);
}

static void
note_failure(struct mcp_server *s)
{
	breaker_failed(
	    &s->breaker, mono_ms(), (double)arc4random() / UINT32_MAX);
}

static void
begin(struct mcp_server *s)
{
	if (s->transport->start(s)) {
		s->state = MCP_STARTED;
		return;
	}
	note_failure(s);
	warn_of(s, "cannot be started");
}

/* Whether a try is allowed soon; if so it is, on return. */
static bool
await_try(struct mcp_server *s)
{
	int64_t at = s->breaker.ready_at;

	if (at > mono_ms() + PATIENCE_MS)
		return (false);
	while (mono_ms() < at)
		if (!agent_wait(s->box->agent, at, NULL, NULL))
			return (false);
	return (true);
}

/*
 * Make it ready, with as many tries as are allowed and the time is there
 * for.  MCP_LOST: it is not.
 */
static enum mcp_outcome
bring_up(struct mcp_server *s, int64_t until)
{
	enum mcp_outcome outcome = MCP_LOST;

	while (s->state != MCP_READY) {
		if (s->state == MCP_DOWN) {
			if (!await_try(s))
				break;
			begin(s);
		}
		if (s->state == MCP_DOWN)
			continue;
		outcome = mcp_open(s, until);
		if (outcome == MCP_OK)
			return (MCP_OK);
		put_down(s);
		if (outcome == MCP_OVER)
			break;
		note_failure(s);
		warn_of(s, "does not work");
		if (mono_ms() >= until)
			break;
	}
	if (!agent_in_turn(s->box->agent))
		return (MCP_OVER);
	return (s->state == MCP_READY ? MCP_OK : MCP_LOST);
}

/* --- its tools --- */

static bool
is_taken(void *arg, const char *name)
{
	return (toolbox_find(arg, name) != NULL);
}

static struct json_object *
schema_of(struct json_object *tool)
{
	struct json_object *schema;
	const char *type;

	if (json_object_object_get_ex(tool, "inputSchema", &schema) &&
	    (type = field_get_str(schema, "type")) != NULL &&
	    strcmp(type, "object") == 0)
		return (json_object_get(schema));
	schema = json_object_new_object();
	field_put_str(schema, "type", "object");
	return (schema);
}

static tool_run_fn run_tool;

static void
add_tool(struct mcp_server *s, struct json_object *o)
{
	const char *name = field_get_str(o, "name"), *text;
	char shown[MCP_NAME_MAX + 1], *description;
	struct mcp_tool *t;

	if (name == NULL || *name == '\0' ||
	    !mcp_is_wanted(s->config, s->name, name))
		return;
	if (!mcp_name(shown, s->name, name, is_taken, s->box)) {
		log_warnx("MCP server %s: its tool %s is there twice", s->name,
		    shown);
		return;
	}
	if ((text = field_get_str(o, "description")) == NULL &&
	    (text = field_get_str(o, "title")) == NULL)
		text = "";
	description = xstrndup(text, utf8_prefix(text, strlen(text), TEXT_MAX));
	t = xcalloc(1, sizeof(*t));
	t->server = s;
	t->name = xstrdup(name);
	s->tools =
	    xreallocarray(s->tools, s->ntools + 1, sizeof(struct mcp_tool *));
	s->tools[s->ntools++] = t;
	toolbox_add(
	    s->box, shown, description, schema_of(o), run_tool, t, true);
	free(description);
}

static void
remove_tools(struct mcp_server *s)
{
	size_t i;

	for (i = 0; i < s->ntools; i++) {
		toolbox_remove(s->box, s->tools[i]);
		free(s->tools[i]->name);
		free(s->tools[i]);
	}
	free(s->tools);
	s->tools = NULL;
	s->ntools = 0;
}

/* Put in what is new; a model is shown no change where there is none. */
static void
take_list(struct mcp_server *s, struct json_object *list)
{
	size_t i, n = json_object_array_length(list);

	if (json_object_equal(list, s->list))
		return;
	json_object_put(s->list);
	s->list = json_object_get(list);
	remove_tools(s);
	for (i = 0; i < n; i++)
		add_tool(s, json_object_array_get_idx(list, i));
	if (s->ntools == 0)
		log_warnx("MCP server %s: it has no tools", s->name);
}

/* Ask for its tools again, if they may have changed. */
static void
refresh(struct mcp_server *s, int64_t until)
{
	struct json_object *list = NULL;
	enum mcp_outcome outcome = MCP_OK;

	if (s->state != MCP_READY || !s->list_is_stale)
		return;
	if (s->has_tools)
		outcome = mcp_list(s, until, &list);
	else
		list = json_object_new_array();
	if (outcome == MCP_OK) {
		take_list(s, list);
	} else if (outcome != MCP_OVER) {
		s->list_is_stale = true;
		note_failure(s);
		warn_of(s, "does not list its tools");
		put_down(s);
	}
	json_object_put(list);
}

/*
 * All servers get ready at the same time, and each has until the end of the
 * same time for it.
 */
static void
prepare_family(struct toolbox *box)
{
	struct family *f = box->state[FAMILY_MCP];
	int64_t until = mono_min(mono_ms() + START_MS, box->agent->turn.end_ms);
	size_t i;

	for (i = 0; f != NULL && i < f->n; i++) {
		struct mcp_server *s = &f->servers[i];

		if (s->state != MCP_DOWN && s->transport->is_gone(s)) {
			log_warnx("MCP server %s: it has ended", s->name);
			put_down(s);
		}
		if (s->state == MCP_DOWN &&
		    breaker_state(&s->breaker, mono_ms()) != BREAKER_OPEN &&
		    mono_ms() >= s->breaker.ready_at)
			begin(s);
	}
	for (i = 0; f != NULL && i < f->n; i++)
		if (bring_up(&f->servers[i], until) == MCP_OK)
			refresh(&f->servers[i], until);
}

/* --- a call --- */

static void
fail(struct mcp_server *s, const char *tool, struct tool_result *result)
{
	int64_t left = (s->breaker.ready_at - mono_ms()) / 1000 + 1;

	if (breaker_state(&s->breaker, mono_ms()) == BREAKER_OPEN)
		tool_fail(result, tool,
		    "the MCP server %s does not work (%s); it is not tried "
		    "again for %lld s",
		    s->name, s->reason, (long long)left);
	else
		tool_fail(
		    result, tool, "MCP server %s: %s", s->name, s->reason);
}

/* It has to be new, or made new, before it can be asked again. */
static void
give_up(struct mcp_server *s, enum mcp_outcome outcome)
{
	note_failure(s);
	if (outcome == MCP_LOST || s->breaker.failures >= BREAKER_FAILURES) {
		log_warnx("MCP server %s: %s", s->name, s->reason);
		put_down(s);
	}
}

/*
 * One call, and another in a new session where the server has forgotten the
 * old one.
 */
static enum mcp_outcome
try_call(struct mcp_server *s, const char *tool, struct json_object *arguments,
    int64_t until, struct json_object **out)
{
	enum mcp_outcome outcome;
	int tries = 0;

	do {
		if (s->state != MCP_DOWN && s->transport->is_gone(s)) {
			log_warnx("MCP server %s: it has ended", s->name);
			put_down(s);
		}
		outcome = bring_up(s, until);
		if (outcome != MCP_OK)
			return (outcome);
		outcome = mcp_call(s, tool, arguments, until, out);
		if (outcome == MCP_EXPIRED)
			put_down(s);
	} while (outcome == MCP_EXPIRED && tries++ == 0);
	if (outcome == MCP_OK || outcome == MCP_REFUSED)
		breaker_worked(&s->breaker);
	else if (outcome != MCP_OVER)
		give_up(s, outcome);
	return (outcome);
}

static bool
run_tool(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	const struct mcp_tool *t = arg;
	struct mcp_server *s = t->server;
	int64_t until =
	    mono_min(mono_ms() + s->timeout_ms, box->agent->turn.end_ms);
	struct json_object *answer = NULL;
	enum mcp_outcome outcome;

	outcome = try_call(s, t->name, arguments, until, &answer);
	if (outcome == MCP_OK)
		result->is_error = mcp_content(answer, &result->text);
	else if (outcome == MCP_LATE)
		tool_fail(result, t->name,
		    "MCP server %s: no answer within %g s", s->name,
		    (double)s->timeout_ms / 1000);
	else if (outcome != MCP_OVER)
		fail(s, t->name, result);
	json_object_put(answer);
	/* what the model may call next; the tool at hand may go, too */
	if (outcome == MCP_OK)
		refresh(s, mono_min(mono_ms() + LIST_MS, until));
	return (outcome != MCP_OVER);
}

/* --- the end --- */

static void
leave_all(struct family *f, int64_t ms)
{
	int64_t until = mono_ms() + ms;
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->servers[i].wire != NULL)
			f->servers[i].transport->leave(&f->servers[i]);
	for (i = 0; i < f->n; i++)
		if (f->servers[i].wire != NULL &&
		    f->servers[i].transport->await(&f->servers[i], until))
			put_down(&f->servers[i]);
}

static void
close_family(struct toolbox *box)
{
	struct family *f = box->state[FAMILY_MCP];
	size_t i;

	if (f == NULL)
		return;
	leave_all(f, EOF_MS);
	leave_all(f, TERM_MS);
	for (i = 0; i < f->n; i++) {
		put_down(&f->servers[i]);
		remove_tools(&f->servers[i]);
		json_object_put(f->servers[i].list);
	}
	free(f->servers);
	free(f);
}

const struct tool_family family_mcp = {
	.open = open_family, .prepare = prepare_family, .close = close_family
};
