/*
 * The system calls that no command may make, as a program for seccomp(2).
 * What Landlock and namespaces cannot hold is held here: ways to other
 * processes, to the kernel's own inside, and sockets.
 */

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "agent-worker/confine/level.h"
#include "ipc/xmalloc.h"

#if defined(__x86_64__)
#define ARCH    AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000 /* of numbers of the x32 interface */
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0
#endif

_Static_assert(ARCH != 0, "which AUDIT_ARCH_ has this machine?");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
    "the lower half of an argument is elsewhere");

/* Newer than some headers; one table of numbers since 5.1, so the same. */
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

#define NAMESPACES                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define SOCK_TYPE 0xf /* the rest of a socket's type is flags */

enum test {
	ANY,  /* the call, whatever its arguments */
	SOME, /* (argument & mask) != 0 */
	SAME, /* (argument & mask) == value */
	DIFFERENT
};

#define ALLOW    SECCOMP_RET_ALLOW
#define DENY(no) (SECCOMP_RET_ERRNO | (no))
#define ALL      0xffffffff

/*
 * The first row that fits decides.  Only the lower half of an argument is
 * looked at: those here are int or unsigned int to the kernel, but for the
 * flags of clone and unshare, which have no upper ones, and the
 * request of ioctl, of which it takes the lower half likewise.
 */
/* clang-format off */
static const struct rule {
	long number;
	unsigned int only;	/* where all of these hold; 0: everywhere */
	enum test test;
	unsigned int argument;
	uint32_t mask;
	uint32_t value;
	uint32_t verdict;
} rules[] = {
	/* a socket reaches what no path rule holds: another's directory of
	 * sockets, another machine; a connected pair reaches its other end */
	{ SYS_socket, FILTER_INET, SAME, 0, ALL, AF_INET, ALLOW },
	{ SYS_socket, FILTER_INET, SAME, 0, ALL, AF_INET6, ALLOW },
	{ SYS_socket, FILTER_INET, SAME, 0, ALL, AF_NETLINK, ALLOW },
	{ SYS_socket, 0, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_socketpair, 0, DIFFERENT, 0, ALL, AF_UNIX, DENY(EACCES) },
	{ SYS_socketpair, 0, SAME, 1, SOCK_TYPE, SOCK_STREAM, ALLOW },
	{ SYS_socketpair, 0, SAME, 1, SOCK_TYPE, SOCK_SEQPACKET, ALLOW },
	{ SYS_socketpair, 0, ANY, 0, 0, 0, DENY(EACCES) },

	/* other processes */
	{ SYS_ptrace, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_process_vm_readv, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_process_vm_writev, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_process_madvise, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_pidfd_getfd, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_kcmp, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_migrate_pages, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_move_pages, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_prlimit64, 0, DIFFERENT, 0, ALL, 0, DENY(EPERM) },

	/* namespaces, where one would be mighty; as flags behind a pointer
	 * cannot be seen, clone3 is said not to be there, and clone is used */
	{ SYS_clone, 0, SOME, 0, NAMESPACES, 0, DENY(EPERM) },
	{ SYS_unshare, 0, SOME, 0, NAMESPACES, 0, DENY(EPERM) },
	{ SYS_clone3, 0, ANY, 0, 0, 0, DENY(ENOSYS) },
	{ SYS_setns, 0, ANY, 0, 0, 0, DENY(EPERM) },

	/* what is mounted, and ways round it */
	{ SYS_mount, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_umount2, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_pivot_root, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_chroot, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_move_mount, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_open_tree, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_open_tree_attr, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_fsopen, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_fsconfig, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_fsmount, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_fspick, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_mount_setattr, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_open_by_handle_at, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_quotactl, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_quotactl_fd, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_fanotify_init, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_truncate, FILTER_NO_TRUNCATE, ANY, 0, 0, 0, DENY(EPERM) },

	/* calls that make calls, and the kernel's own inside */
	{ SYS_io_uring_setup, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_io_uring_enter, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_io_uring_register, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_bpf, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_userfaultfd, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_perf_event_open, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_keyctl, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_add_key, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_request_key, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_syslog, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_kexec_load, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_kexec_file_load, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_init_module, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_finit_module, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_delete_module, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_reboot, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_swapon, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_swapoff, 0, ANY, 0, 0, 0, DENY(EPERM) },
	{ SYS_acct, 0, ANY, 0, 0, 0, DENY(EPERM) },

	/* what is typed into the terminal is executed by the user's shell */
	{ SYS_ioctl, 0, SAME, 1, ALL, TIOCSTI, DENY(EPERM) },
	{ SYS_ioctl, 0, SAME, 1, ALL, TIOCLINUX, DENY(EPERM) },
	{ SYS_vhangup, 0, ANY, 0, 0, 0, DENY(EPERM) },

	/* memory and queues that all processes of a user share */
	{ SYS_shmget, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_shmat, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_shmctl, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_semget, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_semop, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_semtimedop, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_semctl, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_msgget, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_msgsnd, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_msgrcv, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_msgctl, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_mq_open, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
	{ SYS_mq_unlink, FILTER_SHARED_IPC, ANY, 0, 0, 0, DENY(EACCES) },
};
/* clang-format on */

#define NRULES     (sizeof(rules) / sizeof(rules[0]))
#define HEAD       6 /* instructions before the rules, at most */
#define EACH       6 /* for a rule, at most */
#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(what))
#define AT(member) offsetof(struct seccomp_data, member)
#define JUMP(how, k, yes, no) \
	BPF_JUMP(BPF_JMP | (how) | BPF_K, (uint32_t)(k), yes, no)
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)

static void
emit(struct sock_fprog *f, struct sock_filter instruction)
{
	f->filter[f->len++] = instruction;
}

/* With another machine's numbers the table would mean other calls. */
static void
emit_head(struct sock_fprog *f)
{
	emit(f, (struct sock_filter)LOAD(AT(arch)));
	emit(f, (struct sock_filter)JUMP(BPF_JEQ, ARCH, 1, 0));
	emit(f, (struct sock_filter)RETURN(SECCOMP_RET_KILL_PROCESS));
	emit(f, (struct sock_filter)LOAD(AT(nr)));
#ifdef X32_BIT
	emit(f, (struct sock_filter)JUMP(BPF_JGE, X32_BIT, 0, 1));
	emit(f, (struct sock_filter)RETURN(DENY(ENOSYS)));
#endif
}

/* The number is in the accumulator before and after. */
static void
emit_rule(struct sock_fprog *f, const struct rule *r)
{
	bool unless = r->test == SOME || r->test == DIFFERENT;

	if (r->test == ANY) {
		emit(f, (struct sock_filter)JUMP(BPF_JEQ, r->number, 0, 1));
		emit(f, (struct sock_filter)RETURN(r->verdict));
		return;
	}
	emit(f, (struct sock_filter)JUMP(BPF_JEQ, r->number, 0, 5));
	emit(f, (struct sock_filter)LOAD(AT(args[r->argument])));
	emit(f,
	    (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, r->mask));
	emit(f,
	    (struct sock_filter)JUMP(
		BPF_JEQ, r->value, unless ? 1 : 0, unless ? 0 : 1));
	emit(f, (struct sock_filter)RETURN(r->verdict));
	emit(f, (struct sock_filter)LOAD(AT(nr)));
}

void
filter_make(struct sock_fprog *f, unsigned int holds)
{
	size_t i;

	f->len = 0;
	f->filter = xcalloc(HEAD + NRULES * EACH + 1, sizeof(*f->filter));
	emit_head(f);
	for (i = 0; i < NRULES; i++)
		if ((rules[i].only & ~holds) == 0)
			emit_rule(f, &rules[i]);
	emit(f, (struct sock_filter)RETURN(SECCOMP_RET_ALLOW));
}
