/* What a tool's result is to a model. */

#include <stdio.h>
#include <string.h>

#include "agent-worker/mcp/content.h"
#include "ipc/field.h"

static const char *
text_or(struct json_object *o, const char *key, const char *otherwise)
{
	const char *text = field_get_str(o, key);

	return (text == NULL ? otherwise : text);
}

static void
add_json(struct buf *out, struct json_object *o)
{
	const char *text;
	size_t len;

	text = field_line(o, &len);
	buf_add(out, text, len);
}

/* Bytes that a base64 text stands for. */
static size_t
decoded_size(const char *text)
{
	size_t len = strlen(text);

	while (len > 0 && (text[len - 1] == '=' || text[len - 1] == '\n'))
		len--;
	return (len / 4 * 3 + len % 4 * 3 / 4);
}

static void
add_data(struct buf *out, struct json_object *o)
{
	buf_addf(out, "[%s, %s, %zu bytes: not shown]",
	    text_or(o, "type", "data"),
	    text_or(o, "mimeType", "of unknown type"),
	    decoded_size(text_or(o, "data", "")));
}

static void
add_text(struct buf *out, struct json_object *o)
{
	buf_adds(out, text_or(o, "text", ""));
}

static void
add_link(struct buf *out, struct json_object *o)
{
	buf_addf(out, "[resource %s", text_or(o, "uri", "without a URI"));
	if (field_get_str(o, "name") != NULL)
		buf_addf(out, ", \"%s\"", field_get_str(o, "name"));
	if (field_get_str(o, "mimeType") != NULL)
		buf_addf(out, ", %s", field_get_str(o, "mimeType"));
	buf_adds(out, "]");
	if (field_get_str(o, "description") != NULL)
		buf_addf(out, " %s", field_get_str(o, "description"));
}

static void
add_resource(struct buf *out, struct json_object *o)
{
	struct json_object *r;

	if (!json_object_object_get_ex(o, "resource", &r))
		return;
	add_link(out, r);
	if (field_get_str(r, "text") != NULL)
		buf_addf(out, "\n%s", field_get_str(r, "text"));
	else if (field_get_str(r, "blob") != NULL)
		buf_addf(out, " %zu bytes: not shown",
		    decoded_size(field_get_str(r, "blob")));
}

static void
add_block(struct buf *out, struct json_object *o)
{
	static const struct {
		const char *type;
		void (*add)(struct buf *, struct json_object *);
	} types[] = {
		{ "text", add_text },
		{ "image", add_data },
		{ "audio", add_data },
		{ "resource_link", add_link },
		{ "resource", add_resource },
	};
	const char *type = text_or(o, "type", "");
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].type, type) == 0) {
			types[i].add(out, o);
			return;
		}
	add_json(out, o);
}

bool
mcp_content(struct json_object *result, struct buf *out)
{
	struct json_object *list, *v;
	size_t i, n = 0;

	if (json_object_object_get_ex(result, "content", &list) &&
	    json_object_is_type(list, json_type_array))
		n = json_object_array_length(list);
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_adds(out, "\n");
		add_block(out, json_object_array_get_idx(list, i));
	}
	if (n == 0 &&
	    json_object_object_get_ex(result, "structuredContent", &v))
		add_json(out, v);
	return (json_object_object_get_ex(result, "isError", &v) &&
	    json_object_get_boolean(v));
}
