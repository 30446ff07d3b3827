/*
 * A server at a URL: each message is a POST, what comes back is one JSON
 * text or a stream of events, in which the reply stands behind whatever else
 * the server has to say.  "Streamable HTTP" in the specification.
 */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent-worker/mcp/headers.h"
#include "agent-worker/mcp/mcp.h"
#include "agent-worker/mcp/redirect.h"
#include "agent-worker/net/http.h"
#include "agent-worker/net/sse.h"
#include "ipc/field.h"
#include "ipc/mono.h"
#include "ipc/xmalloc.h"

#define CONNECT_MS    10000
#define NOTIFY_MS     200 /* for what nobody waits for */
#define TAIL_MS       100 /* of a stream, behind the reply */
#define REDIRECTS_MAX 3
#define RESUMES_MAX   100 /* of one reply */
#define RESUME_MS     1000
#define RESUME_MAX_MS 30000
#define ANSWERS_MAX   16 /* to what a server asked, at a time */

struct wire {
	char *url;
	char *session; /* NULL: none */
	char *answers[ANSWERS_MAX];
	size_t nanswers;
};

/* One request and what comes of it. */
struct post {
	struct mcp_server *server;
	const struct mcp_message *message; /* NULL: none, see method */
	const char *method;
	struct http_request request;
	struct http_response response;
	struct sse sse;
	struct buf body;  /* that is no stream */
	bool opens;       /* a session id that comes is taken */
	char *location;   /* of a redirect */
	char *last_event; /* where a stream may be taken up again */
	const char *trouble;
};

/* --- headers --- */

static void
add_configured(struct headers *h, const struct mcp_server *s)
{
	struct json_object *o;

	if (!json_object_object_get_ex(s->config, "headers", &o) ||
	    !json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach (o, name, value)
		headers_add(h, name, json_object_get_string(value));
}

static void
add_argument(
    struct headers *h, struct json_object *schema, struct json_object *value)
{
	const char *wanted = field_get_str(schema, "x-mcp-header");
	char *name;

	if (wanted == NULL || json_object_is_type(value, json_type_object) ||
	    json_object_is_type(value, json_type_array))
		return;
	name = xasprintf("Mcp-Param-%s", wanted);
	headers_add_coded(h, name, json_object_get_string(value));
	free(name);
}

/* Arguments that the tool's schema wants to see in a header, too. */
static void
add_arguments(struct headers *h, struct json_object *schema,
    struct json_object *arguments)
{
	struct json_object *properties, *value;

	if (!json_object_object_get_ex(schema, "properties", &properties) ||
	    !json_object_is_type(properties, json_type_object))
		return;
	json_object_object_foreach (properties, key, property) {
		if (!json_object_object_get_ex(arguments, key, &value) ||
		    value == NULL)
			continue;
		add_argument(h, property, value);
		add_arguments(h, property, value);
	}
}

static void
add_modern(
    struct headers *h, const struct mcp_server *s, const struct mcp_message *m)
{
	const char *name = field_get_str(m->params, "name");
	struct json_object *tool, *schema = NULL, *arguments = NULL;
	size_t i, n = s->list == NULL ? 0 : json_object_array_length(s->list);

	headers_add(h, "Mcp-Method", m->method);
	if (name == NULL)
		return;
	headers_add_coded(h, "Mcp-Name", name);
	(void)json_object_object_get_ex(m->params, "arguments", &arguments);
	for (i = 0; i < n; i++) {
		tool = json_object_array_get_idx(s->list, i);
		if (field_get_str(tool, "name") != NULL &&
		    strcmp(field_get_str(tool, "name"), name) == 0 &&
		    json_object_object_get_ex(tool, "inputSchema", &schema))
			add_arguments(h, schema, arguments);
	}
}

static struct headers
make_headers(const struct post *p)
{
	const struct mcp_server *s = p->server;
	const struct wire *w = s->wire;
	struct headers h = { NULL, 0 };

	headers_add(&h, "Accept", "application/json, text/event-stream");
	if (p->message != NULL)
		headers_add(&h, "Content-Type", "application/json");
	if (s->version != NULL)
		headers_add(&h, "MCP-Protocol-Version", s->version);
	if (w->session != NULL)
		headers_add(&h, "Mcp-Session-Id", w->session);
	if (p->last_event != NULL)
		headers_add(&h, "Last-Event-ID", p->last_event);
	if (s->modern && p->message != NULL && p->message->wants_reply)
		add_modern(&h, s, p->message);
	add_configured(&h, s);
	return (h);
}

/* --- what comes back --- */

static void
take_header(void *arg, const char *name, const char *value)
{
	struct post *p = arg;
	struct wire *w = p->server->wire;

	if (strcasecmp(name, "mcp-session-id") == 0 && p->opens) {
		free(w->session);
		w->session = xstrdup(value);
	} else if (strcasecmp(name, "location") == 0) {
		free(p->location);
		p->location = xstrdup(value);
	}
}

static void
answer(void *arg, const char *text, size_t len)
{
	struct wire *w = arg;

	if (w->nanswers < ANSWERS_MAX)
		w->answers[w->nanswers++] = xstrndup(text, len);
}

static void
take_event(void *arg, const char *type, const char *data, size_t len)
{
	struct post *p = arg;

	(void)type;
	if (!mcp_take(p->server, data, len, answer, p->server->wire))
		mcp_log(p->server, "not JSON: ", data);
}

static bool
is_stream(const struct post *p)
{
	return (p->response.content_type != NULL &&
	    strcmp(p->response.content_type, "text/event-stream") == 0);
}

static bool
take_data(void *arg, const char *bytes, size_t len)
{
	struct post *p = arg;
	struct mcp_server *s = p->server;

	s->taken += len;
	s->went_on = true;
	if (s->taken > MCP_FLOOD_MAX)
		p->trouble = "it sent far too much at once";
	else if (is_stream(p) ? !sse_feed(&p->sse, bytes, len)
			      : !buf_add(&p->body, bytes, len))
		p->trouble = "it sent too long a message";
	/* behind the reply a stream has nothing to say, but should end */
	if (s->reply != NULL)
		p->request.idle_ms = TAIL_MS;
	return (p->trouble == NULL);
}

static bool post_answers(struct mcp_server *);

static bool
on_wait(void *arg, int64_t until_ms,
    int (*poll)(void *, struct pollfd *, unsigned int, int), void *poll_arg)
{
	struct post *p = arg;
	struct mcp_server *s = p->server;

	mcp_note_progress(s);
	/* what waited for may have come meanwhile */
	if (post_answers(s))
		return (!agent_in_turn(s->box->agent));
	return (!agent_wait(s->box->agent, until_ms, poll, poll_arg));
}

/* --- one request --- */

static void
init_post(struct post *p, struct mcp_server *s, const struct mcp_message *m,
    int64_t until)
{
	memset(p, 0, sizeof(*p));
	p->server = s;
	p->message = m;
	p->opens = m != NULL && strcmp(m->method, "initialize") == 0;
	p->request = (struct http_request) {
		.body = m == NULL ? NULL : m->text,
		.len = m == NULL ? 0 : m->len,
		.connect_ms = CONNECT_MS,
		.first_byte_ms = MONO_NEVER,
		.idle_ms = MONO_NEVER,
		.deadline_ms = until,
		.data = take_data,
		.header = take_header,
		.arg = p,
	};
	sse_init(&p->sse, take_event, p);
	buf_init(&p->body, MCP_MESSAGE_MAX);
}

static void
release_post(struct post *p)
{
	sse_release(&p->sse);
	buf_release(&p->body);
	free(p->location);
	free(p->last_event);
	http_response_release(&p->response);
}

/* What a server knows of us goes to nobody else. */
static bool
follow(struct post *p)
{
	struct wire *w = p->server->wire;
	char *url;

	if (p->response.outcome != HTTP_DONE ||
	    (p->response.status != 307 && p->response.status != 308) ||
	    p->location == NULL ||
	    (url = mcp_redirect(w->url, p->location)) == NULL)
		return (false);
	free(w->url);
	w->url = url;
	free(p->location);
	p->location = NULL;
	return (true);
}

/* Make the request, at another place if the server says so. */
static void
perform(struct post *p, const char *method, const struct http_wait *wait)
{
	const struct wire *w = p->server->wire;
	struct headers h = make_headers(p);
	int redirects = 0;

	p->request.method = method;
	p->request.headers = h.lines;
	do {
		http_response_release(&p->response);
		p->request.url = w->url;
		http_post(&p->request, wait, &p->response);
	} while (follow(p) && ++redirects < REDIRECTS_MAX);
	headers_release(&h);
}

/* --- what it means --- */

/* An error in JSON is a reply; anything else is the server's trouble. */
static enum mcp_outcome
settle_status(struct post *p)
{
	const struct http_response *r = &p->response;
	struct mcp_server *s = p->server;
	const struct wire *w = s->wire;
	const char *text = r->body.len == 0 ? "" : r->body.data;

	if ((r->status == 404 || r->status == 400) && w->session != NULL &&
	    !p->opens)
		return (mcp_fail(s, MCP_EXPIRED, "the session is gone"));
	if (r->body.len > 0 &&
	    mcp_take(s, text, r->body.len, answer, s->wire) && s->reply != NULL)
		return (MCP_OK);
	if (r->status == 401 || r->status == 403)
		return (mcp_fail(s, MCP_LOST,
		    "HTTP status %ld: it wants other \"headers\" than are "
		    "configured",
		    r->status));
	if (r->status >= 300 && r->status < 400)
		return (mcp_fail(s, MCP_LOST,
		    "HTTP status %ld: it points to another place, which is "
		    "not followed: %.150s",
		    r->status, p->location == NULL ? "?" : p->location));
	return (
	    mcp_fail(s, p->opens && r->status < 500 ? MCP_REFUSED : MCP_LOST,
		"HTTP status %ld: %.150s", r->status, text));
}

static enum mcp_outcome
settle(struct post *p)
{
	const struct http_response *r = &p->response;
	struct mcp_server *s = p->server;
	bool wants_reply = p->message == NULL || p->message->wants_reply;

	if (s->reply != NULL)
		return (MCP_OK);
	if (!agent_in_turn(s->box->agent))
		return (mcp_fail(s, MCP_OVER, "the turn is over"));
	if (p->trouble != NULL)
		return (mcp_fail(s, MCP_LOST, "%s", p->trouble));
	if (r->outcome == HTTP_TIMEOUT)
		return (mcp_fail(s, MCP_LATE, "%s", r->error));
	if (r->outcome != HTTP_DONE)
		return (mcp_fail(s, MCP_LOST, "%s", r->error));
	/* what is wrong with a note shows with the next request */
	if (!wants_reply)
		return (MCP_OK);
	if (r->status < 200 || r->status > 299)
		return (settle_status(p));
	return (mcp_fail(s, MCP_LOST,
	    "HTTP status %ld without a reply to the request", r->status));
}

static void
take_body(struct post *p)
{
	if (is_stream(p))
		(void)sse_finish(&p->sse);
	else if (p->body.len > 0 &&
	    !mcp_take(
		p->server, p->body.data, p->body.len, answer, p->server->wire))
		mcp_log(p->server, "not JSON: ", p->body.data);
}

/*
 * A stream that ended before the reply came may be taken up where it was
 * left: 2025-11-25, "Resumability and Redelivery".  False: not this one.
 */
static bool
can_resume(const struct post *p)
{
	const struct http_response *r = &p->response;

	return (p->server->reply == NULL && p->trouble == NULL &&
	    is_stream(p) && p->sse.id.len > 0 && r->outcome != HTTP_TIMEOUT &&
	    r->outcome != HTTP_ABORTED && r->status == 200 &&
	    agent_in_turn(p->server->box->agent));
}

/* Sleep, but hear the supervisor. */
static void
pause_until(struct mcp_server *s, int64_t until)
{
	while (mono_ms() < until)
		if (!agent_wait(s->box->agent, until, NULL, NULL))
			return;
}

static void
resume(struct post *p, const struct http_wait *wait)
{
	int64_t pause = p->sse.retry_ms < 0 ? RESUME_MS : p->sse.retry_ms;
	char *last = xstrdup(p->sse.id.data);

	pause_until(p->server,
	    mono_min(p->request.deadline_ms,
		mono_ms() + mono_min(pause, RESUME_MAX_MS)));
	free(p->last_event);
	p->last_event = last;
	p->message = NULL;
	p->request.body = NULL;
	p->request.len = 0;
	perform(p, "GET", wait);
	take_body(p);
}

static enum mcp_outcome
exchange(struct mcp_server *s, const struct mcp_message *m, int64_t until)
{
	enum mcp_outcome outcome;
	struct http_wait wait = { on_wait, NULL };
	struct wire *w = s->wire;
	struct post p;
	int resumes = 0;

	init_post(&p, s, m, until);
	wait.arg = &p;
	if (p.opens) {
		free(w->session);
		w->session = NULL;
	}
	perform(&p, NULL, &wait);
	take_body(&p);
	while (m->wants_reply && can_resume(&p) && resumes++ < RESUMES_MAX)
		resume(&p, &wait);
	outcome = settle(&p);
	if (outcome != MCP_OVER)
		(void)post_answers(s);
	release_post(&p);
	return (outcome);
}

/* Out at once: nobody is heard meanwhile, so it must not take long. */
static void
notify(struct mcp_server *s, const struct mcp_message *m)
{
	struct post p;

	init_post(&p, s, m, mono_ms() + NOTIFY_MS);
	perform(&p, NULL, NULL);
	release_post(&p);
}

/* Answer what the server asked, if it asked. */
static bool
post_answers(struct mcp_server *s)
{
	struct wire *w = s->wire;
	struct mcp_message m = { .method = "" };
	char *texts[ANSWERS_MAX];
	size_t i, n = w->nanswers;

	/* what is asked meanwhile is answered the next time */
	memcpy(texts, w->answers, n * sizeof(*texts));
	w->nanswers = 0;
	for (i = 0; i < n; i++) {
		m.text = texts[i];
		m.len = strlen(m.text);
		notify(s, &m);
		free(texts[i]);
	}
	return (n > 0);
}

/* --- its life --- */

static bool
start(struct mcp_server *s)
{
	const char *url = field_get_str(s->config, "url");
	struct wire *w;

	if (url == NULL) {
		mcp_fail(s, MCP_LOST, "it has no URL");
		return (false);
	}
	w = xcalloc(1, sizeof(*w));
	w->url = xstrdup(url);
	s->wire = w;
	return (true);
}

static bool
is_gone(struct mcp_server *s)
{
	(void)s;
	return (false);
}

static void
leave(struct mcp_server *s)
{
	struct wire *w = s->wire;
	struct post p;

	if (w->session == NULL || s->state != MCP_READY)
		return;
	init_post(&p, s, NULL, mono_ms() + NOTIFY_MS);
	perform(&p, "DELETE", NULL);
	release_post(&p);
	free(w->session);
	w->session = NULL;
}

static bool
await(struct mcp_server *s, int64_t until)
{
	(void)s;
	(void)until;
	return (true);
}

static void
stop(struct mcp_server *s)
{
	struct wire *w = s->wire;
	size_t i;

	for (i = 0; i < w->nanswers; i++)
		free(w->answers[i]);
	free(w->session);
	free(w->url);
	free(w);
	s->wire = NULL;
}

const struct mcp_transport mcp_streamable = { "streamable-http", start,
	exchange, notify, is_gone, leave, await, stop };
