/* The file tools that copy. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/files.h"
#include "agent-worker/tool/put.h"
#include "ipc/buf.h"
#include "ipc/field.h"
#include "ipc/xmalloc.h"

#define CHUNK ((size_t)1 << 20)

/* Everything that is left of it; -1 with errno, ECANCELED: see work.why. */
static int
copy_content(struct work *k, int from, int to)
{
	char *chunk = xcalloc(1, CHUNK);
	ssize_t n = 1;
	int saved;

	while (n > 0) {
		n = read(from, chunk, CHUNK);
		if (n == -1 && errno == EINTR)
			n = 1;
		else if (n > 0 && buf_write_fd(to, chunk, (size_t)n) == -1)
			n = -1;
		else if (n > 0 && !work_go_on(k)) {
			errno = ECANCELED;
			n = -1;
		}
	}
	saved = errno;
	free(chunk);
	errno = saved;
	return (n == -1 ? -1 : 0);
}

static int
copy_fd(struct work *k, int fd, const char *to, bool overwrite, char *why,
    size_t whylen)
{
	struct stat st;
	struct put p;

	if (put_begin(&p, &k->box->walls, to, why, whylen) == -1)
		return (-1);
	if (fstat(fd, &st) == -1 || copy_content(k, fd, p.fd) == -1) {
		walls_refuse(why, whylen, errno, "%s: %s", to,
		    k->why != NULL ? k->why : strerror(errno));
		put_abort(&p);
		return (-1);
	}
	return (put_commit(&p, &st, overwrite, why, whylen));
}

/* One file; the link itself is not followed where from ends in one. */
static int
copy_file(struct work *k, const char *from, int flags, const char *to,
    bool overwrite, char *why, size_t whylen)
{
	struct stat st;
	int fd, ret;

	fd = walls_open(&k->box->walls, from, O_RDONLY | flags, why, whylen);
	if (fd == -1)
		return (-1);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		ret =
		    walls_refuse(why, whylen, EISDIR, "%s: a directory", from);
	else
		ret = copy_fd(k, fd, to, overwrite, why, whylen);
	close(fd);
	return (ret);
}

/* Whether something is there, if only a link; -1: it cannot be told. */
static int
is_there(const struct walls *w, const char *path, char *why, size_t whylen)
{
	int fd = walls_open(w, path, O_PATH | O_NOFOLLOW, why, whylen);

	if (fd == -1)
		return (errno == ENOENT ? 0 : -1);
	close(fd);
	return (1);
}

/* --- many --- */

struct copying {
	struct files_batch batch;
	const char *from;
	const char *to;
	bool overwrite;
};

static void
copy_one(struct copying *c, const char *path)
{
	char *from = files_below(c->from, path), *to = files_below(c->to, path);
	struct json_object *o;
	char why[FILES_WHY];
	int there = 0;

	if (!c->overwrite)
		there =
		    is_there(&c->batch.work.box->walls, to, why, sizeof(why));
	if (there == 1) {
		files_note(c->batch.skipped, path, "reason",
		    "destination exists (overwrite=false)");
	} else if (there == -1 ||
	    copy_file(&c->batch.work, from, O_NOFOLLOW, to, c->overwrite, why,
		sizeof(why)) == -1) {
		files_note(c->batch.errors, path, "error", why);
	} else {
		o = json_object_new_object();
		field_put_str(o, "source", from);
		field_put_str(o, "destination", to);
		field_put_str(o, "relative_path", path);
		json_object_array_add(c->batch.done, o);
	}
	free(from);
	free(to);
}

static int
copy_list(struct copying *c, struct json_object *include,
    struct json_object *exclude, char *why, size_t whylen)
{
	struct files_list list = { NULL, 0, false };
	size_t i;

	if (files_collect(&c->batch.work, c->from, include, exclude, &list, why,
		whylen) == -1)
		return (-1);
	for (i = 0; i < list.n && c->batch.work.why == NULL; i++)
		copy_one(c, list.paths[i]);
	if (list.cut || c->batch.work.why != NULL)
		files_note(c->batch.errors, c->from, "error",
		    c->batch.work.why == NULL ? "there are too many files"
					      : c->batch.work.why);
	files_list_release(&list);
	return (0);
}

static int64_t
count(struct json_object *list)
{
	return ((int64_t)json_object_array_length(list));
}

bool
files_copy_files_batch(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "copy_files_batch";
	const char *from =
	    tool_argument(arguments, "source_base_path", op, result);
	const char *to = field_get_str(arguments, "destination_base_path");
	char why[FILES_WHY];
	struct copying c = { .from = from, .to = to };

	(void)arg;
	if (from == NULL)
		return (true);
	if (to == NULL || *to == '\0')
		c.to = ".";
	c.overwrite = field_get_bool(arguments, "overwrite");
	files_batch_begin(&c.batch, box);
	if (copy_list(&c,
		field_get(arguments, "include_patterns", json_type_array),
		field_get(arguments, "exclude_patterns", json_type_array), why,
		sizeof(why)) == -1)
		tool_fail(result, op, "%s", why);
	else
		files_batch_tell(&c.batch, op, "copied", NULL, result);
	files_batch_end(&c.batch);
	return (!c.batch.work.over);
}

/* --- a file or a directory --- */

/* Neither is in the other, by what they are and not by their names. */
static bool
are_apart(const struct toolbox *box, const char *from, const char *to)
{
	char *a = files_absolute(box, from), *b = files_absolute(box, to);
	size_t la = strlen(a), lb = strlen(b);
	bool apart = strncmp(a, b, la < lb ? la : lb) != 0 ||
	    (la < lb && b[la] != '/') || (lb < la && a[lb] != '/');

	free(a);
	free(b);
	return (apart);
}

static int
copy_directory(struct copying *c, char *why, size_t whylen)
{
	const struct walls *w = &c->batch.work.box->walls;
	struct files_removed gone;
	int there = is_there(w, c->to, why, whylen);

	if (there == -1)
		return (-1);
	if (!are_apart(c->batch.work.box, c->from, c->to))
		return (walls_refuse(why, whylen, EINVAL,
		    "%s and %s: one is in the other", c->from, c->to));
	if (there == 1 &&
	    files_remove(&c->batch.work, c->to, true, &gone, why, whylen) == -1)
		return (-1);
	if (put_dirs(w, c->to, why, whylen) == -1)
		return (-1);
	return (copy_list(c, NULL, NULL, why, whylen));
}

static void
tell_copy(const struct copying *c, bool is_dir, int64_t size, const char *op,
    struct tool_result *result)
{
	struct json_object *details = json_object_new_object();

	field_put_str(details, "type", is_dir ? "directory" : "file");
	field_put_str(details, "source", c->from);
	field_put_str(details, "destination", c->to);
	if (is_dir)
		field_put_int(details, "file_count", count(c->batch.done));
	else
		field_put_int(details, "size", size);
	if (count(c->batch.errors) > 0)
		field_put(details, "errors", json_object_get(c->batch.errors));
	files_succeed(result, op, NULL, details);
}

bool
files_copy_file(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	static const char op[] = "copy_file";
	const char *from = tool_argument(arguments, "source_path", op, result);
	const char *to = from == NULL
	    ? NULL
	    : tool_argument(arguments, "destination_path", op, result);
	bool overwrite = field_get_bool(arguments, "overwrite");
	char why[FILES_WHY] = "";
	struct stat st;
	struct copying c = { .from = from, .to = to };
	int fd, ret, there;

	(void)arg;
	if (to == NULL)
		return (true);
	if ((fd = walls_open(&box->walls, from, O_PATH, why, sizeof(why))) ==
	    -1)
		return (tool_fail(result, op, "%s", why));
	ret = fstat(fd, &st);
	close(fd);
	c.overwrite = overwrite;
	files_batch_begin(&c.batch, box);
	there = is_there(&box->walls, to, why, sizeof(why));
	if (ret == -1 || there == -1)
		ret = -1;
	else if (there == 1 && !overwrite)
		ret = walls_refuse(why, sizeof(why), EEXIST,
		    "%s: destination exists (use overwrite=true)", to);
	else if (S_ISDIR(st.st_mode))
		ret = copy_directory(&c, why, sizeof(why));
	else
		ret = copy_file(
		    &c.batch.work, from, 0, to, overwrite, why, sizeof(why));
	if (ret == -1)
		tool_fail(result, op, "%s", why);
	else
		tell_copy(&c, S_ISDIR(st.st_mode), st.st_size, op, result);
	files_batch_end(&c.batch);
	return (!c.batch.work.over);
}
