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
 * NULL-terminated; for words_free.
 */
char **environment_worker_argv(const struct config *);

/* The path of confine(8), found likewise; the caller frees it. */
char *environment_confine(void);

/*
 * Where our programs and the shipped configurations are: an array of
 * absolute paths, the caller's.  Who may read them can start a massgen.
 */
struct json_object *environment_own_dirs(void);

/*
 * Add the variables that a tool needs to start the massgen that it runs
 * under, with the same parts: PATH, with our directory last, and what was
 * said of where the others are.
 */
void environment_put_own(struct json_object *env);

/* Our environment without every variable that holds a known secret. */
char **environment_worker_env(void);

#endif
