/* Text from strangers made safe to store. */

#include <stdint.h>
#include <string.h>

#include "ipc/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

static bool
continues(const char *s, size_t len)
{
	size_t i;

	for (i = 1; i < len; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return (false);
	return (true);
}

/* The second byte is what rules out overlong forms and surrogates. */
size_t
utf8_sequence(const char *s, size_t n)
{
	unsigned char a, b;

	if (n == 0)
		return (0);
	a = (unsigned char)s[0];
	if (a < 0x80)
		return (1);
	if (a < 0xc2 || a > 0xf4 || n < 2)
		return (0);
	b = (unsigned char)s[1];
	if (a < 0xe0)
		return (continues(s, 2) ? 2 : 0);
	if (a < 0xf0) {
		if ((a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f))
			return (0);
		return (n >= 3 && continues(s, 3) ? 3 : 0);
	}
	if ((a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f))
		return (0);
	return (n >= 4 && continues(s, 4) ? 4 : 0);
}

bool
utf8_is_valid(const char *text, size_t len)
{
	const uint64_t high = 0x8080808080808080U;
	uint64_t word;
	size_t i = 0, n;

	while (i < len) {
		/* most of it is ASCII: eight bytes at a time */
		for (; i + sizeof(word) <= len; i += sizeof(word)) {
			memcpy(&word, text + i, sizeof(word));
			if ((word & high) != 0)
				break;
		}
		if (i == len)
			break;
		if ((n = utf8_sequence(text + i, len - i)) == 0)
			return (false);
		i += n;
	}
	return (true);
}

void
utf8_clean(struct buf *out, const char *text, size_t len)
{
	size_t good = 0, i = 0, n;

	while (i < len) {
		n = text[i] == '\0' ? 0 : utf8_sequence(text + i, len - i);
		if (n != 0) {
			i += n;
			continue;
		}
		buf_add(out, text + good, i - good);
		buf_adds(out, REPLACEMENT);
		good = ++i;
	}
	buf_add(out, text + good, len - good);
}

size_t
utf8_prefix(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return (len);
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return (max);
}

char *
utf8_line(const char *text, size_t max)
{
	struct buf b = BUF_INITIALIZER;
	size_t i, len, n;

	len = strnlen(text, max + 4);
	n = utf8_prefix(text, len, max);
	utf8_clean(&b, text, n);
	for (i = 0; i < b.len; i++) {
		unsigned char c = (unsigned char)b.data[i];

		if (c < ' ' || c == 0x7f)
			b.data[i] = ' ';
		/* C1 controls, which terminals obey too: U+0080 to U+009F */
		if (c == 0xc2 && i + 1 < b.len &&
		    (unsigned char)b.data[i + 1] < 0xa0)
			b.data[i] = b.data[i + 1] = ' ';
	}
	if (n < len)
		buf_adds(&b, "...");
	return (buf_detach(&b));
}
