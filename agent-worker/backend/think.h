/*
 * Thought in plain sight: servers without a parser for their model's
 * reasoning leave it at the start of the text, between <think> and </think>.
 * A tag may come in pieces, so what could become one is held back.
 */

#ifndef AGENT_WORKER_BACKEND_THINK_H
#define AGENT_WORKER_BACKEND_THINK_H

#include <stdbool.h>
#include <stddef.h>

#include "ipc/buf.h"

/* A zeroed one is at the start. */
struct think {
	enum {
		THINK_START, /* nothing but white space so far */
		THINK_INSIDE,
		THINK_TEXT, /* a tag means nothing any more */
	} state;
	bool thought;
	struct buf held;
};

/* Sort the next piece of content into text and reasoning. */
void think_feed(struct think *, const char *piece, size_t len, struct buf *text,
    struct buf *reasoning);

/* No more comes: what was held back is what it looked like. */
void think_finish(struct think *, struct buf *text, struct buf *reasoning);

void think_release(struct think *);

#endif
