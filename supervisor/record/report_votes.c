/*
 * vote.json: every vote of the run with the keys that MassGen gives to one,
 * those that stand apart from those that a later answer voided.
 */

#include <stdio.h>
#include <stdlib.h>

#include "ipc/field.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/report.h"
#include "supervisor/record/report_part.h"
#include "supervisor/record/votes.h"

#define TASK_MAX 200

/* Votes are kept as text: which of them stand is known at the end only. */
struct votes {
	struct buf text;
	struct vote {
		int voter;
		size_t end; /* of its text, which begins where the last ends */
	} * list;
	size_t count;
	size_t size;
	size_t *last; /* by voter: the number of its last vote, from 1 */
};

static void
put_options(struct json_object *o, const struct session *s)
{
	struct json_object *ids = json_object_new_array();
	struct json_object *names = json_object_new_array();
	struct json_object *map = json_object_new_object();
	int list[REPORT_LIST_MAX];
	size_t i, n = report_available(s, list);

	for (i = 0; i < n; i++) {
		const struct session_agent *a = &s->agents[list[i]];

		json_object_array_add(ids, json_object_new_string(a->id));
		json_object_array_add(
		    names, json_object_new_string(a->anonymous));
		field_put_str(map, a->anonymous, a->id);
	}
	json_object_object_add(o, "available_options", ids);
	json_object_object_add(o, "available_options_anon", names);
	json_object_object_add(o, "agent_mapping", map);
}

static struct json_object *
vote_context(const struct session *s)
{
	struct json_object *o = json_object_new_object();
	char *task;

	task = utf8_line(s->question == NULL ? "" : s->question, TASK_MAX);

	field_put_int(o, "total_agents", (int64_t)s->nagents);
	field_put_int(o, "agents_with_answers", (int64_t)session_answered(s));
	field_put_str(o, "current_task", task);
	free(task);
	return (o);
}

struct json_object *
report_vote(const struct session *s, const struct event *e)
{
	struct json_object *o = json_object_new_object();
	const struct session_agent *voter = &s->agents[e->who];
	char stamp[ARTIFACT_STAMP_LEN];
	int target = session_agent_by_id(s, e->target);

	report_stamp(e, stamp);
	field_put_str(o, "voter_id", voter->id);
	field_put_str(o, "voter_anon_id", voter->anonymous);
	field_put_str(o, "voted_for", e->target);
	field_put_str(o, "voted_for_anon",
	    target == -1 ? NULL : s->agents[target].anonymous);
	field_put_str(o, "voted_for_label", e->label);
	field_put_str(o, "reason", e->text);
	field_put_str(o, "timestamp", stamp);
	json_object_object_add(o, "unix_timestamp", field_real(e->time));
	field_put_int(o, "iteration", e->seq);
	field_put_int(o, "coordination_round", voter->times_restarted);
	put_options(o, s);
	json_object_object_add(o, "vote_context", vote_context(s));
	return (o);
}

static void
put_event(
    void *state, const struct report *r, const struct event *e, struct buf *out)
{
	struct votes *v = state;

	(void)out;
	if (e->type != EVENT_VOTE || e->who == -1)
		return;
	if (v->count == v->size) {
		v->size = v->size == 0 ? 16 : v->size * 2;
		v->list = xreallocarray(v->list, v->size, sizeof(*v->list));
	}
	report_json(&v->text, report_vote(r->now, e));
	v->list[v->count].voter = e->who;
	v->list[v->count].end = v->text.len;
	v->last[e->who] = ++v->count;
}

static void
put_votes(const struct votes *v, const struct session *s, bool standing,
    struct buf *out)
{
	size_t i, begin = 0;
	const char *comma = "";

	for (i = 0; i < v->count; begin = v->list[i++].end) {
		int voter = v->list[i].voter;

		if ((s->agents[voter].vote_stands && v->last[voter] == i + 1) !=
		    standing)
			continue;
		buf_addf(out, "%s\n", comma);
		buf_add(out, v->text.data + begin, v->list[i].end - begin);
		comma = ",";
	}
}

/* A string; NULL is null. */
static void
put_text(struct buf *out, const char *text)
{
	report_json(out, text == NULL ? NULL : json_object_new_string(text));
}

static void
put_summary(const struct session *s, struct buf *out)
{
	struct json_object *map = json_object_new_object();
	size_t i;

	for (i = 0; i < s->nagents; i++)
		field_put_str(map, s->agents[i].anonymous, s->agents[i].id);
	buf_adds(out, "\"winner\": ");
	put_text(out, session_winner_id(s));
	buf_adds(out, ",\n\"winner_reason\": ");
	put_text(out, s->winner_reason);
	buf_adds(out, ",\n\"counts\": ");
	report_json(out, votes_counted(s, false));
	buf_adds(out, ",\n\"counts_superseded\": ");
	report_json(out, votes_counted(s, true));
	buf_adds(out, ",\n\"agent_mapping\": ");
	report_json(out, map);
}

static void *
begin(const struct report *r, struct buf *out)
{
	struct votes *v = xcalloc(1, sizeof(*v));

	(void)out;
	v->last = xcalloc(r->end->nagents + 1, sizeof(*v->last));
	return (v);
}

static void
end(void *state, const struct report *r, struct buf *out)
{
	struct votes *v = state;

	buf_adds(out, "{\n");
	put_summary(r->end, out);
	buf_adds(out, ",\n\"votes\": [");
	put_votes(v, r->end, true, out);
	buf_adds(out, "\n],\n\"votes_superseded\": [");
	put_votes(v, r->end, false, out);
	buf_adds(out, "\n]\n}\n");
	buf_release(&v->text);
	free(v->list);
	free(v->last);
	free(v);
}

const struct report_part report_votes = { "vote.json", begin, put_event, end };
