/* Structures as JSON objects, by table. */

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/buf.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/utf8.h"

#define MEMBER(base, f, type) ((type *)(void *)((char *)(base) + (f)->off))
#define CONST_MEMBER(base, f, type) \
	((type const *)(const void *)((const char *)(base) + (f)->off))

struct json_object *
field_get(struct json_object *object, const char *key, enum json_type type)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, type))
		return (NULL);
	return (value);
}

const char *
field_get_str(struct json_object *object, const char *key)
{
	struct json_object *value = field_get(object, key, json_type_string);

	return (value == NULL ? NULL : field_string(value));
}

int64_t
field_get_int(struct json_object *object, const char *key, int64_t otherwise)
{
	struct json_object *value = field_get(object, key, json_type_int);

	if (value == NULL)
		value = field_get(object, key, json_type_double);
	return (value == NULL ? otherwise : json_object_get_int64(value));
}

bool
field_get_bool(struct json_object *object, const char *key)
{
	return (
	    json_object_get_boolean(field_get(object, key, json_type_boolean)));
}

struct json_object *
field_real(double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) < value || strtod(text, NULL) > value)
		snprintf(text, sizeof(text), "%.17g", value);
	if (strspn(text, "-0123456789") == strlen(text))
		strlcat(text, ".0", sizeof(text));
	return (json_object_new_double_s(value, text));
}

static struct json_object *
value_of(const struct field *f, const void *base)
{
	const char *s;
	struct json_object *o;

	switch (f->kind) {
	case FIELD_STR:
		s = *CONST_MEMBER(base, f, char *);
		return (s == NULL ? NULL : json_object_new_string(s));
	case FIELD_INT:
		return (json_object_new_int64(*CONST_MEMBER(base, f, int64_t)));
	case FIELD_REAL:
		return (field_real(*CONST_MEMBER(base, f, double)));
	case FIELD_BOOL:
		return (json_object_new_boolean(*CONST_MEMBER(base, f, bool)));
	case FIELD_JSON:
		o = *CONST_MEMBER(base, f, struct json_object *);
		return (json_object_get(o));
	case FIELD_END:
		break;
	}
	fatalx("field %s has no kind", f->name);
}

void
fields_put(const struct field *f, const void *base, struct json_object *object)
{
	struct json_object *value;

	for (; f->kind != FIELD_END; f++) {
		value = value_of(f, base);
		if (value != NULL)
			field_put(object, f->name, value);
	}
}

const char *
field_string(struct json_object *value)
{
	const char *s = json_object_get_string(value);
	size_t len = (size_t)json_object_get_string_len(value);

	if (memchr(s, '\0', len) != NULL) {
		struct buf b = BUF_INITIALIZER;

		utf8_clean(&b, s, len);
		json_object_set_string_len(value, b.data, (int)b.len);
		buf_release(&b);
		s = json_object_get_string(value);
	}
	return (s);
}

static bool
read_member(const struct field *f, void *base, struct json_object *value)
{
	enum json_type type = json_object_get_type(value);

	switch (f->kind) {
	case FIELD_STR:
		if (type != json_type_string)
			return (false);
		*MEMBER(base, f, const char *) = field_string(value);
		return (true);
	case FIELD_INT:
		if (type != json_type_int)
			return (false);
		*MEMBER(base, f, int64_t) = json_object_get_int64(value);
		return (true);
	case FIELD_REAL:
		if ((type != json_type_int && type != json_type_double) ||
		    !isfinite(json_object_get_double(value)))
			return (false);
		*MEMBER(base, f, double) = json_object_get_double(value);
		return (true);
	case FIELD_BOOL:
		if (type != json_type_boolean)
			return (false);
		*MEMBER(base, f, bool) = json_object_get_boolean(value);
		return (true);
	case FIELD_JSON:
		*MEMBER(base, f, struct json_object *) = value;
		return (true);
	case FIELD_END:
		break;
	}
	return (false);
}

int
fields_get(const struct field *f, void *base, struct json_object *object,
    char *err, size_t errlen)
{
	struct json_object *value;

	for (; f->kind != FIELD_END; f++) {
		if (!json_object_object_get_ex(object, f->name, &value) ||
		    value == NULL) {
			if (!f->required)
				continue;
			snprintf(err, errlen, "no \"%s\"", f->name);
			return (-1);
		}
		if (!read_member(f, base, value)) {
			snprintf(
			    err, errlen, "\"%s\" has the wrong type", f->name);
			return (-1);
		}
	}
	return (0);
}

void
field_put(struct json_object *o, const char *key, struct json_object *value)
{
	json_object_object_add_ex(o, key, value,
	    JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY);
}

void
field_put_str(struct json_object *o, const char *key, const char *value)
{
	field_put(o, key, value == NULL ? NULL : json_object_new_string(value));
}

void
field_put_int(struct json_object *o, const char *key, int64_t value)
{
	field_put(o, key, json_object_new_int64(value));
}

void
field_put_real(struct json_object *o, const char *key, double value)
{
	field_put(o, key, field_real(value));
}

void
field_put_bool(struct json_object *o, const char *key, bool value)
{
	field_put(o, key, json_object_new_boolean(value));
}

const char *
field_line(struct json_object *value, size_t *len)
{
	return (json_object_to_json_string_length(value,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, len));
}

const char *
field_page(struct json_object *value, size_t *len)
{
	return (json_object_to_json_string_length(value,
	    JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
		JSON_C_TO_STRING_NOSLASHESCAPE,
	    len));
}

struct json_object *
field_parse(const char *text, size_t len, int depth, char *err, size_t errlen)
{
	struct json_tokener *tok;
	struct json_object *o = NULL;
	enum json_tokener_error why;

	if (len > INT_MAX) {
		snprintf(err, errlen, "too long to be JSON");
		return (NULL);
	}
	if (!utf8_is_valid(text, len)) {
		snprintf(err, errlen, "not UTF-8");
		return (NULL);
	}
	if ((tok = json_tokener_new_ex(depth)) == NULL)
		fatalx("no memory for a JSON parser");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(tok, text, (int)len);
	why = json_tokener_get_error(tok);
	if (why != json_tokener_success) {
		snprintf(err, errlen, "not JSON: %s",
		    why == json_tokener_continue
			? "incomplete"
			: json_tokener_error_desc(why));
	} else if (json_tokener_get_parse_end(tok) != len) {
		snprintf(err, errlen, "more than one JSON value");
		why = json_tokener_error_parse_unexpected;
	} else if (!json_object_is_type(o, json_type_object)) {
		snprintf(err, errlen, "not a JSON object");
		why = json_tokener_error_parse_unexpected;
	}
	json_tokener_free(tok);
	if (why == json_tokener_success)
		return (o);
	json_object_put(o);
	return (NULL);
}
