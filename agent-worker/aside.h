/*
 * Model calls beside those of the turn itself, each a short one with a
 * history of its own: the plan before, the look at what cannot be taken
 * back, the look at the final answer.  Nothing that goes wrong in one of
 * them ends the turn.
 */

#ifndef AGENT_WORKER_ASIDE_H
#define AGENT_WORKER_ASIDE_H

#include "agent-worker/agent.h"

/*
 * A plan goes into the agent's own context, once.  False: the turn is over.
 */
bool aside_plan(struct agent *, const struct backend *);

/*
 * Which tools may do what cannot be taken back: says a "planning" message.
 * A call that fails, or a reply that does not say, holds back all of them.
 * False: the turn is over.
 */
bool aside_classify(struct agent *, const struct backend *);

/*
 * Whether the final answer will do.  If not, m, the message that carries it,
 * is told what another attempt has to do better: m->restart, for the caller
 * to put.  False: the turn is over.
 */
bool aside_evaluate(
    struct agent *, const struct backend *, const char *answer, struct msg *m);

/* What a classification says, from its text; the caller puts it. */
struct json_object *aside_read_blocked(const char *text);

#endif
