/* What --validate does: a configuration is looked at, and nothing is run. */

#ifndef SUPERVISOR_VALIDATE_H
#define SUPERVISOR_VALIDATE_H

#include "supervisor/options.h"

/*
 * Print what is wrong with the configuration that the options name, and
 * what would hold the tools of its agents here.  Returns the exit code.
 */
int validate(const struct options *);

#endif
