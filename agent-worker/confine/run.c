/*
 * One command, from its start to the end of everything it started.
 *
 * In a namespace of processes there are two of us: the reaper inside, which
 * does the work, and the one outside, which keeps a socket to it.  A byte on
 * the socket asks for the end, its end of file means that nobody is outside
 * any more; what the one inside has to report comes the other way.
 */

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/confine/order.h"
#include "agent-worker/confine/run.h"
#include "agent-worker/confine/watch.h"
#include "ipc/children.h"
#include "ipc/mono.h"
#include "ipc/spawn.h"

#define NAP_MS     5    /* SIGKILL takes effect when the kernel gets to it */
#define BACKUP_MS  1000 /* by which a reaper inside may be late */
#define ORPHAN_MS  300  /* the longest grace once our parent is dead */
#define REPORT_MAX 64

extern char **environ;

enum phase {
	RUNNING,
	STOPPING, /* asked to end */
	SWEEPING  /* whatever is left is killed */
};

struct job {
	const struct policy *policy;
	struct stage *stage;
	char **argv;
	const char *dir;
	struct order order;
	enum phase phase;
	int64_t sweep_at; /* of STOPPING */
	int signals;
	pid_t parent;
	pid_t pid; /* of the main process; 0: collected */
	int status;
	int orphans;
	bool asked;     /* to end */
	bool abandoned; /* by the one outside */
	struct watch watch;
};

/* --- start --- */

/*
 * The parent may have died before the call took effect; it is not ours that
 * we see if there is none in our PID namespace.
 */
static bool
is_orphan(pid_t parent)
{
	return (parent != 0 && getppid() != parent);
}

static int
prepare_self(struct job *job)
{
	pid_t parent = job->parent = getppid();
	sigset_t set;

	/* who started us inside has arranged for our end */
	if (parent != 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
		return (-1);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	/* ignored by whoever started us, it would collect for us */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1 ||
	    (job->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) ==
		-1)
		return (-1);
	job->asked = is_orphan(parent);
	children_adopt();
	/* what is said on the report is ours alone to say */
	return (prctl(PR_SET_DUMPABLE, 0));
}

/* Else it is only on its way. */
static bool
is_inside(const struct job *job)
{
	return (job->stage->control == -1);
}

static int
start(struct job *job, int *out_status)
{
	struct stage *stage = job->stage;
	bool inside = is_inside(job);
	struct spawn sp = { .argv = job->argv,
		.envp = environ,
		.dir = inside ? job->dir : NULL,
		.fds = { 0, 1, 2 },
		.pass = stage->pass,
		.npass = stage->npass,
		.session = true,
		.death_signal = inside ? SIGKILL : 0, /* see bwrap.c */
		.enter = stage_enter,
		.arg = stage };
	bool entered;
	char why[512];

	job->pid = spawn_enter(&sp, &entered, why, sizeof(why));
	if (job->pid != -1)
		return (0);
	if (!entered || !inside)
		*out_status = EXIT_WALLS;
	else
		*out_status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
	warnx("%s", why);
	return (-1);
}

/* --- until nothing is left --- */

/* True once the kernel says that there is no child. */
static bool
collect(struct job *job)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == job->pid) {
			job->pid = 0;
			job->status = status;
		} else if (job->phase == SWEEPING &&
		    children_was_killed(status)) {
			job->orphans++;
		}
	}
	return (pid == -1 && errno == ECHILD);
}

static void
ask_to_end(struct job *job, int64_t now)
{
	job->phase = STOPPING;
	job->sweep_at = mono_add(now, job->policy->grace_ms);
	if (job->stage->control != -1) {
		/* the reaper inside does the rest */
		(void)!send(job->stage->control, "", 1, MSG_NOSIGNAL);
		job->sweep_at = mono_add(job->sweep_at, BACKUP_MS);
	} else {
		children_signal(SIGTERM);
		children_signal(SIGCONT);
	}
}

/* Nobody waits for a good end any more. */
static void
hurry(struct job *job, int64_t now)
{
	if (is_orphan(job->parent))
		job->sweep_at =
		    mono_min(job->sweep_at, mono_add(now, ORPHAN_MS));
}

/*
 * Whether the main process was told to end by somebody who may tell others
 * too, and us: it is the first to go, but not the one to be waited for.
 */
static bool
was_told(const struct job *job)
{
	int sig = WIFSIGNALED(job->status) ? WTERMSIG(job->status) : 0;

	return (job->pid == 0 &&
	    (sig == SIGTERM || sig == SIGINT || sig == SIGHUP));
}

static void
step(struct job *job, int64_t now)
{
	switch (job->phase) {
	case RUNNING:
		if (job->abandoned || watch_is_exceeded(&job->watch, now))
			job->phase = SWEEPING;
		else if (job->asked || was_told(job))
			ask_to_end(job, now);
		else if (job->pid == 0)
			job->phase = SWEEPING;
		break;
	case STOPPING:
		if (now >= job->sweep_at || job->abandoned)
			job->phase = SWEEPING;
		break;
	case SWEEPING:
		break;
	}
	if (job->phase == STOPPING)
		hurry(job, now);
	if (job->phase == SWEEPING)
		children_kill(NULL, NULL);
}

static int64_t
wake_at(const struct job *job, int64_t now)
{
	switch (job->phase) {
	case RUNNING:
		return (job->watch.next_at);
	case STOPPING:
		return (job->sweep_at);
	case SWEEPING:
		return (now + NAP_MS);
	}
	return (now);
}

static void
take_signals(struct job *job)
{
	struct signalfd_siginfo info;

	while (read(job->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			job->asked = true;
}

static void
take_control(struct job *job)
{
	char byte;

	if (recv(job->policy->control, &byte, 1, MSG_DONTWAIT) == 1)
		job->asked = true;
	else
		job->abandoned = true;
}

static void
await(struct job *job, int64_t until)
{
	struct pollfd fds[3] = { { .fd = job->signals, .events = POLLIN },
		{ .fd = job->abandoned ? -1 : job->policy->control,
		    .events = POLLIN },
		{ .fd = job->order.state == ORDER_AWAITED ? job->policy->command
							  : -1,
		    .events = POLLIN } };
	int64_t ms = until == MONO_NEVER ? -1 : until - mono_ms();

	if (until != MONO_NEVER && ms < 0)
		ms = 0;
	if (poll(fds, 3, ms > INT32_MAX ? INT32_MAX : (int)ms) <= 0)
		return;
	take_signals(job);
	if (fds[1].revents != 0)
		take_control(job);
	if (fds[2].revents != 0)
		order_read(&job->order, job->policy->command);
}

/* In the walls.  False: there is nothing to be run, or not any more. */
static bool
learn_command(struct job *job)
{
	struct order *o = &job->order;

	if (job->policy->command == -1 || !is_inside(job)) {
		o->state = ORDER_GIVEN;
		return (true);
	}
	while (o->state == ORDER_AWAITED && !job->asked && !job->abandoned)
		await(job, MONO_NEVER);
	if (o->state != ORDER_GIVEN || job->asked || job->abandoned)
		return (false);
	job->argv = o->argv;
	job->dir = o->dir;
	environ = o->envp;
	return (true);
}

/* --- what is said about it --- */

static const char *
name_end(const struct job *job, char *word, size_t len)
{
	int sig = WIFSIGNALED(job->status) ? WTERMSIG(job->status) : 0;

	if (job->watch.exceeded != NULL)
		return (job->watch.exceeded);
	if (sig == SIGXCPU && job->policy->cpu_seconds > 0)
		return ("cpu");
	if (sig == SIGXFSZ && job->policy->file_size > 0)
		return ("file-size");
	if (sig != 0)
		snprintf(word, len, "signal %d", sig);
	else
		snprintf(word, len, "exit %d", WEXITSTATUS(job->status));
	return (word);
}

static void
say(const struct policy *p, const char *line)
{
	if (p->report == -1)
		return;
	if (write(p->report, line, strlen(line)) == -1)
		warn("report");
}

static int
shell_status(int status)
{
	return (
	    WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

static int
finish(const struct job *job)
{
	char line[REPORT_MAX], word[32];

	snprintf(line, sizeof(line), "%s orphans %d\n",
	    name_end(job, word, sizeof(word)), job->orphans);
	if (!job->abandoned)
		say(job->policy, line);
	return (shell_status(job->status));
}

/* The reaper inside knows better, if it came to be. */
static int
finish_outside(const struct job *job)
{
	char line[REPORT_MAX];
	ssize_t n;

	n = recv(job->stage->control, line, sizeof(line) - 1, MSG_DONTWAIT);
	if (n > 0) {
		line[n] = '\0';
		say(job->policy, line);
		return (shell_status(job->status));
	}
	if (job->asked)
		return (finish(job));
	if (job->policy->command != -1 && job->status == 0)
		return (0); /* nothing was wanted of it */
	say(job->policy, "walls orphans 0\n");
	return (EXIT_WALLS);
}

static int
attend(struct job *job)
{
	int64_t now;

	while (!collect(job)) {
		now = mono_ms();
		step(job, now);
		await(job, wake_at(job, now));
	}
	return (is_inside(job) ? finish(job) : finish_outside(job));
}

/* Before it is asked why exec fails: a program may be missing, too. */
static bool
can_enter(const char *dir)
{
	if (dir == NULL || access(dir, X_OK) == 0)
		return (true);
	warn("--chdir %s", dir);
	return (false);
}

static int
run_in(struct stage *stage, const struct policy *policy)
{
	struct job job = { .policy = policy,
		.stage = stage,
		.argv = stage->argv,
		.dir = policy->dir,
		.signals = -1 };
	int status = EXIT_WALLS;
	bool started = false, wanted = true;

	watch_init(&job.watch, policy, is_inside(&job));
	if (prepare_self(&job) == -1)
		warn("cannot prepare");
	else if (!(wanted = learn_command(&job)))
		status = 0;
	else if (!can_enter(job.dir))
		status = EXIT_NOT_RUN;
	else if (start(&job, &status) == 0)
		started = true;
	if (started)
		status = attend(&job);
	else if (wanted)
		say(policy,
		    status == EXIT_WALLS ? "walls orphans 0\n"
					 : "not-run orphans 0\n");
	if (job.signals != -1)
		close(job.signals);
	order_release(&job.order);
	return (status);
}

int
run(const struct policy *policy, const struct level *level)
{
	struct stage stage;
	char why[512];
	int status;

	if (stage_prepare(&stage, level, policy, why, sizeof(why)) == -1) {
		warnx("%s: %s", level->name, why);
		say(policy, "walls orphans 0\n");
		return (EXIT_WALLS);
	}
	status = run_in(&stage, policy);
	stage_release(&stage);
	return (status);
}
