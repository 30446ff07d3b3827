/*
 * What an agent's tools may read and write: its roots, from which both the
 * file tools and the confinement of programs are derived.
 */

#ifndef AGENT_WORKER_TOOL_WALLS_H
#define AGENT_WORKER_TOOL_WALLS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

struct wall {
	char *path; /* absolute, without symlinks; a file or a directory */
	bool write;
	bool presenter; /* writable in the final presentation only */
	char **keep;    /* absolute; read-only even where it is writable */
	size_t nkeep;
};

struct walls {
	struct wall *list; /* the workspace first */
	size_t n;
	const char *workspace; /* borrowed from the configuration, as below */
	const char *tmp;
	const char *confine;      /* the program; see confine(8) */
	const char *level;        /* "bwrap", "landlock" or "off" */
	struct json_object *read; /* array: more that programs may read */
	bool presenting;
};

/* From "tools" of init, which has to outlive it. */
void walls_init(struct walls *, struct json_object *tools);
void walls_release(struct walls *);

/* Whether it may be written just now. */
bool wall_is_writable(const struct walls *, const struct wall *);

/*
 * Open what a tool names: an absolute path, or one relative to the
 * workspace.  Neither ".." nor any symlink leads out of the wall it begins
 * in (openat2(2), RESOLVE_BENEATH); flags that write are refused where the
 * wall is not writable, or the path is kept.  Returns a close-on-exec
 * descriptor, or -1 and, in err, why, for the model to read.
 */
int walls_open(const struct walls *, const char *path, int flags, mode_t,
    char *err, size_t errlen);

/*
 * The directory that holds (or would hold) what path names, for the *at()
 * calls, and the last component in *out_name, malloc'd.  write: its entries
 * are going to change.  Errors as above; ENOENT too is one.
 */
int walls_open_parent(const struct walls *, const char *path, bool write,
    char **out_name, char *err, size_t errlen);

#endif
