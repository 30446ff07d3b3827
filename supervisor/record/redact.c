/* Keys do not get into files. */

#include <limits.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/record/redact.h"

#define SECRET_MIN 8

static struct {
	struct secret {
		char *text;
		size_t len;
	} * list;
	size_t count;
	size_t longest;
	bool begins[UCHAR_MAX + 1]; /* some secret begins with this byte */
} secrets;

void
redact_add(const char *secret)
{
	size_t i, len = strlen(secret);

	if (len < SECRET_MIN)
		return;
	for (i = 0; i < secrets.count; i++)
		if (strcmp(secrets.list[i].text, secret) == 0)
			return;
	secrets.list = xreallocarray(
	    secrets.list, secrets.count + 1, sizeof(*secrets.list));
	secrets.list[secrets.count].text = xstrdup(secret);
	secrets.list[secrets.count++].len = len;
	secrets.begins[(unsigned char)*secret] = true;
	if (len > secrets.longest)
		secrets.longest = len;
}

/* The length of the longest secret that text begins with; 0: none. */
static size_t
secret_at(const char *text, size_t len)
{
	const struct secret *secret;
	size_t i, longest = 0;

	for (i = 0; i < secrets.count; i++) {
		secret = &secrets.list[i];
		if (secret->len <= len && secret->len > longest &&
		    memcmp(text, secret->text, secret->len) == 0)
			longest = secret->len;
	}
	return (longest);
}

/* In one pass, since secrets may overlap or hold one another. */
void
redact(char *text, size_t len)
{
	size_t i, n, until = 0;

	for (i = 0; i < len && secrets.count > 0; i++) {
		n = secrets.begins[(unsigned char)text[i]]
		    ? secret_at(text + i, len - i)
		    : 0;
		if (i + n > until)
			until = i + n;
		if (i < until)
			text[i] = '*';
	}
}

bool
redact_holds(const char *value)
{
	size_t i;

	for (i = 0; i < secrets.count; i++)
		if (strstr(value, secrets.list[i].text) != NULL)
			return (true);
	return (false);
}

size_t
redact_longest(void)
{
	return (secrets.longest);
}
