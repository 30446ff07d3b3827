/*
 * final_output/: every agent's last answer, and manifest.json, which says
 * what each agent did and what each file is; whole and on stable storage.  In a
 * dry run it depends on the scenario alone.
 */

#ifndef SUPERVISOR_RECORD_MANIFEST_H
#define SUPERVISOR_RECORD_MANIFEST_H

#include "supervisor/decide/session.h"
#include "supervisor/record/artifact.h"

/* Relative to the run directory. */
#define MANIFEST_PATH "final_output/manifest.json"

struct manifest;

/*
 * Make the folders that manifest_begin fills, where that is possible: for
 * when there is time.  Every agent with an answer must have its last.
 */
void manifest_make_folders(const char *run_dir, const struct session *);

/*
 * Write the agents' last answers to the folder, and begin to put them on
 * stable storage.  texts are the answers' full texts by their index in the
 * session; run_dir has to last.  What fails is told by manifest_end.
 */
struct manifest *manifest_begin(
    const char *run_dir, const struct session *, char *const *texts);

/* Begin likewise with all below another directory of the run. */
void manifest_sync(struct manifest *, const char *dir);

/*
 * Write the manifest itself, with what files there are, wait until all is on
 * stable storage, and free it.  The answers must still be those of
 * manifest_begin.  final describes the final answer or is NULL; outcome is
 * what the run is about to end with.  Returns 0, or -1 and errno.
 */
int manifest_end(struct manifest *, const struct session *,
    const struct artifact *final, const char *outcome);

#endif
