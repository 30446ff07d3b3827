/*
 * backend/claude: what is sent, over a whole conversation, and what is made
 * of an HTTP error.
 */

#include "tests/wire.h"

#define THINK                                                       \
	"{'type':'thinking','thinking':'Let me see.','signature':'" \
	"EqQB+/='}"
#define HIDDEN "{'type':'redacted_thinking','data':'Em/w='}"
#define CALL(id, name, input) \
	"{'type':'tool_use','id':'" id "','name':'" name "','input':" input "}"
#define MESSAGE(content, reason)                                   \
	"{'type':'message','role':'assistant','content':[" content \
	"],'stop_reason':'" reason "','usage':{'input_tokens':3,"  \
	"'output_tokens':2}}"
#define WHY "{'role':'user','content':[{'type':'text','text':'Why?'}]}"
#define TOOL                                    \
	"{'name':'vote','description':'Vote.'," \
	"'input_schema':{'type':'object'}}"
#define SEARCH "{'type':'web_search_20250305','name':'web_search'}"
#define RUN    "{'type':'code_execution_20250825','name':'code_execution'}"
#define HEAD   "{'model':'m','messages':[" WHY "],'stream':true"
#define LIMIT  ",'max_tokens':16384}"

static struct backend_config
config_of(const char *params)
{
	struct backend_config c = wire_config(&backend_claude, "claude");

	c.params = json_parse(params);
	return (c);
}

static struct json_object *
request_of(const struct backend_config *config, const char *model,
    const char *system, struct json_object *history, size_t ntools)
{
	struct tool_spec tool = { "vote", "Vote.", NULL };
	struct json_object *request;

	tool.schema = json_parse("{'type':'object'}");
	request = backend_claude.build_request(
	    config, model, system, history, &tool, ntools);
	json_object_put(tool.schema);
	return (request);
}

/* The request of a first call. */
static void
check_request(
    const char *params, const char *system, size_t ntools, const char *want)
{
	struct backend_config config = config_of(params);
	struct json_object *history = json_object_new_array();

	backend_claude.add_user(history, "Why?");
	json_check(request_of(&config, "m", system, history, ntools), want);
	json_object_put(history);
	json_object_put(config.params);
}

TEST(request)
{
	check_request("{}", "Be terse.", 1,
	    "{'model':'m','system':'Be terse.','messages':[" WHY
	    "],'stream':true,'tools':[" TOOL "]" LIMIT);
	check_request("{}", NULL, 0, HEAD LIMIT);
	check_request("{}", "", 0, HEAD LIMIT);
}

TEST(parameters)
{
	check_request("{'max_tokens':5,'temperature':0.5,'top_k':3,"
		      "'extra_body':{'top_p':0.9}}",
	    NULL, 0,
	    HEAD ",'max_tokens':5,'temperature':0.5,'top_k':3,'top_p':0.9}");
	check_request(
	    "{'max_completion_tokens':5}", NULL, 0, HEAD ",'max_tokens':5}");
	check_request("{'max_tokens':null}", NULL, 0, HEAD LIMIT);
	check_request(
	    "{'stop':'x'}", NULL, 0, HEAD ",'stop_sequences':['x']" LIMIT);
	check_request("{'stop':['x','y']}", NULL, 0,
	    HEAD ",'stop_sequences':['x','y']" LIMIT);
	check_request("{'reasoning':{'effort':'high','summary':'auto'}}", NULL,
	    0, HEAD ",'output_config':{'effort':'high'}" LIMIT);
	check_request("{'reasoning':{'summary':'auto'}}", NULL, 0, HEAD LIMIT);
	check_request("{'reasoning_effort':'low'}", NULL, 0,
	    HEAD ",'output_config':{'effort':'low'}" LIMIT);
	check_request("{'extra_body':'odd','thinking':{'type':'adaptive'}}",
	    NULL, 0, HEAD ",'thinking':{'type':'adaptive'}" LIMIT);
}

TEST(the_choice_of_a_tool_is_the_users)
{
	check_request("{'tool_choice':'required'}", NULL, 1,
	    HEAD ",'tools':[" TOOL "],'tool_choice':{'type':'any'}" LIMIT);
	check_request("{'tool_choice':'auto'}", NULL, 1,
	    HEAD ",'tools':[" TOOL "],'tool_choice':{'type':'auto'}" LIMIT);
	check_request("{'tool_choice':{'type':'tool','name':'vote'}}", NULL, 1,
	    HEAD ",'tools':[" TOOL "],'tool_choice':{'type':'tool',"
		 "'name':'vote'}" LIMIT);
	check_request("{'tool_choice':'required'}", NULL, 0, HEAD LIMIT);
}

TEST(parameters_that_are_not_taken)
{
	check_request("{'model':'x','messages':[],'stream':false,'tools':[],"
		      "'system':'x','betas':['b'],'extra_body':{'model':'x',"
		      "'messages':null,'stream':0,'tools':null,'system':null,"
		      "'enable_web_search':true,'extra_body':{'a':1}}}",
	    "Be terse.", 1,
	    "{'model':'m','system':'Be terse.','messages':[" WHY
	    "],'stream':true,'tools':[" TOOL "]" LIMIT);
}

TEST(tools_of_the_provider)
{
	check_request("{'enable_web_search':true,'enable_code_execution':true}",
	    NULL, 1, HEAD ",'tools':[" TOOL "," SEARCH "," RUN "]" LIMIT);
	check_request("{'enable_web_search':true}", NULL, 0,
	    HEAD ",'tools':[" SEARCH "]" LIMIT);
	check_request("{'enable_web_search':false,"
		      "'enable_code_execution':null}",
	    NULL, 0, HEAD LIMIT);
}

static void
check_limit(const char *model, const char *params, int64_t want)
{
	struct backend_config config = config_of(params);
	struct json_object *history = json_object_new_array();
	struct json_object *request;

	request = request_of(&config, model, NULL, history, 0);
	CHECK_INT(member_count(request, "max_tokens"), want);
	json_object_put(request);
	json_object_put(history);
	json_object_put(config.params);
}

TEST(limit_of_the_output)
{
	static const char budget[] =
	    "{'thinking':{'type':'enabled','budget_tokens':10000}}";

	check_limit("claude-sonnet-4-5-20250929", "{}", 16384);
	check_limit("claude-3-7-sonnet-20250219", "{}", 16384);
	check_limit("claude-3-5-haiku-20241022", "{}", 8192);
	check_limit("claude-3-haiku-20240307", "{}", 4096);
	check_limit("m", budget, 26384);
	check_limit("m", "{'thinking':{'budget_tokens':9e18}}", 16384);
	check_limit(
	    "m", "{'max_tokens':100,'thinking':{'budget_tokens':50}}", 100);
}

/* A reply goes into the history as from a server that does not stream. */
static void
add_reply(struct json_object *history, struct reply *r, const char *body)
{
	struct backend_config config = wire_config(&backend_claude, "claude");

	wire_answer(&backend_claude, &config, r, 200, body);
	CHECK_INT(r->failure, FAILURE_NONE);
	backend_claude.add_reply(history, r);
}

/* Two calls: both are answered, in one message, and then the user speaks. */
#define TURN                                                                   \
	"{'role':'assistant','content':[" THINK "," HIDDEN                     \
	",{'type':'text','text':'so'}," CALL("a", "f", "{'x':1.50}") "," CALL( \
	    "b", "g", "{}") "]}"
#define RESULTS                                                     \
	"{'type':'tool_result','tool_use_id':'a','content':'18C'}," \
	"{'type':'tool_result','tool_use_id':'b','content':'boom'," \
	"'is_error':true}"
#define MARK ",'cache_control':{'type':'ephemeral'}}"

static void
add_turn(struct json_object *history)
{
	struct reply r;

	add_reply(history, &r,
	    MESSAGE(THINK "," HIDDEN ",{'type':'text','text':'so'}," CALL(
			"a", "f", "{'x':1.50}") "," CALL("b", "g", "{}"),
		"tool_use"));
	CHECK_INT(r.ncalls, 2);
	backend_claude.add_result(history, &r.calls[0], "18C", false);
	backend_claude.add_result(history, &r.calls[1], "boom", true);
	reply_release(&r);
}

TEST(conversation)
{
	struct backend_config config = config_of("{}");
	struct json_object *history = json_object_new_array();

	backend_claude.add_user(history, "Why?");
	add_turn(history);
	json_check(request_of(&config, "m", NULL, history, 0),
	    "{'model':'m','messages':[" WHY "," TURN
	    ",{'role':'user','content':[{'type':'tool_result',"
	    "'tool_use_id':'a','content':'18C'},{'type':'tool_result',"
	    "'tool_use_id':'b','content':'boom','is_error':true" MARK
	    "]}],'stream':true" LIMIT);
	backend_claude.add_user(history, "Now?");
	json_check(request_of(&config, "m", NULL, history, 0),
	    "{'model':'m','messages':[" WHY "," TURN
	    ",{'role':'user','content':[" RESULTS
	    ",{'type':'text','text':'Now?'" MARK "]}],'stream':true" LIMIT);
	add_turn(history);
	json_check(history,
	    "[" WHY "," TURN ",{'role':'user','content':[" RESULTS
	    ",{'type':'text','text':'Now?'}]}," TURN
	    ",{'role':'user','content':[" RESULTS "]}]");
	json_object_put(config.params);
}

/* What was sent stays what it was: each request begins with the one before. */
TEST(history_only_grows)
{
	struct json_object *history = json_object_new_array();
	char *before = NULL, *now;
	int i;

	backend_claude.add_user(history, "Why?");
	for (i = 0; i < 5; i++) {
		add_turn(history);
		now = xstrdup(json_object_to_json_string_ext(
		    history, JSON_C_TO_STRING_PLAIN));
		now[strlen(now) - 1] = '\0';
		if (before != NULL)
			CHECK(strncmp(now, before, strlen(before)) == 0);
		free(before);
		before = now;
	}
	free(before);
	json_object_put(history);
}

TEST(what_the_user_says_is_one_message)
{
	struct json_object *history = json_object_new_array();
	struct reply r;

	backend_claude.add_user(history, "a");
	add_reply(history, &r, MESSAGE("", "end_turn"));
	backend_claude.add_user(history, "b");
	json_check(history,
	    "[{'role':'user','content':[{'type':'text','text':'a'},"
	    "{'type':'text','text':'b'}]}]");
	reply_release(&r);
}

TEST(pause)
{
	struct backend_config config = config_of("{}");
	struct json_object *history = json_object_new_array();
	struct reply r;

	backend_claude.add_user(history, "Why?");
	add_reply(history, &r,
	    MESSAGE("{'type':'server_tool_use','id':'s','name':'web_search',"
		    "'input':{'query':'C'}}",
		"pause_turn"));
	CHECK_INT(r.finish, FINISH_PAUSE);
	json_check(request_of(&config, "m", NULL, history, 0),
	    "{'model':'m','messages':[" WHY ",{'role':'assistant','content':["
	    "{'type':'server_tool_use','id':'s','name':'web_search','input':"
	    "{'query':'C'}}]}],'stream':true" LIMIT);
	reply_release(&r);
	/* what it says when it goes on is of the same message */
	add_reply(history, &r, MESSAGE(CALL("a", "f", "{}"), "tool_use"));
	backend_claude.add_result(history, &r.calls[0], "ok", false);
	json_check(history,
	    "[" WHY ",{'role':'assistant','content':["
	    "{'type':'server_tool_use','id':'s','name':'web_search','input':"
	    "{'query':'C'}}," CALL("a", "f",
		"{}") "]},{'role':'user','content':[{'type':'tool_result',"
		      "'tool_use_id':'a','content':'ok'}]}]");
	reply_release(&r);
	json_object_put(config.params);
}

TEST(result_without_text)
{
	struct json_object *history = json_object_new_array();
	struct tool_call call = { .id = xstrdup("a") };

	backend_claude.add_result(history, &call, "", true);
	json_check(history,
	    "[{'role':'user','content':[{'type':'tool_result','tool_use_id':"
	    "'a','content':'(nothing)','is_error':true}]}]");
	free(call.id);
}

TEST(history_of_a_failure)
{
	struct backend_config config = wire_config(&backend_claude, "claude");
	struct json_object *history = json_object_new_array();
	struct reply r;

	wire_answer(&backend_claude, &config, &r, 200,
	    "data: {'type':'content_block_start','index':0,'content_block':"
	    "{'type':'text','text':'cut'}}\n\n");
	CHECK_STR(r.text.data, "cut");
	backend_claude.add_reply(history, &r);
	json_check(history, "[]");
	reply_release(&r);
}

static void
check_url(const char *base, const char *want)
{
	struct backend_config config = { .base_url = base };

	wire_check_url(&backend_claude, &config, "m", want);
}

TEST(url)
{
	check_url("https://h/v1", "https://h/v1/messages");
	check_url("https://h", "https://h/v1/messages");
	check_url("https://h/anthropic", "https://h/anthropic/v1/messages");
	check_url("x", "x/v1/messages");
}

#define VERSION "anthropic-version: 2023-06-01|"

static void
check_headers(const char *key, const char *params, const char *want)
{
	struct backend_config config = config_of(params);

	config.key = key;
	wire_check_headers(&backend_claude, &config, want);
	json_object_put(config.params);
}

TEST(headers)
{
	check_headers(NULL, "{}", WIRE_HEADERS VERSION);
	check_headers("", "{}", WIRE_HEADERS VERSION);
	check_headers("sk-1\r\nX-Evil: yes", "{}",
	    WIRE_HEADERS "x-api-key: sk-1|" VERSION);
	check_headers("k", "{'betas':['a-1','b-2']}",
	    WIRE_HEADERS "x-api-key: k|" VERSION "anthropic-beta: a-1,b-2|");
	check_headers("k", "{'enable_code_execution':true,'betas':['a']}",
	    WIRE_HEADERS "x-api-key: k|" VERSION
			 "anthropic-beta: a,code-execution-2025-08-25|");
	check_headers("k", "{'enable_web_search':true}",
	    WIRE_HEADERS "x-api-key: k|" VERSION);
	check_headers("k",
	    "{'betas':['a\\r\\nX-Evil: y','','b c','d,e',7,null,'f']}",
	    WIRE_HEADERS "x-api-key: k|" VERSION "anthropic-beta: f|");
	check_headers(
	    "k", "{'betas':'a'}", WIRE_HEADERS "x-api-key: k|" VERSION);
}

static void
check_error(
    long status, const char *type, const char *more, enum failure failure)
{
	struct backend_config config = wire_config(&backend_claude, "claude");
	char *body = xasprintf("{'type':'error','error':{'type':'%s',"
			       "'message':'Oh'%s},'request_id':'req_1'}",
	    type, more);
	char *error = xasprintf("HTTP %ld: Oh", status);
	struct reply r;

	wire_answer(&backend_claude, &config, &r, status, body);
	CHECK_INT(r.failure, failure);
	CHECK_STR(r.error, error);
	CHECK(r.native == NULL && r.ncalls == 0);
	reply_release(&r);
	/* the same inside a stream */
	wire_answer(&backend_claude, &config, &r, 200, body);
	CHECK_INT(r.failure, failure);
	CHECK_STR(r.error, "Oh");
	reply_release(&r);
	free(error);
	free(body);
}

TEST(errors)
{
	check_error(400, "invalid_request_error", "", FAILURE_PERMANENT);
	check_error(401, "authentication_error", "", FAILURE_PERMANENT);
	check_error(402, "billing_error", "", FAILURE_PERMANENT);
	check_error(403, "permission_error", "", FAILURE_PERMANENT);
	check_error(404, "not_found_error", "", FAILURE_PERMANENT);
	check_error(409, "conflict_error", "", FAILURE_TRANSIENT);
	check_error(413, "request_too_large", "", FAILURE_PERMANENT);
	check_error(429, "rate_limit_error", "", FAILURE_TRANSIENT);
	check_error(429, "rate_limit_error",
	    ",'details':{'error_code':'enforced_spend_limit_reached'}",
	    FAILURE_PERMANENT);
	check_error(500, "api_error", "", FAILURE_TRANSIENT);
	check_error(504, "timeout_error", "", FAILURE_TRANSIENT);
	check_error(529, "overloaded_error", "", FAILURE_TRANSIENT);
}

TEST(finding_the_backend)
{
	CHECK(backend_find("claude") == &backend_claude);
}
