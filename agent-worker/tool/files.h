/* What the file tools share: see files.c for which there are. */

#ifndef AGENT_WORKER_TOOL_FILES_H
#define AGENT_WORKER_TOOL_FILES_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent-worker/tool/tool.h"
#include "agent-worker/tool/work.h"

#define FILES_WHY  1024                      /* room for a reason */
#define FILES_TEXT ((size_t)4 * 1024 * 1024) /* of a file held as a whole */

/* It fails where the work's bounds are the reason; false: the turn is over. */
bool files_give_up(
    const struct work *, struct tool_result *, const char *operation);

/*
 * {"success": true, "operation", "summary" unless NULL, "details"}; both are
 * taken.  Returns true.
 */
bool files_succeed(struct tool_result *, const char *operation,
    struct json_object *summary, struct json_object *details);

/* What is done to many files, one by one, and told in three lists. */
struct files_batch {
	struct work work;
	struct json_object *done;
	struct json_object *skipped;
	struct json_object *errors;
};

void files_batch_begin(struct files_batch *, struct toolbox *);
void files_batch_end(struct files_batch *);

/* {"path": path, key: text} on one of them. */
void files_note(struct json_object *list, const char *path, const char *key,
    const char *text);

/* done ("copied") names the first list; incomplete: why it is not all, or NULL.
 */
void files_batch_tell(const struct files_batch *, const char *operation,
    const char *done, const char *incomplete, struct tool_result *);

/* A path as others would name it: absolute; the caller's to free. */
char *files_absolute(const struct toolbox *, const char *path);

/* The file at path below base; the caller's to free. */
char *files_below(const char *base, const char *path);

/*
 * Why a file is nothing to be read as text, by its name or its first bytes:
 * a phrase such as "an image", or NULL.
 */
const char *files_binary_name(const char *path);
bool files_is_binary(const char *data, size_t len);

/* A file that may be text, and no directory.  -1 with errno and err set. */
int files_open_text(const struct walls *, const char *path, struct stat *,
    char *err, size_t errlen);

/* A whole text file of at most FILES_TEXT bytes.  0, or -1, errno and err. */
int files_read_text(const struct walls *, const char *path, struct buf *text,
    char *err, size_t errlen);

/* --- files_walk.c --- */

/* One entry of a tree: dir holds it as name. */
struct files_entry {
	const char *path; /* relative to where the walk began */
	int dir;
	const char *name;
	const struct stat *st; /* of the entry itself, also if it is a link */
	size_t depth;          /* 1: in the first directory */
};

/* TREE_SKIP for a directory leaves out what it holds; -1 stops the walk. */
typedef int files_visit_fn(void *arg, const struct files_entry *);

struct files_walk {
	files_visit_fn *visit;
	void (*leave)(void *arg); /* a directory not skipped, or NULL */
	void *arg;
	size_t unreadable; /* counted: directories */
};

/*
 * Go through a directory and all below it, in no order, without following
 * links.  Returns 0, also when the work's bounds ended it (see work.why); -1
 * with errno and err set where it could not begin or was stopped.
 */
int files_walk(struct work *, const char *path, struct files_walk *, char *err,
    size_t errlen);

/* Paths, as many as bounds allow. */
struct files_list {
	char **paths;
	size_t n;
	bool cut;
};

/*
 * The files (no directories) below path that the patterns choose, in order.
 * include, exclude: see match_any; what is excluded is not gone into.
 */
int files_collect(struct work *, const char *path, struct json_object *include,
    struct json_object *exclude, struct files_list *, char *err, size_t errlen);
void files_list_add(struct files_list *, const char *path);
void files_list_sort(struct files_list *);
void files_list_release(struct files_list *);

/* --- files_delete.c --- */

struct files_removed {
	bool is_dir;
	int64_t size;  /* of a file */
	int64_t files; /* that went with a directory */
};

/*
 * Remove a file, an empty directory or, recursively, any; a symlink itself.
 * Roots and what is kept do not go, nor what pathname_kept names.
 * Returns 0, or -1 with errno and err set.
 */
int files_remove(struct work *, const char *path, bool recursive,
    struct files_removed *, char *err, size_t errlen);

/* --- the tools, by file --- */

tool_run_fn files_read_text_file, files_read_multiple_files;
tool_run_fn files_get_file_info, files_list_allowed_directories;
tool_run_fn files_list_directory, files_directory_tree, files_search_files;
tool_run_fn files_search_text;
tool_run_fn files_write_file, files_create_directory, files_move_file;
tool_run_fn files_edit_file;
tool_run_fn files_copy_file, files_copy_files_batch;
tool_run_fn files_delete_file, files_delete_files_batch;
tool_run_fn files_compare_files, files_compare_directories;

#endif
