/*
 * The levels: ways to hold one policy.  A level makes a stage, which says
 * what is executed, and in which walls.
 */

#ifndef AGENT_WORKER_CONFINE_LEVEL_H
#define AGENT_WORKER_CONFINE_LEVEL_H

#include <linux/filter.h>

#include <stdbool.h>
#include <stddef.h>

#include "agent-worker/confine/policy.h"

#define STAGE_PASS_MAX 4

struct stage {
	const struct policy *policy;
	char **argv;
	int pass[STAGE_PASS_MAX]; /* descriptors for it, from 3 on */
	size_t npass;
	int control; /* a socket to the reaper inside, or -1: we are it */
	int ruleset; /* of Landlock, or -1 */
	bool walled; /* privileges are given up for good */
	struct sock_fprog filter; /* of seccomp; without length: none */
	char **owned;             /* argv, where it was made up */
};

struct level {
	const char *name;
	/* Returns 0, or -1 and, in err, why there is no such level here. */
	int (*prepare)(struct stage *, char *err, size_t errlen);
};

/* From the strongest to the weakest; the last one's name is NULL. */
extern const struct level levels[];

/* NULL: there is none of that name. */
const struct level *level_find(const char *name);

int stage_prepare(struct stage *, const struct level *, const struct policy *,
    char *err, size_t errlen);
void stage_release(struct stage *);

/*
 * In the child, between fork and exec.  Returns NULL, or the name of what
 * failed, and errno.
 */
const char *stage_enter(void *stage);

/* The levels' own files. */
int bwrap_prepare(struct stage *, char *err, size_t errlen);
int landlock_prepare(struct stage *, char *err, size_t errlen);

/* What holds besides the filter, and decides what has to be in it. */
enum {
	FILTER_INET = 1 << 0,        /* sockets of the Internet are open */
	FILTER_SHARED_IPC = 1 << 1,  /* System V's is the user's, too */
	FILTER_NO_TRUNCATE = 1 << 2, /* no rule on paths holds truncate(2) */
};

/* The caller frees filter. */
void filter_make(struct sock_fprog *, unsigned int holds);

/* What every level lets a command read of the system. */
extern const char *const system_paths[];

#endif
