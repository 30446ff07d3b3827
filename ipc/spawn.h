/*
 * The only fork of the program: start another program with its three
 * standard descriptors and perhaps a fourth, in its own process group, with
 * default signal handling, nothing else inherited, and gone when we are.
 */

#ifndef IPC_SPAWN_H
#define IPC_SPAWN_H

#include <sys/types.h>

#include <stddef.h>

struct spawn {
	char *const *argv;
	char *const *envp;
	const char *dir;  /* its working directory; NULL: ours */
	int fds[3];       /* become 0, 1 and 2; stay the caller's */
	int report;       /* likewise 3; 0: there is none */
	int death_signal; /* sent to it when we die; 0: none.  See prctl(2),
			   * PR_SET_PDEATHSIG: it follows our thread. */
};

/*
 * Returns the pid once exec has succeeded, or -1 with the reason in err
 * and errno, a failed exec included.  argv[0] is a path or a name for PATH.
 */
pid_t spawn_run(const struct spawn *, char *err, size_t errlen);

/*
 * A pipe whose ends are both close-on-exec.  Returns 0, or -1 and errno.
 */
int spawn_pipe(int fds[2]);

#endif
