/* Thought in plain sight, told from what is said. */

#include <stdbool.h>
#include <string.h>

#include "agent-worker/backend/think.h"

#define OPEN      "<think>"
#define CLOSE     "</think>"
#define SPACE_MAX 64 /* more of it is no prelude to a thought */
#define OPEN_LEN  (sizeof(OPEN) - 1)
#define CLOSE_LEN (sizeof(CLOSE) - 1)

static size_t
leading_space(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && memchr(" \t\r\n", s[n], 4) != NULL)
		n++;
	return (n);
}

/* White space behind a thought belongs to neither. */
static void
begin_text(struct think *t)
{
	if (t->thought)
		buf_consume(&t->held, leading_space(t->held.data, t->held.len));
	t->state = THINK_TEXT;
}

/* False while more is needed to tell. */
static bool
feed_start(struct think *t)
{
	struct buf *held = &t->held;
	size_t space = leading_space(held->data, held->len);
	const char *rest = held->data + space;
	size_t n = held->len - space;

	if (n < OPEN_LEN && memcmp(rest, OPEN, n) == 0 && space < SPACE_MAX)
		return (false);
	if (n >= OPEN_LEN && memcmp(rest, OPEN, OPEN_LEN) == 0) {
		buf_consume(held, space + OPEN_LEN);
		t->state = THINK_INSIDE;
		t->thought = true;
		return (true);
	}
	begin_text(t);
	return (true);
}

/* The longest end of s that may be the beginning of the closing tag. */
static size_t
open_end(const char *s, size_t len)
{
	size_t n = len < CLOSE_LEN - 1 ? len : CLOSE_LEN - 1;

	while (n > 0 && memcmp(s + len - n, CLOSE, n) != 0)
		n--;
	return (n);
}

static bool
feed_inside(struct think *t, struct buf *reasoning)
{
	struct buf *held = &t->held;
	const char *close = memmem(held->data, held->len, CLOSE, CLOSE_LEN);
	size_t n;

	if (close == NULL) {
		n = held->len - open_end(held->data, held->len);
		buf_add(reasoning, held->data, n);
		buf_consume(held, n);
		return (false);
	}
	n = (size_t)(close - held->data);
	buf_add(reasoning, held->data, n);
	buf_consume(held, n + CLOSE_LEN);
	t->state = THINK_START;
	return (true);
}

void
think_feed(struct think *t, const char *piece, size_t len, struct buf *text,
    struct buf *reasoning)
{
	bool again = true;

	if (len == 0)
		return;
	if (t->state == THINK_TEXT) {
		buf_add(text, piece, len);
		return;
	}
	buf_add(&t->held, piece, len);
	while (again && t->held.len > 0) {
		switch (t->state) {
		case THINK_START:
			again = feed_start(t);
			break;
		case THINK_INSIDE:
			again = feed_inside(t, reasoning);
			break;
		case THINK_TEXT:
			buf_add(text, t->held.data, t->held.len);
			buf_release(&t->held);
			break;
		}
	}
}

void
think_finish(struct think *t, struct buf *text, struct buf *reasoning)
{
	if (t->held.len == 0)
		return;
	if (t->state == THINK_START)
		begin_text(t);
	buf_add(t->state == THINK_INSIDE ? reasoning : text, t->held.data,
	    t->held.len);
	buf_release(&t->held);
}

void
think_release(struct think *t)
{
	buf_release(&t->held);
}
