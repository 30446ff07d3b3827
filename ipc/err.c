/* Standard error, for the log and for people. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/err.h"
#include "ipc/trywrite.h"
#include "ipc/xmalloc.h"

#define KEPT_MAX   ((size_t)64 * 1024)
#define EXIT_MS    1000
#define DELIVER_MS 10000

/* No memory is asked for: that there is none is said here too. */
static char kept[KEPT_MAX];
static size_t kept_len;

static void
consume(size_t n)
{
	kept_len -= n;
	memmove(kept, kept + n, kept_len);
}

bool
err_flush(void)
{
	ssize_t n;

	while (kept_len > 0) {
		n = try_write(STDERR_FILENO, kept, kept_len);
		if (n == -1 && errno != EAGAIN && errno != EINTR)
			n = (ssize_t)kept_len; /* nobody reads it any more */
		if (n <= 0)
			break;
		consume((size_t)n);
	}
	return (kept_len == 0);
}

static void
at_exit(void)
{
	consume(try_write_for(STDERR_FILENO, kept, kept_len, EXIT_MS));
}

static void
keep(const char *data, size_t len)
{
	static bool registered;

	if (!registered)
		registered = atexit(at_exit) == 0;
	if (len > KEPT_MAX - kept_len)
		return;
	memcpy(kept + kept_len, data, len);
	kept_len += len;
}

void
err_write(const char *data, size_t len)
{
	ssize_t n;

	if (!try_signals_held() && kept_len == 0) {
		do
			n = write(STDERR_FILENO, data, len);
		while (n == -1 && errno == EINTR);
		return;
	}
	(void)err_flush();
	keep(data, len);
	(void)err_flush();
}

void
err_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	err_write(s, strlen(s));
	free(s);
}

bool
err_deliver(const char *data, size_t len)
{
	consume(try_write_for(STDERR_FILENO, kept, kept_len, EXIT_MS));
	return (kept_len == 0 &&
	    try_write_for(STDERR_FILENO, data, len, DELIVER_MS) == len);
}
