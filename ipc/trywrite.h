/*
 * Writing to somebody who may be slow or not read at all: what goes at once,
 * or what goes within a time.  The descriptor, which others may share, keeps
 * its mode.
 */

#ifndef IPC_TRYWRITE_H
#define IPC_TRYWRITE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As write(2), but never waits: -1 and EAGAIN where nothing goes. */
ssize_t try_write(int fd, const void *data, size_t len);

/*
 * Returns how much went; less than len sets errno: ETIME once ms have passed,
 * EINTR if a signal that ends us has come while it is held back.
 */
size_t try_write_for(int fd, const void *data, size_t len, int64_t ms);

/* Whether SIGTERM is held back, so that it could not end a wait. */
bool try_signals_held(void);

#endif
