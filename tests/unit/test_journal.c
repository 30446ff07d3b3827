/*
 * supervisor/record/journal: what was appended is read back, what a crash
 * tore is dropped, what was changed is found.
 */

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/xmalloc.h"
#include "supervisor/record/journal.h"
#include "tests/test.h"

#define LINES 7

/* --- a journal in a file, and its bytes --- */

static const char *
file_path(void)
{
	static char path[4096]; /* a child's is its parent's */
	const char *tmp = getenv("TMPDIR");

	if (path[0] == '\0')
		snprintf(path, sizeof(path), "%s/test_journal-%d.ndjson",
		    tmp == NULL ? "/tmp" : tmp, (int)getpid());
	return (path);
}

static int
append(struct journal *j, int number)
{
	struct buf line = BUF_INITIALIZER;
	char text[80];
	struct event e = { .type = EVENT_WARNING,
		.at_ms = number,
		.time = 1762320000.5 + number,
		.text = text };
	int ret;

	snprintf(text, sizeof(text), "event %d \"\xe2\x82\xac\"\n%.*s", number,
	    number, "................");
	ret = journal_append(j, &e, &line);
	CHECK(line.len > 0 && line.data[line.len - 1] == '\n');
	CHECK_INT(e.seq, j->seq);
	buf_release(&line);
	return (ret);
}

/* The bytes of a journal of so many lines; starts[n] is its length. */
static void
make(struct buf *bytes, size_t starts[LINES + 1])
{
	struct journal j;
	int i, fd;

	unlink(file_path());
	CHECK_INT(journal_create(&j, file_path()), 0);
	for (i = 0; i < LINES; i++) {
		starts[i] = (size_t)j.good;
		CHECK_INT(append(&j, i + 1), 0);
	}
	starts[LINES] = (size_t)j.good;
	journal_close(&j);
	fd = open(file_path(), O_RDONLY | O_CLOEXEC);
	CHECK_INT(buf_read_fd(bytes, fd, 1 << 20), 0);
	close(fd);
	CHECK_INT(bytes->len, starts[LINES]);
}

/* Not truncated first: some file systems then wait for the disk. */
static void
put(const void *data, size_t len)
{
	int fd = open(file_path(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	CHECK_INT(write(fd, data, len), len);
	CHECK_INT(ftruncate(fd, (off_t)len), 0);
	close(fd);
}

/* Events come in order, as they were written. */
static void
take(void *arg, struct event *e)
{
	int *count = arg;
	char head[40];

	++*count;
	snprintf(head, sizeof(head), "event %d \"\xe2\x82\xac\"\n", *count);
	CHECK_INT(e->type, EVENT_WARNING);
	CHECK_INT(e->seq, *count);
	CHECK_INT(e->at_ms, *count);
	CHECK(strncmp(e->text, head, strlen(head)) == 0);
}

static char why[300];

static int64_t
get(void)
{
	int count = 0;
	int64_t n;

	why[0] = '\0';
	n = journal_read(file_path(), take, &count, why, sizeof(why));
	CHECK(n == -1 || n == count);
	CHECK((n == -1) == (why[0] != '\0'));
	return (n);
}

static int64_t
get_of(const struct buf *b)
{
	put(b->data, b->len);
	return (get());
}

static void
finish(struct buf *bytes)
{
	buf_release(bytes);
	unlink(file_path());
}

/* Bit by bit, after RFC 3720: not the code that is tested. */
static uint32_t
crc32c(uint32_t crc, const char *p, size_t len)
{
	int k;

	for (crc = ~crc; len-- > 0;)
		for (crc ^= (unsigned char)*p++, k = 0; k < 8; k++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78U : 0);
	return (~crc);
}

/* A line with a right checksum, whatever it says. */
static void
add_line(struct buf *b, const char *members, uint32_t *crc)
{
	*crc = crc32c(*crc, members, strlen(members));
	buf_addf(b, "%s,\"c\":\"%08x\"}\n", members, *crc);
}

/* --- the tests --- */

TEST(what_is_written_is_read)
{
	struct buf b = BUF_INITIALIZER;
	size_t starts[LINES + 1];

	make(&b, starts);
	CHECK_INT(get(), LINES);
	CHECK_INT(memchr(b.data, '\0', b.len) != NULL, false);
	finish(&b);
}

TEST(a_line_ends_with_the_checksum_of_all_before)
{
	struct buf b = BUF_INITIALIZER, want = BUF_INITIALIZER;
	size_t starts[LINES + 1], i, len;
	uint32_t crc = 0;
	char *members;

	CHECK_INT(crc32c(0, "123456789", 9), 0xe3069283);
	make(&b, starts);
	for (i = 0; i < LINES; i++) {
		len = starts[i + 1] - starts[i] - strlen(",'c':'01234567'}\n");
		members = xstrndup(b.data + starts[i], len);
		add_line(&want, members, &crc);
		free(members);
	}
	CHECK_STR(b.data, want.data);
	buf_release(&want);
	finish(&b);
}

TEST(an_empty_journal_has_no_events)
{
	put("", 0);
	CHECK_INT(get(), 0);
	unlink(file_path());
}

TEST(a_journal_cut_anywhere_keeps_its_whole_lines)
{
	struct buf b = BUF_INITIALIZER;
	size_t starts[LINES + 1], len, whole = 0;

	make(&b, starts);
	for (len = 0; len <= b.len; len++) {
		if (whole < LINES && len == starts[whole + 1])
			whole++;
		put(b.data, len);
		CHECK_INT(get(), whole);
	}
	CHECK_INT(whole, LINES);
	finish(&b);
}

TEST(a_flipped_bit_is_found)
{
	struct buf b = BUF_INITIALIZER;
	size_t starts[LINES + 1], at;
	int64_t n;
	int bit;

	make(&b, starts);
	for (at = 0; at < b.len && !test_failed; at++)
		for (bit = 0; bit < 8; bit++) {
			b.data[at] ^= (char)(1 << bit);
			n = get_of(&b);
			b.data[at] ^= (char)(1 << bit);
			/* in the last line it may be a crash's work */
			if (n != -1 &&
			    !CHECK(n == LINES - 1 && at >= starts[LINES - 1]))
				printf("# byte %zu, bit %d: %d\n", at, bit,
				    (int)n);
		}
	finish(&b);
}

/*
 * Lines in another order are found: n lines, of which the k-th is line_at(i,
 * k) of the journal, for each i below times.
 */
static void
check_order(int (*line_at)(int i, int k), int times, int n)
{
	struct buf b = BUF_INITIALIZER, changed = BUF_INITIALIZER;
	size_t starts[LINES + 1];
	int i, k, line;

	make(&b, starts);
	for (i = 0; i < times; i++) {
		changed.len = 0;
		for (k = 0; k < n; k++) {
			line = line_at(i, k);
			buf_add(&changed, b.data + starts[line],
			    starts[line + 1] - starts[line]);
		}
		CHECK_INT(get_of(&changed), -1);
	}
	buf_release(&changed);
	finish(&b);
}

static int
swapped(int i, int k)
{
	return (k == i ? i + 1 : k == i + 1 ? i : k);
}

static int
dropped(int i, int k)
{
	return (k < i ? k : k + 1);
}

static int
doubled(int i, int k)
{
	return (k <= i ? k : k - 1);
}

TEST(swapped_lines_are_found)
{
	check_order(swapped, LINES - 1, LINES);
}

TEST(a_dropped_line_is_found)
{
	check_order(dropped, LINES - 1, LINES - 1);
}

TEST(a_doubled_line_is_found)
{
	check_order(doubled, LINES, LINES + 1);
}

TEST(what_a_crash_leaves_at_the_end_is_dropped)
{
	struct buf b = BUF_INITIALIZER;
	size_t starts[LINES + 1], n;
	char nuls[5000] = { 0 };

	make(&b, starts);
	for (n = 1; n <= sizeof(nuls); n = n * 3 + 1) {
		b.len = starts[LINES];
		buf_add(&b, nuls, n);
		CHECK_INT(get_of(&b), LINES);
	}
	/* a block of the last line was never written */
	b.len = starts[LINES];
	memset(b.data + starts[LINES - 1] + 20, '\0', 30);
	CHECK_INT(get_of(&b), LINES - 1);
	finish(&b);
}

TEST(garbage_at_the_end)
{
	struct buf b = BUF_INITIALIZER;
	size_t starts[LINES + 1];

	make(&b, starts);
	buf_adds(&b, "garbage without an end");
	CHECK_INT(get_of(&b), LINES);
	buf_adds(&b, ", and then one\n");
	CHECK_INT(get_of(&b), -1);
	CHECK(strstr(why, ": line 8 is damaged") != NULL);
	b.len = starts[LINES];
	buf_adds(&b, "\n");
	CHECK_INT(get_of(&b), -1);
	finish(&b);
}

TEST(a_right_checksum_is_not_enough)
{
	static const struct {
		const char *members, *why;
	} rows[] = {
		{ "{\"seq\":2,\"at_ms\":0,\"time\":0,\"type\":\"warning\","
		  "\"text\":\"\"",
		    "event 2 where 1 was due" },
		{ "{\"seq\":1,\"at_ms\":0,\"time\":0,\"type\":\"applause\"",
		    "unknown event \"applause\"" },
		{ "{\"seq\":1,\"at_ms\":0,\"time\":0,\"type\":\"warning\"",
		    "no \"text\"" },
		{ "not JSON", "not JSON: " },
		{ "{\"a\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
		    "not JSON: " },
		{ "{\"a\":\"\xff\"", "not UTF-8" },
	};
	struct buf b = BUF_INITIALIZER;
	uint32_t crc;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		b.len = 0;
		crc = 0;
		add_line(&b, rows[i].members, &crc);
		CHECK_INT(get_of(&b), -1);
		if (!CHECK(strncmp(why, rows[i].why, strlen(rows[i].why)) == 0))
			CHECK_STR(why, rows[i].why);
	}
	finish(&b);
}

TEST(what_cannot_be_read_is_told)
{
	char missing[4200];

	unlink(file_path());
	CHECK_INT(get(), -1);
	snprintf(missing, sizeof(missing), "%s: No such file or directory",
	    file_path());
	CHECK_STR(why, missing);
	CHECK_INT(symlink("/dev/null", file_path()), 0);
	CHECK_INT(get(), -1);
	unlink(file_path());
	CHECK_INT(mkdir(file_path(), 0700), 0);
	CHECK_INT(get(), -1);
	CHECK(strstr(why, "Is a directory") != NULL);
	CHECK_INT(rmdir(file_path()), 0);
}

TEST(a_journal_is_always_a_new_file)
{
	struct journal j;

	put("x", 1);
	CHECK_INT(journal_create(&j, file_path()), -1);
	CHECK_INT(errno, EEXIST);
	unlink(file_path());
	CHECK_INT(symlink("/dev/null", file_path()), 0);
	CHECK_INT(journal_create(&j, file_path()), -1);
	unlink(file_path());
	CHECK_INT(journal_create(&j, "/dev/null/x"), -1);
	CHECK_INT(errno, ENOTDIR);
	/* without a file events are still numbered, for the views */
	CHECK_INT(append(&j, 1), -1);
	CHECK_INT(append(&j, 2), -1);
	CHECK_INT(j.seq, 2);
	journal_close(&j);
}

TEST(a_full_disk)
{
	struct journal j = JOURNAL_INITIALIZER;

	if ((j.fd = open("/dev/full", O_WRONLY | O_CLOEXEC)) == -1)
		SKIP("no /dev/full");
	CHECK_INT(append(&j, 1), -1);
	CHECK_INT(errno, ENOSPC);
	CHECK_INT(j.fd, -1);
	CHECK_INT(append(&j, 2), -1);
	CHECK_INT(errno, EBADF);
	CHECK_INT(j.seq, 2);
}

/* However much of a line the disk takes: none of it stays. */
TEST(a_disk_that_takes_a_part)
{
	struct buf b = BUF_INITIALIZER;
	size_t starts[LINES + 1], limit;
	struct rlimit old, low;
	struct journal j;
	struct stat st;
	int whole, written;

	make(&b, starts);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (limit = 0; limit < starts[LINES]; limit += 7) {
		for (whole = 0; starts[whole + 1] <= limit;)
			whole++;
		unlink(file_path());
		CHECK_INT(journal_create(&j, file_path()), 0);
		low = old;
		low.rlim_cur = limit;
		setrlimit(RLIMIT_FSIZE, &low);
		for (written = 0; append(&j, written + 1) == 0;)
			written++;
		setrlimit(RLIMIT_FSIZE, &old);
		CHECK(errno == EFBIG || errno == ENOSPC);
		CHECK_INT(written, whole);
		CHECK_INT(stat(file_path(), &st), 0);
		CHECK_INT(st.st_size, starts[whole]);
		CHECK_INT(get(), whole);
		journal_close(&j);
	}
	signal(SIGXFSZ, SIG_DFL);
	finish(&b);
}

/* Whoever reads while it grows sees a journal, each time a longer one. */
static void __attribute__((noreturn)) read_all_the_time(int until)
{
	int64_t n = 0, last = 0;

	while (n != until && !test_failed) {
		n = get();
		CHECK(n >= last);
		last = n;
	}
	_exit(test_failed ? 1 : 0);
}

TEST(a_reader_while_it_grows)
{
	struct journal j;
	int i, status = -1, lines = 1500;
	pid_t reader;

	unlink(file_path());
	CHECK_INT(journal_create(&j, file_path()), 0);
	fflush(stdout);
	if ((reader = fork()) == 0)
		read_all_the_time(lines);
	for (i = 1; i <= lines; i++)
		CHECK_INT(append(&j, i), 0);
	journal_close(&j);
	CHECK_INT(waitpid(reader, &status, 0), reader);
	CHECK_INT(status, 0);
	unlink(file_path());
}
