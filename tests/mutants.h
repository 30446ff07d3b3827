/*
 * Streams with something odd put in: however an event is read, it comes to
 * the same.  Then the tests of a table of streams, which do that and all that
 * wire.h does.
 */

#ifndef TESTS_MUTANTS_H
#define TESTS_MUTANTS_H

#include "tests/wire.h"

/*
 * Most events are read without building a tree of them, if they are of a
 * shape that this is known to be right for.  Depth and an escape in a name
 * rule that out: the same stream with both in each event has to come to the
 * same reply.
 */
#define MUTANTS_ESCAPE "\"\\u0020\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"

static inline void
mutants_add_escapes(struct buf *out, const char *bytes, size_t len)
{
	const char *p = bytes, *end = bytes + len, *open;

	while ((open = memmem(p, (size_t)(end - p), "data: {", 7)) != NULL) {
		open += 7;
		buf_add(out, p, (size_t)(open - p));
		buf_adds(out, MUTANTS_ESCAPE);
		for (p = open; p < end && *p == ' '; p++)
			continue;
		if (p < end && *p != '}')
			buf_adds(out, ",");
	}
	buf_add(out, p, (size_t)(end - p));
}

/* Ids of our own making differ. */
static inline void
mutants_hide_ids(const struct reply *r, struct buf *text)
{
	const char *id;
	size_t i;
	char *p;

	for (i = 0; i < r->ncalls; i++) {
		id = r->calls[i].id;
		if (strcmp(wire_id(&r->calls[i]), "*") == 0)
			while ((p = strstr(text->data, id)) != NULL)
				memset(p, '*', strlen(id));
	}
}

/* A reply without its error, which may quote the stream. */
static inline char *
mutants_outcome(
    const struct backend *backend, const char *type, const struct buf *bytes)
{
	struct backend_config config = wire_config(backend, type);
	struct buf b = BUF_INITIALIZER;
	struct reply r;
	char *words;

	wire_read(backend, &config, &r, HTTP_DONE, bytes->data, bytes->len,
	    SIZE_MAX, 1);
	free(r.error);
	r.error = NULL;
	words = wire_describe(&r);
	buf_addf(&b, "%s native=%s", words,
	    json_object_to_json_string_ext(r.native, JSON_C_TO_STRING_PLAIN));
	mutants_hide_ids(&r, &b);
	free(words);
	reply_release(&r);
	return (buf_detach(&b));
}

static inline bool
mutants_check_one(
    const struct backend *backend, const char *type, const struct buf *bytes)
{
	struct buf escaped = BUF_INITIALIZER;
	char *got, *want;
	bool ok;

	mutants_add_escapes(&escaped, bytes->data, bytes->len);
	got = mutants_outcome(backend, type, bytes);
	want = mutants_outcome(backend, type, &escaped);
	ok = CHECK_STR(got, want);
	free(got);
	free(want);
	buf_release(&escaped);
	return (ok);
}

static inline uint32_t
mutants_random(uint32_t below)
{
	static uint32_t state = 1;

	state = state * 1664525 + 1013904223;
	return ((state >> 8) % below);
}

/* Put into a stream at any place, some are wrong there and some are not. */
static const char *const mutants_odd[] = { "\"error\":{},", "\"error\":null,",
	"\"usage\":{\"prompt_tokens\":3,\"input_tokens\":4},", "\"index\":1,",
	"\"index\":0,", "\"index\":null,", "\"index\":\"1\",",
	"\"output_index\":1,", "\"content\":\"c\",", "\"content\":null,",
	"\"text\":\"t\",", "\"text\":7,", "\"text\":null,",
	"\"delta\":{\"content\":\"a\",\"reasoning\":\"q\"},",
	"\"d\\u0065lta\":{\"content\":\"a\"},", "\"\\u0065rror\":{},",
	"\"t\\u0065xt\":\"y\",", "\"delta\":\"d\",",
	"\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"},",
	"\"partial_json\":\"{\",", "\"thinking\":\"h\",",
	"\"reasoning\":\"r\",", "\"reasoning_content\":\"s\",",
	"\"refusal\":\"no\",", "\"tool_calls\":[],", "\"message\":{},",
	"\"message\":{\"content\":\"m\"},", "\"x_groq\":{\"usage\":{}},",
	"\"finish_reason\":\"stop\",", "\"finish_reason\":\"\",",
	"\"finishReason\":\"STOP\",", "\"thought\":true,", "\"thought\":false,",
	"\"thoughtSignature\":\"S\",",
	"\"promptFeedback\":{\"blockReason\":\"OTHER\"},",
	"\"usageMetadata\":{\"promptTokenCount\":5},",
	"\"usageMetadata\":{\"promptTokenCount\":-5.0e0},",
	"\"promptTokenCount\":1000000000000000,", "\"parts\":[],",
	"\"type\":\"response.output_text.delta\",",
	"\"tool_calls\":[{\"index\":5,\"function\":{}}],", "\"id\":\"z\",",
	"\"id\":null,", "\"name\":\"n\",", "\"arguments\":\"w\",",
	"\"arguments\":null,", "\"function\":{},",
	"\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"w\"}}],",
	"\"type\":null,", "\"phase\":\"commentary\",",
	"\"item\":{\"id\":\"z\"},", "[", "]", "{", "}", ",", ":", "\"", "\\",
	"\\u00e9", "\\u20ac", "\\u0000", "\\ud83d\\ude00", "\\ud83d", "\\n",
	"\\/", "\\x", "\xc3\xa9", "\xff", "\t", " ", "1", "0", "-", ".5", "e9",
	"null", "tru", "\n\n" };

/* Put something odd in, at any place or where a member may stand. */
static inline void
mutants_mutate(struct buf *b)
{
	const char *odd = mutants_odd[mutants_random(
	    sizeof(mutants_odd) / sizeof(mutants_odd[0]))];
	size_t at = mutants_random((uint32_t)b->len), cut = mutants_random(3);
	struct buf out = BUF_INITIALIZER;

	while (odd[strlen(odd) - 1] == ',' && at > 0 && b->data[at - 1] != '{')
		at--;
	if (odd[strlen(odd) - 1] == ',' || cut > b->len - at)
		cut = 0;
	buf_add(&out, b->data, at);
	buf_adds(&out, odd);
	buf_add(&out, b->data + at + cut, b->len - at - cut);
	buf_release(b);
	*b = out;
}

#define MUTANTS 150

static inline void
mutants_check(const struct backend *backend, const struct vector *v, size_t n)
{
	size_t i, m;

	for (i = 0; i < n; i++) {
		for (m = 0; m < MUTANTS; m++) {
			struct buf bytes = BUF_INITIALIZER;
			char *text = json_unquote(v[i].bytes);

			buf_adds(&bytes, text);
			while (m > 0 && bytes.len > 0 && mutants_random(3) > 0)
				mutants_mutate(&bytes);
			if (!mutants_check_one(backend, v[i].type, &bytes))
				test_print(v[i].name, bytes.data, bytes.len);
			free(text);
			buf_release(&bytes);
		}
	}
}

#define VECTOR_TEST(id, check, backend, table)                               \
	TEST(id)                                                             \
	{                                                                    \
		check((backend), (table), sizeof(table) / sizeof(*(table))); \
	}

/* The tests of every wire format: its table is read in every way. */
#define VECTOR_TESTS(backend, table)                                          \
	VECTOR_TEST(whole, wire_check_whole, backend, table)                  \
	VECTOR_TEST(byte_by_byte, wire_check_bytes, backend, table)           \
	VECTOR_TEST(in_two_at_every_place, wire_check_halves, backend, table) \
	VECTOR_TEST(cut_at_every_place, wire_check_cuts, backend, table)      \
	VECTOR_TEST(mutants, mutants_check, backend, table)

#endif
