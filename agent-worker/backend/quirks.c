/* Where members of the OpenAI-compatible family differ. */

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "agent-worker/backend/quirks.h"
#include "agent-worker/net/http.h"

/*
 * The vendors' own documentation says so of each: OpenAI's later models
 * refuse "max_tokens"; DeepSeek, Moonshot and Z.ai refuse or degrade tool
 * turns whose reasoning did not come back; xAI's completion_tokens leaves
 * out reasoning_tokens.
 */
static const struct quirks table[] = {
	/* clang-format off */
	{ "openai",	"api.openai.com",  "max_completion_tokens", false, false },
	{ "deepseek",	"deepseek.com",	   "max_tokens", false, true },
	{ "moonshot",	"moonshot.ai",	   "max_tokens", false, true },
	{ "moonshot",	"moonshot.cn",	   "max_tokens", false, true },
	{ "zai",	"z.ai",		   "max_tokens", false, true },
	{ "zai",	"bigmodel.cn",	   "max_tokens", false, true },
	{ "grok",	"x.ai",		   "max_tokens", true,	false },
	/* clang-format on */
};

static const struct quirks plain = { "", "", "max_tokens", false, false };

/* The host of url is host, or a name below it. */
static bool
is_at(const char *url, const char *host)
{
	size_t len = strlen(host), n;
	const char *name = http_host(url, &n), *port;

	if ((port = memchr(name, ':', n)) != NULL)
		n = (size_t)(port - name);
	if (n < len || strncasecmp(name + n - len, host, len) != 0)
		return (false);
	return (n == len || name[n - len - 1] == '.');
}

const struct quirks *
quirks_find(const struct backend_config *config)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].type, config->type) == 0)
			return (&table[i]);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (is_at(config->base_url, table[i].host))
			return (&table[i]);
	return (&plain);
}
