/*
 * backend/responses: what is sent, what goes back into the history, and what
 * is made of an HTTP error.
 */

#include "tests/wire.h"

static void
check_request(const char *model, const char *params, const char *system,
    size_t ntools, const char *want)
{
	struct backend_config config =
	    wire_config(&backend_responses, "openai");
	struct tool_spec tool = { "vote", "Vote.", NULL };
	struct json_object *history = json_object_new_array(), *before = NULL;

	config.params = json_parse(params);
	tool.schema = json_parse("{'type':'object'}");
	json_object_deep_copy(config.params, &before, NULL);
	backend_responses.add_user(history, "Why?");
	json_check(backend_responses.build_request(
		       &config, model, system, history, &tool, ntools),
	    want);
	CHECK(json_object_equal(before, config.params));
	json_object_put(before);
	json_object_put(history);
	json_object_put(tool.schema);
	json_object_put(config.params);
}

#define WHY         "'input':[{'role':'user','content':'Why?'}],'stream':true"
#define HEAD(model) "{'model':'" model "'," WHY ",'store':false"
#define SEALED      ",'include':['reasoning.encrypted_content']"
#define FUNCTION                                                  \
	"{'type':'function','name':'vote','description':'Vote.'," \
	"'parameters':{'type':'object'},'strict':false}"
#define SEARCH "{'type':'web_search'}"
#define CODE   "{'type':'code_interpreter','container':{'type':'auto'}}"

TEST(request)
{
	check_request("gpt-4o", "{}", NULL, 0, HEAD("gpt-4o") "}");
	check_request("gpt-4o", "{}", "", 0, HEAD("gpt-4o") "}");
	check_request("gpt-5.1", "{}", "Be terse.", 1,
	    "{'model':'gpt-5.1','instructions':'Be terse.'," WHY
	    ",'store':false" SEALED ",'tools':[" FUNCTION "]}");
}

TEST(models_that_reason)
{
	check_request("gpt-5", "{}", NULL, 0, HEAD("gpt-5") SEALED "}");
	check_request("gpt-5.1-chat-latest", "{}", NULL, 0,
	    HEAD("gpt-5.1-chat-latest") SEALED "}");
	check_request("gpt-6-sol", "{}", NULL, 0, HEAD("gpt-6-sol") SEALED "}");
	check_request("o4-mini", "{}", NULL, 0, HEAD("o4-mini") SEALED "}");
	check_request("ft:o4-mini:me::1", "{}", NULL, 0,
	    HEAD("ft:o4-mini:me::1") SEALED "}");
	check_request("openai/o3", "{}", NULL, 0, HEAD("openai/o3") SEALED "}");
	check_request("codex-mini-latest", "{}", NULL, 0,
	    HEAD("codex-mini-latest") SEALED "}");
	check_request("grok-4", "{}", NULL, 0, HEAD("grok-4") SEALED "}");
	check_request(
	    "grok-3-mini", "{}", NULL, 0, HEAD("grok-3-mini") SEALED "}");
	check_request("prod", "{'reasoning':{'effort':'low'}}", NULL, 0,
	    HEAD("prod") SEALED ",'reasoning':{'effort':'low'}}");
	check_request("prod", "{'reasoning_effort':'low'}", NULL, 0,
	    HEAD("prod") SEALED ",'reasoning':{'effort':'low'}}");
}

TEST(models_that_do_not)
{
	static const char *const plain[] = { "gpt-4o", "gpt-4.1-mini",
		"gpt-4.5-preview", "gpt-3.5-turbo", "gpt-5-chat-latest",
		"chatgpt-4o-latest", "openai/gpt-4o", "ft:gpt-4.1:me::1",
		"grok-3", "grok-2-vision", "grok-4-fast-non-reasoning",
		"prod" };
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		char *want =
		    xasprintf("{'model':'%s'," WHY ",'store':false}", plain[i]);

		check_request(plain[i], "{}", NULL, 0, want);
		free(want);
	}
	check_request("gpt-4o", "{'reasoning':{'effort':'low'}}", NULL, 0,
	    HEAD("gpt-4o") ",'reasoning':{'effort':'low'}}");
}

TEST(parameters)
{
	check_request("gpt-4o",
	    "{'temperature':0.5,'max_tokens':500,'top_p':null,"
	    "'extra_body':{'truncation':'auto'}}",
	    NULL, 0,
	    HEAD("gpt-4o") ",'temperature':0.5,'max_output_tokens':500,"
			   "'truncation':'auto'}");
	check_request("gpt-4o", "{'extra_body':{'max_completion_tokens':5}}",
	    NULL, 0, HEAD("gpt-4o") ",'max_output_tokens':5}");
	check_request("gpt-4o",
	    "{'max_tokens':5,'extra_body':{'max_output_tokens':7}}", NULL, 0,
	    HEAD("gpt-4o") ",'max_output_tokens':7}");
	check_request("gpt-5",
	    "{'reasoning':{'summary':'auto'},'reasoning_effort':'high',"
	    "'text':{'verbosity':'low'},'verbosity':'high'}",
	    NULL, 0,
	    HEAD("gpt-5") SEALED
	    ",'reasoning':{'summary':'auto','effort':'high'},"
	    "'text':{'verbosity':'low'}}");
	check_request("gpt-5", "{'store':true,'extra_body':{'include':null}}",
	    NULL, 0, "{'model':'gpt-5'," WHY ",'store':true}");
	check_request(
	    "gpt-4o", "{'extra_body':'odd'}", NULL, 0, HEAD("gpt-4o") "}");
}

TEST(response_format)
{
	check_request("gpt-4o", "{'response_format':{'type':'json_object'}}",
	    NULL, 0,
	    HEAD("gpt-4o") ",'text':{'format':{'type':"
			   "'json_object'}}}");
	check_request("gpt-4o",
	    "{'response_format':{'type':'json_schema','json_schema':{"
	    "'name':'n','schema':{},'strict':true}}}",
	    NULL, 0,
	    HEAD("gpt-4o") ",'text':{'format':{'name':'n','schema':{},"
			   "'strict':true,'type':'json_schema'}}}");
	check_request("gpt-4o", "{'text':'odd','verbosity':'low'}", NULL, 0,
	    HEAD("gpt-4o") ",'text':'odd'}");
}

TEST(parameters_that_are_not_taken)
{
	check_request("gpt-4o",
	    "{'model':'x','input':[],'stream':false,'tools':[],"
	    "'instructions':'x','extra_body':{'model':'x','input':null,"
	    "'stream':0,'tools':null,'extra_body':{'a':1}}}",
	    "Be terse.", 1,
	    "{'model':'gpt-4o','instructions':'Be terse.'," WHY
	    ",'store':false,'tools':[" FUNCTION "]}");
}

TEST(tools_of_the_provider)
{
	check_request("gpt-4o", "{'enable_web_search':true}", NULL, 1,
	    HEAD("gpt-4o") ",'tools':[" FUNCTION "," SEARCH "]}");
	check_request("gpt-4o",
	    "{'enable_web_search':true,'enable_code_interpreter':true,"
	    "'enable_code_execution':true}",
	    NULL, 0, HEAD("gpt-4o") ",'tools':[" SEARCH "," CODE "]}");
	check_request("gpt-4o", "{'enable_code_execution':true}", NULL, 0,
	    HEAD("gpt-4o") ",'tools':[" CODE "]}");
	check_request("gpt-4o",
	    "{'enable_web_search':false,'enable_code_interpreter':null}", NULL,
	    0, HEAD("gpt-4o") "}");
}

TEST(choice_of_tools)
{
	check_request("gpt-4o",
	    "{'tool_choice':'required','parallel_tool_calls':false}", NULL, 0,
	    HEAD("gpt-4o") "}");
	check_request("gpt-4o",
	    "{'tool_choice':'required','parallel_tool_calls':false}", NULL, 1,
	    HEAD("gpt-4o") ",'tools':[" FUNCTION "],'tool_choice':'required',"
			   "'parallel_tool_calls':false}");
}

static void
check_headers(const char *type, const char *key, const char *want)
{
	struct backend_config config = wire_config(&backend_responses, type);

	config.key = key;
	wire_check_headers(&backend_responses, &config, want);
}

TEST(url_and_headers)
{
	struct backend_config config =
	    wire_config(&backend_responses, "azure_openai");

	config.base_url = "https://r.openai.azure.com/openai/v1";
	wire_check_url(&backend_responses, &config, "m",
	    "https://r.openai.azure.com/openai/v1/responses");
	check_headers("openai", NULL, WIRE_HEADERS);
	check_headers("openai", "", WIRE_HEADERS);
	check_headers("openai", "sk-1\r\nX-Evil: yes",
	    WIRE_HEADERS "Authorization: Bearer sk-1|");
	check_headers(
	    "grok", "xai-1", WIRE_HEADERS "Authorization: Bearer xai-1|");
	check_headers("azure_openai", "k\n", WIRE_HEADERS "api-key: k|");
	CHECK(backend_find("responses") == &backend_responses);
}

/*
 * The history after a reply whose items these are, and after the results of
 * its calls: however the items came.
 */
static void
check_history_of(const char *stream, const char *want)
{
	struct backend_config config =
	    wire_config(&backend_responses, "openai");
	struct json_object *history = json_object_new_array();
	struct reply r;
	size_t i;

	backend_responses.add_user(history, "Why?");
	wire_answer(&backend_responses, &config, &r, 200, stream);
	backend_responses.add_reply(history, &r);
	for (i = 0; i < r.ncalls; i++)
		backend_responses.add_result(
		    history, &r.calls[i], "Accepted.", i > 0);
	json_check(history, want);
	reply_release(&r);
}

/* Items of one string, with a comma between them, and a status. */
static void
check_history(const char *items, const char *status, const char *want)
{
	struct json_object *list;
	struct buf b = BUF_INITIALIZER;
	char *text = xasprintf("[%s]", items);
	char *end = xasprintf("data: {'type':'response.%s','response':{"
			      "'output':[]}}\n\n",
	    status);
	char *whole = xasprintf("{'status':'%s','output':[%s]}", status, items);
	size_t i;

	list = json_parse(text);
	for (i = 0; i < json_object_array_length(list); i++)
		buf_addf(&b,
		    "data: {'type':'response.output_item.done',"
		    "'output_index':%zu,'item':%s}\n\n",
		    i,
		    json_object_to_json_string(
			json_object_array_get_idx(list, i)));
	buf_adds(&b, end);
	check_history_of(b.data, want);
	check_history_of(whole, want);
	json_object_put(list);
	buf_release(&b);
	free(whole);
	free(text);
	free(end);
}

#define Q "[{'role':'user','content':'Why?'}"
#define THOUGHT(id)                                          \
	"{'id':'rs_" id "','type':'reasoning','summary':[]," \
	"'encrypted_content':'gAAA/+" id "==','status':null}"
#define TEXT                                                           \
	"{'id':'msg_1','type':'message','status':'completed','phase':" \
	"'final_answer','role':'assistant','content':[{'type':"        \
	"'output_text','annotations':[{'n':1.50,'e':1e3,'big':"        \
	"9007199254740993,'f':-0.0}],'logprobs':[],'text':'\xc3\xa9\\n'}]}"
#define CALL(id, arguments)                                            \
	"{'id':'fc_" id "','type':'function_call','call_id':'" id "'," \
	"'name':'vote','arguments':'" arguments "','status':'completed'}"
#define RESULT(id)                                           \
	"{'type':'function_call_output','call_id':'" id "'," \
	"'output':'Accepted.'}"
#define SEARCHED "{'id':'ws_1','type':'web_search_call','action':{'query':'q'}}"

TEST(history_is_replayed_as_it_came)
{
	check_history(
	    THOUGHT("1") "," CALL("a", "{\\'x\\':1}") "," CALL("b", "{}"),
	    "completed",
	    Q "," THOUGHT("1") "," CALL("a", "{\\'x\\':1}") "," CALL(
		"b", "{}") "," RESULT("a") "," RESULT("b") "]");
	check_history(SEARCHED "," THOUGHT("1") "," TEXT, "completed",
	    Q "," SEARCHED "," THOUGHT("1") "," TEXT "]");
	check_history(CALL("a", ""), "completed",
	    Q "," CALL("a", "") "," RESULT("a") "]");
	check_history(CALL("a", "{x"), "completed",
	    Q "," CALL("a", "{x") "," RESULT("a") "]");
}

TEST(history_without_what_would_be_refused)
{
	/* Reasoning with nothing behind it. */
	check_history(TEXT "," THOUGHT("1") "," THOUGHT("2"), "completed",
	    Q "," TEXT "]");
	/* Reasoning that is not sealed. */
	check_history("{'id':'rs_1','type':'reasoning','summary':[]}," TEXT,
	    "completed", Q "," TEXT "]");
	check_history(
	    "{'type':'reasoning','encrypted_content':null}," CALL("a", "{}"),
	    "completed", Q "," CALL("a", "{}") "," RESULT("a") "]");
	/* A call that was cut, and the reasoning for it alone. */
	check_history(TEXT "," THOUGHT("1") "," CALL("a", "{\\'x\\':"),
	    "incomplete", Q "," TEXT "]");
	check_history(THOUGHT("1") "," CALL("a", "{}") "," CALL("b", "{"),
	    "incomplete",
	    Q "," THOUGHT("1") "," CALL("a", "{}") "," RESULT("a") "]");
	/* A call that nobody can answer, and the reasoning for it alone. */
	check_history(
	    THOUGHT("1") ",{'type':'function_call'}," THOUGHT("2") "," TEXT,
	    "completed", Q "," THOUGHT("2") "," TEXT "]");
	/* A second call with the id of the first. */
	check_history(CALL("a", "{}") "," CALL("a", "{}") "," CALL("b", "{}"),
	    "completed",
	    Q "," CALL("a", "{}") "," CALL("b", "{}") "," RESULT(
		"a") "," RESULT("b") "]");
}

TEST(history_of_deltas_alone)
{
	check_history_of("data: {'type':'response.output_text.delta',"
			 "'delta':'Hi'}\n\ndata: {'type':"
			 "'response.completed','response':{}}\n\n",
	    Q ",{'role':'assistant','content':'Hi'}]");
}

TEST(history_of_a_failure)
{
	check_history_of(
	    "data: {'type':'response.output_item.done','item':" TEXT "}\n\n",
	    Q "]");
	check_history("", "completed", Q "]");
}

static void
check_error(
    long status, const char *body, enum failure failure, const char *error)
{
	struct backend_config config = wire_config(&backend_responses, "grok");
	struct reply r;

	wire_answer(&backend_responses, &config, &r, status, body);
	CHECK_INT(r.failure, failure);
	CHECK_STR(r.error, error);
	CHECK(r.native == NULL && r.ncalls == 0);
	reply_release(&r);
}

TEST(http_errors)
{
	check_error(400,
	    "{'error':{'message':'Encrypted content is not supported with "
	    "this model.','type':'invalid_request_error','param':'include',"
	    "'code':null}}",
	    FAILURE_PERMANENT,
	    "HTTP 400: Encrypted content is not supported with this model.");
	check_error(400, "{'code':'x','error':'Incorrect API key'}",
	    FAILURE_PERMANENT, "HTTP 400: Incorrect API key");
	check_error(401, "{'error':{'message':'" WIRE_KEY " is bad'}}",
	    FAILURE_PERMANENT, "HTTP 401: [key] is bad");
	check_error(429,
	    "{'error':{'code':'rate_limit_exceeded','message':'Slow'}}",
	    FAILURE_TRANSIENT, "HTTP 429: Slow");
	check_error(429,
	    "{'error':{'code':'insufficient_quota','message':'P'}}",
	    FAILURE_PERMANENT, "HTTP 429: P");
	check_error(503, "", FAILURE_TRANSIENT, "HTTP 503");
}
