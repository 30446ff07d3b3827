/* The file tools that compare. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/diff.h"
#include "agent-worker/tool/files.h"
#include "ipc/field.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

#define FILE_LINES_MAX 500
#define DIR_LINES_MAX  100
#define DIFFS_MAX      ((size_t)256 * 1024) /* bytes of all */
#define CHUNK          65536

/* A JSON string of any bytes. */
static struct json_object *
text_of(const struct buf *b)
{
	struct buf clean = BUF_INITIALIZER;
	struct json_object *o;

	utf8_clean(&clean, b->len == 0 ? "" : b->data, b->len);
	o = json_object_new_string_len(
	    clean.len == 0 ? "" : clean.data, (int)clean.len);
	buf_release(&clean);
	return (o);
}

/* --- two files --- */

static struct json_object *
tell_files(
    const struct diff_want *want, const struct buf *a, const struct buf *b)
{
	struct json_object *details = json_object_new_object();
	struct json_object *stats = json_object_new_object();
	struct buf diff = BUF_INITIALIZER;
	struct diff_sum sum;

	diff_unified(&diff, want, a, b, &sum);
	field_put_bool(details, "identical", diff.len == 0);
	field_put(details, "diff", text_of(&diff));
	field_put_int(stats, "added", (int64_t)sum.added);
	field_put_int(stats, "removed", (int64_t)sum.removed);
	field_put_int(stats, "changed",
	    (int64_t)(sum.added < sum.removed ? sum.added : sum.removed));
	field_put(details, "stats", stats);
	buf_release(&diff);
	return (details);
}

bool
files_compare_files(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "compare_files";
	struct diff_want want = { .context = field_get_int(
				      arguments, "context_lines", 3),
		.max_lines = FILE_LINES_MAX };
	struct buf a = BUF_INITIALIZER, b = BUF_INITIALIZER;
	char why[FILES_WHY];

	(void)arg;
	want.from = tool_argument(arguments, "file1", op, result);
	if (want.from == NULL ||
	    (want.to = tool_argument(arguments, "file2", op, result)) == NULL)
		return (true);
	if (files_read_text(&box->walls, want.from, &a, why, sizeof(why)) ==
		-1 ||
	    files_read_text(&box->walls, want.to, &b, why, sizeof(why)) == -1)
		tool_fail(result, op, "%s", why);
	else
		files_succeed(result, op, NULL, tell_files(&want, &a, &b));
	buf_release(&a);
	buf_release(&b);
	return (true);
}

/* --- two directories --- */

struct pair {
	struct work work;
	const char *dir1;
	const char *dir2;
	struct json_object *only1;
	struct json_object *only2;
	struct json_object *different;
	struct json_object *identical;
	struct json_object *diffs; /* NULL: not wanted */
	size_t told;               /* bytes of them */
};

/* Bytes at the same place; -1: it cannot be read. */
static int
read_full(int fd, char *chunk)
{
	size_t len = 0;
	ssize_t n = 1;

	while (len < CHUNK && n > 0) {
		n = read(fd, chunk + len, CHUNK - len);
		if (n == -1 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	return (n == -1 ? -1 : (int)len);
}

static bool
same_content(struct work *k, int a, int b)
{
	char *x = xcalloc(2, CHUNK), *y = x + CHUNK;
	int n, m;

	do {
		n = read_full(a, x);
		m = read_full(b, y);
	} while (
	    n > 0 && n == m && memcmp(x, y, (size_t)n) == 0 && work_go_on(k));
	free(x);
	return (n == 0 && m == 0);
}

static bool
same_files(struct work *k, const char *one, const char *other)
{
	const struct walls *w = &k->box->walls;
	char why[FILES_WHY];
	bool same = false;
	int a, b;

	a = walls_open(w, one, O_RDONLY | O_NOFOLLOW, why, sizeof(why));
	b = walls_open(w, other, O_RDONLY | O_NOFOLLOW, why, sizeof(why));
	if (a != -1 && b != -1)
		same = same_content(k, a, b);
	if (a != -1)
		close(a);
	if (b != -1)
		close(b);
	return (same);
}

static void
add_diff(struct pair *p, const char *path, const char *one, const char *other)
{
	const struct walls *w = &p->work.box->walls;
	char *from = files_below("dir1", path), *to = files_below("dir2", path);
	struct diff_want want = { from, to, 3, DIR_LINES_MAX };
	struct buf a = BUF_INITIALIZER, b = BUF_INITIALIZER;
	struct buf diff = BUF_INITIALIZER;
	struct diff_sum sum;
	char why[FILES_WHY];

	if (p->told > DIFFS_MAX)
		buf_adds(&diff, "[left out: there are too many]");
	else if (files_read_text(w, one, &a, why, sizeof(why)) == -1 ||
	    files_read_text(w, other, &b, why, sizeof(why)) == -1)
		buf_addf(&diff, "[%s]", why);
	else
		diff_unified(&diff, &want, &a, &b, &sum);
	p->told += diff.len;
	json_object_object_add(p->diffs, path, text_of(&diff));
	buf_release(&diff);
	buf_release(&a);
	buf_release(&b);
	free(from);
	free(to);
}

static void
compare_one(struct pair *p, const char *path)
{
	char *one = files_below(p->dir1, path);
	char *other = files_below(p->dir2, path);
	bool same = same_files(&p->work, one, other);

	json_object_array_add(
	    same ? p->identical : p->different, json_object_new_string(path));
	if (!same && p->diffs != NULL)
		add_diff(p, path, one, other);
	free(one);
	free(other);
}

/* Both lists are in order. */
static void
compare_lists(
    struct pair *p, const struct files_list *a, const struct files_list *b)
{
	size_t i = 0, j = 0;
	int order;

	while ((i < a->n || j < b->n) && work_go_on(&p->work)) {
		order = i == a->n ? 1
		    : j == b->n   ? -1
				  : strcmp(a->paths[i], b->paths[j]);
		if (order < 0) {
			json_object_array_add(
			    p->only1, json_object_new_string(a->paths[i++]));
		} else if (order > 0) {
			json_object_array_add(
			    p->only2, json_object_new_string(b->paths[j++]));
		} else {
			compare_one(p, a->paths[i++]);
			j++;
		}
	}
}

static void
tell_pair(struct pair *p, const char *op, bool cut, struct tool_result *result)
{
	struct json_object *details = json_object_new_object();

	field_put(details, "only_in_dir1", p->only1);
	field_put(details, "only_in_dir2", p->only2);
	field_put(details, "different", p->different);
	field_put(details, "identical", p->identical);
	if (p->diffs != NULL)
		field_put(details, "content_diffs", p->diffs);
	if (cut || p->work.why != NULL)
		field_put_str(details, "incomplete",
		    p->work.why != NULL ? p->work.why
					: "there are too many files");
	files_succeed(result, op, NULL, details);
}

bool
files_compare_directories(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "compare_directories";
	struct files_list a = { NULL, 0, false }, b = { NULL, 0, false };
	struct pair p = { .dir1 =
			      tool_argument(arguments, "dir1", op, result) };
	char why[FILES_WHY];

	(void)arg;
	if (p.dir1 == NULL ||
	    (p.dir2 = tool_argument(arguments, "dir2", op, result)) == NULL)
		return (true);
	work_begin(&p.work, box);
	if (files_collect(&p.work, p.dir1, NULL, NULL, &a, why, sizeof(why)) ==
		-1 ||
	    files_collect(&p.work, p.dir2, NULL, NULL, &b, why, sizeof(why)) ==
		-1) {
		tool_fail(result, op, "%s", why);
	} else {
		p.only1 = json_object_new_array();
		p.only2 = json_object_new_array();
		p.different = json_object_new_array();
		p.identical = json_object_new_array();
		if (field_get_bool(arguments, "show_content_diff"))
			p.diffs = json_object_new_object();
		compare_lists(&p, &a, &b);
		tell_pair(&p, op, a.cut || b.cut, result);
	}
	files_list_release(&a);
	files_list_release(&b);
	return (!p.work.over);
}
