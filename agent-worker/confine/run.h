/*
 * One command: started in its walls, watched, and ended with everything that
 * it started.
 */

#ifndef AGENT_WORKER_CONFINE_RUN_H
#define AGENT_WORKER_CONFINE_RUN_H

#include "agent-worker/confine/level.h"

#define EXIT_WALLS     77  /* the level cannot be reached */
#define EXIT_NOT_RUN   126 /* as env(1) has it */
#define EXIT_NOT_FOUND 127

/*
 * Returns the exit status for confine, once nothing that the command started
 * is left; the report is written.  SIGTERM, SIGINT and SIGHUP end it.
 */
int run(const struct policy *, const struct level *);

#endif
