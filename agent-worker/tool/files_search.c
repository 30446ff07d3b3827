/* The file tool that looks for text in files. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/files.h"
#include "agent-worker/tool/pattern.h"
#include "ipc/field.h"
#include "ipc/pathname.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

#define FILE_MAX      ((size_t)8 << 20) /* larger files are passed over */
#define LOOKED_MAX    16384             /* of a line, what is looked at */
#define SHOWN_MAX     300               /* of a line */
#define RESULTS_USUAL 200
#define RESULTS_MAX   2000
#define OUT_MAX       ((size_t)256 * 1024)

struct search {
	struct work work;
	struct pattern *pattern;
	size_t left; /* results */
	size_t skipped;
	bool more;
	struct buf *out;
};

static void
tell(struct search *s, const char *path, size_t number, const char *line,
    size_t len)
{
	size_t shown = utf8_prefix(line, len, SHOWN_MAX);

	buf_addf(
	    s->out, "%s%s:%zu: ", s->out->len == 0 ? "" : "\n", path, number);
	buf_add(s->out, line, shown);
	if (shown < len)
		buf_adds(s->out, "...");
	s->left--;
}

/* False: enough, or the work's bounds. */
static bool
search_lines(struct search *s, const char *path, const char *text, size_t len)
{
	const char *end = text + len, *line = text, *newline;
	size_t number = 1, n;

	for (; line < end; line += n + 1, number++) {
		newline = memchr(line, '\n', (size_t)(end - line));
		n = (size_t)((newline == NULL ? end : newline) - line);
		if (!work_look(&s->work))
			return (false);
		if (!pattern_finds(
			s->pattern, line, n < LOOKED_MAX ? n : LOOKED_MAX))
			continue;
		if (s->left == 0 || s->out->len > OUT_MAX) {
			s->more = true;
			return (false);
		}
		tell(s, path, number, line, n);
	}
	return (true);
}

/* False: enough. */
static bool
search_fd(struct search *s, const char *path, int fd)
{
	struct buf text = BUF_INITIALIZER;
	bool going = work_go_on(&s->work);
	int ret;

	if (!going)
		return (false);
	ret = buf_read_fd(&text, fd, FILE_MAX);
	if (ret == -1)
		s->skipped++;
	else if (text.len > 0 &&
	    !files_is_binary(text.data, text.len < 8192 ? text.len : 8192))
		going = search_lines(s, path, text.data, text.len);
	buf_release(&text);
	return (going);
}

static int
search_tree(struct search *s, const char *path, struct json_object *include,
    struct json_object *exclude, char *why, size_t whylen)
{
	struct files_list list = { NULL, 0, false };
	bool going = true;
	char *whole;
	size_t i;
	int fd, ret;

	ret =
	    files_collect(&s->work, path, include, exclude, &list, why, whylen);
	s->more = list.cut;
	for (i = 0; ret == 0 && going && i < list.n; i++) {
		char err[FILES_WHY];

		whole = strcmp(path, ".") == 0
		    ? xstrdup(list.paths[i])
		    : files_below(path, list.paths[i]);
		fd = walls_open(&s->work.box->walls, whole,
		    O_RDONLY | O_NOFOLLOW, err, sizeof(err));
		if (fd != -1) {
			going = search_fd(s, whole, fd);
			close(fd);
		}
		free(whole);
	}
	files_list_release(&list);
	return (ret);
}

static int
search_path(struct search *s, const char *path, struct json_object *include,
    struct json_object *exclude, char *why, size_t whylen)
{
	struct stat st;
	int fd;

	fd = walls_open(&s->work.box->walls, path, O_RDONLY, why, whylen);
	if (fd == -1)
		return (-1);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return (search_tree(s, path, include, exclude, why, whylen));
	}
	(void)search_fd(s, path, fd);
	close(fd);
	return (0);
}

static void
tell_rest(const struct search *s)
{
	if (s->out->len == 0)
		buf_adds(s->out, "No matches found");
	if (s->work.why != NULL)
		buf_addf(s->out, "\n[not all was searched: %s]", s->work.why);
	else if (s->more)
		buf_adds(s->out,
		    "\n[there is more than this: narrow the pattern, the "
		    "path or include_patterns]");
	if (s->skipped > 0)
		buf_addf(s->out,
		    "\n[%zu files over 8 MiB, or that cannot be "
		    "read, were passed over]",
		    s->skipped);
}

static struct json_object *
usual_excludes(void)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; pathname_kept[i] != NULL; i++)
		json_object_array_add(
		    list, json_object_new_string(pathname_kept[i]));
	return (list);
}

bool
files_search_text(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	static const char op[] = "search_text";
	struct search s = { .out = &result->text };
	const char *path = field_get_str(arguments, "path");
	const char *text = tool_argument(arguments, "pattern", op, result);
	int64_t most = field_get_int(arguments, "max_results", RESULTS_USUAL);
	struct json_object *exclude;
	char why[FILES_WHY];

	(void)arg;
	if (text == NULL)
		return (true);
	s.pattern = pattern_new(
	    text, field_get_bool(arguments, "ignore_case"), why, sizeof(why));
	if (s.pattern == NULL)
		return (tool_fail(result, op, "%s", why));
	s.left = most < 1 ? 1 : most > RESULTS_MAX ? RESULTS_MAX : (size_t)most;
	exclude = field_get(arguments, "exclude_patterns", json_type_array);
	exclude = exclude == NULL ? usual_excludes() : json_object_get(exclude);
	work_begin(&s.work, box);
	if (search_path(&s, path == NULL ? "." : path,
		field_get(arguments, "include_patterns", json_type_array),
		exclude, why, sizeof(why)) == -1)
		tool_fail(result, op, "%s", why);
	else
		tell_rest(&s);
	json_object_put(exclude);
	pattern_free(s.pattern);
	return (!s.work.over);
}
