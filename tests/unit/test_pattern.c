/* agent-worker/tool/pattern: regular expressions, and their bounds. */

#include <regex.h>
#include <stdlib.h>

#include "agent-worker/tool/pattern.h"
#include "ipc/xmalloc.h"
#include "tests/test.h"

/* 1: found, 0: not, -1: no pattern. */
static int
find(const char *pattern, const char *text, bool ignore_case)
{
	char why[128] = "";
	struct pattern *p = pattern_new(pattern, ignore_case, why, sizeof(why));
	int ret;

	if (p == NULL) {
		CHECK(why[0] != '\0');
		return (-1);
	}
	ret = pattern_finds(p, text, strlen(text)) ? 1 : 0;
	pattern_free(p);
	return (ret);
}

TEST(what_is_found)
{
	static const struct {
		const char *pattern;
		const char *text;
		int found;
	} rows[] = {
		{ "b", "abc", 1 },
		{ "d", "abc", 0 },
		{ "^b", "abc", 0 },
		{ "^a", "abc", 1 },
		{ "c$", "abc", 1 },
		{ "b$", "abc", 0 },
		{ "^$", "", 1 },
		{ "^$", "a", 0 },
		{ "a.c", "abc", 1 },
		{ "a.c",
		    "a\xc3\xa9"
		    "c",
		    1 },
		{ "^a.c$",
		    "a\xc3\xa9\xc3\xa9"
		    "c",
		    0 },
		{ "^\xc3\xa9+$", "\xc3\xa9\xc3\xa9", 1 },
		{ "\xc3\xa9*x", "x", 1 },
		{ "^[^a]$", "\xe2\x82\xac", 1 },
		{ "^[^a]$", "a", 0 },
		{ "a|b|cd", "xcd", 1 },
		{ "^(a|b|cd)$", "c", 0 },
		{ "(ab)*c", "ababc", 1 },
		{ "^(ab)+$", "aba", 0 },
		{ "^a{2,3}$", "a", 0 },
		{ "^a{2,3}$", "aaa", 1 },
		{ "^a{2,3}$", "aaaa", 0 },
		{ "^a{2}$", "aa", 1 },
		{ "^a{2,}$", "aaaaa", 1 },
		{ "^a{2,}$", "a", 0 },
		{ "^a{0,1}b$", "b", 1 },
		{ "^a{0}b$", "ab", 0 },
		{ "^(a{2}b){2}$", "aabaab", 1 },
		{ "a{", "a{", 1 },
		{ "{}", "x{}", 1 },
		{ "a{,2}", "a{,2}", 1 },
		{ "^[a-c]+$", "abcab", 1 },
		{ "^[a-c]+$", "abd", 0 },
		{ "^[]x]+$", "]x", 1 },
		{ "^[a-]$", "-", 1 },
		{ "^[[:digit:]_]+$", "1_2", 1 },
		{ "^\\d+\\.\\d+$", "10.5", 1 },
		{ "^\\D+$", "a1", 0 },
		{ "^\\w+$", "snake_1", 1 },
		{ "^\\W$", "\xc3\xa9", 1 },
		{ "^[\\s\\d]+$", "1 2", 1 },
		{ "a\\sb", "a\tb", 1 },
		{ "\\bint\\b", "an int x", 1 },
		{ "\\bint\\b", "printing", 0 },
		{ "\\Bint", "print", 1 },
		{ "\\(\\)", "f()", 1 },
		{ "(?:ab)+c", "ababc", 1 },
		{ "a+?b", "aab", 1 },
		{ "a\\tb", "a\tb", 1 },
		{ "()", "", 1 },
		{ "a||b", "", 1 },
		{ "(a*)*b", "aaab", 1 },
		{ "(a|aa)+$", "aaaa", 1 },
		{ "return +\\(", "\treturn (x);", 1 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!CHECK_INT(find(rows[i].pattern, rows[i].text, false),
			rows[i].found))
			printf("# %s in %s\n", rows[i].pattern, rows[i].text);
	CHECK_INT(find("return [a-c]", "RETURN B", false), 0);
	CHECK_INT(find("return [a-c]", "RETURN B", true), 1);
	CHECK_INT(find("RETURN", "return", true), 1);
	CHECK_INT(find("[^a]", "A", true), 0);
}

TEST(what_is_no_pattern)
{
	static const char *const rows[] = { "", "(", ")", "(a", "a)", "[", "[a",
		"[]", "*", "+a", "a|*", "(*)", "\\", "a{2,1}", "a{1001}",
		"[b-a]", "[a-\\d]", "(a)\\1", "\\q", "[\\q]", "(?=a)",
		"(?<n>a)", "[\xc3\xa9]", "((a{100}){100}){100}",
		"(((){999}){999}){999}", "a{0}{999}{999}{999}{999}",
		"(a|b){999}{999}" };
	char *deep = xcalloc(1, 2000);
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!CHECK_INT(find(rows[i], "a", false), -1))
			printf("# %s\n", rows[i]);
	memset(deep, '(', 512);
	CHECK_INT(find(deep, "a", false), -1);
	memset(deep, 'a', 512);
	CHECK_INT(find(deep, "a", false), 0);
	memset(deep, '|', 512);
	CHECK_INT(find(deep, "a", false), 1);
	memset(deep, 'a', 513);
	CHECK_INT(find(deep, "a", false), -1);
	free(deep);
}

/* The C library's own, which is right and may take for ever, agrees. */
TEST(as_the_c_library)
{
	static const char signs[] = "aaabbbc()|*+?.^$[]-{}12,";
	unsigned int seed = 7, i, k, n, compared = 0, found = 0;
	char pattern[16], text[16];
	regex_t regex;
	int got, want;

	for (i = 0; i < 300000; i++) {
		seed = seed * 1103515245 + 12345;
		n = 1 + (seed >> 16) % 9;
		for (k = 0; k < n; k++) {
			seed = seed * 1103515245 + 12345;
			pattern[k] = signs[(seed >> 16) % (sizeof(signs) - 1)];
		}
		pattern[n] = '\0';
		n = (seed >> 24) % 7;
		for (k = 0; k < n; k++) {
			seed = seed * 1103515245 + 12345;
			text[k] = "abcab1"[(seed >> 16) % 6];
		}
		text[n] = '\0';
		/* it means something of its own by these */
		if (strchr("*+?{", pattern[0]) != NULL ||
		    strpbrk(pattern, "{") != NULL || strstr(pattern, "(*") ||
		    strstr(pattern, "(?") || strstr(pattern, "(+") ||
		    strstr(pattern, "+?") || strstr(pattern, "|*") ||
		    strstr(pattern, "|?") || strstr(pattern, "|+") ||
		    strstr(pattern, "^*"))
			continue;
		if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
			continue;
		want = regexec(&regex, text, 0, NULL, 0) == 0 ? 1 : 0;
		regfree(&regex);
		if ((got = find(pattern, text, false)) == -1)
			continue;
		compared++;
		found += want == 1 ? 1 : 0;
		if (!CHECK_INT(got, want))
			printf("# %s in %s\n", pattern, text);
	}
	printf("# %u compared, %u found\n", compared, found);
	CHECK(compared > 20000);
	CHECK(found > 5000);
}

/* What takes others for ever is done here. */
TEST(hard_patterns_are_bounded)
{
	static const char *const rows[] = { "(a|b)*a(a|b){200}c", "(a*)*c",
		"((a?){16}){16}c", "(a|a)*(a|aa)*(a|aaa)*c",
		"((((a|b)*|b)*|a)+b?){9}(a|b){25}c", "(x+x+)+y|.*.*.*.*.*c" };
	char *text = xcalloc(1, 16385), why[128];
	struct pattern *p;
	unsigned int seed = 1;
	size_t i;

	for (i = 0; i < 16384; i++) {
		seed = seed * 1103515245 + 12345;
		text[i] = (seed >> 20) % 2 == 0 ? 'a' : 'b';
	}
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		p = pattern_new(rows[i], false, why, sizeof(why));
		if (!CHECK(p != NULL)) {
			printf("# %s: %s\n", rows[i], why);
			continue;
		}
		CHECK(!pattern_finds(p, text, 16384));
		pattern_free(p);
	}
	free(text);
}
