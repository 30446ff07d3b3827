/*
 * What is kept of an output of any length: its beginning and its end, and
 * the count of what is left out between them.
 */

#ifndef AGENT_WORKER_TOOL_SHELL_KEEP_H
#define AGENT_WORKER_TOOL_SHELL_KEEP_H

#include <stddef.h>
#include <stdint.h>

#include "ipc/buf.h"

struct keep {
	struct buf head;
	struct buf tail; /* at most twice its maximum, see keep_add */
	size_t head_max;
	size_t tail_max;
	int64_t total; /* bytes that were added */
};

/* The bytes kept at either end; head_max may be 0. */
void keep_init(struct keep *, size_t head_max, size_t tail_max);
void keep_release(struct keep *);

void keep_add(struct keep *, const char *data, size_t len);

/*
 * Append as UTF-8, bad bytes replaced, about max bytes of it, the head and
 * the tail in proportion; what is left out is said in its place.
 */
void keep_text(const struct keep *, size_t max, struct buf *out);

#endif
