/*
 * misbehave MODE [N [PROGRAM [ARG]...]]: what a command should not do, or what
 * it should be held from, each bounded by N.
 */

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX   200 /* whatever is asked for */
#define SECONDS         60  /* after which everything ends by itself */
#define STEP            1048576
#define DESCRIPTORS_MAX 4096
#define SHARE           4 /* tenths of a second */

/* --- a tree of processes that do not want to end --- */

static void __attribute__((noreturn)) stay(int ready)
{
	alarm(SECONDS);
	if (write(ready, "x", 1) != 1)
		_exit(1);
	close(ready);
	for (;;)
		pause();
}

static void
leave_session(void)
{
	(void)setsid();
}

static void
leave_parent(void)
{
	(void)setsid();
	if (fork() != 0)
		_exit(0);
	(void)setsid();
}

static void
ignore_hangup(void)
{
	signal(SIGHUP, SIG_IGN);
	(void)setpgid(0, 0);
}

static void
ignore_all(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGTERM, SIG_IGN);
}

static void
change_nothing(void)
{
}

/* Somebody else has to say that it has stopped: it cannot. */
static void
stop(void)
{
	if (fork() == 0)
		return;
	alarm(SECONDS);
	raise(SIGSTOP);
}

static void (*const ways[])(void) = { change_nothing, leave_session,
	leave_parent, ignore_hangup, ignore_all, stop };

#define NWAYS (sizeof(ways) / sizeof(ways[0]))

/* How many are ready: one for each that was begun. */
static int
grow(long n)
{
	int ready[2];
	long i;
	char byte;

	if (pipe2(ready, O_CLOEXEC) == -1)
		err(1, "pipe2");
	for (i = 0; i < n; i++)
		if (fork() == 0) {
			close(ready[0]);
			ways[(size_t)i % NWAYS]();
			stay(ready[1]);
		}
	for (i = 0; i < n; i++)
		if (read(ready[0], &byte, 1) != 1)
			err(1, "read");
	close(ready[0]);
	close(ready[1]);
	printf("%ld\n", n);
	fflush(stdout);
	return (0);
}

static int
tree(long n, char **command)
{
	(void)command;
	alarm(SECONDS);
	(void)grow(n);
	(void)pause();
	return (0);
}

/* The main process ends; the others do not. */
static int
leave(long n, char **command)
{
	(void)command;
	(void)grow(n);
	return (4);
}

/* --- too much of something --- */

static int
memory(long n, char **command)
{
	char *block;
	long had;

	(void)command;
	alarm(SECONDS);
	for (had = 0; had < n; had += STEP) {
		if ((block = malloc(STEP)) == NULL)
			err(1, "malloc");
		memset(block, 1, STEP);
		usleep(2000);
	}
	(void)pause();
	return (0);
}

static int
processes(long n, char **command)
{
	long i;

	(void)command;
	for (i = 0; i < n && i < PROCESSES_MAX; i++)
		if (fork() == 0) {
			alarm(SECONDS);
			for (;;)
				pause();
		}
	alarm(SECONDS);
	(void)pause();
	return (0);
}

/* Each is gone when the next one comes: n in all, but two at once. */
static int
chain(long n, char **command)
{
	(void)command;
	alarm(SECONDS);
	while (n-- > 0 && fork() == 0)
		(void)setsid();
	return (0);
}

/* n of them, none of which takes long. */
static int
spread(long n, char **command)
{
	(void)command;
	alarm(SECONDS);
	for (; n > 0 && n < PROCESSES_MAX; n--)
		if (fork() == 0) {
			while (clock() < SHARE * CLOCKS_PER_SEC / 10)
				continue;
			return (0);
		}
	while (wait(NULL) > 0)
		continue;
	return (0);
}

static int
file(long n, char **command)
{
	static char block[65536];
	int fd = open("large", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	(void)command;
	for (; n > 0; n -= (long)sizeof(block))
		if (write(fd, block, sizeof(block)) == -1)
			err(1, "large");
	return (0);
}

/* --- what it was given --- */

static int
descriptors(long n, char **command)
{
	int fd;

	(void)n;
	(void)command;
	for (fd = 0; fd < DESCRIPTORS_MAX; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			printf("%d ", fd);
	printf("\n");
	return (0);
}

/* --- on an older kernel --- */

/* The calls from number n on, as many as Landlock has, are not there. */
static int
without(long n, char **command)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (unsigned int)n, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (unsigned int)n + 2, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == -1)
		err(1, "prctl");
	execvp(command[0], command);
	err(1, "%s", command[0]);
}

static const struct {
	const char *name;
	int (*act)(long n, char **command);
} modes[] = {
	{ "tree", tree },
	{ "leave", leave },
	{ "memory", memory },
	{ "processes", processes },
	{ "chain", chain },
	{ "spread", spread },
	{ "file", file },
	{ "descriptors", descriptors },
	{ "without", without },
};

int
main(int argc, char **argv)
{
	size_t i;

	if (argc < 2)
		errx(64, "usage: misbehave MODE [N [PROGRAM [ARG]...]]");
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[1], modes[i].name) == 0)
			return (modes[i].act(
			    argc < 3 ? 0 : strtol(argv[2], NULL, 10),
			    argv + (argc < 4 ? argc : 3)));
	errx(64, "%s: no such mode", argv[1]);
}
