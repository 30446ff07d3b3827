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

/* The first head and the last tail bytes of all that is kept. */
static void
add_ends(const struct keep *k, const struct buf *all, size_t head, size_t tail,
    struct buf *out)
{
	const char *end;
	long long left;

	head -= cut_at_end(all->data, head);
	end = all->data + all->len - tail;
	tail -= cut_at_start(end, tail);
	end = all->data + all->len - tail;
	left = (long long)k->total - (long long)(head + tail);
	utf8_clean(out, all->data, head);
	buf_addf(out, "%s[... %lld of %lld bytes left out ...]\n",
	    head == 0 ? "" : "\n", left, (long long)k->total);
	utf8_clean(out, end, tail);
}

void
keep_text(const struct keep *k, size_t max, struct buf *out)
{
	size_t sum = k->head_max + k->tail_max, head, tail;
	struct buf all = BUF_INITIALIZER;
	bool whole;

	max = max < sum ? max : sum;
	buf_add(&all, k->head.data, k->head.len);
	buf_add(&all, k->tail.data, k->tail.len);
	whole = (int64_t)all.len == k->total;
	if (whole && all.len <= max) {
		utf8_clean(out, all.data, all.len);
	} else {
		head =
		    (size_t)((double)max * (double)k->head_max / (double)sum);
		head = head < k->head.len ? head : k->head.len;
		tail = whole ? all.len - head : k->tail.len;
		tail = tail < max - head ? tail : max - head;
		add_ends(k, &all, head, tail, out);
	}
	buf_release(&all);
}
