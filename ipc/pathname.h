/* Paths as text. */

#ifndef IPC_PATHNAME_H
#define IPC_PATHNAME_H

#include <stdbool.h>

/*
 * Names that are read-only wherever they stand in a directory of the user's:
 * what version control, environments and caches own.  NULL ends the list.
 */
extern const char *const pathname_kept[];

/* Whether path is dir or lies below it; both are absolute and normal. */
bool pathname_is_in(const char *path, const char *dir);

/*
 * The text with another path wherever this one stands, for free().  It does
 * not stand where it only begins the name of another ("/w1" in "/w12" or
 * "/w1.old"); what is below it counts ("/w1/f"), and a dot may end the
 * sentence.
 */
char *pathname_replace(const char *text, const char *path, const char *by);

#endif
