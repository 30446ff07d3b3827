/* Votes as several files show them. */

#include "ipc/field.h"
#include "supervisor/record/votes.h"

struct json_object *
votes_counted(const struct session *s, bool superseded)
{
	struct json_object *o = json_object_new_object();
	size_t i;

	for (i = 0; i < s->nanswers; i++) {
		const struct session_answer *a = &s->answers[i];
		int n = superseded ? a->votes_superseded : a->votes;

		if (n > 0)
			field_put_int(o, a->label, n);
	}
	return (o);
}

struct json_object *
votes_cast(const struct session *s, const struct session_agent *a)
{
	const struct session_answer *answer;
	struct json_object *o;

	if (!a->vote_stands)
		return (NULL);
	answer = &s->answers[a->vote_answer];
	o = json_object_new_object();
	field_put_str(o, "voted_for_agent", s->agents[answer->agent].id);
	field_put_str(o, "voted_for_label", answer->label);
	return (o);
}
