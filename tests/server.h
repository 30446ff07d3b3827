/*
 * A server in a process of its own that does with each request as a script
 * says, and calls to it: for tests of net/http.
 */

#ifndef TESTS_SERVER_H
#define TESTS_SERVER_H

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/net/http.h"
#include "ipc/buf.h"
#include "ipc/mono.h"
#include "tests/test.h"

#define KEY      "sk-canary-5678"
#define LONG_MS  60000
#define SHORT_MS 150

/*
 * What a server does with a request: false closes the connection.  nth
 * counts the requests from 0.
 */
typedef bool script(int fd, int nth, const char *request);

struct server {
	pid_t pid;
	int port;
	int log; /* every request, an "accept" before each connection */
};

static inline void
send_bytes(int fd, const char *bytes, size_t len)
{
	ssize_t n;

	for (; len > 0; bytes += n, len -= (size_t)n)
		if ((n = send(fd, bytes, len, MSG_NOSIGNAL)) <= 0)
			return;
}

static inline void
send_text(int fd, const char *text)
{
	send_bytes(fd, text, strlen(text));
}

static inline void __attribute__((noreturn)) hang(void)
{
	for (;;)
		pause();
}

/* Returns whether a whole request came. */
static inline bool
read_request(int fd, struct buf *request)
{
	const char *end, *length;
	size_t want = SIZE_MAX;
	ssize_t n;

	while (request->len < want) {
		n = read(fd, buf_reserve(request, 65536), 65536);
		if (n <= 0)
			return (false);
		request->len += (size_t)n;
		request->data[request->len] = '\0';
		end = strstr(request->data, "\r\n\r\n");
		length = strcasestr(request->data, "content-length:");
		if (end != NULL && want == SIZE_MAX)
			want = (size_t)(end - request->data) + 4 +
			    (length == NULL ? 0
					    : strtoul(length + 15, NULL, 10));
	}
	return (true);
}

static inline void __attribute__((noreturn))
serve(int listener, int log, script *run)
{
	struct buf request = BUF_INITIALIZER;
	bool more;
	int fd, nth = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if ((fd = accept(listener, NULL, NULL)) == -1)
			_exit(1);
		dprintf(log, "accept\n");
		do {
			request.len = 0;
			more = read_request(fd, &request);
			if (more) {
				dprintf(log, "%.2000s\n", request.data);
				more = run(fd, nth++, request.data);
			}
		} while (more);
		close(fd);
	}
}

static inline int
listen_somewhere(int backlog, int *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd != -1);
	CHECK(bind(fd, (struct sockaddr *)&sin, len) == 0);
	CHECK(listen(fd, backlog) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&sin, &len) == 0);
	*port = ntohs(sin.sin_port);
	return (fd);
}

static inline struct server
server_start(script *run)
{
	struct server s;
	int listener = listen_somewhere(16, &s.port), log[2];

	CHECK(pipe2(log, O_CLOEXEC) == 0);
	fflush(stdout);
	s.pid = fork();
	if (s.pid == 0)
		serve(listener, log[1], run);
	close(listener);
	close(log[1]);
	s.log = log[0];
	return (s);
}

/* Ends it and returns what it was asked. */
static inline char *
server_stop(struct server *s)
{
	struct buf b = BUF_INITIALIZER;

	kill(s->pid, SIGKILL);
	CHECK(waitpid(s->pid, NULL, 0) == s->pid);
	CHECK(buf_read_fd(&b, s->log, 1024 * 1024) == 0);
	close(s->log);
	return (buf_detach(&b));
}

static inline int
count(const char *text, const char *word)
{
	int n = 0;

	for (; (text = strstr(text, word)) != NULL; text++)
		n++;
	return (n);
}

/* One call and what came of it. */
struct call {
	struct http_request request;
	struct http_response response;
	char url[128];
	struct buf data;
	size_t data_max; /* data() wants no more than that */
};

static inline bool
on_data(void *arg, const char *bytes, size_t len)
{
	struct call *c = arg;

	CHECK(c->response.status >= 200 && c->response.status <= 299);
	buf_add(&c->data, bytes, len);
	return (c->data.len <= c->data_max);
}

static char *const headers[] = { (char[]) { "Content-Type: application/json" },
	(char[]) { "Authorization: Bearer " KEY }, NULL };

static inline void
call_init(struct call *c, int port)
{
	memset(c, 0, sizeof(*c));
	snprintf(c->url, sizeof(c->url), "http://127.0.0.1:%d/v1/x", port);
	c->data_max = SIZE_MAX;
	c->request = (struct http_request) { .url = c->url,
		.headers = headers,
		.body = "{}",
		.len = 2,
		.connect_ms = LONG_MS,
		.first_byte_ms = LONG_MS,
		.idle_ms = LONG_MS,
		.deadline_ms = MONO_NEVER,
		.data = on_data,
		.arg = c };
}

static inline void
call_release(struct call *c)
{
	CHECK(strstr(c->response.error, KEY) == NULL);
	CHECK(strlen(c->response.error) < sizeof(c->response.error) - 1);
	http_response_release(&c->response);
	buf_release(&c->data);
}

static inline void
call_make(struct call *c, enum http_outcome want)
{
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	http_post(&c->request, NULL, &c->response);
	CHECK_INT(c->response.outcome, want);
	CHECK((c->response.error[0] == '\0') == (want == HTTP_DONE));
}

/* A call to a server of that script; returns the server's log. */
static inline char *
call_script(struct call *c, script *run, enum http_outcome want)
{
	struct server s = server_start(run);

	if (c->request.url == NULL)
		call_init(c, s.port);
	else
		snprintf(
		    c->url, sizeof(c->url), "http://127.0.0.1:%d/", s.port);
	call_make(c, want);
	return (server_stop(&s));
}

static inline bool
answer_well(int fd, int nth, const char *request)
{
	(void)nth;
	(void)request;
	send_text(fd,
	    "HTTP/1.1 200 OK\r\n"
	    "Content-Type: Text/Event-Stream; charset=utf-8\r\n"
	    "Content-Length: 18\r\n\r\ndata: a\n\n");
	send_text(fd, "data: b\n\n");
	return (true);
}

#endif
