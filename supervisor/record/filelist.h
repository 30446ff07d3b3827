/* What files there are in a directory, with size and digest of each. */

#ifndef SUPERVISOR_RECORD_FILELIST_H
#define SUPERVISOR_RECORD_FILELIST_H

#include <stdint.h>

#include <json-c/json.h>

/* The most files of one directory that are listed. */
#define FILELIST_MAX 10000

/*
 * Append to list a row {path, bytes, sha256} for each regular file below
 * run_dir/dir, in the order of their paths, which are relative to run_dir
 * and begin with dir.  Returns how many were left out: those past the
 * maximum, those with a path over PATH_MAX, which nobody could open by it,
 * and those that could not be read.
 */
int64_t filelist_append(
    struct json_object *list, const char *run_dir, const char *dir);

#endif
