/*
 * final_output/: every agent's last answer, and manifest.json, which says
 * what each agent did and what each file is.  In a dry run it depends on
 * the scenario alone.
 */

#ifndef SUPERVISOR_RECORD_MANIFEST_H
#define SUPERVISOR_RECORD_MANIFEST_H

#include "supervisor/decide/session.h"
#include "supervisor/record/artifact.h"

/* Relative to the run directory. */
#define MANIFEST_PATH "final_output/manifest.json"

/*
 * Write the folder.  texts are the answers' full texts by their index in
 * the session; final describes the final answer or is NULL.  outcome is
 * what the run is about to end with.  Returns 0, or -1 and errno.
 */
int manifest_write(const char *run_dir, const struct session *,
    char *const *texts, const struct artifact *final, const char *outcome);

#endif
