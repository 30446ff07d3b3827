/* The header lines of one request. */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent-worker/mcp/headers.h"
#include "ipc/buf.h"
#include "ipc/xmalloc.h"

#define TOKEN                        \
	"!#$%&'*+-.^_`|~0123456789"  \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"abcdefghijklmnopqrstuvwxyz"
#define CODED_BEFORE "=?base64?"
#define CODED_AFTER  "?="

static bool
is_there(const struct headers *h, const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < h->n; i++)
		if (strncasecmp(h->lines[i], name, len) == 0 &&
		    h->lines[i][len] == ':')
			return (true);
	return (false);
}

void
headers_add(struct headers *h, const char *name, const char *value)
{
	if (*name == '\0' || name[strspn(name, TOKEN)] != '\0' ||
	    value == NULL || value[strspn(value, " \t")] == '\0' ||
	    strpbrk(value, "\r\n") != NULL || is_there(h, name))
		return;
	h->lines = xreallocarray(h->lines, h->n + 2, sizeof(*h->lines));
	h->lines[h->n++] = xasprintf("%s: %s", name, value);
	h->lines[h->n] = NULL;
}

static bool
is_plain(const char *value)
{
	size_t len = strlen(value), i;

	for (i = 0; i < len; i++)
		if (value[i] < ' ' || value[i] > '~')
			return (false);
	return (len > 0 && value[0] != ' ' && value[len - 1] != ' ' &&
	    strncmp(value, CODED_BEFORE, strlen(CODED_BEFORE)) != 0);
}

static void
add_base64(struct buf *out, const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text), i, n;
	unsigned int bits;
	char four[4];

	for (i = 0; i < len; i += 3) {
		n = len - i < 3 ? len - i : 3;
		bits = (unsigned int)(unsigned char)text[i] << 16;
		if (n > 1)
			bits |= (unsigned int)(unsigned char)text[i + 1] << 8;
		if (n > 2)
			bits |= (unsigned char)text[i + 2];
		four[0] = digits[bits >> 18];
		four[1] = digits[bits >> 12 & 63];
		four[2] = n > 1 ? digits[bits >> 6 & 63] : '=';
		four[3] = n > 2 ? digits[bits & 63] : '=';
		buf_add(out, four, sizeof(four));
	}
}

void
headers_add_coded(struct headers *h, const char *name, const char *value)
{
	struct buf coded = BUF_INITIALIZER;

	if (is_plain(value)) {
		headers_add(h, name, value);
		return;
	}
	buf_adds(&coded, CODED_BEFORE);
	add_base64(&coded, value);
	buf_adds(&coded, CODED_AFTER);
	headers_add(h, name, coded.data);
	buf_release(&coded);
}

/* There may be keys in them. */
void
headers_release(struct headers *h)
{
	size_t i;

	for (i = 0; i < h->n; i++) {
		explicit_bzero(h->lines[i], strlen(h->lines[i]));
		free(h->lines[i]);
	}
	free(h->lines);
	*h = (struct headers) { NULL, 0 };
}
