/* status.json. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/atomic.h"
#include "supervisor/record/status.h"
#include "supervisor/record/votes.h"

#define SCHEMA_VERSION 1
#define COALESCE_MS    260 /* at most four in any second */
#define REFRESH_MS     1900
#define REASON_MAX     100
#define PREVIEW_MAX    200

static void
put_preview(
    struct json_object *o, const char *key, const char *text, size_t max)
{
	char *line = text == NULL ? NULL : utf8_line(text, max);

	field_put_str(o, key, line);
	free(line);
}

/* Seconds with the milliseconds that anybody can use. */
static double
milli(double seconds)
{
	return ((double)(int64_t)(seconds * 1000 + 0.5) / 1000);
}

static struct json_object *
meta(const struct session *s, double now)
{
	struct json_object *o = json_object_new_object();

	field_put_int(o, "schema_version", SCHEMA_VERSION);
	field_put_str(o, "session_id", s->session_id);
	field_put_str(o, "log_dir", s->log_dir);
	field_put_str(o, "question", s->question);
	field_put_real(o, "start_time", milli(s->start_time));
	field_put_real(o, "last_updated", milli(now));
	field_put_real(o, "elapsed_seconds", milli(now - s->start_time));
	field_put(
	    o, "end_time", s->ended ? field_real(milli(s->last_time)) : NULL);
	field_put_int(o, "pid", s->pid);
	field_put_str(o, "version", s->version);
	field_put_bool(o, "dry_run", s->dry_run);
	field_put_str(o, "outcome", s->ended ? s->outcome : "running");
	field_put(o, "exit_code",
	    s->ended ? json_object_new_int64(s->exit_code) : NULL);
	field_put_str(o, "error", s->message);
	field_put_str(o, "parent_session", s->parent);
	field_put_int(o, "nesting_depth", s->depth);
	return (o);
}

static struct json_object *
coordination(const struct session *s)
{
	struct json_object *o = json_object_new_object();
	struct json_object *q = json_object_new_object();
	int active = session_active(s);
	size_t failed = session_failed(s);

	field_put_str(o, "phase", phase_name(s->phase));
	field_put_str(
	    o, "active_agent", active == -1 ? NULL : s->agents[active].id);
	field_put_int(o, "completion_percentage", s->percent);
	field_put_bool(
	    o, "is_final_presentation", s->phase == PHASE_PRESENTATION);
	field_put_int(o, "attempt", s->attempt);
	field_put_real(o, "last_progress", milli(s->last_progress));
	field_put_bool(o, "stalled", s->stalled);
	field_put_int(q, "expected", (int64_t)s->nagents);
	field_put_int(q, "answered", (int64_t)session_answered(s));
	field_put_int(q, "voted", (int64_t)session_voted(s));
	field_put_int(q, "failed", (int64_t)failed);
	field_put_bool(q, "degraded", failed > 0);
	field_put(o, "quorum", q);
	field_put_int(o, "orphans_killed", s->orphans);
	return (o);
}

static struct json_object *
usage(const struct usage_sum *u)
{
	struct json_object *o = json_object_new_object();

	field_put_int(o, "input_tokens", u->input_tokens);
	field_put_int(o, "cached_input_tokens", u->cached_input_tokens);
	field_put_int(o, "output_tokens", u->output_tokens);
	field_put_int(o, "reasoning_tokens", u->reasoning_tokens);
	field_put_int(o, "total_tokens", u->input_tokens + u->output_tokens);
	field_put_int(o, "call_count", u->calls);
	field_put_int(o, "unpriced_calls", u->unpriced_calls);
	field_put_real(o, "estimated_cost", u->cost);
	return (o);
}

static struct json_object *
vote_cast(const struct session *s, const struct session_agent *a)
{
	struct json_object *o = votes_cast(s, a);

	if (o != NULL)
		put_preview(o, "reason_preview", a->vote_reason, REASON_MAX);
	return (o);
}

static struct json_object *
agent_error(const struct session_agent *a)
{
	struct json_object *o;

	if (a->error_type == NULL)
		return (NULL);
	o = json_object_new_object();
	field_put_str(o, "type", a->error_type);
	field_put_str(o, "message", a->error_message);
	field_put_real(o, "timestamp", milli(a->error_time));
	return (o);
}

static struct json_object *
agent_exit(const struct session_agent *a)
{
	struct json_object *o;

	if (!a->exited)
		return (NULL);
	o = json_object_new_object();
	field_put(o, "code",
	    a->exit_signal != 0 ? NULL : json_object_new_int64(a->exit_code));
	field_put(o, "signal",
	    a->exit_signal == 0 ? NULL : json_object_new_int64(a->exit_signal));
	field_put_int(o, "max_rss_kib", a->max_rss_kib);
	field_put_real(o, "cpu_seconds", milli(a->cpu_seconds));
	return (o);
}

static struct json_object *
agent(const struct session *s, const struct session_agent *a)
{
	struct json_object *o = json_object_new_object();

	field_put_str(o, "status", agent_status_name(a->status));
	field_put_str(o, "activity", session_activity(s, (int)(a - s->agents)));
	field_put_int(o, "answer_count", a->answers);
	field_put_str(o, "latest_answer_label",
	    a->latest == -1 ? NULL : s->answers[a->latest].label);
	field_put(o, "vote_cast", vote_cast(s, a));
	field_put_int(o, "times_restarted", a->times_restarted);
	field_put_int(o, "process_restarts", a->process_restarts);
	field_put_int(o, "attempts", a->attempts);
	field_put_real(o, "last_activity", milli(a->last_activity));
	field_put(o, "error", agent_error(a));
	field_put(o, "pid", a->pid == 0 ? NULL : json_object_new_int64(a->pid));
	field_put_str(o, "anonymous_id", a->anonymous);
	field_put_str(o, "model", a->model);
	field_put(o, "model_profile", json_object_get(a->profile));
	field_put_str(o, "sandbox", a->sandbox);
	field_put(o, "usage", usage(&a->usage));
	field_put(o, "exit", agent_exit(a));
	return (o);
}

static struct json_object *
unpriced_models(const struct session *s)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < s->nunpriced; i++)
		json_object_array_add(
		    list, json_object_new_string(s->unpriced_models[i]));
	return (list);
}

static struct json_object *
results(const struct session *s)
{
	struct json_object *o = json_object_new_object();
	char *path = NULL;

	field_put(o, "votes", votes_counted(s, false));
	field_put(o, "votes_superseded", votes_counted(s, true));
	field_put_str(o, "winner", session_winner_id(s));
	field_put_str(o, "winner_reason", s->winner_reason);
	put_preview(o, "final_answer_preview", s->final_preview, PREVIEW_MAX);
	if (s->final_path != NULL)
		path = xasprintf("%s/%s", s->log_dir, s->final_path);
	field_put_str(o, "final_answer_path", path);
	free(path);
	field_put_str(o, "manifest", s->manifest);
	field_put(o, "usage", usage(&s->usage));
	field_put_real(o, "estimated_cost", s->usage.cost);
	field_put(o, "unpriced_models", unpriced_models(s));
	return (o);
}

static struct json_object *
child(const struct session *s, const struct session_child *c)
{
	struct json_object *o = json_object_new_object();

	field_put_str(o, "session_id", c->session_id);
	field_put_str(o, "log_dir", c->log_dir);
	field_put_str(o, "question", c->question);
	field_put_str(o, "agent", s->agents[c->agent].id);
	field_put_str(o, "state", child_state_name(c->state));
	field_put(o, "exit_code",
	    c->state == CHILD_ENDED ? json_object_new_int64(c->exit_code)
				    : NULL);
	field_put_int(o, "completion_percentage", c->percent);
	field_put(
	    o, "max_cost_usd", c->lease > 0 ? field_real(c->lease) : NULL);
	field_put(o, "usage", usage(&c->usage));
	field_put_real(o, "estimated_cost", c->usage.cost);
	return (o);
}

static struct json_object *
children(const struct session *s)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < s->nchildren; i++)
		json_object_array_add(list, child(s, &s->children[i]));
	return (list);
}

void
status_format(const struct session *s, double now, struct buf *out)
{
	struct json_object *o = json_object_new_object();
	struct json_object *agents = json_object_new_object();
	const char *text;
	size_t i, len;

	field_put(o, "meta", meta(s, now));
	field_put(o, "coordination", coordination(s));
	for (i = 0; i < s->nagents; i++)
		field_put(agents, s->agents[i].id, agent(s, &s->agents[i]));
	field_put(o, "agents", agents);
	field_put(o, "children", children(s));
	field_put(o, "results", results(s));
	text = field_page(o, &len);
	buf_add(out, text, len);
	buf_add(out, "\n", 1);
	json_object_put(o);
}

void
status_init(struct status_writer *w, const char *path)
{
	memset(w, 0, sizeof(*w));
	w->path = xstrdup(path);
	w->dirty = true;
}

void
status_release(struct status_writer *w)
{
	free(w->path);
	w->path = NULL;
}

int64_t
status_due(const struct status_writer *w)
{
	if (w->written == 0)
		return (0);
	return (w->written + (w->dirty ? COALESCE_MS : REFRESH_MS));
}

static int
replace(struct status_writer *w, const struct session *s, double now, bool sync)
{
	struct buf b = BUF_INITIALIZER;
	int ret;

	status_format(s, now, &b);
	ret = atomic_write(w->path, b.data, b.len, sync);
	buf_release(&b);
	w->written = mono_ms();
	w->dirty = false;
	return (ret);
}

void
status_poll(struct status_writer *w, const struct session *s, double now)
{
	if (mono_ms() < status_due(w))
		return;
	if (replace(w, s, now, false) == 0) {
		w->failing = false;
	} else if (!w->failing) {
		/* a cache: the run does not depend on it */
		log_warn("%s", w->path);
		w->failing = true;
	}
}

int
status_write(struct status_writer *w, const struct session *s, double now)
{
	if (replace(w, s, now, true) == 0)
		return (0);
	/* who waits for the end reads it all the same */
	return (replace(w, s, now, false));
}
