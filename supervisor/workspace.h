/*
 * The files of agents that act: each has a workspace of its own, of which its
 * worker makes a snapshot before each answer.  Here a snapshot gets its name,
 * by which everybody may read it and nobody may change it.  massgen(1), FILES,
 * says where what is.
 */

#ifndef SUPERVISOR_WORKSPACE_H
#define SUPERVISOR_WORKSPACE_H

#include "supervisor/run.h"

/* The directories of all agents that have tools; if none has, nothing. */
void workspace_init(struct run *);
void workspace_release(struct run *);

/* "tools" of an agent's init; the caller's.  NULL: it has none. */
struct json_object *workspace_tools(struct run *, int agent);

/*
 * The files that come with an answer become those of its label.  Returns
 * their path, relative to the run directory, for free(); NULL: there are none,
 * and if there should be, that was warned of.
 */
char *workspace_publish(
    struct run *, int agent, const struct msg *, const char *label);

/* Show them (or NULL: none) in a step's directory; both are relative. */
void workspace_link(const struct run *, const char *step, const char *files);

/*
 * The files that come with a presentation become dir/workspace, relative.
 * False: there are none, as above.
 */
bool workspace_present(
    struct run *, int agent, const struct msg *, const char *dir);

/*
 * What an agent says, for others to read; for free().  Where it names its
 * workspace, which tells who it is, it names those files (or NULL) instead.
 */
char *workspace_hide(
    const struct run *, int agent, const char *text, const char *files);

/*
 * No worker is left.  The winner's files, if its presentation left none, and
 * the end of what is nobody's.
 */
void workspace_finish(struct run *);

#endif
