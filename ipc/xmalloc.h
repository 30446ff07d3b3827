/*
 * Allocation that succeeds or ends the process: no caller can do anything
 * sensible without memory, so none has to ask.
 */

#ifndef IPC_XMALLOC_H
#define IPC_XMALLOC_H

#include <stdarg.h>
#include <stddef.h>

/* Zeroed memory for n objects of size bytes; the caller frees it. */
void *xcalloc(size_t n, size_t size);

/* As reallocarray(3): old may be NULL, an overflow of n * size is fatal. */
void *xreallocarray(void *old, size_t n, size_t size);

/* A copy of s, or of its first n bytes; the caller frees it. */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);

/* As asprintf(3) and vasprintf(3); the caller frees the result. */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list)
    __attribute__((format(printf, 1, 0)));

#endif
