/*
 * The worker's end of the channel to its supervisor, and the only place
 * where the worker sleeps: whatever it waits for, it hears its supervisor.
 */

#ifndef AGENT_WORKER_LINK_H
#define AGENT_WORKER_LINK_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "ipc/chan.h"
#include "ipc/msg.h"

/* A descriptor that is looked after whatever the worker waits for. */
struct watch {
	int fd;
	void (*ready)(void *arg); /* it can be read; it may not send */
	void *arg;
};

struct link {
	struct chan chan;
	int signal_fd;   /* readable once SIGTERM came */
	int watch_fd;    /* an epoll(7) of what is watched */
	bool closed;     /* no more orders: end of file, SIGTERM, an error */
	int64_t beat_at; /* when the next heartbeat is due, monotonic */
	int64_t turn;    /* that heartbeats name */
	struct {
		int64_t at;
		void (*fn)(void *arg); /* NULL: nothing */
		void *arg;
	} later;
};

/*
 * Take standard input and output for the channel: they move to high
 * close-on-exec descriptors, so that a stray print goes to standard error.
 */
void link_init(struct link *);
void link_release(struct link *);

/*
 * Send.  What is said at one time goes out together when the worker waits,
 * or earlier if it is much: each write wakes the supervisor.
 */
void link_send(struct link *, const struct msg *);

/* Send now what was said, for a worker that will not wait any more. */
void link_flush(struct link *);

/* Send bytes that need not be a message: what a faulty worker does. */
void link_send_raw(struct link *, const char *data, size_t len);

typedef int link_poll_fn(
    void *arg, struct pollfd *, unsigned int n, int timeout_ms);

/*
 * Sleep until there is something to read, the monotonic time until_ms, or
 * what the poll function adds (NULL: poll(2) alone).
 */
void link_wait(struct link *, int64_t until_ms, link_poll_fn *, void *arg);

/*
 * From now on ready is called whenever the worker sleeps and fd, which is
 * not blocking, can be read or is at its end.  The watch is the caller's,
 * who ends it before fd is closed.  Returns 0, or -1 and errno: it is not
 * watched.
 */
int link_watch(struct link *, struct watch *);
void link_unwatch(struct link *, const struct watch *);

/*
 * Call fn once, when the worker sleeps at the monotonic time at or later; in
 * place of what was to be called.  fn NULL: nothing.
 */
void link_later(struct link *, int64_t at, void (*fn)(void *), void *arg);

/* The next message, for msg_release; false: none is there. */
bool link_next(struct link *, struct msg *);

#endif
