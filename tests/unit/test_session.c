/* supervisor/decide/session: the fold, event by event. */

#include "tests/test.h"
#include "tests/unit/session_make.h"

TEST(a_new_run_has_done_nothing)
{
	struct session *s = MADE_RUN("a", "b");

	CHECK_INT(s->nagents, 2);
	CHECK_STR(s->agents[1].anonymous, "agent2");
	CHECK_STR(s->question, "Why?");
	CHECK_STR(STATUS(s, "a"), "waiting");
	CHECK_STR(s->agents[0].activity, "starting");
	CHECK_INT(s->phase, PHASE_PLANNING);
	CHECK_INT(s->percent, 0);
	CHECK_INT(s->winner, -1);
	CHECK_INT(session_active(s), -1);
	CHECK_INT(session_living(s), 2);
	CHECK_INT(session_answered(s), 0);
	CHECK_INT(session_voted(s), 0);
	CHECK_INT(session_failed(s), 0);
	CHECK(!session_agreed(s));
	CHECK(session_owes_turn(s, 0) && session_owes_turn(s, 1));
	CHECK_INT(session_agent_by_id(s, "b"), 1);
	CHECK_INT(session_agent_by_id(s, "agent2"), -1);
	CHECK_INT(session_agent_by_name(s, "agent2"), 1);
	CHECK_INT(session_agent_by_name(s, "b"), -1);
	session_free(s);
}

TEST(an_event_knows_its_agent_by_index)
{
	struct session *s = MADE_RUN("a", "b");
	struct event e = { .type = EVENT_AGENT_READY, .agent = "b" };
	struct event none = { .type = EVENT_WARNING, .text = "w", .who = 7 };

	made_tell(s, &e);
	CHECK_INT(e.who, 1);
	made_tell(s, &none);
	CHECK_INT(none.who, -1);
	session_free(s);
}

/* --- answers and votes --- */

TEST(an_answer_voids_all_votes)
{
	struct session *s = MADE_WORKING("a", "b", "c");

	made_answer(s, "a");
	made_vote(s, "b", "a");
	made_turn(s, "a");
	made_vote(s, "a", "a");
	CHECK_INT(s->answers[0].votes, 2);
	CHECK_INT(session_voted(s), 2);
	made_answer(s, "c");
	CHECK_INT(s->answers[0].votes, 0);
	CHECK_INT(s->answers[0].votes_superseded, 2);
	CHECK_INT(s->answers[1].votes, 0);
	CHECK_INT(session_voted(s), 0);
	CHECK(session_owes_turn(s, 0) && session_owes_turn(s, 1));
	session_free(s);
}

TEST(an_answer_sends_the_others_back_to_work)
{
	struct session *s = MADE_WORKING("a", "b", "c", "d");

	made_failure(s, "d", "error");
	made_answer(s, "a");
	CHECK_INT(made_agent(s, "a")->times_restarted, 0);
	CHECK_INT(made_agent(s, "b")->times_restarted, 1);
	CHECK_INT(made_agent(s, "d")->times_restarted, 0);
	CHECK_STR(STATUS(s, "a"), "answered");
	CHECK_STR(STATUS(s, "b"), "restarting");
	CHECK_STR(STATUS(s, "d"), "error");
	/* b is in its turn still: it goes on, it is not given another */
	CHECK(!session_owes_turn(s, 1));
	made_vote(s, "b", "a");
	made_answer(s, "c");
	CHECK_INT(made_agent(s, "a")->times_restarted, 1);
	CHECK_INT(made_agent(s, "b")->times_restarted, 2);
	CHECK_INT(made_agent(s, "c")->times_restarted, 1);
	CHECK_STR(STATUS(s, "b"), "restarting");
	session_free(s);
}

TEST(who_never_worked_is_not_sent_back)
{
	struct session *s = MADE_RUN("a", "b");

	made_ready(s, "a");
	made_turn(s, "a");
	made_answer(s, "a");
	CHECK_INT(made_agent(s, "b")->times_restarted, 0);
	CHECK_STR(STATUS(s, "b"), "waiting");
	session_free(s);
}

TEST(votes_go_to_the_latest_answer)
{
	struct session *s = MADE_WORKING("a", "b");

	made_answer(s, "a");
	made_turn(s, "a");
	made_answer(s, "a");
	CHECK_STR(s->answers[1].label, "agent1.2");
	CHECK_INT(s->answers[1].number, 2);
	CHECK_INT(made_agent(s, "a")->latest, 1);
	made_vote(s, "b", "a");
	CHECK_INT(s->answers[0].votes, 0);
	CHECK_INT(s->answers[1].votes, 1);
	CHECK_INT(made_agent(s, "b")->vote_answer, 1);
	CHECK_STR(made_agent(s, "b")->vote_reason, "it is good");
	session_free(s);
}

TEST(a_second_vote_takes_the_first_ones_place)
{
	struct session *s = MADE_WORKING("a", "b", "c");

	made_answer(s, "a");
	made_answer(s, "b");
	made_vote(s, "c", "a");
	made_vote(s, "c", "b");
	CHECK_INT(s->answers[0].votes, 0);
	CHECK_INT(s->answers[1].votes, 1);
	CHECK_INT(s->answers[0].votes_superseded, 0);
	CHECK_INT(session_voted(s), 1);
	session_free(s);
}

TEST(votes_for_nothing_do_not_count)
{
	struct session *s = MADE_WORKING("a", "b");

	made_vote(s, "a", "b");
	made_vote(s, "a", "nobody");
	CHECK_INT(session_voted(s), 0);
	CHECK(!made_agent(s, "a")->acted);
	session_free(s);
}

TEST(events_of_strangers_change_nothing)
{
	struct session *s = MADE_RUN("a");

	TELL(s, EVENT_ANSWER, .agent = "nobody", .label = "agent9.1",
	    .path = "", .sha256 = "", .text = "");
	TELL(s, EVENT_WINNER, .agent = "nobody", .label = "agent9.1",
	    .text = "");
	CHECK_INT(s->nanswers, 0);
	CHECK_INT(s->winner, -1);
	CHECK_INT(s->last_active, -1);
	session_free(s);
}

TEST(a_failed_agents_answer_and_vote_stay)
{
	struct session *s = MADE_WORKING("a", "b", "c");

	made_answer(s, "a");
	made_vote(s, "b", "a");
	made_failure(s, "b", "error");
	made_failure(s, "a", "timeout");
	CHECK_INT(s->answers[0].votes, 1);
	CHECK_INT(session_voted(s), 1);
	CHECK(!session_agreed(s));
	made_vote(s, "c", "a");
	CHECK_INT(s->answers[0].votes, 2);
	CHECK(session_agreed(s));
	made_turn(s, "c");
	made_answer(s, "c");
	CHECK_INT(session_voted(s), 0);
	CHECK_INT(s->answers[0].votes_superseded, 2);
	CHECK(!session_owes_turn(s, 0) && !session_owes_turn(s, 1));
	CHECK(!session_agreed(s));
	session_free(s);
}

/* --- who owes what --- */

TEST(a_turn_is_owed_once)
{
	struct session *s = MADE_WORKING("a", "b");

	CHECK(!session_owes_turn(s, 0));
	made_answer(s, "a");
	CHECK(session_owes_turn(s, 0));
	made_turn(s, "a");
	made_vote(s, "a", "a");
	CHECK(!session_owes_turn(s, 0));
	session_free(s);
}

TEST(a_failed_attempt_owes_its_turn_again)
{
	struct session *s = MADE_WORKING("a", "b");

	TELL(s, EVENT_AGENT_EXITED, .agent = "a", .code = 1);
	CHECK(session_owes_turn(s, 0));
	TELL(s, EVENT_ATTEMPT_FAILED, .agent = "a", .kind = "exit",
	    .text = "exit code 1", .attempt = 1, .attempts_max = 3);
	CHECK(session_owes_turn(s, 0));
	CHECK_STR(STATUS(s, "a"), "restarting");
	made_failure(s, "a", "exit");
	CHECK(!session_owes_turn(s, 0));
	session_free(s);
}

TEST(nothing_is_owed_once_coordination_is_over)
{
	struct session *s = MADE_RUN("a", "b");

	made_ready(s, "a");
	TELL(s, EVENT_STOPPING, .kind = "time", .text = "late");
	CHECK_STR(s->stopping, "time");
	CHECK(!session_owes_turn(s, 0) && !session_owes_turn(s, 1));
	session_free(s);
}

TEST(agreement_needs_every_living_agent)
{
	struct session *s = MADE_WORKING("a", "b", "c");

	made_answer(s, "a");
	made_turn(s, "a");
	made_vote(s, "a", "a");
	made_vote(s, "b", "a");
	CHECK(!session_agreed(s));
	made_failure(s, "c", "crash");
	CHECK(session_agreed(s));
	session_free(s);
}

TEST(the_dead_do_not_agree)
{
	struct session *s = MADE_WORKING("a");

	made_answer(s, "a");
	made_turn(s, "a");
	made_vote(s, "a", "a");
	CHECK(session_agreed(s));
	made_failure(s, "a", "crash");
	CHECK_INT(session_living(s), 0);
	CHECK(!session_agreed(s));
	session_free(s);
}

TEST(alone_and_direct_an_answer_is_enough)
{
	struct session *s =
	    made_session((const char *const[]) { "a", NULL }, true);

	CHECK(s->direct);
	made_all_work(s);
	CHECK_INT(s->percent, 10);
	CHECK(!session_agreed(s));
	made_answer(s, "a");
	CHECK(session_agreed(s));
	CHECK(!session_owes_turn(s, 0));
	CHECK(s->reached[PHASE_GENERATION]);
	TELL(s, EVENT_STOPPING, .kind = "consensus", .text = "done");
	CHECK(s->reached[PHASE_VOTING]);
	CHECK_INT(s->percent, 75);
	session_free(s);
}

TEST(alone_but_not_direct_it_votes)
{
	struct session *s = MADE_WORKING("a");

	made_answer(s, "a");
	CHECK(!session_agreed(s));
	CHECK(session_owes_turn(s, 0));
	session_free(s);
}

/* --- one agent's status --- */

TEST(the_statuses_of_an_agents_life)
{
	struct session *s = MADE_RUN("a", "b");

	made_ready(s, "a");
	CHECK_STR(STATUS(s, "a"), "waiting");
	CHECK_STR(s->agents[0].activity, "idle");
	made_turn(s, "a");
	CHECK_STR(STATUS(s, "a"), "streaming");
	TELL(s, EVENT_ACTIVITY, .agent = "a", .activity = "waiting_model",
	    .model = "mock-2");
	CHECK_STR(s->agents[0].activity, "waiting_model");
	CHECK_STR(s->agents[0].model, "mock-2");
	made_answer(s, "a");
	CHECK_STR(STATUS(s, "a"), "answered");
	CHECK_STR(s->agents[0].activity, "idle");
	made_ready(s, "b");
	made_turn(s, "b");
	made_answer(s, "b");
	CHECK_STR(STATUS(s, "a"), "restarting");
	made_turn(s, "a");
	CHECK_STR(STATUS(s, "a"), "streaming");
	made_vote(s, "a", "b");
	CHECK_STR(STATUS(s, "a"), "voted");
	made_end(s, 3);
	CHECK_STR(STATUS(s, "a"), "voted");
	CHECK_STR(STATUS(s, "b"), "answered");
	session_free(s);
}

TEST(who_did_nothing_is_told_apart_at_the_end)
{
	static const struct {
		const char *stop, *status, *error;
	} ends[] = { { "time", "timeout", "timeout" },
		{ "interrupt", "error", "unfinished" } };
	struct session *s;
	size_t i;

	for (i = 0; i < 2; i++) {
		s = MADE_WORKING("a", "b");
		made_answer(s, "a");
		TELL(s, EVENT_STOPPING, .kind = ends[i].stop, .text = "now");
		CHECK_INT(session_failed(s), 0);
		made_end(s, 3);
		CHECK_STR(STATUS(s, "a"), "answered");
		CHECK_STR(STATUS(s, "b"), ends[i].status);
		CHECK_STR(s->agents[1].error_type, ends[i].error);
		CHECK_INT(session_failed(s), 1);
		session_free(s);
	}
}

TEST(the_winner_completes_unless_it_voted)
{
	struct session *s = MADE_WORKING("a", "b");

	made_all_answer(s);
	made_vote(s, "b", "b");
	TELL(s, EVENT_WINNER, .agent = "b", .label = "agent2.1", .text = "");
	made_end(s, 0);
	CHECK_STR(STATUS(s, "a"), "answered");
	CHECK_STR(STATUS(s, "b"), "voted");
	TELL(s, EVENT_WINNER, .agent = "a", .label = "agent1.1", .text = "");
	made_end(s, 0);
	CHECK_STR(STATUS(s, "a"), "completed");
	session_free(s);
}

TEST(a_restart_in_the_middle_of_a_turn_shows_work_again)
{
	struct session *s = MADE_WORKING("a", "b");

	made_answer(s, "a");
	CHECK_STR(STATUS(s, "b"), "restarting");
	TELL(s, EVENT_ACTIVITY, .agent = "b", .activity = "streaming");
	CHECK_STR(STATUS(s, "b"), "streaming");
	session_free(s);
}

TEST(errors_are_shown_until_the_agent_acts)
{
	struct session *s = MADE_WORKING("a", "b");
	const struct session_agent *a = made_agent(s, "a");

	TELL(s, EVENT_ATTEMPT_FAILED, .agent = "a", .kind = "crash",
	    .text = "exit signal 11", .attempt = 1, .attempts_max = 3);
	CHECK_STR(a->error_type, "crash");
	CHECK_STR(a->error_message, "exit signal 11");
	CHECK(a->error_time > MADE_START && !a->failed && !a->busy);
	made_ready(s, "a");
	made_turn(s, "a");
	CHECK_STR(a->error_type, "crash");
	made_answer(s, "a");
	CHECK_STR(a->error_type, NULL);
	CHECK_STR(a->error_message, NULL);
	session_free(s);
}

TEST(failures_are_told_apart)
{
	struct session *s = MADE_RUN("a", "b");

	made_failure(s, "a", "timeout");
	made_failure(s, "b", "crash");
	CHECK_STR(STATUS(s, "a"), "timeout");
	CHECK_STR(STATUS(s, "b"), "error");
	CHECK_INT(session_failed(s), 2);
	CHECK_INT(session_living(s), 0);
	made_end(s, 2);
	CHECK_STR(STATUS(s, "a"), "timeout");
	CHECK_STR(STATUS(s, "b"), "error");
	session_free(s);
}

TEST(attempts_and_what_ended_processes_used)
{
	struct session *s = MADE_RUN("a");
	const struct session_agent *a = &s->agents[0];

	made_ready(s, "a");
	CHECK_INT(a->pid, 200);
	CHECK_INT(a->attempts, 1);
	CHECK_INT(a->process_restarts, 0);
	CHECK(!a->exited);
	TELL(s, EVENT_AGENT_EXITED, .agent = "a", .signal = 9,
	    .max_rss_kib = 5000, .cpu_seconds = 0.25);
	CHECK_INT(a->pid, 0);
	CHECK_STR(a->activity, "dead");
	made_ready(s, "a");
	TELL(s, EVENT_AGENT_EXITED, .agent = "a", .code = 3,
	    .max_rss_kib = 4000, .cpu_seconds = 0.5);
	CHECK_INT(a->attempts, 2);
	CHECK_INT(a->process_restarts, 1);
	CHECK(a->exited);
	CHECK_INT(a->exit_code, 3);
	CHECK_INT(a->exit_signal, 0);
	CHECK_INT(a->max_rss_kib, 5000);
	CHECK(a->cpu_seconds > 0.74 && a->cpu_seconds < 0.76);
	session_free(s);
}

TEST(the_active_agent_works)
{
	struct session *s = MADE_RUN("a", "b", "c");

	made_ready(s, "a");
	made_ready(s, "b");
	made_ready(s, "c");
	CHECK_INT(session_active(s), -1);
	made_turn(s, "b");
	made_turn(s, "c");
	CHECK_INT(session_active(s), 2);
	TELL(s, EVENT_ACTIVITY, .agent = "b", .activity = "streaming");
	CHECK_INT(session_active(s), 1);
	made_answer(s, "b"); /* now c is the last one seen working */
	CHECK_INT(session_active(s), 2);
	TELL(s, EVENT_AGENT_EXITED, .agent = "c", .code = 1);
	CHECK_INT(session_active(s), -1);
	session_free(s);
}
