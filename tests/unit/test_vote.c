/* supervisor/decide/vote: who wins, and in which words. */

#include "supervisor/decide/vote.h"
#include "tests/test.h"
#include "tests/unit/session_make.h"

/* The winner's id; the reason is to be as said. */
static void
check_winner(const struct session *s, const char *id, const char *reason)
{
	char *why = NULL;
	int w = vote_winner(s, &why);

	CHECK_STR(w == -1 ? NULL : s->agents[w].id, id);
	CHECK_STR(why, reason);
	free(why);
}

TEST(nobody_without_an_answer_wins)
{
	struct session *s = MADE_WORKING("a", "b");

	check_winner(s, NULL, NULL);
	session_free(s);
}

TEST(the_only_agent_with_an_answer)
{
	struct session *s = MADE_WORKING("a", "b");

	made_usage(s, "b", 1, 0.5);
	made_answer(s, "b");
	check_winner(
	    s, "b", "votes=0, cost=0.5000; the only agent with an answer");
	session_free(s);
}

TEST(most_votes_win_whatever_they_cost)
{
	struct session *s = MADE_WORKING("a", "b", "c");

	made_all_answer(s);
	made_usage(s, "c", 1, 9.99996);
	made_vote(s, "a", "c");
	made_vote(s, "b", "a");
	made_vote(s, "c", "c");
	check_winner(s, "c", "votes=2, cost=10.0000");
	session_free(s);
}

TEST(a_tie_of_votes_is_broken_by_cost)
{
	struct session *s = MADE_WORKING("a", "b", "c");

	made_all_answer(s);
	made_usage(s, "a", 1, 0.0124);
	made_usage(s, "b", 1, 0.0123);
	made_usage(s, "c", 1, 0.0001);
	made_vote(s, "a", "a");
	made_vote(s, "b", "b");
	check_winner(s, "b", "votes=1, cost=0.0123; tie with a broken by cost");
	session_free(s);
}

/* A difference that the reason's four digits do not show counts too. */
TEST(cost_is_compared_exactly)
{
	struct session *s = MADE_WORKING("a", "b");

	made_all_answer(s);
	made_usage(s, "a", 1, 0.30000000000000004);
	made_usage(s, "b", 1, 0.3);
	check_winner(s, "b", "votes=0, cost=0.3000; tie with a broken by cost");
	session_free(s);
}

TEST(a_tie_of_cost_is_broken_by_time)
{
	struct session *s = MADE_WORKING("a", "b", "c");

	made_answer(s, "b");
	made_answer(s, "a");
	made_answer(s, "c");
	check_winner(s, "b", "votes=0, cost=0.0000; tie with a broken by time");
	session_free(s);
}

/* What counts is when the answer came that is voted on, not the first. */
TEST(the_latest_answers_time_counts)
{
	struct session *s = MADE_WORKING("a", "b");

	made_all_answer(s);
	made_answer(s, "a");
	check_winner(s, "b", "votes=0, cost=0.0000; tie with a broken by time");
	session_free(s);
}

static void
answer_at(struct session *s, const char *id, int64_t at_ms)
{
	made_ms = at_ms - 1;
	made_answer(s, id);
}

TEST(a_tie_of_time_is_broken_by_id)
{
	struct session *s = MADE_WORKING("b", "a", "B");

	answer_at(s, "b", 500);
	answer_at(s, "a", 500);
	check_winner(s, "a", "votes=0, cost=0.0000; tie with b broken by id");
	answer_at(s, "B", 500); /* in byte order */
	check_winner(s, "B", "votes=0, cost=0.0000; tie with b broken by id");
	session_free(s);
}

TEST(ids_are_no_numbers)
{
	struct session *s = MADE_WORKING("agent9", "agent10");

	answer_at(s, "agent9", 500);
	answer_at(s, "agent10", 500);
	check_winner(
	    s, "agent10", "votes=0, cost=0.0000; tie with agent9 broken by id");
	session_free(s);
}

/* The rule named is the last one needed: that of the closest loser. */
TEST(the_hardest_rule_is_named)
{
	struct session *s = MADE_WORKING("a", "b", "c", "d");

	made_all_answer(s);
	made_usage(s, "a", 1, 0.75);
	made_usage(s, "b", 1, 0.25);
	made_usage(s, "c", 1, 0.25);
	check_winner(s, "d", "votes=0, cost=0.0000; tie with a broken by cost");
	made_usage(s, "d", 1, 0.25);
	check_winner(s, "b", "votes=0, cost=0.2500; tie with c broken by time");
	made_vote(s, "a", "b");
	check_winner(s, "b", "votes=1, cost=0.2500");
	session_free(s);
}

TEST(voided_votes_do_not_count)
{
	struct session *s = MADE_WORKING("a", "b", "c");

	made_answer(s, "a");
	made_vote(s, "b", "a");
	made_vote(s, "c", "a");
	made_answer(s, "b");
	made_vote(s, "c", "b");
	check_winner(s, "b", "votes=1, cost=0.0000");
	session_free(s);
}

TEST(a_failed_agent_can_win)
{
	struct session *s = MADE_WORKING("a", "b");

	made_all_answer(s);
	made_failure(s, "a", "timeout");
	made_vote(s, "b", "a");
	check_winner(s, "a", "votes=1, cost=0.0000");
	session_free(s);
}

/* The order of configuration plays no part: only the ids do. */
TEST(the_order_of_agents_does_not_matter)
{
	static const char *const orders[][5] = {
		{ "a", "b", "c", "d", NULL },
		{ "d", "c", "b", "a", NULL },
		{ "c", "a", "d", "b", NULL },
	};
	struct session *s;
	size_t i, j;

	for (i = 0; i < 3; i++) {
		s = made_working(orders[i]);
		for (j = 0; j < 4; j++)
			answer_at(s, orders[i][j], 900);
		made_vote(s, "a", "c");
		made_vote(s, "b", "b");
		made_usage(s, "c", 1, 0.5);
		made_usage(s, "b", 1, 0.5);
		check_winner(
		    s, "b", "votes=1, cost=0.5000; tie with c broken by id");
		session_free(s);
	}
}
