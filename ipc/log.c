/* Diagnostics to standard error and to a log file. */

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipc/err.h"
#include "ipc/log.h"

#define LOG_LINE_MAX 8192
#define NAME_LEN_MAX 64

static struct {
	const char *name;
	enum log_level stderr_level;
	int fd;
	enum log_level fd_level;
	void (*filter)(char *, size_t);
} state = { "massgen", LOG_LEVEL_WARN, -1, LOG_LEVEL_INFO, NULL };

static const char *const level_names[] = { "ERROR", "WARNING", "INFO",
	"DEBUG" };

void
log_init(const char *name, enum log_level stderr_level)
{
	state.name = name;
	state.stderr_level = stderr_level;
}

void
log_to_file(int fd, enum log_level level)
{
	state.fd = fd;
	state.fd_level = level;
}

void
log_filter(void (*filter)(char *, size_t))
{
	state.filter = filter;
}

/* A log must not fail its caller: a write that does not work is dropped. */
static void
put_file(const char *line, size_t len)
{
	ssize_t n;

	do
		n = write(state.fd, line, len);
	while (n == -1 && errno == EINTR);
}

/* In one piece: others may write there too. */
static void
put_stderr(const char *line, size_t len)
{
	char named[LOG_LINE_MAX + NAME_LEN_MAX];
	int n;

	n = snprintf(named, NAME_LEN_MAX, "%s: ", state.name);
	if (n >= NAME_LEN_MAX)
		n = NAME_LEN_MAX - 1;
	memcpy(named + n, line, len);
	err_write(named, (size_t)n + len);
}

/* Ends the line, lets the filter see it, and writes it to the two places. */
static void
emit(char *line, size_t len, size_t head, bool to_file, bool to_stderr)
{
	size_t i;

	if (len > LOG_LINE_MAX - 2)
		len = LOG_LINE_MAX - 2;
	for (i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	line[len++] = '\n';
	if (state.filter != NULL)
		state.filter(line, len);
	if (to_file)
		put_file(line, len);
	if (to_stderr)
		put_stderr(line + head, len - head);
}

static size_t
header(char *line, size_t size, enum log_level level)
{
	struct tm tm;
	time_t now;
	size_t len;

	now = time(NULL);
	localtime_r(&now, &tm);
	len = strftime(line, size, "%H:%M:%S", &tm);
	len += (size_t)snprintf(
	    line + len, size - len, " | %-8s | ", level_names[level]);
	return (len);
}

static void __attribute__((format(printf, 3, 0)))
vlog(enum log_level level, int error, const char *fmt, va_list ap)
{
	char line[LOG_LINE_MAX];
	size_t head, len, room;
	bool to_file, to_stderr;
	int n, saved = errno;

	to_stderr = level <= state.stderr_level;
	to_file = state.fd != -1 && level <= state.fd_level;
	if (!to_file && !to_stderr)
		return;
	len = head = header(line, sizeof(line), level);
	room = sizeof(line) - len;
	n = vsnprintf(line + len, room, fmt, ap);
	if (n > 0)
		len += (size_t)n < room ? (size_t)n : room - 1;
	if (error != 0 && len < sizeof(line) - 1) {
		room = sizeof(line) - len;
		n = snprintf(line + len, room, ": %s", strerror(error));
		len += (size_t)n < room ? (size_t)n : room - 1;
	}
	emit(line, len, head, to_file, to_stderr);
	errno = saved;
}

void
log_foreign(const char *who, const char *text, size_t textlen)
{
	char line[LOG_LINE_MAX];
	size_t len;
	int n;

	if (state.fd == -1)
		return;
	len = header(line, sizeof(line), LOG_LEVEL_INFO);
	n = snprintf(line + len, sizeof(line) - len, "%s: ", who);
	len += (size_t)n;
	if (textlen > sizeof(line) - len - 1)
		textlen = sizeof(line) - len - 1;
	memcpy(line + len, text, textlen);
	emit(line, len + textlen, 0, true, false);
}

#define LOG_BODY(level, error)               \
	do {                                 \
		va_list ap;                  \
		va_start(ap, fmt);           \
		vlog(level, error, fmt, ap); \
		va_end(ap);                  \
	} while (0)

void
log_warn(const char *fmt, ...)
{
	LOG_BODY(LOG_LEVEL_WARN, errno);
}

void
log_warnx(const char *fmt, ...)
{
	LOG_BODY(LOG_LEVEL_WARN, 0);
}

void
log_info(const char *fmt, ...)
{
	LOG_BODY(LOG_LEVEL_INFO, 0);
}

void
log_debug(const char *fmt, ...)
{
	LOG_BODY(LOG_LEVEL_DEBUG, 0);
}

void
fatal(const char *fmt, ...)
{
	LOG_BODY(LOG_LEVEL_ERROR, errno);
	exit(2);
}

void
fatalx(const char *fmt, ...)
{
	LOG_BODY(LOG_LEVEL_ERROR, 0);
	exit(2);
}
