/* The beginning and the end of an output of any length. */

#include <string.h>

#include "agent-worker/tool/shell_keep.h"
#include "ipc/utf8.h"

#define SEQUENCE_MAX 4 /* bytes of a character */

void
keep_init(struct keep *k, size_t head_max, size_t tail_max)
{
	memset(k, 0, sizeof(*k));
	k->head_max = head_max;
	k->tail_max = tail_max;
}

void
keep_release(struct keep *k)
{
	buf_release(&k->head);
	buf_release(&k->tail);
	k->total = 0;
}

/*
 * The tail may grow to twice its maximum before its older half is dropped,
 * so that a byte is moved once, however small the pieces are.
 */
void
keep_add(struct keep *k, const char *data, size_t len)
{
	size_t n = k->head_max - k->head.len;

	k->total += (int64_t)len;
	n = n < len ? n : len;
	buf_add(&k->head, data, n);
	data += n;
	len -= n;
	if (len > k->tail_max) {
		buf_consume(&k->tail, k->tail.len);
		data += len - k->tail_max;
		len = k->tail_max;
	}
	if (k->tail.len + len > 2 * k->tail_max)
		buf_consume(&k->tail, k->tail.len + len - k->tail_max);
	buf_add(&k->tail, data, len);
}

/* How many bytes at the end of text are a character's beginning only. */
static size_t
cut_at_end(const char *text, size_t len)
{
	size_t n;

	for (n = 1; n < SEQUENCE_MAX && n <= len; n++)
		if (((unsigned char)text[len - n] & 0xc0) != 0x80)
			return (utf8_sequence(text + len - n, n) == 0 ? n : 0);
	return (0);
}

/* How many bytes at the start of text are a character's end only. */
static size_t
cut_at_start(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && n < SEQUENCE_MAX - 1 &&
	    ((unsigned char)text[n] & 0xc0) == 0x80)
		n++;
	return (n);
}

static void
add_all(const struct keep *k, struct buf *out)
{
	struct buf all = BUF_INITIALIZER;

	buf_add(&all, k->head.data, k->head.len);
	buf_add(&all, k->tail.data, k->tail.len);
	utf8_clean(out, all.len == 0 ? "" : all.data, all.len);
	buf_release(&all);
}

void
keep_text(const struct keep *k, size_t max, struct buf *out)
{
	size_t sum = k->head_max + k->tail_max, head, tail;
	size_t kept = k->head.len + k->tail.len;
	const char *end;

	max = max < sum ? max : sum;
	if ((int64_t)kept == k->total && kept <= max) {
		add_all(k, out);
		return;
	}
	/* the tail is kept whole where the head is short, and vice versa */
	head = (size_t)((double)max * (double)k->head_max / (double)sum);
	head = head < k->head.len ? head : k->head.len;
	tail = max - head < k->tail.len ? max - head : k->tail.len;
	tail = tail < k->tail_max ? tail : k->tail_max;
	head -= cut_at_end(k->head.data, head);
	end = k->tail.data + k->tail.len - tail;
	end += cut_at_start(end, tail);
	tail = (size_t)(k->tail.data + k->tail.len - end);
	utf8_clean(out, head == 0 ? "" : k->head.data, head);
	buf_addf(out, "%s[... %lld of %lld bytes left out ...]\n",
	    head == 0 ? "" : "\n",
	    (long long)k->total - (long long)(head + tail),
	    (long long)k->total);
	utf8_clean(out, tail == 0 ? "" : end, tail);
}
