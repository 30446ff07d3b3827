/* What is left of a provider's limits, and when there will be more. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "agent-worker/net/ratelimit.h"

/* Beyond any limit we grant, and safe to calculate with. */
#define RESET_CLAMP_MS ((double)365 * 24 * 3600 * 1000)

/* Numbers from here on are no seconds from now but since the epoch, in 2001
 * and later; or milliseconds. */
#define EPOCH_SECONDS 1e9
#define EPOCH_MS      1e11

/* Rounded up: a pause may be too long, not too short. */
static int64_t
clamp(double ms)
{
	int64_t whole;

	if (ms < 0)
		return (0);
	if (ms > RESET_CLAMP_MS)
		ms = RESET_CLAMP_MS;
	whole = (int64_t)ms;
	return ((double)whole < ms ? whole + 1 : whole);
}

/* A decimal number without a sign; moves *p behind it. */
static bool
take_number(const char **p, double *n)
{
	const char *start = *p;
	size_t digits = strspn(start, "0123456789"), more = 0;

	if (start[digits] == '.')
		more = 1 + strspn(start + digits + 1, "0123456789");
	if (digits == 0)
		return (false);
	*n = strtod(start, NULL);
	*p = start + digits + more;
	return (true);
}

/* The longest unit that stands at *p, in milliseconds; 0: none does. */
static double
take_unit(const char **p)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = { { "ms", 1 }, { "us", 1e-3 }, { "\302\265s", 1e-3 },
		{ "ns", 1e-6 }, { "d", 86400e3 }, { "h", 3600e3 },
		{ "m", 60e3 }, { "s", 1e3 } };
	size_t i, len;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		len = strlen(units[i].name);
		if (strncmp(*p, units[i].name, len) == 0) {
			*p += len;
			return (units[i].ms);
		}
	}
	return (0);
}

static int64_t
parse_duration(const char *value, int64_t now)
{
	const char *p = value;
	double n, unit, ms = 0;

	if (!take_number(&p, &n))
		return (-1);
	if (*p == '\0' && n >= EPOCH_MS)
		return (clamp(n - (double)now));
	if (*p == '\0' && n >= EPOCH_SECONDS)
		return (clamp(n * 1000 - (double)now));
	if (*p == '\0')
		return (clamp(n * 1000));
	do {
		if ((unit = take_unit(&p)) == 0)
			return (-1);
		ms += n * unit;
	} while (*p != '\0' && take_number(&p, &n));
	return (*p == '\0' ? clamp(ms) : -1);
}

/* "Z" or "+01:30", in minutes east of Greenwich. */
static bool
parse_zone(const char *p, int *minutes)
{
	if ((*p == 'Z' || *p == 'z') && p[1] == '\0') {
		*minutes = 0;
		return (true);
	}
	if ((*p != '+' && *p != '-') || strlen(p) != 6 || p[3] != ':' ||
	    !isdigit((unsigned char)p[1]) || !isdigit((unsigned char)p[2]) ||
	    !isdigit((unsigned char)p[4]) || !isdigit((unsigned char)p[5]))
		return (false);
	*minutes = ((p[1] - '0') * 10 + p[2] - '0') * 60 + (p[4] - '0') * 10 +
	    p[5] - '0';
	if (*p == '-')
		*minutes = -*minutes;
	return (true);
}

static int64_t
parse_time(const char *value, int64_t now)
{
	struct tm tm = { 0 };
	const char *p = strptime(value, "%Y-%m-%dT%H:%M:%S", &tm);
	double fraction = 0;
	int minutes;

	if (p == NULL)
		return (-1);
	if (*p == '.') {
		fraction = strtod(p, NULL);
		p += 1 + strspn(p + 1, "0123456789");
	}
	if (!parse_zone(p, &minutes))
		return (-1);
	return (clamp(((double)timegm(&tm) - minutes * 60 + fraction) * 1000 -
	    (double)now));
}

int64_t
ratelimit_reset_parse(const char *value, int64_t now)
{
	int64_t ms = parse_time(value, now);

	return (ms >= 0 ? ms : parse_duration(value, now));
}

static struct ratelimit_count *
count_of(struct ratelimit *limits, const char *what, size_t len)
{
	struct ratelimit_count *c;
	size_t i;

	if (len >= RATELIMIT_NAME_MAX)
		return (NULL);
	for (i = 0; i < limits->ncounts; i++) {
		c = &limits->counts[i];
		if (strncasecmp(c->what, what, len) == 0 &&
		    c->what[len] == '\0')
			return (c);
	}
	if (limits->ncounts == RATELIMIT_COUNTS)
		return (NULL);
	c = &limits->counts[limits->ncounts++];
	snprintf(c->what, sizeof(c->what), "%.*s", (int)len, what);
	c->none_left = false;
	c->reset_ms = -1;
	return (c);
}

/* What the header counts, if its name is one of ours; *reset: until when. */
static const char *
parse_name(const char *name, size_t *len, bool *reset)
{
	static const struct {
		const char *head, *tail;
		bool reset;
	} forms[] = { { "x-ratelimit-remaining", "", false },
		{ "x-ratelimit-reset", "", true },
		{ "anthropic-ratelimit", "-remaining", false },
		{ "anthropic-ratelimit", "-reset", true } };
	size_t i, head, tail, all = strlen(name);

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		head = strlen(forms[i].head);
		tail = strlen(forms[i].tail);
		if (all < head + tail ||
		    strncasecmp(name, forms[i].head, head) != 0 ||
		    strcasecmp(name + all - tail, forms[i].tail) != 0 ||
		    (name[head] != '-' && name[head] != '\0'))
			continue;
		*len = all - head - tail;
		*reset = forms[i].reset;
		return (name + head);
	}
	return (NULL);
}

/* Some say -1 where there is no limit. */
static bool
is_zero(const char *value)
{
	return (*value != '\0' && value[strspn(value, "0")] == '\0');
}

void
ratelimit_take(
    struct ratelimit *limits, const char *name, const char *value, int64_t now)
{
	struct ratelimit_count *c;
	const char *what;
	size_t len;
	bool reset;

	what = parse_name(name, &len, &reset);
	if (what == NULL || (c = count_of(limits, what, len)) == NULL)
		return;
	if (reset)
		c->reset_ms = ratelimit_reset_parse(value, now);
	else
		c->none_left = is_zero(value);
}

int64_t
ratelimit_pause(const struct ratelimit *limits)
{
	const struct ratelimit_count *c;
	int64_t pause = -1;
	size_t i;

	for (i = 0; i < limits->ncounts; i++) {
		c = &limits->counts[i];
		if (c->none_left && c->reset_ms > pause)
			pause = c->reset_ms;
	}
	return (pause);
}
