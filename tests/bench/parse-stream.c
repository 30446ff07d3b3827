/*
 * How fast a wire format is read: a stream in the form in which its API was
 * recorded, one small delta of text after the other, goes through the
 * worker's stream and backend in the pieces in which HTTP hands it over.
 * Prints MB a second of CPU time, best of some rounds, and what it was.
 */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent-worker/backend/stream.h"
#include "ipc/mono.h"

#define STREAM_BYTES ((size_t)16 * 1000 * 1000)
#define PIECE_BYTES  ((size_t)16 * 1024)
#define ROUNDS       5

/* What begins a stream, what stands around each delta, what ends it. */
static const struct form {
	const char *name; /* in figures */
	const char *wire;
	const char *head;
	const char *before;
	const char *after;
	const char *tail;
	int words; /* in a delta: Gemini sends more at once than others */
} forms[] = {
	{ "chatcompletion text", "chatcompletion",
	    "data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\","
	    "\"object\":\"chat.completion.chunk\",\"created\":1741569952,"
	    "\"model\":\"gpt-4.1-2025-04-14\",\"choices\":[{\"index\":0,"
	    "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
	    "\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n",
	    "data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\","
	    "\"object\":\"chat.completion.chunk\",\"created\":1741569952,"
	    "\"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\","
	    "\"system_fingerprint\":\"fp_b3f1157249\",\"choices\":[{"
	    "\"index\":0,\"delta\":{\"content\":\"",
	    "\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,"
	    "\"obfuscation\":\"k3Jd8sL\"}\n\n",
	    "data: {\"choices\":[{\"index\":0,\"delta\":{},"
	    "\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
	    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,"
	    "\"completion_tokens\":12,\"total_tokens\":21}}\n\n"
	    "data: [DONE]\n\n",
	    1 },
	{ "responses text", "responses",
	    "event: response.output_item.added\n"
	    "data: {\"type\":\"response.output_item.added\","
	    "\"sequence_number\":2,\"output_index\":0,\"item\":{\"id\":"
	    "\"msg_67c9fdcf37fc8190ba82116e33fb28c5\",\"type\":\"message\","
	    "\"status\":\"in_progress\",\"content\":[],\"role\":"
	    "\"assistant\"}}\n\n",
	    "event: response.output_text.delta\n"
	    "data: {\"type\":\"response.output_text.delta\","
	    "\"sequence_number\":40,\"item_id\":"
	    "\"msg_67c9fdcf37fc8190ba82116e33fb28c5\",\"output_index\":0,"
	    "\"content_index\":0,\"delta\":\"",
	    "\",\"logprobs\":[],\"obfuscation\":\"k3Jd8sL\"}\n\n",
	    "event: response.completed\n"
	    "data: {\"type\":\"response.completed\",\"sequence_number\":41,"
	    "\"response\":{\"status\":\"completed\",\"output\":[],\"usage\":{"
	    "\"input_tokens\":9,\"output_tokens\":12,\"total_tokens\":21}}}"
	    "\n\n",
	    1 },
	{ "claude text", "claude",
	    "event: message_start\n"
	    "data: {\"type\":\"message_start\",\"message\":{\"usage\":{"
	    "\"input_tokens\":9,\"output_tokens\":1}}}\n\n"
	    "event: content_block_start\n"
	    "data: {\"type\":\"content_block_start\",\"index\":0,"
	    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
	    "event: content_block_delta\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
	    "\"type\":\"text_delta\",\"text\":\"",
	    "\"}}\n\n",
	    "event: content_block_stop\n"
	    "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
	    "event: message_delta\n"
	    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
	    "\"end_turn\"},\"usage\":{\"output_tokens\":12}}\n\n"
	    "event: message_stop\n"
	    "data: {\"type\":\"message_stop\"}\n\n",
	    1 },
	{ "gemini text", "gemini", "",
	    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"",
	    "\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{"
	    "\"promptTokenCount\":29,\"candidatesTokenCount\":10,"
	    "\"totalTokenCount\":241,\"promptTokensDetails\":[{\"modality\":"
	    "\"TEXT\",\"tokenCount\":29}],\"thoughtsTokenCount\":202},"
	    "\"modelVersion\":\"gemini-3-pro-preview\",\"responseId\":"
	    "\"QUVVaPSkD8OVxN8P2L3XyQM\"}\n\n",
	    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],"
	    "\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}]}\n\n",
	    16 },
	{ "chatcompletion arguments", "chatcompletion",
	    "data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\","
	    "\"object\":\"chat.completion.chunk\",\"created\":1741569952,"
	    "\"model\":\"gpt-4.1-2025-04-14\",\"choices\":[{\"index\":0,"
	    "\"delta\":{\"role\":\"assistant\",\"content\":null,"
	    "\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":"
	    "\"function\",\"function\":{\"name\":\"new_answer\","
	    "\"arguments\":\"\"}}]},\"finish_reason\":null}]}\n\n",
	    "data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\","
	    "\"object\":\"chat.completion.chunk\",\"created\":1741569952,"
	    "\"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\","
	    "\"system_fingerprint\":\"fp_b3f1157249\",\"choices\":[{"
	    "\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
	    "\"function\":{\"arguments\":\"",
	    "\"}}]},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,"
	    "\"obfuscation\":\"k3Jd8sL\"}\n\n",
	    "data: {\"choices\":[{\"index\":0,\"delta\":{},"
	    "\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n",
	    1 },
};

/* As JSON has them. */
static const char *const words[] = { " the", " of", ".\\n\\n", " supervisor",
	" \\\"agent", "s\\\"", " caf\xc3\xa9", ",", " and", " run", "ning",
	" in", " 42", " \xe2\x80\x94", " parallel", " it", " \\u00fcber", "s" };

static void
make_stream(struct buf *out, const struct form *form)
{
	size_t n = 0;
	int i;

	buf_adds(out, form->head);
	while (out->len < STREAM_BYTES) {
		buf_adds(out, form->before);
		for (i = 0; i < form->words; i++)
			buf_adds(out,
			    words[n++ % (sizeof(words) / sizeof(words[0]))]);
		buf_adds(out, form->after);
	}
	buf_adds(out, form->tail);
}

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

static double
read_stream(const struct form *form, const struct buf *bytes)
{
	struct backend_config config = {
		.type = "openai", .wire = form->wire, .base_url = ""
	};
	struct http_response response = { .outcome = HTTP_DONE, .status = 200 };
	struct http_request request = { .idle_ms = MONO_NEVER };
	double start = cpu_seconds();
	struct reply r;
	struct stream s;
	size_t at, n;

	reply_init(&r);
	stream_init(&s, backend_find(form->wire), &config, &r, &request);
	for (at = 0; at < bytes->len; at += n) {
		n = bytes->len - at < PIECE_BYTES ? bytes->len - at
						  : PIECE_BYTES;
		stream_data(&s, bytes->data + at, n);
	}
	stream_end(&s, &response);
	if (r.failure != FAILURE_NONE || (r.text.len == 0 && r.ncalls == 0))
		errx(1, "%s: %s", form->wire, r.error);
	stream_release(&s);
	reply_release(&r);
	return (cpu_seconds() - start);
}

int
main(void)
{
	size_t i, round;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct buf bytes = BUF_INITIALIZER;
		double best = 1e9, seconds;

		make_stream(&bytes, &forms[i]);
		for (round = 0; round < ROUNDS; round++) {
			seconds = read_stream(&forms[i], &bytes);
			if (seconds < best)
				best = seconds;
		}
		printf(
		    "%.1f %s\n", (double)bytes.len / best / 1e6, forms[i].name);
		buf_release(&bytes);
	}
	return (0);
}
