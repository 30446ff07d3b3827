/*
 * The level "bwrap": namespaces of its own, made by bubblewrap, and in them
 * the first process is this program again, as the command's reaper.
 */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/confine/level.h"
#include "ipc/pathname.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"

#define PROGRAM    "bwrap"
#define TMP        "/tmp"
#define CONTROL_FD "3" /* as spawn.h has it, and the next three */
#define FILTER_FD  "4"
#define REAPER     "/proc/self/fd/5" /* this program, also inside */
#define COMMAND_FD "6"
#define RAM_SIZE   "67108864" /* of files in memory, which no limit counts */

/* Up to NULL. */
static void
add_list(struct words *w, const char *const *list)
{
	for (; *list != NULL; list++)
		words_add(w, *list);
}

#define ADD(w, ...) add_list(w, (const char *const[]) { __VA_ARGS__, NULL })

static void
add_number(struct words *w, const char *option, int64_t value)
{
	char number[32];

	snprintf(number, sizeof(number), "%lld", (long long)value);
	ADD(w, option, number);
}

/* --- bwrap's own program --- */

/*
 * Nothing that a command can write may be taken for it: what it is told is
 * carried out without walls.
 */
static bool
is_ours(const struct policy *p, const char *path)
{
	char *real = NULL;
	bool ours;

	ours = access(path, X_OK) == 0 &&
	    (real = realpath(path, NULL)) != NULL &&
	    !paths_cover(&p->write, real);
	free(real);
	return (ours);
}

/* The caller frees it; NULL: there is none. */
static char *
find_program(const struct policy *p)
{
	const char *dir = getenv("PATH");
	size_t len;
	char *path;

	for (; dir != NULL && *dir != '\0'; dir += len + (dir[len] == ':')) {
		len = strcspn(dir, ":");
		if (*dir != '/')
			continue;
		path = xasprintf("%.*s/%s", (int)len, dir, PROGRAM);
		if (is_ours(p, path))
			return (path);
		free(path);
	}
	return (NULL);
}

/* --- what is seen of the files --- */

/* Directories that are links to each other stay what they are. */
static void
add_system(struct words *w)
{
	char target[PATH_MAX];
	ssize_t n;
	size_t i;

	for (i = 0; system_paths[i] != NULL; i++) {
		n = readlink(system_paths[i], target, sizeof(target) - 1);
		if (n == -1) {
			ADD(w, "--ro-bind-try", system_paths[i],
			    system_paths[i]);
			continue;
		}
		target[n] = '\0';
		ADD(w, "--symlink", target, system_paths[i]);
	}
}

static void
add_bind(struct words *w, const char *how, const char *real, const char *name)
{
	ADD(w, how, real, real);
	if (strcmp(name, real) != 0)
		ADD(w, how, real, name);
}

static void
add_binds(struct words *w, const char *how, const struct paths *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		add_bind(w, how, p->list[i].real, p->list[i].name);
}

/* The first len bytes of what lies below root, as both names of root have it.
 */
static void
push_below(
    struct paths *p, const struct path *root, const char *real, size_t len)
{
	char *part = xstrndup(real, len);

	p->list = xreallocarray(p->list, p->n + 1, sizeof(*p->list));
	p->list[p->n++] = (struct path) { .name = xasprintf("%s%s", root->name,
					      part + strlen(root->real)),
		.real = part };
}

/*
 * A directory in which something is mounted can be renamed, and another put
 * in its place; one that is mounted itself cannot.
 */
static void
push_ways(struct paths *ways, const struct path *root, const char *keep)
{
	size_t i;

	for (i = strlen(root->real) + 1; keep[i] != '\0'; i++)
		if (keep[i] == '/')
			push_below(ways, root, keep, i);
}

static int
compare_lengths(const void *a, const void *b)
{
	size_t m = strlen(((const struct path *)a)->real);
	size_t n = strlen(((const struct path *)b)->real);

	return (m < n ? -1 : m > n);
}

static void
release(struct paths *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		free(p->list[i].real);
		free((char *)(uintptr_t)p->list[i].name);
	}
	free(p->list);
}

static void
push_whole(struct paths *p, const struct path *root, const char *real)
{
	push_below(p, root, real, strlen(real));
}

/*
 * What may be written, what of it may not, and the ways there.  What is
 * mounted hides what was mounted below: the shorter go first.
 */
static void
add_written(struct words *w, const struct policy *p)
{
	struct paths all = { NULL, 0 };
	const struct path *root;
	const char *keep;
	size_t i, j;

	for (i = 0; i < p->write.n; i++) {
		root = &p->write.list[i];
		push_whole(&all, root, root->real);
		for (j = 0; j < p->keep.n; j++) {
			keep = p->keep.list[j].real;
			if (!pathname_is_in(keep, root->real))
				continue;
			push_ways(&all, root, keep);
			push_whole(&all, root, keep);
		}
	}
	if (all.n > 0)
		qsort(all.list, all.n, sizeof(*all.list), compare_lengths);
	for (i = 0; i < all.n; i++)
		add_bind(w,
		    policy_keeps(p, all.list[i].real) ? "--ro-bind" : "--bind",
		    all.list[i].real, all.list[i].name);
	release(&all);
}

static void
add_policy_paths(struct words *w, const struct policy *p)
{
	add_binds(w, "--ro-bind", &p->read);
	add_written(w, p);
}

static void
add_files(struct words *w, const struct policy *p)
{
	add_system(w);
	ADD(w, "--proc", "/proc", "--dev", "/dev", "--size", RAM_SIZE,
	    "--tmpfs", "/dev/shm");
	if (p->tmp != NULL)
		ADD(w, "--bind", p->tmp, TMP);
	else
		ADD(w, "--size", RAM_SIZE, "--tmpfs", TMP);
	if (p->network)
		ADD(w, "--ro-bind-try", "/run/systemd/resolve",
		    "/run/systemd/resolve");
	add_policy_paths(w, p);
	/* root may write what is below /proc/sys, whatever it has lost */
	ADD(w, "--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro",
	    "/");
}

/* --- what is said to it, and by it to the reaper --- */

static void
add_reaper(struct words *w, const struct policy *p)
{
	static const struct {
		const char *option;
		size_t offset;
	} numbers[] = {
		{ "--memory", offsetof(struct policy, memory) },
		{ "--processes", offsetof(struct policy, processes) },
		{ "--file-size", offsetof(struct policy, file_size) },
		{ "--cpu", offsetof(struct policy, cpu_seconds) },
		{ "--grace", offsetof(struct policy, grace_ms) },
	};
	size_t i;

	ADD(w, REAPER, "--level", "off", "--control", CONTROL_FD, "--report",
	    CONTROL_FD);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		add_number(w, numbers[i].option,
		    *(const int64_t *)((const char *)p + numbers[i].offset));
	if (p->dir != NULL)
		ADD(w, "--chdir", p->dir);
	if (p->command != -1)
		ADD(w, "--command", COMMAND_FD);
	words_add(w, "--");
	for (i = 0; p->argv[i] != NULL; i++)
		words_add(w, p->argv[i]);
}

/*
 * Not --die-with-parent: if bwrap were killed before it has let its child go
 * on, that child would wait for ever.  It lives as long as the reaper inside,
 * and that one ends when nobody is at the other end of its socket.
 */
static char **
make_argv(const char *program, const struct policy *p)
{
	struct words w = { NULL, 0 };

	ADD(&w, program, "--unshare-user-try", "--unshare-pid", "--unshare-ipc",
	    "--unshare-uts", "--new-session", "--as-pid-1", "--cap-drop", "ALL",
	    "--seccomp", FILTER_FD);
	if (!p->network)
		words_add(&w, "--unshare-net");
	add_files(&w, p);
	words_add(&w, "--");
	add_reaper(&w, p);
	return (w.list);
}

/* A file without a name that holds the filter, at its beginning. */
static int
filter_file(const struct sock_fprog *f)
{
	size_t size = f->len * sizeof(*f->filter);
	int fd;

	if ((fd = memfd_create("filter", MFD_CLOEXEC)) == -1)
		return (-1);
	if (write(fd, f->filter, size) == (ssize_t)size &&
	    lseek(fd, 0, SEEK_SET) == 0)
		return (fd);
	close(fd);
	return (-1);
}

static int
pass(struct stage *stage, int fd)
{
	if (fd != -1)
		stage->pass[stage->npass++] = fd;
	return (fd == -1 ? -1 : 0);
}

/* In the order of CONTROL_FD, FILTER_FD, REAPER, COMMAND_FD. */
static int
pass_all(struct stage *stage)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
		return (-1);
	stage->control = ends[0];
	(void)pass(stage, ends[1]);
	if (pass(stage, filter_file(&stage->filter)) == -1)
		return (-1);
	if (pass(stage, open("/proc/self/exe", O_PATH | O_CLOEXEC)) == -1)
		return (-1);
	(void)pass(stage, stage->policy->command);
	return (0);
}

int
bwrap_prepare(struct stage *stage, char *err, size_t errlen)
{
	char *program = find_program(stage->policy);

	if (program == NULL) {
		snprintf(err, errlen, "not found in PATH");
		return (-1);
	}
	stage->owned = stage->argv = make_argv(program, stage->policy);
	free(program);
	setenv("TMPDIR", TMP, 1);
	/* its own network has nothing but itself */
	filter_make(&stage->filter, FILTER_INET);
	if (pass_all(stage) == 0)
		return (0);
	snprintf(err, errlen, "%s", strerror(errno));
	return (-1);
}
