/*
 * The only user of libcurl: one POST at a time, streamed, on a multi handle
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

/*
 * How the caller waits: poll(fds, n, timeout) behind it sleeps on libcurl's
 * own descriptors as well as on the caller's.  Returns true to abort.
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
	char *const *headers; /* NULL-terminated "Name: value" lines */
	const char *body;
	size_t len;
	int64_t connect_ms;    /* limit for the connection */
	int64_t first_byte_ms; /* for the first byte of the body */
	int64_t idle_ms;       /* between bytes from then on */
	int64_t deadline_ms;   /* monotonic; MONO_NEVER: none */
	/* Body bytes as they come, 2xx only; false aborts. */
	bool (*data)(void *arg, const char *bytes, size_t len);
	void *arg;
};

enum http_outcome {
	HTTP_DONE,	/* status and, unless streamed, body are there */
	HTTP_TRANSPORT, /* no or a broken connection: error says what */
	HTTP_TIMEOUT,	/* one of the limits passed: error says which */
	HTTP_ABORTED,	/* wait() or data() said so */
};

struct http_response {
	enum http_outcome outcome;
	long status;		/* 0: none came */
	char *content_type;	/* lower case, without parameters; or NULL */
	int64_t retry_after_ms; /* from Retry-After and kin; -1: none */
	int should_retry;	/* x-should-retry: 1, 0; -1: absent */
	struct buf body;	/* of a status outside 2xx; bounded */
	bool any_data;		/* data() was called */
	char error[256];
};

/* Never fails as such: the outcome says what happened. */
void http_post(const struct http_request *, const struct http_wait *,
    struct http_response *);
void http_response_release(struct http_response *);

/* Close connections and free everything. */
void http_shutdown(void);

#endif
