/* supervisor/nest/wire: what runs and nested runs say to each other. */

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "ipc/xmalloc.h"
#include "supervisor/nest/wire.h"
#include "tests/test.h"

/* Encode and decode; the line's text stays in `line`. */
static bool
there_and_back(const struct wire *w, struct wire *out, struct buf *line)
{
	char err[120] = "";

	line->len = 0;
	if (!CHECK(wire_encode(w, line)))
		return (false);
	CHECK(line->len < PIPE_BUF);
	CHECK_INT(line->data[0], '\n');
	CHECK_INT(line->data[line->len - 1], '\n');
	CHECK(memchr(line->data + 1, '\n', line->len - 2) == NULL);
	CHECK_INT(
	    wire_decode(out, line->data + 1, line->len - 2, err, sizeof(err)),
	    0);
	CHECK_STR(err, "");
	return (out->root != NULL);
}

TEST(each_type_there_and_back)
{
	const struct wire w = { .name = "n",
		.token = "t",
		.session_id = "s",
		.log_dir = "/d\n\"\\",
		.question = "q\xc3\xa9",
		.text = "why",
		.parent = "p",
		.timeout_ms = INT64_MAX,
		.max_cost_usd = 0.1,
		.depth = 3,
		.left_ms = 5,
		.budget_usd = 1e-9,
		.percent = 7,
		.exit_code = -1,
		.input_tokens = 11,
		.reasoning_tokens = 13,
		.calls = 17,
		.cost = 0.30000000000000004 };
	struct buf line = BUF_INITIALIZER;
	struct wire one, back;
	int i;

	for (i = 0; i < WIRE_TYPES; i++) {
		one = w;
		one.type = (enum wire_type)i;
		if (!there_and_back(&one, &back, &line))
			continue;
		CHECK_INT(back.type, i);
		wire_release(&back);
	}
	one.type = WIRE_END;
	if (there_and_back(&one, &back, &line)) {
		CHECK_STR(back.token, "t");
		CHECK(back.cost == w.cost); /* to the last digit */
		CHECK_INT(back.input_tokens, 11);
		CHECK_INT(back.exit_code, -1);
		wire_release(&back);
	}
	one.type = WIRE_OPEN;
	if (there_and_back(&one, &back, &line)) {
		CHECK_STR(back.log_dir, w.log_dir);
		CHECK_STR(back.question, w.question);
		CHECK_INT(back.timeout_ms, INT64_MAX);
		wire_release(&back);
	}
	buf_release(&line);
}

TEST(what_would_not_arrive_whole_is_not_said)
{
	struct buf line = BUF_INITIALIZER;
	char text[PIPE_BUF];
	struct wire w = { .type = WIRE_REFUSE, .text = text };

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	CHECK(!wire_encode(&w, &line));
	CHECK_INT(line.len, 0);
	text[PIPE_BUF - 100] = '\0';
	CHECK(wire_encode(&w, &line));
	buf_release(&line);
}

TEST(what_is_not_understood)
{
	static const char *const lines[] = { "", " ", "{", "{}", "[]", "1",
		"null", "\"grant\"", "{\"type\":1}", "{\"type\":\"nothing\"}",
		"{\"type\":\"grant\"}", "{\"type\":\"refuse\"}",
		"{\"type\":\"refuse\",\"text\":1}",
		"{\"type\":\"refuse\",\"text\":\"x\"} x",
		"{\"type\":\"refuse\",\"text\":\"\xff\"}",
		"{\"type\":\"refuse\",\"text\":[[[[[[[[1]]]]]]]]}",
		"{\"type\":\"end\",\"token\":\"t\",\"exit_code\":1e99,"
		"\"input_tokens\":0,\"cached_input_tokens\":0,"
		"\"output_tokens\":0,\"reasoning_tokens\":0,\"calls\":0,"
		"\"unpriced_calls\":0,\"cost\":0}",
		"{\"type\":\"end\",\"token\":\"t\",\"exit_code\":0,"
		"\"input_tokens\":0,\"cached_input_tokens\":0,"
		"\"output_tokens\":0,\"reasoning_tokens\":0,\"calls\":0,"
		"\"unpriced_calls\":0,\"cost\":1e999}" };
	struct wire w;
	char err[120];
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		*err = '\0';
		if (!CHECK_INT(wire_decode(&w, lines[i], strlen(lines[i]), err,
				   sizeof(err)),
			-1))
			printf("# %s\n", lines[i]);
		CHECK(*err != '\0');
		CHECK(w.root == NULL);
	}
}

/* Bytes of any kind, and good lines with some of them changed. */
TEST(noise_is_no_harm)
{
	struct buf line = BUF_INITIALIZER;
	const struct wire w = { .type = WIRE_STATE, .token = "abc", .cost = 1 };
	unsigned seed = 1;
	struct wire back;
	char err[120], *copy;
	size_t len;
	int i, k, good = 0;

	CHECK(wire_encode(&w, &line));
	len = line.len - 2;
	for (i = 0; i < 20000; i++) {
		copy = xcalloc(1, len);
		memcpy(copy, line.data + 1, len);
		for (k = 0; k < 1 + i % 4; k++) {
			seed = seed * 1664525u + 1013904223u;
			copy[(seed >> 8) % len] = (char)(seed >> 24);
		}
		if (wire_decode(&back, copy, len, err, sizeof(err)) == 0) {
			CHECK(isfinite(back.cost));
			wire_release(&back);
			good++;
		}
		free(copy);
	}
	CHECK(good > 0 && good < 20000);
	buf_release(&line);
}

TEST(names_do_not_repeat)
{
	char one[WIRE_RANDOM_LEN + 1], two[WIRE_RANDOM_LEN + 1];

	wire_random(one);
	wire_random(two);
	CHECK_INT(strlen(one), WIRE_RANDOM_LEN);
	CHECK_INT(strspn(one, "0123456789abcdef"), WIRE_RANDOM_LEN);
	CHECK(strcmp(one, two) != 0);
}
