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

struct batch {
	struct work work;
	const char *from;
	const char *to;
	bool overwrite;
	struct json_object *copied;
	struct json_object *skipped;
	struct json_object *errors;
};

static void
note(struct json_object *list, const char *path, const char *key,
    const char *text)
{
	struct json_object *o = json_object_new_object();

	field_put_str(o, "path", path);
	field_put_str(o, key, text);
	json_object_array_add(list, o);
}

static void
copy_one(struct batch *b, const char *path)
{
	char *from = files_below(b->from, path), *to = files_below(b->to, path);
	struct json_object *o;
	char why[FILES_WHY];
	int there = 0;

	if (!b->overwrite)
		there = is_there(&b->work.box->walls, to, why, sizeof(why));
	if (there == 1) {
		note(b->skipped, path, "reason",
		    "destination exists (overwrite=false)");
	} else if (there == -1 ||
	    copy_file(&b->work, from, O_NOFOLLOW, to, b->overwrite, why,
		sizeof(why)) == -1) {
		note(b->errors, path, "error", why);
	} else {
		o = json_object_new_object();
		field_put_str(o, "source", from);
		field_put_str(o, "destination", to);
		field_put_str(o, "relative_path", path);
		json_object_array_add(b->copied, o);
	}
	free(from);
	free(to);
}

static int
copy_list(struct batch *b, struct json_object *include,
    struct json_object *exclude, char *why, size_t whylen)
{
	struct files_list list = { NULL, 0, false };
	size_t i;

	if (files_collect(
		&b->work, b->from, include, exclude, &list, why, whylen) == -1)
		return (-1);
	for (i = 0; i < list.n && b->work.why == NULL; i++)
		copy_one(b, list.paths[i]);
	if (list.cut || b->work.why != NULL)
		note(b->errors, b->from, "error",
		    b->work.why == NULL ? "there are too many files"
					: b->work.why);
	files_list_release(&list);
	return (0);
}

static void
begin_batch(struct batch *b, struct toolbox *box, const char *from,
    const char *to, bool overwrite)
{
	memset(b, 0, sizeof(*b));
	work_begin(&b->work, box);
	b->from = from;
	b->to = to;
	b->overwrite = overwrite;
	b->copied = json_object_new_array();
	b->skipped = json_object_new_array();
	b->errors = json_object_new_array();
}

static void
end_batch(struct batch *b)
{
	json_object_put(b->copied);
	json_object_put(b->skipped);
	json_object_put(b->errors);
}

static int64_t
count(struct json_object *list)
{
	return ((int64_t)json_object_array_length(list));
}

static void
tell_batch(const struct batch *b, const char *op, struct tool_result *result)
{
	struct json_object *sum = json_object_new_object();
	struct json_object *details = json_object_new_object();

	field_put_int(sum, "copied", count(b->copied));
	field_put_int(sum, "skipped", count(b->skipped));
	field_put_int(sum, "errors", count(b->errors));
	field_put(details, "copied_files", json_object_get(b->copied));
	field_put(details, "skipped_files", json_object_get(b->skipped));
	field_put(details, "errors", json_object_get(b->errors));
	files_succeed(result, op, sum, details);
}

bool
files_copy_files_batch(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "copy_files_batch";
	const char *from =
	    files_argument(arguments, "source_base_path", op, result);
	const char *to = field_get_str(arguments, "destination_base_path");
	char why[FILES_WHY];
	struct batch b;

	(void)arg;
	if (from == NULL)
		return (true);
	begin_batch(&b, box, from, to == NULL || *to == '\0' ? "." : to,
	    field_get_bool(arguments, "overwrite", false));
	if (copy_list(&b,
		field_get(arguments, "include_patterns", json_type_array),
		field_get(arguments, "exclude_patterns", json_type_array), why,
		sizeof(why)) == -1)
		files_fail(result, op, why);
	else
		tell_batch(&b, op, result);
	end_batch(&b);
	return (!b.work.over);
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
copy_directory(struct batch *b, char *why, size_t whylen)
{
	const struct walls *w = &b->work.box->walls;
	struct files_removed gone;
	int there = is_there(w, b->to, why, whylen);

	if (there == -1)
		return (-1);
	if (!are_apart(b->work.box, b->from, b->to))
		return (walls_refuse(why, whylen, EINVAL,
		    "%s and %s: one is in the other", b->from, b->to));
	if (there == 1 &&
	    files_remove(&b->work, b->to, true, &gone, why, whylen) == -1)
		return (-1);
	if (put_dirs(w, b->to, why, whylen) == -1)
		return (-1);
	return (copy_list(b, NULL, NULL, why, whylen));
}

static void
tell_copy(const struct batch *b, bool is_dir, int64_t size, const char *op,
    struct tool_result *result)
{
	struct json_object *details = json_object_new_object();

	field_put_str(details, "type", is_dir ? "directory" : "file");
	field_put_str(details, "source", b->from);
	field_put_str(details, "destination", b->to);
	if (is_dir)
		field_put_int(details, "file_count", count(b->copied));
	else
		field_put_int(details, "size", size);
	if (count(b->errors) > 0)
		field_put(details, "errors", json_object_get(b->errors));
	files_succeed(result, op, NULL, details);
}

bool
files_copy_file(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	static const char op[] = "copy_file";
	const char *from = files_argument(arguments, "source_path", op, result);
	const char *to = from == NULL
	    ? NULL
	    : files_argument(arguments, "destination_path", op, result);
	bool overwrite = field_get_bool(arguments, "overwrite", false);
	char why[FILES_WHY] = "";
	struct stat st;
	struct batch b;
	int fd, ret, there;

	(void)arg;
	if (to == NULL)
		return (true);
	if ((fd = walls_open(&box->walls, from, O_PATH, why, sizeof(why))) ==
	    -1)
		return (files_fail(result, op, why));
	ret = fstat(fd, &st);
	close(fd);
	begin_batch(&b, box, from, to, overwrite);
	there = is_there(&box->walls, to, why, sizeof(why));
	if (ret == -1 || there == -1)
		ret = -1;
	else if (there == 1 && !overwrite)
		ret = walls_refuse(why, sizeof(why), EEXIST,
		    "%s: destination exists (use overwrite=true)", to);
	else if (S_ISDIR(st.st_mode))
		ret = copy_directory(&b, why, sizeof(why));
	else
		ret = copy_file(
		    &b.work, from, 0, to, overwrite, why, sizeof(why));
	if (ret == -1)
		files_fail(result, op, why);
	else
		tell_copy(&b, S_ISDIR(st.st_mode), st.st_size, op, result);
	end_batch(&b);
	return (!b.work.over);
}
