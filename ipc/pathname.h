/* Paths as they stand in a text. */

#ifndef IPC_PATHNAME_H
#define IPC_PATHNAME_H

/*
 * The text with another path wherever this one stands, for free().  It does
 * not stand where it only begins the name of another ("/w1" in "/w12" or
 * "/w1.old"); what is below it counts ("/w1/f"), and a dot may end the
 * sentence.
 */
char *pathname_replace(const char *text, const char *path, const char *by);

#endif
