/* Standard output that cannot hold up a run. */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/xmalloc.h"
#include "supervisor/view/out.h"

#define KEPT_MAX     ((size_t)64 * 1024 * 1024)
#define DRAIN_MIN_MS 1000
#define DRAIN_MAX_MS 30000

static struct buf kept = { NULL, 0, 0, KEPT_MAX };
static bool closed;

static void
give_up(void)
{
	closed = true;
	buf_release(&kept);
}

/*
 * Where poll(2) says that there is room in a pipe, there is room for
 * PIPE_BUF bytes: pipe(7).  So no write of that size blocks, and standard
 * output, which others may share, keeps its mode.
 */
static bool
write_some(int wait_ms)
{
	struct pollfd pfd = { STDOUT_FILENO, POLLOUT, 0 };
	size_t len = kept.len < PIPE_BUF ? kept.len : PIPE_BUF;
	ssize_t n;

	if (poll(&pfd, 1, wait_ms) != 1)
		return (false);
	n = write(STDOUT_FILENO, kept.data, len);
	if (n == -1 && errno != EINTR && errno != EAGAIN) {
		log_info("standard output: nobody reads it any more");
		give_up();
		return (false);
	}
	if (n > 0)
		buf_consume(&kept, (size_t)n);
	return (n > 0);
}

bool
out_flush(void)
{
	while (kept.len > 0 && write_some(0))
		continue;
	return (kept.len == 0);
}

void
out_write(const char *data, size_t len)
{
	if (closed)
		return;
	if (!buf_add(&kept, data, len)) {
		log_warnx("standard output: its reader is too slow, dropped");
		give_up();
		return;
	}
	(void)out_flush();
}

void
out_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	out_write(s, strlen(s));
	free(s);
}

void
out_drain(void)
{
	int64_t until, limit;

	limit = DRAIN_MIN_MS + (int64_t)(kept.len >> 20) * 1000;
	until = mono_ms() + (limit > DRAIN_MAX_MS ? DRAIN_MAX_MS : limit);
	while (kept.len > 0 && mono_ms() < until)
		(void)write_some(50);
}
