/* The journal: append with a checksum, read back. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/field.h"
#include "ipc/log.h"
#include "supervisor/record/journal.h"

#define JOURNAL_MAX ((size_t)4 * 1024 * 1024 * 1024)
#define DEPTH_MAX   16

/* What stands between a line's members and its checksum. */
#define CRC_HEAD ",\"c\":\""
#define CRC_TAIL "\"}\n"
#define CRC_LEN  (sizeof(CRC_HEAD) - 1 + 8 + sizeof(CRC_TAIL) - 1)

/* CRC-32C (Castagnoli), reflected polynomial of RFC 3720, appendix B.4. */
static uint32_t
crc32c(uint32_t crc, const char *p, size_t len)
{
	static uint32_t table[256];
	uint32_t i, k, c;

	if (table[1] == 0) {
		for (i = 0; i < 256; i++) {
			for (c = i, k = 0; k < 8; k++)
				c = c & 1 ? (c >> 1) ^ 0x82f63b78U : c >> 1;
			table[i] = c;
		}
	}
	crc = ~crc;
	while (len-- > 0)
		crc = table[(crc ^ (unsigned char)*p++) & 0xff] ^ (crc >> 8);
	return (~crc);
}

int
journal_create(struct journal *j, const char *path)
{
	memset(j, 0, sizeof(*j));
	j->fd = open(path,
	    O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
	    0666);
	return (j->fd == -1 ? -1 : 0);
}

static void
encode(const struct journal *j, const struct event *e, struct buf *line,
    uint32_t *crc)
{
	struct json_object *o = event_to_json(e);
	const char *s;
	size_t len;

	s = field_line(o, &len);
	line->len = 0;
	buf_add(line, s, len - 1); /* without the closing brace */
	*crc = crc32c(j->crc, line->data, line->len);
	buf_addf(line, CRC_HEAD "%08x" CRC_TAIL, *crc);
	json_object_put(o);
}

int
journal_append(struct journal *j, struct event *e, struct buf *line)
{
	uint32_t crc;
	ssize_t n;
	int saved;

	e->seq = j->seq + 1;
	encode(j, e, line, &crc);
	j->seq++;
	j->crc = crc;
	if (j->fd == -1) {
		errno = EBADF;
		return (-1);
	}
	do
		n = write(j->fd, line->data, line->len);
	while (n == -1 && errno == EINTR);
	if (n == (ssize_t)line->len) {
		j->good += n;
		return (0);
	}
	/* a short write is a full disk: no half line stays behind */
	saved = n == -1 ? errno : ENOSPC;
	if (n > 0 && ftruncate(j->fd, j->good) == -1)
		log_warn("events.ndjson: ftruncate");
	close(j->fd);
	j->fd = -1;
	errno = saved;
	return (-1);
}

void
journal_close(struct journal *j)
{
	if (j->fd != -1)
		close(j->fd);
	j->fd = -1;
}

/* Whether the line is whole and follows crc, which then moves on. */
static bool
check(const char *line, size_t len, uint32_t *crc)
{
	char want[16];
	uint32_t c;

	if (len < CRC_LEN || line[len - 1] != '\n')
		return (false);
	c = crc32c(*crc, line, len - CRC_LEN);
	snprintf(want, sizeof(want), "%08x", c);
	if (memcmp(line + len - CRC_LEN, CRC_HEAD, sizeof(CRC_HEAD) - 1) != 0 ||
	    memcmp(line + len - sizeof(CRC_TAIL) + 1 - 8, want, 8) != 0)
		return (false);
	*crc = c;
	return (true);
}

static bool
deliver(const char *line, size_t len, int64_t seq,
    void (*fn)(void *, struct event *), void *arg, char *err, size_t errlen)
{
	struct json_object *o;
	struct event e;

	o = field_parse(line, len - 1, DEPTH_MAX, err, errlen);
	if (o == NULL || event_from_json(&e, o, err, errlen) == -1)
		return (false);
	if (e.seq != seq) {
		snprintf(err, errlen, "event %lld where %lld was due",
		    (long long)e.seq, (long long)seq);
		event_release(&e);
		return (false);
	}
	fn(arg, &e);
	event_release(&e);
	return (true);
}

/*
 * A line is one write: torn, it lacks its end, or is NUL where a block was
 * never written.  Anything else is damage, and so is a line behind it.
 */
static bool
is_torn_tail(const char *rest, size_t len)
{
	const char *end = memchr(rest, '\n', len);

	return (end == NULL ||
	    (end == rest + len - 1 && memchr(rest, '\0', len) != NULL));
}

int64_t
journal_read(const char *path, void (*fn)(void *, struct event *), void *arg,
    char *err, size_t errlen)
{
	struct buf b = BUF_INITIALIZER;
	uint32_t crc = 0;
	int64_t seq = 0;
	size_t off = 0;
	int fd, ok;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ok = fd == -1 ? -1 : buf_read_fd(&b, fd, JOURNAL_MAX);
	if (ok == -1)
		snprintf(err, errlen, "%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	while (ok == 0 && off < b.len) {
		char *line = b.data + off;
		char *end = memchr(line, '\n', b.len - off);
		size_t len =
		    end == NULL ? b.len - off : (size_t)(end - line) + 1;

		if (!check(line, len, &crc)) {
			if (is_torn_tail(line, b.len - off))
				break;
			snprintf(err, errlen, "%s: line %lld is damaged", path,
			    (long long)seq + 1);
			ok = -1;
		} else if (!deliver(line, len, seq + 1, fn, arg, err, errlen)) {
			ok = -1;
		} else {
			seq++;
			off += len;
		}
	}
	buf_release(&b);
	return (ok == -1 ? -1 : seq);
}
