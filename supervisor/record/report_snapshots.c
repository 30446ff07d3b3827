/* snapshot_mappings.json: which file holds which answer or vote. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "ipc/field.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/report_part.h"

struct snapshots {
	bool any;
	int *votes; /* of each agent so far */
};

static const char *
type_of(enum event_type type)
{
	return (type == EVENT_ANSWER ? "answer"
		: type == EVENT_VOTE ? "vote"
				     : "final_answer");
}

static void
name_it(struct snapshots *s, const struct session_agent *a,
    const struct event *e, char *label, size_t len)
{
	if (e->type == EVENT_ANSWER)
		snprintf(label, len, "%.80s", e->label);
	else if (e->type == EVENT_VOTE)
		snprintf(
		    label, len, "%s.vote%d", a->anonymous, ++s->votes[e->who]);
	else
		snprintf(label, len, "%s.final", a->anonymous);
}

static void
put_event(
    void *state, const struct report *r, const struct event *e, struct buf *out)
{
	struct snapshots *s = state;
	const struct session_agent *a;
	struct json_object *o;
	char label[96], stamp[ARTIFACT_STAMP_LEN] = "final";

	if (e->who == -1 ||
	    (e->type != EVENT_ANSWER && e->type != EVENT_VOTE &&
		e->type != EVENT_FINAL_ANSWER))
		return;
	a = &r->now->agents[e->who];
	name_it(s, a, e, label, sizeof(label));
	if (e->type != EVENT_FINAL_ANSWER)
		report_stamp(e, stamp);
	o = json_object_new_object();
	field_put_str(o, "type", type_of(e->type));
	field_put_str(o, "label", label);
	field_put_str(o, "agent_id", a->id);
	field_put_str(o, "timestamp", stamp);
	field_put_int(o, "iteration", e->seq);
	field_put_int(o, "round", a->times_restarted);
	field_put_str(o, "path", *e->path == '\0' ? NULL : e->path);
	if (e->snapshot != NULL)
		field_put_str(o, "workspace", e->snapshot);
	if (e->type == EVENT_VOTE) {
		field_put_str(o, "voted_for", e->target);
		field_put_str(o, "voted_for_label", e->label);
	}
	buf_addf(out, "%s\n\"%s\": ", s->any ? "," : "", label);
	s->any = true;
	report_json(out, o);
}

static void *
begin(const struct report *r, struct buf *out)
{
	struct snapshots *s = xcalloc(1, sizeof(*s));

	s->votes = xcalloc(r->end->nagents + 1, sizeof(*s->votes));
	buf_adds(out, "{");
	return (s);
}

static void
end(void *state, const struct report *r, struct buf *out)
{
	struct snapshots *s = state;

	(void)r;
	buf_adds(out, "\n}\n");
	free(s->votes);
	free(s);
}

const struct report_part report_snapshots = { "snapshot_mappings.json", begin,
	put_event, end };
