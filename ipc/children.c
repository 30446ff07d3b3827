/* The processes below this one. */

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
};

struct processes {
	struct process *list;
	size_t count;
};

void
children_adopt(void)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		log_warn("prctl(PR_SET_CHILD_SUBREAPER)");
}

/*
 * The state is the first field behind the program's name, which stands in
 * parentheses and may hold anything; the parent follows, the four times are
 * ten and more further on: proc(5), /proc/pid/stat.
 */
static bool
read_process(const char *name, struct process *p)
{
	long long user, kernel, below_user, below_kernel;
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
		"%lld %lld %lld %lld",
		&p->state, &p->parent, &user, &kernel, &below_user,
		&below_kernel) != 6)
		return (false);
	p->pid = (pid_t)atoi(name);
	p->ticks = user + kernel + below_user + below_kernel;
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

int
children_kill(bool (*keep)(void *, pid_t), void *arg)
{
	struct process p;
	pid_t self = getpid();
	int found = 0;
	DIR *proc;

	if ((proc = open_proc()) == NULL)
		return (0);
	while (next_process(proc, &p)) {
		if (p.parent != self || p.state == 'Z' ||
		    (keep != NULL && keep(arg, p.pid)))
			continue;
		/* our child until we wait for it: the pid is still its own */
		if (kill(p.pid, SIGKILL) == 0)
			found++;
	}
	closedir(proc);
	return (found);
}

bool
children_end(int *killed)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		continue;
	if (pid == -1 && errno == ECHILD)
		return (true);
	*killed += children_kill(NULL, NULL);
	return (false);
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
		if (p.parent != self || keep(arg, p.pid))
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
static int64_t
ticks_below(const struct processes *all, pid_t pid, int depth)
{
	int64_t ticks = 0;
	size_t i;

	for (i = 0; depth > 0 && i < all->count; i++)
		if (all->list[i].parent == pid)
			ticks += all->list[i].ticks +
			    ticks_below(all, all->list[i].pid, depth - 1);
	return (ticks);
}

int64_t
children_ticks(void)
{
	struct processes all = { NULL, 0 };
	int64_t ticks;

	take_processes(&all);
	ticks = ticks_below(&all, getpid(), DEPTH_MAX);
	free(all.list);
	return (ticks);
}
