/*
 * The only way to start another program: with its three standard descriptors
 * and perhaps a few more, in its own process group, with
 * default signal handling, nothing else inherited, and gone when we are.
 */

#ifndef IPC_SPAWN_H
#define IPC_SPAWN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#define SPAWN_PASS_MAX 4

struct spawn {
	char *const *argv;
	char *const *envp;
	const char *dir; /* its working directory; NULL: ours */
	int fds[3];      /* become 0, 1 and 2; stay the caller's */
	const int *pass; /* more of them, which become 3, 4 and so on */
	size_t npass;
	bool session;     /* leads a session, which has no terminal */
	int death_signal; /* sent to it when we die; 0: none.  See prctl(2),
			   * PR_SET_PDEATHSIG: it follows our thread. */

	/*
	 * Called in the child first of all, with our descriptors still open;
	 * it may do only what signal-safety(7) allows.  NULL if it did what
	 * it is for, or else the name of what failed, and errno.
	 */
	const char *(*enter)(void *arg);
	void *arg;
};

/*
 * Returns the pid once exec has succeeded, or -1 with the reason in err
 * and errno, a failed exec included.  argv[0] is a path or a name for PATH.
 */
pid_t spawn_run(const struct spawn *, char *err, size_t errlen);

/*
 * As spawn_run, with a pipe at each of its three standard descriptors, whose
 * other ends go to ours[] and do not block.  fds is not looked at.
 */
pid_t spawn_piped(const struct spawn *, int ours[3], char *err, size_t errlen);

/* As spawn_run; *entered tells whether only what follows enter failed. */
pid_t spawn_enter(
    const struct spawn *, bool *entered, char *err, size_t errlen);

/*
 * A pipe whose ends are both close-on-exec.  Returns 0, or -1 and errno.
 */
int spawn_pipe(int fds[2]);

#endif
