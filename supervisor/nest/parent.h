/*
 * The side of a run whose tools start runs of their own: it gives each its
 * leave, its time and its money, hears how it goes, and counts what it cost.
 * A nested run that dies is an event of its FIFO; nobody is polled.
 */

#ifndef SUPERVISOR_NEST_PARENT_H
#define SUPERVISOR_NEST_PARENT_H

#include <json-c/json.h>

struct run;

void parent_init(struct run *);
void parent_release(struct run *);

/*
 * What the agent's tools have to find in their environment so that a massgen
 * among them knows whose it is: an object of strings, the caller's.  The
 * first call for an agent opens its door.
 */
struct json_object *nest_env(struct run *, int agent);

/*
 * The directory of the agent's door, absolute, which its tools have to be
 * able to write; NULL before nest_env, or when it could not be made.
 */
const char *nest_dir(const struct run *, int agent);

/*
 * No tool is left.  Hear what nested runs said last; who did not say how it
 * ended is lost.
 */
void parent_finish(struct run *);

#endif
