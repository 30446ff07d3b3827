/*
 * What a command may do, as the options of confine(8) say it.  Every level
 * is derived from this alone.
 */

#ifndef AGENT_WORKER_CONFINE_POLICY_H
#define AGENT_WORKER_CONFINE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct paths {
	const char **list;
	size_t n;
};

struct policy {
	const char *level; /* a name; see level.h */
	struct paths read;
	struct paths write;
	struct paths keep;
	const char *tmp; /* NULL: none */
	const char *dir; /* NULL: ours */
	bool network;
	int64_t memory; /* bytes; 0: no limit, as below */
	int64_t processes;
	int64_t file_size;
	int64_t cpu_seconds;
	int64_t grace_ms;
	int report;    /* a descriptor, or -1 */
	int control;   /* likewise; its end of file asks for the end */
	bool own_user; /* nobody else's processes count as ours */
	bool probe;    /* instead of a command */
	char **argv;
};

/*
 * Fill in the policy from the command line.  Returns 0, or -1 after saying
 * what is wrong with it.
 */
int policy_parse(struct policy *, int argc, char **argv);
void policy_release(struct policy *);

void paths_add(struct paths *, const char *);

/* Whether path is dir or lies below it; both are absolute and normal. */
bool path_is_below(const char *path, const char *dir);

#endif
