/*
 * Streams as a table: what a wire format makes of each, however it comes in
 * and wherever it is cut.
 */

#ifndef TESTS_UNIT_WIRE_H
#define TESTS_UNIT_WIRE_H

#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/stream.h"
#include "ipc/mono.h"
#include "ipc/xmalloc.h"
#include "tests/test.h"

#define WIRE_KEY "sk-canary-1234"

/* JSON is written with ' for ", in bytes and in want. */
struct vector {
	const char *name;
	const char *type; /* of the backend */
	const char *bytes;
	const char *want; /* see describe() */
};

static inline void
swap_quotes(char *s, char from, char to)
{
	for (; *s != '\0'; s++)
		if (*s == from)
			*s = to;
}

static inline char *
unquote(const char *text)
{
	char *s = xstrdup(text);

	swap_quotes(s, '\'', '"');
	return (s);
}

static inline struct json_object *
parse(const char *text)
{
	char *json = unquote(text);
	struct json_object *o = json_tokener_parse(json);

	CHECK(o != NULL);
	free(json);
	return (o);
}

/* Takes the object. */
static inline void
check_json(struct json_object *o, const char *want)
{
	char *got = xstrdup(json_object_to_json_string_ext(
	    o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));

	swap_quotes(got, '"', '\'');
	CHECK_STR(got, want);
	free(got);
	json_object_put(o);
}

/* A reply in words; usage comes last, where it can be cut off. */
static inline char *
describe(const struct reply *r)
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
		buf_addf(&b, " %s:%s(%s)", r->calls[i].id, r->calls[i].name,
		    r->calls[i].arguments.data);
	if (u->known)
		buf_addf(&b, " usage=%jd/%jd/%jd/%jd", (intmax_t)u->input,
		    (intmax_t)u->cached, (intmax_t)u->output,
		    (intmax_t)u->reasoning);
	if (u->cache_write > 0)
		buf_addf(&b, "+%jd", (intmax_t)u->cache_write);
	buf_adds(&b, "");
	swap_quotes(b.data, '"', '\'');
	return (buf_detach(&b));
}

/* From memory of its own, which ends where the bytes do. */
static inline bool
feed(struct stream *s, const char *bytes, size_t len)
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
read_stream(const struct backend *backend, const struct backend_config *config,
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
		if (!feed(&s, bytes + at, n))
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
check_read(const struct backend *backend, const struct vector *v, size_t first,
    size_t step)
{
	struct backend_config config = wire_config(backend, v->type);
	char *bytes = unquote(v->bytes), *got;
	struct reply r;

	read_stream(
	    backend, &config, &r, HTTP_DONE, bytes, strlen(bytes), first, step);
	got = describe(&r);
	if (!CHECK_STR(got, v->want))
		printf("# \"%s\" in pieces of %zu and %zu\n", v->name, first,
		    step);
	free(got);
	free(bytes);
	reply_release(&r);
}

/* Everything but usage, which a cut may take. */
static inline bool
says_the_same(const char *got, const char *want)
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
check_cut(const struct backend *backend, const struct vector *v, size_t at,
    enum http_outcome outcome)
{
	struct backend_config config = wire_config(backend, v->type);
	char *bytes = unquote(v->bytes), *got;
	struct reply r;
	bool ok;

	read_stream(backend, &config, &r, outcome, bytes, at, at, 1);
	got = describe(&r);
	if (r.failure != FAILURE_NONE)
		ok =
		    CHECK(r.ncalls == 0 && r.native == NULL && r.error != NULL);
	else
		ok = CHECK(says_the_same(got, v->want));
	if (!ok)
		printf("# \"%s\" cut at %zu: %s\n", v->name, at, got);
	free(got);
	free(bytes);
	reply_release(&r);
}

static inline void
check_vectors_whole(
    const struct backend *backend, const struct vector *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		check_read(backend, &v[i], SIZE_MAX, 1);
}

static inline void
check_vectors_byte_by_byte(
    const struct backend *backend, const struct vector *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		check_read(backend, &v[i], 1, 1);
}

static inline void
check_vectors_in_two(
    const struct backend *backend, const struct vector *v, size_t n)
{
	size_t i, at;

	for (i = 0; i < n; i++)
		for (at = 1; at < strlen(v[i].bytes); at++)
			check_read(backend, &v[i], at, SIZE_MAX);
}

static inline void
check_vectors_cut(
    const struct backend *backend, const struct vector *v, size_t n)
{
	size_t i, at;

	for (i = 0; i < n; i++) {
		for (at = 0; at < strlen(v[i].bytes); at++) {
			check_cut(backend, &v[i], at, HTTP_DONE);
			check_cut(backend, &v[i], at, HTTP_TRANSPORT);
		}
	}
}

/* What text makes of an empty reply, with a status and a clean end. */
static inline void
read_reply(const struct backend *backend, const struct backend_config *config,
    struct reply *r, long status, const char *text)
{
	struct http_response response = { .outcome = HTTP_DONE,
		.status = status };
	char *bytes = unquote(text);
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

#endif
