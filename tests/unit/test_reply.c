/* backend: how much of a reply is kept, whatever the wire format. */

#include <string.h>

#include "agent-worker/backend/stream.h"
#include "ipc/mono.h"
#include "tests/test.h"

#define DELTA_LEN ((size_t)8192)

#define CHAT(key)                                                     \
	"data: {\"choices\":[{\"index\":0,\"delta\":{\"" key "\":\"", \
	    "\"}}]}\n\n"
#define RESPONSES(type)                                             \
	"data: {\"type\":\"response." type "\",\"output_index\":0," \
	"\"delta\":\"",                                             \
	    "\"}\n\n"
#define CLAUDE(type, key)                                                 \
	"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{" \
	"\"type\":\"" type "\",\"" key "\":\"",                           \
	    "\"}}\n\n"
#define CLAUDE_BLOCK(block)                                    \
	"data: {\"type\":\"content_block_start\",\"index\":0," \
	"\"content_block\":{" block "}}\n\n"
#define GEMINI(more)                                                          \
	"data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[" \
	"{\"text\":\"",                                                       \
	    "\"" more "}]},\"index\":0}]}\n\n"

/* What a stream brings again and again, and whether all of it is kept. */
static const struct {
	const char *wire, *type, *head, *before, *after;
	bool kept;
} forms[] = {
	{ "chatcompletion", "openai", "", CHAT("content"), true },
	{ "chatcompletion", "openai", "", CHAT("reasoning"), false },
	{ "chatcompletion", "deepseek", "", CHAT("reasoning_content"), true },
	{ "chatcompletion", "openai", "",
	    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{"
	    "\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\","
	    "\"arguments\":\"",
	    "\"}}]}}]}\n\n", true },
	{ "responses", "openai", "", RESPONSES("output_text.delta"), true },
	{ "responses", "openai", "", RESPONSES("reasoning_summary_text.delta"),
	    false },
	{ "claude", "claude", CLAUDE_BLOCK("\"type\":\"text\",\"text\":\"\""),
	    CLAUDE("text_delta", "text"), true },
	{ "claude", "claude",
	    CLAUDE_BLOCK("\"type\":\"thinking\",\"thinking\":\"\""),
	    CLAUDE("thinking_delta", "thinking"), true },
	{ "claude", "claude",
	    CLAUDE_BLOCK("\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\""),
	    CLAUDE("input_json_delta", "partial_json"), true },
	{ "gemini", "gemini", "", GEMINI(""), true },
	{ "gemini", "gemini", "", GEMINI(",\"thought\":true"), true },
};

/* Feed twice as much as may be kept; returns how many bytes were wanted. */
static size_t
feed(size_t form, struct stream *s, struct reply *r, bool replays)
{
	static char delta[DELTA_LEN + 1];
	struct buf b = BUF_INITIALIZER;
	size_t total = 0;

	memset(delta, 'x', DELTA_LEN);
	buf_adds(&b, forms[form].head);
	for (; total < 2 * REPLY_MAX; total += DELTA_LEN) {
		buf_addf(
		    &b, "%s%s%s", forms[form].before, delta, forms[form].after);
		if (!stream_data(s, b.data, b.len))
			break;
		r->reasoning_sent = r->reasoning.len;
		if (!replays)
			reply_forget_reasoning(r);
		b.len = 0;
	}
	buf_release(&b);
	return (total);
}

static void
check_form(size_t form)
{
	const struct backend *backend = backend_find(forms[form].wire);
	struct backend_config config = { .type = forms[form].type,
		.wire = forms[form].wire,
		.base_url = "" };
	struct http_request request = { .idle_ms = MONO_NEVER };
	struct http_response response = { .outcome = HTTP_ABORTED };
	bool replays = backend->replays_reasoning != NULL &&
	    backend->replays_reasoning(&config);
	struct stream s;
	struct reply r;
	size_t total;

	reply_init(&r);
	stream_init(&s, backend, &config, &r, &request);
	total = feed(form, &s, &r, replays);
	if (forms[form].kept) {
		CHECK_INT(r.failure, FAILURE_PERMANENT);
		CHECK_STR(r.error, "the model's reply is longer than 2 MiB");
		CHECK(total >= REPLY_MAX - 2 * DELTA_LEN && total <= REPLY_MAX);
		stream_end(&s, &response);
		CHECK_INT(r.ncalls, 0);
		CHECK(r.native == NULL);
	} else {
		CHECK_INT(r.failure, FAILURE_NONE);
		CHECK_INT(total, 2 * REPLY_MAX);
		CHECK(r.reasoning.len > 0 && r.reasoning.len < DELTA_LEN);
	}
	stream_release(&s);
	reply_release(&r);
}

TEST(what_is_kept_is_bounded)
{
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		check_form(i);
		if (test_failed) {
			printf("# form %zu: %s\n", i, forms[i].wire);
			return;
		}
	}
}

TEST(reasoning_is_forgotten_but_for_its_end)
{
	struct reply r;

	reply_init(&r);
	reply_forget_reasoning(&r);
	CHECK_INT(r.reasoning.len, 0);
	buf_adds(&r.reasoning, "a\n");
	r.reasoning_sent = 2;
	reply_forget_reasoning(&r);
	CHECK_STR(r.reasoning.data, "a\n");
	buf_adds(&r.reasoning, "\nbcd");
	r.reasoning_sent = 4;
	reply_forget_reasoning(&r);
	CHECK_STR(r.reasoning.data, "\nbcd");
	CHECK_INT(r.reasoning.len, 4);
	CHECK_STR(r.reasoning.data + r.reasoning_sent, "cd");
	reply_release(&r);
}
