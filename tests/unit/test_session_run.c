/* supervisor/decide/session: phases, the percentage and the run's totals. */

#include "tests/test.h"
#include "tests/unit/session_make.h"

TEST(phases_and_their_milestones)
{
	static const struct {
		const char *name;
		int milestone;
	} want[PHASES] = { { "planning", 10 }, { "generation", 50 },
		{ "voting", 75 }, { "presentation", 100 } };
	int i;

	for (i = 0; i < PHASES; i++) {
		CHECK_STR(phase_name((enum phase)i), want[i].name);
		CHECK_INT(phase_milestone((enum phase)i), want[i].milestone);
	}
}

TEST(the_percentage_of_a_whole_run)
{
	struct session *s = MADE_RUN("a", "b", "c");

	made_ready(s, "a");
	CHECK_INT(s->percent, 3);
	made_ready(s, "b");
	CHECK_INT(s->percent, 6);
	CHECK(!s->reached[PHASE_PLANNING]);
	made_ready(s, "c");
	CHECK_INT(s->percent, 10);
	CHECK(s->reached[PHASE_PLANNING]);
	CHECK_INT(s->phase, PHASE_GENERATION);
	made_turn(s, "a");
	made_answer(s, "a");
	CHECK_INT(s->percent, 23);
	made_turn(s, "b");
	made_vote(s, "b", "a"); /* to have voted is to have acted */
	CHECK_INT(s->percent, 36);
	made_turn(s, "c");
	made_answer(s, "c");
	CHECK_INT(s->percent, 50);
	CHECK(s->reached[PHASE_GENERATION]);
	CHECK_INT(s->phase, PHASE_VOTING);
	made_turn(s, "a");
	made_vote(s, "a", "c");
	CHECK_INT(s->percent, 58);
	made_turn(s, "b");
	made_answer(s, "b"); /* voids a vote: no step back */
	CHECK_INT(s->percent, 58);
	CHECK_INT(s->phase, PHASE_VOTING);
	made_vote(s, "a", "c");
	made_vote(s, "b", "c");
	CHECK_INT(s->percent, 66);
	made_vote(s, "c", "c");
	CHECK_INT(s->percent, 75);
	CHECK(!s->reached[PHASE_VOTING]);
	TELL(s, EVENT_STOPPING, .kind = "consensus", .text = "all votes");
	CHECK(s->reached[PHASE_VOTING]);
	CHECK_INT(s->phase, PHASE_PRESENTATION);
	CHECK_INT(s->percent, 75);
	TELL(s, EVENT_WINNER, .agent = "c", .label = "agent3.1", .text = "");
	TELL(s, EVENT_FINAL_ANSWER, .agent = "c", .path = "final/c/answer.txt",
	    .sha256 = MADE_SHA256, .text = "because", .presented = true);
	CHECK_INT(s->percent, 95);
	CHECK(!s->reached[PHASE_PRESENTATION]);
	made_end(s, 0);
	CHECK(s->reached[PHASE_PRESENTATION]);
	CHECK_INT(s->percent, 100);
	session_free(s);
}

TEST(the_dead_hold_up_no_phase)
{
	struct session *s = MADE_RUN("a", "b", "c");

	made_ready(s, "a");
	made_ready(s, "b");
	made_failure(s, "c", "start");
	CHECK(s->reached[PHASE_PLANNING]);
	made_turn(s, "a");
	made_turn(s, "b");
	made_answer(s, "a");
	CHECK(!s->reached[PHASE_GENERATION]);
	made_failure(s, "b", "crash");
	CHECK(s->reached[PHASE_GENERATION]);
	CHECK_INT(s->percent, 50);
	session_free(s);
}

TEST(nobody_answered)
{
	struct session *s = MADE_RUN("a", "b");

	made_ready(s, "a");
	made_failure(s, "a", "exit");
	made_failure(s, "b", "start");
	CHECK_INT(session_living(s), 0);
	CHECK_INT(s->phase, PHASE_PLANNING);
	TELL(s, EVENT_STOPPING, .kind = "ended", .text = "no agent is left");
	CHECK_INT(s->phase, PHASE_PRESENTATION);
	CHECK(!s->reached[PHASE_GENERATION] && !s->reached[PHASE_VOTING]);
	made_end(s, 2);
	CHECK_INT(s->percent, 100);
	CHECK(!s->reached[PHASE_PRESENTATION]);
	CHECK_STR(s->outcome, "execution_error");
	CHECK_INT(s->exit_code, 2);
	session_free(s);
}

TEST(stopped_in_the_middle_of_the_vote)
{
	struct session *s = MADE_WORKING("a", "b");

	made_all_answer(s);
	made_vote(s, "a", "b");
	TELL(s, EVENT_STOPPING, .kind = "time", .text = "late");
	CHECK(s->reached[PHASE_GENERATION]);
	CHECK(!s->reached[PHASE_VOTING]);
	session_free(s);
}

/* --- totals --- */

TEST(the_quorum)
{
	struct session *s = MADE_WORKING("a", "b", "c", "d");

	made_answer(s, "a");
	made_answer(s, "b");
	made_answer(s, "b");
	made_vote(s, "c", "b");
	made_failure(s, "d", "timeout");
	CHECK_INT(session_answered(s), 2);
	CHECK_INT(session_voted(s), 1);
	CHECK_INT(session_failed(s), 1);
	CHECK_INT(session_living(s), 3);
	session_free(s);
}

/* Not for one of them, at any place: these are the same additions. */
static bool
same(double a, double b)
{
	return (memcmp(&a, &b, sizeof(a)) == 0);
}

TEST(usage_is_added_up_to_the_last_digit)
{
	struct session *s = MADE_RUN("a", "b", "c");
	int i;

	for (i = 1; i <= 100; i++) {
		made_usage(s, "c", i, 0.1);
		made_usage(s, "a", 1, 0.7);
		made_usage(s, "b", 10, 0.00001);
		CHECK(same(s->usage.cost,
		    s->agents[0].usage.cost + s->agents[1].usage.cost +
			s->agents[2].usage.cost));
	}
	CHECK_INT(s->agents[0].usage.input_tokens, 400);
	CHECK_INT(s->agents[1].usage.output_tokens, 2000);
	CHECK_INT(s->agents[2].usage.cached_input_tokens, 3 * 5050);
	CHECK_INT(s->usage.reasoning_tokens, 100 + 1000 + 5050);
	CHECK_INT(s->usage.calls, 300);
	CHECK_INT(s->agents[2].usage.calls, 100);
	session_free(s);
}

TEST(usage_beyond_32_bits)
{
	struct session *s = MADE_RUN("a");

	made_usage(s, "a", INT64_C(3000000000), 1);
	made_usage(s, "a", INT64_C(3000000000), 1);
	CHECK_INT(s->usage.input_tokens, INT64_C(24000000000));
	session_free(s);
}

TEST(a_stall_and_its_end)
{
	struct session *s = MADE_RUN("a");
	double before;

	made_ready(s, "a");
	before = s->last_progress;
	TELL(s, EVENT_STALLED, .text = "no progress");
	CHECK(s->stalled);
	CHECK(same(s->last_progress, before));
	TELL(s, EVENT_RESUMED, .text = "there is progress again");
	CHECK(!s->stalled);
	session_free(s);
}

TEST(orphans_are_counted)
{
	struct session *s = MADE_RUN("a");

	TELL(s, EVENT_ORPHANS, .count = 2);
	TELL(s, EVENT_ORPHANS, .count = 3);
	CHECK_INT(s->orphans, 5);
	session_free(s);
}

TEST(the_presentation_and_the_end)
{
	struct session *s = MADE_WORKING("a", "b");

	made_answer(s, "a");
	made_vote(s, "b", "a");
	TELL(s, EVENT_STOPPING, .kind = "time", .text = "late");
	TELL(s, EVENT_WINNER, .agent = "a", .label = "agent1.1",
	    .text = "votes=1");
	CHECK_INT(s->winner, 0);
	CHECK_STR(s->winner_reason, "votes=1");
	CHECK(!s->presenting);
	TELL(s, EVENT_PRESENTATION, .agent = "a", .turn = 9);
	CHECK(s->presenting);
	CHECK_STR(STATUS(s, "a"), "streaming");
	CHECK_INT(session_active(s), 0);
	TELL(s, EVENT_FINAL_ANSWER, .agent = "a", .path = "final/a/answer.txt",
	    .bytes = 4, .sha256 = MADE_SHA256, .text = "Done",
	    .presented = true);
	CHECK_STR(STATUS(s, "a"), "completed");
	CHECK_STR(s->final_path, "final/a/answer.txt");
	CHECK_STR(s->final_preview, "Done");
	CHECK_INT(s->final_bytes, 4);
	CHECK(s->presented);
	CHECK_INT(session_active(s), -1);
	made_end(s, 0);
	CHECK(s->ended);
	CHECK_STR(s->manifest, "final_output/manifest.json");
	session_free(s);
}
