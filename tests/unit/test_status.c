/* supervisor/record/status: the file that others poll. */

#include <errno.h>

#include "ipc/field.h"
#include "ipc/mono.h"
#include "supervisor/record/status.h"
#include "tests/json_text.h"
#include "tests/test.h"
#include "tests/unit/scratch.h"
#include "tests/unit/session_make.h"

static struct session *
some_run(void)
{
	struct session *s = MADE_WORKING("a", "b");

	made_usage(s, "a", 10, 0.1);
	made_usage(s, "b", 1, 0.2);
	made_answer(s, "a");
	made_vote(s, "b", "a");
	return (s);
}

static struct json_object *
parse(const struct session *s, double now)
{
	struct buf b = BUF_INITIALIZER;
	char err[200] = "";
	struct json_object *o;

	status_format(s, now, &b);
	CHECK(b.len > 0 && b.data[b.len - 1] == '\n');
	o = field_parse(b.data, b.len - 1, 16, err, sizeof(err));
	CHECK_STR(err, "");
	buf_release(&b);
	return (o);
}

TEST(a_run_under_way)
{
	struct session *s = some_run();
	struct json_object *o = parse(s, MADE_START + 1.23456);

	json_check_at(o, "meta/session_id", "\"log_x\"");
	json_check_at(o, "meta/outcome", "\"running\"");
	json_check_at(o, "meta/exit_code", "null");
	json_check_at(o, "meta/end_time", "null");
	json_check_at(o, "meta/start_time", "1762320000.0");
	json_check_at(o, "meta/last_updated", "1762320001.235");
	json_check_at(o, "meta/elapsed_seconds", "1.235");
	json_check_at(o, "coordination/phase", "\"voting\"");
	json_check_at(o, "coordination/completion_percentage", "62");
	json_check_at(o, "coordination/active_agent", "null");
	json_check_at(o, "coordination/quorum",
	    "{\"expected\":2,\"answered\":1,\"voted\":1,\"failed\":0,"
	    "\"degraded\":false}");
	json_check_at(o, "agents/a/status", "\"answered\"");
	json_check_at(o, "agents/a/latest_answer_label", "\"agent1.1\"");
	json_check_at(o, "agents/a/pid", "200");
	json_check_at(o, "agents/a/exit", "null");
	json_check_at(o, "agents/b/vote_cast",
	    "{\"voted_for_agent\":\"a\",\"voted_for_label\":\"agent1.1\","
	    "\"reason_preview\":\"it is good\"}");
	json_check_at(o, "results/votes", "{\"agent1.1\":1}");
	json_check_at(o, "results/votes_superseded", "{}");
	json_check_at(o, "results/winner", "null");
	json_check_at(o, "results/final_answer_path", "null");
	json_check_at(o, "results/estimated_cost", "0.30000000000000004");
	json_check_at(o, "results/usage/total_tokens", "66");
	json_object_put(o);
	session_free(s);
}

TEST(a_run_that_is_over)
{
	struct session *s = some_run();
	struct json_object *o;

	TELL(s, EVENT_AGENT_EXITED, .agent = "a", .signal = 9);
	TELL(s, EVENT_AGENT_EXITED, .agent = "b", .code = 3,
	    .max_rss_kib = 4096, .cpu_seconds = 0.0126);
	made_failure(s, "b", "exit");
	TELL(s, EVENT_STOPPING, .kind = "ended", .text = "no agent is left");
	TELL(s, EVENT_WINNER, .agent = "a", .label = "agent1.1",
	    .text = "votes=1");
	TELL(s, EVENT_FINAL_ANSWER, .agent = "a", .path = "final/a/answer.txt",
	    .bytes = 7, .sha256 = MADE_SHA256, .text = "because");
	made_end(s, 0);
	o = parse(s, s->last_time);
	json_check_at(o, "meta/outcome", "\"success\"");
	json_check_at(o, "meta/exit_code", "0");
	json_check_at(o, "coordination/completion_percentage", "100");
	json_check_at(o, "coordination/is_final_presentation", "true");
	json_check_at(o, "coordination/quorum/degraded", "true");
	json_check_at(o, "agents/a/exit/code", "null");
	json_check_at(o, "agents/a/exit/signal", "9");
	json_check_at(o, "agents/b/exit",
	    "{\"code\":3,\"signal\":null,\"max_rss_kib\":4096,"
	    "\"cpu_seconds\":0.013}");
	json_check_at(o, "agents/b/error/type", "\"exit\"");
	json_check_at(o, "results/winner", "\"a\"");
	json_check_at(o, "results/final_answer_path",
	    "\"/runs/log_x/final/a/answer.txt\"");
	json_check_at(o, "results/manifest", "\"final_output/manifest.json\"");
	json_object_put(o);
	session_free(s);
}

TEST(the_same_session_has_the_same_bytes)
{
	struct session *s = some_run(), *t = some_run();
	struct buf a = BUF_INITIALIZER, b = BUF_INITIALIZER;

	status_format(s, s->last_time, &a);
	status_format(t, t->last_time, &b);
	CHECK_STR(a.data, b.data);
	b.len = 0;
	status_format(s, s->last_time, &b);
	CHECK_STR(a.data, b.data);
	buf_release(&a);
	buf_release(&b);
	session_free(s);
	session_free(t);
}

/* Previews are one bounded line; the question is as it was asked. */
TEST(texts_are_shown_as_lines)
{
	struct session *s = MADE_WORKING("a");
	struct json_object *o, *v = NULL;
	char reason[400];
	const char *shown;

	memset(reason, 'r', sizeof(reason));
	memcpy(reason, "\x1b[31m two\nlines \xe2\x82\xac", 19);
	reason[sizeof(reason) - 1] = '\0';
	made_answer(s, "a");
	TELL(s, EVENT_VOTE, .agent = "a", .target = "a", .label = "agent1.1",
	    .text = reason, .path = "");
	o = parse(s, s->last_time);
	if (CHECK(json_object_object_get_ex(o, "agents", &v) &&
		json_object_object_get_ex(v, "a", &v) &&
		json_object_object_get_ex(v, "vote_cast", &v) &&
		json_object_object_get_ex(v, "reason_preview", &v))) {
		shown = json_object_get_string(v);
		CHECK_INT(
		    strncmp(shown, " [31m two lines \xe2\x82\xacrrr", 22), 0);
		CHECK_INT(strlen(shown), 103);
		CHECK_STR(shown + 100, "...");
	}
	json_object_put(o);
	session_free(s);
}

/* --- the writer --- */

TEST(the_first_time_it_is_written_at_once)
{
	struct session *s = some_run();
	struct status_writer w;

	scratch_enter();
	status_init(&w, "status.json");
	CHECK_INT(status_due(&w), 0);
	status_poll(&w, s, s->last_time);
	CHECK_INT(names_in("."), 1);
	status_release(&w);
	session_free(s);
	scratch_leave();
}

TEST(changes_wait_for_each_other)
{
	struct session *s = some_run();
	struct status_writer w;
	int64_t now, due;

	scratch_enter();
	status_init(&w, "status.json");
	status_poll(&w, s, s->last_time);
	now = mono_ms();
	due = status_due(&w);
	/* nothing changed: renewed before it is two seconds old */
	CHECK(due > now && due <= now + 2000);
	CHECK(unlink("status.json") == 0);
	status_poll(&w, s, s->last_time);
	CHECK_INT(names_in("."), 0);
	/* a change: at most four times a second */
	w.dirty = true;
	due = status_due(&w);
	CHECK(due >= w.written + 250 && due <= w.written + 500);
	status_poll(&w, s, s->last_time);
	CHECK(names_in(".") == 0 || mono_ms() >= due);
	/* as if the time had come */
	w.written -= 1000;
	status_poll(&w, s, s->last_time);
	CHECK_INT(names_in("."), 1);
	CHECK(!w.dirty);
	status_release(&w);
	session_free(s);
	scratch_leave();
}

TEST(writing_now_is_writing_now)
{
	struct session *s = some_run();
	struct buf b = BUF_INITIALIZER;
	struct status_writer w;

	scratch_enter();
	status_init(&w, "status.json");
	status_poll(&w, s, s->last_time);
	made_end(s, 2);
	w.dirty = true;
	CHECK_INT(status_write(&w, s, s->last_time), 0);
	status_format(s, s->last_time, &b);
	HOLDS("status.json", b.data);
	buf_release(&b);
	status_release(&w);
	session_free(s);
	scratch_leave();
}

TEST(a_disk_that_fails_is_tried_again)
{
	struct session *s = some_run();
	struct status_writer w;

	scratch_enter();
	status_init(&w, "missing/status.json");
	CHECK_INT(status_write(&w, s, s->last_time), -1);
	CHECK_INT(errno, ENOENT);
	w.failing = true; /* it was said */
	w.written -= 5000;
	status_poll(&w, s, s->last_time);
	CHECK(w.failing);
	CHECK(status_due(&w) > mono_ms());
	CHECK_INT(mkdir("missing", 0700), 0);
	w.written -= 5000;
	status_poll(&w, s, s->last_time);
	CHECK(!w.failing);
	CHECK_INT(names_in("missing"), 1);
	status_release(&w);
	session_free(s);
	scratch_leave();
}
