/*
 * What a run has cost: its agents' calls and the runs within it.  A part of
 * the fold in session.c, and called by that alone.
 */

#ifndef SUPERVISOR_DECIDE_ACCOUNT_H
#define SUPERVISOR_DECIDE_ACCOUNT_H

#include "supervisor/decide/session.h"

/* One call of the agent e->who. */
void account_usage(struct session *, const struct event *);

/* A nested run begins; how far one is, or how it ended. */
void account_child_opened(struct session *, const struct event *);
void account_child(struct session *, const struct event *);

#endif
