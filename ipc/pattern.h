/*
 * The patterns by which a configuration allows and refuses commands: who
 * checks them and who holds commands to them means the same.
 */

#ifndef IPC_PATTERN_H
#define IPC_PATTERN_H

/*
 * The POSIX extended regular expression (regex(7)) that a pattern stands for:
 * it matches from the start of a text, not necessarily to its end, and \d, \D,
 * \w, \s and (?: mean what they do in Python.  malloc'd; regcomp(3) says
 * whether it is one.
 */
char *pattern_posix(const char *pattern);

#endif
