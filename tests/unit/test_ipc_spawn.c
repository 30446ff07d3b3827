/* ipc/spawn: what a child starts with, and what it does not inherit. */

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/mono.h"
#include "ipc/spawn.h"
#include "tests/test.h"

extern char **environ;

/* A child and where its standard descriptors lead. */
struct kid {
	pid_t pid;
	int in;  /* what is written here it reads */
	int out; /* its standard output and error */
	char err[200];
};

static bool
start_with(struct kid *k, struct spawn *sp)
{
	int in[2], out[2];

	if (!CHECK(spawn_pipe(in) == 0) || !CHECK(spawn_pipe(out) == 0))
		return (false);
	if (sp->envp == NULL)
		sp->envp = environ;
	sp->fds[0] = in[0];
	sp->fds[1] = sp->fds[2] = out[1];
	k->err[0] = '\0';
	k->in = in[1];
	k->out = out[0];
	k->pid = spawn_run(sp, k->err, sizeof(k->err));
	close(in[0]);
	close(out[1]);
	return (k->pid != -1);
}

static bool
start(struct kid *k, struct spawn *sp, const char *script)
{
	char *argv[] = { (char *)(uintptr_t) "/bin/sh",
		(char *)(uintptr_t) "-c", (char *)(uintptr_t)script, NULL };

	sp->argv = argv;
	if (start_with(k, sp))
		return (true);
	CHECK_STR(k->err, "");
	return (false);
}

/* Waits for its end; returns all it wrote, for the caller to free. */
static char *
finish(struct kid *k, int *status)
{
	struct buf b = BUF_INITIALIZER;

	close(k->in);
	CHECK_INT(buf_read_fd(&b, k->out, 1000000), 0);
	close(k->out);
	CHECK_INT(waitpid(k->pid, status, 0), k->pid);
	return (buf_detach(&b));
}

static char *
output_of(struct spawn *sp, const char *script)
{
	struct kid k;
	int status;

	if (!start(&k, sp, script))
		return (strdup(""));
	return (finish(&k, &status));
}

TEST(descriptors_and_arguments_reach_the_program)
{
	struct spawn sp = { 0 };
	struct kid k;
	char *got;
	int status;

	if (!start(&k, &sp, "read x; echo \"got $x\"; echo err >&2; exit 7"))
		return;
	CHECK_INT(write(k.in, "word\n", 5), 5);
	got = finish(&k, &status);
	CHECK_STR(got, "got word\nerr\n");
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 7);
	free(got);
}

/* A program with arguments of its own writes just that. */
static void
check_output(struct spawn *sp, const char *want)
{
	struct kid k;
	char *got;
	int status;

	if (!CHECK(start_with(&k, sp)))
		return;
	got = finish(&k, &status);
	CHECK_STR(got, want);
	free(got);
}

TEST(a_name_is_looked_up_in_path)
{
	char *argv[] = { (char *)(uintptr_t) "echo",
		(char *)(uintptr_t) "hi there", NULL };
	struct spawn sp = { .argv = argv };

	check_output(&sp, "hi there\n");
}

TEST(the_environment_is_the_one_given)
{
	char *envp[] = { (char *)(uintptr_t) "ONLY=this", NULL };
	char *argv[] = { (char *)(uintptr_t) "/usr/bin/env", NULL };
	struct spawn sp = { .argv = argv, .envp = envp };

	check_output(&sp, "ONLY=this\n");
}

TEST(the_directory_is_the_one_given)
{
	struct spawn sp = { .dir = "/usr" };
	char *got;

	got = output_of(&sp, "pwd -P");
	CHECK_STR(got, "/usr\n");
	free(got);
}

static void
fails(struct spawn *sp, const char *program, const char *want)
{
	char *argv[] = { (char *)(uintptr_t)program, NULL };
	struct kid k;
	char c;

	sp->argv = argv;
	CHECK(!start_with(&k, sp));
	CHECK_STR(k.err, want);
	/* nobody holds the other end any more, and no zombie is left */
	CHECK_INT(read(k.out, &c, 1), 0);
	errno = 0;
	CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
	CHECK_INT(errno, ECHILD);
	close(k.in);
	close(k.out);
}

TEST(a_failed_exec_is_told_with_its_reason)
{
	struct spawn sp = { 0 };

	/* one that everybody may search */
	setenv("PATH", "/usr/bin:/bin", 1);
	fails(&sp, "/nonexistent/x",
	    "exec /nonexistent/x: No such file or directory");
	fails(&sp, "/", "exec /: Permission denied");
	fails(&sp, "no-such-program-anywhere",
	    "exec no-such-program-anywhere: No such file or directory");
}

TEST(a_failed_chdir_is_told)
{
	struct spawn sp = { .dir = "/nonexistent" };

	fails(&sp, "/bin/true", "chdir /bin/true: No such file or directory");
}

static bool read_fails;

ssize_t
read(int fd, void *data, size_t len)
{
	if (read_fails) {
		errno = EIO;
		return (-1);
	}
	return (syscall(SYS_read, fd, data, len));
}

/* What _FORTIFY_SOURCE makes of it where less is optimized. */
ssize_t checked_read(int, void *, size_t, size_t) __asm__("__read_chk");

ssize_t
checked_read(int fd, void *data, size_t len, size_t size)
{
	CHECK(len <= size);
	return (read(fd, data, len));
}

TEST(whose_start_is_not_known_is_ended)
{
	char sleep_name[] = "/bin/sleep", seconds[] = "20";
	char *argv[] = { sleep_name, seconds, NULL };
	struct spawn sp = { .argv = argv };
	int64_t before = mono_ms();
	struct kid k;

	read_fails = true;
	CHECK(!start_with(&k, &sp));
	read_fails = false;
	CHECK_STR(k.err, "/bin/sleep: no word from the child");
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	CHECK(mono_ms() - before < 10000);
	close(k.in);
	close(k.out);
}

/*
 * A line of /proc/PID/status as a number in base 16, without signals 32 and
 * 33: the C library keeps them to itself, and its posix_spawn(3), which make
 * may have started us with, leaves them ignored.
 */
static uintmax_t
status_mask(const char *text, const char *name)
{
	const char *line = strstr(text, name);

	if (!CHECK(line != NULL))
		return (~(uintmax_t)0);
	return (
	    strtoumax(line + strlen(name), NULL, 16) & ~((uintmax_t)3 << 31));
}

static void
ignore(int sig)
{
	(void)sig;
}

TEST(mask_and_handlers_are_reset)
{
	struct spawn sp = { 0 };
	sigset_t mask, old;
	char *got;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &mask, &old);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGRTMIN + 4, SIG_IGN);
	signal(SIGUSR2, ignore);

	got = output_of(&sp, "exec cat /proc/self/status");
	CHECK_INT(status_mask(got, "SigBlk:\t"), 0);
	CHECK_INT(status_mask(got, "SigIgn:\t"), 0);
	CHECK_INT(status_mask(got, "SigCgt:\t"), 0);
	free(got);

	sigprocmask(SIG_SETMASK, NULL, &mask);
	CHECK_INT(sigismember(&mask, SIGUSR1), 1);
	CHECK_INT(sigismember(&mask, SIGINT), 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGRTMIN + 4, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
}

TEST(nothing_else_is_inherited)
{
	struct spawn sp = { 0 };
	int leak[8], i;
	char *got;

	for (i = 0; i < 8; i++)
		leak[i] = open("/dev/null", O_RDONLY); /* no O_CLOEXEC */
	CHECK_INT(dup2(leak[0], 3), 3);
	CHECK_INT(dup2(leak[0], 200), 200);
	got = output_of(&sp, "ls /proc/$$/fd; true");
	CHECK_STR(got, "0\n1\n2\n");
	free(got);
	for (i = 0; i < 8; i++)
		close(leak[i]);
	close(3);
	close(200);
}

TEST(sources_may_be_the_targets)
{
	struct spawn sp = { 0 };
	int keep[2], in[2], out[2], status;
	char *argv[] = { (char *)(uintptr_t) "/bin/sh",
		(char *)(uintptr_t) "-c",
		(char *)(uintptr_t) "read x; echo out $x; echo err >&2", NULL };
	char err[200] = "", got[100] = "";
	pid_t pid;

	CHECK_INT(spawn_pipe(in), 0);
	CHECK_INT(spawn_pipe(out), 0);
	CHECK_INT(write(in[1], "x\n", 2), 2);
	keep[0] = fcntl(0, F_DUPFD_CLOEXEC, 20);
	keep[1] = fcntl(1, F_DUPFD_CLOEXEC, 20);
	fflush(stdout);
	dup2(out[1], 0); /* swapped on purpose: 1 becomes 0, 0 becomes 1 */
	dup2(in[0], 1);
	sp.argv = argv;
	sp.envp = environ;
	sp.fds[0] = 1;
	sp.fds[1] = sp.fds[2] = 0;
	pid = spawn_run(&sp, err, sizeof(err));
	dup2(keep[0], 0);
	dup2(keep[1], 1);
	close(keep[0]);
	close(keep[1]);
	CHECK_STR(err, "");
	close(out[1]);
	close(in[0]);
	if (CHECK(pid > 0)) {
		CHECK_INT(waitpid(pid, &status, 0), pid);
		CHECK_INT(status, 0);
		CHECK_INT(read(out[0], got, sizeof(got) - 1), 10);
		CHECK_STR(got, "out x\nerr\n");
	}
	close(out[0]);
	close(in[1]);
}

TEST(it_leads_its_own_process_group)
{
	struct spawn sp = { 0 };
	struct kid k;
	char *got;
	int status;

	if (!start(&k, &sp, "cut -d' ' -f1,5 /proc/$$/stat; read x"))
		return;
	CHECK_INT(getpgid(k.pid), k.pid);
	got = finish(&k, &status);
	CHECK_INT(strtol(got, NULL, 10), k.pid);
	CHECK_INT(strtol(strchr(got, ' '), NULL, 10), k.pid);
	free(got);
}

/* The caller's place is taken by a process that starts a child and waits. */
static void __attribute__((noreturn)) middle(int death_signal, int report)
{
	char *argv[] = { (char *)(uintptr_t) "sleep", (char *)(uintptr_t) "60",
		NULL };
	struct spawn sp = {
		.argv = argv, .envp = environ, .death_signal = death_signal
	};
	char err[200];
	int null;
	pid_t pid;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sp.fds[0] = null;
	sp.fds[1] = report; /* open in the child for as long as it lives */
	sp.fds[2] = null;
	pid = spawn_run(&sp, err, sizeof(err));
	if (write(report, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	for (;;)
		pause();
}

TEST(it_dies_when_we_do)
{
	struct pollfd p;
	int report[2];
	pid_t parent, child = 0;
	char c;

	if (!CHECK(spawn_pipe(report) == 0))
		return;
	fflush(stdout);
	if ((parent = fork()) == 0)
		middle(SIGKILL, report[1]);
	close(report[1]);
	CHECK_INT(read(report[0], &child, sizeof(child)), sizeof(child));
	CHECK(child > 0);
	CHECK_INT(kill(parent, SIGKILL), 0);
	CHECK_INT(waitpid(parent, NULL, 0), parent);
	p.fd = report[0];
	p.events = POLLIN;
	if (CHECK_INT(poll(&p, 1, 5000), 1))
		CHECK_INT(read(report[0], &c, 1), 0);
	else if (child > 0)
		kill(child, SIGKILL);
	close(report[0]);
}

TEST(pipes_are_close_on_exec)
{
	int fds[2];

	if (!CHECK(spawn_pipe(fds) == 0))
		return;
	CHECK_INT(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	CHECK_INT(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
	close(fds[0]);
	close(fds[1]);
}

TEST(nothing_of_ours_stays_open)
{
	struct spawn sp = { 0 };
	char *got;
	int before, after;

	before = dup(0);
	close(before);
	got = output_of(&sp, "exit 0");
	free(got);
	after = dup(0);
	close(after);
	CHECK_INT(after, before);
}
