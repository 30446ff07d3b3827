/* The file tools that read files, a page at a time. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent-worker/tool/files.h"
#include "ipc/field.h"
#include "ipc/xmalloc.h"

#define PAGE_MAX  ((size_t)128 * 1024) /* bytes of a file told at once */
#define PAGES_MAX ((size_t)512 * 1024) /* of several */
#define PATHS_MAX 256
#define LINES_MAX (INT64_MAX / 4)
#define CHUNK     65536

/* What is wanted of a file, and what came of it. */
struct page {
	int64_t first; /* line, from 1 */
	int64_t lines; /* at most; 0: to the end */
	size_t max;    /* bytes */
	bool exact;    /* that there are more lines than asked for is no news */
	struct buf text;
	int64_t at;  /* the line that is next, or that was begun */
	size_t line; /* where it begins in text */
	bool more;   /* there is more behind it */
	bool full;   /* of bytes */
	bool broken; /* its last line is longer than there is room for */
};

/*
 * There is no room for this part of a line, so all of the line is left for
 * the next page, unless this one has nothing else.
 */
static void
fill_up(struct page *p, const char *data)
{
	p->more = p->full = true;
	p->broken = p->line == 0;
	if (p->broken)
		buf_add(&p->text, data, p->max - p->text.len);
	else
		p->text.len = p->line;
}

/* Take what belongs to the page; false: it has all. */
static bool
take(struct page *p, const char *data, size_t len)
{
	const char *end = data + len, *newline;
	size_t n;

	while (data < end) {
		if (p->lines > 0 && p->at >= p->first + p->lines) {
			p->more = true;
			return (false);
		}
		newline = memchr(data, '\n', (size_t)(end - data));
		n = (size_t)((newline == NULL ? end : newline + 1) - data);
		if (p->at >= p->first && p->text.len + n > p->max) {
			fill_up(p, data);
			return (false);
		}
		if (p->at >= p->first)
			buf_add(&p->text, data, n);
		if (newline != NULL) {
			p->at++;
			p->line = p->text.len;
		}
		data += n;
	}
	return (true);
}

/* False: the work's bounds ended it. */
static bool
read_page(struct work *k, int fd, struct page *p)
{
	char *chunk = xcalloc(1, CHUNK);
	bool going = true;
	ssize_t n = 1;

	p->at = 1;
	while (going && n > 0) {
		n = read(fd, chunk, CHUNK);
		if (n > 0 && !take(p, chunk, (size_t)n))
			break;
		going = work_go_on(k);
	}
	free(chunk);
	return (going);
}

/* Say what the page is not. */
static void
add_note(struct page *p, off_t size)
{
	if (p->broken)
		buf_addf(&p->text,
		    "\n[line %jd is cut, it is too long; the file has %jd "
		    "bytes; offset=%jd goes on behind that line]",
		    (intmax_t)p->at, (intmax_t)size, (intmax_t)p->at + 1);
	else if (p->full || (p->more && !p->exact))
		buf_addf(&p->text,
		    "[lines %jd to %jd; there are more, the file has %jd "
		    "bytes; offset=%jd goes on]",
		    (intmax_t)p->first, (intmax_t)p->at - 1, (intmax_t)size,
		    (intmax_t)p->at);
	else if (p->text.len == 0 && p->first > 1)
		buf_addf(&p->text, "[the file ends before line %jd]",
		    (intmax_t)p->first);
}

/*
 * Where the last lines begin.  *out_cut: they are longer than max bytes, so
 * this is where the last that fit begin.
 */
static off_t
find_tail(int fd, off_t size, int64_t lines, size_t max, bool *out_cut)
{
	off_t low = size > (off_t)max ? size - (off_t)max : 0, at = low;
	char *text = xcalloc(1, max + 1);
	ssize_t n = pread(fd, text, (size_t)(size - low), low);
	size_t len = n < 0 ? 0 : (size_t)n, i;
	const char *newline;

	for (i = len; i > 0 && lines > 0; i--) {
		/* the end of the last line begins none */
		if (text[i - 1] == '\n' && i < len && --lines == 0)
			at = low + (off_t)i;
	}
	*out_cut = lines > 0 && low > 0;
	newline = *out_cut ? memchr(text, '\n', len) : NULL;
	if (newline != NULL && newline + 1 < text + len)
		at = low + (newline + 1 - text);
	free(text);
	return (at);
}

static bool
read_tail(struct work *k, int fd, const struct stat *st, int64_t lines,
    struct buf *out)
{
	struct page p = { .first = 1, .exact = true, .max = PAGE_MAX };
	bool cut, done;
	off_t at = find_tail(fd, st->st_size, lines, PAGE_MAX, &cut);

	if (cut)
		buf_addf(out,
		    "[not all of these lines: the first %jd of %jd bytes are "
		    "left out]\n",
		    (intmax_t)at, (intmax_t)st->st_size);
	done = lseek(fd, at, SEEK_SET) != -1 && read_page(k, fd, &p);
	buf_add(out, p.text.data, p.text.len);
	buf_release(&p.text);
	return (done);
}

static bool
read_lines(struct work *k, int fd, const struct stat *st, struct page *p,
    struct buf *out)
{
	bool done = read_page(k, fd, p);

	if (done)
		add_note(p, st->st_size);
	buf_add(out, p->text.data, p->text.len);
	buf_release(&p->text);
	return (done);
}

/* Which lines; false: that cannot be. */
static bool
which_lines(struct json_object *arguments, struct page *p, int64_t *out_tail)
{
	int64_t head = field_get_int(arguments, "head", 0);
	int64_t tail = field_get_int(arguments, "tail", 0);
	int64_t offset = field_get_int(arguments, "offset", 1);
	int64_t limit = field_get_int(arguments, "limit", 0);

	if (head < 0 || tail < 0 || offset < 0 || limit < 0 ||
	    offset > LINES_MAX || (head > 0 && tail > 0) ||
	    ((head > 0 || tail > 0) && (offset > 1 || limit > 0)))
		return (false);
	p->first = offset == 0 ? 1 : offset;
	p->lines = head > 0 ? head : limit;
	p->exact = head > 0;
	if (p->lines > LINES_MAX)
		p->lines = 0;
	*out_tail = tail;
	return (true);
}

/* --- the tools --- */

bool
files_read_text_file(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "read_text_file";
	const char *path = tool_argument(arguments, "path", op, result);
	struct page p = { .max = PAGE_MAX };
	char why[FILES_WHY];
	struct stat st;
	struct work k;
	int64_t tail;
	bool done;
	int fd;

	(void)arg;
	if (path == NULL)
		return (true);
	if (!which_lines(arguments, &p, &tail))
		return (tool_fail(result, op,
		    "give head, or tail, or offset and limit: numbers of "
		    "lines from 1"));
	fd = files_open_text(&box->walls, path, &st, why, sizeof(why));
	if (fd == -1)
		return (tool_fail(result, op, "%s", why));
	work_begin(&k, box);
	done = tail > 0 ? read_tail(&k, fd, &st, tail, &result->text)
			: read_lines(&k, fd, &st, &p, &result->text);
	close(fd);
	return (done || files_give_up(&k, result, op));
}

/* One of several: its name, and what is in it or why not. */
static bool
add_file(struct work *k, const char *path, struct buf *out)
{
	struct page p = { .first = 1, .max = PAGE_MAX };
	char why[FILES_WHY] = "not read: there is too much already";
	struct stat st;
	bool done;
	int fd = -1;

	if (out->len > 0)
		buf_adds(out, "\n---\n");
	if (out->len < PAGES_MAX)
		fd = files_open_text(
		    &k->box->walls, path, &st, why, sizeof(why));
	if (fd == -1) {
		buf_addf(out, "%s: Error - %s\n", path, why);
		return (true);
	}
	buf_addf(out, "%s:\n", path);
	done = read_lines(k, fd, &st, &p, out);
	buf_adds(out, "\n");
	close(fd);
	return (done);
}

bool
files_read_multiple_files(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "read_multiple_files";
	struct json_object *paths =
			       field_get(arguments, "paths", json_type_array),
			   *path;
	struct work k;
	size_t i, n;

	(void)arg;
	n = paths == NULL ? 0 : json_object_array_length(paths);
	if (n == 0 || n > PATHS_MAX)
		return (tool_fail(
		    result, op, "paths has to be a list of 1 to 256 paths"));
	for (i = 0; i < n; i++) {
		path = json_object_array_get_idx(paths, i);
		if (!json_object_is_type(path, json_type_string))
			return (tool_fail(result, op, "a path is no string"));
	}
	work_begin(&k, box);
	for (i = 0; i < n; i++) {
		path = json_object_array_get_idx(paths, i);
		if (!add_file(&k, field_string(path), &result->text))
			return (files_give_up(&k, result, op));
	}
	return (true);
}

static void
add_time(struct buf *out, const char *name, int64_t seconds)
{
	time_t t = (time_t)seconds;
	char text[64];
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return;
	buf_addf(out, "%s: %s\n", name, text);
}

bool
files_get_file_info(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "get_file_info";
	const char *path = tool_argument(arguments, "path", op, result);
	struct buf *out = &result->text;
	char why[FILES_WHY];
	struct statx st;
	int fd, ret;

	(void)arg;
	if (path == NULL)
		return (true);
	fd = walls_open(&box->walls, path, O_PATH, why, sizeof(why));
	if (fd == -1)
		return (tool_fail(result, op, "%s", why));
	ret =
	    statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &st);
	close(fd);
	if (ret == -1)
		return (tool_fail(result, op, "%s", strerror(errno)));
	buf_addf(out, "size: %ju\n", (uintmax_t)st.stx_size);
	if ((st.stx_mask & STATX_BTIME) != 0)
		add_time(out, "created", st.stx_btime.tv_sec);
	add_time(out, "modified", st.stx_mtime.tv_sec);
	add_time(out, "accessed", st.stx_atime.tv_sec);
	buf_addf(out, "isDirectory: %s\nisFile: %s\npermissions: %03o",
	    S_ISDIR(st.stx_mode) ? "true" : "false",
	    S_ISREG(st.stx_mode) ? "true" : "false",
	    (unsigned int)st.stx_mode & 0777);
	return (true);
}

bool
files_list_allowed_directories(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	const struct walls *w = &box->walls;
	const struct wall *wall;
	size_t i;

	(void)arg;
	(void)arguments;
	buf_adds(&result->text, "Allowed directories:");
	for (i = 0; i < w->n; i++) {
		wall = &w->list[i];
		buf_addf(&result->text, "\n%s (%s%s%s)", wall->given,
		    i == 0 ? "the workspace, " : "",
		    wall->file ? "this file only, " : "",
		    wall_is_writable(w, wall) ? "read and write"
			: wall->presenter ? "read-only before the presentation"
					  : "read-only");
	}
	return (true);
}
