/*
 * How an agent's file gets to its place whole: written beside its name, every
 * write and the close checked, then renamed.  A program of the agent's sees
 * the old file or the new one, never a part.
 */

#ifndef AGENT_WORKER_TOOL_PUT_H
#define AGENT_WORKER_TOOL_PUT_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>

#include "agent-worker/tool/walls.h"

struct put {
	int fd; /* takes the content */
	int dir;
	char *name;
	char *tmp; /* NULL: it is written in place */
};

/*
 * Begin a file, with the directories that it needs; where path leads through
 * a symlink within the walls, what the link names.  A wall that is a single
 * file is written in place: nothing may be put beside it.  Each function
 * returns 0, or -1 with errno set and, in err, why; after put_begin one of
 * the other two has to be called.
 */
int put_begin(struct put *, const struct walls *, const char *path, char *err,
    size_t errlen);

/*
 * The content is there.  like: permissions and times are taken from it, or
 * NULL.  Without replace a file that came to be there is an error (EEXIST).
 */
int put_commit(struct put *, const struct stat *like, bool replace, char *err,
    size_t errlen);
void put_abort(struct put *);

/* All of it at once. */
int put_text(const struct walls *, const char *path, const char *text,
    size_t len, char *err, size_t errlen);

/* mkdir -p. */
int put_dirs(const struct walls *, const char *path, char *err, size_t errlen);

/* A new name for a file or a directory, which nothing has yet. */
int put_move(const struct walls *, const char *from, const char *to, char *err,
    size_t errlen);

#endif
