/* Standard output that cannot hold up a run. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/err.h"
#include "ipc/log.h"
#include "ipc/trywrite.h"
#include "ipc/xmalloc.h"
#include "supervisor/view/out.h"

#define KEPT_MAX     ((size_t)64 * 1024 * 1024)
#define DRAIN_MIN_MS 10000
#define DRAIN_MAX_MS 30000

static struct buf kept = { NULL, 0, 0, KEPT_MAX };
static bool closed;

static void
give_up(void)
{
	closed = true;
	buf_release(&kept);
}

static void
forget_reader(void)
{
	log_info("standard output: nobody reads it any more");
	give_up();
}

bool
out_flush(void)
{
	bool said = err_flush();
	ssize_t n = 1;

	while (kept.len > 0 && n > 0) {
		n = try_write(STDOUT_FILENO, kept.data, kept.len);
		if (n > 0)
			buf_consume(&kept, (size_t)n);
		else if (n == -1 && errno != EINTR && errno != EAGAIN)
			forget_reader();
	}
	return (kept.len == 0 && said);
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

bool
out_drain(void)
{
	int64_t limit = DRAIN_MIN_MS + (int64_t)(kept.len >> 20) * 1000;

	if (kept.len == 0)
		return (true);
	if (limit > DRAIN_MAX_MS)
		limit = DRAIN_MAX_MS;
	buf_consume(
	    &kept, try_write_for(STDOUT_FILENO, kept.data, kept.len, limit));
	if (kept.len == 0)
		return (true);
	if (errno != ETIME && errno != EINTR) {
		forget_reader();
		return (true);
	}
	log_warnx("standard output: its reader did not take the last %zu bytes",
	    kept.len);
	give_up();
	return (false);
}
