/* supervisor/decide/novelty: whether an answer says something new. */

#include <stdlib.h>

#include "ipc/xmalloc.h"
#include "supervisor/decide/novelty.h"
#include "tests/test.h"

static void
check_similar(const char *a, const char *b, int both, int all)
{
	double want = (double)both / all;
	double got = novelty_similarity(a, b);
	double back = novelty_similarity(b, a);

	/* a quotient of the same small numbers: no tolerance is needed */
	CHECK_MEM(&got, &want, sizeof(want));
	CHECK_MEM(&back, &want, sizeof(want));
}

TEST(duplicates_differ_in_outer_white_space_only)
{
	CHECK(novelty_is_duplicate("", ""));
	CHECK(novelty_is_duplicate("", " \t\r\n\v\f"));
	CHECK(novelty_is_duplicate("an answer", "an answer"));
	CHECK(novelty_is_duplicate("  an answer\n\n", "\tan answer"));
	CHECK(!novelty_is_duplicate("an answer", "an  answer"));
	CHECK(!novelty_is_duplicate("an answer", "An answer"));
	CHECK(!novelty_is_duplicate("an answer", "an answer."));
	CHECK(!novelty_is_duplicate("an answer", ""));
	/* no byte of a character is white space */
	CHECK(!novelty_is_duplicate("\xc2\xa0 x", "x"));
	CHECK(novelty_is_duplicate("\xe2\x82\xac ", "\xe2\x82\xac"));
}

TEST(similarity_counts_words_of_both_among_words_of_any)
{
	check_similar("a b c", "a b c", 1, 1);
	check_similar("a b c", "d e f", 0, 1);
	check_similar("a b c", "b c d", 2, 4);
	check_similar("a", "a b c d", 1, 4);
	check_similar("a b c d e f g", "a b c d e f g h i j", 7, 10);
	check_similar("one two", "two three", 1, 3);
}

TEST(words_are_a_set)
{
	check_similar("a a a a b", "a b b b", 1, 1);
	check_similar("b a", "a b", 1, 1);
	check_similar("x x x", "x y", 1, 2);
}

TEST(case_and_white_space_do_not_matter)
{
	check_similar("The QUICK Fox", "the quick fox", 1, 1);
	check_similar(" a\tb\nc\r\nd\ve\ff ", "a b c d e f", 1, 1);
	/* only ASCII is lower-cased, in any locale */
	check_similar("\xc3\x84", "\xc3\xa4", 0, 1);
}

TEST(punctuation_belongs_to_its_word)
{
	check_similar("yes, it is", "yes it is", 2, 4);
}

TEST(texts_without_words)
{
	check_similar("", "", 1, 1);
	check_similar(" \n", "\t", 1, 1);
	check_similar("", "a", 0, 1);
}

/* Exactly at a limit is not over it. */
TEST(the_thresholds_edges)
{
	CHECK(!(
	    novelty_similarity("a b c d e f g", "a b c d e f g h i j") > 0.70));
	CHECK(!(novelty_similarity("a b", "a c") > 0.50));
	CHECK(!(novelty_similarity("a", "a b") > 0.50));
	CHECK(novelty_similarity("a b", "a b c") > 0.50);
	CHECK(!(novelty_similarity("a b c", "a b c") > 1.0));
}

static char *
numbered_words(int from, int to)
{
	char *text = xcalloc((size_t)(to - from) + 1, 8), *p = text;
	int i;

	for (i = from; i < to; i++)
		p += snprintf(p, 9, "%d ", i);
	return (text);
}

TEST(many_words)
{
	char *a = numbered_words(0, 60000), *b = numbered_words(20000, 80000);

	check_similar(a, b, 40000, 80000);
	free(a);
	free(b);
}

/* Of very long texts the beginning decides, so that the cost is bounded. */
TEST(what_is_past_the_first_mebibyte_is_not_compared)
{
	size_t mib = 1024 * 1024;
	char *a = xcalloc(mib + 32, 1), *b = xcalloc(mib + 32, 1);

	memset(a, 'x', mib);
	memset(b, 'x', mib);
	memcpy(a + mib, " tail one", 10);
	memcpy(b + mib, " other end", 11);
	check_similar(a, b, 1, 1);
	CHECK(!novelty_is_duplicate(a, b));
	free(a);
	free(b);
}
