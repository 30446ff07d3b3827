/* What the head of a response says. */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "agent-worker/net/head.h"
#include "agent-worker/net/retry.h"
#include "ipc/xmalloc.h"

static char *
media_type(const char *value)
{
	char *type = xstrndup(value, strcspn(value, "; \t"));
	char *p;

	for (p = type; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return (type);
}

/* Milliseconds since the epoch. */
static int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

void
head_take(struct http_response *r, struct ratelimit *limits, const char *name,
    const char *value)
{
	int64_t ms;

	if (strcasecmp(name, "content-type") == 0) {
		free(r->content_type);
		r->content_type = media_type(value);
	} else if (strcasecmp(name, "retry-after-ms") == 0) {
		if ((ms = retry_after_ms_parse(value)) >= 0)
			r->retry_after_ms = ms;
	} else if (strcasecmp(name, "retry-after") == 0) {
		/* The finer one of the two counts, whichever comes first. */
		if (r->retry_after_ms == -1)
			r->retry_after_ms =
			    retry_after_parse(value, (int64_t)time(NULL));
	} else if (strcasecmp(name, "x-should-retry") == 0) {
		if (strcasecmp(value, "true") == 0)
			r->should_retry = 1;
		else if (strcasecmp(value, "false") == 0)
			r->should_retry = 0;
	} else {
		ratelimit_take(limits, name, value, clock_ms());
		r->limit_ms = ratelimit_pause(limits);
	}
}

void
head_begin(struct http_response *r, struct ratelimit *limits, const char *line)
{
	const char *space = strchr(line, ' ');

	memset(limits, 0, sizeof(*limits));
	r->limit_ms = -1;
	r->status = space == NULL ? 0 : strtol(space, NULL, 10);
	r->retry_after_ms = -1;
	r->should_retry = -1;
	free(r->content_type);
	r->content_type = NULL;
}
