/* ${NAME} in a backend's strings. */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/buf.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/load.h"

struct expansion {
	const struct check *check;
	const char *location;
	enum severity unset;
	struct node *node;
};

static bool
is_text(const char *s)
{
	size_t len = strlen(s), n;

	for (; len > 0; s += n, len -= n) {
		if ((n = utf8_sequence(s, len)) == 0)
			return (false);
	}
	return (true);
}

static void
report_unset(const struct expansion *e, const char *name)
{
	if (!e->check->dry_run)
		check_problem(e->check, e->unset, e->node, e->location, NULL,
		    "environment variable %s is not set", name);
}

/* Append the value of the variable, or its name as it stood. */
static void
expand_name(struct expansion *e, struct buf *out, const char *name)
{
	const char *value = getenv(name);

	if (value == NULL || *value == '\0') {
		report_unset(e, name);
		buf_addf(out, "${%s}", name);
	} else if (!is_text(value)) {
		check_error(e->check, e->node, e->location, NULL,
		    "environment variable %s is not valid UTF-8", name);
	} else {
		buf_adds(out, value);
		e->node->secret = true;
	}
}

/* The length of NAME where s begins "${NAME}"; 0 where it does not. */
static size_t
name_length(const char *s)
{
	size_t n = 0;

	if (s[0] != '$' || s[1] != '{' || isdigit((unsigned char)s[2]))
		return (0);
	while (isalnum((unsigned char)s[2 + n]) || s[2 + n] == '_')
		n++;
	return (s[2 + n] == '}' ? n : 0);
}

char *
expand_next(const char **text)
{
	const char *s;
	size_t n;

	for (s = *text; (s = strstr(s, "${")) != NULL; s++) {
		if ((n = name_length(s)) == 0)
			continue;
		*text = s + n + strlen("${}");
		return (xstrndup(s + 2, n));
	}
	return (NULL);
}

static void
expand_string(struct expansion *e)
{
	struct buf out = BUF_INITIALIZER;
	const char *s = e->node->text;
	size_t n;
	char *name;

	if (strstr(s, "${") == NULL)
		return;
	while (*s != '\0') {
		n = name_length(s);
		/* An agent's directory is known only once it has one. */
		if (n == 0 || strncmp(s, "${cwd}", 6) == 0) {
			buf_add(&out, s++, 1);
			continue;
		}
		name = xstrndup(s + 2, n);
		expand_name(e, &out, name);
		free(name);
		s += n + strlen("${}");
	}
	free(e->node->text);
	e->node->text = buf_detach(&out);
}

void
expand_tree(const struct check *check, struct node *n, const char *location,
    enum severity unset)
{
	struct expansion e = { check, location, unset, n };
	size_t i;

	if (n == NULL)
		return;
	if (n->kind == NODE_STR)
		expand_string(&e);
	for (i = 0; i < n->count; i++)
		expand_tree(check, n->items[i], location, unset);
}

/* One string with its "${cwd}"s replaced. */
static void
name_workspace(struct json_object *o, const char *dir)
{
	static const char mark[] = "${cwd}";
	const char *s = json_object_get_string(o), *found;
	struct buf out = BUF_INITIALIZER;

	if (strstr(s, mark) == NULL)
		return;
	for (; (found = strstr(s, mark)) != NULL; s = found + strlen(mark)) {
		buf_add(&out, s, (size_t)(found - s));
		buf_adds(&out, dir);
	}
	buf_adds(&out, s);
	json_object_set_string(o, out.data);
	buf_release(&out);
}

void
config_name_workspace(struct json_object *o, const char *dir)
{
	size_t i;

	if (json_object_is_type(o, json_type_string)) {
		name_workspace(o, dir);
	} else if (json_object_is_type(o, json_type_array)) {
		for (i = 0; i < json_object_array_length(o); i++)
			config_name_workspace(
			    json_object_array_get_idx(o, i), dir);
	} else if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach (o, key, value) {
			(void)key;
			config_name_workspace(value, dir);
		}
	}
}
