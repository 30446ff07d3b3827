/*
 * Ways out of a sandbox, tried one by one.  A probe returns 0 if its way is
 * open, -1 and errno if it is closed, NOT_HERE if this machine has no such
 * way at all.
 */

#ifndef TESTS_BIN_ESCAPE_H
#define TESTS_BIN_ESCAPE_H

#include <sys/types.h>

#define NOT_HERE   1
#define LEAKED_FD  99  /* which the tester leaves open */
#define WAIT_MS    300 /* for the answer of somebody outside */
#define SECRET     "secret\n"
#define SECRET_LEN 7

struct probe {
	const char *name;
	int (*try)(void);
};

/* Each ends with a row without a name. */
extern const struct probe file_probes[];
extern const struct probe process_probes[];
extern const struct probe network_probes[];
extern const struct probe kernel_probes[];

/*
 * The running probe's own file and directory outside, its own name in the
 * workspace, and its own file among what is kept.
 */
const char *outside_file(void);
const char *outside_dir(void);
const char *mine(void);
const char *kept(void);

/* What the tester says in the environment. */
const char *fact(const char *name);
long fact_number(const char *name);
pid_t victim(void);

/* Close it if it is a descriptor: 0, or -1 and errno. */
int opened(int fd);

/* Make mine(), with something in it. */
int make_mine(void);

/*
 * The process outside that probes are aimed at: says on standard output what
 * is to be known of it, serves its sockets until standard input ends.
 */
int run_victim(const char *dir);

#endif
