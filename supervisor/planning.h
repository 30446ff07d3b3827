/*
 * Planning mode: what tools of servers cannot take back waits until the
 * answer is chosen.  One agent says which tools that are; the others wait
 * for it with the first of theirs.
 */

#ifndef SUPERVISOR_PLANNING_H
#define SUPERVISOR_PLANNING_H

#include "supervisor/run.h"

/* Whether the run has anything to hold back. */
bool planning_is_on(const struct run *);

/* What a turn's message says of it: borrowed. */
void planning_fill_turn(struct run *, int agent, struct msg *);

void planning_on_message(struct call *);

/* The agent will not be started again: if nobody else says it, all wait. */
void planning_gone(struct run *, int agent);

#endif
