/* The file tools that write, make and move. */

#include <string.h>

#include "agent-worker/tool/files.h"
#include "agent-worker/tool/put.h"

bool
files_write_file(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	static const char op[] = "write_file";
	const char *path = tool_argument(arguments, "path", op, result);
	const char *content;
	char why[FILES_WHY];

	(void)arg;
	if (path == NULL ||
	    (content = tool_argument(arguments, "content", op, result)) == NULL)
		return (true);
	if (put_text(&box->walls, path, content, strlen(content), why,
		sizeof(why)) == -1)
		return (tool_fail(result, op, "%s", why));
	buf_addf(&result->text, "Successfully wrote to %s", path);
	return (true);
}

bool
files_create_directory(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "create_directory";
	const char *path = tool_argument(arguments, "path", op, result);
	char why[FILES_WHY];

	(void)arg;
	if (path == NULL)
		return (true);
	if (put_dirs(&box->walls, path, why, sizeof(why)) == -1)
		return (tool_fail(result, op, "%s", why));
	buf_addf(&result->text, "Successfully created directory %s", path);
	return (true);
}

bool
files_move_file(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	static const char op[] = "move_file";
	const char *from = tool_argument(arguments, "source", op, result);
	const char *to;
	char why[FILES_WHY];

	(void)arg;
	if (from == NULL ||
	    (to = tool_argument(arguments, "destination", op, result)) == NULL)
		return (true);
	if (put_move(&box->walls, from, to, why, sizeof(why)) == -1)
		return (tool_fail(result, op, "%s", why));
	buf_addf(&result->text, "Successfully moved %s to %s", from, to);
	return (true);
}
