/*
 * What a run produces, on disk: the run directory itself, a directory for
 * each step of each agent, and files whose size and digest are known.
 */

#ifndef SUPERVISOR_RECORD_ARTIFACT_H
#define SUPERVISOR_RECORD_ARTIFACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#define ARTIFACT_SHA256_LEN 65 /* hexadecimal, with its NUL */

struct artifact {
	char *path; /* relative to the run directory; the owner frees it */
	int64_t bytes;
	char sha256[ARTIFACT_SHA256_LEN];
};

/*
 * Local time with the microseconds: 20251105_062604_250281, as directories
 * are named, or 2025-11-05T06:26:04.250281.
 */
#define ARTIFACT_STAMP_LEN 32
void artifact_stamp(char stamp[ARTIFACT_STAMP_LEN], bool iso, double time);

/*
 * Create a run directory log_YYYYMMDD_HHMMSS_ffffff below root, which is
 * created if need be.  Returns its absolute path, malloc'd, or NULL and
 * errno; *out_wanted then says (malloc'd) what was tried.
 */
char *artifact_run_dir(const char *root, char **out_wanted);

/*
 * Create the directory of an agent's next step, "agent/YYYYMMDD_...".
 * Returns the malloc'd path relative to the run directory, or NULL and
 * errno.
 */
char *artifact_step_dir(const char *run_dir, const char *agent);

/*
 * Write dir/name whole; dir is relative to the run directory and exists.
 * With out it is described there.  It is synced with its folder at the end:
 * see durable.h.  Returns 0, or -1 and errno.
 */
int artifact_write(const char *run_dir, const char *dir, const char *name,
    const void *data, size_t len, struct artifact *out);

void artifact_release(struct artifact *);

/* {"path", "bytes", "sha256"}, the caller's; a name may be any bytes. */
struct json_object *artifact_json(const struct artifact *);

#endif
