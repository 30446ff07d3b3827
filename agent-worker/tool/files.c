/* The file tools: which there are, and what they share. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/files.h"
#include "agent-worker/tool/schema.h"
#include "ipc/field.h"
#include "ipc/xmalloc.h"

/* --- what they share --- */

bool
files_give_up(
    const struct work *k, struct tool_result *result, const char *operation)
{
	if (!k->over)
		tool_fail(result, operation, "%s", k->why);
	return (!k->over);
}

bool
files_succeed(struct tool_result *result, const char *operation,
    struct json_object *summary, struct json_object *details)
{
	struct json_object *o = tool_success(operation);

	if (summary != NULL)
		field_put(o, "summary", summary);
	field_put(o, "details", details);
	tool_result_json(result, o);
	return (true);
}

void
files_batch_begin(struct files_batch *b, struct toolbox *box)
{
	work_begin(&b->work, box);
	b->done = json_object_new_array();
	b->skipped = json_object_new_array();
	b->errors = json_object_new_array();
}

void
files_batch_end(struct files_batch *b)
{
	json_object_put(b->done);
	json_object_put(b->skipped);
	json_object_put(b->errors);
}

void
files_note(struct json_object *list, const char *path, const char *key,
    const char *text)
{
	struct json_object *o = json_object_new_object();

	field_put_str(o, "path", path);
	field_put_str(o, key, text);
	json_object_array_add(list, o);
}

void
files_batch_tell(const struct files_batch *b, const char *operation,
    const char *done, const char *incomplete, struct tool_result *result)
{
	const struct {
		const char *name;
		const char *tail;
		struct json_object *list;
	} lists[] = { { done, "_files", b->done },
		{ "skipped", "_files", b->skipped },
		{ "errors", "", b->errors } };
	struct json_object *sum = json_object_new_object();
	struct json_object *details = json_object_new_object();
	char key[32];
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		field_put_int(sum, lists[i].name,
		    (int64_t)json_object_array_length(lists[i].list));
		snprintf(
		    key, sizeof(key), "%s%s", lists[i].name, lists[i].tail);
		json_object_object_add(
		    details, key, json_object_get(lists[i].list));
	}
	if (incomplete != NULL)
		field_put_str(sum, "incomplete", incomplete);
	files_succeed(result, operation, sum, details);
}

char *
files_below(const char *base, const char *path)
{
	size_t len = strlen(base);

	if (*path == '\0')
		return (xstrdup(base));
	return (xasprintf(
	    "%s%s%s", base, len > 0 && base[len - 1] == '/' ? "" : "/", path));
}

char *
files_absolute(const struct toolbox *box, const char *path)
{
	const struct wall *wall;
	char *rest, *whole;

	if ((wall = walls_find(&box->walls, path, &rest)) == NULL)
		return (xstrdup(path));
	whole = files_below(wall->path, rest);
	free(rest);
	return (whole);
}

/* --- the table --- */

/* clang-format off */
#define PATH	"absolute, or relative to the workspace"
#define OMITTED	"without it what version control, environments and caches own"

#define S_PATH		S_STRING("path", PATH)
#define S_PATH_ONLY	S_OBJECT(S_NAME("path"), S_PATH)
#define S_INCLUDE	S_STRINGS("include_patterns", \
			    "files to take, such as *.py or src/*; or all")
#define S_EXCLUDE	S_STRINGS("exclude_patterns", \
			    "files and directories to omit")
#define S_OMIT		S_STRINGS("excludePatterns", "names or paths to omit")
#define S_EDIT		S_OBJECT(S_NAME("oldText") "," S_NAME("newText"), \
			    S_STRING("oldText", \
				"stands in the file exactly once") "," \
			    S_STRING("newText", "takes its place"))

static const struct tool_row rows[] = {
	{ "read_text_file",
	    "Read a text file. Long files come in pages: what is left out is "
	    "said, with the offset to go on from.",
	    S_OBJECT(S_NAME("path"),
		S_PATH ","
		S_INTEGER("head", "only the first so many lines") ","
		S_INTEGER("tail", "only the last so many lines") ","
		S_INTEGER("offset", "first line to read, from 1") ","
		S_INTEGER("limit", "so many lines from there")),
	    files_read_text_file },
	{ "read_multiple_files",
	    "Read several text files at once. One that cannot be read does "
	    "not keep the others from being read.",
	    S_OBJECT(S_NAME("paths"), S_STRINGS("paths", PATH)),
	    files_read_multiple_files },
	{ "write_file",
	    "Write a whole file, new or in place of the one there is. "
	    "Directories that it needs are made.",
	    S_OBJECT(S_NAME("path") "," S_NAME("content"),
		S_PATH ","
		S_STRING("content", "the whole text")),
	    files_write_file },
	{ "edit_file",
	    "Replace pieces of a text file, one after the other. Each "
	    "oldText has to stand there exactly once, or nothing is written. "
	    "Returns a diff.",
	    S_OBJECT(S_NAME("path") "," S_NAME("edits"),
		S_PATH ","
		S_LIST("edits", S_EDIT, "in this order") ","
		S_BOOLEAN("dryRun", "only show the diff")),
	    files_edit_file },
	{ "create_directory",
	    "Make a directory, and those above it that are missing. One that "
	    "is there already will do.",
	    S_PATH_ONLY,
	    files_create_directory },
	{ "list_directory",
	    "List what a directory holds.",
	    S_PATH_ONLY,
	    files_list_directory },
	{ "directory_tree",
	    "Everything below a directory, as JSON: name, type and children.",
	    S_OBJECT(S_NAME("path"),
		S_PATH ","
		S_OMIT),
	    files_directory_tree },
	{ "search_files",
	    "Find files and directories by name, at any depth. A pattern "
	    "such as *.py is for names, one with a slash for paths; without "
	    "* ? [ it is looked for within names.",
	    S_OBJECT(S_NAME("path") "," S_NAME("pattern"),
		S_PATH ","
		S_STRING("pattern", "see above") ","
		S_OMIT),
	    files_search_files },
	{ "search_text",
	    "Find lines in text files by an extended regular expression, as "
	    "path:line: text.",
	    S_OBJECT(S_NAME("pattern"),
		S_STRING("pattern", "the regular expression") ","
		S_STRING("path", "a file or directory; or the workspace") ","
		S_INCLUDE ","
		S_STRINGS("exclude_patterns", "what to omit; " OMITTED) ","
		S_BOOLEAN("ignore_case", "a is A") ","
		S_INTEGER("max_results", "200 without it, at most 2000")),
	    files_search_text },
	{ "get_file_info",
	    "Size, times, kind and permissions of a file.",
	    S_PATH_ONLY,
	    files_get_file_info },
	{ "move_file",
	    "Move or rename a file or directory; destination must not exist.",
	    S_OBJECT(S_NAME("source") "," S_NAME("destination"),
		S_STRING("source", PATH) ","
		S_STRING("destination", PATH)),
	    files_move_file },
	{ "list_allowed_directories",
	    "Which directories and files may be used, and how.",
	    S_OBJECT("", ""),
	    files_list_allowed_directories },
	{ "copy_file",
	    "Copy a file, or a directory with all it holds.",
	    S_OBJECT(S_NAME("source_path") "," S_NAME("destination_path"),
		S_STRING("source_path", PATH) ","
		S_STRING("destination_path", PATH) ","
		S_BOOLEAN("overwrite", "replace what is there")),
	    files_copy_file },
	{ "copy_files_batch",
	    "Copy the files of a directory that match.",
	    S_OBJECT(S_NAME("source_base_path"),
		S_STRING("source_base_path", PATH) ","
		S_STRING("destination_base_path",
		    "a directory; without it the workspace") ","
		S_INCLUDE ","
		S_EXCLUDE ","
		S_BOOLEAN("overwrite", "replace files that are there")),
	    files_copy_files_batch },
	{ "delete_file",
	    "Delete a file, an empty directory, or with recursive any.",
	    S_OBJECT(S_NAME("path"),
		S_PATH ","
		S_BOOLEAN("recursive", "with all it holds")),
	    files_delete_file },
	{ "delete_files_batch",
	    "Delete the files of a directory that match.",
	    S_OBJECT(S_NAME("base_path"),
		S_STRING("base_path", PATH) ","
		S_INCLUDE ","
		S_EXCLUDE),
	    files_delete_files_batch },
	{ "compare_directories",
	    "Which files two directories have alone, the same and different.",
	    S_OBJECT(S_NAME("dir1") "," S_NAME("dir2"),
		S_STRING("dir1", PATH) ","
		S_STRING("dir2", PATH) ","
		S_BOOLEAN("show_content_diff", "with diffs")),
	    files_compare_directories },
	{ "compare_files",
	    "What differs between two text files, as a diff.",
	    S_OBJECT(S_NAME("file1") "," S_NAME("file2"),
		S_STRING("file1", PATH) ","
		S_STRING("file2", PATH) ","
		S_INTEGER("context_lines", "round each change; 3 without it")),
	    files_compare_files },
};
/* clang-format on */

static void
open_files(struct toolbox *box)
{
	if (field_get_bool(box->config, "files"))
		toolbox_add_rows(
		    box, rows, sizeof(rows) / sizeof(rows[0]), NULL);
}

const struct tool_family family_files = { .open = open_files };
