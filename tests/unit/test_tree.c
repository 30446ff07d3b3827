/* ipc/tree.c, ipc/tree_copy.c: trees that somebody else filled. */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/tree.h"
#include "tests/test.h"
#include "tests/unit/copy_next.h"
#include "tests/unit/scratch.h"

#define LEVELS 10000
#define NOBODY 65534

/* What the copies of this file leave out, as told. */
static struct buf told;

static void
note_left_out(void *arg, const char *path, const char *why)
{
	(void)arg;
	buf_addf(&told, "%s: %s\n", path, why);
}

static const char *
what_was_told(void)
{
	return (told.data == NULL ? "" : told.data);
}

static int
copy(const char *from, const char *to, struct tree_sum *sum)
{
	struct tree_want want = { .from = from,
		.to = to,
		.skip = ".massgen",
		.left_out = note_left_out };

	buf_release(&told);
	return (tree_copy(&want, sum));
}

static void
check_file(const char *path, const char *text, mode_t mode)
{
	char *got = slurp(path);
	struct stat st;

	if (!CHECK_STR(got, text))
		printf("# in %s\n", path);
	free(got);
	if (CHECK_INT(lstat(path, &st), 0))
		CHECK_INT(st.st_mode & 07777, mode);
}

static bool
is_there(const char *path)
{
	struct stat st;

	return (lstat(path, &st) == 0);
}

static ino_t
inode_of(const char *path)
{
	struct stat st;

	return (lstat(path, &st) == -1 ? 0 : st.st_ino);
}

static void
set_times(const char *path, time_t seconds, long ns)
{
	struct timespec t[2] = { { seconds, ns }, { seconds, ns } };

	CHECK_INT(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW), 0);
}

TEST(copies_what_there_is)
{
	struct tree_sum sum;
	struct stat st;
	char link[64] = "";

	scratch_enter();
	mkdir("from", 0755);
	mkdir("from/dir", 0755);
	mkdir("from/empty", 0700);
	mkdir("from/readonly", 0755);
	mkdir("from/.massgen", 0755);
	mkdir("from/dir/.massgen", 0755);
	spill("from/.massgen/log", "left out");
	spill("from/a", "text\n");
	spill("from/none", "");
	spill("from/dir/run", "#!/bin/sh\n");
	spill("from/readonly/b", "b");
	spill("from/ \x01\xff\n*", "odd");
	chmod("from/a", 0640);
	chmod("from/none", 0644);
	chmod("from/dir/run", 04755);
	CHECK_INT(symlink("dir/run", "from/link"), 0);
	set_times("from/a", 1000000007, 123456789);
	set_times("from/link", 1000000008, 0);
	set_times("from/dir", 1000000009, 5);
	chmod("from/readonly", 0555);
	CHECK_INT(copy("from", "to", &sum), 0);
	check_file("to/a", "text\n", 0640);
	check_file("to/none", "", 0644);
	check_file("to/dir/run", "#!/bin/sh\n", 0755);
	check_file("to/ \x01\xff\n*", "odd", 0644);
	check_file("to/readonly/b", "b", 0644);
	CHECK(!is_there("to/.massgen"));
	CHECK(!is_there("to/dir/.massgen"));
	CHECK_INT(stat("to/a", &st), 0);
	CHECK_INT(st.st_mtim.tv_sec, 1000000007);
	CHECK_INT(st.st_mtim.tv_nsec, 123456789);
	CHECK_INT(stat("to/dir", &st), 0);
	CHECK_INT(st.st_mtim.tv_sec, 1000000009);
	CHECK_INT(lstat("to/link", &st), 0);
	CHECK_INT(st.st_mtim.tv_sec, 1000000008);
	CHECK_INT(stat("to/empty", &st), 0);
	CHECK_INT(st.st_mode & 07777, 0700);
	CHECK_INT(stat("to/readonly", &st), 0);
	CHECK_INT(st.st_mode & 07777, 0555);
	CHECK_INT(readlink("to/link", link, sizeof(link) - 1), 7);
	CHECK_STR(link, "dir/run");
	CHECK_INT(sum.files, 5);
	CHECK_INT(sum.linked, 0);
	CHECK_INT(sum.bytes, 5 + 10 + 3 + 1);
	CHECK_INT(sum.left_out, 0);
	CHECK_STR(what_was_told(), "");
	/* nothing of the copy is shared with what it was made of */
	CHECK(inode_of("to/a") != inode_of("from/a"));
	CHECK_INT(copy("from", "to", NULL), -1);
	CHECK_INT(errno, EEXIST);
	CHECK_INT(tree_remove(AT_FDCWD, "from"), 0);
	CHECK_INT(tree_remove(AT_FDCWD, "to"), 0);
	CHECK_INT(names_in("."), 0);
	scratch_leave();
}

TEST(symlinks_stay_inside_or_are_left_out)
{
	static const struct {
		const char *where;
		const char *target;
		bool kept;
	} rows[] = {
		{ "from/s", "file", true },
		{ "from/s", "nowhere", true },
		{ "from/s", "./d/e/../../file", false },
		{ "from/s", "d/./e//", true },
		{ "from/s", "/etc/passwd", false },
		{ "from/s", "..", false },
		{ "from/s", "../from/file", false },
		{ "from/s", "./../outside", false },
		{ "from/s", "..file", true },
		{ "from/s", "...", true },
		{ "from/d/s", "..", true },
		{ "from/d/s", "../file", true },
		{ "from/d/s", "../..", false },
		{ "from/d/e/s", "../..", true },
		{ "from/d/e/s", ".././/../file", true },
		{ "from/d/e/s", "../../..", false },
		/* d/up is the tree itself: its parent is outside */
		{ "from/s", "d/up/../outside", false },
	};
	char to[64];
	size_t i;

	scratch_enter();
	spill("outside", "secret");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		mkdir("from", 0755);
		mkdir("from/d", 0755);
		mkdir("from/d/e", 0755);
		spill("from/file", "x");
		CHECK_INT(symlink("..", "from/d/up"), 0);
		CHECK_INT(symlink(rows[i].target, rows[i].where), 0);
		CHECK_INT(copy("from", "to", NULL), 0);
		snprintf(to, sizeof(to), "to%s", rows[i].where + 4);
		if (!CHECK_INT(is_there(to), rows[i].kept))
			printf("# %s -> %s\n", rows[i].where, rows[i].target);
		CHECK_INT(*what_was_told() == '\0', rows[i].kept);
		CHECK_INT(tree_remove(AT_FDCWD, "from"), 0);
		CHECK_INT(tree_remove(AT_FDCWD, "to"), 0);
		check_file("outside", "secret", 0644);
	}
	scratch_leave();
}

TEST(leaves_out_what_is_no_file)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
		.sun_path = "from/socket" };
	struct tree_sum sum;
	int fd;

	scratch_enter();
	mkdir("from", 0755);
	mkdir("from/sub", 0755);
	CHECK_INT(mkfifo("from/sub/fifo", 0600), 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	spill("from/file", "x");
	CHECK_INT(copy("from", "to", &sum), 0);
	CHECK_INT(sum.left_out, 2);
	CHECK(strstr(what_was_told(),
		  "socket: neither a file nor a directory\n") != NULL);
	CHECK(strstr(what_was_told(),
		  "sub/fifo: neither a file nor a directory\n") != NULL);
	CHECK_INT(names_in("to"), 2);
	CHECK_INT(names_in("to/sub"), 0);
	close(fd);
	scratch_leave();
}

TEST(leaves_out_what_cannot_be_read)
{
	struct tree_sum sum;
	bool root = geteuid() == 0;

	/* root reads everything */
	scratch_enter();
	if (root && (chown(".", NOBODY, NOBODY) == -1 || seteuid(NOBODY) == -1))
		err(1, "to be nobody");
	mkdir("from", 0755);
	mkdir("from/locked", 0755);
	mkdir("from/listed", 0755);
	spill("from/locked/x", "x");
	spill("from/listed/x", "x");
	spill("from/secret", "x");
	chmod("from/locked", 0);
	chmod("from/listed", 0444);
	chmod("from/secret", 0);
	CHECK_INT(copy("from", "to", &sum), 0);
	CHECK_INT(sum.left_out, 3);
	CHECK_INT(names_in("to"), 0);
	CHECK(strstr(what_was_told(), "locked: Permission denied\n") != NULL);
	/* what nobody may read is removed all the same */
	CHECK_INT(tree_remove(AT_FDCWD, "from"), 0);
	CHECK(!is_there("from"));
	if (root && seteuid(0) == -1)
		err(1, "to be root again");
	scratch_leave();
}

/* A tree one directory wide; the working directory is at its end. */
static void
dig(const char *top, size_t levels, const char *name)
{
	size_t i;

	mkdir(top, 0755);
	CHECK_INT(chdir(top), 0);
	for (i = 0; i < levels; i++)
		if (mkdir(name, 0755) == -1 || chdir(name) == -1)
			err(1, "level %zu", i);
}

/* How many levels down the file is. */
static size_t
dig_up(const char *top, const char *name, const char *file)
{
	size_t n = 0;

	CHECK_INT(chdir(top), 0);
	while (chdir(name) == 0)
		n++;
	check_file(file, "down here", 0644);
	return (n);
}

TEST(goes_as_deep_as_it_gets)
{
	const char *dir = scratch_enter();
	struct tree_index *known = NULL;
	struct tree_sum sum;

	dig("from", LEVELS, "d");
	spill("file", "down here");
	CHECK_INT(chdir(dir), 0);
	CHECK_INT(copy_next("from", "one", &known, &sum), 0);
	CHECK_INT(sum.files, 1);
	CHECK_INT(copy_next("from", "two", &known, &sum), 0);
	CHECK_INT(sum.linked, 1);
	CHECK_INT(dig_up("two", "d", "file"), LEVELS);
	CHECK_INT(chdir(dir), 0);
	CHECK_INT(tree_remove(AT_FDCWD, "from"), 0);
	CHECK_INT(tree_remove(AT_FDCWD, "one"), 0);
	CHECK_INT(tree_remove(AT_FDCWD, "two"), 0);
	CHECK_INT(names_in("."), 0);
	tree_index_free(known);
	scratch_leave();
}

TEST(names_may_be_long)
{
	const char *dir = scratch_enter();
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	dig("from", 40, name); /* a path of more than 10,000 bytes */
	spill(name, "down here");
	CHECK_INT(mkfifo("fifo", 0600), 0);
	CHECK_INT(chdir(dir), 0);
	CHECK_INT(copy("from", "to", NULL), 0);
	CHECK_INT(strlen(what_was_told()),
	    40 * 256 + strlen("fifo: neither a file nor a directory\n"));
	CHECK_INT(dig_up("to", name, name), 40);
	CHECK_INT(chdir(dir), 0);
	CHECK_INT(tree_remove(AT_FDCWD, "from"), 0);
	CHECK_INT(tree_remove(AT_FDCWD, "to"), 0);
	scratch_leave();
}

TEST(unchanged_files_are_links_to_the_last_copy)
{
	struct tree_index *known = NULL;
	struct tree_sum sum;

	scratch_enter();
	mkdir("from", 0755);
	mkdir("from/d", 0755);
	spill("from/same", "same");
	spill("from/d/same", "same too");
	spill("from/other", "one");
	spill("from/mode", "mode");
	CHECK_INT(copy_next("from", "one", &known, &sum), 0);
	CHECK_INT(sum.linked, 0);
	spill("from/other", "two");
	spill("from/new", "new");
	chmod("from/mode", 0600);
	/* it is found by what it is, not by its name */
	CHECK_INT(rename("one", "published"), 0);
	CHECK_INT(copy_next("from", "two", &known, &sum), 0);
	CHECK_INT(sum.files, 5);
	CHECK_INT(sum.linked, 2);
	CHECK_INT(inode_of("two/same"), inode_of("published/same"));
	CHECK_INT(inode_of("two/d/same"), inode_of("published/d/same"));
	CHECK(inode_of("two/same") != inode_of("from/same"));
	check_file("published/other", "one", 0644);
	check_file("published/mode", "mode", 0644);
	check_file("two/other", "two", 0644);
	check_file("two/new", "new", 0644);
	check_file("two/mode", "mode", 0600);
	/* and a third takes over what the second did */
	CHECK_INT(copy_next("from", "three", &known, &sum), 0);
	CHECK_INT(sum.linked, 5);
	CHECK_INT(inode_of("three/same"), inode_of("published/same"));
	/* one that is gone costs nothing but the sharing */
	CHECK_INT(tree_remove(AT_FDCWD, "three"), 0);
	CHECK_INT(copy_next("from", "four", &known, &sum), 0);
	CHECK_INT(sum.linked, 0);
	check_file("four/d/same", "same too", 0644);
	tree_index_free(known);
	scratch_leave();
}

TEST(a_change_that_hides_is_seen)
{
	struct tree_index *known = NULL;
	struct tree_sum sum;
	struct stat st;
	int i;

	scratch_enter();
	mkdir("from", 0755);
	mkdir("from/a", 0755);
	mkdir("from/b", 0755);
	spill("from/a/x", "in a");
	spill("from/b/x", "in b");
	spill("from/f", "old");
	set_times("from/a/x", 1000000000, 0);
	set_times("from/b/x", 1000000000, 0);
	CHECK_INT(stat("from/f", &st), 0);
	CHECK_INT(copy_next("from", "1", &known, &sum), 0);
	/* the same size and time of modification */
	spill("from/f", "new");
	set_times("from/f", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	/* two directories change places: no file in them did */
	CHECK_INT(rename("from/a", "from/c"), 0);
	CHECK_INT(rename("from/b", "from/a"), 0);
	CHECK_INT(rename("from/c", "from/b"), 0);
	CHECK_INT(copy_next("from", "2", &known, &sum), 0);
	CHECK_INT(sum.linked, 0);
	check_file("2/f", "new", 0644);
	check_file("2/a/x", "in b", 0644);
	check_file("2/b/x", "in a", 0644);
	/* at once after a copy, within a tick of the clock of files */
	for (i = 3; i < 60; i++) {
		char name[32], text[32];

		snprintf(name, sizeof(name), "%d", i);
		snprintf(text, sizeof(text), "%3d", i);
		spill("from/f", text);
		CHECK_INT(copy_next("from", name, &known, &sum), 0);
		snprintf(name, sizeof(name), "%d/f", i);
		check_file(name, text, 0644);
	}
	tree_index_free(known);
	scratch_leave();
}

TEST(holes_stay_holes)
{
	struct stat st;
	char *text;
	int fd;

	scratch_enter();
	mkdir("from", 0755);
	fd = open("from/sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	CHECK_INT(ftruncate(fd, (off_t)1 << 30), 0);
	CHECK_INT(pwrite(fd, "middle", 6, 300 * 1024 * 1024), 6);
	close(fd);
	CHECK_INT(stat("from/sparse", &st), 0);
	if (st.st_blocks > 2048) {
		scratch_leave();
		SKIP("a file system without holes");
	}
	CHECK_INT(copy("from", "to", NULL), 0);
	CHECK_INT(stat("to/sparse", &st), 0);
	CHECK_INT(st.st_size, (off_t)1 << 30);
	CHECK(st.st_blocks < 8192);
	fd = open("to/sparse", O_RDONLY | O_CLOEXEC);
	text = xcalloc(1, 16);
	CHECK_INT(pread(fd, text, 8, 300 * 1024 * 1024 - 1), 8);
	CHECK_MEM(text, "\0middle\0", 8);
	free(text);
	close(fd);
	scratch_leave();
}

static bool
never(void *arg)
{
	++*(int *)arg;
	return (false);
}

TEST(ends_when_told_or_when_it_is_too_much)
{
	int asked = 0;
	struct tree_want want = {
		.from = "from", .to = "to", .go_on = never, .arg = &asked
	};

	scratch_enter();
	mkdir("from", 0755);
	spill("from/f", "12345678");
	CHECK_INT(tree_copy(&want, NULL), -1);
	CHECK_INT(errno, ECANCELED);
	CHECK_INT(asked, 1);
	CHECK_INT(tree_remove(AT_FDCWD, "to"), 0);
	want.go_on = NULL;
	want.max_bytes = 7;
	CHECK_INT(tree_copy(&want, NULL), -1);
	CHECK_INT(errno, EFBIG);
	CHECK_INT(tree_remove(AT_FDCWD, "to"), 0);
	want.max_bytes = 8;
	CHECK_INT(tree_copy(&want, NULL), 0);
	check_file("to/f", "12345678", 0644);
	scratch_leave();
}

TEST(puts_a_copy_into_a_place_that_is_there)
{
	struct tree_want want = {
		.from = "from", .to = "to", .skip = ".massgen", .into = true
	};
	ino_t before;

	scratch_enter();
	mkdir("from", 0755);
	spill("from/f", "new");
	mkdir("to", 0700);
	mkdir("to/.massgen", 0755);
	mkdir("to/d", 0555);
	spill("to/.massgen/log", "kept");
	spill("to/f", "old");
	before = inode_of("to");
	CHECK_INT(tree_empty("to", ".massgen"), 0);
	CHECK_INT(names_in("to"), 1);
	check_file("to/.massgen/log", "kept", 0644);
	CHECK_INT(tree_copy(&want, NULL), 0);
	check_file("to/f", "new", 0644);
	CHECK_INT(inode_of("to"), before);
	CHECK_INT(tree_empty("to", NULL), 0);
	CHECK_INT(names_in("to"), 0);
	scratch_leave();
}

TEST(no_symlink_is_followed)
{
	scratch_enter();
	mkdir("outside", 0500);
	mkdir("inside", 0755);
	spill("file", "outside");
	CHECK_INT(symlink("../outside", "inside/dir"), 0);
	CHECK_INT(symlink("../file", "inside/file"), 0);
	CHECK_INT(symlink("inside", "link"), 0);
	CHECK_INT(copy("link", "to", NULL), -1);
	CHECK_INT(tree_remove(AT_FDCWD, "to"), 0);
	CHECK_INT(tree_empty("link", NULL), -1);
	CHECK_INT(names_in("inside"), 2);
	CHECK_INT(tree_remove(AT_FDCWD, "link"), 0);
	CHECK_INT(tree_remove(AT_FDCWD, "inside"), 0);
	CHECK_INT(tree_remove(AT_FDCWD, "never there"), 0);
	check_file("file", "outside", 0644);
	CHECK_INT(names_in("outside"), 0);
	CHECK_INT(names_in("."), 2);
	scratch_leave();
}

/* Takes the tree's second level away from under the one who walks in it. */
static int
move_away(void *arg, int dir, const char *name, const struct stat *st)
{
	(void)arg;
	(void)dir;
	(void)st;
	if (strcmp(name, "bottom") == 0)
		CHECK_INT(rename("from/a/b", "elsewhere"), 0);
	return (0);
}

TEST(a_tree_that_moves_is_not_left_by_another_way)
{
	static const struct tree_visitor visitor = { .entry = move_away };

	scratch_enter();
	mkdir("from", 0755);
	mkdir("from/a", 0755);
	mkdir("from/a/b", 0755);
	mkdir("from/a/b/c", 0755);
	spill("from/a/b/c/bottom", "x");
	CHECK_INT(tree_walk(AT_FDCWD, "from", &visitor, NULL), -1);
	CHECK_INT(errno, ESTALE);
	scratch_leave();
}
