/* The processes below this one. */

#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/children.h"
#include "ipc/log.h"
#include "ipc/xmalloc.h"

#define DEPTH_MAX 32

struct process {
	pid_t pid;
	pid_t parent;
	char state;
	int64_t ticks; /* its own, and those of children it collected */
	int64_t tasks;
	int64_t pages; /* resident */
};

struct processes {
	struct process *list;
	size_t count;
};

/* See children_inherit. */
static struct {
	bool any; /* there were some, whether or not they still live */
	pid_t *list;
	size_t count;
} inherited;

void
children_adopt(void)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		log_warn("prctl(PR_SET_CHILD_SUBREAPER)");
}

/*
 * The state is the first field behind the program's name, which stands in
 * parentheses and may hold anything; the parent follows, the four times are
 * ten and more further on, then the threads, at last the resident pages:
 * proc(5), /proc/pid/stat.
 */
static bool
read_process(const char *name, struct process *p)
{
	long long user, kernel, below_user, below_kernel, tasks, pages;
	char path[64], stat[1024], *rest;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/stat", name);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (false);
	n = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	if (n <= 0)
		return (false);
	stat[n] = '\0';
	if ((rest = strrchr(stat, ')')) == NULL ||
	    sscanf(rest + 1,
		" %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
		"%lld %lld %lld %lld %*d %*d %lld %*d %*u %*u %lld",
		&p->state, &p->parent, &user, &kernel, &below_user,
		&below_kernel, &tasks, &pages) != 8)
		return (false);
	p->pid = (pid_t)atoi(name);
	p->ticks = user + kernel + below_user + below_kernel;
	p->tasks = tasks;
	p->pages = pages;
	return (true);
}

/*
 * /proc/pid/task/tid/children would be shorter, but proc(5) says that it
 * may omit entries, and a kernel may be built without it.
 */
static DIR *
open_proc(void)
{
	DIR *proc = opendir("/proc");

	if (proc == NULL)
		log_warn("/proc");
	return (proc);
}

static bool
next_process(DIR *proc, struct process *p)
{
	struct dirent *entry;

	while ((entry = readdir(proc)) != NULL)
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    read_process(entry->d_name, p))
			return (true);
	return (false);
}

void
children_inherit(void)
{
	struct process p;
	pid_t self = getpid();
	DIR *proc;

	if (children_dead() == -1 || (proc = open_proc()) == NULL)
		return;
	while (next_process(proc, &p)) {
		if (p.parent != self)
			continue;
		inherited.any = true;
		inherited.list = xreallocarray(inherited.list,
		    inherited.count + 1, sizeof(*inherited.list));
		inherited.list[inherited.count++] = p.pid;
	}
	closedir(proc);
}

/* Its place in the list; the list's length: it is not there. */
static size_t
find_inherited(pid_t pid)
{
	size_t i = 0;

	while (i < inherited.count && inherited.list[i] != pid)
		i++;
	return (i);
}

/*
 * A child, dead or not.  One that lost an inherited parent was never listed,
 * but is in our group as a rule.  Nothing that comes of what we start is, but
 * to escape: where nothing was inherited the group does not count.
 */
static bool
is_inherited(pid_t pid)
{
	return (inherited.any &&
	    (find_inherited(pid) < inherited.count ||
		getpgid(pid) == getpgrp()));
}

pid_t
children_dead(void)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1)
		return (-1);
	return (info.si_pid);
}

/* Its pid may be that of another child from then on. */
bool
children_collect(pid_t pid, int *status, struct rusage *ru)
{
	bool ours = !is_inherited(pid);
	size_t i;

	(void)wait4(pid, status, 0, ru);
	if ((i = find_inherited(pid)) < inherited.count)
		inherited.list[i] = inherited.list[--inherited.count];
	return (ours);
}

/* True: there are children, and all are inherited; see below. */
static bool
kill_others(bool (*keep)(void *, pid_t), void *arg)
{
	bool spared = false, others = false;
	struct process p;
	pid_t self = getpid();
	DIR *proc;

	if ((proc = open_proc()) == NULL)
		return (false);
	while (next_process(proc, &p)) {
		if (p.parent != self)
			continue;
		if (is_inherited(p.pid)) {
			spared = true;
		} else if (keep == NULL || !keep(arg, p.pid)) {
			others = true;
			/* ours until we wait for it: the pid is its own */
			kill(p.pid, SIGKILL);
		}
	}
	closedir(proc);
	return (spared && !others);
}

void
children_kill(bool (*keep)(void *, pid_t), void *arg)
{
	(void)kill_others(keep, arg);
}

bool
children_was_killed(int status)
{
	return (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/*
 * Those that are killed may take a while to die and be met again: they are
 * counted once they are collected.
 */
bool
children_end(int *killed)
{
	pid_t pid;
	int status;

	while ((pid = children_dead()) > 0)
		if (children_collect(pid, &status, NULL) &&
		    children_was_killed(status))
			(*killed)++;
	return (pid == -1 || kill_others(NULL, NULL));
}

/*
 * A pass that meets none of them, not even a dead one, is proof: whoever
 * loses its parent becomes ours before that parent can be collected.
 */
bool
children_end_others(bool (*keep)(void *, pid_t), void *arg)
{
	struct process p;
	pid_t self = getpid();
	bool none = true;
	DIR *proc;

	if ((proc = open_proc()) == NULL)
		return (true);
	while (next_process(proc, &p)) {
		if (p.parent != self || is_inherited(p.pid) || keep(arg, p.pid))
			continue;
		none = false;
		kill(p.pid, SIGKILL);
		(void)waitpid(p.pid, NULL, WNOHANG);
	}
	closedir(proc);
	return (none);
}

static void
take_processes(struct processes *all)
{
	struct process p;
	DIR *proc;

	if ((proc = open_proc()) == NULL)
		return;
	while (next_process(proc, &p)) {
		all->list = xreallocarray(
		    all->list, all->count + 1, sizeof(*all->list));
		all->list[all->count++] = p;
	}
	closedir(proc);
}

/* Below one process; the depth is bounded, as pids may be reused meanwhile. */
static void
visit_below(const struct processes *all, pid_t pid, int depth,
    void (*visit)(void *arg, const struct process *), void *arg)
{
	size_t i;

	for (i = 0; depth > 0 && i < all->count; i++)
		if (all->list[i].parent == pid) {
			visit(arg, &all->list[i]);
			visit_below(
			    all, all->list[i].pid, depth - 1, visit, arg);
		}
}

static void
visit_all(void (*visit)(void *, const struct process *), void *arg)
{
	struct processes all = { NULL, 0 };

	take_processes(&all);
	visit_below(&all, getpid(), DEPTH_MAX, visit, arg);
	free(all.list);
}

/*
 * Its pid may be another's by now: whoever has the same parent once we hold
 * it is the one that was meant, or another that is meant as well.  So is our
 * own child, which it may have become: its parent had the signal before it.
 */
static void
signal_one(void *arg, const struct process *p)
{
	struct process again;
	char name[16];
	int fd;

	if (p->state == 'Z' || (fd = pidfd_open(p->pid, 0)) == -1)
		return;
	snprintf(name, sizeof(name), "%d", (int)p->pid);
	if (read_process(name, &again) &&
	    (again.parent == p->parent || again.parent == getpid()))
		(void)pidfd_send_signal(fd, *(int *)arg, NULL, 0);
	close(fd);
}

void
children_signal(int sig)
{
	visit_all(signal_one, &sig);
}

static void
add_process(void *arg, const struct process *p)
{
	struct children_sum *sum = arg;

	sum->tasks += p->state == 'Z' ? 0 : p->tasks;
	sum->resident += p->pages * sysconf(_SC_PAGESIZE);
	sum->ticks += p->ticks;
}

void
children_measure(struct children_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
	visit_all(add_process, sum);
}

int64_t
children_ticks(void)
{
	struct children_sum sum;

	children_measure(&sum);
	return (sum.ticks);
}

/* Where we may not look, what is resident has to do. */
static void
add_memory(void *arg, const struct process *p)
{
	int64_t *bytes = arg, page = sysconf(_SC_PAGESIZE);
	char path[64], line[128];
	long long kib;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)p->pid);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Pss: %lld", &kib) == 1) {
			fclose(f);
			*bytes += kib * 1024;
			return;
		}
	if (f != NULL)
		fclose(f);
	*bytes += p->pages * page;
}

int64_t
children_memory(void)
{
	int64_t bytes = 0;

	visit_all(add_memory, &bytes);
	return (bytes);
}
