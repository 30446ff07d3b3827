/*
 * coordination_events.json: the journal under the names that MassGen gives
 * to events.  What MassGen does not know keeps our name and members.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/field.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/report_part.h"

#define DETAILS_MAX 200
#define FINAL       "%s.final"

/* An event about to be written. */
struct entry {
	const struct report *report;
	const struct event *event;
	const struct session_agent *agent; /* NULL: nobody's */
	struct json_object *context;
	char details[DETAILS_MAX + 8];
};

struct lines {
	bool any;
};

static void
details(struct entry *x, const char *head, const char *text)
{
	char *line = utf8_line(text, DETAILS_MAX - 40);

	snprintf(x->details, sizeof(x->details), "%s%s", head, line);
	free(line);
}

/* Which agents are meant: one of the two names that each of them has. */
static struct json_object *
names(const struct session *s, const int *list, size_t n, bool anonymous)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_object_array_add(array,
		    json_object_new_string(anonymous
			    ? s->agents[list[i]].anonymous
			    : s->agents[list[i]].id));
	return (array);
}

static struct json_object *
latest_labels(const struct session *s, const int *list, size_t n)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_object_array_add(array,
		    json_object_new_string(
			s->answers[s->agents[list[i]].latest].label));
	return (array);
}

static struct json_object *
all_ids(const struct session *s)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < s->nagents; i++)
		json_object_array_add(
		    array, json_object_new_string(s->agents[i].id));
	return (array);
}

/* --- what the events that MassGen knows say --- */

static void
describe_start(struct entry *x)
{
	const struct event *e = x->event;

	json_object_object_add(
	    x->context, "agent_ids", all_ids(x->report->now));
	field_put_str(x->context, "session_id", e->session_id);
	field_put_str(x->context, "version", e->version);
	json_object_object_add(
	    x->context, "dry_run", json_object_new_boolean(e->dry_run));
	snprintf(x->details, sizeof(x->details), "Session with %zu agents",
	    x->report->now->nagents);
}

static void
describe_turn(struct entry *x)
{
	const struct session *s = x->report->now;
	int list[REPORT_LIST_MAX];
	size_t n = report_available(s, list), all = session_answered(s);

	json_object_object_add(
	    x->context, "available_answers", names(s, list, n, true));
	json_object_object_add(
	    x->context, "available_answer_labels", latest_labels(s, list, n));
	field_put_int(x->context, "answer_count", (int64_t)all);
	json_object_object_add(x->context, "has_conversation_history",
	    json_object_new_boolean(false));
	field_put_int(x->context, "turn", x->event->turn);
	snprintf(x->details, sizeof(x->details),
	    "Received the answers of %zu agents", all);
}

static void
describe_answer(struct entry *x)
{
	const struct event *e = x->event;

	field_put_str(x->context, "label", e->label);
	field_put_str(x->context, "path", e->path);
	field_put_int(x->context, "bytes", e->bytes);
	field_put_str(x->context, "sha256", e->sha256);
	details(x, "New answer ", e->label);
}

static void
describe_vote(struct entry *x)
{
	const struct event *e = x->event;
	int list[REPORT_LIST_MAX];
	size_t n = report_available(x->report->now, list);

	field_put_str(x->context, "voted_for", e->target);
	field_put_str(x->context, "voted_for_label", e->label);
	field_put_str(x->context, "reason", e->text);
	json_object_object_add(x->context, "available_answers",
	    names(x->report->now, list, n, true));
	details(x, "Voted for ", e->label);
}

static void
describe_failure(struct entry *x)
{
	field_put_str(x->context, "error_type", x->event->kind);
	field_put_str(x->context, "error", x->event->text);
	details(x, "Failed: ", x->event->text);
}

static void
describe_winner(struct entry *x)
{
	const struct session *s = x->report->now;
	struct json_object *all = json_object_new_array();
	struct json_object *latest = json_object_new_array();
	size_t i;

	for (i = 0; i < s->nanswers; i++) {
		const struct session_answer *a = &s->answers[i];

		json_object_array_add(all, json_object_new_string(a->label));
		if (s->agents[a->agent].latest == (int)i)
			json_object_array_add(
			    latest, json_object_new_string(a->label));
	}
	field_put_str(x->context, "vote_summary", x->event->text);
	json_object_object_add(x->context, "all_answers", all);
	json_object_object_add(x->context, "answers_for_context", latest);
	details(x, "Selected: ", x->event->text);
}

static void
describe_presentation(struct entry *x)
{
	field_put_str(x->context, "round_type", "final_presentation");
	field_put_int(x->context, "final_round", x->agent->times_restarted + 1);
	details(x, "Final presentation", "");
}

static void
describe_final(struct entry *x)
{
	const struct event *e = x->event;
	char label[48];

	snprintf(label, sizeof(label), FINAL, x->agent->anonymous);
	field_put_str(x->context, "label", label);
	field_put_str(x->context, "path", e->path);
	field_put_int(x->context, "bytes", e->bytes);
	field_put_str(x->context, "sha256", e->sha256);
	json_object_object_add(
	    x->context, "presented", json_object_new_boolean(e->presented));
	details(x, "Final answer ", label);
}

static void
describe_end(struct entry *x)
{
	const struct session *s = x->report->now;

	field_put_str(x->context, "final_winner", session_winner_id(s));
	field_put_int(x->context, "total_answers", (int64_t)s->nanswers);
	field_put_int(x->context, "total_votes", (int64_t)session_voted(s));
	field_put_str(x->context, "outcome", x->event->outcome);
	field_put_int(x->context, "exit_code", x->event->exit_code);
	field_put_str(x->context, "error", x->event->text);
	details(x, "Session ended: ", x->event->outcome);
}

static const struct {
	const char *name;
	void (*describe)(struct entry *);
} known[EVENT_TYPES] = {
	[EVENT_RUN_STARTED] = { "session_start", describe_start },
	[EVENT_TURN_STARTED] = { "context_received", describe_turn },
	[EVENT_ANSWER] = { "new_answer", describe_answer },
	[EVENT_VOTE] = { "vote_cast", describe_vote },
	[EVENT_AGENT_FAILED] = { "agent_error", describe_failure },
	[EVENT_WINNER] = { "final_agent_selected", describe_winner },
	[EVENT_PRESENTATION] = { "final_round_start", describe_presentation },
	[EVENT_FINAL_ANSWER] = { "final_answer", describe_final },
	[EVENT_RUN_ENDED] = { "session_end", describe_end },
};

/* Its own members, without those that every event has. */
static void
describe_other(struct entry *x)
{
	static const char *const common[] = { "seq", "at_ms", "time", "type",
		"agent" };
	size_t i;

	json_object_put(x->context);
	x->context = event_to_json(x->event);
	for (i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		json_object_object_del(x->context, common[i]);
	details(x, "",
	    x->event->text != NULL ? x->event->text
				   : event_name(x->event->type));
}

/* --- writing them --- */

static void
begin_entry(struct entry *x, const struct report *r, const struct event *e)
{
	memset(x, 0, sizeof(*x));
	x->report = r;
	x->event = e;
	if (e->who != -1)
		x->agent = &r->now->agents[e->who];
	x->context = json_object_new_object();
}

static void
end_entry(struct entry *x, struct lines *l, const char *name, struct buf *out)
{
	struct json_object *o = json_object_new_object();

	field_put_int(x->context, "iteration", x->event->seq);
	field_put_int(x->context, "round",
	    x->agent == NULL ? 0 : x->agent->times_restarted);
	json_object_object_add(o, "timestamp", field_real(x->event->time));
	field_put_str(o, "event_type", name);
	field_put_str(o, "agent_id", x->agent == NULL ? NULL : x->agent->id);
	field_put_str(o, "details", x->details);
	json_object_object_add(o, "context", x->context);
	buf_adds(out, l->any ? ",\n" : "\n");
	l->any = true;
	report_json(out, o);
}

static void
note_status(struct lines *l, const struct report *r, const struct event *e,
    int agent, struct buf *out)
{
	struct entry x;

	if (r->now->agents[agent].status == r->before[agent].status)
		return;
	begin_entry(&x, r, e);
	x.agent = &r->now->agents[agent];
	details(&x, "Changed to status: ", agent_status_name(x.agent->status));
	end_entry(&x, l, "status_change", out);
}

static void
note_restart(struct lines *l, const struct report *r, const struct event *e,
    struct buf *out)
{
	int list[REPORT_LIST_MAX];
	size_t n, all;
	struct entry x;

	n = report_sent_back(r, list, &all);
	if (all == 0)
		return;
	begin_entry(&x, r, e);
	json_object_object_add(
	    x.context, "affected_agents", names(r->now, list, n, false));
	field_put_int(x.context, "affected_count", (int64_t)all);
	field_put_str(x.context, "triggering_agent", e->agent);
	snprintf(x.details, sizeof(x.details),
	    "%zu agents go back to work because of %s", all, e->label);
	end_entry(&x, l, "restart_triggered", out);
}

static void
put_event(
    void *state, const struct report *r, const struct event *e, struct buf *out)
{
	const char *name = known[e->type].name;
	struct lines *l = state;
	struct entry x;
	size_t i;

	begin_entry(&x, r, e);
	if (known[e->type].describe == NULL ||
	    (e->who == -1 && e->agent != NULL))
		describe_other(&x);
	else
		known[e->type].describe(&x);
	if (e->type == EVENT_AGENT_FAILED && strcmp(e->kind, "timeout") == 0)
		name = "agent_timeout";
	end_entry(&x, l, name == NULL ? event_name(e->type) : name, out);
	if (e->who != -1)
		note_status(l, r, e, e->who, out);
	if (e->type == EVENT_ANSWER)
		note_restart(l, r, e, out);
	if (e->type == EVENT_RUN_ENDED)
		for (i = 0; i < r->now->nagents; i++)
			note_status(l, r, e, (int)i, out);
}

static void *
begin(const struct report *r, struct buf *out)
{
	const struct session *s = r->end;
	struct json_object *o = json_object_new_object();

	field_put_str(o, "user_prompt", s->question);
	json_object_object_add(o, "agent_ids", all_ids(s));
	json_object_object_add(o, "start_time", field_real(s->start_time));
	json_object_object_add(o, "end_time", field_real(s->last_time));
	field_put_str(o, "final_winner", session_winner_id(s));
	buf_adds(out, "{\n\"session_metadata\": ");
	report_json(out, o);
	buf_adds(out, ",\n\"events\": [");
	return (xcalloc(1, sizeof(struct lines)));
}

static void
end(void *state, const struct report *r, struct buf *out)
{
	(void)r;
	buf_adds(out, "\n]\n}\n");
	free(state);
}

const struct report_part report_events = { "coordination_events.json", begin,
	put_event, end };
