/* What makes one text another, line by line: values in, values out. */

#ifndef AGENT_WORKER_TOOL_DIFF_H
#define AGENT_WORKER_TOOL_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/buf.h"

struct diff_want {
	const char *from; /* names for the head */
	const char *to;
	int64_t context; /* lines round a change */
	size_t max_lines;
};

struct diff_sum {
	size_t added;
	size_t removed;
	bool cut; /* at max_lines */
};

/*
 * Append a unified diff, nothing where the texts are the same.  Texts that
 * differ in very many places, or have very many lines, are told as one
 * change, so that time and memory are bounded.
 */
void diff_unified(struct buf *out, const struct diff_want *,
    const struct buf *from, const struct buf *to, struct diff_sum *);

#endif
