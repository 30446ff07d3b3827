/* agent-worker/bound: the most that a request may use. */

#include "agent-worker/backend/backend.h"
#include "agent-worker/bound.h"
#include "tests/json_text.h"
#include "tests/test.h"

TEST(output)
{
	static const struct {
		const char *request;
		int64_t tokens;
	} rows[] = {
		{ "{}", 0 },
		{ "{'max_tokens':5}", 5 },
		{ "{'max_completion_tokens':6}", 6 },
		{ "{'max_output_tokens':7}", 7 },
		{ "{'generationConfig':{'maxOutputTokens':8}}", 8 },
		{ "{'max_tokens':5,'max_completion_tokens':6}", 6 },
		{ "{'max_tokens':5,'n':3}", 15 },
		{ "{'max_tokens':5,'n':1}", 5 },
		{ "{'generationConfig':{'maxOutputTokens':8,"
		  "'candidateCount':2}}",
		    16 },
		{ "{'max_tokens':null}", 0 },
		{ "{'max_tokens':-5}", 0 },
		{ "{'max_tokens':0}", 0 },
		{ "{'generationConfig':[]}", 0 },
		{ "{'max_tokens':9223372036854775807,'n':9}",
		    INT64_C(1) << 40 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_object *o = json_parse(rows[i].request);

		CHECK_INT(bound_output(o), rows[i].tokens);
		json_object_put(o);
	}
}

TEST(a_limit_is_set_where_there_is_none)
{
	static const struct {
		const char *params;
		const char *after;
	} rows[] = {
		{ "{}", "{'max_tokens':8192}" },
		{ "{'max_tokens':null}", "{'max_tokens':8192}" },
		{ "{'max_tokens':5}", "{'max_tokens':5}" },
		{ "{'max_completion_tokens':5}",
		    "{'max_completion_tokens':5}" },
		{ "{'extra_body':{'max_tokens':5}}",
		    "{'extra_body':{'max_tokens':5}}" },
		{ "{'thinking':{'budget_tokens':1000}}",
		    "{'thinking':{'budget_tokens':1000},'max_tokens':9192}" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_object *o = json_parse(rows[i].params);
		struct json_object *want = json_parse(rows[i].after);

		bound_set(o);
		CHECK(json_object_equal(o, want));
		json_object_put(o);
		json_object_put(want);
	}
}

TEST(input_is_bounded_by_bytes)
{
	CHECK_INT(bound_input(0), BOUND_INPUT_FRAME);
	CHECK_INT(bound_input(1000000), 1000000 + BOUND_INPUT_FRAME);
}

/* What bound_set adds reaches the request of each wire format. */
TEST(every_wire_format_carries_the_limit)
{
	static const char *const wires[] = { "chatcompletion", "responses",
		"claude", "gemini" };
	size_t i;

	for (i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
		const struct backend *b = backend_find(wires[i]);
		struct backend_config config = { .type = wires[i],
			.wire = wires[i],
			.base_url = "http://127.0.0.1:9",
			.params = json_object_new_object() };
		struct json_object *history = json_object_new_array();
		struct json_object *request;

		if (!CHECK(b != NULL))
			break;
		bound_set(config.params);
		b->add_user(history, "Why?");
		request =
		    b->build_request(&config, "m", NULL, history, NULL, 0);
		if (!CHECK_INT(bound_output(request), BOUND_OUTPUT_DEFAULT))
			printf("# %s\n", wires[i]);
		json_object_put(request);
		json_object_put(history);
		json_object_put(config.params);
	}
}
