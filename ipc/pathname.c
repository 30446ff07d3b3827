/* Paths as text. */

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "ipc/buf.h"
#include "ipc/pathname.h"

const char *const pathname_kept[] = { ".massgen", ".env", ".git",
	"node_modules", "__pycache__", ".venv", "venv", ".pytest_cache",
	".mypy_cache", ".ruff_cache", ".DS_Store", "massgen_logs", NULL };

bool
pathname_is_in(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (len > 0 && dir[len - 1] == '/')
		len--;
	return (strncmp(path, dir, len) == 0 &&
	    (path[len] == '\0' || path[len] == '/'));
}

static bool
is_of_name(char c)
{
	return (isalnum((unsigned char)c) || c == '_' || c == '-' ||
	    ((unsigned char)c & 0x80) != 0);
}

static bool
ends_here(const char *s)
{
	return (!is_of_name(s[strspn(s, ".")]));
}

char *
pathname_replace(const char *text, const char *path, const char *by)
{
	struct buf out = BUF_INITIALIZER;
	const char *from = text, *at;
	size_t len = strlen(path);

	for (; (at = strstr(from, path)) != NULL; from = at + len) {
		buf_add(&out, from, (size_t)(at - from));
		buf_adds(&out,
		    ends_here(at + len) && (at == text || !is_of_name(at[-1]))
			? by
			: path);
	}
	buf_adds(&out, from);
	return (buf_detach(&out));
}
