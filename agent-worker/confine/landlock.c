/*
 * The level "landlock": no namespaces, but rules on files, signals and ports
 * that the kernel keeps for the command and all that it starts; see
 * landlock(7).
 */

#include <linux/openat2.h>
#include <linux/types.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/confine/level.h"
#include "ipc/xmalloc.h"

/*
 * The kernel's own names are newer than many headers.  Values: the kernel's
 * include/uapi/linux/landlock.h.
 */
enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_ABI_1 = (1 << 13) - 1, /* these four, what removes and makes */
	FS_REFER = 1 << 13,
	FS_TRUNCATE = 1 << 14,
	FS_IOCTL_DEV = 1 << 15,

	NET_BIND_TCP = 1 << 0,
	NET_CONNECT_TCP = 1 << 1,

	SCOPE_ABSTRACT_UNIX = 1 << 0,
	SCOPE_SIGNAL = 1 << 1,

	CREATE_RULESET_VERSION = 1 << 0,
	RULE_PATH_BENEATH = 1
};

#define READING (FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)
#define OF_A_FILE \
	(FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attr {
	__u64 fs;
	__u64 net;
	__u64 scoped;
};

struct path_beneath_attr {
	__u64 allowed;
	__s32 parent;
} __attribute__((packed));

/* What each version of the interface can hold that those before cannot. */
static const struct {
	int abi;
	struct ruleset_attr adds;
} versions[] = {
	{ 1, { .fs = FS_ABI_1 } },
	{ 2, { .fs = FS_REFER } },
	{ 3, { .fs = FS_TRUNCATE } },
	{ 4, { .net = NET_BIND_TCP | NET_CONNECT_TCP } },
	{ 5, { .fs = FS_IOCTL_DEV } },
	{ 6, { .scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL } },
};

/* No terminal: it would be the user's. */
static const char *const devices[] = { "/dev/full", "/dev/null", "/dev/random",
	"/dev/tty", "/dev/urandom", "/dev/zero", NULL };

/* One of all processes' files: there is no rule for one's own alone. */
static const char *const shared[] = { "/proc", "/run/systemd/resolve", NULL };

struct rules {
	int fd;
	__u64 handled;
	const struct policy *policy;
};

/* --- one rule --- */

/* Not through a link that somebody put there since the path was resolved. */
static int
open_path(int at, const char *name)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_NO_SYMLINKS };

	return ((int)syscall(SYS_openat2, at, name, &how, sizeof(how)));
}

/* What fd refers to, and all below it; links have no rights of their own. */
static int
allow(const struct rules *r, int fd, __u64 rights)
{
	struct path_beneath_attr rule = { .parent = fd };
	struct stat sb;

	if (fstat(fd, &sb) == -1 || S_ISLNK(sb.st_mode))
		return (0);
	if (!S_ISDIR(sb.st_mode))
		rights &= OF_A_FILE;
	rule.allowed = rights & r->handled;
	return ((int)syscall(
	    SYS_landlock_add_rule, r->fd, RULE_PATH_BENEATH, &rule, 0));
}

static int
allow_path(const struct rules *r, const char *path, __u64 rights)
{
	int fd, result;

	if ((fd = open_path(AT_FDCWD, path)) == -1)
		return (0);
	result = allow(r, fd, rights);
	close(fd);
	return (result);
}

/* The system's directories may be links to each other. */
static int
allow_system(const struct rules *r, const char *const *names, __u64 rights)
{
	char *path;
	int result = 0;

	for (; *names != NULL && result == 0; names++) {
		if ((path = realpath(*names, NULL)) == NULL)
			continue;
		result = allow_path(r, path, rights);
		free(path);
	}
	return (result);
}

/* --- everything but what is kept --- */

static int allow_around(const struct rules *, int fd, const char *path);

static int
allow_entries(const struct rules *r, int fd, const char *path)
{
	struct dirent *entry;
	int below, result = 0, again = openat(fd, ".", O_RDONLY | O_CLOEXEC);
	char *name;
	DIR *dir;

	/* what cannot be listed has no rights either */
	if (again == -1 || (dir = fdopendir(again)) == NULL)
		return (0);
	while (result == 0 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 ||
		    (below = open_path(fd, entry->d_name)) == -1)
			continue;
		name = xasprintf(
		    "%s/%s", strcmp(path, "/") == 0 ? "" : path, entry->d_name);
		result = allow_around(r, below, name);
		free(name);
		close(below);
	}
	closedir(dir);
	return (result);
}

/*
 * Rules only add rights, and hold for all that is below: the way down to
 * what is kept is left without, and what stands beside it gets them.
 */
static int
allow_around(const struct rules *r, int fd, const char *path)
{
	const struct policy *p = r->policy;

	if (policy_keeps(p, path))
		return (0);
	if (!paths_lie_below(&p->keep, path))
		return (allow(r, fd, r->handled & ~(__u64)FS_IOCTL_DEV));
	return (allow_entries(r, fd, path));
}

static int
allow_writing(const struct rules *r, const char *path)
{
	int fd, result;

	if ((fd = open_path(AT_FDCWD, path)) == -1)
		return (0);
	result = allow(r, fd, READING);
	if (result == 0)
		result = allow_around(r, fd, path);
	close(fd);
	return (result);
}

static int
allow_policy(const struct rules *r)
{
	const struct policy *p = r->policy;
	size_t i;

	for (i = 0; i < p->read.n; i++)
		if (allow_path(r, p->read.list[i].real, READING) == -1)
			return (-1);
	for (i = 0; i < p->write.n; i++)
		if (allow_writing(r, p->write.list[i].real) == -1)
			return (-1);
	return (0);
}

/* --- the level --- */

static struct ruleset_attr
attributes(int abi, bool network)
{
	struct ruleset_attr a = { 0, 0, 0 };
	size_t i;

	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (versions[i].abi <= abi) {
			a.fs |= versions[i].adds.fs;
			a.net |= versions[i].adds.net;
			a.scoped |= versions[i].adds.scoped;
		}
	if (network)
		a.net = 0;
	return (a);
}

int
landlock_prepare(struct stage *stage, char *err, size_t errlen)
{
	const struct policy *p = stage->policy;
	struct rules r = { .policy = p };
	struct ruleset_attr a;
	int abi;

	abi = (int)syscall(
	    SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
	if (abi == -1) {
		snprintf(
		    err, errlen, "not in this kernel: %s", strerror(errno));
		return (-1);
	}
	a = attributes(abi, p->network);
	r.handled = a.fs;
	r.fd = stage->ruleset =
	    (int)syscall(SYS_landlock_create_ruleset, &a, sizeof(a), 0);
	if (r.fd == -1 || allow_system(&r, system_paths, READING) == -1 ||
	    allow_system(&r, shared, READING) == -1 ||
	    allow_system(&r, devices, READING | FS_WRITE_FILE) == -1 ||
	    allow_policy(&r) == -1) {
		snprintf(err, errlen, "no rules: %s", strerror(errno));
		return (-1);
	}
	filter_make(&stage->filter,
	    FILTER_SHARED_IPC | (p->network ? FILTER_INET : 0) |
		((a.fs & FS_TRUNCATE) == 0 ? FILTER_NO_TRUNCATE : 0));
	if (p->tmp != NULL)
		setenv("TMPDIR", p->tmp, 1);
	stage->walled = true;
	return (0);
}
