/* The question, whole and clean, from wherever it comes. */

#include <sys/epoll.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"
#include "supervisor/loop.h"
#include "supervisor/question.h"

#define QUESTION_MAX ((size_t)4 * 1024 * 1024)

/* One that somebody may still be writing. */
struct coming {
	struct watch watch;
	struct buf *text;
	bool ended;
	int error; /* errno; 0: none */
};

static void
on_readable(void *arg, uint32_t events)
{
	struct coming *c = arg;
	char chunk[65536];
	ssize_t n = read(c->watch.fd, chunk, sizeof(chunk));

	(void)events;
	if (n > 0)
		buf_add(c->text, chunk, (size_t)n);
	else if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n == -1)
		c->error = errno;
	else if (c->text->len > QUESTION_MAX)
		c->error = EFBIG;
	c->ended = n <= 0 || c->error != 0;
}

static enum exit_code
wait_for(int fd, int64_t until, struct buf *text, char *err, size_t errlen)
{
	struct coming c = {
		.watch = { .fd = -1, .ready = on_readable, .arg = &c },
		.text = text
	};
	enum exit_code code = EXIT_OK;

	loop_watch(&c.watch, fd, EPOLLIN);
	while (!c.ended && code == EXIT_OK) {
		(void)loop_wait(until);
		if (loop_signals().stop > 0)
			code = EXIT_INTERRUPTED;
		else if (!c.ended && mono_ms() >= until)
			code = EXIT_TIMEOUT;
	}
	loop_unwatch(&c.watch);
	if (code != EXIT_OK) {
		snprintf(err, errlen, "%s before the question was there",
		    code == EXIT_TIMEOUT ? "the time limit passed"
					 : "interrupted");
	} else if (c.error != 0) {
		code = EXIT_CONFIG;
		errno = c.error;
	}
	return (code);
}

/* What epoll(7) can say something about. */
static bool
may_be_late(int fd)
{
	struct stat st;

	return (fstat(fd, &st) == 0 &&
	    (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd)));
}

static enum exit_code
read_file(
    const char *path, int64_t until, struct buf *text, char *err, size_t errlen)
{
	enum exit_code code = EXIT_CONFIG;
	int fd = STDIN_FILENO;

	*err = '\0';
	errno = 0;
	if (path != NULL)
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd != -1 && may_be_late(fd))
		code = wait_for(fd, until, text, err, errlen);
	else if (fd != -1 && buf_read_fd(text, fd, QUESTION_MAX) == 0)
		code = EXIT_OK;
	if (code == EXIT_CONFIG)
		snprintf(err, errlen, "%s: %s",
		    path == NULL ? "standard input" : path, strerror(errno));
	if (path != NULL && fd != -1)
		close(fd);
	return (code);
}

static bool
is_blank(const char *text)
{
	return (text[strspn(text, " \t\r\n")] == '\0');
}

enum exit_code
question_read(const struct options *o, int64_t until, char **out, char *err,
    size_t errlen)
{
	struct buf raw = BUF_INITIALIZER, text = BUF_INITIALIZER;
	const char *path = o->question_file;
	enum exit_code code = EXIT_OK;

	if (path == NULL && o->question == NULL) {
		snprintf(err, errlen, "no question given; see --help");
		return (EXIT_CONFIG);
	}
	if (path == NULL && strcmp(o->question, "-") != 0)
		buf_adds(&raw, o->question);
	else
		code = read_file(
		    path != NULL && strcmp(path, "-") == 0 ? NULL : path, until,
		    &raw, err, errlen);
	buf_add(&text, "", 0);
	utf8_clean(&text, raw.data == NULL ? "" : raw.data, raw.len);
	if (code == EXIT_OK && is_blank(text.data)) {
		snprintf(err, errlen, "the question is empty");
		code = EXIT_CONFIG;
	}
	buf_release(&raw);
	if (code == EXIT_OK)
		*out = buf_detach(&text);
	buf_release(&text);
	return (code);
}
