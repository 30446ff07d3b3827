/*
 * The only place that sleeps: descriptors, signals and one deadline in one
 * call of epoll_pwait(2).  It is epoll and not ppoll because a run may have
 * thousands of pipes of which one is ready.  Signals arrive nowhere else:
 * they are blocked outside of the wait, so none is lost between a check and
 * the sleep.
 */

#ifndef SUPERVISOR_LOOP_H
#define SUPERVISOR_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* One watched descriptor; its owner keeps it as long as it is watched. */
struct watch {
	int fd;          /* -1: not watched */
	uint32_t events; /* EPOLLIN, EPOLLOUT */
	void (*ready)(void *arg, uint32_t events);
	void *arg;
};

/* What signals said since the last call of loop_signals. */
struct loop_signals {
	bool child;
	int stop; /* how many of SIGINT, SIGTERM, SIGHUP */
};

/*
 * Block the signals and set the handlers.  Once, before any child.  SIGINT
 * and SIGHUP stay ignored if they are.
 */
void loop_init(void);
void loop_shutdown(void);

/* Watch fd for events; change events of a watched one; end watching. */
void loop_watch(struct watch *, int fd, uint32_t events);
void loop_change(struct watch *, uint32_t events);
void loop_unwatch(struct watch *);

/*
 * Sleep until a descriptor is ready, a signal comes, or the monotonic time
 * until_ms; call the ready functions.  False: nothing came but that time.
 */
bool loop_wait(int64_t until_ms);

/*
 * Call the ready functions without a sleep until nothing is ready, or for so
 * many rounds that what was written before the call has been read.  What is
 * late is judged by a time before the call: nobody is ended whose word has
 * come.
 */
void loop_catch_up(void);

struct loop_signals loop_signals(void);

#endif
