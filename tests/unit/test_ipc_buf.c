/* ipc/buf: growth, the maximum, and what happens at it. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/spawn.h"
#include "tests/test.h"

TEST(empty_buffer_has_no_data)
{
	struct buf b = BUF_INITIALIZER;

	CHECK(b.data == NULL);
	CHECK_INT(b.len, 0);
	buf_consume(&b, 5);
	CHECK_INT(b.len, 0);
	buf_release(&b);
}

TEST(add_appends_and_terminates)
{
	struct buf b = BUF_INITIALIZER;

	CHECK(buf_adds(&b, "ab"));
	CHECK(buf_addf(&b, "%d-%s", 12, "x"));
	CHECK(buf_add(&b, "\0z", 2));
	CHECK_INT(b.len, 8);
	CHECK_MEM(b.data, "ab12-x\0z\0", 9);
	buf_release(&b);
	CHECK(b.data == NULL);
}

TEST(add_of_nothing_makes_a_string)
{
	struct buf b = BUF_INITIALIZER;

	CHECK(buf_add(&b, NULL, 0));
	CHECK_STR(b.data, "");
	buf_release(&b);
}

TEST(maximum_is_reached_but_not_passed)
{
	struct buf b;

	buf_init(&b, 5);
	CHECK(buf_adds(&b, "abc"));
	CHECK(!buf_adds(&b, "def"));
	CHECK_STR(b.data, "abc");
	CHECK(!buf_addf(&b, "%d", 123));
	CHECK_INT(b.len, 3);
	CHECK(buf_adds(&b, "de"));
	CHECK(!buf_adds(&b, "f"));
	CHECK(buf_adds(&b, ""));
	CHECK_STR(b.data, "abcde");
	buf_consume(&b, 2);
	CHECK(buf_adds(&b, "fg"));
	CHECK_STR(b.data, "cdefg");
	buf_release(&b);
	CHECK(buf_adds(&b, "again"));
	CHECK(!buf_adds(&b, "!"));
	buf_release(&b);
}

TEST(growth_keeps_every_byte)
{
	struct buf b = BUF_INITIALIZER;
	size_t i, wrong = 0;
	char c;

	for (i = 0; i < 200000; i++) {
		c = (char)(i % 251);
		buf_add(&b, &c, 1);
	}
	CHECK_INT(b.len, 200000);
	for (i = 0; i < b.len; i++)
		wrong += b.data[i] != (char)(i % 251);
	CHECK_INT(wrong, 0);
	buf_release(&b);
}

TEST(reserve_gives_room_behind_the_data)
{
	struct buf b = BUF_INITIALIZER;
	char *end;

	buf_adds(&b, "head");
	end = buf_reserve(&b, 100000);
	CHECK(end == b.data + 4);
	memset(end, 'x', 100000);
	b.len += 100000;
	CHECK(buf_adds(&b, "tail"));
	CHECK_INT(b.len, 100008);
	CHECK_MEM(b.data, "headxxx", 7);
	CHECK_MEM(b.data + 100001, "xxxtail", 8);
	buf_release(&b);
}

TEST(consume_drops_the_front)
{
	struct buf b = BUF_INITIALIZER;

	buf_adds(&b, "one two");
	buf_consume(&b, 0);
	CHECK_STR(b.data, "one two");
	buf_consume(&b, 4);
	CHECK_STR(b.data, "two");
	buf_consume(&b, 3);
	CHECK_STR(b.data, "");
	buf_adds(&b, "x");
	buf_consume(&b, 1000);
	CHECK_INT(b.len, 0);
	CHECK_STR(b.data, "");
	buf_release(&b);
}

TEST(detach_hands_over_and_empties)
{
	struct buf b = BUF_INITIALIZER;
	char *s;

	s = buf_detach(&b);
	CHECK_STR(s, "");
	free(s);
	buf_adds(&b, "mine");
	s = buf_detach(&b);
	CHECK_STR(s, "mine");
	CHECK(b.data == NULL);
	CHECK_INT(b.len, 0);
	buf_adds(&b, "new");
	CHECK_STR(b.data, "new");
	CHECK_STR(s, "mine");
	free(s);
	buf_release(&b);
}

/* A pipe that holds text and then ends; at most a pipe's capacity. */
static int
pipe_with(const char *text, size_t len)
{
	int fds[2];

	if (!CHECK(spawn_pipe(fds) == 0))
		return (-1);
	CHECK_INT(write(fds[1], text, len), len);
	close(fds[1]);
	return (fds[0]);
}

TEST(read_fd_takes_all_of_a_file)
{
	struct buf b = BUF_INITIALIZER;
	int fd;

	fd = pipe_with("a\0b", 3);
	buf_adds(&b, "> ");
	CHECK_INT(buf_read_fd(&b, fd, 100), 0);
	CHECK_INT(b.len, 5);
	CHECK_MEM(b.data, "> a\0b\0", 6);
	close(fd);
	buf_release(&b);
}

TEST(read_fd_refuses_too_much)
{
	struct buf b = BUF_INITIALIZER;
	int fd;

	fd = pipe_with("123456", 6);
	CHECK_INT(buf_read_fd(&b, fd, 6), 0);
	close(fd);
	buf_release(&b);
	fd = pipe_with("1234567", 7);
	errno = 0;
	CHECK_INT(buf_read_fd(&b, fd, 6), -1);
	CHECK_INT(errno, EFBIG);
	close(fd);
	buf_release(&b);
}

TEST(read_fd_reports_errors)
{
	struct buf b = BUF_INITIALIZER;

	errno = 0;
	CHECK_INT(buf_read_fd(&b, -1, 10), -1);
	CHECK_INT(errno, EBADF);
	buf_release(&b);
}
