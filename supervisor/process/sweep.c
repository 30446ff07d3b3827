/* Nothing is left running. */

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

#include "ipc/log.h"
#include "ipc/mono.h"
#include "supervisor/loop.h"
#include "supervisor/process/sweep.h"

void
sweep_init(void)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		log_warn("prctl(PR_SET_CHILD_SUBREAPER)");
}

/*
 * The parent is the second field behind the program's name, which stands in
 * parentheses and may hold anything: proc(5), /proc/pid/stat.
 */
static pid_t
parent_of(const char *pid)
{
	char path[64], stat[512], *p;
	pid_t parent = -1;
	ssize_t n;
	int fd, ppid;
	char state;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (-1);
	n = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	if (n <= 0)
		return (-1);
	stat[n] = '\0';
	if ((p = strrchr(stat, ')')) != NULL &&
	    sscanf(p + 1, " %c %d", &state, &ppid) == 2 && state != 'Z')
		parent = ppid;
	return (parent);
}

/*
 * /proc/pid/task/tid/children would be shorter, but proc(5) says that it
 * may omit entries, and a kernel may be built without it.
 */
int
sweep_strangers(bool (*keep)(void *, pid_t), void *arg)
{
	struct dirent *entry;
	pid_t pid, self = getpid();
	int found = 0;
	DIR *proc;

	if ((proc = opendir("/proc")) == NULL) {
		log_warn("/proc");
		return (0);
	}
	while ((entry = readdir(proc)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    parent_of(entry->d_name) != self)
			continue;
		pid = (pid_t)atoi(entry->d_name);
		if (keep != NULL && keep(arg, pid))
			continue;
		/* our child until we wait for it: the pid is still its own */
		if (kill(pid, SIGKILL) == 0)
			found++;
	}
	closedir(proc);
	return (found);
}

int
sweep_all(int64_t until_ms)
{
	int killed = 0;
	pid_t pid;

	for (;;) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			continue;
		if (pid == -1 && errno == ECHILD)
			return (killed);
		killed += sweep_strangers(NULL, NULL);
		if (mono_ms() >= until_ms) {
			log_warnx("processes remain that cannot be killed");
			return (killed);
		}
		/* SIGKILL takes effect when the kernel gets to it */
		loop_wait(mono_ms() + 10);
	}
}
