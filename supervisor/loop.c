/* The only place that sleeps. */

#include <sys/epoll.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/mono.h"
#include "supervisor/loop.h"

#define EVENTS_MAX 256
#define ROUNDS_MAX 16 /* of catching up: somebody may never be silent */

static int epoll_fd = -1;
static struct epoll_event ready[EVENTS_MAX];
static sigset_t waiting_mask; /* in force during the sleep only */
static volatile sig_atomic_t got_child, got_stop;

static void
on_child(int sig)
{
	(void)sig;
	got_child = 1;
}

static void
on_stop(int sig)
{
	(void)sig;
	got_stop = got_stop + 1;
}

static bool
is_ignored(int sig)
{
	struct sigaction sa;

	return (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN);
}

void
loop_init(void)
{
	static const int stops[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa;
	sigset_t block;
	size_t i;

	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sigemptyset(&block);
	sa.sa_handler = on_stop;
	for (i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		/* nohup(1), or a job that no terminal is to interrupt */
		if (stops[i] != SIGTERM && is_ignored(stops[i]))
			continue;
		sigaction(stops[i], &sa, NULL);
		sigaddset(&block, stops[i]);
	}
	/* our parent may have ignored it: then nobody could be waited for */
	sa.sa_handler = on_child;
	sigaction(SIGCHLD, &sa, NULL);
	sigaddset(&block, SIGCHLD);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	sigaction(SIGXFSZ, &sa, NULL);

	if (sigprocmask(SIG_BLOCK, &block, &waiting_mask) == -1)
		fatal("sigprocmask");
	for (i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		sigdelset(&waiting_mask, stops[i]);
	sigdelset(&waiting_mask, SIGCHLD);
	if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		fatal("epoll_create1");
}

void
loop_shutdown(void)
{
	if (epoll_fd != -1)
		close(epoll_fd);
	epoll_fd = -1;
}

static void
control(int op, struct watch *w)
{
	struct epoll_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.events = w->events;
	ev.data.ptr = w;
	if (epoll_ctl(epoll_fd, op, w->fd, &ev) == -1)
		fatal("epoll_ctl");
}

void
loop_watch(struct watch *w, int fd, uint32_t events)
{
	w->fd = fd;
	w->events = events;
	control(EPOLL_CTL_ADD, w);
}

void
loop_change(struct watch *w, uint32_t events)
{
	if (w->fd == -1 || w->events == events)
		return;
	w->events = events;
	control(EPOLL_CTL_MOD, w);
}

void
loop_unwatch(struct watch *w)
{
	if (w->fd != -1)
		control(EPOLL_CTL_DEL, w);
	w->fd = -1;
}

static int
timeout_until(int64_t until_ms)
{
	int64_t left;

	if (until_ms == MONO_NEVER)
		return (-1);
	left = until_ms - mono_ms();
	if (left < 0)
		return (0);
	return (left > INT_MAX ? INT_MAX : (int)left);
}

/*
 * The wait reports what is ready before it lets a signal in: while something
 * always is, no signal would ever arrive.
 */
static void
let_signals_in(void)
{
	sigset_t blocked;

	if (sigprocmask(SIG_SETMASK, &waiting_mask, &blocked) == -1 ||
	    sigprocmask(SIG_SETMASK, &blocked, NULL) == -1)
		fatal("sigprocmask");
}

static void
call_ready(int n)
{
	int i;

	for (i = 0; i < n; i++) {
		struct watch *w = ready[i].data.ptr;

		/* an earlier one of this batch may have ended it */
		if (w->fd != -1)
			w->ready(w->arg, ready[i].events);
	}
}

/* One batch of what is ready; false: nothing is. */
static bool
take_ready(void)
{
	int n = epoll_wait(epoll_fd, ready, EVENTS_MAX, 0);

	if (n == -1 && errno != EINTR)
		fatal("epoll_wait");
	call_ready(n);
	return (n != 0);
}

bool
loop_wait(int64_t until_ms)
{
	int n;

	n = epoll_pwait(epoll_fd, ready, EVENTS_MAX, timeout_until(until_ms),
	    &waiting_mask);
	if (n == -1 && errno != EINTR)
		fatal("epoll_pwait");
	if (n > 0)
		let_signals_in();
	call_ready(n);
	/* a signal hides what is ready: much, if we were stopped for long */
	if (n == -1)
		(void)take_ready();
	return (n != 0);
}

void
loop_catch_up(void)
{
	int i;

	for (i = 0; i < ROUNDS_MAX && take_ready(); i++)
		continue;
}

struct loop_signals
loop_signals(void)
{
	struct loop_signals s = { got_child != 0, got_stop };

	/* blocked here, so nothing comes between reading and clearing */
	got_child = 0;
	got_stop = 0;
	return (s);
}
