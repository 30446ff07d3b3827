/*
 * Standard error, for the log and for people.  A program that holds SIGTERM
 * back never waits for the reader, since nothing could end that wait: what
 * does not go at once is kept, up to a limit, and goes later; at exit it has
 * a second.  Any other program waits, as write(2) does.
 */

#ifndef IPC_ERR_H
#define IPC_ERR_H

#include <stdbool.h>
#include <stddef.h>

/* Whole lines; what cannot be written or kept is dropped. */
void err_write(const char *data, size_t len);
void err_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Try to write what is kept.  False: something is still kept. */
bool err_flush(void);

/*
 * What is nowhere else, however long: waits for the reader, for some seconds
 * and until a signal comes.  False, and errno set: not all of it went.
 */
bool err_deliver(const char *data, size_t len);

#endif
