/*
 * backend/claude and backend/stream: what is made of the streams that the
 * Messages API is known to answer with, wherever they are cut.
 */

#include "agent-worker/backend/calls.h"
#include "tests/mutants.h"

/* JSON is written with ' for ", here and in what is expected. */
#define E(type, members) \
	"event: " type "\ndata: {'type':'" type "'" members "}\n\n"
#define USAGE(in, write, read, out)                                           \
	"'usage':{'input_tokens':" in ",'cache_creation_input_tokens':" write \
	",'cache_read_input_tokens':" read ",'output_tokens':" out "}"
#define START_WITH(usage)                                                    \
	E("message_start",                                                   \
	    ",'message':{'id':'msg_01','type':'message','role':"             \
	    "'assistant','model':'m','content':[],'stop_reason':null," usage \
	    "}")
#define START START_WITH(USAGE("377", "0", "0", "1"))
#define BEGIN(n, block) \
	E("content_block_start", ",'index':" n ",'content_block':" block)
#define DELTA(n, delta) \
	E("content_block_delta", ",'index':" n ",'delta':{'type':" delta "}")
#define END(n)         E("content_block_stop", ",'index':" n)
#define TEXT(n, text)  DELTA(n, "'text_delta','text':'" text "'")
#define THINK(n, text) DELTA(n, "'thinking_delta','thinking':'" text "'")
#define SIGN(n, text)  DELTA(n, "'signature_delta','signature':'" text "'")
#define JSON(n, text)  DELTA(n, "'input_json_delta','partial_json':'" text "'")
#define A_TEXT         "{'type':'text','text':''}"
#define A_THOUGHT      "{'type':'thinking','thinking':'','signature':''}"
#define A_CALL(id, name) \
	"{'type':'tool_use','id':'" id "','name':'" name "','input':{}}"
#define STOP_WITH(reason, more)                                              \
	E("message_delta",                                                   \
	    ",'delta':{'stop_reason':'" reason "','stop_sequence':null" more \
	    "},'usage':{'output_tokens':65}")
#define OVER                     E("message_stop", "")
#define STOP(reason)             STOP_WITH(reason, "") OVER
#define PING                     "event: ping\ndata: {'type': 'ping'}\n\n"
#define SAYS(n, text)            BEGIN(n, A_TEXT) TEXT(n, text) END(n)
#define CALLS(n, id, name, json) BEGIN(n, A_CALL(id, name)) JSON(n, json) END(n)
#define SERVER(n)                                          \
	BEGIN(n,                                           \
	    "{'type':'server_tool_use','id':'srvtoolu_1'," \
	    "'name':'web_search','input':{}}")             \
	JSON(n, "{\\'query\\': ") JSON(n, "\\'C\\'}") END(n)
#define FOUND(n)                                                   \
	BEGIN(n,                                                   \
	    "{'type':'web_search_tool_result','tool_use_id':"      \
	    "'srvtoolu_1','content':[{'type':'web_search_result'," \
	    "'url':'https://h/','encrypted_content':'Eq/+='}]}")   \
	END(n)
#define USED " usage=377/0/65/0"

/* clang-format off */
static const struct vector vectors[] = {
	{ "text", "claude",
	    START BEGIN("0", A_TEXT) PING TEXT("0", "Hel") PING
	    TEXT("0", "lo ") END("0") STOP("end_turn"),
	    "ok stop text=Hello " USED },
	{ "thought, signature, call in pieces", "claude",
	    START BEGIN("0", A_THOUGHT) THINK("0", "Let me")
	    THINK("0", " see.") SIGN("0", "EqQB+/=") END("0") PING
	    BEGIN("1", A_CALL("toolu_01", "get_weather")) JSON("1", "")
	    JSON("1", "{\\'city\\': \\'P") JSON("1", "aris\\'}") END("1")
	    STOP("tool_use"),
	    "ok tool reasoning=Let me see. toolu_01:get_weather("
	    "{'city': 'Paris'})" USED },
	{ "a thought that is not shown", "claude",
	    START BEGIN("0", A_THOUGHT) SIGN("0", "") SIGN("0", "Eq")
	    SIGN("0", "EqQB") END("0")
	    SAYS("1", "so") STOP("end_turn"),
	    "ok stop text=so" USED },
	{ "a thought without a signature does not go back", "claude",
	    START BEGIN("0", A_THOUGHT) THINK("0", "Hm") END("0")
	    SAYS("1", "so") STOP("end_turn"),
	    "ok stop text=so reasoning=Hm" USED },
	{ "a redacted thought", "claude",
	    START BEGIN("0", "{'type':'redacted_thinking','data':'Em/w='}")
	    END("0") SAYS("1", "so") STOP("end_turn"),
	    "ok stop text=so" USED },
	{ "thoughts and texts in turn", "claude",
	    START SAYS("0", "a") BEGIN("1", A_THOUGHT) THINK("1", "b")
	    SIGN("1", "s") END("1") SAYS("2", "c") SAYS("3", "d")
	    STOP("end_turn"),
	    "ok stop text=a\n\ncd reasoning=b" USED },
	{ "two calls, the first without arguments", "claude",
	    START SAYS("0", "so") BEGIN("1", A_CALL("a", "f")) JSON("1", "")
	    END("1") CALLS("2", "b", "g", "{\\'x\\':1}") STOP("tool_use"),
	    "ok tool text=so a:f({}) b:g({'x':1})" USED },
	{ "blocks that interleave", "claude",
	    START BEGIN("0", A_CALL("a", "f")) BEGIN("1", A_CALL("b", "g"))
	    JSON("1", "{\\'x\\':") JSON("0", "{}") JSON("1", "1}") END("0")
	    END("1") STOP("tool_use"),
	    "ok tool a:f({}) b:g({'x':1})" USED },
	{ "the index is always 0", "claude",
	    START SAYS("0", "so") CALLS("0", "a", "f", "{}")
	    CALLS("0", "b", "g", "{}") STOP("tool_use"),
	    "ok tool text=so a:f({}) b:g({})" USED },
	{ "the arguments come with the call", "claude",
	    START BEGIN("0", "{'type':'tool_use','id':'a','name':'f','input':"
		"{'x':[1,'a/b']},'caller':{'type':'direct'}}") END("0")
	    STOP("tool_use"),
	    "ok tool a:f({'x':[1,'a/b']})" USED },
	{ "numbers are kept to the letter", "claude",
	    START CALLS("0", "a", "f",
		"{\\'x\\':123456789012345678901234567890,\\'y\\':1.10,"
		"\\'z\\':1E400}") STOP("tool_use"),
	    "ok tool a:f({'x':123456789012345678901234567890,'y':1.10,"
	    "'z':1E400})" USED },
	{ "bad arguments stay, for the model to hear of", "claude",
	    START CALLS("0", "a", "f", "{x") STOP("tool_use"),
	    "ok tool a:f({x)" USED },
	{ "NUL in arguments", "claude",
	    START CALLS("0", "a", "f", "{\\'x\\':\\'\\u0000\\'}")
	    STOP("tool_use"),
	    "ok tool a:f({'x':'\xef\xbf\xbd'})" USED },
	{ "cut by the token limit", "claude",
	    START SAYS("0", "so") CALLS("1", "a", "f", "{}")
	    BEGIN("2", A_CALL("b", "g")) JSON("2", "{\\'x\\':")
	    STOP("max_tokens"),
	    "ok tool text=so a:f({})" USED },
	{ "cut before the first argument", "claude",
	    START BEGIN("0", A_CALL("a", "f")) STOP("max_tokens"),
	    "ok length" USED },
	{ "cut before the first argument, with an end", "claude",
	    START SAYS("0", "so") BEGIN("1", A_CALL("a", "f")) END("1")
	    STOP("max_tokens"),
	    "ok length text=so" USED },
	{ "cut with an end", "claude",
	    START CALLS("0", "a", "f", "{\\'x\\':\\'hal") STOP("max_tokens"),
	    "ok length" USED },
	{ "whole, but without its end", "claude",
	    START BEGIN("0", A_CALL("a", "f")) JSON("0", "{}")
	    STOP("max_tokens"),
	    "ok length" USED },
	{ "cut in a thought", "claude",
	    START BEGIN("0", A_THOUGHT) THINK("0", "Hm") STOP("max_tokens"),
	    "ok length reasoning=Hm" USED },
	{ "cut in the call that a thought led to", "claude",
	    START SAYS("0", "so") BEGIN("1", A_THOUGHT) SIGN("1", "s")
	    END("1") BEGIN("2", "{'type':'redacted_thinking','data':'d'}")
	    END("2") BEGIN("3", A_CALL("a", "f")) STOP("max_tokens"),
	    "ok length text=so" USED },
	{ "cut in a search", "claude",
	    START SAYS("0", "so") SERVER("1") STOP("max_tokens"),
	    "ok length text=so" USED },
	{ "the window is full", "claude",
	    START SAYS("0", "so") STOP("model_context_window_exceeded"),
	    "ok length text=so" USED },
	{ "a stop sequence", "claude",
	    START SAYS("0", "so") STOP("stop_sequence"),
	    "ok stop text=so" USED },
	{ "an end nobody knows", "claude",
	    START SAYS("0", "so") STOP("bored"),
	    "ok stop text=so" USED },
	{ "tool_use without a call", "claude",
	    START SAYS("0", "so") STOP("tool_use"),
	    "ok stop text=so" USED },
	{ "end_turn with a call", "claude",
	    START CALLS("0", "a", "f", "{}") STOP("end_turn"),
	    "ok tool a:f({})" USED },
	{ "refusal", "claude",
	    START SAYS("0", "so") CALLS("1", "a", "f", "{}")
	    STOP_WITH("refusal", ",'stop_details':{'type':'refusal',"
		"'category':'cyber','explanation':'No.'}") OVER,
	    "ok filter error=No. text=so" USED },
	{ "nothing at all", "claude",
	    START STOP("end_turn"),
	    "ok stop" USED },
	{ "empty and blank texts do not go back", "claude",
	    START BEGIN("0", A_TEXT) END("0") SAYS("1", "\\n ")
	    CALLS("2", "a", "f", "{}") STOP("tool_use"),
	    "ok tool text=\n  a:f({})" USED },
	{ "a search, its result, citations", "claude",
	    START SAYS("0", "so") SERVER("1") FOUND("2")
	    BEGIN("3", "{'type':'text','text':'','citations':[]}")
	    DELTA("3", "'citations_delta','citation':{'url':'https://h/',"
		"'n':1.0}") TEXT("3", "yes") END("3")
	    BEGIN("4", "{'type':'text','text':'','citations':null}")
	    DELTA("4", "'citations_delta','citation':{'n':2}")
	    TEXT("4", "!") END("4") STOP("end_turn"),
	    "ok stop text=so\n\nyes!" USED },
	{ "a pause", "claude",
	    START SAYS("0", "so") SERVER("1") STOP("pause_turn"),
	    "ok pause text=so" USED },
	{ "usage that grows", "claude",
	    START_WITH(USAGE("10", "5", "100", "1")) SAYS("0", "so")
	    E("message_delta", ",'delta':{},'usage':{'output_tokens':20}")
	    E("message_delta", ",'delta':{'stop_reason':'end_turn'},'usage':"
		"{'input_tokens':30,'cache_read_input_tokens':null,"
		"'cache_creation_input_tokens':7,'output_tokens':40,"
		"'output_tokens_details':{'thinking_tokens':15}}") OVER,
	    "ok stop text=so usage=137/100/40/15+7" },
	{ "impossible usage", "claude",
	    START_WITH(USAGE("-5", "'x'", "9223372036854775807", "[]"))
	    SAYS("0", "so") E("message_delta",
		",'delta':{'stop_reason':'end_turn'},'usage':[]") OVER,
	    "ok stop text=so usage=1152921504606846975/1152921504606846975/0/"
	    "0" },
	{ "no message_stop", "claude",
	    START SAYS("0", "so") STOP_WITH("end_turn", ""),
	    "ok stop text=so" USED },
	{ "no blank line at the end", "claude",
	    START SAYS("0", "so") STOP_WITH("end_turn", "")
	    "event: message_stop\ndata: {'type':'message_stop'}",
	    "ok stop text=so" USED },
	{ "no stop reason", "claude",
	    START SAYS("0", "so") OVER,
	    "ok stop text=so usage=377/0/1/0" },
	{ "no end", "claude",
	    START SAYS("0", "so"),
	    "truncated none error=the stream ended before the reply did text="
	    "so usage=377/0/1/0" },
	{ "a whole call, but no end", "claude",
	    START CALLS("0", "a", "f", "{}"),
	    "truncated none error=the stream ended before the reply did usage"
	    "=377/0/1/0" },
	{ "nothing but pings", "claude",
	    PING PING,
	    "truncated none error=the stream ended before the reply did" },
	{ "no start", "claude",
	    SAYS("0", "so") STOP("end_turn"),
	    "ok stop text=so usage=0/0/65/0" },
	{ "no event lines, spaces, CRLF, comments, an end twice", "claude",
	    "\xef\xbb\xbf: hi\r\n\r\ndata:{ 'type':'content_block_start',"
	    "'index':0,'content_block':{'type':'text','text':'s'}}  \r\n\r\n"
	    "data: {'type':'content_block_delta','index':0,'delta':"
	    "{'type':'text_delta','text':'o'}}\r\n\r\n: x\r\n\r\n"
	    "data:\r\n\r\ndata: {'type':'message_delta','delta':"
	    "{'stop_reason':'end_turn'}}\r\n\r\ndata: {'type':"
	    "'message_stop'}\r\n\r\n" SAYS("0", "late")
	    E("error", ",'error':'late'"),
	    "ok stop text=so" },
	{ "no types in the data", "claude",
	    "event: content_block_start\ndata: {'content_block':" A_TEXT "}\n\n"
	    "event: content_block_delta\ndata: {'delta':{'type':"
	    "'text_delta','text':'so'}}\n\nevent: content_block_stop\n"
	    "data: {}\n\nevent: message_delta\ndata: {'delta':"
	    "{'stop_reason':'end_turn'}}\n\nevent: message_stop\ndata: {}\n\n",
	    "ok stop text=so" },
	{ "odd members", "claude",
	    START E("content_block_start", "") E("message_delta", "")
	    E("content_block_start", ",'content_block':[]")
	    E("new_event", ",'index':9") BEGIN("0", A_TEXT)
	    DELTA("0", "'new_delta','text':'no'")
	    DELTA("0", "'text_delta','text':7") DELTA("0", "null")
	    E("content_block_delta", ",'index':0,'delta':null")
	    DELTA("0", "'citations_delta'") TEXT("0", "so") END("0")
	    STOP("end_turn"),
	    "ok stop text=so" USED },
	{ "odd types", "claude",
	    START BEGIN("0", "{'type':'new_block','x':[1,{'y':null}]}")
	    END("0") BEGIN("1", "{'type':'compaction','content':''}")
	    DELTA("1", "'compaction_delta','content':'C'") END("1")
	    SAYS("2", "so") STOP("end_turn"),
	    "ok stop text=so" USED },
	{ "bad UTF-8, NUL and surrogates", "claude",
	    START SAYS("0", "a\xff\xc3(\\u0000\xf0\x9f\x98\x80\\ud83d\\ude00z")
	    STOP("end_turn"),
	    "ok stop text=a\xef\xbf\xbd\xef\xbf\xbd("
	    "\xef\xbf\xbd\xf0\x9f\x98\x80\xf0\x9f\x98\x80z" USED },
	{ "a piece of nothing", "claude",
	    START TEXT("0", "so") STOP("end_turn"),
	    "transient none error=the server sent a piece of something that i"
	    "t did not begin usage=377/0/1/0" },
	{ "an error first", "claude",
	    E("error", ",'error':{'type':"
		"'overloaded_error','message':'Overloaded'}"),
	    "transient none error=Overloaded" },
	{ "a rate limit in the middle", "claude",
	    START SAYS("0", "so") CALLS("1", "a", "f", "{}") E("error",
		",'error':{'type':'rate_limit_error','message':'Slow'}")
	    STOP("tool_use"),
	    "transient none error=Slow text=so usage=377/0/1/0" },
	{ "an error of the API", "claude",
	    START E("error", ",'error':{'type':'api_error','message':'It\\n"
		"broke\\u001b[1m'},'request_id':'req_1'"),
	    "transient none error=It broke [1m usage=377/0/1/0" },
	{ "an error that stays", "claude",
	    E("error", ",'error':{'type':"
		"'invalid_request_error','message':'prompt is too long'}"),
	    "permanent none error=prompt is too long" },
	{ "no rights", "claude",
	    E("error", ",'error':{'type':'permission_error',"
		"'message':'sk-canary-1234 may not'}"),
	    "permanent none error=[key] may not" },
	{ "no money", "claude",
	    E("error", ",'error':{'type':'rate_limit_error',"
		"'message':'Limit','details':{'error_code':"
		"'enforced_spend_limit_reached'}}"),
	    "permanent none error=Limit" },
	{ "bad JSON", "claude",
	    START SAYS("0", "so") "data: {'type':}\n\n"
	    STOP("end_turn"),
	    "transient none error=the server sent an event that is not JSON: "
	    "unexpected character text=so usage=377/0/1/0" },
	{ "bad JSON behind the end", "claude",
	    START SAYS("0", "so") STOP_WITH("end_turn", "") "data: {x\n\n"
	    OVER,
	    "ok stop text=so" USED },
	{ "a whole reply", "claude",
	    "{'id':'msg_1','type':'message','role':'assistant','content':["
	    "{'type':'thinking','thinking':'Hm','signature':'s'},"
	    "{'type':'text','text':'so'},{'type':'tool_use','id':'a','name':"
	    "'f','input':{'x':1}}],'stop_reason':'tool_use',"
	    USAGE("3", "0", "0", "2") "}\n",
	    "ok tool text=so reasoning=Hm a:f({'x':1}) usage=3/0/2/0" },
	{ "an error for a body", "claude",
	    "{'type':'error','error':{'type':'api_error','message':'Nope'}}",
	    "transient none error=Nope" },
	{ "JSON that is no reply", "claude",
	    "{'hello':1}",
	    "transient none error={'hello':1}" },
};

/* The content that goes back, where there is more to say of it. */
static const struct native {
	const char *name; /* of the vector */
	const char *content;
} natives[] = {
	{ "text",
	    "[{'type':'text','text':'Hello '}]" },
	{ "thought, signature, call in pieces",
	    "[{'type':'thinking','thinking':'Let me see.',"
	    "'signature':'EqQB+/='},{'type':'tool_use','id':'toolu_01',"
	    "'name':'get_weather','input':{'city': 'Paris'}}]" },
	{ "a thought that is not shown",
	    "[{'type':'thinking','thinking':'','signature':'EqQB'},"
	    "{'type':'text','text':'so'}]" },
	{ "a thought without a signature does not go back",
	    "[{'type':'text','text':'so'}]" },
	{ "a redacted thought",
	    "[{'type':'redacted_thinking','data':'Em/w='},{'type':'text',"
	    "'text':'so'}]" },
	{ "thoughts and texts in turn",
	    "[{'type':'text','text':'a'},{'type':'thinking','thinking':'b',"
	    "'signature':'s'},{'type':'text','text':'c'},{'type':'text',"
	    "'text':'d'}]" },
	{ "two calls, the first without arguments",
	    "[{'type':'text','text':'so'},{'type':'tool_use','id':'a',"
	    "'name':'f','input':{}},{'type':'tool_use','id':'b','name':'g',"
	    "'input':{'x':1}}]" },
	{ "blocks that interleave",
	    "[{'type':'tool_use','id':'a','name':'f','input':{}},"
	    "{'type':'tool_use','id':'b','name':'g','input':{'x':1}}]" },
	{ "the index is always 0",
	    "[{'type':'text','text':'so'},{'type':'tool_use','id':'a',"
	    "'name':'f','input':{}},{'type':'tool_use','id':'b','name':'g',"
	    "'input':{}}]" },
	{ "the arguments come with the call",
	    "[{'type':'tool_use','id':'a','name':'f','input':{'x':[1,'a/b']},"
	    "'caller':{'type':'direct'}}]" },
	{ "numbers are kept to the letter",
	    "[{'type':'tool_use','id':'a','name':'f','input':"
	    "{'x':123456789012345678901234567890,'y':1.10,'z':1E400}}]" },
	{ "bad arguments stay, for the model to hear of",
	    "[{'type':'tool_use','id':'a','name':'f','input':{}}]" },
	{ "NUL in arguments",
	    "[{'type':'tool_use','id':'a','name':'f','input':"
	    "{'x':'\xef\xbf\xbd'}}]" },
	{ "cut by the token limit",
	    "[{'type':'text','text':'so'},{'type':'tool_use','id':'a',"
	    "'name':'f','input':{}}]" },
	{ "cut before the first argument, with an end",
	    "[{'type':'text','text':'so'}]" },
	{ "cut in the call that a thought led to",
	    "[{'type':'text','text':'so'}]" },
	{ "cut in a search",
	    "[{'type':'text','text':'so'}]" },
	{ "end_turn with a call",
	    "[{'type':'tool_use','id':'a','name':'f','input':{}}]" },
	{ "empty and blank texts do not go back",
	    "[{'type':'tool_use','id':'a','name':'f','input':{}}]" },
	{ "a search, its result, citations",
	    "[{'type':'text','text':'so'},{'type':'server_tool_use',"
	    "'id':'srvtoolu_1','name':'web_search','input':{'query': 'C'}},"
	    "{'type':'web_search_tool_result','tool_use_id':'srvtoolu_1',"
	    "'content':[{'type':'web_search_result','url':'https://h/',"
	    "'encrypted_content':'Eq/+='}]},{'type':'text','text':'yes',"
	    "'citations':[{'url':'https://h/','n':1.0}]},{'type':'text',"
	    "'text':'!','citations':[{'n':2}]}]" },
	{ "a pause",
	    "[{'type':'text','text':'so'},{'type':'server_tool_use',"
	    "'id':'srvtoolu_1','name':'web_search','input':{'query': 'C'}}]" },
	{ "odd types",
	    "[{'type':'new_block','x':[1,{'y':null}]},{'type':'compaction',"
	    "'content':'C'},{'type':'text','text':'so'}]" },
	{ "bad UTF-8, NUL and surrogates",
	    "[{'type':'text',"
	    "'text':'a\xef\xbf\xbd\xef\xbf\xbd(\\u0000\xf0\x9f\x98\x80\xf0\x9f\x98\x80z'}]" },
	{ "a whole reply",
	    "[{'type':'thinking','thinking':'Hm','signature':'s'},"
	    "{'type':'text','text':'so'},{'type':'tool_use','id':'a','name':'f',"
	    "'input':{'x':1}}]" },
};
/* clang-format on */

VECTOR_TESTS(&backend_claude, vectors)

static const struct vector *
find_vector(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		if (strcmp(vectors[i].name, name) == 0)
			return (&vectors[i]);
	CHECK_STR(name, "the name of a vector");
	return (&vectors[0]);
}

static void
check_native(const struct native *n, size_t step)
{
	struct backend_config config = wire_config(&backend_claude, "claude");
	char *bytes = json_unquote(find_vector(n->name)->bytes);
	struct reply r;

	wire_read(&backend_claude, &config, &r, HTTP_DONE, bytes, strlen(bytes),
	    step, step);
	json_check(json_object_get(r.native), n->content);
	reply_release(&r);
	free(bytes);
}

TEST(what_goes_back)
{
	size_t i;

	for (i = 0; i < sizeof(natives) / sizeof(natives[0]); i++) {
		check_native(&natives[i], SIZE_MAX);
		check_native(&natives[i], 1);
	}
}

static void
read_text(struct reply *r, const char *text)
{
	struct backend_config config = wire_config(&backend_claude, "claude");

	wire_answer(&backend_claude, &config, r, 200, text);
}

TEST(a_call_without_anything)
{
	struct json_object *block;
	struct reply r;

	read_text(&r,
	    START BEGIN("0", "{'type':'tool_use','input':null}") END("0")
		STOP("tool_use"));
	CHECK_INT(r.ncalls, 1);
	CHECK_STR(r.calls[0].name, "");
	CHECK_STR(r.calls[0].arguments.data, "{}");
	CHECK(r.calls[0].id[0] != '\0');
	block = json_object_array_get_idx(r.native, 0);
	CHECK_STR(json_object_get_string(member(block, "id")), r.calls[0].id);
	json_check(json_object_get(member(block, "input")), "{}");
	reply_release(&r);
}

TEST(nothing_goes_back)
{
	static const char *const streams[] = { START STOP("end_turn"),
		START SAYS("0", " \\n") STOP("end_turn"),
		START CALLS("0", "a", "f", "{") STOP("max_tokens"),
		START SAYS("0", "so") STOP("refusal"),
		START BEGIN("0", A_THOUGHT) SIGN("0", "s") END("0")
		    STOP("max_tokens") };
	struct reply r;
	size_t i;

	for (i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		read_text(&r, streams[i]);
		CHECK_INT(r.failure, FAILURE_NONE);
		CHECK(r.native == NULL && r.ncalls == 0);
		reply_release(&r);
	}
}

TEST(an_error_behind_a_refusal)
{
	struct reply r;

	read_text(&r,
	    START STOP_WITH("refusal", ",'stop_details':{'category':'bio'}")
		E("error", ",'error':{'type':'api_error','message':'Oh'}"));
	CHECK_INT(r.failure, FAILURE_TRANSIENT);
	CHECK_STR(r.error, "Oh");
	reply_release(&r);
}

/* Many small things in one reply. */
static void
read_many(struct reply *r, int n, const char *type)
{
	struct buf b = BUF_INITIALIZER;
	int i;

	for (i = 0; i < n; i++)
		buf_addf(&b,
		    "data: {'type':'content_block_start','index':%d,"
		    "'content_block':{'type':'%s'}}\n\n",
		    i, type);
	buf_adds(&b, STOP("end_turn"));
	read_text(r, b.data);
	buf_release(&b);
}

TEST(more_than_anybody_sends)
{
	struct reply r;

	read_many(&r, 1024, "new");
	CHECK_INT(r.failure, FAILURE_NONE);
	reply_release(&r);
	read_many(&r, 1025, "new");
	CHECK_INT(r.failure, FAILURE_TRANSIENT);
	CHECK_STR(r.error, "the model's reply has more than 1024 parts");
	CHECK(r.native == NULL);
	reply_release(&r);
	read_many(&r, CALLS_MAX + 1, "tool_use");
	CHECK_INT(r.failure, FAILURE_TRANSIENT);
	CHECK_INT(r.ncalls, 0);
	CHECK(r.native == NULL);
	reply_release(&r);
}
