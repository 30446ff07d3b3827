/*
 * What a program without tools decided, as its text says it: a JSON object
 * that begins on a line of its own, {"action": "vote", "agent_id": ...,
 * "reason": ...} or {"action": "new_answer", "content": ...}.  Pure.
 */

#ifndef AGENT_WORKER_COMMAND_DECISION_H
#define AGENT_WORKER_COMMAND_DECISION_H

#include <stddef.h>

enum decision_kind {
	DECISION_NONE,
	DECISION_ANSWER,
	DECISION_VOTE,
};

struct decision {
	enum decision_kind kind;
	char *agent;  /* of a vote: whom it names, or NULL */
	char *reason; /* of a vote: never NULL */
	char *text;   /* an answer's content; else what stands above the
		       * object, or all where there is none.  Never NULL */
};

/*
 * Find the last such object in text, which a NUL follows.  An answer without
 * content is what stands above it.  The caller releases the decision.
 */
void decision_find(struct decision *, const char *text, size_t len);
void decision_release(struct decision *);

#endif
