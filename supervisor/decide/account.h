/*
 * What a run has cost: its agents' calls and the runs within it.  A part of
 * the fold in session.c, and called by that alone, but for what is believed.
 */

#ifndef SUPERVISOR_DECIDE_ACCOUNT_H
#define SUPERVISOR_DECIDE_ACCOUNT_H

#include "supervisor/decide/session.h"

/* The most that is believed of one call, or of one nested run. */
#define ACCOUNT_TOKENS_MAX INT64_C(1000000000000000)
#define ACCOUNT_USD_MAX    1e9

/* What is believed of so many tokens or calls, or so many dollars: from 0. */
int64_t account_count(int64_t said);
double account_usd(double said);

/* One call of the agent e->who. */
void account_usage(struct session *, const struct event *);

/* A nested run begins; how far one is, or how it ended. */
void account_child_opened(struct session *, const struct event *);
void account_child(struct session *, const struct event *);

#endif
