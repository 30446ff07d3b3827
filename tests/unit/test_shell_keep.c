/* agent-worker/tool/shell_keep: the two ends of outputs of any length. */

#include <stdlib.h>

#include "agent-worker/tool/shell_keep.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "tests/test.h"

/* Fed in pieces of the given size; the text is the caller's to free. */
static char *
told(size_t head, size_t tail, size_t max, size_t piece, const char *data,
    size_t len)
{
	struct buf out = BUF_INITIALIZER;
	struct keep k;
	size_t i, n;

	keep_init(&k, head, tail);
	for (i = 0; i < len; i += n) {
		n = piece < len - i ? piece : len - i;
		keep_add(&k, data + i, n);
	}
	CHECK_INT(k.total, len);
	CHECK(k.head.len <= head && k.tail.len <= 2 * tail);
	keep_text(&k, max, &out);
	keep_release(&k);
	return (buf_detach(&out));
}

static void
check(size_t head, size_t tail, size_t max, const char *data, const char *want)
{
	size_t piece;
	char *text;

	for (piece = 1; piece < 12; piece++) {
		text = told(head, tail, max, piece, data, strlen(data));
		CHECK_STR(text, want);
		free(text);
	}
}

TEST(what_is_short_is_whole)
{
	check(4, 4, 100, "", "");
	check(4, 4, 100, "ab", "ab");
	check(4, 4, 100, "abcdefgh", "abcdefgh");
	check(0, 4, 100, "abcd", "abcd");
}

TEST(the_ends_of_what_is_long)
{
	check(4, 4, 100, "abcd12345678901234567890wxyz",
	    "abcd\n[... 20 of 28 bytes left out ...]\nwxyz");
	check(0, 4, 100, "abcd12345678901234567890wxyz",
	    "[... 24 of 28 bytes left out ...]\nwxyz");
}

TEST(less_may_be_told_than_is_kept)
{
	check(4, 4, 4, "abcdefgh", "ab\n[... 4 of 8 bytes left out ...]\ngh");
	check(4, 4, 4, "abcd12345678901234567890wxyz",
	    "ab\n[... 24 of 28 bytes left out ...]\nyz");
	/* the end may be in what is kept as the beginning */
	check(4, 4, 2, "abcd", "a\n[... 2 of 4 bytes left out ...]\nd");
}

TEST(no_character_is_cut)
{
	/* four of three bytes, and room for two at either end */
	check(7, 7, 14,
	    "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
	    "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
	    "\xe2\x82\xac\xe2\x82\xac\n[... 12 of 24 bytes left out ...]\n"
	    "\xe2\x82\xac\xe2\x82\xac");
	/* nor where the head ends and nothing is left out */
	check(4, 8, 100, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
	    "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
}

TEST(any_bytes_become_utf8)
{
	char data[3000], *text;
	size_t i, piece;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 131 + i / 7);
	for (piece = 1; piece < 5000; piece = piece * 3 + 1) {
		text = told(256, 256, 512, piece, data, sizeof(data));
		CHECK(utf8_is_valid(text, strlen(text)));
		CHECK(strstr(text, "bytes left out") != NULL);
		free(text);
	}
}

/* A tail is never shorter than its maximum once so much was added. */
TEST(the_tail_is_exact)
{
	char data[1000], *text, *rest;
	size_t i, len;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (char)('a' + i % 26);
	for (len = 40; len < sizeof(data); len += 7)
		for (i = 1; i < 60; i += 9) {
			text = told(8, 16, 24, i, data, len);
			rest = strstr(text, "...]\n");
			if (!CHECK(rest != NULL))
				return;
			CHECK_INT(strlen(rest + 5), 16);
			CHECK_MEM(rest + 5, data + len - 16, 16);
			CHECK_MEM(text, data, 8);
			free(text);
		}
}
