/*
 * backend/gemini: what is sent, what goes back into the history, and how a
 * tool's schema is translated.
 */

#include "agent-worker/backend/gemini.h"
#include "tests/wire.h"

#define G (&backend_gemini)

static void
check_schema(const char *schema, const char *want)
{
	struct json_object *o = json_parse(schema), *got = gemini_schema(o);
	char *again = xstrdup(json_object_to_json_string(o));
	struct json_object *same = json_parse(schema);

	if (want == NULL)
		CHECK(got == NULL);
	else
		json_check(got, want);
	CHECK_STR(json_object_to_json_string(same), again);
	json_object_put(same);
	json_object_put(o);
	free(again);
}

/* A property's schema and what becomes of it. */
static void
check_property(const char *schema, const char *want)
{
	char *in = xasprintf("{'type':'object','properties':{'p':%s}}", schema);
	char *out = xasprintf("{'type':'object','properties':{'p':%s}}", want);

	check_schema(in, out);
	free(in);
	free(out);
}

TEST(schema_of_our_tools)
{
	check_schema("{'type':'object','properties':{'agent_id':{'type':"
		     "'string','description':'Who.','enum':['agent1','agent2']}"
		     ",'reason':{'type':'string'}},"
		     "'required':['agent_id','reason']}",
	    "{'type':'object','properties':{'agent_id':{'type':'string',"
	    "'description':'Who.','enum':['agent1','agent2']},"
	    "'reason':{'type':'string'}},'required':['agent_id','reason']}");
	check_schema("{'type':'object','properties':{}}", NULL);
	check_schema("{'type':'object'}", NULL);
	check_schema("{}", NULL);
	check_schema("{'type':'string'}", NULL);
}

TEST(schema_keywords)
{
	check_schema("{'$schema':'http://json-schema.org/draft-07/schema#',"
		     "'title':'T','type':'object','additionalProperties':false,"
		     "'properties':{'n':{'type':'integer','minimum':1,"
		     "'maximum':9,'exclusiveMinimum':0,'multipleOf':2,"
		     "'format':'int64','default':3}},"
		     "'required':['n','unknown','n',7],'not':{}}",
	    "{'type':'object','title':'T','properties':{'n':{'type':'integer',"
	    "'format':'int64','minimum':1,'maximum':9}},'required':['n']}");
	check_property("{'type':'string','format':'uri','pattern':'^a',"
		       "'minLength':1,'maxLength':'2','minimum':3}",
	    "{'type':'string','pattern':'^a','minLength':1}");
	check_property("{'type':'string','format':'date-time'}",
	    "{'type':'string','format':'date-time'}");
	check_property("{'type':'number','format':'int32','minimum':0.5}",
	    "{'type':'number','minimum':0.5}");
	check_property("{'type':'array','minItems':1,'uniqueItems':true,"
		       "'items':{'type':'boolean'}}",
	    "{'type':'array','minItems':1,'items':{'type':'boolean'}}");
	check_property(
	    "{'type':'array'}", "{'type':'array','items':{'type':'string'}}");
	check_property("{'prefixItems':[{'type':'number'},{}]}",
	    "{'type':'array','items':{'type':'number'}}");
	check_property(
	    "{'type':'object','additionalProperties':{}}", "{'type':'object'}");
}

TEST(schema_without_a_type)
{
	check_property("{}", "{'type':'string'}");
	check_property("true", "{'type':'string'}");
	check_property("null", "{'type':'string'}");
	check_property("{'type':'any'}", "{'type':'string'}");
	check_property("{'properties':{'x':{'type':'null'}}}",
	    "{'type':'object','properties':{'x':"
	    "{'type':'string','nullable':true}}}");
	check_property("{'items':{'type':'number'}}",
	    "{'type':'array','items':{'type':'number'}}");
	check_property(
	    "{'enum':['a','','b',null]}", "{'type':'string','enum':['a','b']}");
	check_property("{'enum':[1,2]}", "{'type':'integer'}");
	check_property("{'type':'string','enum':['a',2]}", "{'type':'string'}");
	check_property("{'const':'a'}", "{'type':'string','enum':['a']}");
	check_property("{'const':true}", "{'type':'boolean'}");
}

TEST(schema_with_alternatives)
{
	check_property("{'type':['string','null'],'description':'D'}",
	    "{'type':'string','description':'D','nullable':true}");
	check_property("{'type':['null','integer'],'minimum':1}",
	    "{'type':'integer','minimum':1,'nullable':true}");
	check_property("{'type':['string','integer'],'minimum':1}",
	    "{'anyOf':[{'type':'string'},{'type':'integer','minimum':1}]}");
	check_property("{'type':'null'}", "{'type':'string','nullable':true}");
	check_property("{'anyOf':[{'type':'string','format':'uri'},"
		       "{'type':'null'}],'default':null,'description':'D'}",
	    "{'type':'string','description':'D','nullable':true}");
	check_property("{'oneOf':[{'type':'string'},{'type':'array','items':"
		       "{'const':'x'}}],'description':'D'}",
	    "{'anyOf':[{'type':'string'},{'type':'array',"
	    "'items':{'type':'string','enum':['x']}}],'description':'D'}");
	check_property("{'type':'object','properties':{'x':{'type':'string'}},"
		       "'anyOf':[{'required':['x']},{'required':['y']}]}",
	    "{'type':'object','properties':{'x':{'type':'string'}}}");
}

TEST(schema_with_references)
{
	check_schema("{'$defs':{'a/b':{'type':'string','description':'No'}},"
		     "'properties':{'p':{'$ref':'#/$defs/a~1b',"
		     "'description':'Yes'}},'type':'object'}",
	    "{'type':'object','properties':{'p':{'type':'string',"
	    "'description':'Yes'}}}");
	check_schema("{'definitions':{'A':{'properties':{'x':{}},"
		     "'required':['x']}},'allOf':[{'$ref':'#/definitions/A'},"
		     "{'properties':{'y':{'type':'number'}},"
		     "'required':['y']}]}",
	    "{'type':'object','properties':{'x':{'type':'string'},"
	    "'y':{'type':'number'}},'required':['x','y']}");
	check_property("{'$ref':'http://h/schema'}", "{'type':'string'}");
	check_property("{'$ref':'#/none'}", "{'type':'string'}");
	check_property("{'$ref':7}", "{'type':'string'}");
	check_property("{'$ref':'#/properties/p'}", "{'type':'string'}");
	check_property("{'allOf':7}", "{'type':'string'}");
}

/* Each of the types refers to all of them: without bounds, it never ends. */
TEST(schema_without_end)
{
	struct json_object *in = json_parse(
	    "{'$defs':{'A':{'properties':{'a':{'$ref':'#/$defs/A'},"
	    "'b':{'anyOf':[{'$ref':'#/$defs/A'},{'items':{'$ref':'#'}}]}}}},"
	    "'allOf':[{'$ref':'#/$defs/A'},{'$ref':'#'}]}");
	struct json_object *out = gemini_schema(in);

	CHECK(strlen(json_object_to_json_string(out)) < 1000000);
	json_object_put(in);
	json_object_put(out);
}

static void
check_request(
    const char *model, const char *params, size_t ntools, const char *want)
{
	struct backend_config config = wire_config(G, "gemini");
	struct tool_spec tool = { "vote", "Vote.", NULL };
	struct json_object *history = json_object_new_array();
	char *all = xasprintf("{'contents':[{'role':'user','parts':"
			      "[{'text':'Why?'}]}]%s}",
	    want);

	config.params = json_parse(params);
	tool.schema = json_parse(
	    "{'type':'object','properties':{'a':{'type':'string'}}}");
	G->add_user(history, "Why?");
	json_check(
	    G->build_request(&config, model, NULL, history, &tool, ntools),
	    all);
	json_object_put(history);
	json_object_put(tool.schema);
	json_object_put(config.params);
	free(all);
}

#define FUNCTIONS                                                        \
	"{'functionDeclarations':[{'name':'vote','description':'Vote.'," \
	"'parameters':{'type':'object','properties':{'a':{'type':"       \
	"'string'}}}}]}"
#define CONFIG(members)   ",'generationConfig':{" members "}"
#define THINKING(members) CONFIG("'thinkingConfig':{" members "}")
#define THOUGHTS          "'includeThoughts':true"

TEST(request)
{
	check_request("gemini-2.5-flash", "{}", 0, "");
	check_request("gemini-2.5-flash", "{}", 1, ",'tools':[" FUNCTIONS "]");
}

TEST(system_instruction)
{
	struct backend_config config = wire_config(G, "gemini");
	struct json_object *history = json_object_new_array();

	json_check(
	    G->build_request(&config, "m", "Be terse.", history, NULL, 0),
	    "{'systemInstruction':{'parts':[{'text':'Be terse.'}]},"
	    "'contents':[]}");
	json_check(G->build_request(&config, "m", "", history, NULL, 0),
	    "{'contents':[]}");
	json_object_put(history);
}

TEST(parameters)
{
	check_request("m",
	    "{'temperature':0.70,'top_p':0.9,'top_k':3,'max_tokens':5,"
	    "'stop':'x','seed':1,'presence_penalty':0.5,"
	    "'frequency_penalty':0.1,'logprobs':true,'top_logprobs':2,"
	    "'min_p':0.1,'service_tier':'flex'}",
	    0,
	    CONFIG("'temperature':0.70,'topP':0.9,'topK':3,"
		   "'maxOutputTokens':5,'stopSequences':['x'],'seed':1,"
		   "'presencePenalty':0.5,'frequencyPenalty':0.1,"
		   "'responseLogprobs':true,'logprobs':2,'min_p':0.1") ",'"
								       "service"
								       "Tier':'"
								       "flex'");
	check_request("m", "{'stop':['x','y'],'max_completion_tokens':6}", 0,
	    CONFIG("'stopSequences':['x','y'],'maxOutputTokens':6"));
	check_request("m", "{'temperature':null,'reasoning':null}", 0, "");
	check_request("m", "7", 0, "");
}

TEST(thinking)
{
	check_request("gemini-2.5-pro", "{'reasoning_effort':'low'}", 0,
	    THINKING("'thinkingBudget':1024," THOUGHTS));
	check_request("gemini-2.5-flash", "{'reasoning_effort':'none'}", 0,
	    THINKING("'thinkingBudget':0"));
	check_request("gemini-2.5-pro", "{'reasoning_effort':'odd'}", 0,
	    THINKING("'thinkingLevel':'ODD'," THOUGHTS));
	check_request("gemini-3-pro-preview",
	    "{'reasoning':{'effort':'high','summary':'auto'}}", 0,
	    THINKING("'thinkingLevel':'HIGH'," THOUGHTS));
	check_request("gemini-flash-latest", "{'reasoning':{'effort':'low'}}",
	    0, THINKING("'thinkingLevel':'LOW'," THOUGHTS));
	check_request(
	    "gemini-10-pro", "{'reasoning':{}}", 0, THINKING(THOUGHTS));
	check_request("gemini-2.5-pro",
	    "{'thinking_budget':512,'reasoning_effort':'high'}", 0,
	    THINKING("'thinkingBudget':512," THOUGHTS));
	check_request("gemini-2.5-pro",
	    "{'thinking':{'type':'enabled','budget_tokens':2048}}", 0,
	    THINKING("'thinkingBudget':2048," THOUGHTS));
	check_request("gemini-2.5-flash", "{'thinking':{'type':'disabled'}}", 0,
	    THINKING("'thinkingBudget':0"));
	check_request("gemini-3-flash",
	    "{'thinking':{'thinkingLevel':'LOW','include_thoughts':false}}", 0,
	    THINKING("'thinkingLevel':'LOW','includeThoughts':false"));
	check_request("gemini-2.5-flash", "{'enable_thinking':false}", 0,
	    THINKING("'thinkingBudget':0"));
	check_request("gemini-2.5-flash", "{'enable_thinking':true}", 0,
	    THINKING(THOUGHTS));
	check_request(
	    "gemini-2.5-flash", "{'thinking':7}", 0, THINKING(THOUGHTS));
}

TEST(tools_of_the_provider)
{
	check_request("gemini-2.5-flash",
	    "{'enable_web_search':true,'enable_code_execution':true,"
	    "'enable_code_interpreter':true}",
	    0, ",'tools':[{'googleSearch':{}},{'codeExecution':{}}]");
	check_request("gemini-2.5-flash", "{'enable_code_interpreter':true}", 0,
	    ",'tools':[{'codeExecution':{}}]");
	check_request("gemini-3-pro", "{'enable_web_search':false}", 1,
	    ",'tools':[" FUNCTIONS "]");
	check_request("gemini-3-pro", "{'enable_web_search':true}", 1,
	    ",'toolConfig':{'includeServerSideToolInvocations':true,"
	    "'functionCallingConfig':{'mode':'VALIDATED'}},"
	    "'tools':[{'googleSearch':{}}," FUNCTIONS "]");
	check_request("gemini-2.5-flash", "{'enable_web_search':true}", 1,
	    ",'tools':[" FUNCTIONS "]");
}

TEST(choice_of_tools)
{
	check_request("m", "{'tool_choice':'required'}", 1,
	    ",'toolConfig':{'functionCallingConfig':{'mode':'ANY'}},"
	    "'tools':[" FUNCTIONS "]");
	check_request("m", "{'tool_choice':'required'}", 0, "");
	check_request("m", "{'tool_choice':{}}", 1, ",'tools':[" FUNCTIONS "]");
}

TEST(extra_body)
{
	check_request("m",
	    "{'temperature':1,'top_p':0.5,'extra_body':{'safetySettings':[],"
	    "'generationConfig':{'topP':null,'responseMimeType':'text/plain'},"
	    "'cachedContent':'c','labels':{}}}",
	    0,
	    CONFIG(
		"'temperature':1,'responseMimeType':'text/plain'") ",'"
								   "safetySetti"
								   "ngs':[],'"
								   "cachedConte"
								   "nt':'c'");
	check_request("m",
	    "{'extra_body':{'contents':[],'model':'x','tools':null,"
	    "'systemInstruction':{},'system_instruction':{}}}",
	    1, ",'tools':[" FUNCTIONS "]");
	check_request("m", "{'extra_body':'odd'}", 0, "");
}

/* The history after an answer in one chunk and results for its calls. */
static void
check_history(const char *parts, const char *want)
{
	struct backend_config config = wire_config(G, "gemini");
	struct json_object *history = json_object_new_array();
	struct reply r;
	char *body, *all;
	size_t i;

	body = xasprintf("data: {'candidates':[{'content':{'parts':[%s]}}]}\n\n"
			 "data: {'candidates':[{'finishReason':'STOP'}]}\n\n",
	    parts);
	all = xasprintf("[{'role':'user','parts':[{'text':'Why?'}]}%s]", want);
	G->add_user(history, "Why?");
	wire_answer(G, &config, &r, 200, body);
	G->add_reply(history, &r);
	for (i = 0; i < r.ncalls; i++)
		G->add_result(history, &r.calls[i],
		    i == 0 ? "No." : "Not carried out.", i == 0);
	json_check(history, all);
	reply_release(&r);
	free(body);
	free(all);
}

#define MODEL(parts) ",{'role':'model','parts':[" parts "]}"
#define USER(parts)  ",{'role':'user','parts':[" parts "]}"
#define RESULT(id, name, response)                                           \
	"{'functionResponse':{" id "'name':'" name "','response':{" response \
	"}}}"

/* A verbatim part: each in what the model sent and in what it gets back. */
#define SIGNED                                                      \
	"{'functionCall':{'id':'c1','name':'f','args':{'a':1.50}}," \
	"'thoughtSignature':'EpwI+/==','x':[null]}"
#define BARE        "{'functionCall':{'name':'g'}}"
#define OTHER       "{'functionCall':{'id':'c2','name':'f','args':{}}}"
#define THOUGHT     "{'text':'Hm','thought':true}"
#define SIGNED_TEXT "{'text':' be','thoughtSignature':'c2ln'}"
#define SIGNATURE   "{'text':'','thoughtSignature':'c2ln'}"

TEST(history)
{
	check_history(
	    "{'text':'So'},{'text':' be it'}", MODEL("{'text':'So be it'}"));
	check_history(THOUGHT "," THOUGHT ",{'text':'So'},{'text':' be',"
			      "'thought':false},{'text':' it'}",
	    MODEL("{'text':'HmHm','thought':true},{'text':'So be it'}"));
	check_history("{'text':'S'},{'text':'o'}," SIGNED_TEXT
		      ",{'text':' i'},{'text':'t'},{'text':'!','x':1}",
	    MODEL("{'text':'So'}," SIGNED_TEXT
		  ",{'text':' it'},{'text':'!','x':1}"));
	check_history(THOUGHT ",{'text':'So'}," SIGNATURE,
	    MODEL(THOUGHT ",{'text':'So'}," SIGNATURE));
	check_history("{'text':'So'},{'text':''},{}", MODEL("{'text':'So'}"));
	check_history(SIGNED "," OTHER,
	    MODEL(SIGNED "," OTHER)
		USER(RESULT("'id':'c1',", "f", "'error':'No.'") "," RESULT(
		    "'id':'c2',", "f", "'output':'Not carried out.'")));
	check_history(THOUGHT "," BARE "," BARE,
	    MODEL(THOUGHT "," BARE "," BARE)
		USER(RESULT("", "g", "'error':'No.'") "," RESULT(
		    "", "g", "'output':'Not carried out.'")));
	check_history("{'executableCode':{'language':'PYTHON','code':'1'}},"
		      "{'text':'One'}",
	    MODEL("{'executableCode':{'language':'PYTHON','code':'1'}},"
		  "{'text':'One'}"));
	check_history(THOUGHT, "");
	check_history("", "");
}

/* One answer after another, as a turn has them. */
TEST(a_loop_of_tools)
{
	struct backend_config config = wire_config(G, "gemini");
	struct json_object *history = json_object_new_array();
	const char *const parts[] = { SIGNED, BARE };
	struct reply r;
	size_t i;
	char *body;

	G->add_user(history, "Why?");
	for (i = 0; i < 2; i++) {
		body = xasprintf("{'candidates':[{'content':{'parts':[%s]},"
				 "'finishReason':'STOP'}]}",
		    parts[i]);
		wire_answer(G, &config, &r, 200, body);
		G->add_reply(history, &r);
		G->add_result(history, &r.calls[0], "Done.", false);
		reply_release(&r);
		free(body);
	}
	G->add_user(history, "Decide.");
	json_check(G->build_request(&config, "m", NULL, history, NULL, 0),
	    "{'contents':[{'role':'user','parts':[{'text':'Why?'}]}" MODEL(
		SIGNED) USER(RESULT("'id':'c1',", "f", "'output':'Done.'"))
		MODEL(BARE) USER(RESULT("", "g", "'output':'Done.'"))
		    USER("{'text':'Decide.'}") "]}");
	json_object_put(history);
}

static void
check_url(const char *model, const char *want)
{
	struct backend_config config = wire_config(G, "gemini");

	wire_check_url(G, &config, model, want);
}

TEST(url)
{
	check_url("gemini-2.5-pro",
	    "http://h/v1/models/gemini-2.5-pro:streamGenerateContent?alt=sse");
	check_url("models/gemini-2.5-pro",
	    "http://h/v1/models/gemini-2.5-pro:streamGenerateContent?alt=sse");
	check_url("tunedModels/x_1",
	    "http://h/v1/tunedModels/x_1:streamGenerateContent?alt=sse");
	check_url("a b?c#d%e\xc3\xa9",
	    "http://h/v1/models/"
	    "a%20b%3Fc%23d%25e%C3%A9:streamGenerateContent?alt=sse");
}

TEST(key)
{
	struct backend_config config = wire_config(G, "gemini");
	char **headers = G->headers(&config), *url = G->url(&config, "m");
	size_t i, n = 0;

	for (i = 0; headers[i] != NULL; i++) {
		n += strcmp(headers[i], "x-goog-api-key: " WIRE_KEY) == 0;
		free(headers[i]);
	}
	free(headers);
	CHECK_INT(n, 1);
	CHECK(strstr(url, WIRE_KEY) == NULL);
	free(url);
	CHECK(backend_find("gemini") == &backend_gemini);
}
