/* net/retry: when to try again, case by case. */

#include "agent-worker/net/retry.h"
#include "ipc/mono.h"
#include "tests/test.h"

#define TIME_ENOUGH (3600 * 1000)

/* A first try that failed in a way that may pass. */
static const struct retry_case usual = { FAILURE_TRANSIENT, 503, -1, -1, 1, 0,
	TIME_ENOUGH, false, 0.0 };

static void
check_wait(const struct retry_case *c, int64_t want, const char *what)
{
	struct retry_decision d = retry_decide(c);

	if (!CHECK(d.again) || !CHECK_INT(d.wait_ms, want))
		printf("# in case: %s\n", what);
}

static void
check_stop(const struct retry_case *c, const char *why, const char *what)
{
	struct retry_decision d = retry_decide(c);

	if (!CHECK(!d.again) || !CHECK_STR(d.why, why))
		printf("# in case: %s\n", what);
}

TEST(status_alone)
{
	static const struct {
		long status;
		enum failure want;
	} table[] = {
		{ 200, FAILURE_NONE },
		{ 204, FAILURE_NONE },
		{ 301, FAILURE_PERMANENT },
		{ 307, FAILURE_PERMANENT },
		{ 400, FAILURE_PERMANENT },
		{ 401, FAILURE_PERMANENT },
		{ 402, FAILURE_PERMANENT },
		{ 403, FAILURE_PERMANENT },
		{ 404, FAILURE_PERMANENT },
		{ 405, FAILURE_PERMANENT },
		{ 408, FAILURE_TRANSIENT },
		{ 409, FAILURE_TRANSIENT },
		{ 410, FAILURE_PERMANENT },
		{ 413, FAILURE_PERMANENT },
		{ 422, FAILURE_PERMANENT },
		{ 425, FAILURE_TRANSIENT },
		{ 429, FAILURE_TRANSIENT },
		{ 498, FAILURE_TRANSIENT },
		{ 500, FAILURE_TRANSIENT },
		{ 502, FAILURE_TRANSIENT },
		{ 503, FAILURE_TRANSIENT },
		{ 504, FAILURE_TRANSIENT },
		{ 529, FAILURE_TRANSIENT },
		{ 0, FAILURE_TRANSIENT },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!CHECK_INT(retry_class(table[i].status), table[i].want))
			printf("# status %ld\n", table[i].status);
}

TEST(pauses_double_up_to_a_cap)
{
	static const int64_t want[] = { 500, 1000, 2000, 4000, 8000, 8000 };
	struct retry_case c = usual;

	c.max_tries = 7;
	for (c.tries = 1; c.tries < c.max_tries; c.tries++)
		check_wait(&c, want[c.tries - 1], "doubling");
	check_stop(&c, "tried often enough", "the last try");
	c.tries = 1000000;
	c.max_tries = 2000000;
	check_wait(&c, 8000, "no overflow");
}

TEST(four_tries_unless_told)
{
	struct retry_case c = usual;

	c.tries = RETRY_TRIES - 1;
	check_wait(&c, 2000, "the last but one");
	c.tries = RETRY_TRIES;
	check_stop(&c, "tried often enough", "the last");
}

TEST(jitter_takes_up_to_a_quarter)
{
	struct retry_case c = usual;

	c.jitter = 0.5;
	check_wait(&c, 438, "half");
	c.jitter = 1.0;
	check_wait(&c, 375, "all");
	c.tries = 3;
	check_wait(&c, 1500, "all, later");
}

TEST(transport_errors_count_as_transient)
{
	struct retry_case c = usual;

	c.status = 0;
	check_wait(&c, 500, "no connection");
	c.failure = FAILURE_TRUNCATED;
	c.status = 200;
	check_wait(&c, 500, "cut stream");
}

TEST(nothing_to_try_again)
{
	struct retry_case c = usual;

	c.failure = FAILURE_NONE;
	check_stop(&c, "it did not fail", "success");
}

TEST(permanent_failures)
{
	struct retry_case c = usual;
	static const long statuses[] = { 400, 401, 402, 403, 404, 413, 422 };
	size_t i;

	c.failure = FAILURE_PERMANENT;
	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		c.status = statuses[i];
		c.should_retry = -1;
		check_stop(&c, "trying again cannot help", "plain");
		c.should_retry = 1;
		check_stop(&c, "trying again cannot help", "told to retry");
	}
	c.status = 429;
	c.retry_after_ms = 0;
	check_stop(&c, "trying again cannot help", "quota");
}

TEST(word_of_the_server)
{
	struct retry_case c = usual;

	c.should_retry = 0;
	check_stop(&c, "the server asks not to try again", "no");
	c.should_retry = 1;
	check_wait(&c, 500, "yes");
	c.failure = FAILURE_PERMANENT;
	c.status = 418;
	check_wait(&c, 500, "yes to what we know nothing of");
	c.should_retry = -1;
	check_stop(&c, "trying again cannot help", "silence");
}

TEST(visible_data_ends_it)
{
	struct retry_case c = usual;

	c.visible = true;
	check_stop(&c, "part of the reply was already passed on", "visible");
	c.should_retry = 1;
	check_stop(&c, "part of the reply was already passed on", "told to");
}

TEST(retry_after)
{
	struct retry_case c = usual;

	c.retry_after_ms = 0;
	check_wait(&c, 0, "at once");
	c.retry_after_ms = 30000;
	check_wait(&c, 30000, "half a minute");
	c.jitter = 1.0;
	check_wait(&c, 31000, "never sooner, at most a second later");
	c.retry_after_ms = 100;
	check_wait(&c, 125, "a quarter later");
	c.retry_after_ms = RETRY_AFTER_MAX_MS + 1;
	check_stop(&c, "the server asks for too long a pause", "too long");
}

TEST(deadline_wins)
{
	struct retry_case c = usual;

	c.left_ms = 501;
	check_wait(&c, 500, "just enough");
	c.left_ms = 500;
	check_stop(&c, "not enough time is left", "just not");
	c.left_ms = 0;
	check_stop(&c, "not enough time is left", "none");
	c.left_ms = -5;
	check_stop(&c, "not enough time is left", "over");
	c.left_ms = 20000;
	c.retry_after_ms = 20001;
	check_stop(&c, "not enough time is left", "Retry-After past it");
	c.left_ms = MONO_NEVER;
	check_wait(&c, 20001, "no deadline");
}

/* What a Retry-After says, and the pause that it asks for. */
struct retry_after {
	const char *value;
	int64_t want;
};

static void
check_after(const struct retry_after *table, size_t n, int64_t now)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!CHECK_INT(
			retry_after_parse(table[i].value, now), table[i].want))
			printf("# value \"%s\"\n", table[i].value);
}

TEST(retry_after_in_seconds)
{
	static const struct retry_after table[] = {
		{ "0", 0 },
		{ "1", 1000 },
		{ "120", 120000 },
		{ "1.5", 1500 },
		{ "2.", 2000 },
		{ "7 ", 7000 },
		{ "", -1 },
		{ "-1", -1 },
		{ "+1", -1 },
		{ " 1", -1 },
		{ ".5", -1 },
		{ "1s", -1 },
		{ "1,5", -1 },
		{ "1 2", -1 },
		{ "0x10", -1 },
		{ "1e3", -1 },
		{ "inf", -1 },
		{ "nan", -1 },
		{ "soon", -1 },
		{ "1000000000", INT64_C(31536000000) },
		{ "99999999999999999999999999", INT64_C(31536000000) },
	};
	char huge[2000];

	check_after(table, sizeof(table) / sizeof(table[0]), 0);
	memset(huge, '9', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	CHECK_INT(retry_after_parse(huge, 0), INT64_C(31536000000));
}

TEST(retry_after_as_a_date)
{
	/* 784111777 is Sun, 06 Nov 1994 08:49:37 GMT, as in RFC 9110. */
	static const int64_t now = 784111777;
	static const struct retry_after table[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
		{ "Sun, 06 Nov 1994 08:49:47 GMT", 10000 },
		{ "Sunday, 06-Nov-94 08:49:47 GMT", 10000 },
		{ "Sun Nov  6 08:49:47 1994", 10000 },
		{ "Sun, 06 Nov 1994 08:00:00 GMT", 0 },
		{ "Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(31536000000) },
		{ "Sun, 06 Nov 1994 08:49:47", -1 },
		{ "Sun, 06 Nov 1994 08:49:47 GMT+1", -1 },
		{ "Sun, 36 Nov 1994 08:49:47 GMT", -1 },
		{ "06 Nov 1994", -1 },
		{ "Sun", -1 },
	};

	check_after(table, sizeof(table) / sizeof(table[0]), now);
}

TEST(retry_after_in_milliseconds)
{
	CHECK_INT(retry_after_ms_parse("250"), 250);
	CHECK_INT(retry_after_ms_parse("250.7"), 250);
	CHECK_INT(retry_after_ms_parse("0"), 0);
	CHECK_INT(retry_after_ms_parse("-250"), -1);
	CHECK_INT(retry_after_ms_parse("later"), -1);
	CHECK_INT(retry_after_ms_parse("1e99"), -1);
}
