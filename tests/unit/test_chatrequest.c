/*
 * backend/chatcompletion: what is sent, what goes back into the history, and
 * what is made of an HTTP error.
 */

#include "tests/wire.h"

static struct backend_config
config_of(const char *type, const char *url)
{
	struct backend_config c = wire_config(&backend_chatcompletion, type);

	c.base_url = url;
	return (c);
}

static void
check_request(const char *type, const char *url, const char *params,
    const char *system, size_t ntools, const char *want)
{
	struct backend_config config = config_of(type, url);
	struct tool_spec tool = { "vote", "Vote.", NULL };
	struct json_object *history = json_object_new_array();

	config.params = json_parse(params);
	tool.schema = json_parse("{'type':'object'}");
	backend_chatcompletion.add_user(history, "Why?");
	json_check(backend_chatcompletion.build_request(
		       &config, "m", system, history, &tool, ntools),
	    want);
	json_object_put(history);
	json_object_put(tool.schema);
	json_object_put(config.params);
}

#define HEAD(messages)                            \
	"{'model':'m','messages':[" messages "]," \
	"'stream':true,'stream_options':{'include_usage':true}"
#define WHY "{'role':'user','content':'Why?'}"
#define TOOLS                                                      \
	",'tools':[{'type':'function','function':{'name':'vote',"  \
	"'description':'Vote.','parameters':{'type':'object'}}}]," \
	"'tool_choice':'auto'"

TEST(request)
{
	check_request("groq", "https://h/v1", "{}", "Be terse.", 1,
	    HEAD("{'role':'system','content':'Be terse.'}," WHY) TOOLS "}");
	check_request("groq", "https://h/v1", "{}", NULL, 0, HEAD(WHY) "}");
	check_request("groq", "https://h/v1", "{}", "", 0, HEAD(WHY) "}");
}

TEST(parameters)
{
	check_request("groq", "https://h/v1",
	    "{'temperature':0.5,'extra_body':{'top_k':3}}", NULL, 0,
	    HEAD(WHY) ",'temperature':0.5,'top_k':3}");
	check_request("groq", "https://h/v1", "{'tool_choice':'required'}",
	    NULL, 0, HEAD(WHY) "}");
	check_request("groq", "https://h/v1", "{'stream_options':null}", NULL,
	    0, "{'model':'m','messages':[" WHY "],'stream':true}");
	check_request("groq", "https://h/v1", "{'extra_body':'odd'}", NULL, 0,
	    HEAD(WHY) "}");
}

TEST(parameters_that_are_not_taken)
{
	check_request("groq", "https://h/v1",
	    "{'model':'x','messages':[],'stream':false,'tools':[],"
	    "'extra_body':{'model':'x','messages':null,'stream':0,"
	    "'tools':null,'extra_body':{'a':1}}}",
	    NULL, 1, HEAD(WHY) TOOLS "}");
}

TEST(name_of_the_output_limit)
{
	static const char *const plain[] = { "https://h/v1",
		"https://api.openai.com.evil.example/v1",
		"https://notapi.openai.com/v1", "http://h/api.openai.com" };
	static const char *const openai[] = { "https://api.openai.com/v1",
		"https://API.OpenAI.com:443/v1", "https://u:p@api.openai.com/",
		"https://eu.api.openai.com/v1" };
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		check_request("chatcompletion", plain[i], "{'max_tokens':5}",
		    NULL, 0, HEAD(WHY) ",'max_tokens':5}");
	for (i = 0; i < sizeof(openai) / sizeof(openai[0]); i++)
		check_request("chatcompletion", openai[i], "{'max_tokens':5}",
		    NULL, 0, HEAD(WHY) ",'max_completion_tokens':5}");
	check_request("openai", "http://127.0.0.1:1/v1",
	    "{'extra_body':{'max_tokens':5}}", NULL, 0,
	    HEAD(WHY) ",'max_completion_tokens':5}");
}

/* The history after a reply and the result of its first call. */
static void
check_history(const char *type, const char *message, const char *want)
{
	struct backend_config config =
	    wire_config(&backend_chatcompletion, type);
	struct json_object *history = json_object_new_array();
	struct reply r;
	char *body;

	body = xasprintf("{'choices':[{'message':{%s},"
			 "'finish_reason':'stop'}]}",
	    message);
	wire_answer(&backend_chatcompletion, &config, &r, 200, body);
	backend_chatcompletion.add_reply(history, &r);
	if (r.ncalls > 0)
		backend_chatcompletion.add_result(
		    history, &r.calls[0], "Accepted.", false);
	json_check(history, want);
	reply_release(&r);
	free(body);
}

#define THOUGHT "'reasoning_content':'Hm',"
#define CALL(arguments)                                                \
	"'tool_calls':[{'id':'a','type':'function','function':{'name'" \
	":'f','arguments':'" arguments "'}}]"
#define REPLAY(extra, arguments)                                       \
	"[{'role':'assistant','content':null," extra CALL(             \
	    arguments) "},"                                            \
		       "{'role':'tool','tool_call_id':'a','content':'" \
		       "Accepted.'}]"

TEST(history)
{
	check_history(
	    "groq", "'content':'Hi'", "[{'role':'assistant','content':'Hi'}]");
	check_history("groq", CALL("{\\'x\\':1}"), REPLAY("", "{\\'x\\':1}"));
	check_history("groq", CALL(""), REPLAY("", "{}"));
	check_history("groq", CALL("{x"), REPLAY("", "{}"));
	check_history("groq", "'content':''", "[]");
	check_history("groq", "'content':'<think>Hm</think>Hi'",
	    "[{'role':'assistant','content':'Hi'}]");
}

TEST(history_of_a_failure)
{
	struct backend_config config =
	    wire_config(&backend_chatcompletion, "groq");
	struct json_object *history = json_object_new_array();
	struct reply r;

	wire_answer(&backend_chatcompletion, &config, &r, 200,
	    "data: {'choices':[{'delta':{'content':'cut'}}]}\n\n");
	CHECK_STR(r.text.data, "cut");
	backend_chatcompletion.add_reply(history, &r);
	json_check(history, "[]");
	reply_release(&r);
}

TEST(history_with_reasoning)
{
	static const char *const types[] = { "deepseek", "moonshot", "zai" };
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		check_history(types[i], THOUGHT CALL("{}"),
		    REPLAY("'reasoning_content':'Hm',", "{}"));
		check_history(types[i], CALL("{}"),
		    REPLAY("'reasoning_content':'',", "{}"));
		check_history(types[i], THOUGHT "'content':'Hi'",
		    "[{'role':'assistant','content':'Hi'}]");
	}
	check_history("groq", THOUGHT CALL("{}"), REPLAY("", "{}"));
}

static void
check_headers(const char *key, const char *want)
{
	struct backend_config config =
	    wire_config(&backend_chatcompletion, "groq");

	config.key = key;
	wire_check_headers(&backend_chatcompletion, &config, want);
}

TEST(url_and_headers)
{
	struct backend_config config =
	    wire_config(&backend_chatcompletion, "groq");

	wire_check_url(&backend_chatcompletion, &config, "m",
	    "http://h/v1/chat/completions");
	check_headers(NULL, WIRE_HEADERS);
	check_headers("", WIRE_HEADERS);
	check_headers(
	    "sk-1\r\nX-Evil: yes", WIRE_HEADERS "Authorization: Bearer sk-1|");
}

TEST(finding_a_backend)
{
	CHECK(backend_find("chatcompletion") == &backend_chatcompletion);
	CHECK(backend_find("carrier pigeon") == NULL);
	CHECK(backend_find("") == NULL);
}

static void
check_error(
    long status, const char *body, enum failure failure, const char *error)
{
	struct backend_config config =
	    wire_config(&backend_chatcompletion, "openai");
	struct reply r;

	wire_answer(&backend_chatcompletion, &config, &r, status, body);
	CHECK_INT(r.failure, failure);
	CHECK_STR(r.error, error);
	CHECK(r.native == NULL && r.ncalls == 0);
	reply_release(&r);
}

/* An error in the usual form. */
static void
check_code(
    long status, const char *type, const char *code, enum failure failure)
{
	char *body = xasprintf("{'error':{'message':'Oh','type':'%s',"
			       "'code':'%s','param':null}}",
	    type, code);
	char *error = xasprintf("HTTP %ld: Oh", status);

	check_error(status, body, failure, error);
	free(error);
	free(body);
}

TEST(statuses)
{
	check_code(400, "invalid_request_error", "", FAILURE_PERMANENT);
	check_code(401, "", "invalid_api_key", FAILURE_PERMANENT);
	check_code(402, "", "", FAILURE_PERMANENT);
	check_code(403, "", "permission", FAILURE_PERMANENT);
	check_code(404, "", "model_not_found", FAILURE_PERMANENT);
	check_code(408, "", "", FAILURE_TRANSIENT);
	check_code(409, "conflict", "", FAILURE_TRANSIENT);
	check_code(413, "", "", FAILURE_PERMANENT);
	check_code(418, "", "", FAILURE_PERMANENT);
	check_code(422, "", "", FAILURE_PERMANENT);
	check_code(429, "tokens", "rate_limit_exceeded", FAILURE_TRANSIENT);
	check_code(500, "server_error", "", FAILURE_TRANSIENT);
	check_code(503, "service_unavailable_error", "", FAILURE_TRANSIENT);
	check_code(529, "overloaded_error", "", FAILURE_TRANSIENT);
}

TEST(codes_that_overrule_the_status)
{
	check_code(429, "insufficient_quota", "", FAILURE_PERMANENT);
	check_code(429, "", "insufficient_quota", FAILURE_PERMANENT);
	check_code(429, "", "project_spend_limit_exceeded", FAILURE_PERMANENT);
	check_code(429, "exceeded_current_quota_error", "", FAILURE_PERMANENT);
	check_code(429, "", "credit_balance_exhausted", FAILURE_PERMANENT);
	check_code(400, "", "tool_use_failed", FAILURE_TRANSIENT);
}

TEST(codes_that_do_not)
{
	check_code(429, "invalid_request_error", "", FAILURE_TRANSIENT);
	check_code(500, "invalid_request_error", "", FAILURE_TRANSIENT);
	check_code(
	    400, "server_error", "rate_limit_exceeded", FAILURE_PERMANENT);
}

TEST(words_of_an_error)
{
	check_error(404, "{'detail':'Not Found'}", FAILURE_PERMANENT,
	    "HTTP 404: Not Found");
	check_error(422, "{'object':'error','message':'Too odd'}",
	    FAILURE_PERMANENT, "HTTP 422: Too odd");
	check_error(400, "{'code':'x','error':'Bad key'}", FAILURE_PERMANENT,
	    "HTTP 400: Bad key");
	check_error(403, "", FAILURE_PERMANENT, "HTTP 403");
	check_error(500, "[1,2]", FAILURE_TRANSIENT, "HTTP 500: [1,2]");
	check_error(502, "<html>\r\n<h1>Bad\tGateway\x1b[31m</h1>",
	    FAILURE_TRANSIENT, "HTTP 502: <html>  <h1>Bad Gateway [31m</h1>");
	check_error(503, "\xff\xfe", FAILURE_TRANSIENT,
	    "HTTP 503: \xef\xbf\xbd\xef\xbf\xbd");
	check_error(307, "<a href=x>moved</a>", FAILURE_PERMANENT,
	    "HTTP 307: redirects are not followed: is the base URL right?");
	check_error(401, "{'error':{'message':'sk-canary-1234 is bad'}}",
	    FAILURE_PERMANENT, "HTTP 401: [key] is bad");
	check_error(401, "no, sk-canary-1234sk-canary-1234!", FAILURE_PERMANENT,
	    "HTTP 401: no, [key][key]!");
}

TEST(long_words_are_cut)
{
	struct backend_config config =
	    wire_config(&backend_chatcompletion, "openai");
	struct buf body = BUF_INITIALIZER;
	struct reply r;
	int i;

	for (i = 0; i < 1000; i++)
		buf_adds(&body, "\xc3\xa9");
	wire_answer(&backend_chatcompletion, &config, &r, 500, body.data);
	CHECK(strlen(r.error) <= REPLY_ERROR_MAX);
	CHECK(strlen(r.error) > REPLY_ERROR_MAX - 8);
	CHECK_STR(r.error + strlen(r.error) - 5, "\xc3\xa9...");
	reply_release(&r);
	buf_release(&body);
}
