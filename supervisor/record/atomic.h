/*
 * How a file gets to its place whole: written beside its name, every write
 * and the close checked, then renamed.  A reader sees the old file or the
 * new one, never a part.
 */

#ifndef SUPERVISOR_RECORD_ATOMIC_H
#define SUPERVISOR_RECORD_ATOMIC_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Replace the file at path.  With sync its content is on stable storage
 * before it takes its name; see durable.h for the name.  Returns 0,
 * or -1 with errno set and nothing left behind.
 */
int atomic_write(const char *path, const void *data, size_t len, bool sync);

/*
 * Make one of the files that atomic_write is going to need in a directory or
 * below it, ahead of time and without a name: a file system can take longer
 * to find room for one than to fill it, ext4 for one where much was deleted in
 * the last minutes.
 */
void atomic_stock(const char *dir);

/* False: there are enough, or it cannot be done. */
bool atomic_stock_wants(void);
void atomic_stock_release(void);

/*
 * The same where path may be somebody else's: a file keeps its mode, and where
 * it is a link, what it names is replaced; what is no plain file, such as
 * a terminal or a FIFO, is written to as it is.  Nobody is waited for who
 * does not read it yet; who does has 10 s to take it all, less if a signal
 * comes: see try_write_for.
 */
int atomic_deliver(const char *path, const void *data, size_t len);

/*
 * Give a directory that is complete its name, which nothing has yet, or an
 * empty directory.  0, or -1 and errno.
 */
int atomic_publish_dir(const char *from, const char *to);

/* mkdir -p: 0, or -1 and errno. */
int atomic_mkdirs(const char *path);

#endif
