/* One copy of a tree after another, as snapshots are made. */

#ifndef TESTS_UNIT_COPY_NEXT_H
#define TESTS_UNIT_COPY_NEXT_H

#include "ipc/tree.h"

/* Copy and remember, and forget what was known before. */
static inline int
copy_next(const char *from, const char *to, struct tree_index **known,
    struct tree_sum *sum)
{
	struct tree_want want = { .from = from,
		.to = to,
		.known = *known,
		.made = tree_index_new() };
	int ret = tree_copy(&want, sum);

	tree_index_free(*known);
	*known = want.made;
	return (ret);
}

#endif
