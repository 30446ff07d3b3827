/*
 * Growable bytes with a hard maximum.  What is added is always followed by a
 * NUL that does not count, so data can be printed; data is NULL only while
 * nothing was ever added.
 */

#ifndef IPC_BUF_H
#define IPC_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t len;
	size_t size;
	size_t max; /* 0: no limit */
};

#define BUF_INITIALIZER       \
	{                     \
		NULL, 0, 0, 0 \
	}

/* max bounds len from now on; 0 is no limit. */
void buf_init(struct buf *, size_t max);

/* Frees the contents; the buffer is empty and usable again. */
void buf_release(struct buf *);

/* Append.  False, and nothing added, if len would pass the maximum. */
bool buf_add(struct buf *, const void *data, size_t len);
bool buf_adds(struct buf *, const char *s);
bool buf_addf(struct buf *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Room for at least len more bytes, the maximum aside; returns where they
 * go.  The caller adds what it wrote there to len.
 */
char *buf_reserve(struct buf *, size_t len);

/* Drop the first n bytes. */
void buf_consume(struct buf *, size_t n);

/* Hand the contents to the caller, who frees them; never NULL. */
char *buf_detach(struct buf *);

/*
 * The whole of a file, at most max bytes.  Returns 0, or -1 with errno set
 * (EFBIG past the maximum); fd is read from its current offset to its end.
 */
int buf_read_fd(struct buf *, int fd, size_t max);

/* All of data to fd, which blocks.  0, or -1 and errno. */
int buf_write_fd(int fd, const char *data, size_t len);

#endif
