/* The worker's end of the channel, and where it sleeps. */

#include <sys/epoll.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/link.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/spawn.h"

#define HIGH_FD      64
#define HEARTBEAT_MS 5000
#define PENDING_MAX  ((size_t)1024 * 1024) /* before sending waits */
#define FLUSH_AT     ((size_t)32 * 1024)   /* before a wait is waited for */
#define ALARM_S      5  /* to leave after SIGTERM, stuck or not */
#define READY_MAX    64 /* watches looked after in one wait */

static int signal_write_fd = -1;

static void
on_term(int sig)
{
	int saved = errno;
	ssize_t n;

	(void)sig;
	/* its default action ends a worker that does not come back */
	alarm(ALARM_S);
	n = write(signal_write_fd, "", 1);
	(void)n;
	errno = saved;
}

static int
move_up(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);

	if (high == -1)
		fatal("fcntl");
	return (high);
}

void
link_init(struct link *l)
{
	struct sigaction sa;
	int in, out, null, pipe_fds[2];

	memset(l, 0, sizeof(*l));
	in = move_up(STDIN_FILENO);
	out = move_up(STDOUT_FILENO);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) == -1)
		fatal("standard descriptors");
	close(null);
	chan_init(&l->chan, in, out, MSG_LINE_MAX, 0);

	if (spawn_pipe(pipe_fds) == -1)
		fatal("pipe");
	if ((l->watch_fd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		fatal("epoll_create1");
	l->signal_fd = pipe_fds[0];
	signal_write_fd = pipe_fds[1];
	fcntl(signal_write_fd, F_SETFL, O_NONBLOCK);
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_term;
	sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	l->beat_at = mono_ms() + HEARTBEAT_MS;
	link_later(l, MONO_NEVER, NULL, NULL);
}

void
link_release(struct link *l)
{
	chan_release(&l->chan);
	close(l->watch_fd);
}

static void
flush(struct link *l)
{
	if (chan_flush(&l->chan) == CHAN_ERROR)
		l->closed = true;
}

void
link_send_raw(struct link *l, const char *data, size_t len)
{
	chan_queue(&l->chan, data, len);
	flush(l);
	while (!l->closed && chan_pending(&l->chan) > PENDING_MAX)
		link_wait(l, MONO_NEVER, NULL, NULL);
}

void
link_send(struct link *l, const struct msg *m)
{
	struct buf line = BUF_INITIALIZER;

	msg_encode(m, &line);
	chan_queue(&l->chan, line.data, line.len);
	buf_release(&line);
	if (chan_pending(&l->chan) > FLUSH_AT)
		link_send_raw(l, "", 0);
}

void
link_flush(struct link *l)
{
	link_send_raw(l, "", 0);
}

static void
heartbeat(struct link *l)
{
	struct msg m = { .type = MSG_HEARTBEAT, .turn = l->turn };
	struct buf line = BUF_INITIALIZER;

	l->beat_at = mono_ms() + HEARTBEAT_MS;
	msg_encode(&m, &line);
	chan_queue(&l->chan, line.data, line.len);
	buf_release(&line);
	flush(l);
}

static int
plain_poll(void *arg, struct pollfd *fds, unsigned int n, int timeout_ms)
{
	(void)arg;
	return (poll(fds, n, timeout_ms));
}

static void
take_input(struct link *l, short revents)
{
	if (revents == 0)
		return;
	switch (chan_fill(&l->chan)) {
	case CHAN_OK:
		break;
	case CHAN_EOF:
	case CHAN_TOO_LONG:
	case CHAN_ERROR:
		l->closed = true;
		break;
	}
}

/* --- watches --- */

int
link_watch(struct link *l, struct watch *w)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = w };

	return (epoll_ctl(l->watch_fd, EPOLL_CTL_ADD, w->fd, &event));
}

void
link_unwatch(struct link *l, const struct watch *w)
{
	(void)epoll_ctl(l->watch_fd, EPOLL_CTL_DEL, w->fd, NULL);
}

/* One at a time, since each may end the watch of another. */
static void
take_watched(struct link *l)
{
	struct epoll_event event;
	const struct watch *w;
	int i;

	for (i = 0; i < READY_MAX; i++) {
		if (epoll_wait(l->watch_fd, &event, 1, 0) != 1)
			return;
		w = event.data.ptr;
		w->ready(w->arg);
	}
}

/* --- later --- */

void
link_later(struct link *l, int64_t at, void (*fn)(void *), void *arg)
{
	l->later.at = fn == NULL ? MONO_NEVER : at;
	l->later.fn = fn;
	l->later.arg = arg;
}

static void
do_later(struct link *l)
{
	void (*fn)(void *) = l->later.fn;
	void *arg = l->later.arg;

	if (mono_ms() < l->later.at)
		return;
	link_later(l, MONO_NEVER, NULL, NULL);
	if (fn != NULL)
		fn(arg);
}

/* --- sleep --- */

void
link_wait(struct link *l, int64_t until_ms, link_poll_fn *fn, void *arg)
{
	struct pollfd fds[4] = {
		{ l->chan.rfd, POLLIN, 0 },
		{ l->signal_fd, POLLIN, 0 },
		{ l->watch_fd, POLLIN, 0 },
		{ l->chan.wfd, POLLOUT, 0 },
	};
	int64_t now = mono_ms(), left;
	unsigned int n;

	flush(l);
	n = chan_pending(&l->chan) > 0 ? 4 : 3;
	if (l->closed)
		return;
	left = mono_min(mono_min(until_ms, l->beat_at), l->later.at) - now;
	left = left < 0 ? 0 : mono_min(left, INT_MAX);
	if ((fn == NULL ? plain_poll : fn)(arg, fds, n, (int)left) > 0) {
		take_input(l, fds[0].revents);
		if (fds[1].revents != 0)
			l->closed = true;
		if (fds[2].revents != 0)
			take_watched(l);
		if (n == 4 && fds[3].revents != 0)
			flush(l);
	}
	do_later(l);
	if (mono_ms() >= l->beat_at)
		heartbeat(l);
}

bool
link_next(struct link *l, struct msg *m)
{
	char err[256], *line;
	size_t len;

	if ((line = chan_line(&l->chan, &len)) == NULL)
		return (false);
	if (msg_decode(m, MSG_TO_WORKER, line, len, err, sizeof(err)) == 0)
		return (true);
	log_warnx("supervisor: %s", err);
	l->closed = true;
	return (false);
}
