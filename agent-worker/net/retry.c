/* Whether a failed model call is made again, and when. */

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "agent-worker/net/retry.h"

/* Beyond any limit we grant, and safe to calculate with. */
#define AFTER_CLAMP_MS ((int64_t)365 * 24 * 3600 * 1000)

#define PAUSE_MS            500
#define AFTER_SPREAD_MAX_MS 1000

/* The statuses whose meaning no header can change. */
static bool
is_final(long status)
{
	static const long final[] = { 400, 401, 402, 403, 404, 413, 422 };
	size_t i;

	for (i = 0; i < sizeof(final) / sizeof(final[0]); i++)
		if (status == final[i])
			return (true);
	return (false);
}

/* 425: too early; 498: Groq, no capacity for flexible requests. */
enum failure
retry_class(long status)
{
	if (status >= 200 && status < 300)
		return (FAILURE_NONE);
	if (status == 0 || status >= 500)
		return (FAILURE_TRANSIENT);
	if (status == 408 || status == 409 || status == 425 || status == 429 ||
	    status == 498)
		return (FAILURE_TRANSIENT);
	return (FAILURE_PERMANENT);
}

static bool
is_permanent(const struct retry_case *c)
{
	if (c->failure != FAILURE_PERMANENT)
		return (false);
	return (c->should_retry != 1 || is_final(c->status) ||
	    retry_class(c->status) != FAILURE_PERMANENT);
}

/* Agents that were told the same time do not all come back at once. */
static int64_t
spread(int64_t after_ms, double jitter)
{
	int64_t most = after_ms / 4;

	if (most > AFTER_SPREAD_MAX_MS)
		most = AFTER_SPREAD_MAX_MS;
	return (after_ms + (int64_t)((double)most * jitter));
}

static int64_t
backoff(int tries, double jitter)
{
	int64_t pause = PAUSE_MS;

	while (--tries > 0 && pause < RETRY_PAUSE_MAX_MS)
		pause *= 2;
	if (pause > RETRY_PAUSE_MAX_MS)
		pause = RETRY_PAUSE_MAX_MS;
	return (pause - (int64_t)((double)pause * 0.25 * jitter));
}

static struct retry_decision
stop(const char *why)
{
	struct retry_decision d = { false, 0, why };

	return (d);
}

struct retry_decision
retry_decide(const struct retry_case *c)
{
	struct retry_decision d = { true, 0, NULL };
	int max_tries = c->max_tries > 0 ? c->max_tries : RETRY_TRIES;

	if (c->failure == FAILURE_NONE)
		return (stop("it did not fail"));
	if (c->visible)
		return (stop("part of the reply was already passed on"));
	if (c->should_retry == 0)
		return (stop("the server asks not to try again"));
	if (is_permanent(c))
		return (stop("trying again cannot help"));
	if (c->tries >= max_tries)
		return (stop("tried often enough"));
	if (c->retry_after_ms > RETRY_AFTER_MAX_MS)
		return (stop("the server asks for too long a pause"));
	d.wait_ms = c->retry_after_ms >= 0
	    ? spread(c->retry_after_ms, c->jitter)
	    : backoff(c->tries, c->jitter);
	if (d.wait_ms >= c->left_ms)
		return (stop("not enough time is left"));
	return (d);
}

/* A decimal number times unit, all of the text. */
static int64_t
parse_number(const char *value, double unit)
{
	const char *p = value;
	double n;

	while (isdigit((unsigned char)*p))
		p++;
	if (p == value)
		return (-1);
	if (*p == '.')
		for (p++; isdigit((unsigned char)*p);)
			p++;
	while (*p == ' ' || *p == '\t')
		p++;
	if (*p != '\0')
		return (-1);
	n = strtod(value, NULL) * unit;
	return (n < (double)AFTER_CLAMP_MS ? (int64_t)n : AFTER_CLAMP_MS);
}

/* The three forms of RFC 9110, 5.6.7; a date that has passed is no pause. */
static int64_t
parse_date(const char *value, int64_t now)
{
	static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT",
		"%a, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y" };
	struct tm tm;
	const char *end;
	int64_t at;
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		tm = (struct tm) { 0 };
		end = strptime(value, forms[i], &tm);
		if (end == NULL || *end != '\0')
			continue;
		at = (int64_t)timegm(&tm);
		if (at <= now)
			return (0);
		if (at - now > AFTER_CLAMP_MS / 1000)
			return (AFTER_CLAMP_MS);
		return ((at - now) * 1000);
	}
	return (-1);
}

int64_t
retry_after_parse(const char *value, int64_t now)
{
	if (isdigit((unsigned char)*value))
		return (parse_number(value, 1000));
	return (parse_date(value, now));
}

int64_t
retry_after_ms_parse(const char *value)
{
	return (parse_number(value, 1));
}
