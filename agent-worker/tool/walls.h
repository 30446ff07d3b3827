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
	char *path;  /* absolute, without symlinks; a file or a directory */
	char *given; /* the same, as the configuration writes it */
	bool file;   /* admits that file and nothing beside it */
	bool write;
	bool presenter; /* writable in the final presentation only */
	bool context;   /* the user's own: pathname_kept are kept in it */
	char **keep;    /* absolute; read-only even where it is writable */
	size_t nkeep;
};

struct walls {
	struct wall *list; /* the workspace first */
	size_t n;
	const char *workspace; /* borrowed from the configuration, as below */
	const char *tmp;
	const char *confine;       /* the program; see confine(8) */
	const char *level;         /* "bwrap", "landlock" or "off" */
	struct json_object *read;  /* array: more that programs may read, */
	struct json_object *write; /* and write: no tool of ours does */
	bool presenting;           /* see walls_present */
	bool looked;
};

/* Whether one of pathname_kept is among the names of a path. */
bool walls_has_kept_name(const char *path);

/* From "tools" of init, which has to outlive it. */
void walls_init(struct walls *, struct json_object *tools);
void walls_release(struct walls *);

/*
 * The final presentation begins, or is over.  At its first beginning, what
 * has a kept name in walls that open is added to what they keep, as far down
 * and as much as bounds allow, for programs.
 */
void walls_present(struct walls *, bool presenting);

/* Whether it may be written just now. */
bool wall_is_writable(const struct walls *, const struct wall *);

/*
 * Open what a tool names: an absolute path, or one relative to the
 * workspace; ".." undoes the name before it, whatever that is.  No symlink
 * leads out of the wall the path lies in (openat2(2), RESOLVE_BENEATH), an
 * absolute one not even within it; flags that write are refused where the
 * wall is not writable, or what the path comes to is kept.  Nothing is made:
 * see put.h.  Only files and
 * directories are opened, others with O_PATH alone.  A hard link to a file
 * outside cannot be told from a file inside.  Returns a close-on-exec
 * descriptor, or -1 with errno set and, in err, why, for the model to read.
 */
int walls_open(const struct walls *, const char *path, int flags, char *err,
    size_t errlen);

/*
 * The directory that holds (or would hold) what path names, for the *at()
 * calls (an O_PATH descriptor), and the last component in *out_name,
 * malloc'd, which may be a symlink.  Its entries may be changed: what is kept
 * is refused.  Errors as above; ENOENT too is one.
 */
int walls_open_parent(const struct walls *, const char *path, char **out_name,
    char *err, size_t errlen);

/*
 * The wall that path lies in, the deepest one, or NULL; where there is one,
 * what is left below it ("": the wall itself) in *out_rest, unless NULL, for
 * the caller to free.
 */
const struct wall *walls_find(
    const struct walls *, const char *path, char **out_rest);

/*
 * Where a descriptor of the above is now, without symlinks; the caller's to
 * free.  NULL with errno set.
 */
char *walls_real_path(int fd);

/*
 * Whether what stands at a path of walls_real_path may be changed; removed:
 * whether it may go from there, with all below it.  0, or -1 and errno and
 * err as above.
 */
int walls_may_change(
    const struct walls *, const char *real, char *err, size_t errlen);
int walls_may_go(
    const struct walls *, const char *real, char *err, size_t errlen);

/* Say why in err, set errno to error and return -1. */
int walls_refuse(char *err, size_t errlen, int error, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
