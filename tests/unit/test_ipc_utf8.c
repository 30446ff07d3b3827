/* ipc/utf8: RFC 3629's table, and what strangers send instead. */

#include <stdlib.h>
#include <string.h>

#include "ipc/utf8.h"
#include "tests/test.h"

#define BAD "\xef\xbf\xbd"

static const struct vector {
	const char *bytes;
	size_t len;
} well_formed[] = {
	{ "\x01", 1 },
	{ "\x7f", 1 },
	{ "\xc2\x80", 2 },
	{ "\xdf\xbf", 2 },
	{ "\xe0\xa0\x80", 3 },
	{ "\xed\x9f\xbf", 3 },
	{ "\xee\x80\x80", 3 },
	{ "\xef\xbf\xbf", 3 },
	{ "\xf0\x90\x80\x80", 4 },
	{ "\xf4\x8f\xbf\xbf", 4 },
}, ill_formed[] = {
	{ "\x80", 1 },		       /* continuation alone */
	{ "\xbf", 1 },
	{ "\xc0\xaf", 2 },	       /* overlong "/" */
	{ "\xc1\xbf", 2 },
	{ "\xe0\x80\xaf", 3 },
	{ "\xe0\x9f\xbf", 3 },
	{ "\xf0\x80\x80\xaf", 4 },
	{ "\xf0\x8f\xbf\xbf", 4 },
	{ "\xed\xa0\x80", 3 },	       /* surrogates */
	{ "\xed\xbf\xbf", 3 },
	{ "\xf4\x90\x80\x80", 4 },     /* past U+10FFFF */
	{ "\xf5\x80\x80\x80", 4 },
	{ "\xf8\x88\x80\x80\x80", 5 }, /* five bytes */
	{ "\xfe", 1 },
	{ "\xff", 1 },
	{ "\xc2", 1 },		       /* cut short */
	{ "\xe2\x82", 2 },
	{ "\xf0\x9f\x98", 3 },
	{ "\xc2 ", 2 },		       /* second byte is none */
	{ "\xe2\x82 ", 3 },
	{ "\xf0\x9f\x98 ", 4 },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
clean_is(const char *text, size_t len, const char *want)
{
	struct buf b = BUF_INITIALIZER;
	bool ok;

	utf8_clean(&b, text, len);
	ok = CHECK_STR(b.data, want);
	buf_release(&b);
	return (ok);
}

TEST(well_formed_sequences_have_their_length)
{
	size_t i;

	for (i = 0; i < COUNT(well_formed); i++)
		CHECK_INT(
		    utf8_sequence(well_formed[i].bytes, well_formed[i].len),
		    well_formed[i].len);
}

TEST(well_formed_sequences_are_read_no_further)
{
	CHECK_INT(utf8_sequence("\xc3\xa9tat", 5), 2);
	CHECK_INT(utf8_sequence("a\xff", 2), 1);
}

TEST(cut_sequences_are_not_well_formed)
{
	size_t i, n;

	for (i = 0; i < COUNT(well_formed); i++)
		for (n = 0; n < well_formed[i].len; n++)
			CHECK_INT(utf8_sequence(well_formed[i].bytes, n), 0);
}

TEST(ill_formed_sequences_have_no_length)
{
	size_t i;

	for (i = 0; i < COUNT(ill_formed); i++)
		if (!CHECK_INT(
			utf8_sequence(ill_formed[i].bytes, ill_formed[i].len),
			0))
			test_print(
			    "bytes", ill_formed[i].bytes, ill_formed[i].len);
}

TEST(clean_leaves_good_text_alone)
{
	clean_is("", 0, "");
	clean_is("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80\n", 16,
	    "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80\n");
}

TEST(clean_replaces_bad_bytes_and_nul)
{
	clean_is("a\0b", 3, "a" BAD "b");
	clean_is("\xff", 1, BAD);
	clean_is("x\xc0\xafy", 4, "x" BAD BAD "y");
	clean_is("end\xe2\x82", 5, "end" BAD BAD);
	clean_is("\xed\xa0\x80", 3, BAD BAD BAD);
	clean_is("\xe2\x82\xc3\xa9", 4, BAD BAD "\xc3\xa9");
}

TEST(cleaned_text_is_well_formed)
{
	struct buf b = BUF_INITIALIZER;
	char noise[4096];
	size_t i, n, bad = 0;

	srandom(1);
	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (char)random();
	utf8_clean(&b, noise, sizeof(noise));
	for (i = 0; i < b.len; i += n) {
		n = utf8_sequence(b.data + i, b.len - i);
		bad += n == 0 || b.data[i] == '\0';
		if (n == 0)
			n = 1;
	}
	CHECK_INT(bad, 0);
	CHECK_INT(strlen(b.data), b.len);
	buf_release(&b);
}

TEST(prefix_ends_between_characters)
{
	const char *s = "a\xe2\x82\xac"
			"b";

	CHECK_INT(utf8_prefix(s, 5, 10), 5);
	CHECK_INT(utf8_prefix(s, 5, 5), 5);
	CHECK_INT(utf8_prefix(s, 5, 4), 4);
	CHECK_INT(utf8_prefix(s, 5, 3), 1);
	CHECK_INT(utf8_prefix(s, 5, 2), 1);
	CHECK_INT(utf8_prefix(s, 5, 1), 1);
	CHECK_INT(utf8_prefix(s, 5, 0), 0);
}

static void
line_is(const char *text, size_t max, const char *want)
{
	char *line;

	line = utf8_line(text, max);
	CHECK_STR(line, want);
	free(line);
}

TEST(line_has_no_control_characters)
{
	line_is("plain", 10, "plain");
	line_is("a\nb\tc\rd", 10, "a b c d");
	line_is("\x1b[31mred\x1b[0m", 40, " [31mred [0m");
	line_is("\x7f\x01", 10, "  ");
	line_is("\xc2\x9b"
		"31m",
	    10, "  31m");
	line_is("caf\xc3\xa9", 10, "caf\xc3\xa9");
	line_is("\xff", 10, BAD);
}

TEST(line_is_cut_at_a_character)
{
	line_is("abcdef", 6, "abcdef");
	line_is("abcdefg", 6, "abcdef...");
	line_is("ab\xe2\x82\xac", 4, "ab...");
	line_is("ab\xe2\x82\xac", 5, "ab\xe2\x82\xac");
	line_is("", 0, "");
	line_is("x", 0, "...");
}
