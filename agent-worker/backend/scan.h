/*
 * JSON read where it stands, for the few kinds of events that make up most
 * of a stream: no tree is built.  It takes a part of JSON only.  Whatever it
 * does not take, the caller hands to reply_parse(), which decides; what it
 * takes has the same meaning there.
 */

#ifndef AGENT_WORKER_BACKEND_SCAN_H
#define AGENT_WORKER_BACKEND_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/* The text of a value, borrowed; at is NULL where it is absent or null. */
struct scan_value {
	const char *at;
	size_t len;
};

/* What to do with a member; the last row of a table has no name. */
struct scan_member {
	const char *name;
	struct scan_value *value; /* NULL: it has to be absent or null */
	const struct scan_member *inside; /* it is an object with these */
	bool listed; /* it is an array; take the value of its only element */
};

#define SCAN_VALUE(name, value)          \
	{                                \
		name, value, NULL, false \
	}
#define SCAN_OBJECT(name, value, rows)   \
	{                                \
		name, value, rows, false \
	}
#define SCAN_ONLY(name, value, rows)    \
	{                               \
		name, value, rows, true \
	}
#define SCAN_ABSENT(name)               \
	{                               \
		name, NULL, NULL, false \
	}
#define SCAN_END                        \
	{                               \
		NULL, NULL, NULL, false \
	}

/*
 * Look for members of the object that text is; those not asked for may be
 * anything.  False if text is not taken.
 */
bool scan_text(const char *text, size_t len, const struct scan_member *);

/* The same for a value from there; count says how many members it has. */
bool scan_object(struct scan_value, const struct scan_member *, size_t *count);

/* The value is this word (0, true), or a string that says it. */
bool scan_is(struct scan_value, const char *word);
bool scan_says(struct scan_value, const char *text);

/* A whole number of 0 to 999999999999999; 0 where it is absent. */
bool scan_count(struct scan_value, int64_t *);

/* A string, which the caller puts; NULL where it is absent. */
bool scan_string(struct scan_value, struct json_object **);

#endif
