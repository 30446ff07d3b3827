/*
 * backend/responses: what is made of the streams of the Responses API,
 * wherever they are cut.
 */

#include "agent-worker/backend/calls.h"
#include "tests/mutants.h"

/* An event with and without the line that names it: its data does as well. */
#define BARE(type, more) "data: {'type':'" type "'" more "}\n\n"
#define EV(type, more)   "event: " type "\n" BARE(type, more)

#define AT(i) ",'output_index':" #i
#define ADDED(i, item) \
	EV("response.output_item.added", AT(i) ",'item':{" item "}")
#define DONE(i, item) \
	EV("response.output_item.done", AT(i) ",'item':{" item "}")
#define SAY(i, text)                     \
	EV("response.output_text.delta", \
	    AT(i) ",'content_index':0,'delta':'" text "'")
#define ARGS(i, text)                                \
	EV("response.function_call_arguments.delta", \
	    AT(i) ",'delta':'" text "'")
#define THINK(i, text) \
	EV("response.reasoning_summary_text.delta", AT(i) ",'delta':'" text "'")
#define PART(i) EV("response.reasoning_summary_part.added", AT(i) ",'part':{}")
#define END(status, more) \
	EV("response." status, ",'response':{'status':'" status "'" more "}")
#define COMPLETED END("completed", ",'error':null,'output':[]")
#define CUT(reason) \
	END("incomplete", ",'incomplete_details':{'reason':" reason "}")
#define FAILED(code) \
	END("failed", ",'error':{'code':'" code "','message':'Oh'}")

#define MSG(more, text)                                                   \
	"'type':'message','id':'msg_1','role':'assistant'," more          \
	"'content':[{'type':'output_text','annotations':[],'text':'" text \
	"'}]"
#define CALL(id, name, arguments)                                     \
	"'type':'function_call','id':'fc_" id "','call_id':'" id "'," \
	"'name':'" name "','arguments':'" arguments "'"
#define REASON(id, summary)                                       \
	"'type':'reasoning','id':'rs_" id "','summary':[" summary \
	"],'encrypted_content':'gAA='"
#define SUMMARY(text) "{'type':'summary_text','text':'" text "'}"

/* clang-format off */
static const struct vector vectors[] = {
	{ "text", "openai",
	    EV("response.created", ",'response':{'usage':null}")
	    EV("response.in_progress", ",'response':{}")
	    ADDED(0, "'type':'message','id':'msg_1','content':[]")
	    EV("response.content_part.added", AT(0)) SAY(0, "Hel") SAY(0, "lo")
	    EV("response.output_text.done", AT(0) ",'text':'Hello'")
	    DONE(0, MSG("", "Hello"))
	    END("completed", ",'output':[{" MSG("", "Hello") "}],'usage':{"
		"'input_tokens':75,'input_tokens_details':{'cached_tokens':7,"
		"'cache_write_tokens':5},'output_tokens':1186,"
		"'output_tokens_details':{'reasoning_tokens':1024},"
		"'total_tokens':1261}"),
	    "ok stop text=Hello usage=75/7/1186/1024+5" },
	{ "reasoning and two parallel calls", "openai",
	    ADDED(0, "'type':'reasoning','id':'rs_1','summary':[]")
	    PART(0) THINK(0, "Hm") THINK(0, "m.") PART(0) THINK(0, "So.")
	    DONE(0, REASON("1", SUMMARY("Hmm.") "," SUMMARY("So.")))
	    ADDED(1, CALL("a", "f", "")) ADDED(2, CALL("b", "g", ""))
	    ARGS(1, "{\\'ci") ARGS(2, "{") ARGS(1, "ty\\':1}") ARGS(2, "}")
	    EV("response.function_call_arguments.done", AT(1)
		",'arguments':'{}'")
	    DONE(1, CALL("a", "f", "{\\'city\\':1}")) DONE(2, CALL("b", "g", "{}"))
	    COMPLETED,
	    "ok tool reasoning=Hmm.\n\nSo. a:f({'city':1}) b:g({})" },
	{ "sequence numbers", "openai",
	    BARE("response.output_item.done", AT(0) ",'sequence_number':3,"
		"'item':{" CALL("a", "f", "{}") "}")
	    BARE("response.completed", ",'sequence_number':4,'response':{}"),
	    "ok tool a:f({})" },
	{ "no type in the data", "openai",
	    "event: response.output_text.delta\ndata: {'delta':'So'}\n\n"
	    "event: response.completed\ndata: {'response':{}}\n\n",
	    "ok stop text=So" },
	{ "deltas alone", "openai",
	    ADDED(0, "'type':'message'") SAY(0, "So") COMPLETED,
	    "ok stop text=So" },
	{ "items alone", "openai",
	    DONE(0, REASON("1", SUMMARY("Hm.") "," SUMMARY("Ah.")))
	    DONE(1, MSG("", "So")) COMPLETED,
	    "ok stop text=So reasoning=Hm.Ah." },
	{ "the last event alone", "openai",
	    END("completed", ",'output':[{" MSG("", "So") "},{"
		CALL("a", "f", "{}") "}]"),
	    "ok tool text=So a:f({})" },
	{ "items differ from deltas", "openai",
	    SAY(0, "No") DONE(0, MSG("", "Yes")) COMPLETED,
	    "ok stop text=Yes" },
	{ "nothing said", "openai", COMPLETED, "ok stop" },
	{ "commentary is no answer", "openai",
	    ADDED(0, "'type':'message','phase':'commentary','content':[]")
	    SAY(0, "Let me ") SAY(0, "see.")
	    DONE(0, MSG("'phase':'commentary',", "Let me see."))
	    PART(1) THINK(1, "Hm.")
	    ADDED(2, "'type':'message','phase':'final_answer','content':[]")
	    SAY(2, "So") DONE(2, MSG("'phase':'final_answer',", "So"))
	    COMPLETED,
	    "ok stop text=So reasoning=Let me see.\n\nHm." },
	{ "commentary told late", "openai",
	    SAY(0, "Let me see.")
	    DONE(0, MSG("'phase':'commentary',", "Let me see."))
	    DONE(1, CALL("a", "f", "{}")) COMPLETED,
	    "ok tool reasoning=Let me see. a:f({})" },
	{ "reasoning in the open", "openai",
	    EV("response.reasoning_text.delta", AT(0) ",'delta':'Hm.'")
	    DONE(0, "'type':'reasoning','content':[{'text':'Hm.'}]")
	    SAY(1, "So") DONE(1, MSG("", "So")) COMPLETED,
	    "ok stop text=So reasoning=Hm." },
	{ "refusal", "openai",
	    EV("response.refusal.delta", AT(0) ",'delta':'I will not.'")
	    DONE(0, "'type':'message','content':[{'type':'refusal',"
		"'refusal':'I will not.'}]") COMPLETED,
	    "ok stop text=I will not." },
	{ "two messages, two parts", "openai",
	    DONE(0, "'type':'message','id':'m1','content':"
		"[{'text':'a'},{'text':'b'}]")
	    DONE(1, "'type':'message','id':'m2','content':'c'") COMPLETED,
	    "ok stop text=abc" },
	{ "tools of the provider", "openai",
	    ADDED(0, "'type':'web_search_call','id':'ws_1'")
	    EV("response.web_search_call.searching", AT(0))
	    DONE(0, "'type':'web_search_call','id':'ws_1'")
	    EV("response.output_text.annotation.added", AT(1))
	    SAY(1, "So") DONE(1, MSG("", "So")) COMPLETED,
	    "ok stop text=So" },
	{ "no index: items by id", "grok",
	    BARE("response.output_item.added", ",'item':{" CALL("a", "f", "") "}")
	    BARE("response.output_item.added", ",'item':{" CALL("b", "g", "") "}")
	    BARE("response.output_item.done", ",'item':{" CALL("b", "g", "{}") "}")
	    BARE("response.output_item.done", ",'item':{"
		CALL("a", "f", "{\\'x\\':1}") "}") COMPLETED,
	    "ok tool a:f({'x':1}) b:g({})" },
	{ "index always 0, ids differ", "grok",
	    ADDED(0, CALL("a", "f", "")) DONE(0, CALL("a", "f", "{}"))
	    ADDED(0, CALL("b", "g", "")) DONE(0, CALL("b", "g", "{}"))
	    COMPLETED,
	    "ok tool a:f({}) b:g({})" },
	{ "ids that change", "openai",
	    ADDED(0, "'type':'message','id':'x','phase':'commentary'")
	    EV("response.output_text.delta", AT(0) ",'item_id':'y','delta':'Hm'")
	    DONE(0, "'type':'message','id':'z','phase':'commentary',"
		"'content':'Hm'") DONE(1, CALL("a", "f", "{}")) COMPLETED,
	    "ok tool reasoning=Hm a:f({})" },
	{ "done in another order", "openai",
	    DONE(1, CALL("b", "g", "{}")) DONE(2, CALL("c", "h", "{}"))
	    DONE(0, CALL("a", "f", "{}")) COMPLETED,
	    "ok tool a:f({}) b:g({}) c:h({})" },
	{ "done twice", "openai",
	    DONE(0, CALL("a", "f", "{")) DONE(0, CALL("a", "f", "{}"))
	    COMPLETED,
	    "ok tool a:f({})" },
	{ "one id for two calls", "openai",
	    DONE(0, CALL("a", "f", "{}"))
	    DONE(1, "'type':'function_call','id':'fc_x','call_id':'a',"
		"'name':'g','arguments':'{}'") COMPLETED,
	    "ok tool a:f({})" },
	{ "no id for a call", "openai",
	    DONE(0, "'type':'function_call','name':'f','arguments':'{}'")
	    DONE(1, CALL("", "f", "{}")) COMPLETED,
	    "ok stop" },
	{ "no arguments, no name", "openai",
	    DONE(0, CALL("a", "f", "")) DONE(1, "'type':'function_call',"
		"'call_id':'b'") COMPLETED,
	    "ok tool a:f({}) b:({})" },
	{ "bad arguments stay, for the model to hear of", "openai",
	    DONE(0, CALL("a", "f", "{x")) COMPLETED,
	    "ok tool a:f({x)" },
	{ "cut by the token limit", "openai",
	    SAY(0, "so") DONE(0, MSG("'status':'incomplete',", "so"))
	    CUT("'max_output_tokens'"),
	    "ok length text=so" },
	{ "cut in a call", "openai",
	    DONE(0, CALL("a", "f", "{}")) DONE(1, CALL("b", "g", "{\\'x\\':"))
	    CUT("'max_output_tokens'"),
	    "ok tool a:f({})" },
	{ "cut before the first argument", "openai",
	    DONE(0, CALL("a", "f", "")) CUT("'max_output_tokens'"),
	    "ok length" },
	{ "a call begun and cut", "openai",
	    ADDED(0, CALL("a", "f", "")) ARGS(0, "{}")
	    CUT("'max_output_tokens'"),
	    "ok length" },
	{ "cut, nobody says why", "openai", SAY(0, "so") CUT("null"),
	    "ok length text=so" },
	{ "content filter", "azure_openai", SAY(0, "so") CUT("'content_filter'"),
	    "ok filter text=so" },
	{ "no last event", "openai",
	    SAY(0, "so") DONE(0, CALL("a", "f", "{}")),
	    "truncated none error=the stream ended before the reply did "
	    "text=so" },
	{ "nothing but keep-alives", "openai",
	    ": hi\n\ndata:\n\n" BARE("keepalive", ""),
	    "truncated none error=the stream ended before the reply did" },
	{ "no blank line at the end", "openai",
	    SAY(0, "so") "data: {'type':'response.completed','response':{}}",
	    "ok stop text=so" },
	{ "BOM, CRLF, comments, late events", "openai",
	    "\xef\xbb\xbf: hi\r\n\r\ndata:{'type':'response.output_text.delta',"
	    "'delta':'so'}  \r\n\r\n: keep-alive\r\n\r\ndata:\r\n\r\n"
	    "data:  {'type':'response.completed'}\r\n\r\n"
	    "data: {'type':'error','message':'late'}\r\n\r\ndata: [DONE]\r\n\r\n",
	    "ok stop text=so" },
	{ "odd members", "openai",
	    "data: {}\n\n" BARE("", "") BARE("response.", "")
	    "data: {'type':7}\n\ndata: {'type':null,'error':null}\n\n"
	    EV("response.output_item.done", "")
	    EV("response.output_item.done", AT(0) ",'item':[]")
	    EV("response.output_item.done", AT(0) ",'item':{}")
	    EV("response.output_item.done", ",'output_index':'x','item':{'id':7}")
	    EV("response.output_text.delta", ",'delta':null")
	    EV("response.output_text.delta", ",'delta':{}")
	    DONE(1, "'type':'message','content':[null,7,{'text':[]}]")
	    DONE(2, "'type':'message','content':{}")
	    DONE(3, "'type':'reasoning','summary':7")
	    END("completed", ",'output':{},'usage':[]"),
	    "ok stop" },
	{ "bad UTF-8, NUL and surrogates", "openai",
	    SAY(0, "a\xff\xc3(\\u0000\xf0\x9f\x98\x80\\ud83d\\ude00\\ud800z")
	    COMPLETED,
	    "ok stop text=a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd"
	    "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xef\xbf\xbdz" },
	{ "a pair of surrogates in two pieces", "openai",
	    SAY(0, "\\ud83d") SAY(0, "\\ude00")
	    DONE(0, MSG("", "\\ud83d\\ude00")) COMPLETED,
	    "ok stop text=\xf0\x9f\x98\x80" },
	{ "reasoning beside the output", "grok",
	    END("completed", ",'usage':{'input_tokens':291,'output_tokens':26,"
		"'output_tokens_details':{'reasoning_tokens':196},"
		"'total_tokens':513}"),
	    "ok stop usage=291/0/222/196" },
	{ "impossible usage", "openai",
	    END("completed", ",'usage':{'input_tokens':-5,'output_tokens':1,"
		"'input_tokens_details':{'cached_tokens':9},"
		"'output_tokens_details':{'reasoning_tokens':7},"
		"'total_tokens':9223372036854775807}"),
	    "ok stop usage=0/0/1/1" },
	{ "error, nested", "openai",
	    SAY(0, "so") BARE("error", ",'sequence_number':2,'error':{"
		"'type':'server_error','code':null,"
		"'message':'It\\nbroke\\u001b[1m','param':null}")
	    FAILED("invalid_prompt"),
	    "transient none error=It broke [1m text=so" },
	{ "error, flat", "openai",
	    BARE("error", ",'code':'rate_limit_exceeded','message':'Slow',"
		"'param':null,'sequence_number':9") SAY(0, "late"),
	    "transient none error=Slow" },
	{ "error without a type, nor a code", "openai",
	    "data: {'error':{'message':'died'}}\n\n",
	    "transient none error=died" },
	{ "quota inside a stream", "openai",
	    BARE("error", ",'error':{'type':'insufficient_quota',"
		"'code':'insufficient_quota','message':'Pay'}")
	    FAILED("insufficient_quota"),
	    "permanent none error=Pay" },
	{ "error with a status for a code", "openai",
	    BARE("error", ",'error':{'code':'502','message':'Gone'}"),
	    "transient none error=Gone" },
	{ "error with another", "openai",
	    BARE("error", ",'error':{'code':403,'message':'No'}"),
	    "permanent none error=No" },
	{ "error of xAI", "grok",
	    "data: {'code':'invalid_argument','error':'Bad key'}\n\n",
	    "permanent none error=Bad key" },
	{ "error that quotes the key", "openai",
	    BARE("error", ",'message':'bad key " WIRE_KEY "'"),
	    "transient none error=bad key [key]" },
	{ "failed: server_error", "openai",
	    SAY(0, "so") DONE(1, CALL("a", "f", "{}")) FAILED("server_error"),
	    "transient none error=Oh text=so" },
	{ "failed: rate_limit_exceeded", "openai", FAILED("rate_limit_exceeded"),
	    "transient none error=Oh" },
	{ "failed: invalid_prompt", "openai", FAILED("invalid_prompt"),
	    "permanent none error=Oh" },
	{ "failed: bio_policy", "openai", FAILED("bio_policy"),
	    "permanent none error=Oh" },
	{ "failed: vector_store_timeout", "openai",
	    FAILED("vector_store_timeout"),
	    "permanent none error=Oh" },
	{ "failed: something new", "openai", FAILED("odd_thing"),
	    "permanent none error=Oh" },
	{ "failed: what it cost", "openai",
	    END("failed", ",'error':{'code':'server_error','message':'Oh'},"
		"'usage':{'input_tokens':5,'output_tokens':3}"),
	    "transient none error=Oh usage=5/0/3/0" },
	{ "bad JSON", "openai", SAY(0, "so") "data: {'type':}\n\n" COMPLETED,
	    "transient none error=the server sent an event that is not JSON: "
	    "unexpected character text=so" },
	{ "whole reply", "openai",
	    " {'object':'response','status':'completed','error':null,'output':[{"
	    REASON("1", SUMMARY("Hm")) "},{" MSG("", "So") "},{"
	    CALL("a", "f", "{}") "}],"
	    "'usage':{'input_tokens':3,'output_tokens':2}}\n",
	    "ok tool text=So reasoning=Hm a:f({}) usage=3/0/2/0" },
	{ "whole reply without a status", "openai",
	    "{'output':[{" MSG("", "So") "}]}", "ok stop text=So" },
	{ "whole reply, cut", "openai",
	    "{'status':'incomplete','incomplete_details':{'reason':"
	    "'content_filter'},'output':[{" MSG("", "So") "}]}",
	    "ok filter text=So" },
	{ "whole reply, failed", "openai",
	    "{'status':'failed','error':{'code':'invalid_image','message':"
	    "'Oh'},'output':[]}",
	    "permanent none error=Oh" },
	{ "error for a body", "openai",
	    "{'error':{'message':'Nope','code':'server_error'}}",
	    "transient none error=Nope" },
	{ "HTML for a body", "openai", "<html>\n<body>Log in</body></html>",
	    "transient none error=the server's reply is not JSON: "
	    "unexpected character: <html> <body>Log in</body></html>" },
	{ "JSON that is no reply", "openai", "{'hello':1}",
	    "transient none error={'hello':1}" },
};
/* clang-format on */

VECTOR_TESTS(&backend_responses, vectors)

/* One event for each i below n, and the end. */
static void
check_many(const char *event, int n, const char *want)
{
	struct backend_config config =
	    wire_config(&backend_responses, "openai");
	struct buf b = BUF_INITIALIZER;
	struct reply r;
	int i;

	for (i = 0; i < n; i++)
		buf_addf(&b,
		    "data: {'type':'response.output_item.done',"
		    "'output_index':%d,'item':{'type':'%s','call_id':'c%d'}}"
		    "\n\n",
		    i, event, i);
	buf_adds(&b, COMPLETED);
	wire_answer(&backend_responses, &config, &r, 200, b.data);
	CHECK_STR(r.error, want);
	CHECK_INT(r.failure, FAILURE_TRANSIENT);
	CHECK(r.ncalls == 0 && r.native == NULL);
	reply_release(&r);
	buf_release(&b);
}

TEST(more_than_anybody_sends)
{
	check_many("function_call", CALLS_MAX + 1,
	    "the model made more than 128 tool calls at once");
	check_many("odd", 1025, "the reply has more than 1024 items");
}

/* What was shown of a text that turns out shorter is not counted on. */
TEST(text_that_was_passed_on)
{
	struct backend_config config =
	    wire_config(&backend_responses, "openai");
	static const char *const events[] = {
		"{\"type\":\"response.output_text.delta\",\"delta\":\"Hello\"}",
		"{\"type\":\"response.completed\",\"response\":{\"output\":["
		"{\"type\":\"message\",\"content\":\"Hi\"}]}}"
	};
	struct reply r;

	reply_init(&r);
	backend_responses.consume_event(
	    &config, &r, "", events[0], strlen(events[0]));
	CHECK_STR(r.text.data, "Hello");
	r.text_sent = r.text.len;
	backend_responses.consume_event(
	    &config, &r, "", events[1], strlen(events[1]));
	CHECK_STR(r.text.data, "Hi");
	CHECK_INT(r.text_sent, 2);
	CHECK(reply_is_complete(&r));
	reply_release(&r);
}
