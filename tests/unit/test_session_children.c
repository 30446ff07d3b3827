/* supervisor/decide/session: nested runs and what they add to the totals. */

#include "supervisor/decide/account.h"
#include "tests/test.h"
#include "tests/unit/session_make.h"

static void
opened(struct session *s, const char *id, int64_t number, double lease)
{
	TELL(s, EVENT_CHILD_OPENED, .agent = id, .child = number,
	    .session_id = "log_y", .log_dir = "/runs/log_x/log_y",
	    .question = "And why?", .lease = lease);
}

static void
said(struct session *s, enum event_type type, int64_t number, const char *kind,
    int64_t tokens, double cost)
{
	TELL(s, type, .agent = "a", .child = number, .kind = kind,
	    .percent = 50, .exit_code = 3, .input_tokens = 4 * tokens,
	    .cached_input_tokens = 3 * tokens, .output_tokens = 2 * tokens,
	    .reasoning_tokens = tokens, .calls = 2, .unpriced_calls = 1,
	    .cost = cost);
}

static struct session *
some_run(void)
{
	struct session *s = MADE_WORKING("a", "b");

	TELL(s, EVENT_ACTIVITY, .agent = "a", .activity = "running_tool");
	return (s);
}

TEST(the_life_of_a_nested_run)
{
	struct session *s = some_run();
	const struct session_child *c;

	opened(s, "a", 1, 2.5);
	CHECK_INT(s->nchildren, 1);
	c = &s->children[0];
	CHECK_INT(c->agent, 0);
	CHECK_STR(c->session_id, "log_y");
	CHECK_STR(c->log_dir, "/runs/log_x/log_y");
	CHECK_STR(c->question, "And why?");
	CHECK_INT(c->state, CHILD_RUNNING);
	CHECK_INT(c->percent, 0);
	CHECK(c->lease == 2.5);
	said(s, EVENT_CHILD_STATE, 1, NULL, 1, 0.25);
	CHECK_INT(c->percent, 50);
	CHECK_INT(c->state, CHILD_RUNNING);
	CHECK_STR(child_state_name(c->state), "running");
	said(s, EVENT_CHILD_ENDED, 1, "ended", 2, 0.5);
	CHECK_INT(c->percent, 100);
	CHECK_INT(c->state, CHILD_ENDED);
	CHECK_INT(c->exit_code, 3);
	CHECK_INT(c->usage.input_tokens, 8);
	CHECK(c->usage.cost == 0.5);
	session_free(s);
}

TEST(a_lost_one_keeps_its_percentage)
{
	struct session *s = some_run();

	opened(s, "b", 1, 0);
	said(s, EVENT_CHILD_STATE, 1, NULL, 1, 0.25);
	said(s, EVENT_CHILD_ENDED, 1, "lost", 1, 0.25);
	CHECK_INT(s->children[0].state, CHILD_LOST);
	CHECK_INT(s->children[0].percent, 50);
	CHECK_STR(child_state_name(s->children[0].state), "lost");
	session_free(s);
}

TEST(who_waits_for_a_nested_run)
{
	struct session *s = some_run();

	CHECK_STR(session_activity(s, 0), "running_tool");
	opened(s, "a", 1, 0);
	opened(s, "a", 2, 0);
	CHECK_STR(session_activity(s, 0), "waiting_child");
	CHECK(strcmp(session_activity(s, 1), "waiting_child") != 0);
	CHECK_INT(session_children(s, 0), 2);
	CHECK_INT(session_children(s, 1), 0);
	CHECK_INT(session_children(s, -1), 2);
	said(s, EVENT_CHILD_ENDED, 1, "ended", 1, 0);
	CHECK_STR(session_activity(s, 0), "waiting_child");
	said(s, EVENT_CHILD_ENDED, 2, "lost", 1, 0);
	CHECK_STR(session_activity(s, 0), "running_tool");
	CHECK_INT(session_children(s, -1), 0);
	session_free(s);
}

/* 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1. */
TEST(totals_are_the_agents_and_then_the_nested_runs)
{
	struct session *s = some_run();

	opened(s, "a", 1, 0);
	opened(s, "b", 2, 0);
	said(s, EVENT_CHILD_STATE, 2, NULL, 10, 0.3);
	made_usage(s, "a", 1, 0.1);
	said(s, EVENT_CHILD_ENDED, 1, "ended", 100, 0.7);
	made_usage(s, "b", 1000, 0.2);
	CHECK(s->usage.cost == ((0.1 + 0.2) + 0.7) + 0.3);
	CHECK_INT(s->usage.input_tokens, 4 * 1111);
	CHECK_INT(s->usage.cached_input_tokens, 3 * 1111);
	CHECK_INT(s->usage.output_tokens, 2 * 1111);
	CHECK_INT(s->usage.reasoning_tokens, 1111);
	CHECK_INT(s->usage.calls, 2 + 2 * 2);
	CHECK_INT(s->usage.unpriced_calls, 2);
	/* what it says is all that it has used, and not more of it */
	said(s, EVENT_CHILD_STATE, 2, NULL, 20, 0.4);
	CHECK(s->usage.cost == ((0.1 + 0.2) + 0.7) + 0.4);
	CHECK_INT(s->usage.reasoning_tokens, 1121);
	/* and an agent's own is its own */
	CHECK(s->agents[0].usage.cost == 0.1);
	session_free(s);
}

/* What no model can have used, wherever the journal comes from. */
TEST(sums_stay_numbers)
{
	struct session *s = some_run();
	int i;

	opened(s, "a", 1, 0);
	for (i = 0; i < 3; i++) {
		TELL(s, EVENT_USAGE, .agent = "a", .input_tokens = INT64_MAX,
		    .output_tokens = INT64_MIN, .cost = 1.5e308);
		made_usage(s, "b", 1, 0.5);
	}
	TELL(s, EVENT_CHILD_STATE, .agent = "a", .child = 1,
	    .input_tokens = INT64_MAX, .calls = INT64_MIN, .cost = 1.5e308);
	CHECK_INT(s->agents[0].usage.input_tokens, 3 * ACCOUNT_TOKENS_MAX);
	CHECK_INT(s->usage.input_tokens, 4 * ACCOUNT_TOKENS_MAX + 12);
	CHECK_INT(s->usage.output_tokens, 6);
	CHECK_INT(s->usage.calls, 6);
	CHECK(s->usage.cost == 4 * ACCOUNT_USD_MAX + 1.5);
	for (i = 0; i < 5000; i++)
		TELL(s, EVENT_USAGE, .agent = "a", .input_tokens = INT64_MAX,
		    .output_tokens = INT64_MAX);
	CHECK_INT(s->usage.input_tokens, INT64_MAX / 2);
	CHECK_INT(s->usage.output_tokens, INT64_MAX / 2);
	session_free(s);
}

/* A journal that was tampered with, or cut, is no reason to crash. */
TEST(numbers_that_are_nobodys)
{
	struct session *s = some_run();

	said(s, EVENT_CHILD_STATE, 1, NULL, 1, 1);
	said(s, EVENT_CHILD_ENDED, 0, "ended", 1, 1);
	said(s, EVENT_CHILD_ENDED, -1, "ended", 1, 1);
	opened(s, "a", 2, 0);
	opened(s, "a", INT64_MAX, 0);
	CHECK_INT(s->nchildren, 0);
	CHECK(s->usage.cost == 0);
	opened(s, "a", 1, 0);
	opened(s, "a", 1, 0);
	CHECK_INT(s->nchildren, 1);
	session_free(s);
}
