/* agent-worker/tool/match: names against patterns. */

#include "agent-worker/tool/match.h"
#include "tests/test.h"

TEST(patterns)
{
	static const struct {
		const char *pattern;
		const char *path;
		bool matches;
	} rows[] = {
		{ "*", "a", true },
		{ "*", "a/b", true },
		{ "*.py", "a.py", true },
		{ "*.py", "d/a.py", true },
		{ "*.py", "a.pyc", false },
		{ "a.py", "d/a.py", true },
		{ "**/*.py", "a.py", true },
		{ "**/*.py", "d/e/a.py", true },
		{ "src/*.py", "src/a.py", true },
		{ "src/*.py", "lib/a.py", false },
		{ "src/*.py", "a/src/a.py", false },
		{ "?.c", "a.c", true },
		{ "?.c", "ab.c", false },
		{ "[a-c].c", "b.c", true },
		{ "[!a-c].c", "b.c", false },
		{ "[a", "[a", true },
		{ "[]]", "]", true },
		{ "\\*", "*", true },
		{ "\\*", "a", false },
		{ "", "", true },
		{ "", "a", false },
		{ "a*b*c", "aXbXbYc", true },
		{ "a*b*c", "aXbXbY", false },
	};
	char text[3001], pattern[128] = "";
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!CHECK(match_path(rows[i].pattern, rows[i].path) ==
			rows[i].matches))
			printf("# %s %s\n", rows[i].pattern, rows[i].path);
	/* what takes other matchers for ever */
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (i = 0; i < 40; i++)
		strlcat(pattern, "*a", sizeof(pattern));
	strlcat(pattern, "b", sizeof(pattern));
	CHECK(!match_path(pattern, text));
}
