/* The file tool that replaces pieces of a file. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/diff.h"
#include "agent-worker/tool/files.h"
#include "agent-worker/tool/put.h"
#include "ipc/field.h"

#define EDITS_MAX      1000
#define DIFF_LINES_MAX 500

/* How often, and where first; they do not overlap. */
static size_t
find_all(const struct buf *text, const char *old, size_t len, size_t *out_at)
{
	const char *p = text->data, *end = p + text->len;
	size_t n = 0;

	while ((p = memmem(p, (size_t)(end - p), old, len)) != NULL) {
		if (n++ == 0)
			*out_at = (size_t)(p - text->data);
		p += len;
	}
	return (n);
}

/* Lines that end as the file's do. */
static void
add_crlf(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			buf_adds(out, "\r");
		buf_add(out, s, 1);
	}
}

static void
splice(struct buf *text, size_t at, size_t len, const struct buf *new)
{
	struct buf out = BUF_INITIALIZER;

	buf_add(&out, text->data, at);
	buf_add(&out, new->data, new->len);
	buf_add(&out, text->data + at + len, text->len - at - len);
	buf_release(text);
	*text = out;
}

/* 0, or -1 and why. */
static int
edit(struct buf *text, const char *old, const char *new, char *why,
    size_t whylen)
{
	struct buf from = BUF_INITIALIZER, to = BUF_INITIALIZER;
	size_t at = 0, n;

	buf_adds(&from, old);
	buf_adds(&to, new);
	n = find_all(text, from.data, from.len, &at);
	if (n == 0 && strchr(old, '\n') != NULL && strchr(old, '\r') == NULL) {
		from.len = to.len = 0;
		add_crlf(&from, old);
		add_crlf(&to, new);
		n = find_all(text, from.data, from.len, &at);
	}
	if (n == 1)
		splice(text, at, from.len, &to);
	else if (n == 0)
		snprintf(why, whylen,
		    "oldText is not in the file, to the letter and space");
	else
		snprintf(why, whylen,
		    "oldText is in the file %zu times: give more of what is "
		    "round the place that is meant",
		    n);
	buf_release(&from);
	buf_release(&to);
	return (n == 1 ? 0 : -1);
}

static int
edit_all(struct buf *text, struct json_object *edits, char *why, size_t whylen)
{
	size_t i, n = json_object_array_length(edits);
	struct json_object *e;
	const char *old, *new;
	char reason[FILES_WHY / 2];

	for (i = 0; i < n; i++) {
		e = json_object_array_get_idx(edits, i);
		old = json_object_is_type(e, json_type_object)
		    ? field_get_str(e, "oldText")
		    : NULL;
		new = old == NULL ? NULL : field_get_str(e, "newText");
		if (new == NULL || *old == '\0')
			snprintf(reason, sizeof(reason),
			    "oldText, which may not be empty, and newText "
			    "have to be strings");
		else if (text->len + strlen(new) > 2 * FILES_TEXT)
			snprintf(reason, sizeof(reason), "too much text");
		else if (edit(text, old, new, reason, sizeof(reason)) == 0)
			continue;
		snprintf(why, whylen, "edit %zu of %zu: %s; nothing is changed",
		    i + 1, n, reason);
		return (-1);
	}
	return (0);
}

static void
tell_diff(struct buf *out, const char *path, const struct buf *was,
    const struct buf *is)
{
	struct diff_want want = { path, path, 3, DIFF_LINES_MAX };
	struct diff_sum sum;
	size_t before;

	buf_adds(out, "```diff\n");
	before = out->len;
	diff_unified(out, &want, was, is, &sum);
	if (out->len == before)
		buf_adds(out, "[no change]\n");
	buf_adds(out, "```\n");
}

bool
files_edit_file(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	static const char op[] = "edit_file";
	const char *path = tool_argument(arguments, "path", op, result);
	struct json_object *edits =
	    field_get(arguments, "edits", json_type_array);
	struct buf was = BUF_INITIALIZER, is = BUF_INITIALIZER;
	char why[FILES_WHY];
	int ret;

	(void)arg;
	if (path == NULL)
		return (true);
	if (edits == NULL || json_object_array_length(edits) == 0 ||
	    json_object_array_length(edits) > EDITS_MAX)
		return (tool_fail(result, op,
		    "edits has to be a list of {oldText, newText}"));
	ret = files_read_text(&box->walls, path, &was, why, sizeof(why));
	if (ret == 0) {
		buf_add(&is, was.data, was.len);
		ret = edit_all(&is, edits, why, sizeof(why));
	}
	if (ret == 0 && !field_get_bool(arguments, "dryRun"))
		ret = put_text(
		    &box->walls, path, is.data, is.len, why, sizeof(why));
	if (ret == 0)
		tell_diff(&result->text, path, &was, &is);
	else
		tool_fail(result, op, "%s", why);
	buf_release(&was);
	buf_release(&is);
	return (true);
}
