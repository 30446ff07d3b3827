/* massgen gc: what runs that were killed left behind. */

#include <sys/stat.h>

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
#include "ipc/tree.h"
#include "ipc/xmalloc.h"
#include "supervisor/loop.h"
#include "supervisor/nest/gc.h"
#include "supervisor/nest/identity.h"
#include "supervisor/nest/leftover.h"
#include "supervisor/run.h"

#define RUNS_BELOW ".massgen/massgen_logs" /* of a workspace */
#define DEPTH_MAX  17                      /* of runs within runs */
#define END_MS     5000

struct gc {
	int runs; /* that were dead */
	bool failed;
	bool interrupted;
};

/* What a run makes for itself and takes away again at its end. */
static const char *const temporary[] = { "ballast", "children", "tmp" };

/*
 * Asked between two directories: what is begun is brought to its end.  The
 * loop lets signals in only where it sleeps, and here it seldom does.
 */
static bool
may_go_on(struct gc *gc)
{
	static const int stops[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t pending;
	size_t i;

	sigpending(&pending);
	for (i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		if (sigismember(&pending, stops[i]) == 1)
			gc->interrupted = true;
	if (loop_signals().stop > 0)
		gc->interrupted = true;
	return (!gc->interrupted);
}

/* --- files --- */

/* "status.json.1234.tmp": what a write under way is called. */
static bool
is_unfinished(const char *name)
{
	size_t len = strlen(name), n;

	if (len < 6 || strcmp(name + len - 4, ".tmp") != 0)
		return (false);
	for (n = len - 4; n > 0 && strchr("0123456789", name[n - 1]); n--)
		continue;
	return (n < len - 4 && n > 0 && name[n - 1] == '.');
}

static int
enter(void *arg, int dir, const char *name, const struct stat *st)
{
	(void)arg;
	(void)dir;
	(void)st;
	/* these hold what agents made, whatever they called it */
	return (strcmp(name, "workspaces") == 0 ||
		    strcmp(name, "snapshots") == 0 ||
		    strcmp(name, "workspace") == 0
		? TREE_SKIP
		: 0);
}

static int
entry(void *arg, int dir, const char *name, const struct stat *st)
{
	(void)arg;
	(void)st;
	if (is_unfinished(name))
		(void)unlinkat(dir, name, 0);
	return (0);
}

/* Agents made what is here: a symlink leads wherever they wanted. */
static DIR *
open_real(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);

	if (dir == NULL && fd != -1)
		close(fd);
	return (dir);
}

/* Snapshots that nobody was shown: ".agent2-3". */
static void
remove_unpublished(const char *run_dir)
{
	char *path = xasprintf("%s/snapshots", run_dir);
	DIR *dir = open_real(path);
	struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (strncmp(e->d_name, ".agent", 6) == 0)
			(void)tree_remove(dirfd(dir), e->d_name);
	if (dir != NULL)
		closedir(dir);
	free(path);
}

static void
remove_temporary(const char *run_dir)
{
	static const struct tree_visitor visitor = { .enter = enter,
		.entry = entry };
	char *path;
	size_t i;

	for (i = 0; i < sizeof(temporary) / sizeof(temporary[0]); i++) {
		path = xasprintf("%s/%s", run_dir, temporary[i]);
		if (tree_remove(AT_FDCWD, path) == -1)
			log_warn("%s", path);
		free(path);
	}
	remove_unpublished(run_dir);
	if (tree_walk(AT_FDCWD, run_dir, &visitor, NULL) == -1)
		log_warn("%s", run_dir);
}

/* --- runs --- */

static void
collect(struct gc *gc, struct identity *id, const char *run_dir)
{
	int left = 0, ended;

	ended = leftover_end(id->id, mono_ms() + END_MS, &left);
	gc->runs++;
	printf(
	    "%s: %d process%s ended", run_dir, ended, ended == 1 ? "" : "es");
	if (left > 0) {
		printf(", %d cannot be\n", left);
		gc->failed = true;
		identity_release(id);
		return;
	}
	printf("\n");
	remove_temporary(run_dir);
	identity_remove(id, run_dir);
}

static void visit_runs(struct gc *, const char *root, int depth);

static void
visit_workspaces(struct gc *gc, const char *run_dir, int depth)
{
	char *path = xasprintf("%s/workspaces", run_dir), *below;
	DIR *dir = open_real(path);
	struct dirent *e;

	while (dir != NULL && may_go_on(gc) && (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		below = xasprintf("%s/%s/" RUNS_BELOW, path, e->d_name);
		visit_runs(gc, below, depth);
		free(below);
	}
	if (dir != NULL)
		closedir(dir);
	free(path);
}

/* A directory with a name that a run's may have. */
static bool
is_run(DIR *root, const char *name)
{
	struct stat st;

	return (strncmp(name, "log_", 4) == 0 &&
	    name[4 + strspn(name + 4, "0123456789_")] == '\0' &&
	    fstatat(dirfd(root), name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode));
}

static void
visit_runs(struct gc *gc, const char *root, int depth)
{
	struct identity id;
	struct dirent *e;
	char *run_dir;
	DIR *dir;

	if (depth > DEPTH_MAX || (dir = opendir(root)) == NULL)
		return;
	while (may_go_on(gc) && (e = readdir(dir)) != NULL) {
		if (!is_run(dir, e->d_name))
			continue;
		run_dir = xasprintf("%s/%s", root, e->d_name);
		switch (identity_look(&id, run_dir)) {
		case IDENTITY_ALIVE:
			break;
		case IDENTITY_DEAD:
			collect(gc, &id, run_dir);
			visit_workspaces(gc, run_dir, depth + 1);
			break;
		case IDENTITY_NONE:
			visit_workspaces(gc, run_dir, depth + 1);
			break;
		}
		free(run_dir);
	}
	closedir(dir);
}

int
gc_main(int argc, char **argv)
{
	const char *root = argc > 1 ? argv[1] : RUNS_BELOW;
	struct gc gc = { 0 };

	if (argc > 2 || *root == '-' || *root == '\0') {
		fprintf(stderr, "usage: massgen gc [DIR]\n");
		return (EXIT_CONFIG);
	}
	if (access(root, R_OK | X_OK) == -1 && (argc > 1 || errno != ENOENT)) {
		log_warn("%s", root);
		return (EXIT_CONFIG);
	}
	loop_init();
	visit_runs(&gc, root, 0);
	loop_shutdown();
	printf("%d run%s cleaned up\n", gc.runs, gc.runs == 1 ? "" : "s");
	if (gc.interrupted)
		return (EXIT_INTERRUPTED);
	return (gc.failed ? EXIT_EXECUTION : EXIT_OK);
}
