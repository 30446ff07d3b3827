/*
 * massgen gc: what runs that were killed left behind, ended and removed.
 * A run that still lives is left alone, with all that is nested in it.
 */

#ifndef SUPERVISOR_NEST_GC_H
#define SUPERVISOR_NEST_GC_H

/*
 * The command, with its arguments behind "gc"; says on standard output what
 * it did.  Returns the exit code.
 */
int gc_main(int argc, char **argv);

#endif
