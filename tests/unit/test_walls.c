/* agent-worker/tool/walls: no way out, whatever links and renames are made. */

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "agent-worker/tool/put.h"
#include "tests/unit/tool_box.h"

#define WRITE (O_WRONLY | O_TRUNC)
#define MAKE  O_CREAT /* as put.h does it */

/* 0: it was opened, or made; else why not. */
static int
try_open(struct toolbox *box, const char *path, int flags)
{
	char why[256] = "";
	int fd = -1, ret, saved;

	if (flags == MAKE)
		ret = put_text(&box->walls, path, "f", 1, why, sizeof(why));
	else
		ret = fd =
		    walls_open(&box->walls, path, flags, why, sizeof(why));
	saved = errno;
	if (fd != -1)
		close(fd);
	if (ret != -1)
		return (0);
	if (!CHECK(why[0] != '\0'))
		printf("# %s\n", path);
	return (saved);
}

static int
try_parent(struct toolbox *box, const char *path)
{
	char why[256] = "", *name;
	int fd = walls_open_parent(&box->walls, path, &name, why, sizeof(why));
	int saved = errno;

	if (fd == -1)
		return (saved);
	close(fd);
	free(name);
	return (0);
}

/* "@" stands for the test's directory. */
static char *
expand(const char *path)
{
	return (path[0] == '@' ? xasprintf("%s%s", scratch_path, path + 1)
			       : xstrdup(path));
}

struct row {
	const char *path;
	int flags;
	int error;
};

static void
check_rows(struct toolbox *box, const struct row *rows, size_t n)
{
	char *path;
	size_t i;

	for (i = 0; i < n; i++) {
		path = expand(rows[i].path);
		if (!CHECK_INT(
			try_open(box, path, rows[i].flags), rows[i].error))
			printf("# row %zu: %s\n", i, rows[i].path);
		free(path);
	}
	HOLDS("outside/secret", SECRET);
	CHECK_INT(names_in("outside"), 1);
}

#define CHECK_ROWS(rows) check_rows(box, rows, sizeof(rows) / sizeof(rows[0]))

static void
make_link(const char *target, const char *path)
{
	char *to = expand(target);

	if (symlink(to, path) == -1)
		err(1, "%s", path);
	free(to);
}

TEST(what_is_inside_is_opened)
{
	static const struct row rows[] = {
		{ "f", O_RDONLY, 0 },
		{ "./f", O_RDONLY, 0 },
		{ "d//f", O_RDONLY, 0 },
		{ "d/../f", O_RDONLY, 0 },
		{ "no/such/../../f", O_RDONLY, 0 },
		{ ".", O_RDONLY | O_DIRECTORY, 0 },
		{ "d/", O_RDONLY, 0 },
		{ "@/ws", O_RDONLY, 0 },
		{ "@/ws/f", O_RDWR, 0 },
		{ "@/ws/new", MAKE, 0 },
		{ "link", O_RDONLY, 0 },
		{ "link", WRITE, 0 },
		{ "d/up", O_RDONLY, 0 },
		{ "@/tmp/t", MAKE, 0 },
		{ "@/snapshots/agent1.1/seen.txt", O_RDONLY, 0 },
		{ "../snapshots/agent1.1/seen.txt", O_RDONLY, 0 },
		{ "@/ctx/f", O_RDONLY, 0 },
		{ "@/ctx/.git/config", O_RDONLY, 0 },
		{ "@/ctx/kept/f", O_RDONLY, 0 },
		{ "@/only/one.txt", O_RDONLY, 0 },
		{ ".git/config", MAKE, 0 },
		{ "missing", O_RDONLY, ENOENT },
		{ "missing/new", MAKE, 0 },
		{ "f/x", O_RDONLY, ENOTDIR },
		{ "", O_RDONLY, ENOENT },
	};
	struct toolbox *box = box_enter("");

	mkdir("ws/d", 0777);
	mkdir("ws/.git", 0777);
	spill("ws/f", "f");
	spill("ws/d/f", "f");
	make_link("f", "ws/link");
	make_link("../f", "ws/d/up");
	CHECK_ROWS(rows);
	box_leave(box);
}

TEST(no_way_out)
{
	static const struct row rows[] = {
		{ "../outside/secret", O_RDONLY, EACCES },
		{ "@/ws/../outside/secret", O_RDONLY, EACCES },
		{ "@/ws/../../../../../../etc/passwd", O_RDONLY, EACCES },
		{ "/etc/passwd", O_RDONLY, EACCES },
		{ "/", O_RDONLY, EACCES },
		{ "/..", O_RDONLY, EACCES },
		{ "@", O_RDONLY, EACCES },
		{ "@/ws2/f", O_RDONLY, EACCES },
		{ "@/w", O_RDONLY, EACCES },
		{ "@/outside/secret", O_RDONLY, EACCES },
		{ "@/outside/secret", WRITE, EACCES },
		{ "@/outside/new", MAKE, EACCES },
		{ "@/only/two.txt", O_RDONLY, EACCES },
		{ "@/only", O_RDONLY, EACCES },
		{ "@/only/one.txt/x", O_RDONLY, EACCES },
		{ "/proc/self/root/etc/passwd", O_RDONLY, EACCES },
		{ "/proc/self/environ", O_RDONLY, EACCES },
		{ "/dev/stdin", O_RDONLY, EACCES },
		{ "absolute", O_RDONLY, EXDEV },
		{ "absolute", WRITE, EXDEV },
		{ "absolute", O_PATH, EXDEV },
		{ "relative", O_RDONLY, EXDEV },
		{ "relative", WRITE, EXDEV },
		{ "dir/secret", O_RDONLY, EXDEV },
		{ "dir/new", MAKE, EXDEV },
		{ "dangling", MAKE, EXDEV },
		{ "updangling", MAKE, EXDEV },
		{ "chain", O_RDONLY, EXDEV },
		{ "own", O_RDONLY, EXDEV },
		{ "root/etc/passwd", O_RDONLY, EXDEV },
		{ "proc/self/root/etc/passwd", O_RDONLY, EXDEV },
		{ "loop", O_RDONLY, ELOOP },
		{ "inner", O_RDONLY, ENOENT },
		{ "absolute", O_RDONLY | O_NOFOLLOW, EINVAL },
		{ "fifo", O_RDONLY, EINVAL },
		{ "fifo", WRITE, EINVAL },
		{ "socket", O_RDONLY, EINVAL },
	};
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = "ws/socket" };
	struct toolbox *box = box_enter("");
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	mkdir("ws2", 0777);
	spill("ws2/f", "neighbour");
	spill("ws/f", "f");
	make_link("@/outside/secret", "ws/absolute");
	make_link("../outside/secret", "ws/relative");
	make_link("../outside", "ws/dir");
	make_link("@/outside/made", "ws/dangling");
	make_link("../outside/made", "ws/updangling");
	make_link("relative", "ws/chain");
	make_link("@/ws/f", "ws/own");
	make_link("/", "ws/root");
	make_link("/proc", "ws/proc");
	make_link("loop", "ws/loop");
	make_link("nothing", "ws/inner");
	CHECK_INT(mkfifo("ws/fifo", 0666), 0);
	CHECK_INT(bind(s, (struct sockaddr *)&sun, sizeof(sun)), 0);
	CHECK_ROWS(rows);
	close(s);
	box_leave(box);
}

static const struct row before_it[] = {
	{ "@/snapshots/agent1.1/seen.txt", WRITE, EROFS },
	{ "@/snapshots/agent1.1/new", MAKE, EROFS },
	{ "@/ctx/f", WRITE, EROFS },
	{ "@/ctx/new", MAKE, EROFS },
	{ "@/only/one.txt", WRITE, EROFS },
};

TEST(the_users_own_is_read_only_before_the_presentation)
{
	struct toolbox *box = box_enter("");

	CHECK_ROWS(before_it);
	CHECK_INT(try_parent(box, "ws/f"), ENOENT);
	CHECK_INT(try_parent(box, "f"), 0);
	CHECK_INT(try_parent(box, "../ctx/f"), EROFS);
	CHECK_INT(try_parent(box, "../ctx"), EBUSY);
	CHECK_INT(try_parent(box, "."), EBUSY);
	CHECK_INT(names_in("ctx"), 4);
	HOLDS("ctx/f", "context\n");
	HOLDS("only/one.txt", "one\n");
	box_leave(box);
}

TEST(the_presenter_writes_but_not_what_is_kept)
{
	static const struct row rows[] = {
		{ "@/ctx/f", O_WRONLY, 0 },
		{ "@/ctx/new", MAKE, 0 },
		{ "@/only/one.txt", O_WRONLY, 0 },
		{ "@/snapshots/agent1.1/seen.txt", O_WRONLY, EROFS },
		{ "@/ctx/kept/f", O_WRONLY, EROFS },
		{ "@/ctx/kept/new", MAKE, EROFS },
		{ "@/ctx/new/../kept/f", O_WRONLY, EROFS },
		{ "@/ctx/nested/f", O_WRONLY, EROFS },
		{ "@/ctx/nested/new", MAKE, EROFS },
		{ "@/ctx/.git/config", O_WRONLY, EROFS },
		{ "@/ctx/.git/new", MAKE, EROFS },
		{ "@/ctx/.env", MAKE, EROFS },
		{ "@/ctx/sub/node_modules", MAKE, EROFS },
		{ "@/ctx/to_git/config", O_WRONLY, EROFS },
		{ "@/ctx/to_git/new", MAKE, EROFS },
		{ "@/ctx/to_kept", O_WRONLY, EROFS },
		{ "@/ctx/to_nested/f", O_WRONLY, EROFS },
		{ "@/ctx/to_nested/new", MAKE, EROFS },
		{ "@/ctx/.gitignore", MAKE, 0 },
		{ "@/ctx/.environment", MAKE, 0 },
		{ "@/only/two.txt", O_WRONLY, EACCES },
		{ "@/only/new.txt", MAKE, EACCES },
	};
	struct toolbox *box = box_enter("");

	mkdir("ctx/sub", 0777);
	make_link(".git", "ctx/to_git");
	make_link("kept/f", "ctx/to_kept");
	make_link("nested", "ctx/to_nested");
	box_present(box);
	CHECK_ROWS(rows);
	HOLDS("ctx/kept/f", "kept\n");
	HOLDS("ctx/nested/f", "nested\n");
	HOLDS("ctx/.git/config", "config\n");
	CHECK_INT(names_in("ctx/.git"), 1);
	CHECK_INT(names_in("ctx/sub"), 0);
	box->agent->turn.present = false;
	toolbox_prepare(box);
	CHECK_ROWS(before_it);
	box_leave(box);
}

/* Programs know nothing of names: they are told paths. */
TEST(what_has_a_kept_name_is_found_for_programs)
{
	struct toolbox *box = box_enter("");
	const struct wall *wall;
	size_t i;
	bool git = false, env = false, inner = false;

	mkdir("ctx/sub", 0777);
	mkdir("ctx/sub/node_modules", 0777);
	mkdir("ctx/sub/node_modules/.git", 0777);
	spill("ctx/sub/.env", "");
	mkdir("ws/.git", 0777);
	wall = walls_find(&box->walls, "../ctx/f", NULL);
	CHECK_INT(wall->nkeep, 1);
	box_present(box);
	box_present(box);
	CHECK_INT(wall->nkeep, 5);
	for (i = 0; i < wall->nkeep; i++) {
		git = git || strstr(wall->keep[i], "/ctx/.git") != NULL;
		env = env || strstr(wall->keep[i], "/ctx/sub/.env") != NULL;
		inner = inner || strstr(wall->keep[i], "/ctx/nested") != NULL;
	}
	CHECK(git && env && inner);
	CHECK_INT(box->walls.list[0].nkeep, 0);
	wall = walls_find(&box->walls, "../ctx/nested/f", NULL);
	CHECK_INT(wall->nkeep, 0);
	box_leave(box);
}

/* What the worker is: nobody may look into it, and /proc is root's then. */
TEST(an_undumpable_process)
{
	struct toolbox *box = box_enter("");

	CHECK_INT(prctl(PR_SET_DUMPABLE, 0), 0);
	spill("ws/f", "f");
	CHECK_INT(try_open(box, "f", O_RDWR), 0);
	CHECK_INT(try_open(box, "new", MAKE), 0);
	CHECK_INT(try_parent(box, "f"), 0);
	CHECK_INT(prctl(PR_SET_DUMPABLE, 1), 0);
	box_leave(box);
}

TEST(what_holds_a_wall_does_not_go)
{
	static const struct {
		const char *path;
		int error;
	} rows[] = {
		{ "@/ws", EBUSY },
		{ "@/ws/d", 0 },
		{ "@/ctx", EBUSY },
		{ "@/ctx/nested", EROFS },
		{ "@/ctx/f", 0 },
		{ "@/ctx/kept", EROFS },
		{ "@/only/one.txt", EBUSY },
		{ "@", EACCES },
		{ "/", EACCES },
	};
	struct toolbox *box = box_enter("");
	char why[256], *path;
	size_t i;

	box_present(box);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		path = expand(rows[i].path);
		errno = 0;
		walls_may_go(&box->walls, path, why, sizeof(why));
		if (!CHECK_INT(errno, rows[i].error))
			printf("# %s\n", rows[i].path);
		free(path);
	}
	box_leave(box);
}

TEST(a_root_may_be_named_through_a_link)
{
	struct json_object *o;
	struct toolbox *box = box_enter("");
	struct walls w;
	char *text, why[256], *path;
	int fd;

	make_link("@/ws", "alias");
	spill("ws/f", "f");
	text = xasprintf("{\"workspace\":\"%s/alias/\"}", scratch_path);
	o = json_tokener_parse(text);
	walls_init(&w, o);
	path = xasprintf("%s/alias/f", scratch_path);
	fd = walls_open(&w, path, O_RDONLY, why, sizeof(why));
	CHECK(fd != -1);
	close(fd);
	fd = walls_open(&w, "f", O_RDONLY, why, sizeof(why));
	CHECK(fd != -1);
	close(fd);
	/* the root itself becomes a link while the agent works */
	CHECK_INT(rename("ws", "ws.was"), 0);
	make_link("@/outside", "ws");
	fd = walls_open(&w, "secret", O_RDONLY, why, sizeof(why));
	CHECK_INT(fd, -1);
	CHECK_INT(errno, ELOOP);
	walls_release(&w);
	json_object_put(o);
	free(path);
	free(text);
	box_leave(box);
}

TEST(odd_configurations)
{
	static const char *const rows[] = { "{}", "{'workspace':null}",
		"{'workspace':'relative'}", "{'workspace':7,'context':{}}",
		"{'workspace':'/no/such','context':[null,1,{},{'path':1}]}",
		"{'workspace':'','context':[{'path':'/x','keep':[1,'y']}]}" };
	struct json_object *o;
	struct walls w;
	char why[256];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		o = json_parse(rows[i]);
		walls_init(&w, o);
		CHECK_INT(walls_open(&w, "f", O_RDONLY, why, sizeof(why)), -1);
		walls_release(&w);
		json_object_put(o);
	}
}

/* --- races --- */

static atomic_bool race_over;
static const char *race_one, *race_other;

/* Two names change places as fast as they can. */
static void *
swap(void *arg)
{
	(void)arg;
	while (!race_over)
		(void)syscall(SYS_renameat2, AT_FDCWD, race_one, AT_FDCWD,
		    race_other, 2 /* RENAME_EXCHANGE */);
	return (NULL);
}

struct race {
	struct toolbox *box;
	pthread_t thread;
};

/* ws/d/f is inside; it or its directory swaps with a link that leads out. */
static void
race_begin(
    struct race *race, const char *one, const char *target, const char *link)
{
	race->box = box_enter("");
	mkdir("ws/d", 0777);
	spill("ws/d/f", "inside");
	spill("outside/f", "outside");
	make_link(target, link);
	race_one = one;
	race_other = link;
	race_over = false;
	CHECK_INT(pthread_create(&race->thread, NULL, swap, NULL), 0);
}

static void
race_end(struct race *race)
{
	race_over = true;
	pthread_join(race->thread, NULL);
	HOLDS("outside/f", "outside");
	CHECK_INT(names_in("outside"), 2);
	box_leave(race->box);
}

/* What is opened as d/f is never the file outside; nothing is made there. */
static void
run_race(const struct race *race, int flags)
{
	int inside = 0, refused = 0;
	char why[256], text[64];
	ssize_t n;
	int fd, i;

	for (i = 0; i < 20000; i++) {
		fd = walls_open(
		    &race->box->walls, "d/f", flags, why, sizeof(why));
		if (fd == -1) {
			refused++;
			continue;
		}
		inside++;
		n = (flags & O_ACCMODE) == O_RDONLY
		    ? read(fd, text, sizeof(text))
		    : write(fd, "inside", 6);
		if (n != 6 ||
		    ((flags & O_ACCMODE) == O_RDONLY &&
			memcmp(text, "inside", 6) != 0))
			CHECK(false);
		close(fd);
	}
	printf("# %s: %d inside, %d refused\n",
	    (flags & O_ACCMODE) == O_RDONLY ? "read" : "write", inside,
	    refused);
	CHECK(inside > 0);
	CHECK(refused > 0);
}

/* Likewise what is put there. */
static void
run_put_race(const struct race *race)
{
	int inside = 0, refused = 0, i;
	char why[256];

	for (i = 0; i < 5000; i++) {
		if (put_text(&race->box->walls, "d/f", "inside", 6, why,
			sizeof(why)) == 0)
			inside++;
		else
			refused++;
	}
	printf("# put: %d inside, %d refused\n", inside, refused);
	CHECK(inside > 0);
	CHECK(refused > 0);
}

TEST(a_directory_that_becomes_a_link)
{
	struct race race;

	race_begin(&race, "ws/d", "../outside", "ws/link");
	run_race(&race, O_RDONLY);
	run_race(&race, O_WRONLY);
	run_put_race(&race);
	race_end(&race);
}

/* The last name is a file now, a link out of the walls then. */
TEST(a_file_that_becomes_a_link)
{
	struct race race;

	race_begin(&race, "ws/d/f", "../../outside/f", "ws/d/link");
	run_race(&race, O_WRONLY);
	race_end(&race);
}
