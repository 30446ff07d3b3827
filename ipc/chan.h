/*
 * How messages travel: newline-terminated lines over two non-blocking
 * descriptors, with a limit on the longest line and on what may queue.
 * A channel never blocks and never signals; its owner polls.
 */

#ifndef IPC_CHAN_H
#define IPC_CHAN_H

#include <stdbool.h>
#include <stddef.h>

#include "ipc/buf.h"

struct chan {
	int rfd; /* -1 once closed */
	int wfd;
	size_t line_max;
	struct buf in;
	size_t in_off;     /* consumed lines at the front of in */
	size_t in_scanned; /* of what follows, how much has no newline */
	struct buf out;
	size_t out_off;
};

enum chan_status {
	CHAN_OK,
	CHAN_EOF,      /* the peer closed its end; lines may still be there */
	CHAN_TOO_LONG, /* a line over line_max */
	CHAN_ERROR,    /* errno is set */
};

/*
 * Takes both descriptors and makes them non-blocking.  line_max bounds one
 * line read, out_max the bytes queued to be written.
 */
void chan_init(
    struct chan *, int rfd, int wfd, size_t line_max, size_t out_max);

/* Close what is open and free the queues. */
void chan_release(struct chan *);

/* Close the writing end: the peer sees end of file.  The queue is dropped. */
void chan_close_write(struct chan *);

/* One bounded read.  CHAN_OK also when there was nothing to read. */
enum chan_status chan_fill(struct chan *);

/*
 * The next complete line without its newline, NUL-terminated in place, or
 * NULL.  Valid until the next call of chan_fill.
 */
char *chan_line(struct chan *, size_t *len);

/* Bytes of a line that has no end yet: what a death cuts off. */
size_t chan_partial(const struct chan *);

/* Queue bytes (whole lines).  False, and nothing queued, over out_max. */
bool chan_queue(struct chan *, const char *data, size_t len);

/* Write what the peer takes now.  CHAN_ERROR when it takes no more ever. */
enum chan_status chan_flush(struct chan *);

/* Bytes still queued. */
size_t chan_pending(const struct chan *);

#endif
