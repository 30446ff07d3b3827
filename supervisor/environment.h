/*
 * What a worker is started with: where its program is, and an environment
 * without keys.
 */

#ifndef SUPERVISOR_ENVIRONMENT_H
#define SUPERVISOR_ENVIRONMENT_H

#include "supervisor/config/config.h"

/*
 * The launcher prefix, if any, and the worker's program: MASSGEN_WORKER,
 * else agent-worker beside our own program, else the installed one.
 * NULL-terminated; for environment_free.
 */
char **environment_worker_argv(const struct config *);

/* Our environment without every variable that holds a known secret. */
char **environment_worker_env(void);

void environment_free(char **argv, char **env);

#endif
