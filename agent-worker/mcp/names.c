/* What a server's tool is called where a model sees it. */

#include <sys/types.h>

#include <sha2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/mcp/names.h"
#include "ipc/field.h"
#include "ipc/xmalloc.h"

#define DIGITS 8

static bool
is_plain(char c)
{
	return ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == '-');
}

static char *
whole_name(const char *server, const char *tool)
{
	char *name = xasprintf("mcp__%s__%s", server, tool), *p;

	for (p = name; *p != '\0'; p++)
		if (!is_plain(*p))
			*p = '_';
	return (name);
}

/* The servers' names have no NUL, so no two pairs are hashed alike. */
static void
hash(char out[2 * SHA256_DIGEST_LENGTH + 1], const char *server,
    const char *tool)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX ctx;
	size_t i;

	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)server, strlen(server) + 1);
	SHA256Update(&ctx, (const uint8_t *)tool, strlen(tool));
	SHA256Final(digest, &ctx);
	for (i = 0; i < sizeof(digest); i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

bool
mcp_name(char out[MCP_NAME_MAX + 1], const char *server, const char *tool,
    bool (*is_taken)(void *arg, const char *name), void *arg)
{
	char digits[2 * SHA256_DIGEST_LENGTH + 1];
	char *whole = whole_name(server, tool);
	bool fits = strlen(whole) <= MCP_NAME_MAX;

	if (fits)
		strlcpy(out, whole, MCP_NAME_MAX + 1);
	if (!fits || is_taken(arg, out)) {
		hash(digits, server, tool);
		snprintf(out, MCP_NAME_MAX + 1, "%.*s_%.*s",
		    MCP_NAME_MAX - 1 - DIGITS, whole, DIGITS, digits);
		fits = !is_taken(arg, out);
	}
	free(whole);
	return (fits);
}

static bool
is_listed(struct json_object *list, const char *whole, const char *tool)
{
	const char *s;
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++) {
		s = json_object_get_string(json_object_array_get_idx(list, i));
		if (s != NULL &&
		    (strcmp(s, tool) == 0 || strcmp(s, whole) == 0))
			return (true);
	}
	return (false);
}

bool
mcp_is_wanted(struct json_object *config, const char *server, const char *tool)
{
	char *whole = xasprintf("mcp__%s__%s", server, tool);
	struct json_object *list;
	bool wanted = true;

	if ((list = field_get(config, "allowed_tools", json_type_array)) !=
	    NULL)
		wanted = is_listed(list, whole, tool);
	if ((list = field_get(config, "exclude_tools", json_type_array)) !=
		NULL &&
	    is_listed(list, whole, tool))
		wanted = false;
	free(whole);
	return (wanted);
}
