/*
 * What a program prints, made into a text, and a report of what it used
 * where the program prints JSON.  Takes any bytes, keeps a bounded part of
 * them.  Pure.
 */

#ifndef AGENT_WORKER_COMMAND_OUTPUT_H
#define AGENT_WORKER_COMMAND_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "agent-worker/backend/backend.h"
#include "agent-worker/command/pick.h"
#include "ipc/buf.h"

/* Of a longer text the beginning and the end are kept, half each. */
#define OUTPUT_TEXT_MAX ((size_t)16 * 1024 * 1024)

/* A JSON object that is longer is passed over. */
#define OUTPUT_OBJECT_MAX ((size_t)16 * 1024 * 1024)

/* A text whose middle may be missing. */
struct kept {
	struct buf head;
	struct buf tail;
	bool full;      /* the head, that is */
	size_t dropped; /* bytes between the two */
};

/* Called with text as it comes: NUL-terminated, well-formed UTF-8. */
typedef void output_say_fn(void *arg, const char *text);

struct output {
	struct json_tokener *parser; /* NULL: the output is the text */
	struct json_object *fields;  /* see pick.h; borrowed, or NULL */
	output_say_fn *say;
	void *arg;
	char cut[4]; /* a character's first bytes, at the end so far */
	size_t ncut;
	bool inside;  /* a JSON value has begun and not ended */
	bool skip;    /* the rest of the line is none */
	size_t taken; /* bytes of the value so far */

	struct kept text;
	bool has_text;
	bool whole;  /* the text came whole: pieces are none of it */
	bool failed; /* the value at hand is a report of an error */
	char *error; /* the program's words, or NULL */
	char *said;  /* shown last, or NULL */
	size_t objects;
	struct usage usage;
	bool cost_known;
	double cost;
	int64_t sums[PICK_PARTS]; /* of the value at hand */
	bool found[PICK_PARTS];
};

/* say, with arg, gets every text as it comes; fields is not copied. */
void output_init(struct output *, bool json, struct json_object *fields,
    output_say_fn *say, void *arg);
void output_release(struct output *);

/* The next bytes; after the last ones, once, the end. */
void output_take(struct output *, const char *data, size_t len);
void output_end(struct output *);

/*
 * The text, once the end came: never NULL, and the caller's to free.  Where
 * it was too long it says in the middle how much is missing.
 */
char *output_text(const struct output *);

#endif
