/*
 * What a command may do, as the options of confine(8) say it.  Every level
 * is derived from this alone.
 */

#ifndef AGENT_WORKER_CONFINE_POLICY_H
#define AGENT_WORKER_CONFINE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct path {
	const char *name; /* as it was given */
	char *real;       /* without links */
};

struct paths {
	struct path *list;
	size_t n;
};

struct policy {
	const char *level; /* a name; see level.h */
	struct paths read;
	struct paths write;
	struct paths keep;
	const char *tmp; /* NULL: none; it is among write, too */
	const char *dir; /* NULL: ours */
	bool network;
	int64_t memory; /* bytes; 0: no limit, as below */
	int64_t processes;
	int64_t file_size;
	int64_t cpu_seconds;
	int64_t grace_ms;
	int report;  /* a descriptor, or -1 */
	int control; /* likewise: we are the reaper inside; see run.c */
	int command; /* likewise: what to run comes from there; see order.h */
	bool probe;  /* instead of a command */
	char **argv; /* empty where it comes from there */
};

/*
 * Fill in the policy from the command line.  Returns 0, or -1 after saying
 * what is wrong with it.
 */
int policy_parse(struct policy *, int argc, char **argv);
void policy_release(struct policy *);

/* Add what the name leads to; false if that is nowhere. */
bool paths_add(struct paths *, const char *name);

/* Whether the real path is one of them, or lies below one. */
bool paths_cover(const struct paths *, const char *real);

/*
 * Whether the real path may not be written because of what is kept: the
 * nearest above it counts, and of the same path what keeps it.
 */
bool policy_keeps(const struct policy *, const char *real);

/* Whether one of them lies below this directory. */
bool paths_lie_below(const struct paths *, const char *real);

#endif
