/* supervisor/decide/event: what a journal line says, and reading it back. */

#include <stdlib.h>

#include "ipc/field.h"
#include "supervisor/decide/event.h"
#include "tests/json_text.h"
#include "tests/test.h"

/* Every member has a value of its own. */
static struct event
full_event(enum event_type type)
{
	struct event e = { .type = type,
		.seq = 1,
		.at_ms = 2,
		.time = 1762320000.125,
		.agent = "agent id",
		.who = 3,
		.kind = "kind",
		.text = "text \"\\\n\x01 \xe2\x82\xac",
		.label = "agent1.2",
		.model = "model",
		.activity = "activity",
		.path = "a/b.txt",
		.sha256 = "sha",
		.snapshot = "snapshots/agent1.2",
		.instructions = "instructions",
		.target = "target",
		.question = "question",
		.session_id = "session",
		.log_dir = "/dir",
		.version = "version",
		.parent = "parent",
		.outcome = "outcome",
		.turn = 4,
		.attempt = 5,
		.attempts_max = 6,
		.delay_ms = -1,
		.bytes = INT64_C(5000000000),
		.pid = 7,
		.code = 8,
		.signal = 9,
		.max_rss_kib = 10,
		.count = 11,
		.depth = 12,
		.exit_code = 13,
		.input_tokens = INT64_MAX,
		.cached_input_tokens = 14,
		.output_tokens = 15,
		.reasoning_tokens = 16,
		.cache_write_tokens = 17,
		.cost = 0.1 + 0.2,
		.cpu_seconds = 1e-9,
		.dry_run = true,
		.direct = true,
		.requested = true,
		.permanent = true,
		.presented = true };

	return (e);
}

static struct json_object *
parse(const char *text)
{
	char err[200];
	struct json_object *o =
	    field_parse(text, strlen(text), 16, err, sizeof(err));

	if (o == NULL)
		CHECK_STR(err, "");
	return (o);
}

TEST(names_are_unique)
{
	int i, j;

	for (i = 0; i < EVENT_TYPES; i++)
		for (j = 0; j < i; j++)
			CHECK(strcmp(event_name((enum event_type)i),
				  event_name((enum event_type)j)) != 0);
	CHECK_STR(event_name(EVENT_RUN_STARTED), "run_started");
	CHECK_STR(event_name(EVENT_RUN_ENDED), "run_ended");
}

/* Written, read and written again, nothing is lost or changed. */
TEST(every_type_survives_a_round_trip)
{
	char err[200], *text;
	struct event e, back;
	struct json_object *o;
	int i;

	for (i = 0; i < EVENT_TYPES; i++) {
		e = full_event((enum event_type)i);
		e.agents = json_object_new_array();
		o = event_to_json(&e);
		text = strdup(json_object_to_json_string(o));
		json_object_put(o);
		json_object_put(e.agents);
		o = parse(text);
		CHECK_INT(event_from_json(&back, o, err, sizeof(err)), 0);
		CHECK_INT(back.type, i);
		CHECK_INT(back.who, -1);
		o = event_to_json(&back);
		CHECK_STR(json_object_to_json_string(o), text);
		json_object_put(o);
		event_release(&back);
		free(text);
	}
}

TEST(members_come_in_the_order_of_the_table)
{
	struct event e = full_event(EVENT_VOTE);
	struct json_object *o;

	e.text = "good";
	o = event_to_json(&e);
	CHECK_STR(json_compact(o),
	    "{\"seq\":1,\"at_ms\":2,\"time\":1762320000.125,"
	    "\"type\":\"vote\",\"agent\":\"agent id\",\"target\":\"target\","
	    "\"label\":\"agent1.2\",\"text\":\"good\",\"path\":\"a/b.txt\"}");
	json_object_put(o);
}

TEST(values_come_back_as_they_were)
{
	struct event e = full_event(EVENT_USAGE), back;
	char err[200];

	CHECK_INT(
	    event_from_json(&back, event_to_json(&e), err, sizeof(err)), 0);
	CHECK_MEM(&back.cost, &e.cost, sizeof(e.cost));
	CHECK_MEM(&back.time, &e.time, sizeof(e.time));
	CHECK(back.input_tokens == INT64_MAX);
	CHECK_STR(back.agent, "agent id");
	event_release(&back);
}

TEST(what_is_not_given_is_not_written)
{
	struct event e = {
		.type = EVENT_RUN_ENDED, .seq = 1, .outcome = "success"
	};
	struct json_object *o = event_to_json(&e);

	CHECK(!json_object_object_get_ex(o, "text", NULL));
	CHECK(!json_object_object_get_ex(o, "path", NULL));
	CHECK(json_object_object_get_ex(o, "exit_code", NULL));
	json_object_put(o);
}

static void
check_refused(const char *text, const char *why)
{
	char err[200] = "";
	struct event e;

	if (!CHECK_INT(event_from_json(&e, parse(text), err, sizeof(err)), -1))
		event_release(&e);
	CHECK_STR(err, why);
}

TEST(what_is_not_an_event_is_refused)
{
	check_refused("{}", "unknown event \"\"");
	check_refused("{\"type\":null}", "unknown event \"\"");
	check_refused("{\"type\":\"applause\"}", "unknown event \"applause\"");
	check_refused("{\"type\":\"warning\"}", "no \"seq\"");
	check_refused("{\"type\":\"warning\",\"seq\":1,\"at_ms\":1,"
		      "\"time\":1}",
	    "no \"text\"");
	check_refused("{\"type\":\"warning\",\"seq\":\"1\",\"at_ms\":1,"
		      "\"time\":1,\"text\":\"\"}",
	    "\"seq\" has the wrong type");
	check_refused("{\"type\":\"warning\",\"seq\":1,\"at_ms\":1.5,"
		      "\"time\":1,\"text\":\"\"}",
	    "\"at_ms\" has the wrong type");
	check_refused("{\"type\":\"warning\",\"seq\":1,\"at_ms\":1,"
		      "\"time\":1,\"text\":7}",
	    "\"text\" has the wrong type");
	check_refused("{\"type\":\"vote\",\"seq\":1,\"at_ms\":1,\"time\":1,"
		      "\"agent\":\"a\",\"target\":\"b\",\"label\":\"c\","
		      "\"text\":\"d\"}",
	    "no \"path\"");
}

/* The event without one of its members: read, or the reason why not. */
static bool
reads_without(const struct json_object *full, const char *member)
{
	struct json_object *o = NULL;
	char err[200], want[80];
	struct event e;

	/* json-c takes what it copies from as something it may change */
	json_object_deep_copy((struct json_object *)(uintptr_t)full, &o, NULL);
	json_object_object_del(o, member);
	if (event_from_json(&e, o, err, sizeof(err)) == 0) {
		event_release(&e);
		return (true);
	}
	snprintf(want, sizeof(want), "no \"%s\"", member);
	if (strcmp(member, "type") != 0)
		CHECK_STR(err, want);
	return (false);
}

TEST(what_a_line_may_lack)
{
	char optional[1000] = "";
	struct json_object *o;
	struct event e;
	int i;

	for (i = 0; i < EVENT_TYPES; i++) {
		e = full_event((enum event_type)i);
		e.agents = json_object_new_array();
		o = event_to_json(&e);
		json_object_put(e.agents);
		json_object_object_foreach (o, key, value) {
			(void)value;
			if (!reads_without(o, key))
				continue;
			strlcat(optional, event_name(e.type), sizeof(optional));
			strlcat(optional, ".", sizeof(optional));
			strlcat(optional, key, sizeof(optional));
			strlcat(optional, " ", sizeof(optional));
		}
		json_object_put(o);
	}
	CHECK_STR(optional,
	    "run_started.parent activity.model activity.text usage.model "
	    "usage.cache_write_tokens answer.snapshot attempt_failed.delay_ms "
	    "run_ended.text "
	    "run_ended.path ");
}

/* A later version may say more. */
TEST(unknown_members_are_ignored)
{
	struct event e;
	char err[200] = "";

	CHECK_INT(event_from_json(&e,
		      parse("{\"type\":\"warning\",\"seq\":1,\"at_ms\":1,"
			    "\"time\":1,\"text\":\"w\",\"mood\":[1]}"),
		      err, sizeof(err)),
	    0);
	CHECK_STR(e.text, "w");
	event_release(&e);
}
