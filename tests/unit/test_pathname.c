/* ipc/pathname.c: paths as they stand in a text. */

#include <stdlib.h>

#include "ipc/pathname.h"
#include "tests/test.h"

TEST(a_path_is_replaced_where_it_stands)
{
	static const struct {
		const char *text;
		const char *want;
	} rows[] = {
		{ "", "" },
		{ "nothing of it", "nothing of it" },
		{ "/a/w1", "/s/x" },
		{ "/a/w1/", "/s/x/" },
		{ "see /a/w1/f and /a/w1.", "see /s/x/f and /s/x." },
		{ "(/a/w1), \"/a/w1\"; /a/w1...", "(/s/x), \"/s/x\"; /s/x..." },
		{ "/a/w1\n/a/w1", "/s/x\n/s/x" },
		{ "file:///a/w1/f", "file:///s/x/f" },
		/* names of others */
		{ "/a/w12", "/a/w12" },
		{ "/a/w1-2 /a/w1_ /a/w1.old", "/a/w1-2 /a/w1_ /a/w1.old" },
		{ "/a/w1\xc3\xa9", "/a/w1\xc3\xa9" },
		{ "b/a/w1", "b/a/w1" },
		{ "/a/w", "/a/w" },
		{ "/a/w12/a/w1", "/a/w12/a/w1" },
		{ "/a/w1/a/w1", "/s/x/a/w1" },
	};
	char *got;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		got = pathname_replace(rows[i].text, "/a/w1", "/s/x");
		CHECK_STR(got, rows[i].want);
		free(got);
	}
}
