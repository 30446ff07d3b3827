/*
 * The only user of libcurl: one request at a time, streamed, on a multi handle
 * that stays for the worker's life, so that connections are reused and the
 * supervisor is heard in the middle of a stream.  The library is loaded on
 * the first call: an idle worker does without its 5 MB.
 */

#ifndef AGENT_WORKER_NET_HTTP_H
#define AGENT_WORKER_NET_HTTP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/buf.h"

/* Bounds on what one call takes in, in bytes. */
#define HTTP_HEADERS_MAX    ((size_t)64 * 1024)
#define HTTP_ERROR_BODY_MAX ((size_t)1024 * 1024)
#define HTTP_STREAM_MAX     ((size_t)256 * 1024 * 1024)

/* A header's value of fewer bytes is no secret, as in the run's files. */
#define HTTP_SECRET_MIN 8

/* The most descriptors that a caller may wait for. */
#define HTTP_WAIT_FDS 16

/*
 * How the caller waits: poll(fds, n, timeout) behind it sleeps on libcurl's
 * own descriptors as well as on the caller's.  Returns true to abort.
 * wait() calls it once, with a timeout that ends at until_ms or before; fds
 * come back with their revents, as from poll(2).
 */
struct http_wait {
	bool (*wait)(void *arg, int64_t until_ms,
	    int (*poll)(void *poll_arg, struct pollfd *fds, unsigned int n,
		int timeout_ms),
	    void *poll_arg);
	void *arg;
};

struct http_request {
	const char *url;
	const char *method;   /* NULL: POST; another one sends no body */
	char *const *headers; /* NULL-terminated "Name: value" lines */
	const char *body;
	size_t len;
	int64_t connect_ms;    /* limit for the connection */
	int64_t first_byte_ms; /* for the first byte of the body */
	int64_t idle_ms;       /* between bytes from then on; data() may
				* change it */
	int64_t deadline_ms;   /* monotonic; MONO_NEVER: none */
	/* Body bytes as they come, 2xx only; false aborts.  The response's
	 * status and header members are set by then. */
	bool (*data)(void *arg, const char *bytes, size_t len);
	/* Each header of the response, of a former one too; may be NULL. */
	void (*header)(void *arg, const char *name, const char *value);
	void *arg;
};

enum http_outcome {
	HTTP_DONE,      /* status and, unless streamed, body are there */
	HTTP_TRANSPORT, /* no or a broken connection: error says what */
	HTTP_TIMEOUT,   /* one of the limits passed: error says which */
	HTTP_ABORTED,   /* wait() or data() said so */
};

struct http_response {
	enum http_outcome outcome;
	long status;            /* 0: none came */
	char *content_type;     /* lower case, without parameters; or NULL */
	int64_t retry_after_ms; /* from Retry-After and kin; -1: none */
	int64_t limit_ms;       /* until what its provider counts and nothing
				 * is left of is there again; -1: none is */
	int should_retry;       /* x-should-retry: 1, 0; -1: absent */
	struct buf body;        /* of a status outside 2xx; bounded */
	bool any_data;          /* data() was called */
	bool permanent;         /* a transport error that is there to stay:
				 * a bad URL, a bad certificate, no libcurl */
	char error[256];        /* one line; quotes no header's value of
				 * HTTP_SECRET_MIN bytes or more */
};

/*
 * Never fails as such: the outcome says what happened.  wait may be NULL:
 * nothing but the request's limits ends it then.  The URL's scheme is http
 * or https; no redirect is followed, certificates are always verified
 * (against SSL_CERT_FILE where that is set), and proxies are taken from the
 * environment as libcurl does.  SIGPIPE must be ignored.  wait() may make
 * another call.
 */
void http_post(const struct http_request *, const struct http_wait *,
    struct http_response *);
void http_response_release(struct http_response *);

/* Where in url its host and port are, without what may stand before an @. */
const char *http_host(const char *url, size_t *len);

/* Close connections and free everything. */
void http_shutdown(void);

#endif
