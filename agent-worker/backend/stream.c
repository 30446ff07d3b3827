/* From the bytes of an HTTP body to a reply. */

#include <string.h>

#include "agent-worker/backend/stream.h"

static void
take_event(void *arg, const char *type, const char *data, size_t len)
{
	struct stream *s = arg;

	if (s->reply->failure == FAILURE_NONE)
		s->backend->consume_event(s->config, s->reply, type, data, len);
}

void
stream_init(struct stream *s, const struct backend *backend,
    const struct backend_config *config, struct reply *reply,
    struct http_request *request)
{
	memset(s, 0, sizeof(*s));
	s->request = request;
	s->backend = backend;
	s->config = config;
	s->reply = reply;
	sse_init(&s->sse, take_event, s);
	buf_init(&s->body, SSE_MAX);
}

void
stream_release(struct stream *s)
{
	sse_release(&s->sse);
	buf_release(&s->body);
}

/*
 * By the first byte that says anything, since content types are often wrong
 * or missing: no line of an event stream begins like JSON or HTML.
 */
static void
sniff(struct stream *s, const char *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (memchr(" \t\r\n", bytes[i], 4) != NULL)
			continue;
		s->kind = memchr("{[<", bytes[i], 3) != NULL ? STREAM_BODY
							     : STREAM_EVENTS;
		return;
	}
}

static void
shorten_wait(struct stream *s)
{
	int64_t ms = s->reply->done ? STREAM_LINGER_MS : STREAM_TAIL_MS;

	if (reply_is_complete(s->reply) && s->request->idle_ms > ms)
		s->request->idle_ms = ms;
}

bool
stream_data(struct stream *s, const char *bytes, size_t len)
{
	bool fits;

	if (s->kind == STREAM_UNKNOWN)
		sniff(s, bytes, len);
	if (s->kind == STREAM_UNKNOWN)
		return (true);
	fits = s->kind == STREAM_EVENTS ? sse_feed(&s->sse, bytes, len)
					: buf_add(&s->body, bytes, len);
	if (!fits)
		reply_fail(s->reply, FAILURE_TRANSIENT,
		    "the server sent more than %zu MiB in one piece",
		    SSE_MAX >> 20);
	reply_bound(s->reply);
	shorten_wait(s);
	return (s->reply->failure == FAILURE_NONE);
}

static void
end_body(struct stream *s)
{
	s->backend->consume_body(
	    s->config, s->reply, 200, s->body.data, s->body.len);
	reply_bound(s->reply);
}

static void
end_done(struct stream *s, const struct http_response *response)
{
	if (response->status < 200 || response->status > 299)
		s->backend->consume_body(s->config, s->reply, response->status,
		    response->body.len == 0 ? "" : response->body.data,
		    response->body.len);
	else if (s->kind == STREAM_BODY)
		end_body(s);
	else
		sse_finish(&s->sse);
}

/* A connection that breaks behind the end of a reply breaks nothing. */
static void
end_broken(struct stream *s, const struct http_response *response)
{
	if (reply_is_complete(s->reply))
		return;
	if (response->permanent)
		reply_fail(s->reply, FAILURE_PERMANENT, "%s", response->error);
	else
		reply_fail(s->reply,
		    response->any_data ? FAILURE_TRUNCATED : FAILURE_TRANSIENT,
		    "%s", response->error);
}

void
stream_end(struct stream *s, const struct http_response *response)
{
	if (s->reply->failure == FAILURE_NONE) {
		if (response->outcome == HTTP_DONE)
			end_done(s, response);
		else
			end_broken(s, response);
	}
	if (s->reply->failure == FAILURE_NONE && !reply_is_complete(s->reply))
		reply_fail(s->reply, FAILURE_TRUNCATED,
		    "the stream ended before the reply did");
	if (s->backend->finish != NULL)
		s->backend->finish(s->config, s->reply);
	if (s->reply->failure != FAILURE_NONE)
		reply_drop(s->reply);
}
