/* ipc/chan: lines over pipes, whatever the pieces they come in. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/chan.h"
#include "ipc/spawn.h"
#include "tests/test.h"

/* A channel and the other ends of its two pipes. */
struct rig {
	struct chan chan;
	int to;   /* what is written here arrives */
	int from; /* what the channel writes comes out here */
};

static bool
rig_init(struct rig *r, size_t line_max, size_t out_max)
{
	int in[2], out[2];

	if (!CHECK(spawn_pipe(in) == 0) || !CHECK(spawn_pipe(out) == 0))
		return (false);
	chan_init(&r->chan, in[0], out[1], line_max, out_max);
	r->to = in[1];
	r->from = out[0];
	return (true);
}

static void
rig_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
rig_release(struct rig *r)
{
	chan_release(&r->chan);
	rig_close(&r->to);
	rig_close(&r->from);
}

static void
send_bytes(struct rig *r, const char *bytes, size_t len)
{
	CHECK_INT(write(r->to, bytes, len), len);
}

static void
send_text(struct rig *r, const char *text)
{
	send_bytes(r, text, strlen(text));
}

static void
line_is(struct rig *r, const char *want)
{
	size_t len = 0;
	char *line;

	line = chan_line(&r->chan, &len);
	CHECK_STR(line, want);
	if (line != NULL)
		CHECK_INT(len, strlen(want));
}

static void
no_line(struct rig *r)
{
	size_t len;

	CHECK_STR(chan_line(&r->chan, &len), NULL);
}

TEST(nothing_to_read_is_no_error)
{
	struct rig r;

	if (!rig_init(&r, 100, 100))
		return;
	no_line(&r);
	CHECK_INT(chan_fill(&r.chan), CHAN_OK);
	no_line(&r);
	CHECK_INT(chan_partial(&r.chan), 0);
	rig_release(&r);
}

TEST(several_lines_in_one_read)
{
	struct rig r;

	if (!rig_init(&r, 100, 100))
		return;
	send_text(&r, "one\n\ntwo\nthr");
	CHECK_INT(chan_fill(&r.chan), CHAN_OK);
	line_is(&r, "one");
	line_is(&r, "");
	line_is(&r, "two");
	no_line(&r);
	CHECK_INT(chan_partial(&r.chan), 3);
	send_text(&r, "ee\n");
	CHECK_INT(chan_fill(&r.chan), CHAN_OK);
	line_is(&r, "three");
	no_line(&r);
	CHECK_INT(chan_partial(&r.chan), 0);
	rig_release(&r);
}

TEST(one_byte_at_a_time)
{
	static const char text[] = "{\"a\":1}\n{\"b\":2}\n";
	struct rig r;
	size_t i, len, lines = 0;
	char *line;

	if (!rig_init(&r, 100, 100))
		return;
	for (i = 0; i < sizeof(text) - 1; i++) {
		send_bytes(&r, text + i, 1);
		CHECK_INT(chan_fill(&r.chan), CHAN_OK);
		while ((line = chan_line(&r.chan, &len)) != NULL) {
			lines++;
			CHECK_STR(line, lines == 1 ? "{\"a\":1}" : "{\"b\":2}");
		}
	}
	CHECK_INT(lines, 2);
	rig_release(&r);
}

TEST(a_nul_is_a_byte_of_the_line)
{
	struct rig r;
	size_t len = 0;
	char *line;

	if (!rig_init(&r, 100, 100))
		return;
	send_bytes(&r, "a\0b\n", 4);
	CHECK_INT(chan_fill(&r.chan), CHAN_OK);
	line = chan_line(&r.chan, &len);
	CHECK_INT(len, 3);
	CHECK_MEM(line, "a\0b\0", 4);
	rig_release(&r);
}

TEST(lines_before_the_end_are_kept)
{
	struct rig r;

	if (!rig_init(&r, 100, 100))
		return;
	send_text(&r, "last words\nhalf a li");
	rig_close(&r.to);
	CHECK_INT(chan_fill(&r.chan), CHAN_OK);
	line_is(&r, "last words");
	CHECK_INT(chan_fill(&r.chan), CHAN_EOF);
	no_line(&r);
	CHECK_INT(chan_partial(&r.chan), strlen("half a li"));
	CHECK_INT(chan_fill(&r.chan), CHAN_EOF);
	rig_release(&r);
}

/* Writes a line of len bytes in pieces that fit in the pipe. */
static enum chan_status
feed_line(struct rig *r, size_t len, bool newline)
{
	enum chan_status status = CHAN_OK;
	static char piece[4096];
	size_t n;

	memset(piece, 'x', sizeof(piece));
	for (; len != 0 && status == CHAN_OK; len -= n) {
		n = len < sizeof(piece) ? len : sizeof(piece);
		send_bytes(r, piece, n);
		status = chan_fill(&r->chan);
	}
	if (newline && status == CHAN_OK) {
		send_text(r, "\n");
		status = chan_fill(&r->chan);
	}
	return (status);
}

TEST(a_line_as_long_as_allowed)
{
	struct rig r;
	size_t len = 0;
	char *line;

	if (!rig_init(&r, 1000000, 100))
		return;
	CHECK_INT(feed_line(&r, 999999, true), CHAN_OK);
	line = chan_line(&r.chan, &len);
	CHECK(line != NULL);
	CHECK_INT(len, 999999);
	no_line(&r);
	send_text(&r, "next\n");
	CHECK_INT(chan_fill(&r.chan), CHAN_OK);
	line_is(&r, "next");
	rig_release(&r);
}

TEST(an_endless_line_is_noticed)
{
	struct rig r;

	if (!rig_init(&r, 100000, 100))
		return;
	CHECK_INT(feed_line(&r, 200000, false), CHAN_TOO_LONG);
	CHECK(r.chan.in.len <= 100000 + 65536);
	rig_release(&r);
}

TEST(a_line_too_long_is_noticed_with_its_newline)
{
	struct rig r;
	char line[201];

	if (!rig_init(&r, 100, 100))
		return;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	send_bytes(&r, line, sizeof(line));
	CHECK_INT(chan_fill(&r.chan), CHAN_TOO_LONG);
	rig_release(&r);
}

TEST(many_short_lines_are_not_one_long_line)
{
	struct rig r;
	size_t i, len, lines = 0;

	if (!rig_init(&r, 10, 100))
		return;
	for (i = 0; i < 2000; i++)
		send_text(&r, "1234567\n");
	while (lines < 2000 && chan_fill(&r.chan) == CHAN_OK)
		while (chan_line(&r.chan, &len) != NULL)
			lines++;
	CHECK_INT(lines, 2000);
	rig_release(&r);
}

TEST(a_million_lines_do_not_pile_up)
{
	struct rig r;
	size_t i, len;

	if (!rig_init(&r, 100, 100))
		return;
	for (i = 0; i < 20000; i++) {
		send_text(&r, "some line or other\nand ");
		chan_fill(&r.chan);
		while (chan_line(&r.chan, &len) != NULL)
			;
	}
	CHECK(r.chan.in.size < 65536);
	rig_release(&r);
}

TEST(queue_is_written_when_flushed)
{
	struct rig r;
	char got[100];
	ssize_t n;

	if (!rig_init(&r, 100, 100))
		return;
	CHECK(chan_queue(&r.chan, "one\n", 4));
	CHECK(chan_queue(&r.chan, "two\n", 4));
	CHECK_INT(chan_pending(&r.chan), 8);
	CHECK_INT(chan_flush(&r.chan), CHAN_OK);
	CHECK_INT(chan_pending(&r.chan), 0);
	n = read(r.from, got, sizeof(got));
	CHECK_INT(n, 8);
	CHECK_MEM(got, "one\ntwo\n", 8);
	rig_release(&r);
}

TEST(queue_refuses_what_passes_its_limit)
{
	struct rig r;

	if (!rig_init(&r, 100, 10))
		return;
	CHECK(chan_queue(&r.chan, "12345", 5));
	CHECK(!chan_queue(&r.chan, "678901", 6));
	CHECK_INT(chan_pending(&r.chan), 5);
	CHECK(chan_queue(&r.chan, "67890", 5));
	CHECK_INT(chan_flush(&r.chan), CHAN_OK);
	CHECK(chan_queue(&r.chan, "1234567890", 10));
	rig_release(&r);
}

TEST(a_reader_that_does_not_read_blocks_nobody)
{
	enum {
		LEN = 1024 * 1024
	};
	struct rig r;
	size_t left, total = 0;
	ssize_t n;
	char *big, *got;

	if (!rig_init(&r, 100, LEN))
		return;
	big = malloc(LEN);
	got = malloc(LEN);
	for (left = 0; left < LEN; left++)
		big[left] = (char)('a' + left % 26);
	CHECK(chan_queue(&r.chan, big, LEN));
	CHECK_INT(chan_flush(&r.chan), CHAN_OK);
	left = chan_pending(&r.chan);
	CHECK(left > 0 && left < LEN);
	CHECK(!chan_queue(&r.chan, big, LEN));
	while (total < LEN) {
		n = read(r.from, got + total, LEN - total);
		if (!CHECK(n > 0))
			break;
		total += (size_t)n;
		CHECK_INT(chan_flush(&r.chan), CHAN_OK);
	}
	CHECK_MEM(got, big, LEN);
	CHECK_INT(chan_pending(&r.chan), 0);
	free(big);
	free(got);
	rig_release(&r);
}

TEST(a_gone_reader_is_an_error)
{
	struct rig r;

	if (!rig_init(&r, 100, 100))
		return;
	signal(SIGPIPE, SIG_IGN);
	rig_close(&r.from);
	CHECK(chan_queue(&r.chan, "x\n", 2));
	errno = 0;
	CHECK_INT(chan_flush(&r.chan), CHAN_ERROR);
	CHECK_INT(errno, EPIPE);
	signal(SIGPIPE, SIG_DFL);
	rig_release(&r);
}

TEST(closing_the_writing_end_is_seen_and_final)
{
	struct rig r;
	char c;

	if (!rig_init(&r, 100, 100))
		return;
	CHECK(chan_queue(&r.chan, "never sent\n", 11));
	chan_close_write(&r.chan);
	CHECK_INT(read(r.from, &c, 1), 0);
	CHECK(chan_queue(&r.chan, "x\n", 2));
	CHECK_INT(chan_pending(&r.chan), 0);
	CHECK_INT(chan_flush(&r.chan), CHAN_OK);
	send_text(&r, "still heard\n");
	CHECK_INT(chan_fill(&r.chan), CHAN_OK);
	line_is(&r, "still heard");
	rig_release(&r);
}

TEST(release_closes_both_ends)
{
	struct rig r;
	int rfd, wfd;

	if (!rig_init(&r, 100, 100))
		return;
	rfd = r.chan.rfd;
	wfd = r.chan.wfd;
	chan_release(&r.chan);
	CHECK_INT(fcntl(rfd, F_GETFD), -1);
	CHECK_INT(fcntl(wfd, F_GETFD), -1);
	CHECK_INT(r.chan.rfd, -1);
	CHECK_INT(r.chan.wfd, -1);
	rig_release(&r);
}
