/* net/http: calls that work, and what bounds those that never end. */

#include <stdlib.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "tests/server.h"

TEST(a_call)
{
	struct call c = { 0 };
	char *log = call_script(&c, answer_well, HTTP_DONE);

	CHECK_INT(c.response.status, 200);
	CHECK_STR(c.response.content_type, "text/event-stream");
	CHECK_STR(c.data.data, "data: a\n\ndata: b\n\n");
	CHECK(c.response.any_data);
	CHECK_INT(c.response.body.len, 0);
	CHECK_INT(c.response.retry_after_ms, -1);
	CHECK_INT(c.response.should_retry, -1);
	CHECK(strncmp(log, "accept\nPOST /v1/x HTTP/1.1\r\n", 28) == 0);
	CHECK(strstr(log, "\r\nAuthorization: Bearer " KEY "\r\n") != NULL);
	CHECK(strstr(log, "\r\nContent-Type: application/json\r\n") != NULL);
	CHECK(strstr(log, "\r\nContent-Length: 2\r\n") != NULL);
	CHECK(strstr(log, "\r\nAccept-Encoding: ") != NULL);
	CHECK(strstr(log, "\r\n\r\n{}\n") != NULL);
	CHECK(strcasestr(log, "Expect") == NULL);
	call_release(&c);
	free(log);
}

TEST(connections_are_used_again)
{
	struct server s = server_start(answer_well);
	struct call c;
	char *log;
	int i;

	for (i = 0; i < 5; i++) {
		call_init(&c, s.port);
		call_make(&c, HTTP_DONE);
		CHECK_INT(c.data.len, 18);
		call_release(&c);
	}
	log = server_stop(&s);
	CHECK_INT(count(log, "accept\n"), 1);
	CHECK_INT(count(log, "POST "), 5);
	free(log);
}

static bool
answer_once_per_connection(int fd, int nth, const char *request)
{
	answer_well(fd, nth, request);
	return (false);
}

TEST(a_connection_that_has_gone_is_made_again)
{
	struct server s = server_start(answer_once_per_connection);
	struct call c;
	char *log;
	int i;

	for (i = 0; i < 3; i++) {
		call_init(&c, s.port);
		call_make(&c, HTTP_DONE);
		CHECK_INT(c.data.len, 18);
		call_release(&c);
	}
	log = server_stop(&s);
	CHECK_INT(count(log, "POST "), 3);
	free(log);
}

TEST(large_body)
{
	size_t len = 3 * 1024 * 1024;
	char *body = xcalloc(len + 1, 1), *log;
	struct call c;

	memset(body, 'x', len);
	call_init(&c, 0);
	c.request.body = body;
	c.request.len = len;
	log = call_script(&c, answer_well, HTTP_DONE);
	CHECK(strstr(log, "Content-Length: 3145728\r\n") != NULL);
	CHECK(strcasestr(log, "Expect") == NULL);
	CHECK_INT(c.data.len, 18);
	call_release(&c);
	free(log);
	free(body);
}

static bool
answer_gzip(int fd, int nth, const char *request)
{
	static const char gzip[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03"
				   "\x4b\x49\x2c\x49\xb4\x52\x48\xe4\xe2\x02"
				   "\x00\x7e\xe3\xc4\x38\x09\x00\x00\x00";

	(void)nth;
	(void)request;
	send_text(fd,
	    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
	    "Content-Length: 29\r\n\r\n");
	send_bytes(fd, gzip, sizeof(gzip) - 1);
	return (true);
}

TEST(compressed)
{
	struct call c = { 0 };
	char *log = call_script(&c, answer_gzip, HTTP_DONE);

	CHECK_STR(c.data.data, "data: a\n\n");
	CHECK(c.response.content_type == NULL);
	call_release(&c);
	free(log);
}

static bool
answer_after_hints(int fd, int nth, const char *request)
{
	send_text(fd,
	    "HTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 103 Early Hints\r\nRetry-After: 5\r\n"
	    "Content-Type: text/html\r\n\r\n");
	return (answer_well(fd, nth, request));
}

TEST(informational_answers)
{
	struct call c = { 0 };
	char *log = call_script(&c, answer_after_hints, HTTP_DONE);

	CHECK_INT(c.response.status, 200);
	CHECK_STR(c.response.content_type, "text/event-stream");
	CHECK_INT(c.response.retry_after_ms, -1);
	call_release(&c);
	free(log);
}

static bool
answer_429(int fd, int nth, const char *request)
{
	(void)nth;
	(void)request;
	send_text(fd,
	    "HTTP/1.1 429 Slow Down\r\nretry-after-ms: 250\r\n"
	    "Retry-After: 7\r\nX-Should-Retry: true\r\n"
	    "Content-Type: application/json\r\nContent-Length: 4\r\n\r\noops");
	return (true);
}

TEST(error_with_a_body)
{
	struct call c = { 0 };
	char *log = call_script(&c, answer_429, HTTP_DONE);

	CHECK_INT(c.response.status, 429);
	CHECK_STR(c.response.body.data, "oops");
	CHECK_STR(c.response.content_type, "application/json");
	CHECK_INT(c.response.retry_after_ms, 250);
	CHECK_INT(c.response.should_retry, 1);
	CHECK(!c.response.any_data);
	CHECK_INT(c.data.len, 0);
	call_release(&c);
	free(log);
}

static bool
answer_503(int fd, int nth, const char *request)
{
	(void)request;
	dprintf(fd,
	    "HTTP/1.1 503 X\r\nRetry-After:%s\r\nx-should-retry: %s\r\n"
	    "Content-Length: 0\r\n\r\n",
	    nth == 0 ? " 3 " : " soon", nth == 0 ? "FALSE" : "maybe");
	return (true);
}

static bool
answer_limited(int fd, int nth, const char *request)
{
	static const char *const said[] = {
		"x-ratelimit-remaining-requests: 0\r\n"
		"X-RateLimit-Reset-Requests: 1.5s\r\n",
		"x-ratelimit-remaining-requests: 7\r\n"
		"x-ratelimit-reset-requests: 1s\r\n",
		"anthropic-ratelimit-requests-remaining: 0\r\n"
		"anthropic-ratelimit-requests-reset: 2001-01-01T00:00:00Z\r\n",
	};

	(void)request;
	dprintf(fd,
	    "HTTP/1.1 103 Early Hints\r\n"
	    "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 9s\r\n\r\n"
	    "HTTP/1.1 429 No\r\n%sContent-Length: 0\r\n\r\n",
	    said[nth]);
	return (true);
}

TEST(what_is_left_of_a_limit)
{
	static const int64_t want[] = { 1500, -1, 0 };
	struct server s = server_start(answer_limited);
	struct call c;
	int i;

	for (i = 0; i < 3; i++) {
		call_init(&c, s.port);
		call_make(&c, HTTP_DONE);
		CHECK_INT(c.response.limit_ms, want[i]);
		CHECK_INT(c.response.retry_after_ms, -1);
		call_release(&c);
	}
	free(server_stop(&s));
}

TEST(retry_headers)
{
	struct server s = server_start(answer_503);
	struct call c;

	call_init(&c, s.port);
	call_make(&c, HTTP_DONE);
	CHECK_INT(c.response.retry_after_ms, 3000);
	CHECK_INT(c.response.should_retry, 0);
	call_release(&c);
	call_init(&c, s.port);
	call_make(&c, HTTP_DONE);
	CHECK_INT(c.response.retry_after_ms, -1);
	CHECK_INT(c.response.should_retry, -1);
	CHECK_INT(c.response.body.len, 0);
	call_release(&c);
	free(server_stop(&s));
}

/* Send the same for ever, or until nobody listens. */
static void
pour(int fd, size_t len)
{
	char *bytes = xcalloc(len, 1);

	memset(bytes, 'x', len);
	while (send(fd, bytes, len, MSG_NOSIGNAL) > 0)
		continue;
	free(bytes);
}

static bool
answer_500_for_ever(int fd, int nth, const char *request)
{
	(void)nth;
	(void)request;
	send_text(fd, "HTTP/1.1 500 X\r\n\r\n");
	pour(fd, 65536);
	return (false);
}

TEST(error_without_end)
{
	struct call c = { 0 };
	char *log = call_script(&c, answer_500_for_ever, HTTP_DONE);

	CHECK_INT(c.response.status, 500);
	CHECK_INT(c.response.body.len, HTTP_ERROR_BODY_MAX);
	call_release(&c);
	free(log);
}

static bool
answer_for_ever(int fd, int nth, const char *request)
{
	(void)nth;
	(void)request;
	send_text(fd, "HTTP/1.1 200 OK\r\n\r\n");
	pour(fd, 1024 * 1024);
	return (false);
}

static bool
count_data(void *arg, const char *bytes, size_t len)
{
	size_t *total = arg;

	(void)bytes;
	*total += len;
	return (true);
}

TEST(stream_without_end)
{
	struct call c = { 0 };
	size_t total = 0;
	char *log;

	call_init(&c, 0);
	c.request.data = count_data;
	c.request.arg = &total;
	log = call_script(&c, answer_for_ever, HTTP_TRANSPORT);
	CHECK_STR(c.response.error, "the server sent more than 256 MiB");
	CHECK(total <= HTTP_STREAM_MAX && total > HTTP_STREAM_MAX / 2);
	call_release(&c);
	free(log);
}

static bool
answer_headers_for_ever(int fd, int nth, const char *request)
{
	(void)nth;
	(void)request;
	send_text(fd, "HTTP/1.1 200 OK\r\n");
	while (send(fd, "X-Filler: x\r\n", 13, MSG_NOSIGNAL) > 0)
		continue;
	return (false);
}

static bool
answer_with_an_endless_header(int fd, int nth, const char *request)
{
	(void)nth;
	(void)request;
	send_text(fd, "HTTP/1.1 200 OK\r\nX-Filler: ");
	pour(fd, 65536);
	return (false);
}

TEST(headers_without_end)
{
	struct call c = { 0 };
	char *log = call_script(&c, answer_headers_for_ever, HTTP_TRANSPORT);

	CHECK_STR(
	    c.response.error, "the server sent more than 64 KiB of headers");
	call_release(&c);
	free(log);
	memset(&c, 0, sizeof(c));
	log = call_script(&c, answer_with_an_endless_header, HTTP_TRANSPORT);
	call_release(&c);
	free(log);
}

static bool
answer_with_a_redirect(int fd, int nth, const char *request)
{
	const char *port = strstr(request, "X-Other-Port: ");

	(void)nth;
	dprintf(fd,
	    "HTTP/1.1 307 There\r\nLocation: http://localhost:%d/\r\n"
	    "Content-Length: 0\r\n\r\n",
	    atoi(port + 14));
	return (true);
}

TEST(redirects_are_not_followed)
{
	struct server other = server_start(answer_well);
	struct call c;
	char port[64], *log;
	char *lines[] = { port, headers[1], NULL };

	snprintf(port, sizeof(port), "X-Other-Port: %d", other.port);
	call_init(&c, 0);
	c.request.headers = lines;
	log = call_script(&c, answer_with_a_redirect, HTTP_DONE);
	CHECK_INT(c.response.status, 307);
	CHECK_INT(count(log, KEY), 1);
	free(log);
	log = server_stop(&other);
	CHECK_STR(log, "");
	free(log);
	call_release(&c);
}

static void
write_header(void *arg, const char *name, const char *value)
{
	struct call *c = arg;

	buf_addf(&c->data, "%s=%s;", name, value);
}

TEST(each_header_is_told)
{
	struct call c;
	char *log;

	call_init(&c, 0);
	c.request.header = write_header;
	log = call_script(&c, answer_well, HTTP_DONE);
	CHECK_STR(c.data.data,
	    "Content-Type=Text/Event-Stream; charset=utf-8;"
	    "Content-Length=18;data: a\n\ndata: b\n\n");
	call_release(&c);
	free(log);
}

TEST(other_methods)
{
	static const char *const methods[] = { "GET", "DELETE" };
	char line[32], *log;
	struct call c;
	size_t i;

	for (i = 0; i < 2; i++) {
		call_init(&c, 0);
		c.request.method = methods[i];
		log = call_script(&c, answer_well, HTTP_DONE);
		snprintf(line, sizeof(line), "%s / HTTP/1.1\r\n", methods[i]);
		CHECK(strstr(log, line) != NULL);
		CHECK(strcasestr(log, "Content-Length") == NULL);
		CHECK_INT(c.data.len, 18);
		call_release(&c);
		free(log);
	}
}

/* What waits for one call makes another one. */
struct nest {
	int port;
	int calls;
};

static bool
call_meanwhile(void *arg, int64_t until_ms,
    int (*poll)(void *, struct pollfd *, unsigned int, int), void *poll_arg)
{
	struct nest *nest = arg;
	struct call c;

	(void)until_ms;
	if (nest->calls++ == 0) {
		call_init(&c, nest->port);
		call_make(&c, HTTP_DONE);
		CHECK_INT(c.data.len, 18);
		call_release(&c);
	} else {
		(void)poll(poll_arg, NULL, 0, 10);
	}
	return (false);
}

TEST(a_call_within_a_wait)
{
	struct server outer = server_start(answer_well);
	struct server inner = server_start(answer_well);
	struct nest nest = { inner.port, 0 };
	struct http_wait wait = { call_meanwhile, &nest };
	struct call c;
	char *log;

	call_init(&c, outer.port);
	http_post(&c.request, &wait, &c.response);
	CHECK_INT(c.response.outcome, HTTP_DONE);
	CHECK_INT(c.data.len, 18);
	call_release(&c);
	free(server_stop(&outer));
	log = server_stop(&inner);
	CHECK_INT(count(log, "POST "), 1);
	free(log);
}
