/* The command line of confine(8). */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/confine/policy.h"
#include "ipc/pathname.h"
#include "ipc/xmalloc.h"

#define GRACE_MS 2000

enum kind {
	PATHS,
	PATH,
	NUMBER,
	FLAG,
	WORD,
	DESCRIPTOR
};

/* clang-format off */
static const struct row {
	const char *name;
	enum kind kind;
	size_t offset;
} rows[] = {
	{ "chdir",	PATH,		offsetof(struct policy, dir) },
	{ "command",	DESCRIPTOR,	offsetof(struct policy, command) },
	{ "control",	DESCRIPTOR,	offsetof(struct policy, control) },
	{ "cpu",	NUMBER,		offsetof(struct policy, cpu_seconds) },
	{ "file-size",	NUMBER,		offsetof(struct policy, file_size) },
	{ "grace",	NUMBER,		offsetof(struct policy, grace_ms) },
	{ "keep",	PATHS,		offsetof(struct policy, keep) },
	{ "level",	WORD,		offsetof(struct policy, level) },
	{ "memory",	NUMBER,		offsetof(struct policy, memory) },
	{ "network",	FLAG,		offsetof(struct policy, network) },
	{ "probe",	FLAG,		offsetof(struct policy, probe) },
	{ "processes",	NUMBER,		offsetof(struct policy, processes) },
	{ "read",	PATHS,		offsetof(struct policy, read) },
	{ "report",	DESCRIPTOR,	offsetof(struct policy, report) },
	{ "tmp",	PATH,		offsetof(struct policy, tmp) },
	{ "write",	PATHS,		offsetof(struct policy, write) },
};
/* clang-format on */

#define NROWS (sizeof(rows) / sizeof(rows[0]))

bool
paths_add(struct paths *p, const char *name)
{
	char *real = realpath(name, NULL);

	if (real == NULL)
		return (false);
	p->list = xreallocarray(p->list, p->n + 1, sizeof(*p->list));
	p->list[p->n++] = (struct path) { name, real };
	return (true);
}

static void
paths_release(struct paths *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		free(p->list[i].real);
	free(p->list);
}

bool
paths_cover(const struct paths *p, const char *real)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (pathname_is_in(real, p->list[i].real))
			return (true);
	return (false);
}

/* The length of the longest of them that is real or holds it; 0: none. */
static size_t
longest_over(const struct paths *p, const char *real)
{
	size_t i, len, best = 0;

	for (i = 0; i < p->n; i++) {
		len = strlen(p->list[i].real);
		if (len > best && pathname_is_in(real, p->list[i].real))
			best = len;
	}
	return (best);
}

bool
policy_keeps(const struct policy *p, const char *real)
{
	size_t kept = longest_over(&p->keep, real);

	return (kept > 0 && kept >= longest_over(&p->write, real));
}

bool
paths_lie_below(const struct paths *p, const char *real)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (pathname_is_in(p->list[i].real, real) &&
		    strcmp(p->list[i].real, real) != 0)
			return (true);
	return (false);
}

/* Without "..", ".", or a doubled or last slash, so that text compares. */
static int
check_path(const char *name, const char *path)
{
	const char *p = path, *end;

	if (strcmp(path, "/") == 0)
		return (0);
	for (; *p == '/'; p = end) {
		end = p + 1 + strcspn(p + 1, "/");
		if (end == p + 1 || (end == p + 2 && p[1] == '.') ||
		    (end == p + 3 && p[1] == '.' && p[2] == '.'))
			break;
	}
	if (p != path && *p == '\0')
		return (0);
	warnx("--%s %s: not an absolute path in its shortest form", name, path);
	return (-1);
}

static int
parse_number(const char *name, const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0)
		return (0);
	warnx("--%s %s: not a number", name, text);
	return (-1);
}

static int
parse_descriptor(const char *name, const char *text, int *out)
{
	int64_t fd;

	if (parse_number(name, text, &fd) == -1)
		return (-1);
	if (fd < 3 || fd > INT32_MAX ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) == -1) {
		warnx("--%s %s: no such descriptor", name, text);
		return (-1);
	}
	*out = (int)fd;
	return (0);
}

static int
take(struct policy *p, const struct row *row, const char *value)
{
	void *member = (char *)p + row->offset;

	switch (row->kind) {
	case PATHS:
		if (check_path(row->name, value) == -1)
			return (-1);
		(void)paths_add(member, value);
		return (0);
	case PATH:
		*(const char **)member = value;
		return (check_path(row->name, value));
	case NUMBER:
		return (parse_number(row->name, value, member));
	case FLAG:
		*(bool *)member = true;
		return (0);
	case WORD:
		*(const char **)member = value;
		return (0);
	case DESCRIPTOR:
		return (parse_descriptor(row->name, value, member));
	}
	return (-1);
}

int
policy_parse(struct policy *p, int argc, char **argv)
{
	struct option longopts[NROWS + 1];
	int ch, i;

	*p = (struct policy) { .level = "auto",
		.grace_ms = GRACE_MS,
		.report = -1,
		.control = -1,
		.command = -1 };
	memset(longopts, 0, sizeof(longopts));
	for (i = 0; i < (int)NROWS; i++) {
		longopts[i].name = rows[i].name;
		longopts[i].has_arg =
		    rows[i].kind == FLAG ? no_argument : required_argument;
		longopts[i].val = i;
	}
	while ((ch = getopt_long(argc, argv, "+", longopts, NULL)) != -1)
		if (ch == '?' || take(p, &rows[ch], optarg) == -1)
			return (-1);
	if (p->tmp != NULL && !paths_add(&p->write, p->tmp))
		p->tmp = NULL;
	p->argv = argv + optind;
	if ((argc > optind) != (p->probe || p->command != -1))
		return (0);
	warnx("%s",
	    argc > optind ? "--probe and --command take no program"
			  : "no program named");
	return (-1);
}

void
policy_release(struct policy *p)
{
	paths_release(&p->read);
	paths_release(&p->write);
	paths_release(&p->keep);
}
