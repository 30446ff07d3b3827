/* The reports of a small run. */

#include <sys/stat.h>

#include "ipc/field.h"
#include "tests/unit/report_run.h"

static struct json_object *
json_of(const char *name)
{
	char *text = text_of(name), err[128] = "";
	struct json_object *o;

	o = field_parse(text, strlen(text), 16, err, sizeof(err));
	CHECK_STR(err, "");
	free(text);
	return (o);
}

static struct json_object *
get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return (v);
}

static const char *
str(struct json_object *o, const char *key)
{
	return (json_object_get_string(get(o, key)));
}

static struct json_object *
item(struct json_object *o, const char *key, size_t i)
{
	return (json_object_array_get_idx(get(o, key), i));
}

/* The n-th event of a type, from 0. */
static struct json_object *
find(struct json_object *file, const char *type, int n)
{
	struct json_object *list = get(file, "events"), *e;
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++) {
		e = json_object_array_get_idx(list, i);
		if (strcmp(str(e, "event_type"), type) == 0 && n-- == 0)
			return (e);
	}
	return (NULL);
}

/* --- coordination_events.json --- */

TEST(events_carry_the_names_that_massgen_gives)
{
	static const struct {
		const char *type;
		int times;
	} want[] = {
		{ "session_start", 1 },
		{ "context_received", 3 },
		{ "new_answer", 2 },
		{ "vote_cast", 3 },
		{ "restart_triggered", 2 },
		{ "agent_timeout", 1 },
		{ "agent_error", 0 },
		{ "stopping", 1 },
		{ "final_agent_selected", 1 },
		{ "final_round_start", 1 },
		{ "final_answer", 1 },
		{ "session_end", 1 },
	};
	struct json_object *file;
	size_t i;
	int n;

	small_run();
	write_reports();
	file = json_of("coordination_events.json");
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		for (n = 0; find(file, want[i].type, n) != NULL; n++)
			continue;
		if (!CHECK_INT(n, want[i].times))
			printf("#   of %s\n", want[i].type);
	}
	json_object_put(file);
	finish();
}

TEST(the_envelope_tells_who_asked_what_and_who_won)
{
	struct json_object *file, *meta;

	small_run();
	write_reports();
	file = json_of("coordination_events.json");
	meta = get(file, "session_metadata");
	CHECK_STR(str(meta, "user_prompt"), "What \"is\"\nthis?");
	CHECK_STR(str(meta, "final_winner"), "member_1");
	CHECK_INT(json_object_array_length(get(meta, "agent_ids")), 3);
	CHECK(json_object_get_double(get(meta, "start_time")) <
	    json_object_get_double(get(meta, "end_time")));
	json_object_put(file);
	finish();
}

TEST(every_event_has_the_five_members)
{
	struct json_object *file, *list, *e;
	size_t i;

	small_run();
	write_reports();
	file = json_of("coordination_events.json");
	list = get(file, "events");
	for (i = 0; i < json_object_array_length(list); i++) {
		e = json_object_array_get_idx(list, i);
		CHECK(
		    json_object_is_type(get(e, "timestamp"), json_type_double));
		CHECK(json_object_object_get_ex(e, "agent_id", NULL));
		CHECK(*str(e, "details") != '\0');
		CHECK(json_object_get_int(get(get(e, "context"), "iteration")) >
		    0);
		CHECK(get(get(e, "context"), "round") != NULL);
	}
	json_object_put(file);
	finish();
}

TEST(an_answer_names_the_agents_that_it_sends_back)
{
	struct json_object *file, *context;

	small_run();
	write_reports();
	file = json_of("coordination_events.json");
	context = get(find(file, "restart_triggered", 1), "context");
	CHECK_STR(str(context, "triggering_agent"), "member_3");
	CHECK_INT(json_object_get_int(get(context, "affected_count")), 2);
	CHECK_STR(json_object_get_string(item(context, "affected_agents", 0)),
	    "member_1");
	CHECK_STR(json_object_get_string(item(context, "affected_agents", 1)),
	    "member_2");
	json_object_put(file);
	finish();
}

TEST(a_status_is_told_when_it_changes_and_only_then)
{
	struct json_object *file, *e;
	const char *last = "";
	int n, of_two = 0;

	small_run();
	write_reports();
	file = json_of("coordination_events.json");
	for (n = 0; (e = find(file, "status_change", n)) != NULL; n++) {
		if (strcmp(str(e, "agent_id"), "member_2") != 0)
			continue;
		last = str(e, "details");
		of_two++;
	}
	/* streaming, voted, sent back (told by the answer), voted */
	CHECK_INT(of_two, 3);
	CHECK_STR(last, "Changed to status: voted");
	json_object_put(file);
	finish();
}

TEST(a_turn_tells_which_answers_it_began_with)
{
	struct json_object *file, *context;

	start(2);
	answer("member_1", "agent1.1", "one");
	answer("member_1", "agent1.2", "two");
	turn("member_2", 1);
	end();
	write_reports();
	file = json_of("coordination_events.json");
	context = get(find(file, "context_received", 0), "context");
	CHECK_INT(json_object_get_int(get(context, "answer_count")), 1);
	CHECK_STR(json_object_get_string(item(context, "available_answers", 0)),
	    "agent1");
	CHECK_STR(
	    json_object_get_string(item(context, "available_answer_labels", 0)),
	    "agent1.2");
	json_object_put(file);
	finish();
}

/* --- vote.json and snapshot_mappings.json --- */

TEST(votes_that_stand_are_apart_from_those_that_were_voided)
{
	struct json_object *file, *v;

	small_run();
	write_reports();
	file = json_of("vote.json");
	CHECK_STR(str(file, "winner"), "member_1");
	CHECK_STR(str(file, "winner_reason"), "votes=1, cost=0.0000");
	CHECK_STR(json_object_to_json_string_ext(get(file, "counts"), 0),
	    "{\"agent1.1\":1,\"agent3.1\":1}");
	CHECK_STR(
	    json_object_to_json_string_ext(get(file, "counts_superseded"), 0),
	    "{\"agent1.1\":1}");
	CHECK_INT(json_object_array_length(get(file, "votes")), 2);
	CHECK_INT(json_object_array_length(get(file, "votes_superseded")), 1);
	CHECK_STR(str(item(file, "votes_superseded", 0), "reason"), "early");
	v = item(file, "votes", 0);
	CHECK_STR(str(v, "voter_id"), "member_1");
	CHECK_STR(str(v, "voter_anon_id"), "agent1");
	CHECK_STR(str(v, "voted_for"), "member_3");
	CHECK_STR(str(v, "voted_for_anon"), "agent3");
	CHECK_STR(str(v, "voted_for_label"), "agent3.1");
	CHECK_STR(str(v, "reason"), "because of \"it\"\nreally");
	CHECK_STR(str(v, "timestamp"), STEP);
	CHECK_STR(str(get(v, "agent_mapping"), "agent3"), "member_3");
	CHECK_INT(json_object_array_length(get(v, "available_options")), 2);
	CHECK_INT(
	    json_object_get_int(get(get(v, "vote_context"), "total_agents")),
	    3);
	json_object_put(file);
	finish();
}

TEST(snapshots_lead_to_the_files)
{
	struct json_object *file, *o;

	small_run();
	write_reports();
	file = json_of("snapshot_mappings.json");
	CHECK_INT(json_object_object_length(file), 6);
	o = get(file, "agent1.1");
	CHECK_STR(str(o, "type"), "answer");
	CHECK_STR(str(o, "path"), "member_1/" STEP "/answer.txt");
	CHECK_STR(str(o, "timestamp"), STEP);
	o = get(file, "agent2.vote2");
	CHECK_STR(str(o, "type"), "vote");
	CHECK_STR(str(o, "voted_for"), "member_1");
	CHECK_STR(str(o, "voted_for_label"), "agent1.1");
	o = get(file, "agent1.final");
	CHECK_STR(str(o, "type"), "final_answer");
	CHECK_STR(str(o, "timestamp"), "final");
	CHECK_STR(str(o, "path"), "final/member_1/answer.txt");
	json_object_put(file);
	finish();
}

/* --- coordination_table.txt --- */

static size_t
characters(const char *s, size_t len)
{
	size_t i, n = 0;

	for (i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) == 0x80 ? 0 : 1;
	return (n);
}

/* Every line of the grid is as wide as the first; returns their number. */
static int
grid_lines(const char *table)
{
	const char *p = strstr(table, "\n+");
	size_t width = 0, len;
	int n = 0;

	if (!CHECK(p != NULL))
		return (0);
	for (p++; *p == '+' || *p == '|'; p += len + 1) {
		len = strcspn(p, "\n");
		if (width == 0)
			width = characters(p, len);
		CHECK_INT(characters(p, len), width);
		n++;
	}
	return (n);
}

TEST(the_table_is_a_grid_that_no_answer_can_break)
{
	char *table;

	small_run();
	write_reports();
	table = text_of("coordination_table.txt");
	CHECK(grid_lines(table) > 20);
	CHECK(strchr(table, '\x1b') == NULL);
	CHECK(strstr(table, "Agent 2 (member_2)") != NULL);
	CHECK(strstr(table, "What \"is\" this?") != NULL);
	CHECK(strstr(table, "NEW ANSWER: agent1.1") != NULL);
	CHECK(strstr(table, "RESTART TRIGGERED by agent3.1: 2 agents") != NULL);
	CHECK(strstr(table, "FINAL ANSWER: agent1.final") != NULL);
	CHECK(strstr(table,
		  "Agent 3 (member_3): answers 1, votes 0, "
		  "restarts 1, timeout") != NULL);
	CHECK(strstr(table, "TOTALS: answers 2, votes 2, restarts 4") != NULL);
	free(table);
	finish();
}

TEST(text_of_many_bytes_a_character_stays_in_its_cell)
{
	char *table;
	int i;
	struct buf text = BUF_INITIALIZER;

	for (i = 0; i < 60; i++)
		buf_adds(&text, "\xe2\x82\xac\xc3\xa9");
	start(2);
	answer("member_1", "agent1.1", text.data);
	end();
	write_reports();
	table = text_of("coordination_table.txt");
	CHECK(grid_lines(table) > 5);
	CHECK(strstr(table, "\xe2\x82\xac...") != NULL ||
	    strstr(table, "\xc3\xa9...") != NULL);
	free(table);
	buf_release(&text);
	finish();
}

TEST(a_thousand_agents_cost_what_their_events_cost)
{
	struct stat st;
	char id[32], label[32];
	int i;

	start(1000);
	for (i = 1; i <= 1000; i++) {
		snprintf(id, sizeof(id), "member_%d", i);
		turn(id, i);
	}
	for (i = 1; i <= 1000; i++) {
		snprintf(id, sizeof(id), "member_%d", i);
		snprintf(label, sizeof(label), "agent%d.1", i);
		answer(id, label, "an answer");
	}
	for (i = 1; i <= 1000; i++) {
		snprintf(id, sizeof(id), "member_%d", i);
		vote(id, "member_1", "agent1.1", "good");
	}
	end();
	write_reports();
	CHECK_INT(stat("coordination_table.txt", &st), 0);
	CHECK(st.st_size < 4 * 1000 * 1000);
	CHECK_INT(stat("coordination_events.json", &st), 0);
	CHECK(st.st_size < 8 * 1000 * 1000);
	CHECK_INT(stat("vote.json", &st), 0);
	CHECK(st.st_size < 6 * 1000 * 1000);
	finish();
}

/* --- when something is wrong --- */

TEST(what_can_be_written_is)
{
	struct config config = { 0 };
	struct json_object *file;

	small_run();
	CHECK_INT(mkdir("vote.json", 0777), 0);
	CHECK_INT(report_write(dir, session, &config), -1);
	file = json_of("snapshot_mappings.json");
	CHECK_INT(json_object_object_length(file), 6);
	json_object_put(file);
	CHECK_INT(unlink("events.ndjson"), 0);
	CHECK_INT(report_write(dir, session, &config), -1);
	file = json_of("coordination_events.json");
	CHECK_INT(json_object_array_length(get(file, "events")), 0);
	json_object_put(file);
	finish();
}

TEST(nothing_is_left_beside_the_files)
{
	small_run();
	write_reports();
	CHECK_INT(system("ls -A | grep -q tmp"), 256);
	CHECK_INT(system("test $(ls -A | wc -l) -eq 6"), 0);
	finish();
}
