/* How messages travel: lines over two non-blocking descriptors. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ipc/chan.h"
#include "ipc/log.h"

/* One read takes at most this much, so that no peer starves another. */
#define READ_MAX ((size_t)64 * 1024)

static void
set_nonblock(int fd)
{
	int flags;

	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		fatal("fcntl");
}

void
chan_init(struct chan *c, int rfd, int wfd, size_t line_max, size_t out_max)
{
	memset(c, 0, sizeof(*c));
	c->rfd = rfd;
	c->wfd = wfd;
	c->line_max = line_max;
	buf_init(&c->out, out_max);
	set_nonblock(rfd);
	set_nonblock(wfd);
}

void
chan_release(struct chan *c)
{
	if (c->rfd != -1)
		close(c->rfd);
	c->rfd = -1;
	chan_close_write(c);
	buf_release(&c->in);
	c->in_off = c->in_scanned = 0;
}

void
chan_close_write(struct chan *c)
{
	if (c->wfd != -1)
		close(c->wfd);
	c->wfd = -1;
	buf_release(&c->out);
	c->out_off = 0;
}

enum chan_status
chan_fill(struct chan *c)
{
	static char scratch[READ_MAX];
	const char *end;
	size_t had;
	ssize_t n;

	if (c->in_off != 0) {
		buf_consume(&c->in, c->in_off);
		c->in_off = 0;
	}
	n = read(c->rfd, scratch, sizeof(scratch));
	if (n == -1)
		return (
		    errno == EAGAIN || errno == EINTR ? CHAN_OK : CHAN_ERROR);
	if (n == 0)
		return (CHAN_EOF);
	had = c->in.len;
	buf_add(&c->in, scratch, (size_t)n);
	end = memchr(scratch, '\n', (size_t)n);
	if ((end == NULL ? c->in.len : had + (size_t)(end - scratch)) >
	    c->line_max)
		return (CHAN_TOO_LONG);
	return (CHAN_OK);
}

char *
chan_line(struct chan *c, size_t *len)
{
	char *start, *end;
	size_t left;

	if (c->in.data == NULL)
		return (NULL);
	start = c->in.data + c->in_off;
	left = c->in.len - c->in_off;
	end = memchr(start + c->in_scanned, '\n', left - c->in_scanned);
	if (end == NULL) {
		c->in_scanned = left;
		if (left == 0 && c->in.size > READ_MAX) {
			buf_release(&c->in);
			c->in_off = 0;
		}
		return (NULL);
	}
	*end = '\0';
	*len = (size_t)(end - start);
	c->in_off += *len + 1;
	c->in_scanned = 0;
	return (start);
}

size_t
chan_partial(const struct chan *c)
{
	return (c->in.len - c->in_off);
}

bool
chan_queue(struct chan *c, const char *data, size_t len)
{
	if (c->wfd == -1)
		return (true); /* the peer is being ended: nobody reads */
	if (c->out_off > c->out.len / 2) {
		buf_consume(&c->out, c->out_off);
		c->out_off = 0;
	}
	return (buf_add(&c->out, data, len));
}

enum chan_status
chan_flush(struct chan *c)
{
	ssize_t n;

	while (c->wfd != -1 && c->out_off < c->out.len) {
		n = write(
		    c->wfd, c->out.data + c->out_off, c->out.len - c->out_off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (errno == EAGAIN ? CHAN_OK : CHAN_ERROR);
		c->out_off += (size_t)n;
	}
	if (c->out_off != 0 && c->out_off == c->out.len) {
		buf_release(&c->out);
		c->out_off = 0;
	}
	return (CHAN_OK);
}

size_t
chan_pending(const struct chan *c)
{
	return (c->out.len - c->out_off);
}
