/* agent-worker/tool/diff: from one text to another. */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/diff.h"
#include "ipc/buf.h"
#include "ipc/xmalloc.h"
#include "tests/test.h"

/* A diff applied to the first text gives the second. */
static char *
apply(const char *a, const char *diff)
{
	struct buf out = BUF_INITIALIZER;
	const char *p, *newline, *line = a;
	long at = 1, start, len;

	buf_adds(&out, "");
	for (p = diff; *p != '\0'; p = newline + 1) {
		newline = strchr(p, '\n');
		if (sscanf(p, "@@ -%ld,%ld", &start, &len) == 2) {
			start += len == 0 ? 1 : 0;
			for (; at < start; at++, line = strchr(line, '\n') + 1)
				buf_add(&out, line,
				    (size_t)(strchr(line, '\n') + 1 - line));
		} else if (strncmp(p, "---", 3) == 0 ||
		    strncmp(p, "+++", 3) == 0) {
			continue;
		} else if (*p == '+') {
			buf_add(&out, p + 1, (size_t)(newline - p));
		} else {
			if (*p == ' ')
				buf_add(&out, p + 1, (size_t)(newline - p));
			line = strchr(line, '\n') + 1;
			at++;
		}
	}
	buf_adds(&out, line);
	return (buf_detach(&out));
}

TEST(diffs_lead_from_one_text_to_the_other)
{
	struct diff_want want = { "a", "b", 0, SIZE_MAX };
	struct buf a = BUF_INITIALIZER, b = BUF_INITIALIZER;
	struct buf diff = BUF_INITIALIZER;
	struct diff_sum sum;
	unsigned int seed = 1, i, k;
	char *got;

	for (i = 0; i < 2000; i++) {
		a.len = b.len = diff.len = 0;
		buf_adds(&a, "");
		buf_adds(&b, "");
		buf_adds(&diff, "");
		want.context = i % 4;
		for (k = 0; k < i % 40; k++) {
			seed = seed * 1103515245 + 12345;
			if ((seed >> 16) % 3 != 0)
				buf_addf(&a, "%u\n", (seed >> 18) % 5);
			if ((seed >> 17) % 3 != 0)
				buf_addf(&b, "%u\n", (seed >> 20) % 5);
		}
		a.data[a.len] = b.data[b.len] = '\0';
		diff.data[0] = '\0';
		diff_unified(&diff, &want, &a, &b, &sum);
		got = apply(a.data, diff.data);
		if (!CHECK_STR(got, b.data))
			printf("# from %s by %s\n", a.data, diff.data);
		free(got);
	}
	buf_release(&a);
	buf_release(&b);
	buf_release(&diff);
}

TEST(diffs_are_bounded)
{
	struct diff_want want = { "a", "b", 3, 100 };
	struct buf a = BUF_INITIALIZER, b = BUF_INITIALIZER;
	struct buf diff = BUF_INITIALIZER;
	struct diff_sum sum;
	int i;

	for (i = 0; i < 30000; i++) {
		buf_addf(&a, "%d\n", i * 7919 % 30011);
		buf_addf(&b, "%d\n", i * 1049 % 30011);
	}
	diff_unified(&diff, &want, &a, &b, &sum);
	CHECK(sum.cut);
	CHECK(diff.len < 100 * 20);
	CHECK(sum.added > 1000);
	a.len = b.len = diff.len = 0;
	for (i = 0; i < 300000; i++) {
		buf_adds(&a, "\n");
		buf_adds(&b, i == 299999 ? "x\n" : "\n");
	}
	diff_unified(&diff, &want, &a, &b, &sum);
	CHECK(diff.len < 100 * 2200);
	buf_release(&a);
	buf_release(&b);
	buf_release(&diff);
}
