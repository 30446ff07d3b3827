/* Finding, listing and printing what ships below configs/. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/examples.h"
#include "supervisor/config/load.h"

/* The names of all, without ".yaml", relative to dir and sorted. */
struct examples {
	char *dir;
	char **names;
	size_t count;
};

static bool
is_dir(const char *path)
{
	struct stat st;

	return (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

/* Whether a folder is the source's own, not just one called "configs". */
static bool
is_examples_dir(const char *dir)
{
	char *schema = xasprintf("%s/schema/massgen.schema.json", dir);
	bool there = access(schema, R_OK) == 0;

	free(schema);
	return (there);
}

/* Beside the source that this program was built in: ../configs. */
static char *
source_dir(void)
{
	char exe[4096], *slash, *dir;
	ssize_t len;
	int up;

	len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (len == -1)
		return (NULL);
	exe[len] = '\0';
	/* build/massgen is one folder below it, build/x/massgen two. */
	for (up = 0; up < 3; up++) {
		if ((slash = strrchr(exe, '/')) == NULL)
			return (NULL);
		*slash = '\0';
		if (up == 0)
			continue;
		dir = xasprintf("%s/configs", exe);
		if (is_examples_dir(dir))
			return (dir);
		free(dir);
	}
	return (NULL);
}

char *
examples_dir(void)
{
	const char *given = getenv("MASSGEN_CONFIGS");
	char *dir;

	if (given != NULL && *given != '\0')
		return (xstrdup(given));
	dir = source_dir();
	return (dir != NULL ? dir : xstrdup(MASSGEN_DATADIR "/configs"));
}

static void
examples_release(struct examples *all)
{
	size_t i;

	for (i = 0; i < all->count; i++)
		free(all->names[i]);
	free(all->names);
	free(all->dir);
}

static int
compare_names(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

static int
compare_entries(const FTSENT **a, const FTSENT **b)
{
	return (strcmp((*a)->fts_name, (*b)->fts_name));
}

static void
add_name(struct examples *all, const FTSENT *entry)
{
	const char *name = entry->fts_path + strlen(all->dir);
	size_t len;

	while (*name == '/')
		name++;
	len = strlen(name);
	if (len <= 5 || strcmp(name + len - 5, ".yaml") != 0 ||
	    strcmp(name, PRICES_FILE) == 0)
		return;
	all->names =
	    xreallocarray(all->names, all->count + 1, sizeof(*all->names));
	all->names[all->count++] = xstrndup(name, len - 5);
}

static void
examples_read(struct examples *all)
{
	char *roots[2];
	const FTSENT *entry;
	FTS *fts;

	*all = (struct examples) { .dir = examples_dir() };
	roots[0] = all->dir;
	roots[1] = NULL;
	if (!is_dir(all->dir))
		return;
	fts = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, compare_entries);
	if (fts == NULL)
		return;
	while ((entry = fts_read(fts)) != NULL) {
		if (entry->fts_info == FTS_F)
			add_name(all, entry);
	}
	fts_close(fts);
	if (all->count > 0)
		qsort(
		    all->names, all->count, sizeof(*all->names), compare_names);
}

static const char *
base_of(const char *name)
{
	const char *slash = strrchr(name, '/');

	return (slash == NULL ? name : slash + 1);
}

/* The names whose last part is that of name; all with name NULL. */
static char *
list_names(const struct examples *all, const char *name)
{
	struct buf b = BUF_INITIALIZER;
	size_t i;

	for (i = 0; i < all->count; i++) {
		if (name == NULL || strcmp(base_of(all->names[i]), name) == 0)
			buf_addf(
			    &b, "%s%s", b.len == 0 ? "" : ", ", all->names[i]);
	}
	return (buf_detach(&b));
}

static void
say_none(const struct examples *all, char *err, size_t errlen)
{
	snprintf(err, errlen, "there are no examples in %s", all->dir);
}

static void
explain(const struct examples *all, const char *name, size_t matches, char *err,
    size_t errlen)
{
	char *list;

	if (all->count == 0) {
		say_none(all, err, errlen);
		return;
	}
	list = list_names(all, matches > 1 ? name : NULL);
	if (matches > 1)
		snprintf(err, errlen,
		    "the example name '%s' is ambiguous; "
		    "there are: %s",
		    name, list);
	else
		snprintf(err, errlen,
		    "there is no example '%s'; there are: "
		    "%s",
		    name, list);
	free(list);
}

/* The one that a name means, or NULL. */
static const char *
match(const struct examples *all, const char *name, size_t *matches)
{
	const char *found = NULL;
	size_t i;

	*matches = 0;
	for (i = 0; i < all->count; i++) {
		if (strcmp(all->names[i], name) == 0)
			return (all->names[i]);
		if (strcmp(base_of(all->names[i]), name) == 0) {
			found = all->names[i];
			++*matches;
		}
	}
	return (*matches == 1 ? found : NULL);
}

char *
example_find(const char *name, char *err, size_t errlen)
{
	struct examples all;
	const char *found;
	char *plain, *path = NULL;
	size_t len, matches;

	examples_read(&all);
	if (strncmp(name, "configs/", 8) == 0)
		name += 8;
	len = strlen(name);
	if (len > 5 && strcmp(name + len - 5, ".yaml") == 0)
		len -= 5;
	plain = xstrndup(name, len);
	if ((found = match(&all, plain, &matches)) == NULL)
		explain(&all, plain, matches, err, errlen);
	else
		path = xasprintf("%s/%s.yaml", all.dir, found);
	free(plain);
	examples_release(&all);
	return (path);
}

int
examples_list(FILE *f, char *err, size_t errlen)
{
	struct examples all;
	size_t i;
	int result = 0;

	examples_read(&all);
	for (i = 0; i < all.count; i++)
		fprintf(f, "%s\n", all.names[i]);
	if (all.count == 0) {
		say_none(&all, err, errlen);
		result = -1;
	}
	examples_release(&all);
	return (result);
}

int
examples_print(const char *name, FILE *f, char *err, size_t errlen)
{
	struct buf text = BUF_INITIALIZER;
	char *path;
	int fd, result = -1;

	if (strncmp(name, "@examples/", 10) == 0)
		name += 10;
	if ((path = example_find(name, err, errlen)) == NULL)
		return (-1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || buf_read_fd(&text, fd, CONFIG_SIZE_MAX) == -1)
		snprintf(err, errlen, "%s: %s", path, strerror(errno));
	else if (text.len > 0 && fwrite(text.data, text.len, 1, f) != 1)
		snprintf(err, errlen, "cannot write: %s", strerror(errno));
	else
		result = 0;
	if (fd != -1)
		close(fd);
	buf_release(&text);
	free(path);
	return (result);
}
