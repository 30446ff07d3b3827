/*
 * Standard output that cannot hold up a run: a line goes out at once if its
 * reader takes it, else it is kept; a reader that is gone is forgotten.
 */

#ifndef SUPERVISOR_VIEW_OUT_H
#define SUPERVISOR_VIEW_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Print; a line ends with its newline. */
void out_write(const char *data, size_t len);
void out_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Try to write what is kept, of standard error too.  False: something is
 * still kept.
 */
bool out_flush(void);

/*
 * At the end: wait for the reader, 10 s and longer the more is kept, 30 s at
 * most, and until a signal comes.  False: a warning tells how much it did not
 * take, which is dropped.
 */
bool out_drain(void);

#endif
