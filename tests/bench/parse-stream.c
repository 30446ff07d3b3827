/*
 * How fast a wire format is read: a stream in the form in which its API was
 * recorded, one small delta of text after the other, goes through the
 * worker's stream and backend in the pieces in which HTTP hands it over.
 * Prints MB a second of CPU time, best of some rounds, and what it was; with
 * the argument "growth" the MiB by which a stream of 100 MB raised the peak of
 * a process of its own.
 */

#include <sys/resource.h>
#include <sys/wait.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent-worker/backend/stream.h"
#include "ipc/mono.h"

#define STREAM_BYTES ((size_t)12 * 1000 * 1000)
#define GROWTH_BYTES ((size_t)100 * 1000 * 1000)
#define WARMUP_BYTES ((size_t)100 * 1000)
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
	{ "chatcompletion reasoning", "chatcompletion", "",
	    "data: {\"id\":\"gen-1741569952-QUVVaPSkD8OVxN8P2L3X\","
	    "\"object\":\"chat.completion.chunk\",\"created\":1741569952,"
	    "\"model\":\"qwen/qwen3-32b\",\"choices\":[{\"index\":0,"
	    "\"delta\":{\"reasoning\":\"",
	    "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n",
	    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":"
	    "\"So.\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
	    16 },
	{ "responses reasoning", "responses", "",
	    "event: response.reasoning_summary_text.delta\n"
	    "data: {\"type\":\"response.reasoning_summary_text.delta\","
	    "\"sequence_number\":40,\"item_id\":"
	    "\"rs_67c9fdcf37fc8190ba82116e33fb28c5\",\"output_index\":0,"
	    "\"summary_index\":0,\"delta\":\"",
	    "\",\"obfuscation\":\"k3Jd8sL\"}\n\n",
	    "event: response.completed\n"
	    "data: {\"type\":\"response.completed\",\"sequence_number\":41,"
	    "\"response\":{\"status\":\"completed\",\"output\":[{\"type\":"
	    "\"message\",\"content\":[{\"type\":\"output_text\",\"text\":"
	    "\"So.\"}]}],\"usage\":{\"input_tokens\":9,\"output_tokens\":12,"
	    "\"total_tokens\":21}}}\n\n",
	    16 },
	{ "claude reasoning", "claude",
	    "event: content_block_start\n"
	    "data: {\"type\":\"content_block_start\",\"index\":0,"
	    "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n",
	    "event: content_block_delta\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
	    "\"type\":\"thinking_delta\",\"thinking\":\"",
	    "\"}}\n\n",
	    "event: content_block_stop\n"
	    "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
	    "event: content_block_start\n"
	    "data: {\"type\":\"content_block_start\",\"index\":1,"
	    "\"content_block\":{\"type\":\"text\",\"text\":\"So.\"}}\n\n"
	    "event: message_delta\n"
	    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
	    "\"end_turn\"},\"usage\":{\"output_tokens\":12}}\n\n"
	    "event: message_stop\n"
	    "data: {\"type\":\"message_stop\"}\n\n",
	    1 },
	{ "gemini reasoning", "gemini", "",
	    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"",
	    "\",\"thought\":true}],\"role\":\"model\"},\"index\":0}],"
	    "\"usageMetadata\":{\"promptTokenCount\":29,"
	    "\"totalTokenCount\":241,\"promptTokensDetails\":[{\"modality\":"
	    "\"TEXT\",\"tokenCount\":29}],\"thoughtsTokenCount\":202},"
	    "\"modelVersion\":\"gemini-3-pro-preview\",\"responseId\":"
	    "\"QUVVaPSkD8OVxN8P2L3XyQM\"}\n\n",
	    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
	    "\"So.\"}],\"role\":\"model\"},\"finishReason\":\"STOP\","
	    "\"index\":0}]}\n\n",
	    16 },
};

/* As JSON has them. */
static const char *const words[] = { " the", " of", ".\\n\\n", " supervisor",
	" \\\"agent", "s\\\"", " caf\xc3\xa9", ",", " and", " run", "ning",
	" in", " 42", " \xe2\x80\x94", " parallel", " it", " \\u00fcber", "s" };

static void
add_delta(struct buf *out, const struct form *form)
{
	static size_t n;
	int i;

	buf_adds(out, form->before);
	for (i = 0; i < form->words; i++)
		buf_adds(out, words[n++ % (sizeof(words) / sizeof(words[0]))]);
	buf_adds(out, form->after);
}

static void
make_stream(struct buf *out, const struct form *form)
{
	buf_adds(out, form->head);
	while (out->len < STREAM_BYTES)
		add_delta(out, form);
	buf_adds(out, form->tail);
}

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

/* One call of a model, as the worker makes it. */
struct reading {
	const struct form *form;
	struct backend_config config;
	struct http_request request;
	struct reply reply;
	struct stream stream;
};

static void
begin(struct reading *g, const struct form *form)
{
	memset(g, 0, sizeof(*g));
	g->form = form;
	g->config.type = "openai";
	g->config.wire = form->wire;
	g->config.base_url = "";
	g->request.idle_ms = MONO_NEVER;
	reply_init(&g->reply);
	stream_init(&g->stream, backend_find(form->wire), &g->config, &g->reply,
	    &g->request);
}

/* What came is passed on at once. */
static bool
feed(struct reading *g, const char *bytes, size_t len)
{
	bool wanted = stream_data(&g->stream, bytes, len);

	g->reply.text_sent = g->reply.text.len;
	g->reply.reasoning_sent = g->reply.reasoning.len;
	reply_forget_reasoning(&g->reply);
	return (wanted);
}

static void
end(struct reading *g, bool may_be_too_long)
{
	struct http_response response = { .outcome = HTTP_DONE, .status = 200 };
	const struct reply *r = &g->reply;

	stream_end(&g->stream, &response);
	if (r->failure != FAILURE_NONE
		? !may_be_too_long || strstr(r->error, "longer than") == NULL
		: r->text.len == 0 && r->ncalls == 0)
		errx(1, "%s: %s", g->form->name, r->error);
	stream_release(&g->stream);
	reply_release(&g->reply);
}

static double
read_stream(const struct form *form, const struct buf *bytes)
{
	double start = cpu_seconds();
	struct reading g;
	size_t at, n;

	begin(&g, form);
	for (at = 0; at < bytes->len; at += n) {
		n = bytes->len - at < PIECE_BYTES ? bytes->len - at
						  : PIECE_BYTES;
		feed(&g, bytes->data + at, n);
	}
	end(&g, false);
	return (cpu_seconds() - start);
}

/* So many bytes, made on the way; or less, where the call ends before. */
static void
read_long(const struct form *form, size_t len)
{
	struct buf piece = BUF_INITIALIZER;
	struct reading g;
	bool wanted = true;
	size_t total = 0;

	begin(&g, form);
	buf_adds(&piece, form->head);
	while (wanted && total < len) {
		while (piece.len < PIECE_BYTES)
			add_delta(&piece, form);
		wanted = feed(&g, piece.data, piece.len);
		total += piece.len;
		piece.len = 0;
	}
	if (wanted)
		feed(&g, form->tail, strlen(form->tail));
	end(&g, true);
	buf_release(&piece);
}

static long
peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_maxrss);
}

static void
measure_growth(const struct form *form)
{
	long before;

	read_long(form, WARMUP_BYTES);
	before = peak_kib();
	read_long(form, GROWTH_BYTES);
	printf("%.2f %s\n", (double)(peak_kib() - before) / 1024, form->name);
	fflush(stdout);
}

static void
measure_speed(const struct form *form)
{
	struct buf bytes = BUF_INITIALIZER;
	double best = 1e9, seconds;
	int round;

	make_stream(&bytes, form);
	for (round = 0; round < ROUNDS; round++) {
		seconds = read_stream(form, &bytes);
		if (seconds < best)
			best = seconds;
	}
	printf("%.1f %s\n", (double)bytes.len / best / 1e6, form->name);
	buf_release(&bytes);
}

int
main(int argc, char **argv)
{
	bool growth = argc > 1 && strcmp(argv[1], "growth") == 0;
	int status;
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (!growth) {
			measure_speed(&forms[i]);
			continue;
		}
		if (fork() == 0) {
			measure_growth(&forms[i]);
			_exit(0);
		}
		if (wait(&status) == -1 || status != 0)
			return (1);
	}
	return (0);
}
