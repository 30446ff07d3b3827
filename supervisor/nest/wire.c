/* What runs and nested runs say to each other. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/field.h"
#include "supervisor/nest/wire.h"

#define DEPTH_MAX 4

#define W(member, kind, required) FIELD(wire, member, kind, required)
#define FIELDS(...)                               \
	(const struct field[])                    \
	{                                         \
		__VA_ARGS__,                      \
		{                                 \
			NULL, FIELD_END, 0, false \
		}                                 \
	}
/* clang-format off */
#define USAGE \
	W(input_tokens, FIELD_INT, true), \
	W(cached_input_tokens, FIELD_INT, true), \
	W(output_tokens, FIELD_INT, true), \
	W(reasoning_tokens, FIELD_INT, true), \
	W(calls, FIELD_INT, true), \
	W(unpriced_calls, FIELD_INT, true), \
	W(cost, FIELD_REAL, true)

static const struct {
	const char *name;
	const struct field *fields;
} defs[WIRE_TYPES] = {
	[WIRE_OPEN] = { "open",
	    FIELDS(W(name, FIELD_STR, true),
		W(session_id, FIELD_STR, true),
		W(log_dir, FIELD_STR, true),
		W(question, FIELD_STR, true),
		W(timeout_ms, FIELD_INT, true),
		W(max_cost_usd, FIELD_REAL, true)) },
	[WIRE_STATE] = { "state",
	    FIELDS(W(token, FIELD_STR, true),
		W(percent, FIELD_INT, true), USAGE) },
	[WIRE_END] = { "end",
	    FIELDS(W(token, FIELD_STR, true),
		W(exit_code, FIELD_INT, true), USAGE) },
	[WIRE_GRANT] = { "grant",
	    FIELDS(W(token, FIELD_STR, true),
		W(parent, FIELD_STR, true),
		W(depth, FIELD_INT, true),
		W(max_depth, FIELD_INT, true),
		W(max_runs, FIELD_INT, true),
		W(left_ms, FIELD_INT, true),
		W(budget_usd, FIELD_REAL, true)) },
	[WIRE_REFUSE] = { "refuse", FIELDS(W(text, FIELD_STR, true)) },
};
/* clang-format on */

void
wire_random(char name[WIRE_RANDOM_LEN + 1])
{
	unsigned char bytes[WIRE_RANDOM_LEN / 2];
	size_t i;

	arc4random_buf(bytes, sizeof(bytes));
	for (i = 0; i < sizeof(bytes); i++)
		snprintf(name + 2 * i, 3, "%02x", bytes[i]);
}

bool
wire_encode(const struct wire *w, struct buf *out)
{
	struct json_object *o = json_object_new_object();
	const char *text;
	size_t len;
	bool fits;

	field_put_str(o, "type", defs[w->type].name);
	fields_put(defs[w->type].fields, w, o);
	text = field_line(o, &len);
	fits = len + 2 < PIPE_BUF;
	if (fits) {
		buf_add(out, "\n", 1);
		buf_add(out, text, len);
		buf_add(out, "\n", 1);
	}
	json_object_put(o);
	return (fits);
}

int
wire_decode(
    struct wire *w, const char *line, size_t len, char *err, size_t errlen)
{
	struct json_object *type;
	const char *name = "";
	int i;

	memset(w, 0, sizeof(*w));
	if ((w->root = field_parse(line, len, DEPTH_MAX, err, errlen)) == NULL)
		return (-1);
	if (json_object_object_get_ex(w->root, "type", &type) &&
	    json_object_is_type(type, json_type_string))
		name = field_string(type);
	for (i = 0; i < WIRE_TYPES; i++)
		if (strcmp(defs[i].name, name) == 0)
			break;
	if (i < WIRE_TYPES) {
		w->type = (enum wire_type)i;
		if (fields_get(defs[i].fields, w, w->root, err, errlen) == 0)
			return (0);
	} else {
		snprintf(err, errlen, "not of a known type");
	}
	wire_release(w);
	return (-1);
}

void
wire_release(struct wire *w)
{
	json_object_put(w->root);
	w->root = NULL;
}

void
wire_put_usage(struct wire *w, const struct usage_sum *u)
{
	w->input_tokens = u->input_tokens;
	w->cached_input_tokens = u->cached_input_tokens;
	w->output_tokens = u->output_tokens;
	w->reasoning_tokens = u->reasoning_tokens;
	w->calls = u->calls;
	w->unpriced_calls = u->unpriced_calls;
	w->cost = u->cost;
}

int
wire_write(int fd, const struct buf *line)
{
	ssize_t n;

	do
		n = write(fd, line->data, line->len);
	while (n == -1 && errno == EINTR);
	return (n == -1 ? -1 : 0);
}
