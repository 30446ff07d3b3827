/* net/sse: event streams, wherever the reads cut them. */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/net/sse.h"
#include "ipc/xmalloc.h"
#include "tests/test.h"

#define LONG_LINE ((size_t)5 * 1024 * 1024)

/* Every event as "type|data;". */
static void
write_down(void *arg, const char *type, const char *data, size_t len)
{
	struct buf *out = arg;

	CHECK_INT(data[len], '\0');
	buf_addf(out, "%s|", type);
	buf_add(out, data, len);
	buf_add(out, ";", 1);
}

/* Exact copies, so that a read behind the end is noticed. */
static bool
feed(struct sse *s, const char *bytes, size_t len)
{
	char *copy = xcalloc(len, 1);
	bool ok;

	memcpy(copy, bytes, len);
	ok = sse_feed(s, copy, len);
	free(copy);
	return (ok);
}

/* The events of a stream that is cut into pieces of size step from first. */
static char *
parse(const char *stream, size_t len, size_t first, size_t step)
{
	struct buf out = BUF_INITIALIZER;
	struct sse s;
	size_t at = 0, n = first;

	sse_init(&s, write_down, &out);
	while (at < len) {
		if (n > len - at)
			n = len - at;
		CHECK(feed(&s, stream + at, n));
		at += n;
		n = step;
	}
	CHECK(sse_finish(&s));
	sse_release(&s);
	return (buf_detach(&out));
}

static void
check_parse(
    const char *stream, size_t len, size_t first, size_t step, const char *want)
{
	char *got = parse(stream, len, first, step);

	CHECK_STR(got, want);
	free(got);
}

/* Whole, byte by byte, and in two at every place. */
static void
check_events(const char *stream, size_t len, const char *want)
{
	size_t i;

	check_parse(stream, len, len, 1, want);
	check_parse(stream, len, 1, 1, want);
	check_parse(stream, len, 0, 3, want);
	for (i = 1; i < len; i++)
		check_parse(stream, len, i, len, want);
}

#define CHECK_EVENTS(stream, want) \
	check_events((stream), sizeof(stream) - 1, (want))

TEST(one_event)
{
	CHECK_EVENTS("data: a\n\n", "|a;");
}

TEST(all_line_ends)
{
	CHECK_EVENTS("data: a\r\n\r\ndata: b\r\rdata: c\n\n", "|a;|b;|c;");
	CHECK_EVENTS("data: a\r\ndata: b\r\n\r\n", "|a\nb;");
	CHECK_EVENTS("data: a\rdata: b\r\r\ndata: c\n\r\n", "|a\nb;|c;");
}

TEST(lf_behind_cr_is_the_same_end)
{
	CHECK_EVENTS("data: a\r\n\r\n\r\ndata: b\r\n\r\n", "|a;|b;");
}

TEST(mixed_ends_make_empty_lines)
{
	CHECK_EVENTS("data: a\n\rdata: b\n\n", "|a;|b;");
}

TEST(byte_order_mark)
{
	CHECK_EVENTS("\xef\xbb\xbf"
		     "data: a\n\n",
	    "|a;");
	CHECK_EVENTS("\xef\xbb\xbf\n\ndata: a\n\n", "|a;");
}

TEST(only_one_byte_order_mark)
{
	CHECK_EVENTS("\xef\xbb\xbf\xef\xbb\xbf"
		     "data: a\n\ndata: b\n\n",
	    "|b;");
	CHECK_EVENTS("data: a\n\n\xef\xbb\xbf"
		     "data: b\n\n",
	    "|a;");
}

TEST(broken_byte_order_mark_is_text)
{
	CHECK_EVENTS("\xef\xbb"
		     "data: a\n\ndata: b\n\n",
	    "|b;");
	CHECK_EVENTS("\xef\n\ndata: b\n\n", "|b;");
}

TEST(comments)
{
	CHECK_EVENTS(": hello\n\n:\n:data: x\ndata: a\n: more\n\n", "|a;");
	CHECK_EVENTS(": OPENROUTER PROCESSING\n\n: keep-alive\n\n", "");
}

TEST(data_in_several_lines)
{
	CHECK_EVENTS("data: a\ndata: b\ndata:\ndata: c\n\n", "|a\nb\n\nc;");
	CHECK_EVENTS("data: YHOO\ndata: +2\ndata: 10\n\n", "|YHOO\n+2\n10;");
}

TEST(one_space_is_dropped)
{
	CHECK_EVENTS("data:a\n\ndata: b\n\ndata:  c\n\n", "|a;|b;| c;");
	CHECK_EVENTS("data: a:b \n\n", "|a:b ;");
}

TEST(event_without_data)
{
	CHECK_EVENTS("event: ping\n\ndata: a\n\n", "|a;");
	CHECK_EVENTS("data\n\ndata:\n\ndata: \n\nid: 1\n\n", "");
	CHECK_EVENTS("data\ndata\n\ndata:\n", "|\n;");
}

TEST(event_type)
{
	CHECK_EVENTS("event: x\ndata: a\n\ndata: b\n\n", "x|a;|b;");
	CHECK_EVENTS("event:x\nevent: y\ndata: a\n\n", "y|a;");
	CHECK_EVENTS("event: x\nevent\ndata: a\n\n", "|a;");
}

TEST(other_fields)
{
	CHECK_EVENTS(
	    "id: 7\nretry: 100\nfoo: bar\nDATA: x\ndata: a\n\n", "|a;");
	CHECK_EVENTS("datax: a\ndat: b\n data: c\ndata : d\n\n", "");
	CHECK_EVENTS("events: x\neven: y\ndata: a\n\n", "|a;");
}

TEST(no_blank_line_at_the_end)
{
	CHECK_EVENTS("data: a\n\ndata: b\n", "|a;|b;");
	CHECK_EVENTS("data: a\n\ndata: b", "|a;|b;");
	CHECK_EVENTS("event: x\ndata: b\r", "x|b;");
	CHECK_EVENTS("data: a\n\n: b", "|a;");
}

TEST(bare_json_is_data)
{
	CHECK_EVENTS(
	    "data: a\n\n{\"error\":\"x\"}\n\n", "|a;|{\"error\":\"x\"};");
	CHECK_EVENTS("data: a\n\n{\"error\":{}}", "|a;|{\"error\":{}};");
}

TEST(nul_and_bad_utf8_pass)
{
	struct buf out = BUF_INITIALIZER;
	struct sse s;

	sse_init(&s, write_down, &out);
	CHECK(feed(&s, "data: a\0b\xff\n\n", 12));
	CHECK_INT(out.len, 6);
	CHECK_MEM(out.data, "|a\0b\xff;", 6);
	sse_release(&s);
	buf_release(&out);
}

TEST(nothing)
{
	check_parse("", 0, 1, 1, "");
	CHECK_EVENTS("\n", "");
	CHECK_EVENTS("\r\n", "");
}

static void
measure(void *arg, const char *type, const char *data, size_t len)
{
	size_t *total = arg;

	CHECK_STR(type, "");
	CHECK(len == 0 || data[0] == 'x');
	*total += len;
}

/* A line of bytes in pieces of step, and what came of it. */
static size_t
parse_long(size_t len, size_t step, bool want)
{
	struct sse s;
	char *piece = xcalloc(step, 1);
	size_t total = 0, at;
	bool ok = true;

	memset(piece, 'x', step);
	sse_init(&s, measure, &total);
	CHECK(sse_feed(&s, "data: ", 6));
	for (at = 0; ok && at < len; at += step)
		ok = sse_feed(&s, piece, step);
	CHECK_INT(ok, want);
	if (ok)
		CHECK(sse_feed(&s, "\n\n", 2));
	sse_release(&s);
	free(piece);
	return (total);
}

TEST(long_line)
{
	CHECK_INT(parse_long(LONG_LINE, 64, true), LONG_LINE);
	CHECK_INT(parse_long(LONG_LINE, LONG_LINE, true), LONG_LINE);
}

TEST(too_long_a_line_is_refused)
{
	CHECK_INT(parse_long(SSE_MAX + 65536, 65536, false), 0);
}

TEST(too_much_data_is_refused)
{
	struct sse s;
	struct buf line = BUF_INITIALIZER;
	size_t total = 0, i, n = SSE_MAX / LONG_LINE;

	buf_adds(&line, "data: ");
	memset(buf_reserve(&line, LONG_LINE), 'x', LONG_LINE);
	line.len += LONG_LINE;
	buf_adds(&line, "\n");
	sse_init(&s, measure, &total);
	for (i = 0; i < n; i++)
		CHECK(sse_feed(&s, line.data, line.len));
	CHECK(!sse_feed(&s, line.data, line.len));
	CHECK_INT(total, 0);
	sse_release(&s);
	buf_release(&line);
}

/* What is known of a stream's reconnection after these bytes. */
static void
check_last(const char *stream, const char *id, int64_t retry_ms)
{
	struct buf out = BUF_INITIALIZER;
	struct sse s;

	sse_init(&s, write_down, &out);
	CHECK(sse_feed(&s, stream, strlen(stream)));
	CHECK_STR(s.id.len == 0 ? "" : s.id.data, id);
	CHECK_INT(s.retry_ms, retry_ms);
	sse_release(&s);
	buf_release(&out);
}

TEST(where_a_stream_may_be_taken_up)
{
	char *text = xcalloc(6001, 1);

	check_last("data: a\n\n", "", -1);
	check_last("id: 7\nretry: 250\ndata: \n\n", "7", 250);
	check_last("id: 7\n\nid: b c\ndata: x\n\n", "b c", -1);
	check_last("id: 7\n\nid\n", "", -1);
	check_last("retry: 1\n\nretry: 2s\nretry:\nretry: -3\n", "", 1);
	check_last("retry: 99999999999999999999\n", "", 3600000);
	memset(text, 'x', 6000);
	memcpy(text, "id: ", 4);
	text[5999] = '\n';
	check_last(text, "", -1);
	free(text);
}
