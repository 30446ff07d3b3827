/* Ways to other processes of the same user. */

#include <linux/ioprio.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bin/escape/escape.h"

#define KCMP_VM 1 /* linux/kcmp.h has no guard against C++ words */

static int
proc_open(const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)victim(), name);
	return (opened(open(path, flags | O_CLOEXEC)));
}

static int
proc_link(const char *name)
{
	char path[64], target[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)victim(), name);
	return (readlink(path, target, sizeof(target)) == -1 ? -1 : 0);
}

static int
pidfd_of_victim(void)
{
	return ((int)syscall(SYS_pidfd_open, victim(), 0));
}

static int
signal_kill(void)
{
	return (kill(victim(), 0));
}

static int
signal_cont(void)
{
	return (kill(victim(), SIGCONT));
}

static int
signal_tgkill(void)
{
	return ((int)syscall(SYS_tgkill, victim(), victim(), SIGCONT));
}

static int
signal_queue(void)
{
	union sigval value = { .sival_int = 1 };

	return (sigqueue(victim(), SIGCONT, value));
}

static int
signal_pidfd(void)
{
	int fd = pidfd_of_victim();

	if (fd == -1)
		return (-1);
	return ((int)syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0));
}

static int
signal_group(void)
{
	return (killpg(victim(), SIGCONT));
}

static int
attach(void)
{
	return (ptrace(PTRACE_SEIZE, victim(), NULL, NULL) == -1 ? -1 : 0);
}

static int
memory_read(void)
{
	char text[8] = "";
	struct iovec here = { text, sizeof(text) };
	struct iovec there = { (void *)fact_number("ADDRESS"), sizeof(text) };

	return (
	    process_vm_readv(victim(), &here, 1, &there, 1, 0) == -1 ? -1 : 0);
}

static int
memory_write(void)
{
	char text[8] = SECRET;
	struct iovec here = { text, sizeof(text) };
	struct iovec there = { (void *)fact_number("ADDRESS"), sizeof(text) };

	return (
	    process_vm_writev(victim(), &here, 1, &there, 1, 0) == -1 ? -1 : 0);
}

static int
memory_file(void)
{
	return (proc_open("mem", O_RDWR));
}

static int
descriptor_take(void)
{
	int fd = pidfd_of_victim();

	if (fd == -1)
		return (-1);
	return (opened((int)syscall(SYS_pidfd_getfd, fd, 1, 0)));
}

static int
descriptor_list(void)
{
	char path[64];

	/* the names are open to all; what they are is not */
	snprintf(path, sizeof(path), "fd/%d", 1);
	return (proc_link(path));
}

static int
descriptor_reopen(void)
{
	return (proc_open("fd/1", O_WRONLY));
}

static int
environment(void)
{
	return (proc_open("environ", O_RDONLY));
}

static int
maps(void)
{
	return (proc_open("maps", O_RDONLY));
}

static int
working_directory(void)
{
	return (proc_link("cwd"));
}

static int
program(void)
{
	return (proc_link("exe"));
}

static int
command_line(void)
{
	return (proc_open("cmdline", O_RDONLY));
}

static int
status(void)
{
	return (proc_open("status", O_RDONLY));
}

static int
oom_score(void)
{
	return (proc_open("oom_score_adj", O_WRONLY));
}

static int
limits(void)
{
	struct rlimit old;

	return (prlimit(victim(), RLIMIT_NOFILE, NULL, &old));
}

static int
compare(void)
{
	return (syscall(SYS_kcmp, victim(), victim(), KCMP_VM, 0, 0) == -1 ? -1
									   : 0);
}

static int
move_memory(void)
{
	unsigned long node = 1;

	return (syscall(SYS_migrate_pages, victim(), 64UL, &node, &node) == -1
		? -1
		: 0);
}

static int
priority(void)
{
	return (setpriority(PRIO_PROCESS, (id_t)victim(), 1));
}

static int
affinity(void)
{
	cpu_set_t set;

	if (sched_getaffinity(victim(), sizeof(set), &set) == -1)
		return (-1);
	return (sched_setaffinity(victim(), sizeof(set), &set));
}

static int
scheduler(void)
{
	struct sched_param param = { .sched_priority = 0 };

	return (sched_setscheduler(victim(), SCHED_OTHER, &param));
}

static int
io_priority(void)
{
	return ((int)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, victim(),
	    IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7)));
}

static int
find(void)
{
	return (opened(pidfd_of_victim()));
}

static int
wait_for_it(void)
{
	return (getsid(victim()) == -1 ? -1 : 0);
}

static int
shared_memory(void)
{
	int id = shmget((key_t)fact_number("SHM"), 0, 0);

	return (id == -1 || shmat(id, NULL, 0) == (void *)-1 ? -1 : 0);
}

static int
shared_memory_id(void)
{
	return (
	    shmat((int)fact_number("SHM_ID"), NULL, 0) == (void *)-1 ? -1 : 0);
}

static int
shared_queue(void)
{
	mqd_t queue = mq_open(fact("QUEUE"), O_WRONLY);

	if (queue == (mqd_t)-1)
		return (errno == ENOSYS ? NOT_HERE : -1);
	return (0);
}

static int
shared_posix(void)
{
	return (opened(shm_open(fact("QUEUE"), O_RDWR, 0)));
}

static int
terminal_open(void)
{
	return (opened(open(fact("TTY"), O_WRONLY | O_NOCTTY | O_CLOEXEC)));
}

/* clang-format off */
const struct probe process_probes[] = {
	{ "signal-null", signal_kill },
	{ "signal-kill", signal_cont },
	{ "signal-tgkill", signal_tgkill },
	{ "signal-queue", signal_queue },
	{ "signal-pidfd", signal_pidfd },
	{ "signal-group", signal_group },
	{ "process-ptrace", attach },
	{ "process-vm-read", memory_read },
	{ "process-vm-write", memory_write },
	{ "process-mem", memory_file },
	{ "process-pidfd-getfd", descriptor_take },
	{ "process-fd", descriptor_list },
	{ "process-fd-reopen", descriptor_reopen },
	{ "process-environ", environment },
	{ "process-maps", maps },
	{ "process-cwd", working_directory },
	{ "process-exe", program },
	{ "process-oom-score", oom_score },
	{ "process-prlimit", limits },
	{ "process-kcmp", compare },
	{ "process-migrate-pages", move_memory },
	{ "process-cmdline", command_line },
	{ "process-status", status },
	{ "process-pidfd-open", find },
	{ "process-getsid", wait_for_it },
	{ "process-nice", priority },
	{ "process-affinity", affinity },
	{ "process-scheduler", scheduler },
	{ "process-io-priority", io_priority },
	{ "ipc-shm-key", shared_memory },
	{ "ipc-shm-id", shared_memory_id },
	{ "ipc-mqueue", shared_queue },
	{ "ipc-posix-shm", shared_posix },
	{ "terminal-open", terminal_open },
	{ NULL, NULL },
};
/* clang-format on */
