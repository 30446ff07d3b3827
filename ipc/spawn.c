/* The only place from which a process is started. */

#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/spawn.h"

struct failure {
	int error;
	bool entered;
	const char *what; /* same address in both processes until exec */
};

int
spawn_pipe(int fds[2])
{
	return (pipe2(fds, O_CLOEXEC));
}

/* From here to exec only async-signal-safe calls: see signal-safety(7). */
static void __attribute__((noreturn))
child_report(int fd, bool entered, const char *what)
{
	struct failure f;
	ssize_t n;

	memset(&f, 0, sizeof(f)); /* its padding is written too */
	f.error = errno;
	f.entered = entered;
	f.what = what;
	n = write(fd, &f, sizeof(f));
	_exit(n == sizeof(f) ? 127 : 126);
}

static void __attribute__((noreturn)) child_fail(int fd, const char *what)
{
	child_report(fd, true, what);
}

static void
child_signals(void)
{
	struct sigaction sa;
	sigset_t none;
	int sig;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	for (sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * Out of the way of the targets, so that no dup2 closes a descriptor that is
 * still to be used.
 */
static int
child_raise(int fd, int targets, int error_fd)
{
	int high;

	if ((high = fcntl(fd, F_DUPFD_CLOEXEC, targets)) == -1)
		child_fail(error_fd, "fcntl");
	return (high);
}

static int
child_source(const struct spawn *sp, int target)
{
	return (target < 3 ? sp->fds[target] : sp->pass[target - 3]);
}

/* The pipe that reports exec is kept right behind the targets. */
static void
child_descriptors(const struct spawn *sp, int *error_fd)
{
	int fds[3 + SPAWN_PASS_MAX], i, n = 3 + (int)sp->npass, high;

	for (i = 0; i < n; i++)
		fds[i] = child_raise(child_source(sp, i), n + 1, *error_fd);
	high = *error_fd = child_raise(*error_fd, n + 1, *error_fd);
	for (i = 0; i < n; i++)
		if (dup2(fds[i], i) == -1)
			child_fail(*error_fd, "dup2");
	if (dup3(high, n, O_CLOEXEC) == -1)
		child_fail(*error_fd, "dup3");
	*error_fd = n;
	close_range((unsigned int)n + 1, ~0U, 0);
}

static void __attribute__((noreturn))
child(const struct spawn *sp, int error_fd, pid_t parent)
{
	const char *failed;

	child_signals();
	if (sp->enter != NULL && (failed = sp->enter(sp->arg)) != NULL)
		child_report(error_fd, false, failed);
	if (sp->session ? setsid() == -1 : setpgid(0, 0) == -1)
		child_fail(error_fd, sp->session ? "setsid" : "setpgid");
	child_descriptors(sp, &error_fd);
	if (sp->death_signal != 0) {
		if (prctl(PR_SET_PDEATHSIG, sp->death_signal) == -1)
			child_fail(error_fd, "prctl");
		/* the parent may have died before the call took effect */
		if (getppid() != parent)
			_exit(0);
	}
	if (sp->dir != NULL && chdir(sp->dir) == -1)
		child_fail(error_fd, "chdir");
	execvpe(sp->argv[0], sp->argv, sp->envp);
	child_fail(error_fd, "exec");
}

/* End of file means that exec closed the other end. */
static int
await_exec(int fd, const char *program, bool *entered, char *err, size_t errlen)
{
	struct failure f;
	ssize_t n;

	do
		n = read(fd, &f, sizeof(f));
	while (n == -1 && errno == EINTR);
	if (n == 0)
		return (0);
	if (n == sizeof(f)) {
		*entered = f.entered;
		snprintf(err, errlen, "%s %s: %s", f.what, program,
		    strerror(f.error));
		errno = f.error;
	} else {
		snprintf(err, errlen, "%s: no word from the child", program);
		errno = ECHILD;
	}
	return (-1);
}

pid_t
spawn_run(const struct spawn *sp, char *err, size_t errlen)
{
	bool entered;

	return (spawn_enter(sp, &entered, err, errlen));
}

pid_t
spawn_piped(const struct spawn *sp, int ours[3], char *err, size_t errlen)
{
	struct spawn piped = *sp;
	int pipes[3][2], i, n, error;
	pid_t pid = -1;

	for (n = 0; n < 3 && spawn_pipe(pipes[n]) == 0; n++) {
		piped.fds[n] = pipes[n][n == 0 ? 0 : 1];
		ours[n] = pipes[n][n == 0 ? 1 : 0];
		fcntl(ours[n], F_SETFL, O_NONBLOCK);
	}
	if (n == 3)
		pid = spawn_run(&piped, err, errlen);
	else
		snprintf(err, errlen, "pipe: %s", strerror(errno));
	error = errno;
	for (i = 0; i < n; i++) {
		close(piped.fds[i]);
		if (pid == -1)
			close(ours[i]);
	}
	errno = error;
	return (pid);
}

pid_t
spawn_enter(const struct spawn *sp, bool *entered, char *err, size_t errlen)
{
	sigset_t all, old;
	pid_t pid, self = getpid();
	int report[2], error;

	*entered = false;
	if (spawn_pipe(report) == -1) {
		snprintf(err, errlen, "pipe: %s", strerror(errno));
		return (-1);
	}
	/* no handler of ours may run in the child */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	/*
	 * In our memory until exec, and we wait: no page is copied, however
	 * large we are.  Walls change what belongs to the memory, and so they
	 * need their own.  vfork(2).
	 */
	/* NOLINTBEGIN(clang-analyzer-*) */
	if ((pid = sp->enter == NULL ? vfork() : fork()) == 0)
		child(sp, report[1], self);
	/* NOLINTEND(clang-analyzer-*) */
	error = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(report[1]);
	if (pid == -1) {
		snprintf(err, errlen, "fork: %s", strerror(error));
	} else {
		/* who leads a group already cannot lead a session */
		if (!sp->session)
			setpgid(pid, pid);
		if (await_exec(report[0], sp->argv[0], entered, err, errlen) ==
		    -1) {
			error = errno;
			/* or, if its report was not to be read, it runs */
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
			pid = -1;
		}
	}
	close(report[0]);
	errno = error;
	return (pid);
}
