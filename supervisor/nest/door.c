/* The FIFO through which nested runs speak to their parent. */

#include <sys/epoll.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/xmalloc.h"
#include "supervisor/nest/door.h"
#include "supervisor/record/atomic.h"
#include "supervisor/record/redact.h"

#define READ_MAX   ((size_t)256 * 1024) /* at once: others want to be heard */
#define SPOILT_MAX 8                    /* that the log hears of */

static void
ready(void *arg, uint32_t events)
{
	(void)events;
	door_read(arg);
}

static void
spoil(struct door *d, const char *why)
{
	d->spoilt++;
	if (d->spoilt <= SPOILT_MAX)
		log_warnx("%s/" WIRE_DOOR ": a line was not understood: %s%s",
		    d->dir, why,
		    d->spoilt == SPOILT_MAX ? "; no more is said of such" : "");
}

static void
take_line(struct door *d)
{
	struct wire w;
	char err[120];

	if (d->skipping)
		spoil(d, "too long");
	else if (d->line.len > 0 &&
	    wire_decode(&w, d->line.data, d->line.len, err, sizeof(err)) == -1)
		spoil(d, err);
	else if (d->line.len > 0) {
		redact_json(w.root);
		d->take(d->arg, d, &w);
		wire_release(&w);
	}
	d->skipping = false;
	buf_consume(&d->line, d->line.len);
}

static void
take_bytes(struct door *d, const char *data, size_t len)
{
	const char *end;
	size_t n;

	for (; len > 0; data += n, len -= n) {
		end = memchr(data, '\n', len);
		n = end == NULL ? len : (size_t)(end - data);
		if (!d->skipping)
			d->skipping = !buf_add(&d->line, data, n);
		if (end == NULL)
			continue;
		n++;
		take_line(d);
	}
}

void
door_read(struct door *d)
{
	char data[16384];
	size_t total = 0;
	ssize_t n;

	while (d->in.fd != -1 && total < READ_MAX) {
		n = read(d->in.fd, data, sizeof(data));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		total += (size_t)n;
		take_bytes(d, data, (size_t)n);
	}
}

int
door_open(struct door *d, char *dir)
{
	char *path = xasprintf("%s/" WIRE_DOOR, dir);
	int fd = -1;

	/* we are a writer too, or it would end whenever the last one leaves */
	if (atomic_mkdirs(dir) == 0 && mkfifo(path, 0600) == 0)
		fd = open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	d->in.fd = -1;
	if (fd != -1) {
		d->dir = dir;
		buf_init(&d->line, PIPE_BUF);
		d->in.ready = ready;
		d->in.arg = d;
		loop_watch(&d->in, fd, EPOLLIN);
	} else {
		free(dir);
	}
	free(path);
	return (fd == -1 ? -1 : 0);
}

void
door_close(struct door *d)
{
	char *path;
	int fd = d->in.fd;

	if (d->dir == NULL)
		return;
	loop_unwatch(&d->in);
	close(fd);
	path = xasprintf("%s/" WIRE_DOOR, d->dir);
	(void)unlink(path);
	free(path);
	(void)rmdir(d->dir);
	free(d->dir);
	d->dir = NULL;
	buf_release(&d->line);
}

static bool
is_down_name(const char *name)
{
	return (strspn(name, "0123456789abcdef") == WIRE_RANDOM_LEN &&
	    strcmp(name + WIRE_RANDOM_LEN, WIRE_DOWN) == 0);
}

int
door_down(const struct door *d, const char *name)
{
	struct stat st;
	char *path;
	int fd;

	if (!is_down_name(name))
		return (-1);
	path = xasprintf("%s/%s", d->dir, name);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISFIFO(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	if (fd != -1)
		(void)unlink(path);
	free(path);
	return (fd);
}
