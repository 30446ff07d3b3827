/*
 * The most that a model call may use: what a cost limit is held by, before
 * the call is made.
 */

#ifndef AGENT_WORKER_BOUND_H
#define AGENT_WORKER_BOUND_H

#include <stdint.h>

#include <json-c/json.h>

/* Tokens of output where a cost is limited and the user set no limit. */
#define BOUND_OUTPUT_DEFAULT 8192

/*
 * Tokens of input that a request of len bytes can have at most.  Models'
 * tokens stand for a byte of text or more, and a request says all that a
 * model is shown but for what the provider puts around messages and tools,
 * for which BOUND_INPUT_FRAME is enough.
 */
#define BOUND_INPUT_FRAME 1024
int64_t bound_input(size_t len);

/*
 * Tokens of output, over all alternatives asked for, that a request allows
 * in whichever API it is for; 0: it sets no limit.
 */
int64_t bound_output(struct json_object *request);

/*
 * Where neither params nor its "extra_body" limits the output, add a limit
 * to params: BOUND_OUTPUT_DEFAULT, and what is set aside for thinking.
 */
void bound_set(struct json_object *params);

#endif
