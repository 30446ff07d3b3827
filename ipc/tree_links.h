/*
 * What a copy of a tree takes over from the last one: which files are the
 * same, and their hard links, which a second thread helps to make.
 */

#ifndef IPC_TREE_LINKS_H
#define IPC_TREE_LINKS_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "ipc/buf.h"
#include "ipc/tree.h"

/* An index is of the copy that begins here; known: the last one's, or NULL. */
void tree_index_begin(
    struct tree_index *, const char *copy, const struct tree_index *known);

/* The directory of its copy, to read; -1 and errno. */
int tree_index_open(const struct tree_index *);

/* The file of that name in the directory dir of the copy was made of st. */
void tree_index_add(
    struct tree_index *, const struct stat *st, ino_t dir, const char *name);
bool tree_index_has(const struct tree_index *, const struct stat *st, ino_t dir,
    const char *name);

/* A directory's or file's mode and time of modification; 0, or -1 and errno. */
int tree_dress(int fd, mode_t mode, struct timespec mtime);

struct tree_link {
	size_t name; /* where in names it begins */
	size_t depth;
	off_t size;
};

/* Links in one directory. */
struct tree_job {
	int last;  /* its place in the last copy, */
	int to;    /* in this one, */
	int from;  /* and in the tree: see tree_job_source() */
	ino_t ino; /* of to */
	mode_t mode;
	struct timespec mtime;
	struct buf path; /* in the tree, with a "/" behind it */
	const struct tree_link *links;
	const char *names;
	size_t at; /* the next to be made */
	size_t n;
	/* where from is found if it is -1 */
	int above;
	const char *name;
	const struct stat *st;
};

const char *tree_job_name(const struct tree_job *); /* of the next */

/* Make the next link; 0, or -1 and errno. */
int tree_job_link(const struct tree_job *);

/* from, opened if it was not; -1 and errno (ESTALE: it is another one now). */
int tree_job_source(struct tree_job *);

/*
 * The links of a copy.  Those of the directories that one stands in wait on
 * a stack; as a directory is left, they become a job.  All of this is called
 * in one thread, the caller's.
 */
struct tree_links;

/* NULL, with which nothing is ever added: nobody could help. */
struct tree_links *tree_links_new(void);

/* Ends what is under way and forgets what is not. */
void tree_links_free(struct tree_links *);

/* For the directory at this depth.  False: it has to be linked at once. */
bool tree_links_add(
    struct tree_links *, size_t depth, const char *name, off_t size);

/* Set a job's links to those of this depth, if there are any. */
bool tree_links_top(const struct tree_links *, size_t depth, struct tree_job *);
void tree_links_pop(struct tree_links *, const struct tree_job *);

/*
 * Have it done, with mode and time of modification behind its links; last and
 * to stay the caller's.  False: the caller does it, and closes from.
 */
bool tree_links_put(struct tree_links *, struct tree_job *);

/*
 * A job for the caller to go on with, and then to give back: one in which a
 * link could not be made, or (any) one that nobody began.  Or NULL.
 */
struct tree_job *tree_links_take(struct tree_links *, bool any);
void tree_links_give_back(struct tree_links *, struct tree_job *);

/* Wait so long for one.  False: there is none any more, all are done. */
bool tree_links_wait(struct tree_links *, int64_t ms);

#endif
