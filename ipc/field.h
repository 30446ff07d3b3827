/*
 * Structures as JSON objects, by table: one row per member, so that what is
 * written and what is read cannot drift apart.  Messages and journal events
 * are both made of these.
 */

#ifndef IPC_FIELD_H
#define IPC_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

enum field_kind {
	FIELD_END,
	FIELD_STR,  /* const char *; NULL is absent */
	FIELD_INT,  /* int64_t */
	FIELD_REAL, /* double */
	FIELD_BOOL, /* bool */
	FIELD_JSON, /* struct json_object *; NULL is absent */
};

struct field {
	const char *name;
	enum field_kind kind;
	size_t off;
	bool required; /* on reading: its absence is an error */
};

#define FIELD(type, member, kind, required)                            \
	{                                                              \
#member, kind, offsetof(struct type, member), required \
	}

/* Add the members of base to object; FIELD_JSON members get a reference. */
void fields_put(
    const struct field *, const void *base, struct json_object *object);

/*
 * Read the members of base from object.  Strings and JSON values are
 * borrowed: they live as long as object.  A NUL inside a string becomes
 * U+FFFD.  Members that object lacks keep their value; other members of
 * object are ignored.  Returns 0, or -1 with the reason in err.
 */
int fields_get(const struct field *, void *base, struct json_object *object,
    char *err, size_t errlen);

/*
 * The text of a JSON string, borrowed from it.  C strings cannot carry a
 * NUL: it becomes U+FFFD in the value itself.
 */
const char *field_string(struct json_object *);

/*
 * A member of an object that has this type; NULL: there is none, or no object.
 * A number is an int or a double.  What is returned is the object's.
 */
struct json_object *field_get(
    struct json_object *, const char *key, enum json_type);
const char *field_get_str(struct json_object *, const char *key);
int64_t field_get_int(struct json_object *, const char *key, int64_t otherwise);
bool field_get_bool(struct json_object *, const char *key); /* or false */

/* A number with as few digits as read back to the same value. */
struct json_object *field_real(double);

/*
 * Add a member that object does not have yet; key is a literal.  value is
 * taken; NULL is null.
 */
void field_put(
    struct json_object *object, const char *key, struct json_object *value);
void field_put_str(struct json_object *, const char *key, const char *value);
void field_put_int(struct json_object *, const char *key, int64_t value);
void field_put_real(struct json_object *, const char *key, double value);
void field_put_bool(struct json_object *, const char *key, bool value);

/*
 * The value as text, on one line or for people; borrowed from it.  len may be
 * NULL.
 */
const char *field_line(struct json_object *, size_t *len);
const char *field_page(struct json_object *, size_t *len);

/*
 * Parse one whole JSON object of at most depth levels, nothing behind it,
 * valid UTF-8.  Returns it (the caller's to json_object_put) or NULL with
 * the reason in err.
 */
struct json_object *field_parse(
    const char *text, size_t len, int depth, char *err, size_t errlen);

#endif
