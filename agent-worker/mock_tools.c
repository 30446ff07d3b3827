/* The tools of a scripted agent. */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/mock_tools.h"
#include "agent-worker/tool/tool.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/xmalloc.h"

#define RESULT_DEPTH 64

/* What a result leaves behind, by the mark it is put in for. */
static struct memory {
	const char *mark;
	const char *key; /* of the result; NULL: all of it */
	char *text;
} memories[] = {
	{ "{{result}}", NULL, NULL },
	{ "{{stdout}}", "stdout", NULL },
	{ "{{shell_id}}", "shell_id", NULL },
};
#define NMEMORIES (sizeof(memories) / sizeof(memories[0]))

static void
keep(struct memory *m, const char *text)
{
	size_t len = strlen(text);

	if (m->key != NULL && len > 0 && text[len - 1] == '\n')
		len--;
	free(m->text);
	m->text = xasprintf("%.*s", (int)len, text);
}

static void
remember(const struct tool_result *result)
{
	struct json_object *o, *v;
	char err[128];
	size_t i;

	if (result->text.len == 0)
		return;
	o = field_parse(result->text.data, result->text.len, RESULT_DEPTH, err,
	    sizeof(err));
	for (i = 0; i < NMEMORIES; i++)
		if (memories[i].key == NULL)
			keep(&memories[i], result->text.data);
		else if (json_object_object_get_ex(o, memories[i].key, &v) &&
		    json_object_is_type(v, json_type_string))
			keep(&memories[i], field_string(v));
	json_object_put(o);
}

static const struct memory *
memory_at(const char *text)
{
	size_t i;

	for (i = 0; i < NMEMORIES; i++)
		if (strncmp(text, memories[i].mark, strlen(memories[i].mark)) ==
		    0)
			return (&memories[i]);
	return (NULL);
}

char *
mock_tools_fill(const char *text)
{
	struct buf b = BUF_INITIALIZER;
	const struct memory *m;

	if (text == NULL)
		return (NULL);
	while (*text != '\0') {
		if ((m = memory_at(text)) != NULL) {
			buf_adds(&b, m->text == NULL ? "" : m->text);
			text += strlen(m->mark);
		} else {
			buf_add(&b, text++, 1);
		}
	}
	return (buf_detach(&b));
}

/* A copy in which every string is filled; the caller puts it. */
static struct json_object *
fill_value(struct json_object *v)
{
	struct json_object *copy;
	char *text;
	size_t i;

	if (json_object_is_type(v, json_type_string)) {
		text = mock_tools_fill(json_object_get_string(v));
		copy = json_object_new_string(text);
		free(text);
	} else if (json_object_is_type(v, json_type_object)) {
		copy = json_object_new_object();
		json_object_object_foreach (v, key, value)
			json_object_object_add(copy, key, fill_value(value));
	} else if (json_object_is_type(v, json_type_array)) {
		copy = json_object_new_array();
		for (i = 0; i < json_object_array_length(v); i++)
			json_object_array_add(
			    copy, fill_value(json_object_array_get_idx(v, i)));
	} else {
		copy = json_object_get(v);
	}
	return (copy);
}

static bool
run_one(struct agent *a, struct json_object *call, bool more)
{
	struct json_object *name, *arguments = NULL;
	struct tool_result result;
	bool wanted;

	if (!json_object_object_get_ex(call, "name", &name))
		return (true);
	if (json_object_object_get_ex(call, "arguments", &arguments) &&
	    arguments != NULL)
		arguments = fill_value(arguments);
	else
		arguments = json_object_new_object();
	wanted = toolbox_run(
	    a->tools, json_object_get_string(name), arguments, more, &result);
	if (wanted)
		remember(&result);
	if (wanted && result.is_error)
		log_warnx(
		    "%s: %s", json_object_get_string(name), result.text.data);
	buf_release(&result.text);
	json_object_put(arguments);
	return (wanted);
}

bool
mock_tools_run(struct agent *a, struct json_object *calls)
{
	size_t i, n = calls == NULL ? 0 : json_object_array_length(calls);

	if (n > 0 && a->tools == NULL) {
		agent_say_error(a, "configuration",
		    "the script calls tools, and the agent has none", true);
		return (false);
	}
	for (i = 0; i < n; i++)
		if (!run_one(a, json_object_array_get_idx(calls, i), i + 1 < n))
			return (false);
	return (true);
}
