/*
 * Who wins: a pure function of the session, the same for the same events.
 */

#ifndef SUPERVISOR_DECIDE_VOTE_H
#define SUPERVISOR_DECIDE_VOTE_H

#include <stddef.h>

#include "supervisor/decide/session.h"

/*
 * The agent with most standing votes, then the lowest estimated cost, then
 * the earliest latest answer, then the first id in byte order; only agents
 * with an answer count.  Returns its index, or -1 if nobody answered.  The
 * malloc'd reason says which of these decided.
 */
int vote_winner(const struct session *, char **out_reason);

#endif
