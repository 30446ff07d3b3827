/* The file tool that looks for text in files. */

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/files.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

#define PATTERN_MAX   512
#define REPEATS_MAX   256               /* of a pattern, multiplied */
#define FILE_MAX      ((size_t)8 << 20) /* larger files are passed over */
#define LOOKED_MAX    16384             /* of a line, what is looked at */
#define SHOWN_MAX     300               /* of a line */
#define RESULTS_USUAL 200
#define RESULTS_MAX   2000
#define OUT_MAX       ((size_t)256 * 1024)
#define REFRESH       ((size_t)64 * 1024) /* bytes between two compilations */

struct search {
	struct work work;
	const char *pattern;
	int flags;
	regex_t regex;
	bool compiled;
	size_t until_refresh;
	size_t left; /* results */
	size_t skipped;
	bool more;
	struct buf *out;
};

/*
 * regcomp(3) writes repetitions out, one in another multiplied, and back
 * references take exponential time: a pattern with much of either could use
 * up the process.
 */
static const char *
why_not(const char *p)
{
	long repeats = 1, n;
	char *end;

	if (*p == '\0' || strlen(p) > PATTERN_MAX)
		return ("the pattern has to have 1 to 512 bytes");
	for (; *p != '\0'; p++) {
		if (*p == '\\' && p[1] >= '1' && p[1] <= '9')
			return ("back references are not supported");
		if (*p == '\\' && p[1] != '\0') {
			p++;
			continue;
		}
		if (*p != '{')
			continue;
		n = strtol(p + 1, &end, 10);
		if (*end == ',' && end[1] >= '0' && end[1] <= '9')
			n = strtol(end + 1, &end, 10);
		if (n < 0 || n > REPEATS_MAX)
			return ("a repetition is over 256");
		repeats *= n > 0 ? n : 1;
		if (repeats > REPEATS_MAX)
			return ("the repetitions together are over 256");
	}
	return (NULL);
}

/* What the matcher remembers of all it has read is dropped now and then. */
static void
refresh(struct search *s, size_t len)
{
	if (s->until_refresh > len) {
		s->until_refresh -= len;
		return;
	}
	s->until_refresh = REFRESH;
	regfree(&s->regex);
	s->compiled = regcomp(&s->regex, s->pattern, s->flags) == 0;
	if (!s->compiled)
		s->work.why = "the pattern takes too much memory";
}

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
search_lines(struct search *s, const char *path, char *text, size_t len)
{
	char *end = text + len, *line = text, *newline;
	size_t number = 1, n, looked;
	bool found;
	char saved;

	for (; line < end; line += n + 1, number++) {
		newline = memchr(line, '\n', (size_t)(end - line));
		n = (size_t)((newline == NULL ? end : newline) - line);
		looked = n < LOOKED_MAX ? n : LOOKED_MAX;
		saved = line[looked];
		line[looked] = '\0';
		found = regexec(&s->regex, line, 0, NULL, 0) == 0;
		line[looked] = saved;
		if (found && (s->left == 0 || s->out->len > OUT_MAX)) {
			s->more = true;
			return (false);
		}
		if (found)
			tell(s, path, number, line, n);
		refresh(s, looked + 1);
		if (!s->compiled ||
		    (number % 256 == 0 && !work_go_on(&s->work)))
			return (false);
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
		    O_RDONLY | O_NOFOLLOW, 0, err, sizeof(err));
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

	fd = walls_open(&s->work.box->walls, path, O_RDONLY, 0, why, whylen);
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

	for (i = 0; walls_kept_names[i] != NULL; i++)
		json_object_array_add(
		    list, json_object_new_string(walls_kept_names[i]));
	return (list);
}

bool
files_search_text(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	static const char op[] = "search_text";
	struct search s = { .until_refresh = REFRESH, .out = &result->text };
	const char *path = tool_string(arguments, "path");
	struct json_object *exclude;
	int64_t most = tool_int(arguments, "max_results", RESULTS_USUAL);
	char why[FILES_WHY];
	int ret;

	(void)arg;
	s.pattern = files_argument(arguments, "pattern", op, result);
	if (s.pattern == NULL)
		return (true);
	if (why_not(s.pattern) != NULL)
		return (files_fail(result, op, why_not(s.pattern)));
	s.left = most < 1 ? 1 : most > RESULTS_MAX ? RESULTS_MAX : (size_t)most;
	s.flags = REG_EXTENDED | REG_NOSUB |
	    (tool_bool(arguments, "ignore_case", false) ? REG_ICASE : 0);
	if ((ret = regcomp(&s.regex, s.pattern, s.flags)) != 0) {
		regerror(ret, &s.regex, why, sizeof(why));
		return (files_fail(result, op, why));
	}
	s.compiled = true;
	exclude = files_array(arguments, "exclude_patterns");
	exclude = exclude == NULL ? usual_excludes() : json_object_get(exclude);
	work_begin(&s.work, box);
	if (search_path(&s, path == NULL ? "." : path,
		files_array(arguments, "include_patterns"), exclude, why,
		sizeof(why)) == -1)
		files_fail(result, op, why);
	else
		tell_rest(&s);
	json_object_put(exclude);
	if (s.compiled)
		regfree(&s.regex);
	return (!s.work.over);
}
