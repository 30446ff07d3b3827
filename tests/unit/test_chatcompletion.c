/*
 * backend/chatcompletion and backend/stream: what is made of the streams that
 * the servers of the family are known to answer with, wherever they are cut.
 */

#include "agent-worker/backend/calls.h"
#include "tests/mutants.h"

/* JSON is written with ' for ", here and in what is expected. */
#define D(data)       "data: " data "\n\n"
#define DELTA(delta)  D("{'choices':[{'index':0,'delta':{" delta "}}]}")
#define SAY(text)     DELTA("'content':'" text "'")
#define CALLS(pieces) DELTA("'tool_calls':[" pieces "]")
#define END(reason, more)                                              \
	D("{'choices':[{'index':0,'delta':{},'finish_reason':'" reason \
	  "'" more "}]}")
#define FINISH(reason) END(reason, "")
#define DONE           D("[DONE]")
#define USAGE(members) D("{'choices':[],'usage':{" members "}}")

/* A piece of a call: what tells it from others, its name, its arguments. */
#define PIECE(who, name, arguments) \
	"{" who "'function':{'name':'" name "','arguments':'" arguments "'}}"
#define MORE(who, arguments) "{" who "'function':{'arguments':'" arguments "'}}"

/* clang-format off */
static const struct vector vectors[] = {
	{ "text", "openai",
	    DELTA("'role':'assistant','content':''") SAY("Hel") SAY("lo")
	    FINISH("stop")
	    USAGE("'prompt_tokens':19,'completion_tokens':10,"
		"'prompt_tokens_details':{'cached_tokens':7},"
		"'completion_tokens_details':{'reasoning_tokens':3}") DONE,
	    "ok stop text=Hello usage=19/7/10/3" },
	{ "arguments in pieces", "openai",
	    CALLS(PIECE("'index':0,'id':'call_a',", "vote", ""))
	    CALLS(MORE("'index':0,", "{\\'ag"))
	    CALLS(MORE("'index':0,", "ent\\':\\'\\u00e9\\'}"))
	    FINISH("tool_calls") DONE,
	    "ok tool call_a:vote({'agent':'\xc3\xa9'})" },
	{ "two calls interleaved", "openai",
	    CALLS(PIECE("'index':0,'id':'a',", "f", "") ","
		PIECE("'index':1,'id':'b',", "g", ""))
	    CALLS(MORE("'index':1,", "{\\'x\\':"))
	    CALLS(MORE("'index':0,", "{}")) CALLS(MORE("'index':1,", "1}"))
	    FINISH("tool_calls") DONE,
	    "ok tool a:f({}) b:g({'x':1})" },
	{ "whole call, no index, stop, no usage", "xai",
	    CALLS(PIECE("'id':'a',", "f", "{\\'x\\':1}")) FINISH("stop") DONE,
	    "ok tool a:f({'x':1})" },
	{ "no index, in pieces", "vllm",
	    CALLS(PIECE("'id':'a',", "f", "{")) CALLS(MORE("", "}"))
	    CALLS(PIECE("'id':'b',", "f", "{\\'y\\':")) CALLS(MORE("", "2}"))
	    FINISH("tool_calls") DONE,
	    "ok tool a:f({}) b:f({'y':2})" },
	{ "index always 0, ids differ", "vllm",
	    CALLS(PIECE("'index':0,'id':'a',", "f", "{}"))
	    CALLS(PIECE("'index':0,'id':'b',", "g", "{"))
	    CALLS(MORE("'index':0,", "}")) FINISH("tool_calls") DONE,
	    "ok tool a:f({}) b:g({})" },
	{ "id and name in every piece", "vllm",
	    CALLS(PIECE("'index':0,'id':'a',", "f", "{"))
	    CALLS(PIECE("'index':0,'id':'a',", "f", "}"))
	    FINISH("tool_calls") DONE,
	    "ok tool a:f({})" },
	{ "a name is given once", "vllm",
	    CALLS(PIECE("'index':0,'id':'a',", "f", "{"))
	    CALLS(PIECE("'index':0,'id':'a',", "g", "}"))
	    FINISH("tool_calls") DONE,
	    "ok tool a:f({})" },
	{ "no ids: whole calls", "ollama",
	    CALLS(PIECE("", "f", "{}") "," PIECE("", "f", "{\\'x\\':1}") ","
		PIECE("", "g", "{}")) FINISH("tool_calls") DONE,
	    "ok tool *:f({}) *:f({'x':1}) *:g({})" },
	{ "no ids: name in every piece", "ollama",
	    CALLS(PIECE("'index':0,'id':'',", "f", "{\\'x\\':"))
	    CALLS(PIECE("'index':0,'id':null,", "f", "1}"))
	    FINISH("tool_calls") DONE,
	    "ok tool *:f({'x':1})" },
	{ "arguments as an object", "lmstudio",
	    CALLS("{'id':'a','function':{'name':'f','arguments':"
		"{'x':[1,'a/b']}}}") FINISH("tool_calls") DONE,
	    "ok tool a:f({'x':[1,'a/b']})" },
	{ "no arguments at all", "openai",
	    CALLS("{'id':'a','function':{'name':'f','arguments':null}}")
	    FINISH("tool_calls") DONE,
	    "ok tool a:f({})" },
	{ "no name", "openai",
	    CALLS(MORE("'id':'a',", "{}")) FINISH("tool_calls") DONE,
	    "ok tool a:({})" },
	{ "bad arguments stay, for the model to hear of", "openai",
	    CALLS(PIECE("'id':'a',", "f", "{x")) FINISH("tool_calls") DONE,
	    "ok tool a:f({x)" },
	{ "cut by the token limit", "openai",
	    SAY("so") CALLS(PIECE("'id':'a',", "f", "{}") ","
		PIECE("'id':'b',", "g", "{\\'x\\':")) FINISH("length") DONE,
	    "ok tool text=so a:f({})" },
	{ "cut before the first argument", "openai",
	    CALLS(PIECE("'id':'a',", "f", "")) FINISH("length") DONE,
	    "ok length" },
	{ "content filter", "azure", SAY("so") FINISH("content_filter") DONE,
	    "ok filter text=so" },
	{ "odd finish reason", "together", SAY("so") FINISH("eos") DONE,
	    "ok stop text=so" },
	{ "empty finish reason", "vllm", SAY("so") FINISH("") DONE,
	    "ok stop text=so" },
	{ "tool finish without a call", "vllm", SAY("so") FINISH("tool_calls"),
	    "ok stop text=so" },
	{ "no [DONE]", "vllm", SAY("so") FINISH("stop"), "ok stop text=so" },
	{ "no finish reason", "vllm", SAY("so") DONE, "ok stop text=so" },
	{ "neither", "vllm", SAY("so"),
	    "truncated none error=the stream ended before the reply did "
	    "text=so" },
	{ "nothing but keep-alives", "openrouter",
	    ": OPENROUTER PROCESSING\n\n",
	    "truncated none error=the stream ended before the reply did" },
	{ "no blank line at the end", "vllm",
	    SAY("so") "data: {'choices':[{'finish_reason':'stop'}]}",
	    "ok stop text=so" },
	{ "BOM, CRLF, comments, mark with spaces", "vllm",
	    "\xef\xbb\xbf: hi\r\n\r\ndata:{'choices':[{'delta':{'content':"
	    "'so'}}]}  \r\n\r\n: keep-alive\r\n\r\ndata:\r\n\r\n"
	    "data:  [DONE] \r\n\r\ndata: {'error':'late'}\r\n\r\n",
	    "ok stop text=so" },
	{ "empty and null members", "azure",
	    D("{'model':'','choices':[],'prompt_filter_results':[]}")
	    D("{'choices':null}") D("{'choices':[{'delta':null}]}")
	    D("{'choices':[null]}") D("{'choices':{}}") D("{}")
	    DELTA("'content':null,'tool_calls':null,'reasoning':null")
	    DELTA("'content':7,'tool_calls':[null,{},[],1]")
	    SAY("so") FINISH("stop") DONE,
	    "ok stop text=so" },
	{ "thought in the text", "llamacpp",
	    SAY("\\n<th") SAY("ink>I ") SAY("think.</thi") SAY("nk>\\n\\n")
	    SAY("So") SAY(" <think> is") FINISH("stop") DONE,
	    "ok stop text=So <think> is reasoning=I think." },
	{ "two thoughts", "llamacpp",
	    SAY("<think>a</think>\\n<think>b<</think>c") FINISH("stop"),
	    "ok stop text=c reasoning=ab<" },
	{ "no thought after all", "llamacpp",
	    SAY("  <thin") SAY("g>") FINISH("stop") DONE,
	    "ok stop text=  <thing>" },
	{ "thought without end", "llamacpp",
	    SAY("<think>I th") SAY("ink</thi") FINISH("length") DONE,
	    "ok length reasoning=I think</thi" },
	{ "the beginning of a tag is all", "llamacpp",
	    SAY(" <thi") FINISH("stop"),
	    "ok stop text= <thi" },
	{ "reasoning_content, usage beside the end", "deepseek",
	    DELTA("'content':null,'reasoning_content':'Hm'")
	    DELTA("'content':null,'reasoning_content':'m.'")
	    DELTA("'content':'So','reasoning_content':null")
	    D("{'choices':[{'delta':{'content':''},'finish_reason':'stop'}],"
		"'usage':{'prompt_tokens':20,'completion_tokens':5,"
		"'prompt_cache_hit_tokens':16,'prompt_cache_miss_tokens':4,"
		"'completion_tokens_details':{'reasoning_tokens':2}}}") DONE,
	    "ok stop text=So reasoning=Hmm. usage=20/16/5/2" },
	{ "reasoning", "groq",
	    DELTA("'reasoning':'Hmm.'") SAY("So") FINISH("stop"),
	    "ok stop text=So reasoning=Hmm." },
	{ "both reasoning fields", "vllm",
	    DELTA("'reasoning':'Hmm.','reasoning_content':'Hmm.'")
	    SAY("So") FINISH("stop"),
	    "ok stop text=So reasoning=Hmm." },
	{ "refusal", "openai", DELTA("'refusal':'I will not.'") FINISH("stop"),
	    "ok stop text=I will not." },
	{ "content in parts", "mistral",
	    DELTA("'content':[{'type':'text','text':'a'},"
		"{'type':'text','text':'b'}]") FINISH("stop"),
	    "ok stop text=ab" },
	{ "usage twice, the last one counts", "groq",
	    SAY("So") FINISH("stop")
	    D("{'choices':[],'usage':{'prompt_tokens':5,'completion_tokens':3},"
		"'x_groq':{'usage':{'prompt_tokens':4}}}") DONE,
	    "ok stop text=So usage=5/0/3/0" },
	{ "usage of Groq's own", "groq",
	    SAY("So") FINISH("stop")
	    D("{'choices':[],'x_groq':{'usage':{'prompt_tokens':4,"
		"'completion_tokens':2}}}") DONE,
	    "ok stop text=So usage=4/0/2/0" },
	{ "usage inside a choice", "moonshot",
	    SAY("So") END("stop", ",'usage':{'prompt_tokens':9,"
		"'completion_tokens':2,'cached_tokens':8}"),
	    "ok stop text=So usage=9/8/2/0" },
	{ "reasoning beside the output", "grok",
	    SAY("So") FINISH("stop")
	    USAGE("'prompt_tokens':291,'completion_tokens':26,'total_tokens':"
		"513,'completion_tokens_details':{'reasoning_tokens':196}"),
	    "ok stop text=So usage=291/0/222/196" },
	{ "impossible usage", "openai",
	    SAY("So") FINISH("stop")
	    USAGE("'prompt_tokens':-5,'completion_tokens':'many',"
		"'cached_tokens':9") D("{'usage':[]}") D("{'usage':{}}") DONE,
	    "ok stop text=So" },
	{ "more cached than read", "openai",
	    SAY("So") FINISH("stop")
	    USAGE("'prompt_tokens':5,'completion_tokens':1,"
		"'prompt_tokens_details':{'cached_tokens':9},"
		"'completion_tokens_details':{'reasoning_tokens':7}"),
	    "ok stop text=So usage=5/5/1/1" },
	{ "error object", "openai",
	    SAY("So") D("{'error':{'message':'It\\nbroke\\u001b[1m',"
		"'type':'server_error','code':null}}") SAY("late") DONE,
	    "transient none error=It broke [1m text=So" },
	{ "error as a string", "ollama", SAY("So") D("{'error':'it broke'}"),
	    "transient none error=it broke text=So" },
	{ "error of xAI", "grok",
	    D("{'code':'invalid_argument','error':'Bad key'}"),
	    "permanent none error=Bad key" },
	{ "error of Groq", "groq",
	    "event: error\n" D("{'error':{'message':'Failed to call',"
		"'type':'invalid_request_error','code':'tool_use_failed',"
		"'failed_generation':'x','status_code':400}}"),
	    "transient none error=Failed to call" },
	{ "error of OpenRouter", "openrouter",
	    SAY("So") D("{'error':{'code':502,'message':'Gone'},"
		"'choices':[{'delta':{'content':''},"
		"'finish_reason':'error'}]}") DONE,
	    "transient none error=Gone text=So" },
	{ "error inside a choice", "openrouter",
	    D("{'choices':[{'error':{'code':403,'message':'No'},"
		"'delta':{},'finish_reason':'error'}]}") DONE,
	    "permanent none error=No" },
	{ "quota inside a stream", "openai",
	    D("{'error':{'message':'Pay','type':'insufficient_quota'}}"),
	    "permanent none error=Pay" },
	{ "error that quotes the key", "openai",
	    D("{'error':'bad key sk-canary-1234, not sk-canary-1234'}"),
	    "transient none error=bad key [key], not [key]" },
	{ "error without data:", "llamacpp",
	    SAY("So") "{'error':{'message':'died'}}\n\n",
	    "transient none error=died text=So" },
	{ "finish reason of an error", "together",
	    SAY("So") FINISH("error"),
	    "transient none error=the provider ended the reply: error text=So" },
	{ "out of resources", "deepseek",
	    SAY("So") FINISH("insufficient_system_resource"),
	    "transient none error=the provider ended the reply: "
	    "insufficient_system_resource text=So" },
	{ "bad JSON", "vllm", SAY("So") D("{'choices':[}") FINISH("stop"),
	    "transient none error=the server sent an event that is not JSON: "
	    "unexpected character text=So" },
	{ "bad JSON behind the end", "vllm",
	    SAY("So") FINISH("stop") D("{'usage':}") DONE,
	    "ok stop text=So" },
	{ "bad UTF-8, NUL and surrogates", "vllm",
	    SAY("a\xff\xc3(\\u0000\xf0\x9f\x98\x80\\ud83d\\ude00\\ud800z")
	    FINISH("stop"),
	    "ok stop text=a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd"
	    "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xef\xbf\xbdz" },
	{ "other choices are not ours", "vllm",
	    D("{'choices':[{'index':1,'delta':{'content':'no'}},"
		"{'index':0,'delta':{'content':'yes'}}]}") FINISH("stop"),
	    "ok stop text=yes" },
	{ "whole reply", "vllm",
	    " {'object':'chat.completion','choices':[{'index':0,'message':"
	    "{'role':'assistant','content':'So','reasoning_content':'Hm',"
	    "'tool_calls':[" PIECE("'id':'a',", "f", "{}") "]},"
	    "'finish_reason':'tool_calls'}],"
	    "'usage':{'prompt_tokens':3,'completion_tokens':2}}\n",
	    "ok tool text=So reasoning=Hm a:f({}) usage=3/0/2/0" },
	{ "error for a body", "vllm",
	    "{'error':{'message':'Nope','code':'server_error'}}",
	    "transient none error=Nope" },
	{ "error in an array", "gemini",
	    "[{'error':{'code':400,'message':'API key not valid'}}]\n",
	    "permanent none error=API key not valid" },
	{ "HTML for a body", "vllm", "<html>\n<body>Log in</body></html>",
	    "transient none error=the server's reply is not JSON: "
	    "unexpected character: <html> <body>Log in</body></html>" },
	{ "JSON that is no reply", "vllm", "{'hello':1}",
	    "transient none error={'hello':1}" },
};
/* clang-format on */

VECTOR_TESTS(&backend_chatcompletion, vectors)

/* How a connection that breaks behind the bytes leaves the reply. */
static void
check_broken(
    const char *text, const struct http_response *response, const char *want)
{
	struct backend_config config =
	    wire_config(&backend_chatcompletion, "openai");
	char *bytes = json_unquote(text), *got;
	struct http_request request = { .idle_ms = MONO_NEVER };
	struct stream s;
	struct reply r;

	reply_init(&r);
	stream_init(&s, &backend_chatcompletion, &config, &r, &request);
	stream_data(&s, bytes, strlen(bytes));
	stream_end(&s, response);
	got = wire_describe(&r);
	CHECK_STR(got, want);
	free(got);
	free(bytes);
	stream_release(&s);
	reply_release(&r);
}

TEST(broken_connections)
{
	struct http_response broken = { .outcome = HTTP_TRANSPORT,
		.status = 200,
		.any_data = true,
		.error = "reset" };

	check_broken(SAY("so"), &broken, "truncated none error=reset text=so");
	check_broken(SAY("so") "data: {'choi", &broken,
	    "truncated none error=reset text=so");
	check_broken(SAY("so") FINISH("stop"), &broken, "ok stop text=so");
	check_broken(
	    SAY("so") FINISH("stop") "data: {'usa", &broken, "ok stop text=so");
	check_broken(SAY("so") DONE, &broken, "ok stop text=so");
	broken.any_data = false;
	broken.status = 0;
	check_broken("", &broken, "transient none error=reset");
	broken.permanent = true;
	check_broken("", &broken, "permanent none error=reset");
	broken.permanent = false;
	broken.outcome = HTTP_TIMEOUT;
	check_broken("", &broken, "transient none error=reset");
	check_broken(SAY("so") DONE, &broken, "ok stop text=so");
}

TEST(more_calls_than_anybody_makes)
{
	struct backend_config config =
	    wire_config(&backend_chatcompletion, "openai");
	struct buf b = BUF_INITIALIZER;
	struct reply r;
	int i;

	for (i = 0; i <= CALLS_MAX; i++)
		buf_addf(&b, CALLS("{'id':'c%d','function':{'name':'f'}}"), i);
	buf_adds(&b, DONE);
	json_swap(b.data, '\'', '"');
	wire_read(&backend_chatcompletion, &config, &r, HTTP_DONE, b.data,
	    b.len, b.len, 1);
	CHECK_INT(r.failure, FAILURE_TRANSIENT);
	CHECK_INT(r.ncalls, 0);
	reply_release(&r);
	buf_release(&b);
}

TEST(one_endless_piece)
{
	struct backend_config config =
	    wire_config(&backend_chatcompletion, "openai");
	size_t len = 65536, sent = 0;
	char *piece = xcalloc(len, 1);
	struct http_request request = { .idle_ms = MONO_NEVER };
	struct stream s;
	struct reply r;

	memset(piece, ' ', len);
	reply_init(&r);
	stream_init(&s, &backend_chatcompletion, &config, &r, &request);
	CHECK(stream_data(&s, "{", 1));
	while (sent <= SSE_MAX && stream_data(&s, piece, len))
		sent += len;
	CHECK(sent > SSE_MAX - 2 * len && sent < SSE_MAX);
	CHECK_STR(r.error, "the server sent more than 64 MiB in one piece");
	stream_release(&s);
	reply_release(&r);
	free(piece);
}

static void
check_silence(struct stream *s, const char *text, int64_t want)
{
	char *bytes = json_unquote(text);

	CHECK(stream_data(s, bytes, strlen(bytes)));
	CHECK_INT(s->request->idle_ms, want);
	free(bytes);
}

TEST(silence_behind_the_end)
{
	struct backend_config config =
	    wire_config(&backend_chatcompletion, "openai");
	struct http_request request = { .idle_ms = 300000 };
	struct stream s;
	struct reply r;

	reply_init(&r);
	stream_init(&s, &backend_chatcompletion, &config, &r, &request);
	check_silence(&s, SAY("so"), 300000);
	check_silence(&s, FINISH("stop"), STREAM_TAIL_MS);
	check_silence(&s, DONE, STREAM_LINGER_MS);
	check_silence(&s, ": bye\n\n", STREAM_LINGER_MS);
	stream_release(&s);
	reply_release(&r);
}
