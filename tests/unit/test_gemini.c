/*
 * backend/gemini: what is made of the streams that the API is known to answer
 * with, wherever they are cut.
 */

#include "agent-worker/backend/calls.h"
#include "tests/mutants.h"

#define D(data)      "data: " data "\r\n\r\n"
#define PARTS(parts) "'content':{'parts':[" parts "],'role':'model'}"
#define CHUNK(candidate, more) \
	D("{'candidates':[{" candidate ",'index':0}]" more "}")
#define SAY(text)      CHUNK(PARTS("{'text':'" text "'}"), "")
#define PART(part)     CHUNK(PARTS(part), "")
#define END(reason)    CHUNK("'finishReason':'" reason "'", "")
#define USAGE(members) ",'usageMetadata':{" members "}"
#define CALL(name, arguments) \
	"{'functionCall':{'name':'" name "','args':" arguments "}}"
#define ERROR(code, message, more) \
	"{'error':{'code':" code ",'message':'" message "'" more "}}"

/* clang-format off */
static const struct vector vectors[] = {
	{ "recorded: a call, then an empty text with the end", "gemini",
	    CHUNK(PARTS("{'functionCall':{'name':'get_country','args':{}},"
		"'thoughtSignature':'EpwI+/=='}"),
		USAGE("'promptTokenCount':29,'candidatesTokenCount':10,"
		    "'totalTokenCount':241,'thoughtsTokenCount':202")
		",'modelVersion':'gemini-3-pro-preview','responseId':'QUVV'")
	    CHUNK(PARTS("{'text':''}") ",'finishReason':'STOP'",
		USAGE("'promptTokenCount':29,'candidatesTokenCount':10,"
		    "'totalTokenCount':241,'thoughtsTokenCount':202")),
	    "ok tool *:get_country({}) usage=29/0/212/202" },
	{ "text", "gemini",
	    SAY("Hel") SAY("lo") SAY("") CHUNK(PARTS("{'text':' x'}")
		",'finishReason':'STOP'", ""),
	    "ok stop text=Hello x" },
	{ "LF, a BOM, a comment, no role, no index, no blank line", "gemini",
	    "\xef\xbb\xbf: hi\n\ndata:{'candidates':[{'content':{'parts':"
	    "[{'text':'so'}]}}]}\n\ndata: {'candidates':[{'finishReason':"
	    "'STOP'}]}",
	    "ok stop text=so" },
	{ "thoughts", "gemini",
	    PART("{'text':'I ','thought':true}")
	    PART("{'text':'think.','thought':true}")
	    PART("{'text':'So.','thought':false}") SAY("!")
	    PART("{'text':'','thoughtSignature':'c2ln'}") END("STOP"),
	    "ok stop text=So.! reasoning=I think." },
	{ "parallel calls with ids, text before", "gemini",
	    SAY("Well:")
	    PART("{'functionCall':{'id':'c1','name':'f','args':{'a':1,"
		"'b':['\\u00e9',null,1.50,'a/b']}},'thoughtSignature':'EpwI'},"
		"{'functionCall':{'id':'c2','name':'g'}}") END("STOP"),
	    "ok tool text=Well: c1:f({'a':1,'b':['\xc3\xa9',null,1.50,'a/b']})"
	    " c2:g({})" },
	{ "the same call twice, without ids", "gemini",
	    PART(CALL("f", "{}")) PART(CALL("f", "{}")) END("STOP"),
	    "ok tool *:f({}) *:f({})" },
	{ "the same id twice", "gemini",
	    PART("{'functionCall':{'id':'c','name':'f','args':{}}},"
		"{'functionCall':{'id':'c','name':'f','args':{}}}")
	    END("STOP"),
	    "ok tool c:f({}) c:f({})" },
	{ "a reason that does not exist", "gemini",
	    PART(CALL("f", "{'x':1}")) END("FUNCTION_CALL"),
	    "ok tool *:f({'x':1})" },
	{ "a call before the limit", "gemini",
	    PART(CALL("f", "{}")) END("MAX_TOKENS"), "ok tool *:f({})" },
	{ "a call without a name", "gemini",
	    PART("{'functionCall':{'args':{}}}") END("STOP"),
	    "transient none error=the model called a function without a name" },
	{ "arguments that are no object stay, for the model to hear", "gemini",
	    PART(CALL("f", "'x'")) END("STOP"), "ok tool *:f('x')" },
	{ "limit", "gemini", SAY("so") END("MAX_TOKENS"),
	    "ok length text=so" },
	{ "limit before anything was said", "gemini", END("MAX_TOKENS"),
	    "ok length" },
	{ "a long decode", "gemini", SAY("so") END("CONTINUATION"),
	    "ok length text=so" },
	{ "safety", "gemini", SAY("so") END("SAFETY"), "ok filter error=SAFETY text=so" },
	{ "prohibited", "gemini", CHUNK("'finishReason':"
		"'PROHIBITED_CONTENT','finishMessage':'No.'", ""),
	    "ok filter error=PROHIBITED_CONTENT: No." },
	{ "recitation", "gemini", SAY("so") END("RECITATION"),
	    "ok filter error=RECITATION text=so" },
	{ "other", "gemini", SAY("so") END("OTHER"), "ok stop text=so" },
	{ "reasons that are none", "gemini",
	    CHUNK(PARTS("{'text':'s'}") ",'finishReason':null", "")
	    CHUNK(PARTS("{'text':'o'}") ",'finishReason':''", "")
	    END("FINISH_REASON_UNSPECIFIED") END("STOP"),
	    "ok stop text=so" },
	{ "malformed call", "gemini",
	    PART(CALL("f", "{}")) CHUNK("'finishReason':"
		"'MALFORMED_FUNCTION_CALL','finishMessage':'Malformed: f('",
		USAGE("'promptTokenCount':9")),
	    "transient none error=the provider ended the reply: "
	    "MALFORMED_FUNCTION_CALL: Malformed: f( usage=9/0/0/0" },
	{ "unexpected call", "gemini", END("UNEXPECTED_TOOL_CALL"),
	    "transient none error=the provider ended the reply: "
	    "UNEXPECTED_TOOL_CALL" },
	{ "missing signature", "gemini", END("MISSING_THOUGHT_SIGNATURE"),
	    "permanent none error=the provider ended the reply: "
	    "MISSING_THOUGHT_SIGNATURE" },
	{ "nothing", "gemini", CHUNK(PARTS("{'text':''}"), "") END("STOP"),
	    "transient stop error=the model said nothing" },
	{ "nothing but a thought", "gemini",
	    PART("{'text':'Hm','thought':true}") END("STOP"),
	    "ok stop reasoning=Hm" },
	{ "the prompt is blocked", "gemini",
	    D("{'promptFeedback':{'blockReason':'PROHIBITED_CONTENT'}"
		USAGE("'promptTokenCount':7") "}"),
	    "permanent none error=the provider blocked the prompt: "
	    "PROHIBITED_CONTENT usage=7/0/0/0" },
	{ "the prompt is blocked, in words", "gemini",
	    D("{'promptFeedback':{'blockReason':'OTHER',"
		"'blockReasonMessage':'Not this.'}}"),
	    "permanent none error=the provider blocked the prompt: "
	    "OTHER: Not this." },
	{ "feedback without a block", "gemini",
	    D("{'promptFeedback':{'safetyRatings':[]}}") SAY("so") END("STOP"),
	    "ok stop text=so" },
	{ "no candidates, odd candidates", "gemini",
	    D("{'usageMetadata':{}}") D("{'candidates':[]}")
	    D("{'candidates':null}") D("{'candidates':{}}")
	    D("{'candidates':[null,7,{'index':1,'content':{'parts':"
		"[{'text':'no'}]}}]}")
	    D("{'candidates':[{}]}") D("{'candidates':[{'content':null}]}")
	    D("{'candidates':[{'content':{'role':'model'}}]}")
	    D("{'candidates':[{'content':{'parts':{}}}]}")
	    PART("null,7,'x',[],{},{'text':7},{'inlineData':{'data':'eA=='}}")
	    SAY("so") END("STOP") D("{}"),
	    "ok stop text=so" },
	{ "no index but 0 is ours", "gemini",
	    D("{'candidates':[{'index':1,'content':{'parts':[{'text':'no'}]},"
		"'finishReason':'STOP'},{'content':{'parts':[{'text':'yes'}]},"
		"'index':0}]}") END("STOP"),
	    "ok stop text=yes" },
	{ "code that the provider ran", "gemini",
	    PART("{'executableCode':{'language':'PYTHON','code':'1'}},"
		"{'codeExecutionResult':{'outcome':'OUTCOME_OK','output':'1'}}")
	    SAY("One.") END("STOP"),
	    "ok stop text=One." },
	{ "usage: the last one counts, tools and thoughts included", "gemini",
	    CHUNK(PARTS("{'text':'s'}"), USAGE("'promptTokenCount':55,"
		"'candidatesTokenCount':2"))
	    CHUNK(PARTS("{'text':'o'}") ",'finishReason':'STOP'",
		USAGE("'promptTokenCount':257,'cachedContentTokenCount':200,"
		    "'toolUsePromptTokenCount':40,'candidatesTokenCount':5,"
		    "'thoughtsTokenCount':30,'promptTokensDetails':["
		    "{'modality':'TEXT','tokenCount':257}]")),
	    "ok stop text=so usage=297/200/35/30" },
	{ "usage behind the end", "gemini",
	    SAY("so") END("STOP")
	    D("{'usageMetadata':{'promptTokenCount':3,"
		"'candidatesTokenCount':1}}"),
	    "ok stop text=so usage=3/0/1/0" },
	{ "impossible usage", "gemini",
	    CHUNK(PARTS("{'text':'so'}") ",'finishReason':'STOP'",
		USAGE("'promptTokenCount':9223372036854775807,"
		    "'toolUsePromptTokenCount':9,'cachedContentTokenCount':-1,"
		    "'candidatesTokenCount':'many','thoughtsTokenCount':-7")),
	    "ok stop text=so usage=9223372036854775807/0/0/0" },
	{ "neither an end nor an error", "gemini", SAY("so"),
	    "truncated none error=the stream ended before the reply did "
	    "text=so" },
	{ "an error in between", "gemini",
	    SAY("so") D(ERROR("503", "Overloaded.", ",'status':"
		"'UNAVAILABLE'")) SAY("late"),
	    "transient none error=Overloaded. text=so" },
	{ "a bare error", "gemini",
	    SAY("so") ERROR("500", "Internal.", "") "\r\n\r\n",
	    "transient none error=Internal. text=so" },
	{ "an error that stays", "gemini", D(ERROR("400", "Bad.", "")),
	    "permanent none error=Bad." },
	{ "an error that quotes the key", "gemini",
	    D(ERROR("403", "Key " WIRE_KEY " is leaked.", "")),
	    "permanent none error=Key [key] is leaked." },
	{ "bad JSON", "gemini", SAY("so") D("{'candidates':[}") END("STOP"),
	    "transient none error=the server sent an event that is not JSON: "
	    "unexpected character text=so" },
	{ "bad JSON behind the end", "gemini",
	    SAY("so") END("STOP") D("{'usage':}"), "ok stop text=so" },
	{ "bad UTF-8, NUL and surrogates", "gemini",
	    SAY("a\xff\xc3(\\u0000\\ud83d\\ude00\\ud800z") END("STOP"),
	    "ok stop text=a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd"
	    "\xf0\x9f\x98\x80\xef\xbf\xbdz" },
	{ "a list for a body", "gemini",
	    "[{'candidates':[{" PARTS("{'text':'s'}") "}]}\n,\r\n"
	    "{'candidates':[{" PARTS("{'text':'o'}," CALL("f", "{}"))
	    ",'finishReason':'STOP'}]" USAGE("'promptTokenCount':4") "}]\n",
	    "ok tool text=so *:f({}) usage=4/0/0/0" },
	{ "a list of one", "gemini",
	    "[{'candidates':[{" PARTS("{'text':'so'}")
	    ",'finishReason':'STOP'}]}]",
	    "ok stop text=so" },
	{ "a list that ends in an error", "gemini",
	    "[{'candidates':[{" PARTS("{'text':'so'}") "}]},"
	    ERROR("429", "Slow down.", "") "]",
	    "transient none error=Slow down. text=so" },
	{ "a whole reply", "gemini",
	    "{'candidates':[{" PARTS("{'text':'so'}")
	    ",'finishReason':'STOP'}]" USAGE("'promptTokenCount':4") "}",
	    "ok stop text=so usage=4/0/0/0" },
	{ "an error in a list", "gemini",
	    "[" ERROR("400", "API key not valid", "") "]\n",
	    "permanent none error=API key not valid" },
	{ "an empty list", "gemini", "[]", "transient none error=[]" },
	{ "a list of nothing", "gemini", "[null, 3]",
	    "transient none error=[null, 3]" },
	{ "HTML", "gemini", "<html>Log in</html>",
	    "transient none error=<html>Log in</html>" },
	{ "JSON that is no reply", "gemini", "{'hello':1}",
	    "transient none error={'hello':1}" },
};
/* clang-format on */

VECTOR_TESTS(&backend_gemini, vectors)

/* An answer of that status: how it failed, and the pause that it asks for. */
static void
check_error(long status, const char *body, enum failure failure,
    const char *error, int64_t pause_ms)
{
	struct backend_config config = wire_config(&backend_gemini, "gemini");
	struct reply r;

	wire_answer(&backend_gemini, &config, &r, status, body);
	CHECK_INT(r.failure, failure);
	CHECK_STR(r.error, error);
	CHECK_INT(r.retry_after_ms, pause_ms);
	CHECK(r.native == NULL && r.ncalls == 0);
	reply_release(&r);
}

#define DETAILS(list) ",'status':'RESOURCE_EXHAUSTED','details':[" list "]"
#define RETRY_INFO(delay)                                      \
	"{'@type':'type.googleapis.com/google.rpc.RetryInfo'," \
	"'retryDelay':'" delay "'}"
#define QUOTA(id)                                                 \
	"{'@type':'type.googleapis.com/google.rpc.QuotaFailure'," \
	"'violations':[{'quotaMetric':'m'},{'quotaId':'" id "'}]}"

TEST(errors)
{
	check_error(400, ERROR("400", "API key not valid.", ""),
	    FAILURE_PERMANENT, "HTTP 400: API key not valid.", 0);
	check_error(400, "[" ERROR("400", "Bad.", "") "]", FAILURE_PERMANENT,
	    "HTTP 400: Bad.", 0);
	check_error(403, ERROR("403", "No.", ""), FAILURE_PERMANENT,
	    "HTTP 403: No.", 0);
	check_error(404, ERROR("404", "No such model.", ""), FAILURE_PERMANENT,
	    "HTTP 404: No such model.", 0);
	check_error(500, ERROR("500", "Oh.", ""), FAILURE_TRANSIENT,
	    "HTTP 500: Oh.", 0);
	check_error(503, "", FAILURE_TRANSIENT, "HTTP 503", 0);
	check_error(502, "<html>", FAILURE_TRANSIENT, "HTTP 502: <html>", 0);
}

TEST(pauses_that_are_asked_for)
{
	check_error(429,
	    ERROR("429", "Slow.", DETAILS("null,7," RETRY_INFO("34.4s"))),
	    FAILURE_TRANSIENT, "HTTP 429: Slow.", 34400);
	check_error(429,
	    ERROR("429", "Slow.",
		DETAILS(RETRY_INFO("2s") "," QUOTA(
		    "GenerateRequestsPerMinutePerProject"))),
	    FAILURE_TRANSIENT, "HTTP 429: Slow.", 2000);
	check_error(429,
	    ERROR("429", "Enough.",
		DETAILS(
		    QUOTA("GenerateRequestsPerDayPerProject-FreeTier") "," RETRY_INFO(
			"9s"))),
	    FAILURE_PERMANENT, "HTTP 429: Enough.", 9000);
	check_error(200, D(ERROR("429", "Slow.", DETAILS(RETRY_INFO("0.5s")))),
	    FAILURE_TRANSIENT, "Slow.", 500);
}

TEST(pauses_that_make_no_sense)
{
	static const char *const delays[] = { "", "s", "1", "-1s", "1m", "1ss",
		"1s ", "s1", "0s", "nans", "11111111111111111111111111111s.s",
		"Fri, 31 Dec 1999 23:59:59 GMTs" };
	char *body;
	size_t i;

	for (i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		body =
		    xasprintf(ERROR("429", "Slow.", DETAILS(RETRY_INFO("%s"))),
			delays[i]);
		check_error(429, body, FAILURE_TRANSIENT, "HTTP 429: Slow.", 0);
		free(body);
	}
	check_error(429, ERROR("429", "Slow.", ",'details':{'retryDelay':3}"),
	    FAILURE_TRANSIENT, "HTTP 429: Slow.", 0);
}

TEST(more_calls_than_anybody_makes)
{
	struct backend_config config = wire_config(&backend_gemini, "gemini");
	struct buf b = BUF_INITIALIZER;
	struct reply r;
	char *bytes;
	int i;

	for (i = 0; i <= CALLS_MAX; i++)
		buf_adds(&b, PART(CALL("f", "{}")));
	buf_adds(&b, END("STOP"));
	bytes = json_unquote(b.data);
	wire_read(
	    &backend_gemini, &config, &r, HTTP_DONE, bytes, b.len, b.len, 1);
	CHECK_INT(r.failure, FAILURE_TRANSIENT);
	CHECK(r.ncalls == 0 && r.native == NULL);
	reply_release(&r);
	buf_release(&b);
	free(bytes);
}
