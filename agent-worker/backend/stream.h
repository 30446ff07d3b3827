/*
 * From the bytes of an HTTP body to a reply: tells an event stream from a
 * whole body, hands either to the wire format, and settles how it ended.
 */

#ifndef AGENT_WORKER_BACKEND_STREAM_H
#define AGENT_WORKER_BACKEND_STREAM_H

#include "agent-worker/backend/backend.h"
#include "agent-worker/net/http.h"
#include "agent-worker/net/sse.h"

/*
 * How long a server may be silent behind the end that the model has given,
 * when usage may still come, and behind the end of the stream itself.
 */
#define STREAM_TAIL_MS   5000
#define STREAM_LINGER_MS 250

struct stream {
	const struct backend *backend;
	const struct backend_config *config;
	struct reply *reply;
	struct http_request *request;
	enum {
		STREAM_UNKNOWN,
		STREAM_EVENTS,
		STREAM_BODY
	} kind;
	struct sse sse;
	struct buf body;
};

/*
 * All four stay the caller's; reply is initialised and empty.  The silence
 * that the request allows is shortened once the reply is complete, so that
 * a connection left open does not hold it up.
 */
void stream_init(struct stream *, const struct backend *,
    const struct backend_config *, struct reply *, struct http_request *);
void stream_release(struct stream *);

/*
 * Bytes of a 2xx body, as http_request.data hands them over.  False once the
 * reply has failed: the rest is not wanted.  After each call the reply holds
 * all that has come so far.
 */
bool stream_data(struct stream *, const char *bytes, size_t len);

/*
 * The call is over.  Completes the reply: reply->failure then says how it
 * went, for a response of any outcome.
 */
void stream_end(struct stream *, const struct http_response *);

#endif
