/*
 * What of a program's JSON means what: paths to the parts that count.  The
 * defaults fit what `claude -p --output-format json` or `stream-json`,
 * `codex exec --json` and `gemini --output-format json` or `stream-json`
 * are documented to print; a configuration may name others.  Pure.
 *
 * A path is made of names with dots between them; "*" is every member or
 * element, and "[NAME=VALUE]" stands where only an object is meant whose
 * member NAME has that value: "[type=item].message.text".
 */

#ifndef AGENT_WORKER_COMMAND_PICK_H
#define AGENT_WORKER_COMMAND_PICK_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

enum pick_part {
	PICK_TEXT,  /* the whole of what is said at the end */
	PICK_PIECE, /* the next piece of it */
	PICK_SAID,  /* said on the way: to be shown only */
	PICK_ERROR, /* why there is no text */
	PICK_COST,  /* US dollars */
	PICK_INPUT, /* tokens; the numbers found for one part are added up */
	PICK_CACHED,
	PICK_CACHE_WRITE,
	PICK_OUTPUT,
	PICK_REASONING,
};
#define PICK_PARTS (PICK_REASONING + 1)

typedef void pick_fn(void *arg, enum pick_part, struct json_object *value);

/*
 * Call fn for every part that is found in an object, in the order of enum
 * pick_part from the last to the first.  fields is an object from the names
 * of parts ("text", "error", "cost", "input_tokens" and so on) to paths,
 * each in place of that part's defaults; or NULL.
 */
void pick_from(
    struct json_object *, struct json_object *fields, pick_fn *fn, void *arg);

#endif
