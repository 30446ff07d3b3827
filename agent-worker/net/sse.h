/*
 * Server-sent events, taken apart as they arrive: the WHATWG event stream
 * format (HTML standard, 9.2.6), fed with bytes cut anywhere.
 */

#ifndef AGENT_WORKER_NET_SSE_H
#define AGENT_WORKER_NET_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/buf.h"

/* The longest line, and the most data of one event, in bytes. */
#define SSE_MAX ((size_t)64 * 1024 * 1024)

/* Type ("" if the stream gave none) and data, NUL-terminated, borrowed. */
typedef void sse_event_fn(
    void *arg, const char *type, const char *data, size_t len);

struct sse {
	sse_event_fn *event;
	void *arg;
	struct buf line; /* the start of a line whose end is still to come */
	struct buf data; /* of the event so far, an LF behind each line */
	struct buf type;
	struct buf id;    /* the last one that came */
	int64_t retry_ms; /* before a reconnection; -1: not said */
	unsigned int bom; /* bytes of a byte order mark seen; 3: past it */
	bool after_cr;    /* an LF at once belongs to the line before */
};

void sse_init(struct sse *, sse_event_fn *event, void *arg);
void sse_release(struct sse *);

/*
 * Take the next bytes and call event() for each event they complete.
 * Returns false when a line or an event passes SSE_MAX: the stream is of no
 * use from then on.
 */
bool sse_feed(struct sse *, const char *bytes, size_t len);

/*
 * The stream is over.  An event that lacks its blank line is handed over as
 * it stands, since some servers omit it; whether it was cut short is for
 * event() to see.  Returns as sse_feed().
 */
bool sse_finish(struct sse *);

#endif
