/* A file as a tree, and scalars of a tree that was checked. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "supervisor/config/load.h"

const char *
tree_string(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return (n == NULL || n->kind != NODE_STR ? NULL : n->text);
}

double
tree_number(const struct node *map, const char *key, double absent)
{
	const struct node *n = node_get(map, key);

	return (n != NULL && (n->kind == NODE_INT || n->kind == NODE_REAL)
		? n->real
		: absent);
}

int
tree_int(const struct node *map, const char *key, int absent)
{
	const struct node *n = node_get(map, key);

	return (n == NULL || n->kind != NODE_INT ? absent : (int)n->integer);
}

bool
tree_bool(const struct node *map, const char *key, bool absent)
{
	const struct node *n = node_get(map, key);

	return (n == NULL || n->kind != NODE_BOOL ? absent : n->truth);
}

/* Not a device, a pipe or a directory, and not more than fits. */
static int
open_regular(const struct check *check, const char *path)
{
	struct stat st;
	int fd;

	/* A FIFO must not block us before we have seen that it is one. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd == -1) {
		if (errno == ENOENT || errno == ENOTDIR)
			check_error(check, NULL, "file", NULL,
			    "Config file not found: %s", path);
		else
			check_error(check, NULL, "file", NULL,
			    "Config file cannot be opened: %s",
			    strerror(errno));
		return (-1);
	}
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		check_error(check, NULL, "file", NULL,
		    "Config file is not a regular file: %s", path);
	else if (st.st_size > (off_t)CONFIG_SIZE_MAX)
		check_error(check, NULL, "file", NULL,
		    "Config file is larger than 2 MiB: %s", path);
	else
		return (fd);
	close(fd);
	return (-1);
}

static bool
read_file(const struct check *check, const char *path, struct buf *text)
{
	int fd, error;

	if ((fd = open_regular(check, path)) == -1)
		return (false);
	error = buf_read_fd(text, fd, CONFIG_SIZE_MAX) == -1 ? errno : 0;
	close(fd);
	if (error != 0)
		check_error(check, NULL, "file", NULL,
		    "Config file cannot be read: %s", strerror(error));
	return (error == 0);
}

struct node *
tree_parse_file(const struct check *check, const char *path)
{
	const char *suffix = strrchr(path, '.'), *slash = strrchr(path, '/');
	struct buf text = BUF_INITIALIZER;
	struct node *root = NULL;
	bool json;

	if (suffix == NULL || (slash != NULL && suffix < slash))
		suffix = "";
	json = strcmp(suffix, ".json") == 0;
	if (!read_file(check, path, &text))
		goto out;
	if (!json && strcmp(suffix, ".yaml") != 0 &&
	    strcmp(suffix, ".yml") != 0) {
		check_error(check, NULL, "file",
		    "The name must end in .yaml, .yml or .json.",
		    "Unsupported file format: %s", suffix);
		goto out;
	}
	root = yaml_parse(path, text.data == NULL ? "" : text.data, text.len,
	    json, check->diagnostics);
out:
	buf_release(&text);
	return (root);
}
