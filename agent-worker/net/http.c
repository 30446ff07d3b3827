/* One request at a time, streamed, through a libcurl that is loaded late. */

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "agent-worker/net/head.h"
#include "agent-worker/net/http.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

#define LIBCURL "libcurl.so.4"

/* The most of one header line that is looked at. */
#define HEADER_LINE_MAX 8192

/* curl_multi_poll(3) knows no endless wait. */
#define POLL_MAX_MS (60 * 1000)

#define CURL_FUNCTIONS(X)      \
	X(global_init)         \
	X(global_cleanup)      \
	X(easy_init)           \
	X(easy_setopt)         \
	X(easy_getinfo)        \
	X(easy_strerror)       \
	X(easy_cleanup)        \
	X(slist_append)        \
	X(slist_free_all)      \
	X(multi_init)          \
	X(multi_add_handle)    \
	X(multi_remove_handle) \
	X(multi_perform)       \
	X(multi_poll)          \
	X(multi_info_read)     \
	X(multi_strerror)      \
	X(multi_cleanup)

/* The library, loaded and started when multi is set. */
static struct {
#define MEMBER(name) __typeof__(curl_##name) *name;
	CURL_FUNCTIONS(MEMBER)
#undef MEMBER
	CURLM *multi;
} curl;

/* Why a callback ended the transfer. */
enum stop {
	STOP_NONE,
	STOP_DATA,    /* data() wants no more */
	STOP_ENOUGH,  /* of an error's body */
	STOP_HEADERS, /* too many of them */
	STOP_STREAM,  /* too long */
};

struct call {
	const struct http_request *request;
	struct http_response *response;
	CURL *easy;
	struct curl_slist *headers;
	struct ratelimit limits;
	int64_t ready_at; /* the connection was; MONO_NEVER: not yet */
	int64_t heard_at; /* the last byte of the body; MONO_NEVER: none */
	size_t header_bytes;
	bool headers_end; /* seen */
	size_t body_bytes;
	enum stop stop;
	bool finished; /* with this: */
	CURLcode rc;
	char error[CURL_ERROR_SIZE];
};

const char *
http_host(const char *url, size_t *len)
{
	const char *host = strstr(url, "://"), *at;
	size_t n;

	host = host == NULL ? url : host + 3;
	n = strcspn(host, "/?#");
	if ((at = memrchr(host, '@', n)) != NULL) {
		n -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	*len = n;
	return (host);
}

/*
 * Values of headers, keys above all, stay out of what people read.  Short
 * ones are no secrets, and stand in much that has nothing to do with them.
 */
static void
strike_headers(char *text, char *const *headers)
{
	const char *value;
	size_t len;
	char *hit;

	for (; *headers != NULL; headers++) {
		if ((value = strchr(*headers, ':')) == NULL)
			continue;
		value += strspn(value, ": ");
		if (strncasecmp(value, "Bearer ", 7) == 0)
			value += 7;
		if ((len = strlen(value)) < HTTP_SECRET_MIN)
			continue;
		for (hit = text; (hit = strstr(hit, value)) != NULL; hit += len)
			memset(hit, '*', len);
	}
}

/* Settle the outcome; the first one stays. */
static void __attribute__((format(printf, 3, 4)))
settle(struct call *c, enum http_outcome outcome, const char *fmt, ...)
{
	struct http_response *r = c->response;
	char text[sizeof(r->error)];
	va_list ap;
	char *line;

	r->outcome = outcome;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	strike_headers(text, c->request->headers);
	line = utf8_line(text, sizeof(r->error) - sizeof("..."));
	strlcpy(r->error, line, sizeof(r->error));
	free(line);
}

static bool
load_functions(void *library, char *err, size_t errlen)
{
	static const struct {
		const char *name;
		size_t off;
	} functions[] = {
#define ROW(name) { "curl_" #name, offsetof(__typeof__(curl), name) },
		CURL_FUNCTIONS(ROW)
#undef ROW
	};
	size_t i;
	void *f;

	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if ((f = dlsym(library, functions[i].name)) == NULL) {
			snprintf(err, errlen, "%s lacks %s", LIBCURL,
			    functions[i].name);
			return (false);
		}
		memcpy((char *)&curl + functions[i].off, &f, sizeof(f));
	}
	return (true);
}

/*
 * Lazily: of its libraries' functions few are ever called.  GnuTLS, which
 * comes with libldap, sets itself up unless told otherwise; where libcurl
 * itself uses it, it does that.  gnutls_global_init(3).
 */
static void *
load_library(void)
{
	static const char variable[] = "GNUTLS_NO_IMPLICIT_INIT";
	void *library;

	(void)setenv(variable, "1", 1);
	library = dlopen(LIBCURL, RTLD_LAZY | RTLD_LOCAL);
	(void)unsetenv(variable);
	return (library);
}

/* Once in a worker's life: what was loaded stays. */
static bool
load(char *err, size_t errlen)
{
	void *library;

	if (curl.multi != NULL)
		return (true);
	library = load_library();
	if (library == NULL) {
		snprintf(err, errlen, "cannot load libcurl: %s", dlerror());
		return (false);
	}
	if (!load_functions(library, err, errlen))
		return (false);
	if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (curl.multi = curl.multi_init()) == NULL) {
		snprintf(err, errlen, "cannot start libcurl");
		return (false);
	}
	return (true);
}

void
http_shutdown(void)
{
	if (curl.multi == NULL)
		return;
	curl.multi_cleanup(curl.multi);
	curl.multi = NULL;
	curl.global_cleanup();
}

static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	struct call *c = arg;
	char line[HEADER_LINE_MAX], *value;
	size_t len = size * n;

	c->header_bytes += len;
	if (c->header_bytes > HTTP_HEADERS_MAX) {
		c->stop = STOP_HEADERS;
		return (0);
	}
	/* What follows the body cannot change how it was read. */
	if (c->body_bytes > 0)
		return (len);
	snprintf(line, sizeof(line), "%.*s", (int)len, data);
	line[strcspn(line, "\r\n")] = '\0';
	if (strncmp(line, "HTTP/", 5) == 0) {
		head_begin(c->response, &c->limits, line);
	} else if ((value = strchr(line, ':')) != NULL) {
		*value++ = '\0';
		value += strspn(value, " \t");
		head_take(c->response, &c->limits, line, value);
		if (c->request->header != NULL)
			c->request->header(c->request->arg, line, value);
	} else if (*line == '\0') {
		c->headers_end = c->response->status >= 200;
	}
	return (len);
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct call *c = arg;
	struct http_response *r = c->response;
	size_t len = size * n, room;

	c->heard_at = mono_ms();
	c->body_bytes += len;
	if (r->status < 200 || r->status > 299) {
		room = HTTP_ERROR_BODY_MAX - r->body.len;
		buf_add(&r->body, data, len < room ? len : room);
		if (len > room)
			c->stop = STOP_ENOUGH;
	} else if (c->body_bytes > HTTP_STREAM_MAX) {
		c->stop = STOP_STREAM;
	} else {
		r->any_data = true;
		if (!c->request->data(c->request->arg, data, len))
			c->stop = STOP_DATA;
	}
	return (c->stop == STOP_NONE ? len : 0);
}

static int
on_ready(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	struct call *c = arg;

	(void)peer;
	(void)local;
	(void)peer_port;
	(void)local_port;
	c->ready_at = mono_ms();
	return (CURL_PREREQFUNC_OK);
}

#define SET(c, option, value)                                            \
	do {                                                             \
		if (rc == CURLE_OK)                                      \
			rc = curl.easy_setopt((c)->easy, option, value); \
	} while (0)

static CURLcode
set_request(struct call *c)
{
	CURLcode rc = CURLE_OK;

	SET(c, CURLOPT_URL, c->request->url);
	SET(c, CURLOPT_HTTPHEADER, c->headers);
	if (c->request->method != NULL) {
		SET(c, CURLOPT_CUSTOMREQUEST, c->request->method);
	} else {
		SET(c, CURLOPT_POST, 1L);
		SET(c, CURLOPT_POSTFIELDS, c->request->body);
		SET(c, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)c->request->len);
	}
	SET(c, CURLOPT_CONNECTTIMEOUT_MS, (long)c->request->connect_ms);
	SET(c, CURLOPT_HEADERFUNCTION, on_header);
	SET(c, CURLOPT_HEADERDATA, c);
	SET(c, CURLOPT_WRITEFUNCTION, on_body);
	SET(c, CURLOPT_WRITEDATA, c);
	SET(c, CURLOPT_PREREQFUNCTION, on_ready);
	SET(c, CURLOPT_PREREQDATA, c);
	SET(c, CURLOPT_ERRORBUFFER, c->error);
	SET(c, CURLOPT_PRIVATE, c);
	return (rc);
}

static CURLcode
set_policy(struct call *c)
{
	const char *certificates = getenv("SSL_CERT_FILE");
	CURLcode rc = CURLE_OK;

	SET(c, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(c, CURLOPT_FOLLOWLOCATION, 0L);
	SET(c, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(c, CURLOPT_SSL_VERIFYHOST, 2L);
	if (certificates != NULL && *certificates != '\0')
		SET(c, CURLOPT_CAINFO, certificates);
	SET(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(c, CURLOPT_ACCEPT_ENCODING, "");
	SET(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(c, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(c, CURLOPT_NOSIGNAL, 1L);
	/* A name server that is silent must not hold up a cancel. */
	SET(c, CURLOPT_QUICK_EXIT, 1L);
	return (rc);
}

/* An empty Expect: or libcurl waits a second for leave to send the body. */
static bool
prepare(struct call *c)
{
	char *const *h;
	CURLcode rc;

	if ((c->easy = curl.easy_init()) == NULL)
		fatalx("no memory for a transfer");
	c->headers = curl.slist_append(NULL, "Expect:");
	for (h = c->request->headers; *h != NULL; h++)
		c->headers = curl.slist_append(c->headers, *h);
	rc = set_policy(c);
	if (rc == CURLE_OK)
		rc = set_request(c);
	if (rc != CURLE_OK) {
		c->response->permanent = true;
		settle(c, HTTP_TRANSPORT, "this libcurl is too old: %s",
		    curl.easy_strerror(rc));
		return (false);
	}
	curl.multi_add_handle(curl.multi, c->easy);
	return (true);
}

/* Errors that no time will mend. */
static bool
is_permanent(const struct call *c, CURLcode rc)
{
	if (rc == CURLE_PEER_FAILED_VERIFICATION ||
	    rc == CURLE_SSL_CACERT_BADFILE)
		return (true);
	return (c->ready_at == MONO_NEVER &&
	    (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL));
}

static void
settle_error(struct call *c, CURLcode rc)
{
	const char *host, *words = c->error;
	size_t len;

	host = http_host(c->request->url, &len);
	if (*words == '\0')
		words = curl.easy_strerror(rc);
	if (rc == CURLE_OPERATION_TIMEDOUT) {
		settle(c, HTTP_TIMEOUT, "no connection to %.*s within %g s",
		    (int)len, host, (double)c->request->connect_ms / 1000);
		return;
	}
	c->response->permanent = is_permanent(c, rc);
	settle(c, HTTP_TRANSPORT, "%.*s: %s", (int)len, host, words);
}

static void
settle_end(struct call *c, CURLcode rc)
{
	switch (c->stop) {
	case STOP_NONE:
		if (rc == CURLE_OK && !c->headers_end)
			rc = CURLE_PARTIAL_FILE;
		if (rc != CURLE_OK)
			settle_error(c, rc);
		return;
	case STOP_ENOUGH:
		return;
	case STOP_DATA:
		settle(c, HTTP_ABORTED, "aborted");
		return;
	case STOP_HEADERS:
		settle(c, HTTP_TRANSPORT,
		    "the server sent more than %zu KiB of headers",
		    HTTP_HEADERS_MAX >> 10);
		return;
	case STOP_STREAM:
		settle(c, HTTP_TRANSPORT, "the server sent more than %zu MiB",
		    HTTP_STREAM_MAX >> 20);
		return;
	}
}

/* When the call is over its limits; the connection's is libcurl's. */
static int64_t
limit_at(const struct call *c)
{
	const struct http_request *q = c->request;
	int64_t at = MONO_NEVER;

	if (c->heard_at != MONO_NEVER)
		at = mono_add(c->heard_at, q->idle_ms);
	else if (c->ready_at != MONO_NEVER)
		at = mono_add(c->ready_at, q->first_byte_ms);
	return (mono_min(at, q->deadline_ms));
}

static void
settle_late(struct call *c)
{
	const struct http_request *q = c->request;
	const char *host;
	size_t len;

	host = http_host(q->url, &len);
	if (mono_ms() >= q->deadline_ms)
		settle(c, HTTP_TIMEOUT, "the time for the call to %.*s is over",
		    (int)len, host);
	else if (c->heard_at != MONO_NEVER)
		settle(c, HTTP_TIMEOUT, "%.*s sent nothing more for %g s",
		    (int)len, host, (double)q->idle_ms / 1000);
	else
		settle(c, HTTP_TIMEOUT, "%.*s did not answer within %g s",
		    (int)len, host, (double)q->first_byte_ms / 1000);
}

/*
 * libcurl does not tell a hang-up on the caller's descriptors, so they are
 * asked once more.
 */
static int
poll_all(void *arg, struct pollfd *fds, unsigned int n, int timeout_ms)
{
	struct curl_waitfd extra[HTTP_WAIT_FDS];
	unsigned int i;

	(void)arg;
	if (n > HTTP_WAIT_FDS)
		fatalx("too many descriptors to wait for");
	for (i = 0; i < n; i++) {
		extra[i].fd = fds[i].fd;
		extra[i].events = (short)(((fds[i].events & POLLIN) != 0
						  ? CURL_WAIT_POLLIN
						  : 0) |
		    ((fds[i].events & POLLOUT) != 0 ? CURL_WAIT_POLLOUT : 0));
		extra[i].revents = 0;
	}
	if (timeout_ms < 0 || timeout_ms > POLL_MAX_MS)
		timeout_ms = POLL_MAX_MS;
	curl.multi_poll(curl.multi, extra, n, timeout_ms, NULL);
	return (poll(fds, n, 0));
}

static bool
wait_until(const struct http_wait *wait, int64_t until)
{
	int64_t left;

	if (wait != NULL)
		return (wait->wait(wait->arg, until, poll_all, NULL));
	left = until - mono_ms();
	if (left > 0)
		poll_all(NULL, NULL, 0,
		    left > POLL_MAX_MS ? POLL_MAX_MS : (int)left);
	return (false);
}

/* Whoever waits for one call may make another meanwhile. */
static void
note_finished(void)
{
	struct call *c;
	CURLMsg *m;
	int left;

	while ((m = curl.multi_info_read(curl.multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE ||
		    curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c) !=
			CURLE_OK)
			continue;
		c->finished = true;
		c->rc = m->data.result;
	}
}

static void
run(struct call *c, const struct http_wait *wait)
{
	CURLMcode mc;
	int running;

	for (;;) {
		mc = curl.multi_perform(curl.multi, &running);
		if (mc != CURLM_OK) {
			settle(c, HTTP_TRANSPORT, "libcurl: %s",
			    curl.multi_strerror(mc));
			return;
		}
		note_finished();
		if (c->finished) {
			settle_end(c, c->rc);
			return;
		}
		if (mono_ms() >= limit_at(c)) {
			settle_late(c);
			return;
		}
		if (wait_until(wait, limit_at(c))) {
			settle(c, HTTP_ABORTED, "aborted");
			return;
		}
	}
}

void
http_post(const struct http_request *request, const struct http_wait *wait,
    struct http_response *response)
{
	struct call c = { .request = request,
		.response = response,
		.ready_at = MONO_NEVER,
		.heard_at = MONO_NEVER };
	char err[128];

	memset(response, 0, sizeof(*response));
	response->outcome = HTTP_DONE;
	response->retry_after_ms = -1;
	response->limit_ms = -1;
	response->should_retry = -1;
	buf_init(&response->body, HTTP_ERROR_BODY_MAX);
	if (!load(err, sizeof(err))) {
		response->permanent = true;
		settle(&c, HTTP_TRANSPORT, "%s", err);
		return;
	}
	if (prepare(&c)) {
		run(&c, wait);
		curl.multi_remove_handle(curl.multi, c.easy);
	}
	curl.easy_cleanup(c.easy);
	curl.slist_free_all(c.headers);
}

void
http_response_release(struct http_response *response)
{
	free(response->content_type);
	response->content_type = NULL;
	buf_release(&response->body);
}
