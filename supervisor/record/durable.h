/*
 * Files and names put on stable storage, many at the same time: each of them
 * waits for the file system's journal, and together they wait once.
 */

#ifndef SUPERVISOR_RECORD_DURABLE_H
#define SUPERVISOR_RECORD_DURABLE_H

struct durable;

struct durable *durable_new(void);

/*
 * Begin with all files and names below a directory; with the names in a
 * directory alone, or the content of a file; with the content of an open file,
 * which stays the caller's and open until durable_wait.  What cannot be begun
 * with is told by durable_wait.
 */
void durable_tree(struct durable *, const char *path);
void durable_path(struct durable *, const char *path);
void durable_fd(struct durable *, int fd);

/*
 * Wait until all of it is there, and free it.  0, or -1 and the errno of the
 * first that failed.
 */
int durable_wait(struct durable *);

#endif
