/* The configurations that ship with the program. */

#ifndef SUPERVISOR_CONFIG_EXAMPLES_H
#define SUPERVISOR_CONFIG_EXAMPLES_H

#include "supervisor/config/config.h"

/*
 * The path of one by its name: relative to the folder, with or without
 * "configs/" before and ".yaml" behind, or a file name that is there only
 * once.  Returns a malloc'd path, or NULL and the reason, with the names
 * that come near, in err.
 */
char *example_find(const char *name, char *err, size_t errlen);

/* The folder itself, whether it is there or not; the caller frees it. */
char *examples_dir(void);

#endif
