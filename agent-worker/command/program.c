/* One run of another program. */

#include <sys/pidfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/command/program.h"
#include "ipc/children.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/spawn.h"

#define TERM_MS      1000 /* to leave once SIGTERM was sent */
#define LEAVE_MS     1000 /* to leave once its output is closed */
#define KILL_MS      5000 /* for the kernel to end what was killed */
#define LOOK_MS      5000 /* between looks at the time it takes */
#define NOTE_MS      1000 /* between words that it prints */
#define NAP_MS       10
#define NO_PIDFD_MS  50
#define LINK_FDS_MAX 8
#define READ_LEN     65536
#define READS_A_WAKE 16
#define NFDS         4

enum {
	FD_IN,
	FD_OUT,
	FD_ERR,
	FD_PID
};

struct io {
	struct agent *agent;
	const struct program *program;
	struct program_end *end;
	pid_t pid;
	struct pollfd fds[NFDS]; /* fd -1: closed */
	size_t written;
	int64_t printed;
	int64_t leave_by; /* its output is closed: how long it may stay */
	int64_t look_at;
	int64_t noted_at;
	int64_t ticks;
	char line[PROGRAM_WORDS_MAX + 1]; /* of standard error, so far */
	size_t line_len;
};

static void
close_fd(struct pollfd *p)
{
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
	p->revents = 0;
}

/* --- start --- */

/* Errors of exec and chdir that another try meets again. */
static bool
is_permanent(int error)
{
	static const int errors[] = { ENOENT, EACCES, ENOEXEC, ENOTDIR, ELOOP,
		ENAMETOOLONG, E2BIG, EISDIR, EPERM };
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i] == error)
			return (true);
	return (false);
}

static bool
start(struct io *io)
{
	const struct program *p = io->program;
	struct program_end *end = io->end;
	const struct spawn sp = { .argv = p->argv,
		.envp = p->envp,
		.dir = p->dir,
		.death_signal = SIGKILL };
	int ours[3], i;

	end->ending = PROGRAM_NOT_STARTED;
	io->pid = spawn_piped(&sp, ours, end->words, sizeof(end->words));
	end->permanent = io->pid == -1 && is_permanent(errno);
	if (io->pid == -1)
		return (false);
	for (i = 0; i < 3; i++)
		io->fds[i].fd = ours[i];
	/* an old kernel has none: then we look instead of being woken */
	io->fds[FD_PID].fd = pidfd_open(io->pid, 0);
	return (true);
}

/* --- what goes in and comes out --- */

static void
write_input(struct io *io)
{
	const struct program *p = io->program;
	struct pollfd *fd = &io->fds[FD_IN];
	ssize_t n;

	while (fd->fd != -1 && io->written < p->len) {
		n = write(fd->fd, p->input + io->written, p->len - io->written);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n == -1) {
			/* it does not want to read: its own affair */
			close_fd(fd);
			return;
		}
		io->written += (size_t)n;
	}
	close_fd(fd);
}

static void
take_error_line(struct io *io)
{
	io->line[io->line_len] = '\0';
	if (io->line[strspn(io->line, " \t\r")] != '\0')
		strlcpy(io->end->words, io->line, sizeof(io->end->words));
	io->line_len = 0;
}

/* To the log, and its last line kept: it may say what went wrong. */
static void
take_error(struct io *io, const char *data, size_t len)
{
	size_t i, off = 0;
	ssize_t n;

	while (
	    off < len && (n = write(STDERR_FILENO, data + off, len - off)) > 0)
		off += (size_t)n;
	for (i = 0; i < len; i++) {
		if (data[i] == '\n')
			take_error_line(io);
		else if (data[i] != '\0' && io->line_len < PROGRAM_WORDS_MAX)
			io->line[io->line_len++] = data[i];
	}
}

/* Read what is there, a bounded part of it.  False: it is all read. */
static bool
read_some(struct io *io, int which)
{
	struct pollfd *fd = &io->fds[which];
	char data[READ_LEN];
	ssize_t n;
	int i;

	for (i = 0; fd->fd != -1 && i < READS_A_WAKE; i++) {
		n = read(fd->fd, data, sizeof(data));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return (false);
		if (n <= 0) {
			close_fd(fd);
			return (false);
		}
		io->printed += n;
		if (which == FD_ERR)
			take_error(io, data, (size_t)n);
		else
			io->program->take(io->program->arg, data, (size_t)n);
	}
	return (fd->fd != -1);
}

/* --- while it runs --- */

static int
poll_both(void *arg, struct pollfd *fds, unsigned int n, int timeout_ms)
{
	struct io *io = arg;
	struct pollfd all[LINK_FDS_MAX + NFDS];
	int ready;

	memcpy(all, fds, n * sizeof(*fds));
	memcpy(all + n, io->fds, sizeof(io->fds));
	ready = poll(all, n + NFDS, timeout_ms);
	if (ready <= 0)
		return (ready);
	memcpy(fds, all, n * sizeof(*fds));
	memcpy(io->fds, all + n, sizeof(io->fds));
	return (ready);
}

/* Dead, but not waited for: its pid and its group's are still its own. */
static bool
has_left(const struct io *io)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	return (waitid(P_PID, (id_t)io->pid, &info,
		    WEXITED | WNOHANG | WNOWAIT) == -1 ||
	    info.si_pid != 0);
}

/* A program that computes, or prints what nobody is shown, goes on too. */
static void
note_progress(struct io *io, int64_t now, int64_t printed)
{
	bool goes_on = io->printed > printed && now >= io->noted_at;
	int64_t ticks;

	if (now >= io->look_at) {
		io->look_at = now + LOOK_MS;
		ticks = children_ticks();
		goes_on = goes_on || ticks > io->ticks;
		io->ticks = ticks;
	}
	if (!goes_on)
		return;
	io->noted_at = now + NOTE_MS;
	agent_say_activity(
	    io->agent, io->printed > 0 ? "streaming" : "waiting_model", NULL);
}

static bool
is_over(struct io *io, int64_t now)
{
	if (io->fds[FD_OUT].fd == -1 && io->leave_by == MONO_NEVER)
		io->leave_by = now + LEAVE_MS;
	if (!agent_in_turn(io->agent))
		io->end->ending = PROGRAM_UNWANTED;
	else if (has_left(io))
		io->end->ending = PROGRAM_LEFT;
	else if (io->printed > PROGRAM_PRINTS_MAX)
		io->end->ending = PROGRAM_PRINTS_ON;
	else if (now >= io->agent->turn.end_ms)
		io->end->ending = PROGRAM_OUT_OF_TIME;
	else if (now >= io->leave_by)
		io->end->ending = PROGRAM_DONE;
	else
		return (false);
	return (true);
}

static void
attend(struct io *io)
{
	int64_t until, printed;
	int i;

	io->fds[FD_IN].events = POLLOUT;
	io->fds[FD_OUT].events = io->fds[FD_ERR].events = POLLIN;
	io->fds[FD_PID].events = POLLIN;
	while (!is_over(io, mono_ms())) {
		until = mono_min(io->agent->turn.end_ms,
		    mono_min(io->leave_by, io->look_at));
		if (io->fds[FD_PID].fd == -1)
			until = mono_min(until, mono_ms() + NO_PIDFD_MS);
		for (i = 0; i < NFDS; i++)
			io->fds[i].revents = 0;
		(void)agent_wait(io->agent, until, poll_both, io);
		printed = io->printed;
		if (io->fds[FD_IN].revents != 0)
			write_input(io);
		if (io->fds[FD_OUT].revents != 0)
			(void)read_some(io, FD_OUT);
		if (io->fds[FD_ERR].revents != 0)
			(void)read_some(io, FD_ERR);
		note_progress(io, mono_ms(), printed);
	}
}

/* --- its end --- */

static void
signal_group(const struct io *io, int sig)
{
	if (kill(-io->pid, sig) == -1 && errno == ESRCH)
		kill(io->pid, sig);
}

/* Whoever is asked to leave may still have to print: throw it away. */
static void
await_end(struct io *io, int64_t until)
{
	char data[READ_LEN];
	int i;

	while (!has_left(io) && mono_ms() < until) {
		(void)poll(&io->fds[FD_PID], 1, NAP_MS);
		for (i = FD_OUT; i <= FD_ERR; i++)
			if (io->fds[i].fd != -1 &&
			    read(io->fds[i].fd, data, sizeof(data)) == 0)
				close_fd(&io->fds[i]);
	}
}

static void
collect(struct io *io)
{
	int64_t until = mono_ms() + KILL_MS;
	int killed = 0;

	while (!has_left(io) && mono_ms() < until)
		(void)poll(&io->fds[FD_PID], 1, NAP_MS);
	if (waitpid(io->pid, &io->end->status, WNOHANG) != io->pid)
		log_warnx("%s cannot be killed", io->program->argv[0]);
	while (!children_end(&killed)) {
		if (mono_ms() >= until) {
			log_warnx("processes remain that cannot be killed");
			break;
		}
		(void)poll(NULL, 0, NAP_MS);
	}
	if (killed > 0)
		log_info("%s left %d processes behind, which were ended",
		    io->program->argv[0], killed);
}

static void
end(struct io *io)
{
	close_fd(&io->fds[FD_IN]);
	if (io->end->ending != PROGRAM_LEFT) {
		signal_group(io, SIGTERM);
		signal_group(io, SIGCONT);
		await_end(io, mono_ms() + TERM_MS);
	}
	signal_group(io, SIGKILL);
	collect(io);
	/* nobody is left who could add to what is in the pipes */
	while (io->end->ending == PROGRAM_LEFT &&
	    io->printed <= PROGRAM_PRINTS_MAX &&
	    (read_some(io, FD_OUT) || read_some(io, FD_ERR)))
		continue;
	take_error_line(io);
	close_fd(&io->fds[FD_OUT]);
	close_fd(&io->fds[FD_ERR]);
	close_fd(&io->fds[FD_PID]);
}

void
program_run(
    struct agent *a, const struct program *program, struct program_end *result)
{
	struct io io = { .agent = a,
		.program = program,
		.end = result,
		.fds = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 },
		    { .fd = -1 } },
		.leave_by = MONO_NEVER,
		.look_at = mono_ms() + LOOK_MS };

	memset(result, 0, sizeof(*result));
	if (!start(&io))
		return;
	attend(&io);
	end(&io);
}
