/* Ways to files that are not named, and to change those that are kept. */

#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/bin/escape/escape.h"

static int
open_with(const char *path, int flags)
{
	return (opened(open(path, flags | O_CLOEXEC, 0644)));
}

static int
open_below(const char *prefix, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", prefix, outside_file());
	return (open_with(path, flags));
}

static int
read_file(void)
{
	return (open_with(outside_file(), O_RDONLY));
}

static int
read_home(void)
{
	return (open_with(fact("HOME_FILE"), O_RDONLY));
}

static int
list_directory(void)
{
	return (open_with(outside_dir(), O_RDONLY | O_DIRECTORY));
}

static int
write_file(void)
{
	return (open_with(outside_file(), O_WRONLY));
}

static int
append_file(void)
{
	return (open_with(outside_file(), O_WRONLY | O_APPEND));
}

static int
create_file(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/new", outside_dir());
	return (open_with(path, O_WRONLY | O_CREAT | O_EXCL));
}

static int
create_tmpfile(void)
{
	return (open_with(outside_dir(), O_WRONLY | O_TMPFILE));
}

static int
make_directory(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/new", outside_dir());
	return (mkdir(path, 0755));
}

static int
make_fifo(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/new", outside_dir());
	return (mkfifo(path, 0644));
}

static int
make_symlink(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/new", outside_dir());
	return (symlink("nowhere", path));
}

static int
remove_file(void)
{
	return (unlink(outside_file()));
}

static int
remove_directory(void)
{
	return (rmdir(outside_dir()));
}

static int
rename_out(void)
{
	make_mine();
	return (rename(mine(), outside_file()));
}

static int
rename_in(void)
{
	return (rename(outside_file(), mine()));
}

static int
link_in(void)
{
	if (link(outside_file(), mine()) == -1)
		return (-1);
	return (open_with(mine(), O_WRONLY));
}

static int
link_out(void)
{
	char path[PATH_MAX];

	make_mine();
	snprintf(path, sizeof(path), "%s/new", outside_dir());
	return (link(mine(), path));
}

static int
through_symlink(void)
{
	if (symlink(outside_file(), mine()) == -1)
		return (-1);
	return (open_with(mine(), O_WRONLY));
}

static int
through_dotdot(void)
{
	char path[PATH_MAX];

	snprintf(
	    path, sizeof(path), "%s/../../..%s", fact("WS"), outside_file());
	if (chdir(fact("WS")) == -1)
		return (-1);
	return (open_with(path, O_WRONLY) == 0 ||
		    open_below("../../../../../../..", O_WRONLY) == 0
		? 0
		: -1);
}

static int
through_proc_root(void)
{
	return (open_below("/proc/self/root", O_WRONLY));
}

static int
through_proc_cwd(void)
{
	return (open_below("/proc/self/cwd/../../../../../../../..", O_WRONLY));
}

static int
through_other_root(void)
{
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "/proc/%d/root", (int)victim());
	return (open_below(prefix, O_WRONLY));
}

static int
through_thread_root(void)
{
	return (open_below("/proc/thread-self/root", O_RDONLY));
}

static int
through_path_descriptor(void)
{
	char path[64];
	int fd = open(outside_file(), O_PATH | O_CLOEXEC);

	if (fd == -1)
		return (-1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return (open_with(path, O_RDONLY));
}

static int
through_leaked_descriptor(void)
{
	return (write(LEAKED_FD, "x", 1) == 1 ? 0 : -1);
}

/* Standard input is a file outside, open for reading. */
static int
through_standard_input(void)
{
	return (open_with("/proc/self/fd/0", O_WRONLY));
}

static int
truncate_path(void)
{
	return (truncate(outside_file(), 0));
}

static int
truncate_open(void)
{
	return (open_with(outside_file(), O_RDONLY | O_TRUNC));
}

static int
lock_file(void)
{
	int fd = open(outside_file(), O_RDONLY | O_CLOEXEC);

	return (fd == -1 ? -1 : flock(fd, LOCK_EX | LOCK_NB));
}

static int
change_mode(void)
{
	return (chmod(outside_file(), 0600));
}

static int
change_owner(void)
{
	return (chown(outside_file(), getuid(), getgid()));
}

static int
change_times(void)
{
	return (utimensat(AT_FDCWD, outside_file(), NULL, 0));
}

static int
change_attribute(void)
{
	if (setxattr(outside_file(), "user.escape", "x", 1, 0) == 0)
		return (0);
	return (errno == ENOTSUP ? NOT_HERE : -1);
}

static int
stat_file(void)
{
	struct stat sb;

	return (stat(outside_file(), &sb));
}

static int
enter_directory(void)
{
	return (chdir(outside_dir()));
}

static int
read_link(void)
{
	char target[PATH_MAX];

	return (
	    readlink(fact("OUT_LINK"), target, sizeof(target)) == -1 ? -1 : 0);
}

static int
watch_directory(void)
{
	int fd = inotify_init1(IN_CLOEXEC);

	return (inotify_add_watch(fd, fact("OUT"), IN_CREATE) == -1 ? -1 : 0);
}

static int
execute_file(void)
{
	char *const argv[] = { NULL }, *const envp[] = { NULL };

	execve(fact("OUT_PROGRAM"), argv, envp);
	return (-1);
}

static int
execute_by_loader(void)
{
	if (access("/lib64/ld-linux-x86-64.so.2", X_OK) == -1)
		return (NOT_HERE);
	execl("/lib64/ld-linux-x86-64.so.2", "ld.so", fact("OUT_PROGRAM"),
	    (char *)NULL);
	return (-1);
}

/* --- what may be read, but not changed --- */

static const char *
readable(void)
{
	return (fact("READ_FILE"));
}

static int
readable_write(void)
{
	return (open_with(readable(), O_WRONLY));
}

static int
readable_truncate(void)
{
	return (truncate(readable(), SECRET_LEN));
}

/* Opened for reading, it is cut all the same. */
static int
readable_open_truncate(void)
{
	return (open_with(readable(), O_RDONLY | O_TRUNC));
}

static int
readable_create(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s.new", readable());
	return (open_with(path, O_WRONLY | O_CREAT | O_EXCL));
}

static int
readable_link(void)
{
	if (link(readable(), mine()) == -1)
		return (-1);
	return (open_with(mine(), O_WRONLY));
}

static int
readable_reopen(void)
{
	char path[64];
	int fd = open(readable(), O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return (-1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return (open_with(path, O_WRONLY));
}

static int
readable_mode(void)
{
	return (chmod(readable(), 0644));
}

static int
readable_times(void)
{
	return (utimensat(AT_FDCWD, readable(), NULL, 0));
}

static int
readable_descriptor_mode(void)
{
	int fd = open(readable(), O_RDONLY | O_CLOEXEC);

	return (fd == -1 ? -1 : fchmod(fd, 0644));
}

static int
readable_unlink(void)
{
	return (unlink(readable()));
}

/* --- what is kept inside of what may be written --- */

static int
write_kept(void)
{
	return (open_with(kept(), O_WRONLY));
}

static int
truncate_kept(void)
{
	return (truncate(kept(), 0));
}

static int
remove_kept(void)
{
	return (unlink(kept()));
}

static int
create_in_kept(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s.new", kept());
	return (open_with(path, O_WRONLY | O_CREAT | O_EXCL));
}

static int
rename_over_kept(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/over", fact("MINE"));
	if (open_with(path, O_WRONLY | O_CREAT | O_EXCL) == -1)
		return (-1);
	return (rename(path, kept()));
}

static int
rename_kept_way(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s.away", fact("KEEP_WAY"));
	return (rename(fact("KEEP_WAY"), path));
}

static int
link_kept(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/link", fact("MINE"));
	if (link(kept(), path) == -1)
		return (-1);
	return (open_with(path, O_WRONLY));
}

static int
exchange_kept(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/exchange", fact("MINE"));
	if (open_with(path, O_WRONLY | O_CREAT | O_EXCL) == -1)
		return (-1);
	return (renameat2(AT_FDCWD, path, AT_FDCWD, kept(), RENAME_EXCHANGE));
}

/* clang-format off */
const struct probe file_probes[] = {
	{ "file-read", read_file },
	{ "file-read-home", read_home },
	{ "file-list", list_directory },
	{ "file-write", write_file },
	{ "file-append", append_file },
	{ "file-create", create_file },
	{ "file-tmpfile", create_tmpfile },
	{ "file-mkdir", make_directory },
	{ "file-mkfifo", make_fifo },
	{ "file-symlink", make_symlink },
	{ "file-unlink", remove_file },
	{ "file-rmdir", remove_directory },
	{ "file-rename-out", rename_out },
	{ "file-rename-in", rename_in },
	{ "file-link-in", link_in },
	{ "file-link-out", link_out },
	{ "file-through-symlink", through_symlink },
	{ "file-dotdot", through_dotdot },
	{ "file-proc-root", through_proc_root },
	{ "file-proc-cwd", through_proc_cwd },
	{ "file-proc-other-root", through_other_root },
	{ "file-proc-thread-root", through_thread_root },
	{ "file-path-descriptor", through_path_descriptor },
	{ "file-leaked-descriptor", through_leaked_descriptor },
	{ "file-stdin-again", through_standard_input },
	{ "file-truncate", truncate_path },
	{ "file-open-truncate", truncate_open },
	{ "file-flock", lock_file },
	{ "file-chmod", change_mode },
	{ "file-chown", change_owner },
	{ "file-utimes", change_times },
	{ "file-setxattr", change_attribute },
	{ "file-stat", stat_file },
	{ "file-chdir", enter_directory },
	{ "file-readlink", read_link },
	{ "file-inotify", watch_directory },
	{ "file-execute", execute_file },
	{ "file-execute-loader", execute_by_loader },
	{ "read-write", readable_write },
	{ "read-truncate", readable_truncate },
	{ "read-open-truncate", readable_open_truncate },
	{ "read-create", readable_create },
	{ "read-link", readable_link },
	{ "read-reopen", readable_reopen },
	{ "read-chmod", readable_mode },
	{ "read-fchmod", readable_descriptor_mode },
	{ "read-utimes", readable_times },
	{ "read-unlink", readable_unlink },
	{ "keep-write", write_kept },
	{ "keep-truncate", truncate_kept },
	{ "keep-unlink", remove_kept },
	{ "keep-create", create_in_kept },
	{ "keep-rename-over", rename_over_kept },
	{ "keep-link", link_kept },
	{ "keep-exchange", exchange_kept },
	{ "keep-rename-way", rename_kept_way }, /* the last: it is moved */
	{ NULL, NULL },
};
/* clang-format on */
