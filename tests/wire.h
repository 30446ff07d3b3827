/*
 * Wire formats under test: streams as a table, and what is made of each,
 * however it comes in and wherever it is cut.
 */

#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/stream.h"
#include "ipc/mono.h"
#include "ipc/xmalloc.h"
#include "tests/json_text.h"
#include "tests/test.h"

#define WIRE_KEY "sk-canary-1234"

/* JSON is written with ' for ", in bytes and in want. */
struct vector {
	const char *name;
	const char *type; /* of the backend */
	const char *bytes;
	const char *want; /* see wire_describe() */
};

/* An id of our own making has no fixed text. */
static inline const char *
wire_id(const struct tool_call *c)
{
	size_t i;

	if (strncmp(c->id, "call", 4) != 0 || strlen(c->id) != 9)
		return (c->id);
	for (i = 4; i < 9; i++)
		if (!isdigit((unsigned char)c->id[i]) &&
		    !islower((unsigned char)c->id[i]))
			return (c->id);
	return ("*");
}

/* A reply in words; usage comes last, where it can be cut off. */
static inline char *
wire_describe(const struct reply *r)
{
	static const char *const finishes[] = { "none", "stop", "length",
		"tool", "filter", "pause" };
	static const char *const failures[] = { "ok", "transient", "permanent",
		"truncated" };
	const struct usage *u = &r->usage;
	struct buf b = BUF_INITIALIZER;
	size_t i;

	buf_addf(&b, "%s %s", failures[r->failure], finishes[r->finish]);
	if (r->error != NULL)
		buf_addf(&b, " error=%s", r->error);
	if (r->text.len > 0)
		buf_addf(&b, " text=%s", r->text.data);
	if (r->reasoning.len > 0)
		buf_addf(&b, " reasoning=%s", r->reasoning.data);
	for (i = 0; i < r->ncalls; i++)
		buf_addf(&b, " %s:%s(%s)", wire_id(&r->calls[i]),
		    r->calls[i].name, r->calls[i].arguments.data);
	if (u->known)
		buf_addf(&b, " usage=%jd/%jd/%jd/%jd", (intmax_t)u->input,
		    (intmax_t)u->cached, (intmax_t)u->output,
		    (intmax_t)u->reasoning);
	if (u->cache_write > 0)
		buf_addf(&b, "+%jd", (intmax_t)u->cache_write);
	buf_adds(&b, "");
	json_swap(b.data, '"', '\'');
	return (buf_detach(&b));
}

/* From memory of its own, which ends where the bytes do. */
static inline bool
wire_feed(struct stream *s, const char *bytes, size_t len)
{
	char *copy = xcalloc(len, 1);
	bool ok;

	memcpy(copy, bytes, len);
	ok = stream_data(s, copy, len);
	free(copy);
	return (ok);
}

/* Read len bytes in pieces of first and then step bytes. */
static inline void
wire_read(const struct backend *backend, const struct backend_config *config,
    struct reply *r, enum http_outcome outcome, const char *bytes, size_t len,
    size_t first, size_t step)
{
	struct http_response response = { .outcome = outcome,
		.status = 200,
		.any_data = len > 0,
		.error = "reset" };
	struct http_request request = { .idle_ms = MONO_NEVER };
	struct stream s;
	size_t at = 0, n = first;

	reply_init(r);
	stream_init(&s, backend, config, r, &request);
	while (at < len) {
		if (n > len - at)
			n = len - at;
		if (!wire_feed(&s, bytes + at, n))
			break;
		at += n;
		n = step;
	}
	stream_end(&s, &response);
	stream_release(&s);
}

static inline struct backend_config
wire_config(const struct backend *backend, const char *type)
{
	struct backend_config c = { type, backend->wire, "http://h/v1",
		WIRE_KEY, NULL };

	return (c);
}

static inline void
wire_check_read(const struct backend *backend, const struct vector *v,
    size_t first, size_t step)
{
	struct backend_config config = wire_config(backend, v->type);
	char *bytes = json_unquote(v->bytes), *got;
	struct reply r;

	wire_read(
	    backend, &config, &r, HTTP_DONE, bytes, strlen(bytes), first, step);
	got = wire_describe(&r);
	if (!CHECK_STR(got, v->want))
		printf("# \"%s\" in pieces of %zu and %zu\n", v->name, first,
		    step);
	free(got);
	free(bytes);
	reply_release(&r);
}

/* Everything but usage, which a cut may take. */
static inline bool
wire_same(const char *got, const char *want)
{
	size_t n = strlen(got), m = strlen(want);
	const char *usage;

	if ((usage = strstr(got, " usage=")) != NULL)
		n = (size_t)(usage - got);
	if ((usage = strstr(want, " usage=")) != NULL)
		m = (size_t)(usage - want);
	return (n == m && memcmp(got, want, n) == 0);
}

/* A cut is a failure without a call to run, or took nothing that matters. */
static inline void
wire_check_cut(const struct backend *backend, const struct vector *v, size_t at,
    enum http_outcome outcome)
{
	struct backend_config config = wire_config(backend, v->type);
	char *bytes = json_unquote(v->bytes), *got;
	struct reply r;
	bool ok;

	wire_read(backend, &config, &r, outcome, bytes, at, at, 1);
	got = wire_describe(&r);
	if (r.failure != FAILURE_NONE)
		ok =
		    CHECK(r.ncalls == 0 && r.native == NULL && r.error != NULL);
	else
		ok = CHECK(wire_same(got, v->want));
	if (!ok)
		printf("# \"%s\" cut at %zu: %s\n", v->name, at, got);
	free(got);
	free(bytes);
	reply_release(&r);
}

static inline void
wire_check_whole(
    const struct backend *backend, const struct vector *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		wire_check_read(backend, &v[i], SIZE_MAX, 1);
}

static inline void
wire_check_bytes(
    const struct backend *backend, const struct vector *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		wire_check_read(backend, &v[i], 1, 1);
}

static inline void
wire_check_halves(
    const struct backend *backend, const struct vector *v, size_t n)
{
	size_t i, at;

	for (i = 0; i < n; i++)
		for (at = 1; at < strlen(v[i].bytes); at++)
			wire_check_read(backend, &v[i], at, SIZE_MAX);
}

static inline void
wire_check_cuts(const struct backend *backend, const struct vector *v, size_t n)
{
	size_t i, at;

	for (i = 0; i < n; i++) {
		for (at = 0; at < strlen(v[i].bytes); at++) {
			wire_check_cut(backend, &v[i], at, HTTP_DONE);
			wire_check_cut(backend, &v[i], at, HTTP_TRANSPORT);
		}
	}
}

/* What text makes of an empty reply, with a status and a clean end. */
static inline void
wire_answer(const struct backend *backend, const struct backend_config *config,
    struct reply *r, long status, const char *text)
{
	struct http_response response = { .outcome = HTTP_DONE,
		.status = status };
	char *bytes = json_unquote(text);
	struct http_request request = { .idle_ms = MONO_NEVER };
	struct stream s;

	reply_init(r);
	stream_init(&s, backend, config, r, &request);
	if (status == 200)
		stream_data(&s, bytes, strlen(bytes));
	else
		buf_adds(&response.body, bytes);
	stream_end(&s, &response);
	stream_release(&s);
	buf_release(&response.body);
	free(bytes);
}

/* What every request has, as wire_check_headers() wants it. */
#define WIRE_HEADERS "Content-Type: application/json|Accept: text/event-stream|"

/* A request's headers, each with a | behind it. */
static inline void
wire_check_headers(const struct backend *backend,
    const struct backend_config *config, const char *want)
{
	struct buf b = BUF_INITIALIZER;
	char **headers = backend->headers(config), **h;

	for (h = headers; *h != NULL; h++) {
		buf_addf(&b, "%s|", *h);
		free(*h);
	}
	free(headers);
	CHECK_STR(b.data, want);
	buf_release(&b);
}

static inline void
wire_check_url(const struct backend *backend,
    const struct backend_config *config, const char *model, const char *want)
{
	char *url = backend->url(config, model);

	CHECK_STR(url, want);
	free(url);
}

#endif
