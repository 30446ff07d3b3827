/*
 * Diagnostics: one line a call, to standard error and, where one is set, to
 * a file.  Format "HH:MM:SS | LEVEL    | name: message".  errno is kept.
 */

#ifndef IPC_LOG_H
#define IPC_LOG_H

#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/*
 * name prefixes every line on standard error; lines up to stderr_level go
 * there.  name is kept, not copied.
 */
void log_init(const char *name, enum log_level stderr_level);

/* Also write lines up to level to fd; -1 stops.  fd stays the caller's. */
void log_to_file(int fd, enum log_level level);

/* Every finished line passes through filter, which may overwrite bytes. */
void log_filter(void (*filter)(char *line, size_t len));

/* The warn, info and debug forms; log_warn adds strerror(errno). */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* To the file only: a line of somebody else's, such as a worker's stderr. */
void log_foreign(const char *who, const char *line, size_t len);

/*
 * For our own impossible states and for start-up only: nothing that a
 * worker, a model or a tool does may lead here.  Exits 2.
 */
void fatal(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));
void fatalx(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));

#endif
