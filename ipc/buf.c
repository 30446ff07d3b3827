/* Growable bytes with a hard maximum. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/log.h"
#include "ipc/xmalloc.h"

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void
buf_release(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->size = 0;
}

char *
buf_reserve(struct buf *b, size_t len)
{
	size_t need = b->len + len + 1, size = b->size;

	if (need <= len)
		fatalx("buffer size overflow");
	if (need > size) {
		if (size == 0)
			size = 256;
		while (size < need)
			size = size > need / 2 ? need : size * 2;
		if (size < b->size + b->size / 2)
			size = b->size + b->size / 2;
		b->data = xreallocarray(b->data, size, 1);
		b->size = size;
	}
	return (b->data + b->len);
}

bool
buf_add(struct buf *b, const void *data, size_t len)
{
	if (b->max != 0 && len > b->max - b->len)
		return (false);
	buf_reserve(b, len);
	if (len != 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return (true);
}

bool
buf_adds(struct buf *b, const char *s)
{
	return (buf_add(b, s, strlen(s)));
}

bool
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	bool ok;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	ok = buf_adds(b, s);
	free(s);
	return (ok);
}

void
buf_consume(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
	} else {
		memmove(b->data, b->data + n, b->len - n);
		b->len -= n;
	}
	if (b->data != NULL)
		b->data[b->len] = '\0';
}

char *
buf_detach(struct buf *b)
{
	char *data;

	buf_add(b, "", 0);
	data = b->data;
	b->data = NULL;
	b->len = b->size = 0;
	return (data);
}

int
buf_read_fd(struct buf *b, int fd, size_t max)
{
	ssize_t n;

	for (;;) {
		char *end = buf_reserve(b, 65536);

		n = read(fd, end, 65536);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		b->len += (size_t)n;
		b->data[b->len] = '\0';
		if (n == 0)
			return (0);
		if (b->len > max) {
			errno = EFBIG;
			return (-1);
		}
	}
}

int
buf_write_fd(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, data, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		data += n;
		len -= (size_t)n;
	}
	return (0);
}
