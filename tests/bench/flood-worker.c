/*
 * A worker for the bench: in its first turn it reports usage as often as
 * FLOOD_MESSAGES says, as fast as it is read, then answers; then it votes.
 */

#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/msg.h"

static void
send_all(struct buf *b)
{
	size_t off = 0;
	ssize_t n;

	while (off < b->len) {
		n = write(STDOUT_FILENO, b->data + off, b->len - off);
		if (n == -1)
			err(1, "write");
		off += (size_t)n;
	}
	b->len = 0;
}

static void
say(struct msg m)
{
	struct buf b = BUF_INITIALIZER;

	msg_encode(&m, &b);
	send_all(&b);
	buf_release(&b);
}

static void
flood(int64_t turn, long count)
{
	struct msg m = { .type = MSG_USAGE,
		.turn = turn,
		.input_tokens = 1000,
		.output_tokens = 100 };
	struct buf b = BUF_INITIALIZER;
	long i;

	for (i = 0; i < count; i++) {
		msg_encode(&m, &b);
		if (b.len > 60000)
			send_all(&b);
	}
	send_all(&b);
	buf_release(&b);
}

static void
take_turn(const struct msg *m, long count)
{
	static bool answered;

	if (strcmp(m->kind, "present") == 0 || !answered) {
		if (!answered)
			flood(m->turn, count);
		answered = true;
		say((struct msg) {
		    .type = MSG_ANSWER, .turn = m->turn, .text = "done" });
	} else {
		say((struct msg) { .type = MSG_VOTE,
		    .turn = m->turn,
		    .agent = "agent1",
		    .seen = m->seen });
	}
}

int
main(void)
{
	const char *count = getenv("FLOOD_MESSAGES");
	char *line = NULL, why[256];
	size_t size = 0;
	struct msg m;
	ssize_t n;

	say((struct msg) { .type = MSG_HELLO, .version = MSG_VERSION });
	while ((n = getline(&line, &size, stdin)) > 0) {
		if (msg_decode(&m, MSG_TO_WORKER, line, (size_t)n - 1, why,
			sizeof(why)) == -1)
			errx(1, "%s", why);
		if (m.type == MSG_TURN)
			take_turn(&m, count == NULL ? 1 : atol(count));
		msg_release(&m);
	}
	free(line);
	return (0);
}
