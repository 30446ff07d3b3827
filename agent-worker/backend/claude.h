/*
 * The parts of Anthropic's Messages API: claude.c builds requests and the
 * history, claude_reply.c reads what answers them, claude_finish.c makes of
 * that what is run and what goes into the history.
 */

#ifndef AGENT_WORKER_BACKEND_CLAUDE_H
#define AGENT_WORKER_BACKEND_CLAUDE_H

#include "agent-worker/backend/backend.h"

/* What comes in pieces: by which delta, and into which member of a block. */
enum piece {
	PIECE_TEXT,
	PIECE_THINKING,
	PIECE_SIGNATURE,
	PIECE_INPUT, /* JSON text, without NUL */
	PIECE_COMPACTION,
	NPIECES
};

struct claude_piece {
	const char *delta;
	const char *from; /* of the delta */
	const char *to;   /* of the block */
};
extern const struct claude_piece claude_pieces[NPIECES];

/* A reply is a list of these. */
struct block {
	int64_t index;
	struct json_object *object; /* as it began */
	struct buf pieces[NPIECES];
	bool ended;
};

enum count {
	COUNT_INPUT,
	COUNT_CACHE_WRITE,
	COUNT_CACHE_READ,
	COUNT_OUTPUT,
	NCOUNTS
};

/* What has come of a reply so far. */
struct partial {
	struct block *blocks;
	size_t nblocks;
	bool gap; /* something else came since the text */
	int64_t tokens[NCOUNTS];
};

/* That of a reply, made when there is none; the reply keeps it. */
struct partial *claude_partial(struct reply *);

/* See struct backend for each. */
void claude_consume_event(const struct backend_config *, struct reply *,
    const char *event, const char *data, size_t len);
void claude_consume_body(const struct backend_config *, struct reply *,
    long status, const char *body, size_t len);
void claude_finish(const struct backend_config *, struct reply *);

#endif
