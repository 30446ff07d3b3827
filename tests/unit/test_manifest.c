/* supervisor/record/manifest: what stays of a run. */

#include <errno.h>

#include "ipc/field.h"
#include "supervisor/record/manifest.h"
#include "tests/json_text.h"
#include "tests/test.h"
#include "tests/unit/scratch.h"
#include "tests/unit/session_make.h"

/* Three agents: a wins with its second answer, b voted, c failed. */
static struct session *
some_run(void)
{
	struct session *s = MADE_WORKING("a", "b", "c");

	made_usage(s, "a", 10, 0.25);
	made_answer(s, "a");
	made_answer(s, "c");
	made_usage(s, "c", 1, 0.5);
	made_failure(s, "c", "timeout");
	made_ms = 1499;
	made_answer(s, "a");
	made_vote(s, "b", "a");
	TELL(s, EVENT_STOPPING, .kind = "time", .text = "late");
	TELL(s, EVENT_WINNER, .agent = "a", .label = "agent1.2",
	    .text = "votes=1, cost=0.2500");
	return (s);
}

static char *texts[] = { NULL, NULL, NULL, NULL };

static void
set_texts(void)
{
	static char one[] = "first of a", two[] = "of c", three[] = "abc";

	texts[0] = one;
	texts[1] = two;
	texts[2] = three;
}

static int
write_manifest(const char *dir, const struct session *s, char *const *full,
    const struct artifact *final, const char *outcome)
{
	return (manifest_end(manifest_begin(dir, s, full), s, final, outcome));
}

static struct json_object *
read_manifest(void)
{
	char err[200] = "", *text = slurp(MANIFEST_PATH);
	struct json_object *o = NULL;

	if (CHECK(text != NULL))
		o = field_parse(text, strlen(text), 16, err, sizeof(err));
	CHECK_STR(err, "");
	free(text);
	return (o);
}

TEST(it_says_what_each_agent_did)
{
	struct session *s = some_run();
	struct json_object *o;
	const char *dir = scratch_enter();

	set_texts();
	CHECK_INT(write_manifest(dir, s, texts, NULL, "timeout"), 0);
	o = read_manifest();
	json_check_at(o, "outcome", "\"timeout\"");
	json_check_at(o, "stopped_by", "\"time\"");
	json_check_at(o, "winner", "\"a\"");
	json_check_at(o, "winner_reason", "\"votes=1, cost=0.2500\"");
	json_check_at(o, "final_answer", "null");
	json_check_at(o, "presented", "false");
	json_check_at(o, "votes", "{\"agent1.2\":1}");
	json_check_at(o, "estimated_cost", "0.75");
	json_check_at(o, "agents/a/outcome", "\"answered\"");
	json_check_at(o, "agents/a/answers", "2");
	json_check_at(o, "agents/a/votes", "1");
	json_check_at(o, "agents/a/vote_cast", "null");
	json_check_at(o, "agents/a/completion_seconds", "1.5");
	json_check_at(o, "agents/a/estimated_cost", "0.25");
	json_check_at(o, "agents/a/total_tokens", "60");
	json_check_at(o, "agents/a/artifacts/0/label", "\"agent1.2\"");
	json_check_at(o, "agents/b/outcome", "\"voted\"");
	json_check_at(o, "agents/b/latest_answer_label", "null");
	json_check_at(o, "agents/b/completion_seconds", "null");
	json_check_at(o, "agents/b/vote_cast/voted_for_agent", "\"a\"");
	json_check_at(o, "agents/b/vote_cast/voted_for_label", "\"agent1.2\"");
	json_check_at(o, "agents/b/artifacts", "[]");
	json_check_at(o, "agents/c/outcome", "\"timeout\"");
	json_check_at(o, "agents/c/error", "\"it does not work\"");
	json_check_at(o, "agents/c/votes", "0");
	json_object_put(o);
	session_free(s);
	scratch_leave();
}

TEST(every_last_answer_is_there_with_its_digest)
{
	struct session *s = some_run();
	struct artifact final = { .bytes = 9, .sha256 = "5a" };
	struct json_object *o;
	const char *dir = scratch_enter();

	set_texts();
	final.path = xstrdup("final/a/answer.txt");
	CHECK_INT(write_manifest(dir, s, texts, &final, "success"), 0);
	o = read_manifest();
	json_check_at(o, "final_answer",
	    "{\"path\":\"final/a/answer.txt\",\"bytes\":9,"
	    "\"sha256\":\"5a\"}");
	json_check_at(o, "agents/a/artifacts",
	    "[{\"path\":\"final_output/a/answer.txt\",\"bytes\":3,"
	    "\"sha256\":\"ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad\",\"label\":\"agent1.2\"}]");
	HOLDS("final_output/a/answer.txt", "abc");
	HOLDS("final_output/c/answer.txt", "of c");
	CHECK_INT(names_in("final_output"), 3);
	CHECK_INT(names_in("final_output/a"), 1);
	json_object_put(o);
	artifact_release(&final);
	session_free(s);
	scratch_leave();
}

/* A file of 3 bytes, whose directory is there. */
#define ABC                                                         \
	"\"bytes\":3,\"sha256\":\"ba7816bf8f01cfea414140de5dae2223" \
	"b00361a396177a9cb410ff61f20015ad\""

TEST(files_of_answers_are_listed_where_they_are)
{
	struct session *s = some_run();
	struct artifact final = { .bytes = 9, .sha256 = "5a" };
	struct json_object *o;
	const char *dir = scratch_enter();
	char target[64] = "";

	TELL(s, EVENT_ANSWER, .agent = "a", .label = "agent1.3", .path = "p",
	    .bytes = 7, .sha256 = MADE_SHA256, .text = "t",
	    .snapshot = "snapshots/agent1.3");
	set_texts();
	CHECK_INT(mkdir("snapshots", 0755), 0);
	CHECK_INT(mkdir("snapshots/agent1.3", 0755), 0);
	CHECK_INT(mkdir("snapshots/agent1.3/d", 0755), 0);
	spill("snapshots/agent1.3/z", "abc");
	spill("snapshots/agent1.3/d/f", "abc");
	spill("snapshots/agent1.3/\xff", "abc");
	CHECK_INT(symlink("z", "snapshots/agent1.3/link"), 0);
	CHECK_INT(mkdir("final", 0755), 0);
	CHECK_INT(mkdir("final/a", 0755), 0);
	CHECK_INT(mkdir("final/a/workspace", 0755), 0);
	spill("final/a/workspace/f", "abc");
	final.path = xstrdup("final/a/answer.txt");
	texts[3] = texts[2];
	CHECK_INT(write_manifest(dir, s, texts, &final, "success"), 0);
	o = read_manifest();
	json_check_at(
	    o, "final_files", "[{\"path\":\"final/a/workspace/f\"," ABC "}]");
	json_check_at(
	    o, "agents/a/artifacts/0/path", "\"final_output/a/answer.txt\"");
	json_check_at(o, "agents/a/artifacts/1",
	    "{\"path\":\"snapshots/agent1.3/d/f\"," ABC
	    ",\"label\":\"agent1.3\"}");
	json_check_at(
	    o, "agents/a/artifacts/2/path", "\"snapshots/agent1.3/z\"");
	json_check_at(o, "agents/a/artifacts/3/path",
	    "\"snapshots/agent1.3/\xef\xbf\xbd\"");
	json_check_at(o, "agents/a/artifacts/4", "null");
	json_check_at(o, "agents/a/artifacts_left_out", "null");
	CHECK(readlink("final_output/a/workspace", target, sizeof(target) - 1) >
	    0);
	CHECK_STR(target, "../../snapshots/agent1.3");
	json_object_put(o);
	artifact_release(&final);
	session_free(s);
	scratch_leave();
}

TEST(the_same_run_has_the_same_manifest)
{
	char *got[2];
	int i;

	for (i = 0; i < 2; i++) {
		struct session *s = some_run();

		set_texts();
		CHECK_INT(
		    write_manifest(scratch_enter(), s, texts, NULL, "success"),
		    0);
		got[i] = slurp(MANIFEST_PATH);
		session_free(s);
		scratch_leave();
	}
	CHECK_STR(got[0], got[1]);
	free(got[0]);
	free(got[1]);
}

TEST(nobody_answered)
{
	struct session *s = MADE_RUN("a");
	struct json_object *o;
	const char *dir = scratch_enter();

	made_failure(s, "a", "exit");
	TELL(s, EVENT_STOPPING, .kind = "ended", .text = "no agent is left");
	CHECK_INT(write_manifest(dir, s, NULL, NULL, "execution_error"), 0);
	o = read_manifest();
	json_check_at(o, "winner", "null");
	json_check_at(o, "winner_reason", "null");
	json_check_at(o, "votes", "{}");
	json_check_at(o, "agents/a/outcome", "\"error\"");
	CHECK_INT(names_in("final_output"), 1);
	json_object_put(o);
	session_free(s);
	scratch_leave();
}

TEST(what_cannot_be_written_is_an_error)
{
	struct session *s = some_run();
	const char *dir = scratch_enter();

	set_texts();
	spill("final_output", "a file in the way");
	CHECK_INT(write_manifest(dir, s, texts, NULL, "success"), -1);
	CHECK_INT(errno, ENOTDIR);
	CHECK_INT(unlink("final_output"), 0);
	CHECK_INT(mkdir("final_output", 0700), 0);
	spill("final_output/a", "a file in the way");
	CHECK_INT(write_manifest(dir, s, texts, NULL, "success"), -1);
	CHECK(access(MANIFEST_PATH, F_OK) == -1);
	session_free(s);
	scratch_leave();
}
