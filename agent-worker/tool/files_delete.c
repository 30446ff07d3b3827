/* The file tools that delete. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/tool/files.h"
#include "ipc/field.h"
#include "ipc/tree.h"

/* Where it really stands, and whether it may go from there. */
static int
may_go(const struct walls *w, int dir, const char *name, char **out_real,
    char *err, size_t errlen)
{
	char *real = walls_real_path(dir), *rest = NULL;
	int ret;

	if (real == NULL)
		return (walls_refuse(
		    err, errlen, errno, "%s: %s", name, strerror(errno)));
	*out_real = files_below(real, name);
	free(real);
	ret = walls_may_go(w, *out_real, err, errlen);
	if (ret == 0 && walls_find(w, *out_real, &rest) != NULL &&
	    walls_has_kept_name(rest))
		ret = walls_refuse(err, errlen, EROFS,
		    "%s: a name that is kept from deletion", *out_real);
	free(rest);
	return (ret);
}

/* What goes with a directory. */
struct inventory {
	const struct walls *walls;
	const char *real;
	int64_t files;
	char *err;
	size_t errlen;
};

static int
take_stock(void *arg, const struct files_entry *e)
{
	struct inventory *v = arg;
	char *whole = files_below(v->real, e->path);
	int ret = walls_may_go(v->walls, whole, v->err, v->errlen);

	free(whole);
	v->files += S_ISREG(e->st->st_mode) ? 1 : 0;
	return (ret);
}

static int
remove_tree(struct work *k, int dir, const char *name, const char *real,
    struct files_removed *gone, char *err, size_t errlen)
{
	char why[FILES_WHY] = "";
	struct inventory v = { .walls = &k->box->walls,
		.real = real,
		.err = why,
		.errlen = sizeof(why) };
	struct files_walk walk = { .visit = take_stock, .arg = &v };

	if (files_walk(k, real, &walk, err, errlen) == -1 || k->why != NULL)
		return (
		    walls_refuse(err, errlen, EPERM, "nothing is deleted: %s",
			k->why != NULL       ? k->why
			    : why[0] != '\0' ? why
					     : strerror(errno)));
	gone->files = v.files;
	if (tree_remove(dir, name) == -1)
		return (walls_refuse(err, errlen, errno,
		    "%s: not deleted whole: %s", real, strerror(errno)));
	return (0);
}

static int
remove_one(struct work *k, int dir, const char *name, const char *real,
    bool recursive, struct files_removed *gone, char *err, size_t errlen)
{
	struct stat st;
	int ret;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (walls_refuse(
		    err, errlen, errno, "%s: %s", real, strerror(errno)));
	gone->is_dir = S_ISDIR(st.st_mode);
	gone->size = st.st_size;
	if (gone->is_dir && recursive)
		return (remove_tree(k, dir, name, real, gone, err, errlen));
	ret = unlinkat(dir, name, gone->is_dir ? AT_REMOVEDIR : 0);
	if (ret == -1)
		return (walls_refuse(err, errlen, errno, "%s: %s%s", real,
		    strerror(errno),
		    errno == ENOTEMPTY ? " (use recursive=true)" : ""));
	return (0);
}

int
files_remove(struct work *k, const char *path, bool recursive,
    struct files_removed *gone, char *err, size_t errlen)
{
	const struct walls *w = &k->box->walls;
	char *name, *real = NULL;
	int dir, ret;

	memset(gone, 0, sizeof(*gone));
	if ((dir = walls_open_parent(w, path, &name, err, errlen)) == -1)
		return (-1);
	ret = may_go(w, dir, name, &real, err, errlen);
	if (ret == 0)
		ret = remove_one(
		    k, dir, name, real, recursive, gone, err, errlen);
	free(real);
	free(name);
	close(dir);
	return (ret);
}

bool
files_delete_file(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	static const char op[] = "delete_file";
	const char *path = tool_argument(arguments, "path", op, result);
	bool recursive = field_get_bool(arguments, "recursive");
	struct json_object *details;
	struct files_removed gone;
	char why[FILES_WHY];
	struct work k;

	(void)arg;
	if (path == NULL)
		return (true);
	work_begin(&k, box);
	if (files_remove(&k, path, recursive, &gone, why, sizeof(why)) == -1) {
		tool_fail(result, op, "%s", why);
		return (!k.over);
	}
	details = json_object_new_object();
	field_put_str(details, "type", gone.is_dir ? "directory" : "file");
	field_put_str(details, "path", path);
	if (!gone.is_dir)
		field_put_int(details, "size", gone.size);
	else if (recursive)
		field_put_int(details, "file_count", gone.files);
	files_succeed(result, op, NULL, details);
	return (!k.over);
}

/* --- many --- */

static void
delete_one(struct files_batch *b, const char *base, const char *path)
{
	char *whole = files_below(base, path), why[FILES_WHY];
	struct files_removed gone;
	struct json_object *o;

	if (walls_has_kept_name(path)) {
		files_note(
		    b->skipped, path, "reason", "system file (protected)");
	} else if (files_remove(
		       &b->work, whole, false, &gone, why, sizeof(why)) == -1) {
		files_note(b->errors, path, "error", why);
	} else {
		o = json_object_new_object();
		field_put_str(o, "path", whole);
		field_put_str(o, "relative_path", path);
		field_put_int(o, "size", gone.size);
		json_object_array_add(b->done, o);
	}
	free(whole);
}

bool
files_delete_files_batch(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "delete_files_batch";
	const char *base = tool_argument(arguments, "base_path", op, result);
	struct files_list list = { NULL, 0, false };
	struct files_batch b;
	char why[FILES_WHY];
	size_t i;

	(void)arg;
	files_batch_begin(&b, box);
	if (base != NULL &&
	    files_collect(&b.work, base,
		field_get(arguments, "include_patterns", json_type_array),
		field_get(arguments, "exclude_patterns", json_type_array),
		&list, why, sizeof(why)) == -1) {
		tool_fail(result, op, "%s", why);
	} else if (base != NULL) {
		for (i = 0; i < list.n && work_go_on(&b.work); i++)
			delete_one(&b, base, list.paths[i]);
		files_batch_tell(&b, op, "deleted",
		    b.work.why != NULL ? b.work.why
			: list.cut     ? "there are too many files"
				       : NULL,
		    result);
	}
	files_list_release(&list);
	files_batch_end(&b);
	return (!b.work.over);
}
