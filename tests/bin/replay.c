/*
 * Prints the status.json that a journal leads to: the fold of its events, at
 * the time of the last one.
 */

#include <err.h>
#include <stdio.h>

#include "supervisor/record/journal.h"
#include "supervisor/record/status.h"

static void
apply(void *arg, struct event *e)
{
	session_apply(arg, e);
}

int
main(int argc, char **argv)
{
	struct session *s = session_new();
	struct buf text = BUF_INITIALIZER;
	char why[300];

	if (argc != 2)
		errx(2, "usage: replay events.ndjson");
	if (journal_read(argv[1], apply, s, why, sizeof(why)) == -1)
		errx(1, "%s", why);
	status_format(s, s->last_time, &text);
	if (fwrite(text.data, 1, text.len, stdout) != text.len ||
	    fflush(stdout) == EOF)
		err(1, "standard output");
	buf_release(&text);
	session_free(s);
	return (0);
}
