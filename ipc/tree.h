/*
 * Trees of files that somebody else fills: walked, copied and removed with
 * descriptors only, so that no symlink is followed, no path is too long and
 * no depth too great, whatever is done to them meanwhile.
 */

#ifndef IPC_TREE_H
#define IPC_TREE_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returned by enter: not into this one, and no leave for it. */
#define TREE_SKIP 1

/*
 * What is done with each entry of a tree; each member may be NULL.  dir holds
 * the entry called name.  Each returns 0, or -1 and errno to stop the walk.
 */
struct tree_visitor {
	/* A directory, before what it holds and after it. */
	int (*enter)(void *, int dir, const char *name, const struct stat *);
	int (*leave)(void *, int dir, const char *name, const struct stat *);
	/* Anything else. */
	int (*entry)(void *, int dir, const char *name, const struct stat *);
	/* A directory that cannot be read, says errno; NULL: stop. */
	int (*unreadable)(void *, int dir, const char *name);
	bool force; /* make directories readable and writable first */
};

/*
 * Walk the directory called name in dir (AT_FDCWD and a path will do), which
 * is no symlink; it is the first to be entered and the last to be left.  What
 * vanishes meanwhile is passed over; a directory that is moved away while it
 * is walked is an error (ESTALE), and one of another file system is not
 * walked.  Returns 0, or -1 and errno.
 */
int tree_walk(int dir, const char *name, const struct tree_visitor *, void *);

/* Remove whatever name is, with all below it.  0, also if it was not there. */
int tree_remove(int dir, const char *name);

/* Remove what a directory holds, but not what is called keep (or NULL). */
int tree_empty(const char *path, const char *keep);

/*
 * The way down into a tree: the directory that one stands in, and which ones
 * lead there, so that going up by ".." is known to come back to them.
 */
struct tree_trail {
	int fd; /* -1: before the first */
	struct tree_step {
		dev_t dev;
		ino_t ino;
	} * steps;
	size_t depth;
	size_t size;
};

/* Into fd, which is taken.  0, or -1 and errno. */
int tree_trail_down(struct tree_trail *, int fd);

/* Back; from the first, to -1.  0, or -1 and errno (ESTALE). */
int tree_trail_up(struct tree_trail *);
void tree_trail_release(struct tree_trail *);

/*
 * What a copy was made of: lets the next one take over unchanged files
 * (same inode, size and times) as hard links.
 */
struct tree_index;

struct tree_index *tree_index_new(void);
void tree_index_free(struct tree_index *); /* of NULL: nothing */

struct tree_want {
	const char *from; /* a directory, no symlink, as the next */
	const char *to;   /* is made, and must not exist */
	bool into;        /* it exists, with nothing but what is skipped */
	const char *skip; /* name of what is left out wherever it is; or NULL */
	int64_t max_bytes; /* of content copied: more is EFBIG; 0: no limit */
	const struct tree_index *known; /* of the last copy; or NULL */
	struct tree_index *made; /* new; is filled with this one; or NULL */
	/* called now and then: false ends it with ECANCELED; or NULL */
	bool (*go_on)(void *arg);
	/* told of what was left out, with its path in the tree; or NULL */
	void (*left_out)(void *arg, const char *path, const char *why);
	void *arg;
};

struct tree_sum {
	int64_t files;    /* regular ones, those next included */
	int64_t linked;   /* taken over from the last copy */
	int64_t bytes;    /* of all files */
	int64_t left_out; /* told or not */
};

/*
 * Copy a tree: directories, files and symlinks with their modes (without
 * set-id bits) and times of modification.  Content is shared where the file
 * system can (FICLONE), else copied in the kernel; holes stay holes.  A
 * symlink is kept as it is if it can only lead to something in the tree: a
 * relative one with ".." only at its beginning, and no more of them than there
 * are directories above it.  Left out: other symlinks, sockets, devices and
 * FIFOs, and what cannot be read.  Several names of one file become several
 * files.  Content that would leave less than 256 KiB of the disk is not copied:
 * ENOSPC, so that records can still be written.  sum may be NULL.  Returns 0,
 * or -1 and errno with a part of it in place, which is the caller's to remove.
 *
 * A second thread may link meanwhile, with all signals blocked; it has ended on
 * return, and go_on and left_out are called in the caller's only.
 */
int tree_copy(const struct tree_want *, struct tree_sum *sum);

#endif
