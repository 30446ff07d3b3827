/*
 * Attempts at the whole question: once the final answer is there, the agent
 * that gave it may ask for another attempt by all.
 */

#ifndef SUPERVISOR_ATTEMPT_H
#define SUPERVISOR_ATTEMPT_H

#include "supervisor/run.h"

/* Whether another attempt may follow the one that is being presented. */
bool attempt_may_follow(const struct run *);

/* What a turn's message says about attempts; for attempt_release_turn. */
void attempt_fill_turn(const struct run *, bool presentation, struct msg *);
void attempt_release_turn(struct msg *);

/*
 * The presenter, whose final answer is text, asks for another attempt: all
 * agents go back to work, with its reason and instructions.
 */
void attempt_begin(struct run *, const char *text, struct json_object *restart);

#endif
