/* Keys do not get into files. */

#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/record/redact.h"

#define SECRET_MIN 8

static struct {
	char **list;
	size_t count;
	size_t longest;
} secrets;

void
redact_add(const char *secret)
{
	size_t i, len = strlen(secret);

	if (len < SECRET_MIN)
		return;
	for (i = 0; i < secrets.count; i++)
		if (strcmp(secrets.list[i], secret) == 0)
			return;
	secrets.list = xreallocarray(
	    secrets.list, secrets.count + 1, sizeof(*secrets.list));
	secrets.list[secrets.count++] = xstrdup(secret);
	if (len > secrets.longest)
		secrets.longest = len;
}

void
redact(char *text, size_t len)
{
	size_t i, n;
	char *p;

	for (i = 0; i < secrets.count; i++) {
		n = strlen(secrets.list[i]);
		p = text;
		while ((p = memmem(p, len - (size_t)(p - text), secrets.list[i],
			    n)) != NULL) {
			memset(p, '*', n);
			p += n;
		}
	}
}

bool
redact_holds(const char *value)
{
	size_t i;

	for (i = 0; i < secrets.count; i++)
		if (strstr(value, secrets.list[i]) != NULL)
			return (true);
	return (false);
}

size_t
redact_longest(void)
{
	return (secrets.longest);
}
