/* The most that a model call may use. */

#include <stdbool.h>
#include <stddef.h>

#include "agent-worker/backend/backend.h"
#include "agent-worker/bound.h"

#define TOKENS_MAX (INT64_C(1) << 40)

/* Where APIs have the limit, and how many alternatives are asked for. */
static const struct path {
	const char *object; /* NULL: the request itself */
	const char *name;
} limits[] = {
	{ NULL, "max_tokens" },
	{ NULL, "max_completion_tokens" },
	{ NULL, "max_output_tokens" },
	{ "generationConfig", "maxOutputTokens" },
}, alternatives[] = {
	{ NULL, "n" },
	{ NULL, "best_of" },
	{ "generationConfig", "candidateCount" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The largest of the numbers at these places; 0: there is none. */
static int64_t
largest(struct json_object *request, const struct path *paths, size_t n)
{
	struct json_object *at;
	int64_t value, most = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		at = paths[i].object == NULL ? request
					     : member(request, paths[i].object);
		value = member_count(at, paths[i].name);
		most = value > most ? value : most;
	}
	return (most > TOKENS_MAX ? TOKENS_MAX : most);
}

int64_t
bound_input(size_t len)
{
	return ((int64_t)len + BOUND_INPUT_FRAME);
}

int64_t
bound_output(struct json_object *request)
{
	int64_t times = largest(request, alternatives, COUNT(alternatives));
	int64_t limit = largest(request, limits, COUNT(limits));

	return (times > 1 && limit > TOKENS_MAX / times
		? TOKENS_MAX
		: limit * (times > 1 ? times : 1));
}

void
bound_set(struct json_object *params)
{
	struct json_object *extra = member(params, "extra_body");
	int64_t thinking =
	    member_count(member(params, "thinking"), "budget_tokens");

	if (largest(params, limits, COUNT(limits)) > 0 ||
	    largest(extra, limits, COUNT(limits)) > 0)
		return;
	json_object_object_add(params, "max_tokens",
	    json_object_new_int64(BOUND_OUTPUT_DEFAULT + thinking));
}
