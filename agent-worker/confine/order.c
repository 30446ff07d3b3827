/* What is to be run, as it comes on a descriptor. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/confine/order.h"
#include "ipc/xmalloc.h"

#define READ_LEN 65536
#define TEXT_MAX ((size_t)8 * 1024 * 1024) /* execve(2) takes 6 at most */
#define HEAD     2                         /* words before the arguments */

static size_t
count_words(const struct buf *text)
{
	size_t i, n = 0;

	for (i = 0; i < text->len; i++)
		n += text->data[i] == '\0' ? 1 : 0;
	return (n);
}

/* False: it is not all there. */
static bool
parse(struct order *o)
{
	size_t n = count_words(&o->text), i, nargs;
	char *word = o->text.data;

	if (n < HEAD + 1 || o->text.data[o->text.len - 1] != '\0')
		return (false);
	o->dir = word;
	word += strlen(word) + 1;
	nargs = strtoul(word, NULL, 10);
	if (nargs == 0 || nargs > n - HEAD)
		return (false);
	/* a NULL behind the arguments, and one behind the environment */
	o->words = xcalloc(n - HEAD + 2, sizeof(*o->words));
	o->argv = o->words;
	o->envp = o->words + nargs + 1;
	for (i = 0; i < n - HEAD; i++) {
		word += strlen(word) + 1;
		o->words[i < nargs ? i : i + 1] = word;
	}
	return (true);
}

void
order_read(struct order *o, int fd)
{
	ssize_t n = read(fd, buf_reserve(&o->text, READ_LEN), READ_LEN);

	if (n > 0)
		o->text.len += (size_t)n;
	if (o->text.len > TEXT_MAX)
		o->state = ORDER_NONE;
	else if (n == 0)
		o->state = parse(o) ? ORDER_GIVEN : ORDER_NONE;
	else if (n == -1 && errno != EINTR && errno != EAGAIN)
		o->state = ORDER_NONE;
}

void
order_release(struct order *o)
{
	free(o->words);
	buf_release(&o->text);
}
