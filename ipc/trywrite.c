/* Writing to somebody who may be slow or not read at all. */

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "ipc/mono.h"
#include "ipc/trywrite.h"

#define LOOK_MS 50 /* how often to look whether a signal has come */

/* Of the standard descriptors, which are written to all the time. */
static struct {
	bool open;
	int fd;
	dev_t dev;
	ino_t ino;
} again[STDERR_FILENO + 1];

/*
 * The same pipe or terminal once more, with a mode of its own; -1: there is
 * no such thing.  poll(2) alone is not enough: a terminal with some room
 * waits until it has room for all, and others may fill a pipe in between.
 */
static int
open_again(int fd, mode_t mode)
{
	char path[64];

	if (!S_ISFIFO(mode) && !(S_ISCHR(mode) && isatty(fd) == 1))
		return (-1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return (open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
}

/* The one that is kept, as long as fd is what it was; else as above. */
static int
kept_again(int fd, const struct stat *st)
{
	if (again[fd].open && again[fd].dev == st->st_dev &&
	    again[fd].ino == st->st_ino)
		return (again[fd].fd);
	if (again[fd].open)
		close(again[fd].fd);
	again[fd].fd = open_again(fd, st->st_mode);
	again[fd].open = again[fd].fd != -1;
	again[fd].dev = st->st_dev;
	again[fd].ino = st->st_ino;
	return (again[fd].fd);
}

/*
 * Where poll(2) says that there is room in a pipe, there is room for
 * PIPE_BUF bytes: pipe(7).
 */
static ssize_t
write_polled(int fd, const void *data, size_t len)
{
	struct pollfd pfd = { fd, POLLOUT, 0 };

	if (poll(&pfd, 1, 0) != 1) {
		errno = EAGAIN;
		return (-1);
	}
	return (write(fd, data, len < PIPE_BUF ? len : PIPE_BUF));
}

ssize_t
try_write(int fd, const void *data, size_t len)
{
	bool kept = fd >= 0 && fd <= STDERR_FILENO;
	struct stat st;
	int own, saved;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return (-1);
	if (S_ISSOCK(st.st_mode))
		return (send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL));
	own = kept ? kept_again(fd, &st) : open_again(fd, st.st_mode);
	if (own == -1)
		return (write_polled(fd, data, len));
	n = write(own, data, len);
	saved = errno;
	if (!kept)
		close(own);
	errno = saved;
	return (n);
}

static bool
signal_came(void)
{
	sigset_t set;

	return (sigpending(&set) == 0 &&
	    (sigismember(&set, SIGTERM) == 1 ||
		sigismember(&set, SIGINT) == 1 ||
		sigismember(&set, SIGHUP) == 1));
}

size_t
try_write_for(int fd, const void *data, size_t len, int64_t ms)
{
	struct pollfd pfd = { fd, POLLOUT, 0 };
	int64_t until = mono_ms() + ms;
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = try_write(fd, (const char *)data + done, len - done);
		if (n == -1 && errno != EAGAIN && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
		errno = signal_came() ? EINTR : ETIME;
		if (errno == EINTR || mono_ms() >= until)
			break;
		if (n <= 0)
			(void)poll(&pfd, 1, LOOK_MS);
	}
	return (done);
}

bool
try_signals_held(void)
{
	sigset_t set;

	return (sigprocmask(SIG_BLOCK, NULL, &set) == 0 &&
	    sigismember(&set, SIGTERM) == 1);
}
