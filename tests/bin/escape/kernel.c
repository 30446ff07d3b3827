/* Ways by the kernel: to more rights, other namespaces, other calls. */

#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bin/escape/escape.h"

#define X32_BIT      0x40000000
#define IA32_GETPID  20
#define CLONE3_WORDS 11 /* struct clone_args */

/*
 * Mounts of its own, so that what is tried where nothing holds it back stays
 * without effect on the machine.  Whoever is not root has to be one first.
 */
static bool
own_mounts(void)
{
	return (
	    unshare(CLONE_NEWNS | (geteuid() != 0 ? CLONE_NEWUSER : 0)) == 0 &&
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
}

/* A call that would be carried out, were there anything to it, is open. */
static int
refused(int result)
{
	return (result == -1 && errno != EINVAL && errno != EBUSY ? -1 : 0);
}

static int
io_uring(void)
{
	uint32_t params[30];

	memset(params, 0, sizeof(params));
	return (opened((int)syscall(SYS_io_uring_setup, 1, params)));
}

static int
unshare_user(void)
{
	return (unshare(CLONE_NEWUSER));
}

static int
unshare_mounts(void)
{
	return (unshare(CLONE_NEWNS) == 0 ||
		    unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0
		? 0
		: -1);
}

static int
ended(long pid)
{
	if (pid == 0)
		_exit(0);
	return (pid == -1 ? -1 : (waitpid((pid_t)pid, NULL, 0), 0));
}

static int
clone_user(void)
{
	return (ended(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)));
}

static int
clone3_user(void)
{
	uint64_t args[CLONE3_WORDS] = { CLONE_NEWUSER, 0, 0, 0, SIGCHLD };

	return (ended(syscall(SYS_clone3, args, sizeof(args))));
}

static int
set_namespace(void)
{
	int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	(void)own_mounts();
	return (fd == -1 ? -1 : setns(fd, CLONE_NEWNS));
}

static int
mount_on_mine(const char *source, const char *type, unsigned long flags)
{
	bool own = own_mounts();

	(void)mkdir(mine(), 0755);
	if (mount(source, mine(), type, flags, NULL) == -1)
		return (-1);
	if (!own)
		(void)umount2(mine(), MNT_DETACH);
	return (0);
}

static int
mount_tmpfs(void)
{
	return (mount_on_mine("none", "tmpfs", 0));
}

static int
mount_bind(void)
{
	return (mount_on_mine(fact("OUT"), NULL, MS_BIND));
}

static int
remount(void)
{
	const char *what = mine();

	(void)mkdir(what, 0755);
	if (own_mounts() && mount(what, what, NULL, MS_BIND, NULL) == -1)
		return (-1);
	return (refused(mount(NULL, what, NULL, MS_REMOUNT | MS_BIND, NULL)));
}

static int
unmount(void)
{
	(void)own_mounts();
	(void)mkdir(mine(), 0755);
	return (refused(umount2(mine(), MNT_DETACH)));
}

static int
change_root(void)
{
	(void)own_mounts();
	return (chroot(fact("WS")));
}

static int
pivot(void)
{
	(void)own_mounts();
	(void)mkdir(mine(), 0755);
	return (refused((int)syscall(SYS_pivot_root, mine(), mine())));
}

static int
open_tree_clone(void)
{
	(void)own_mounts();
	return (opened((int)syscall(SYS_open_tree, AT_FDCWD, "/usr", 1)));
}

static int
new_mount_api(void)
{
	(void)own_mounts();
	return (opened((int)syscall(SYS_fsopen, "tmpfs", 0)));
}

static int
mount_attributes(void)
{
	uint64_t attr[4] = { 0, 0, 0, 0 };

	(void)own_mounts();
	(void)mkdir(mine(), 0755);
	return (refused((int)syscall(
	    SYS_mount_setattr, AT_FDCWD, mine(), 0, attr, sizeof(attr))));
}

static int
host_name(void)
{
	char name[HOST_NAME_MAX + 1];

	if (geteuid() != 0)
		(void)unshare(CLONE_NEWUSER | CLONE_NEWUTS);
	return (gethostname(name, sizeof(name)) == -1
		? -1
		: sethostname(name, strlen(name)));
}

static int
open_by_handle(void)
{
	struct {
		struct file_handle head;
		unsigned char bytes[MAX_HANDLE_SZ];
	} h = { .head.handle_bytes = MAX_HANDLE_SZ };
	int id, fd = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 ||
	    name_to_handle_at(AT_FDCWD, "/etc/passwd", &h.head, &id, 0) == -1)
		return (-1);
	return (opened(open_by_handle_at(fd, &h.head, O_RDONLY)));
}

static int
bpf_map(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = attr.value_size = 4;
	attr.max_entries = 1;
	return (
	    opened((int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr))));
}

static int
user_fault(void)
{
	return (opened((int)syscall(SYS_userfaultfd, O_CLOEXEC | 1)));
}

static int
performance(void)
{
	struct perf_event_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_TASK_CLOCK;
	attr.exclude_kernel = 1;
	return (opened((int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0)));
}

static int
key_read(void)
{
	return (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID,
		    KEY_SPEC_USER_KEYRING, 1) == -1
		? -1
		: 0);
}

static int
key_add(void)
{
	return (syscall(SYS_add_key, "user", "escape", "x", 1,
		    KEY_SPEC_PROCESS_KEYRING) == -1
		? -1
		: 0);
}

static int
key_request(void)
{
	/* that there is no such key is an answer, too */
	return (syscall(SYS_request_key, "user", "escape", NULL, 0) != -1 ||
		    errno == ENOKEY
		? 0
		: -1);
}

static int
kernel_log(void)
{
	return (klogctl(10, NULL, 0) == -1 ? -1 : 0); /* the buffer's size */
}

static int
watch_all(void)
{
	return (opened(fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, 0)));
}

/* Standard error is a terminal of the tester's. */
static int
type_into_terminal(void)
{
	(void)setsid();
	(void)ioctl(2, TIOCSCTTY, 0);
	return (ioctl(2, TIOCSTI, "x"));
}

static int
type_by_upper_bits(void)
{
	(void)setsid();
	(void)ioctl(2, TIOCSCTTY, 0);
	return ((int)syscall(SYS_ioctl, 2, 0x100000000UL | TIOCSTI, "x"));
}

static int
ia32(void)
{
#ifdef __x86_64__
	int result = IA32_GETPID;

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
	return (result > 0 ? 0 : NOT_HERE);
#else
	return (NOT_HERE);
#endif
}

static int
x32(void)
{
#ifdef __x86_64__
	return (syscall(X32_BIT | SYS_getpid) > 0 ? 0 : NOT_HERE);
#else
	return (NOT_HERE);
#endif
}

static int
new_privileges(void)
{
	return (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : -1);
}

static int
capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, data) == -1)
		return (-1);
	return (data[0].effective != 0 || data[1].effective != 0 ? 0 : -1);
}

static int
device_make(void)
{
	char name[4] = "";
	int fd;

	if (mknod(mine(), S_IFCHR | 0600, makedev(1, 5)) == -1)
		return (-1);
	fd = open(mine(), O_RDONLY | O_CLOEXEC);
	return (fd != -1 && read(fd, name, 1) == 1 ? 0 : -1);
}

static int
device_open(void)
{
	return (opened(open("/dev/kmsg", O_RDONLY | O_CLOEXEC)));
}

static int
sysctl_write(void)
{
	return (opened(
	    open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC)));
}

static int
cgroup_write(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/cgroup.procs", fact("CGROUP"));
	return (opened(open(path, O_WRONLY | O_CLOEXEC)));
}

static int
memory_program(void)
{
	char *const argv[] = { (char[]) { "true" }, NULL },
		    *const envp[] = { NULL };
	char block[65536];
	int from = open("/bin/true", O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("program", MFD_CLOEXEC);
	ssize_t n;

	while ((n = read(from, block, sizeof(block))) > 0)
		if (write(fd, block, (size_t)n) != n)
			return (-1);
	fexecve(fd, argv, envp);
	return (-1);
}

/* clang-format off */
const struct probe kernel_probes[] = {
	{ "call-io-uring", io_uring },
	{ "call-unshare-user", unshare_user },
	{ "call-unshare-mounts", unshare_mounts },
	{ "call-clone-user", clone_user },
	{ "call-clone3-user", clone3_user },
	{ "call-setns", set_namespace },
	{ "call-mount", mount_tmpfs },
	{ "call-mount-bind", mount_bind },
	{ "call-remount", remount },
	{ "call-umount", unmount },
	{ "call-chroot", change_root },
	{ "call-pivot-root", pivot },
	{ "call-open-tree", open_tree_clone },
	{ "call-fsopen", new_mount_api },
	{ "call-mount-setattr", mount_attributes },
	{ "call-sethostname", host_name },
	{ "call-open-by-handle", open_by_handle },
	{ "call-bpf", bpf_map },
	{ "call-userfaultfd", user_fault },
	{ "call-perf-event", performance },
	{ "call-keyctl", key_read },
	{ "call-add-key", key_add },
	{ "call-request-key", key_request },
	{ "call-syslog", kernel_log },
	{ "call-fanotify", watch_all },
	{ "call-tiocsti", type_into_terminal },
	{ "call-tiocsti-upper", type_by_upper_bits },
	{ "call-ia32", ia32 },
	{ "call-x32", x32 },
	{ "privilege-new", new_privileges },
	{ "privilege-capabilities", capabilities },
	{ "privilege-device", device_make },
	{ "device-kmsg", device_open },
	{ "kernel-sysctl", sysctl_write },
	{ "kernel-cgroup", cgroup_write },
	{ "program-memfd", memory_program },
	{ NULL, NULL },
};
/* clang-format on */
