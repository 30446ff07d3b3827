/* Where a server's redirect may lead. */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "agent-worker/mcp/redirect.h"
#include "ipc/xmalloc.h"

/* Scheme, host and port, without what may stand before an @. */
struct origin {
	const char *scheme;
	const char *host;
	size_t host_len;
	const char *port;
	size_t port_len;
	const char *rest; /* the path and what follows */
};

static bool
parse(const char *url, struct origin *o)
{
	static const char *const schemes[][2] = { { "http://", "80" },
		{ "https://", "443" } };
	const char *at, *colon;
	size_t i, len;

	for (i = 0; i < 2; i++)
		if (strncasecmp(url, schemes[i][0], strlen(schemes[i][0])) == 0)
			break;
	if (i == 2)
		return (false);
	o->scheme = schemes[i][0];
	o->host = url + strlen(o->scheme);
	len = strcspn(o->host, "/?#\\");
	o->rest = o->host + len;
	if ((at = memrchr(o->host, '@', len)) != NULL) {
		len -= (size_t)(at + 1 - o->host);
		o->host = at + 1;
	}
	o->host_len = len;
	o->port = schemes[i][1];
	o->port_len = strlen(o->port);
	colon = memrchr(o->host, ':', len);
	if (colon != NULL &&
	    memchr(colon, ']', (size_t)(o->rest - colon)) == NULL) {
		o->host_len = (size_t)(colon - o->host);
		o->port = colon + 1;
		o->port_len = (size_t)(o->rest - o->port);
	}
	return (o->host_len > 0);
}

static bool
is_same(const struct origin *a, const struct origin *b)
{
	return (strcmp(a->scheme, b->scheme) == 0 &&
	    a->host_len == b->host_len &&
	    strncasecmp(a->host, b->host, a->host_len) == 0 &&
	    a->port_len == b->port_len &&
	    memcmp(a->port, b->port, a->port_len) == 0);
}

char *
mcp_redirect(const char *url, const char *location)
{
	struct origin from, to;

	if (!parse(url, &from) || strpbrk(location, " \t\\") != NULL)
		return (NULL);
	if (location[0] == '/' && location[1] != '/')
		return (
		    xasprintf("%.*s%s", (int)(from.rest - url), url, location));
	/* whoever logs in at the URL does so at the new one */
	if (!parse(location, &to) || !is_same(&from, &to))
		return (NULL);
	return (xasprintf("%.*s%s", (int)(from.rest - url), url, to.rest));
}
