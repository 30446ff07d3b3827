/* net/http: calls that fail or are given up, at every stage. */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/server.h"
#include "tests/unit/scratch.h"

/* The error is head, the host and port of the call, and tail. */
static void
check_error(const struct call *c, const char *head, const char *tail)
{
	char want[256];
	size_t len;
	const char *host = http_host(c->url, &len);

	snprintf(want, sizeof(want), "%s%.*s%s", head, (int)len, host, tail);
	CHECK_STR(c->response.error, want);
}

TEST(refused)
{
	struct call c;
	int port, fd = listen_somewhere(1, &port);

	close(fd);
	call_init(&c, port);
	call_make(&c, HTTP_TRANSPORT);
	CHECK_INT(c.response.status, 0);
	CHECK(!c.response.any_data && !c.response.permanent);
	CHECK(strstr(c.response.error, "127.0.0.1") == c.response.error);
	CHECK(strcasestr(c.response.error, "connect") != NULL);
	call_release(&c);
}

/* A queue of one that is taken: the kernel drops whoever comes then. */
TEST(no_connection)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct call c;
	int port, listener = listen_somewhere(0, &port), fds[4];
	size_t i;

	sin.sin_port = htons((uint16_t)port);
	for (i = 0; i < 4; i++) {
		fds[i] = socket(
		    AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(fds[i], (struct sockaddr *)&sin, sizeof(sin));
	}
	call_init(&c, port);
	c.request.connect_ms = SHORT_MS;
	call_make(&c, HTTP_TIMEOUT);
	check_error(&c, "no connection to ", " within 0.15 s");
	call_release(&c);
	for (i = 0; i < 4; i++)
		close(fds[i]);
	close(listener);
}

TEST(no_handshake)
{
	struct call c;
	int port, listener = listen_somewhere(4, &port);

	call_init(&c, port);
	snprintf(c.url, sizeof(c.url), "https://127.0.0.1:%d/", port);
	c.request.connect_ms = SHORT_MS;
	call_make(&c, HTTP_TIMEOUT);
	check_error(&c, "no connection to ", " within 0.15 s");
	call_release(&c);
	close(listener);
}

static bool
answer_nothing(int fd, int nth, const char *request)
{
	(void)fd;
	(void)nth;
	(void)request;
	hang();
}

static bool
answer_headers_only(int fd, int nth, const char *request)
{
	send_text(fd,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n");
	return (answer_nothing(fd, nth, request));
}

static bool
answer_half(int fd, int nth, const char *request)
{
	send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\ndata: a");
	return (answer_nothing(fd, nth, request));
}

static bool
answer_half_an_error(int fd, int nth, const char *request)
{
	send_text(fd, "HTTP/1.1 500 X\r\nContent-Length: 18\r\n\r\noops");
	return (answer_nothing(fd, nth, request));
}

/* A call with short limits against a server that stops somewhere. */
static void
check_stall(struct call *c, script *run, const char *tail)
{
	call_init(c, 0);
	c->request.first_byte_ms = SHORT_MS;
	c->request.idle_ms = SHORT_MS * 2;
	free(call_script(c, run, HTTP_TIMEOUT));
	check_error(c, "", tail);
}

TEST(stalls)
{
	struct call c;

	check_stall(&c, answer_nothing, " did not answer within 0.15 s");
	CHECK_INT(c.response.status, 0);
	call_release(&c);
	check_stall(&c, answer_headers_only, " did not answer within 0.15 s");
	CHECK_INT(c.response.status, 200);
	CHECK(!c.response.any_data);
	call_release(&c);
	check_stall(&c, answer_half, " sent nothing more for 0.3 s");
	CHECK_STR(c.data.data, "data: a");
	CHECK(c.response.any_data);
	call_release(&c);
	check_stall(&c, answer_half_an_error, " sent nothing more for 0.3 s");
	CHECK_INT(c.response.status, 500);
	CHECK_STR(c.response.body.data, "oops");
	call_release(&c);
}

static bool
answer_in_drips(int fd, int nth, const char *request)
{
	struct timespec pause = { 0, 100 * 1000 * 1000 };
	int i;

	(void)nth;
	(void)request;
	send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 39\r\n\r\n");
	for (i = 0; i < 13; i++) {
		send_text(fd, ":\n\n");
		nanosleep(&pause, NULL);
	}
	return (true);
}

TEST(comments_are_signs_of_life)
{
	struct call c;

	call_init(&c, 0);
	c.request.idle_ms = 1000;
	free(call_script(&c, answer_in_drips, HTTP_DONE));
	CHECK_INT(c.data.len, 39);
	call_release(&c);
}

TEST(deadline)
{
	struct call c;

	call_init(&c, 0);
	c.request.deadline_ms = mono_ms() + 2 * SHORT_MS;
	free(call_script(&c, answer_in_drips, HTTP_TIMEOUT));
	check_error(&c, "the time for the call to ", " is over");
	call_release(&c);
	call_init(&c, 0);
	c.request.deadline_ms = mono_ms() - 1;
	free(call_script(&c, answer_well, HTTP_TIMEOUT));
	check_error(&c, "the time for the call to ", " is over");
	call_release(&c);
}

static bool
shorten(void *arg, const char *bytes, size_t len)
{
	struct call *c = arg;

	c->request.idle_ms = SHORT_MS;
	return (on_data(arg, bytes, len));
}

TEST(data_may_shorten_the_silence)
{
	struct call c;

	call_init(&c, 0);
	c.request.data = shorten;
	free(call_script(&c, answer_half, HTTP_TIMEOUT));
	check_error(&c, "", " sent nothing more for 0.15 s");
	CHECK_STR(c.data.data, "data: a");
	call_release(&c);
}

static bool
cut_at_once(int fd, int nth, const char *request)
{
	(void)fd;
	(void)nth;
	(void)request;
	return (false);
}

static bool
cut_headers(int fd, int nth, const char *request)
{
	(void)nth;
	(void)request;
	send_text(fd, "HTTP/1.1 200 OK\r\nContent-Le");
	return (false);
}

static bool
cut_length(int fd, int nth, const char *request)
{
	(void)nth;
	(void)request;
	send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\ndata: a");
	return (false);
}

static bool
cut_chunk(int fd, int nth, const char *request)
{
	(void)nth;
	(void)request;
	send_text(fd,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "7\r\ndata: a\r\n5\r\nda");
	return (false);
}

static bool
reset(int fd, int nth, const char *request)
{
	struct linger linger = { 1, 0 };

	cut_length(fd, nth, request);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return (false);
}

static bool
speak_another_language(int fd, int nth, const char *request)
{
	(void)nth;
	(void)request;
	send_text(fd, "220 mail.example.org ESMTP\r\n");
	return (false);
}

TEST(cuts)
{
	static const struct {
		script *run;
		bool any_data;
	} table[] = { { cut_at_once, false }, { cut_headers, false },
		{ cut_length, true }, { cut_chunk, true }, { reset, true },
		{ speak_another_language, false } };
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct call c = { 0 };

		free(call_script(&c, table[i].run, HTTP_TRANSPORT));
		CHECK(!c.response.permanent);
		CHECK_INT(c.response.any_data, table[i].any_data);
		if (table[i].any_data && table[i].run != reset)
			CHECK(strncmp(c.data.data, "data: a", 7) == 0);
		call_release(&c);
	}
}

TEST(data_may_abort)
{
	struct call c;

	call_init(&c, 0);
	c.data_max = 0;
	free(call_script(&c, answer_half, HTTP_ABORTED));
	CHECK_STR(c.data.data, "data: a");
	call_release(&c);
}

/* Waits for a pipe as well, and notes what poll said of it. */
struct waiter {
	int fd;
	short revents;
	int calls;
};

static bool
wait_for_pipe(void *arg, int64_t until_ms,
    int (*poll_all)(void *, struct pollfd *, unsigned int, int), void *poll_arg)
{
	struct waiter *w = arg;
	struct pollfd pfd = { w->fd, POLLIN, 0 };

	CHECK_INT(until_ms, MONO_NEVER);
	w->calls++;
	CHECK(poll_all(poll_arg, &pfd, 1, -1) >= 0);
	w->revents = pfd.revents;
	return (pfd.revents != 0);
}

/* A call to a silent server while something happens to the pipe. */
static void
check_wait(bool hang_up, short want)
{
	struct server s = server_start(answer_nothing);
	struct waiter w = { -1, 0, 0 };
	struct http_wait wait = { wait_for_pipe, &w };
	struct call c;
	int fds[2];

	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	w.fd = fds[0];
	call_init(&c, s.port);
	c.request.first_byte_ms = MONO_NEVER;
	if (hang_up)
		close(fds[1]);
	else
		CHECK(write(fds[1], "x", 1) == 1);
	http_post(&c.request, &wait, &c.response);
	CHECK_INT(c.response.outcome, HTTP_ABORTED);
	CHECK_INT(w.revents, want);
	CHECK(w.calls < 100);
	call_release(&c);
	close(fds[0]);
	if (!hang_up)
		close(fds[1]);
	free(server_stop(&s));
}

TEST(wait_sees_the_callers_descriptors)
{
	check_wait(false, POLLIN);
	check_wait(true, POLLHUP);
}

TEST(a_call_after_an_abort)
{
	struct server s = server_start(answer_well);
	struct call c;
	int i;

	check_wait(true, POLLHUP);
	for (i = 0; i < 2; i++) {
		call_init(&c, s.port);
		call_make(&c, HTTP_DONE);
		CHECK_INT(c.data.len, 18);
		call_release(&c);
	}
	http_shutdown();
	http_shutdown();
	call_init(&c, s.port);
	call_make(&c, HTTP_DONE);
	CHECK_INT(c.data.len, 18);
	call_release(&c);
	free(server_stop(&s));
}

TEST(bad_urls)
{
	static const char *const urls[] = { "", "http://", "ftp://127.0.0.1/",
		"file:///etc/passwd", "gopher://127.0.0.1:1/",
		"http://127.0.0.1:99999/", "http://a b/", "nonsense" };
	struct call c;
	size_t i;

	for (i = 0; i < sizeof(urls) / sizeof(urls[0]) - 1; i++) {
		call_init(&c, 0);
		c.request.url = urls[i];
		call_make(&c, HTTP_TRANSPORT);
		if (!CHECK(c.response.permanent))
			printf("# %s: %s\n", urls[i], c.response.error);
		call_release(&c);
	}
}

TEST(errors_quote_no_header)
{
	char *lines[] = { (char[]) { "X-Odd: 127.0.0.1" }, headers[1],
		(char[]) { "X-Stars: ********" }, (char[]) { "X-Empty:" },
		NULL };
	struct call c;
	int port, fd = listen_somewhere(1, &port);

	close(fd);
	call_init(&c, port);
	snprintf(c.url, sizeof(c.url), "http://u:" KEY "@127.0.0.1:%d/", port);
	c.request.headers = lines;
	call_make(&c, HTTP_TRANSPORT);
	CHECK(strstr(c.response.error, "*********") == c.response.error);
	CHECK(strstr(c.response.error, "127.0.0.1") == NULL);
	call_release(&c);
}

TEST(errors_are_not_struck_for_what_is_short)
{
	char *lines[] = { (char[]) { "X-Depth: 1" },
		(char[]) { "X-Pattern: *" }, (char[]) { "X-Host: 127.0.0" },
		NULL };
	struct call c;
	int port, fd = listen_somewhere(1, &port);

	close(fd);
	call_init(&c, port);
	c.request.headers = lines;
	call_make(&c, HTTP_TRANSPORT);
	CHECK(strstr(c.response.error, "127.0.0.1") == c.response.error);
	CHECK(strchr(c.response.error, '*') == NULL);
	call_release(&c);
}

TEST(proxy_of_the_environment)
{
	struct server s = server_start(answer_well);
	struct call c;
	char proxy[64], *log;

	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", s.port);
	setenv("http_proxy", proxy, 1);
	setenv("no_proxy", "", 1);
	call_init(&c, 0);
	snprintf(c.url, sizeof(c.url), "http://model.invalid/v1");
	http_post(&c.request, NULL, &c.response);
	unsetenv("http_proxy");
	CHECK_INT(c.response.outcome, HTTP_DONE);
	CHECK_INT(c.data.len, 18);
	log = server_stop(&s);
	CHECK(strstr(log, "POST http://model.invalid/v1 HTTP/1.1\r\n") != NULL);
	free(log);
	call_release(&c);
}

static void
check_host(const char *url, const char *want)
{
	size_t len;
	const char *host = http_host(url, &len);

	CHECK_INT(len, strlen(want));
	CHECK_MEM(host, want, len);
}

TEST(hosts)
{
	check_host("https://api.example.com/v1", "api.example.com");
	check_host("https://api.example.com:8443", "api.example.com:8443");
	check_host("https://u:p@h:1/a@b", "h:1");
	check_host("https://u@v@h?x=1", "h");
	check_host("h/x", "h");
	check_host("http://", "");
	check_host("", "");
}

/*
 * This program again, where the library's name is that of something else.
 * In there, the same test makes the call.
 */
TEST(without_libcurl)
{
	char *dir, path[PATH_MAX];
	struct call c;
	int status;
	pid_t pid;

	if (getenv("TEST_WITHOUT_LIBCURL") != NULL) {
		call_init(&c, 1);
		call_make(&c, HTTP_TRANSPORT);
		CHECK(c.response.permanent);
		CHECK(strncmp(c.response.error, "cannot load libcurl: ", 21) ==
		    0);
		call_release(&c);
		return;
	}
	dir = scratch_make();
	snprintf(path, sizeof(path), "%s/libcurl.so.4", dir);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	fflush(stdout);
	if ((pid = fork()) == 0) {
		setenv("LD_LIBRARY_PATH", dir, 1);
		setenv("TEST_WITHOUT_LIBCURL", "1", 1);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execl(program_invocation_name, "test_http", "without_libcurl",
		    NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	CHECK(unlink(path) == 0 && rmdir(dir) == 0);
	free(dir);
}
