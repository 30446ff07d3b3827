/* ipc/msg: every message there and back, and all that is none. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/buf.h"
#include "ipc/msg.h"
#include "tests/test.h"

/*
 * The protocol as massgen-ipc(7) has it: each type's direction and the
 * smallest line that is valid.
 */
static const struct sample {
	const char *name;
	enum msg_direction direction;
	const char *line;
	const char *required; /* members, separated by blanks */
} samples[MSG_TYPES] = {
	[MSG_INIT] = { "init", MSG_TO_WORKER,
	    "{\"type\":\"init\",\"version\":1,\"agent\":\"agent1\","
	    "\"count\":2,\"backend\":{}}",
	    "version agent count backend" },
	[MSG_TURN] = { "turn", MSG_TO_WORKER,
	    "{\"type\":\"turn\",\"turn\":1,\"kind\":\"answer\","
	    "\"text\":\"q\",\"answers\":[],\"seen\":0}",
	    "turn kind text answers seen" },
	[MSG_UPDATE] = { "update", MSG_TO_WORKER,
	    "{\"type\":\"update\",\"turn\":1,\"answers\":[],\"seen\":1}",
	    "turn answers seen" },
	[MSG_GO] = { "go", MSG_TO_WORKER, "{\"type\":\"go\",\"turn\":1}",
	    "turn" },
	[MSG_VERDICT] = { "verdict", MSG_TO_WORKER,
	    "{\"type\":\"verdict\",\"turn\":1,\"accepted\":true}",
	    "turn accepted" },
	[MSG_GRANT] = { "grant", MSG_TO_WORKER,
	    "{\"type\":\"grant\",\"turn\":1,\"accepted\":true}",
	    "turn accepted" },
	[MSG_HOLD] = { "hold", MSG_TO_WORKER,
	    "{\"type\":\"hold\",\"after_ms\":5}", "after_ms" },
	[MSG_BLOCKED] = { "blocked", MSG_TO_WORKER,
	    "{\"type\":\"blocked\",\"blocked\":true}", "blocked" },
	[MSG_CANCEL] = { "cancel", MSG_TO_WORKER,
	    "{\"type\":\"cancel\",\"turn\":1}", "turn" },
	[MSG_HELLO] = { "hello", MSG_FROM_WORKER,
	    "{\"type\":\"hello\",\"version\":1}", "version" },
	[MSG_CONTEXT] = { "context", MSG_FROM_WORKER,
	    "{\"type\":\"context\",\"turn\":1,\"text\":\"t\"}", "turn text" },
	[MSG_ACTIVITY] = { "activity", MSG_FROM_WORKER,
	    "{\"type\":\"activity\",\"turn\":1,"
	    "\"activity\":\"waiting_model\"}",
	    "turn activity" },
	[MSG_CONTENT] = { "content", MSG_FROM_WORKER,
	    "{\"type\":\"content\",\"turn\":1,\"text\":\"t\"}", "turn text" },
	[MSG_REASONING] = { "reasoning", MSG_FROM_WORKER,
	    "{\"type\":\"reasoning\",\"turn\":1,\"text\":\"t\"}", "turn text" },
	[MSG_TOOL] = { "tool", MSG_FROM_WORKER,
	    "{\"type\":\"tool\",\"turn\":1,\"name\":\"n\","
	    "\"kind\":\"start\"}",
	    "turn name kind" },
	[MSG_READY] = { "ready", MSG_FROM_WORKER,
	    "{\"type\":\"ready\",\"turn\":1,\"after_ms\":5}", "turn after_ms" },
	[MSG_PLANNING] = { "planning", MSG_FROM_WORKER,
	    "{\"type\":\"planning\",\"turn\":1,\"blocked\":[]}",
	    "turn blocked" },
	[MSG_RESERVE] = { "reserve", MSG_FROM_WORKER,
	    "{\"type\":\"reserve\",\"turn\":1}", "turn" },
	[MSG_LIMITED] = { "limited", MSG_FROM_WORKER,
	    "{\"type\":\"limited\",\"turn\":1,\"after_ms\":5}",
	    "turn after_ms" },
	[MSG_USAGE] = { "usage", MSG_FROM_WORKER,
	    "{\"type\":\"usage\",\"turn\":1}", "turn" },
	[MSG_ANSWER] = { "answer", MSG_FROM_WORKER,
	    "{\"type\":\"answer\",\"turn\":1,\"text\":\"a\"}", "turn text" },
	[MSG_VOTE] = { "vote", MSG_FROM_WORKER,
	    "{\"type\":\"vote\",\"turn\":1,\"agent\":\"agent1\","
	    "\"seen\":1}",
	    "turn agent seen" },
	[MSG_ERROR] = { "error", MSG_FROM_WORKER,
	    "{\"type\":\"error\",\"kind\":\"k\",\"text\":\"t\"}", "kind text" },
	[MSG_HEARTBEAT] = { "heartbeat", MSG_FROM_WORKER,
	    "{\"type\":\"heartbeat\"}", "" },
};

static int
decode(struct msg *m, enum msg_direction d, const char *line, char *err,
    size_t errlen)
{
	err[0] = '\0';
	return (msg_decode(m, d, line, strlen(line), err, errlen));
}

static void
refused(enum msg_direction d, const char *line, const char *want)
{
	char err[200];
	struct msg m;

	CHECK_INT(decode(&m, d, line, err, sizeof(err)), -1);
	CHECK_STR(err, want);
	CHECK(m.root == NULL);
}

/* Every other test walks over the samples, so none may be missing. */
TEST(every_type_has_its_name)
{
	int i;

	for (i = 0; i < MSG_TYPES; i++)
		if (!CHECK_STR(msg_name((enum msg_type)i), samples[i].name))
			exit(1);
}

TEST(the_smallest_line_of_every_type_is_accepted)
{
	char err[200];
	struct msg m;
	int i;

	for (i = 0; i < MSG_TYPES; i++) {
		if (!CHECK_INT(decode(&m, samples[i].direction, samples[i].line,
				   err, sizeof(err)),
			0))
			printf("# %s: %s\n", samples[i].name, err);
		CHECK_INT(m.type, i);
		msg_release(&m);
	}
}

TEST(every_type_is_refused_in_the_other_direction)
{
	char want[100];
	int i;

	for (i = 0; i < MSG_TYPES; i++) {
		snprintf(want, sizeof(want), "misdirected message \"%s\"",
		    samples[i].name);
		refused(samples[i].direction == MSG_TO_WORKER ? MSG_FROM_WORKER
							      : MSG_TO_WORKER,
		    samples[i].line, want);
	}
}

/* The sample's line without one member; the caller frees it. */
static char *
line_without(const struct sample *s, const char *member)
{
	struct json_object *o = json_tokener_parse(s->line);
	char *line;

	json_object_object_del(o, member);
	line = strdup(json_object_to_json_string(o));
	json_object_put(o);
	return (line);
}

TEST(every_required_member_is_required)
{
	char list[100], want[100], *line, *member, *rest;
	int i;

	for (i = 0; i < MSG_TYPES; i++) {
		snprintf(list, sizeof(list), "%s", samples[i].required);
		rest = list;
		while ((member = strsep(&rest, " ")) != NULL) {
			if (*member == '\0')
				continue;
			line = line_without(&samples[i], member);
			snprintf(want, sizeof(want), "no \"%s\"", member);
			refused(samples[i].direction, line, want);
			free(line);
		}
	}
}

/* A message with a value in every member that any type has. */
static void
fill(struct msg *m, enum msg_type type)
{
	memset(m, 0, sizeof(*m));
	m->type = type;
	m->version = 1;
	m->turn = INT64_MAX;
	m->seen = 3;
	m->agent = "agent2";
	m->kind = "answer";
	m->text = "line one\nline \"two\" \\ / \xe2\x82\xac \x01 \x1b[31m";
	m->label = "agent2.1";
	m->model = "m";
	m->activity = "streaming";
	m->name = "shell";
	m->key = "k";
	m->system_message = "s";
	m->snapshot = ".agent1-2";
	m->snapshot_error = "why";
	m->answers = json_tokener_parse("[{\"agent\":\"agent1\"}]");
	m->backend = json_tokener_parse("{\"type\":\"mock\"}");
	m->script = json_tokener_parse("[{\"answer\":\"a\"}]");
	m->options = json_tokener_parse("{\"a\":1}");
	m->votes = json_tokener_parse("[]");
	m->tools = json_tokener_parse("{\"files\":true}");
	m->blocked = json_tokener_parse("[\"t\"]");
	m->evaluate = json_tokener_parse("{}");
	m->restart = json_tokener_parse("{\"reason\":\"r\"}");
	m->feedback = json_tokener_parse("{\"reason\":\"r\"}");
	m->attempt = 2;
	m->count = 2;
	m->limit_ms = 1000;
	m->step = 4;
	m->after_ms = -1;
	m->pid = 77;
	m->accepted = m->final = m->undumpable = m->permanent = true;
	m->classify = true;
	m->input_tokens = 10;
	m->cached_input_tokens = 5;
	m->output_tokens = 20;
	m->reasoning_tokens = 7;
	m->cache_write_tokens = 3;
	m->lost = true;
	m->cost = 0.000123456789;
}

static void
fill_release(struct msg *m)
{
	json_object_put(m->answers);
	json_object_put(m->backend);
	json_object_put(m->script);
	json_object_put(m->options);
	json_object_put(m->votes);
	json_object_put(m->tools);
	json_object_put(m->blocked);
	json_object_put(m->evaluate);
	json_object_put(m->restart);
	json_object_put(m->feedback);
}

/* One line for m, again the same after a round trip. */
static void
round_trip(const struct msg *m)
{
	struct buf first = BUF_INITIALIZER, second = BUF_INITIALIZER;
	struct msg back;
	char err[200];

	msg_encode(m, &first);
	CHECK(first.data[first.len - 1] == '\n');
	CHECK(
	    memchr(first.data, '\n', first.len) == first.data + first.len - 1);
	if (!CHECK_INT(msg_decode(&back, samples[m->type].direction, first.data,
			   first.len - 1, err, sizeof(err)),
		0)) {
		printf("# %s: %s\n", msg_name(m->type), err);
	} else {
		CHECK_INT(back.type, m->type);
		msg_encode(&back, &second);
		CHECK_STR(second.data, first.data);
	}
	msg_release(&back);
	buf_release(&first);
	buf_release(&second);
}

TEST(every_type_survives_a_round_trip)
{
	struct msg m;
	int i;

	for (i = 0; i < MSG_TYPES; i++) {
		fill(&m, (enum msg_type)i);
		round_trip(&m);
		fill_release(&m);
	}
}

TEST(values_survive_a_round_trip)
{
	struct buf b = BUF_INITIALIZER;
	struct msg m, back;
	char err[200];

	fill(&m, MSG_USAGE);
	msg_encode(&m, &b);
	CHECK_INT(decode(&back, MSG_FROM_WORKER, b.data, err, sizeof(err)), 0);
	CHECK_INT(back.turn, INT64_MAX);
	CHECK_STR(back.model, "m");
	CHECK_INT(back.input_tokens, 10);
	CHECK_INT(back.cached_input_tokens, 5);
	CHECK_INT(back.output_tokens, 20);
	CHECK_INT(back.reasoning_tokens, 7);
	CHECK(fabs(back.cost - 0.000123456789) < 1e-15);
	msg_release(&back);
	fill_release(&m);
	fill(&m, MSG_VOTE);
	buf_release(&b);
	msg_encode(&m, &b);
	CHECK_INT(decode(&back, MSG_FROM_WORKER, b.data, err, sizeof(err)), 0);
	CHECK_STR(back.agent, "agent2");
	CHECK_STR(back.text, m.text);
	CHECK_INT(back.seen, 3);
	msg_release(&back);
	fill_release(&m);
	buf_release(&b);
}

TEST(a_type_carries_its_own_members_only)
{
	struct buf b = BUF_INITIALIZER;
	struct msg m;

	fill(&m, MSG_ANSWER);
	msg_encode(&m, &b);
	CHECK(strstr(b.data, "\"key\"") == NULL);
	CHECK(strstr(b.data, "\"backend\"") == NULL);
	buf_release(&b);
	fill_release(&m);
}

TEST(absent_optional_members_are_zero)
{
	char err[200];
	struct msg m;

	CHECK_INT(decode(&m, MSG_FROM_WORKER, "{\"type\":\"heartbeat\"}", err,
		      sizeof(err)),
	    0);
	CHECK_INT(m.turn, 0);
	CHECK(m.text == NULL);
	msg_release(&m);
}

TEST(unknown_members_are_ignored)
{
	char err[200];
	struct msg m;

	CHECK_INT(decode(&m, MSG_TO_WORKER,
		      "{\"type\":\"go\",\"turn\":2,\"later\":{\"x\":[1]}}", err,
		      sizeof(err)),
	    0);
	CHECK_INT(m.turn, 2);
	msg_release(&m);
}

TEST(wrong_types_are_refused)
{
	refused(MSG_FROM_WORKER,
	    "{\"type\":\"answer\",\"turn\":\"1\","
	    "\"text\":\"a\"}",
	    "\"turn\" has the wrong type");
	refused(MSG_FROM_WORKER,
	    "{\"type\":\"answer\",\"turn\":1.5,"
	    "\"text\":\"a\"}",
	    "\"turn\" has the wrong type");
	refused(MSG_FROM_WORKER,
	    "{\"type\":\"answer\",\"turn\":1,"
	    "\"text\":{}}",
	    "\"text\" has the wrong type");
	refused(MSG_FROM_WORKER,
	    "{\"type\":\"error\",\"kind\":\"k\","
	    "\"text\":\"t\",\"permanent\":\"yes\"}",
	    "\"permanent\" has the wrong type");
	refused(MSG_TO_WORKER,
	    "{\"type\":\"verdict\",\"turn\":1,"
	    "\"accepted\":1}",
	    "\"accepted\" has the wrong type");
}

TEST(lines_without_a_known_type_are_refused)
{
	refused(MSG_FROM_WORKER, "{}", "no \"type\"");
	refused(MSG_FROM_WORKER, "{\"type\":null}", "no \"type\"");
	refused(MSG_FROM_WORKER, "{\"type\":3}", "no \"type\"");
	refused(
	    MSG_FROM_WORKER, "{\"type\":\"ping\"}", "unknown message \"ping\"");
	refused(MSG_FROM_WORKER, "{\"type\":\"Hello\",\"version\":1}",
	    "unknown message \"Hello\"");
	refused(MSG_FROM_WORKER,
	    "{\"type\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaXYZ\"}",
	    "unknown message \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"");
}

TEST(lines_that_are_no_object_are_refused)
{
	static const struct {
		const char *line;
		size_t len;
	} bad[] = {
		{ "", 0 },
		{ "hello", 5 },
		{ "[{\"type\":\"hello\",\"version\":1}]", 31 },
		{ "{\"type\":\"hello\",\"version\":1", 27 },
		{ "{\"type\":\"hello\",\"version\":1}}", 29 },
		{ "{\"type\":\"hello\",\"version\":1} {}", 31 },
		{ "{\"type\":\"hello\",\"version\":1}\0", 29 },
		{ "{\"type\":\"hello\",\0\"version\":1}", 29 },
		{ "{\"type\":\"hello\",\"version\":1,\"name\":\"\xc0\xaf\"}",
		    40 },
		{ "{\"type\":\"hello\",\"version\":1,\"name\":\"\x80\"}", 39 },
	};
	char err[200];
	struct msg m;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = '\0';
		if (!CHECK_INT(msg_decode(&m, MSG_FROM_WORKER, bad[i].line,
				   bad[i].len, err, sizeof(err)),
			-1))
			test_print("line", bad[i].line, bad[i].len);
		CHECK(err[0] != '\0');
		msg_release(&m);
	}
}

TEST(depth_is_limited)
{
	struct buf b = BUF_INITIALIZER;
	struct msg m;
	char err[200];
	int i;

	buf_adds(&b, "{\"type\":\"hello\",\"version\":1,\"x\":");
	for (i = 0; i < 100000; i++)
		buf_adds(&b, "[");
	for (i = 0; i < 100000; i++)
		buf_adds(&b, "]");
	buf_adds(&b, "}");
	CHECK_INT(
	    msg_decode(&m, MSG_FROM_WORKER, b.data, b.len, err, sizeof(err)),
	    -1);
	buf_release(&b);
}

TEST(a_nul_in_text_becomes_a_replacement)
{
	char err[200];
	struct msg m;

	CHECK_INT(decode(&m, MSG_FROM_WORKER,
		      "{\"type\":\"content\",\"turn\":1,"
		      "\"text\":\"a\\u0000b\"}",
		      err, sizeof(err)),
	    0);
	CHECK_STR(m.text,
	    "a\xef\xbf\xbd"
	    "b");
	msg_release(&m);
}

TEST(integers_out_of_range_do_not_wrap)
{
	char err[200];
	struct msg m;

	if (decode(&m, MSG_TO_WORKER,
		"{\"type\":\"go\",\"turn\":99999999999999999999}", err,
		sizeof(err)) == 0)
		CHECK_INT(m.turn, INT64_MAX);
	msg_release(&m);
}

TEST(release_may_be_repeated)
{
	char err[200];
	struct msg m;

	CHECK_INT(decode(&m, MSG_TO_WORKER, "{\"type\":\"go\",\"turn\":2}", err,
		      sizeof(err)),
	    0);
	msg_release(&m);
	msg_release(&m);
	CHECK(m.root == NULL);
}
