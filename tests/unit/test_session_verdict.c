/* supervisor/decide/session: which answers and votes are refused. */

#include "ipc/utf8.h"
#include "tests/test.h"
#include "tests/unit/session_make.h"

TEST(a_vote_needs_an_answer_to_vote_for)
{
	struct session *s = MADE_WORKING("a", "b", "c");
	char why[200];

	CHECK_INT(session_check_vote(s, 0, "agent1", 0, why, sizeof(why)),
	    VERDICT_RETRY);
	CHECK_STR(why, "there is no answer to vote for yet: give a new answer");
	made_answer(s, "c");
	made_answer(s, "a");
	CHECK_INT(session_check_vote(s, 0, "agent2", 2, why, sizeof(why)),
	    VERDICT_RETRY);
	CHECK_STR(
	    why, "\"agent2\" has no answer; you can vote for: agent1 agent3");
	CHECK_INT(session_check_vote(s, 0, "agent4", 2, why, sizeof(why)),
	    VERDICT_RETRY);
	CHECK_INT(
	    session_check_vote(s, 0, "", 2, why, sizeof(why)), VERDICT_RETRY);
	CHECK_INT(session_check_vote(s, 1, "agent3", 2, why, sizeof(why)),
	    VERDICT_OK);
	CHECK_INT(session_check_vote(s, 0, "agent1", 2, why, sizeof(why)),
	    VERDICT_OK);
	/* an id may be another agent's anonymous name: it is no name here */
	CHECK_INT(
	    session_check_vote(s, 0, "c", 2, why, sizeof(why)), VERDICT_RETRY);
	session_free(s);
}

TEST(a_vote_must_know_all_answers)
{
	struct session *s = MADE_WORKING("a", "b");
	char why[200];

	made_all_answer(s);
	CHECK_INT(session_check_vote(s, 0, "agent1", 0, why, sizeof(why)),
	    VERDICT_STALE);
	CHECK_INT(session_check_vote(s, 0, "agent2", 1, why, sizeof(why)),
	    VERDICT_STALE);
	CHECK_INT(session_check_vote(s, 0, "agent2", 2, why, sizeof(why)),
	    VERDICT_OK);
	/* a vote that could never be right is not asked for again as late */
	CHECK_INT(session_check_vote(s, 0, "agent7", 0, why, sizeof(why)),
	    VERDICT_RETRY);
	session_free(s);
}

static bool
is_utf8(const char *text)
{
	size_t n;

	for (; *text != '\0'; text += n)
		if ((n = utf8_sequence(text, strlen(text))) == 0)
			return (false);
	return (true);
}

TEST(a_refusal_repeats_a_long_name_in_part)
{
	struct session *s = MADE_WORKING("a", "b");
	char target[128], why[200];
	size_t at;

	made_answer(s, "a");
	for (at = 34; at < 44; at++) {
		memset(target, 'x', sizeof(target));
		memcpy(target + at, "\xf0\x9f\x98\x80\x1b", 5);
		target[sizeof(target) - 1] = '\0';
		session_check_vote(s, 0, target, 1, why, sizeof(why));
		CHECK(is_utf8(why));
		CHECK(strchr(why, '\x1b') == NULL);
		CHECK(strlen(why) < 90);
		CHECK(strstr(why, "you can vote for: agent1") != NULL);
	}
	session_free(s);
}

TEST(a_refusal_fits_its_room)
{
	struct session *s = MADE_WORKING("a", "b", "c");
	char why[100];
	size_t room;

	made_answer(s, "a");
	made_answer(s, "b");
	for (room = 1; room <= sizeof(why); room++) {
		memset(why, '#', sizeof(why));
		session_check_vote(s, 0, "agent3", 2, why, room);
		CHECK(memchr(why, '\0', room) != NULL);
		CHECK(room == sizeof(why) || why[room] == '#');
	}
	session_free(s);
}

TEST(answers_are_capped)
{
	struct session *s = MADE_WORKING("a", "b");
	char why[200];

	CHECK_INT(session_check_answer(s, 0, 1, why, sizeof(why)), VERDICT_OK);
	CHECK_INT(
	    session_check_answer(s, 0, 0, why, sizeof(why)), VERDICT_RETRY);
	made_answer(s, "a");
	CHECK_INT(
	    session_check_answer(s, 0, 1, why, sizeof(why)), VERDICT_RETRY);
	CHECK_STR(why,
	    "you have given 1 answers, which is the limit: "
	    "vote for the best answer");
	CHECK_INT(session_check_answer(s, 0, 2, why, sizeof(why)), VERDICT_OK);
	CHECK_INT(session_check_answer(s, 1, 1, why, sizeof(why)), VERDICT_OK);
	CHECK_INT(session_check_answer(s, 0, -1, why, sizeof(why)), VERDICT_OK);
	session_free(s);
}
