/*
 * What is made of an answer or a vote: refused with a reason that the model
 * can read, or on disk, in the journal, and known to everybody.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/attempt.h"
#include "supervisor/decide/novelty.h"
#include "supervisor/record/artifact.h"
#include "supervisor/record/report.h"
#include "supervisor/run.h"
#include "supervisor/workspace.h"

#define PREVIEW_MAX       200
#define REFUSALS_MAX      16 /* a worker gives up itself after three */
#define ANSWER_SENT_MAX   ((size_t)256 * 1024)
#define BALANCED_LIKENESS 0.70
#define STRICT_LIKENESS   0.50

static void
send_verdict(struct call *c, bool accepted, bool final, const char *text)
{
	struct msg m = { .type = MSG_VERDICT,
		.turn = c->agent->turn,
		.accepted = accepted,
		.final = final,
		.text = text };

	worker_send(&c->agent->worker, &m);
}

/* The turn is done: the agent owes nothing until the session says so. */
static void
close_turn(struct run *run, struct agent_run *a)
{
	dispatch_flush_output(a);
	a->turn_open = a->presenting = false;
	a->refusals = 0;
	a->worker.said = 0;
	if (run->order != NULL)
		order_end(run->order, a->worker.index);
}

static void
refuse(struct call *c, const char *kind, const char *why)
{
	struct event e = { .type = EVENT_REFUSED,
		.agent = c->agent->config->id,
		.kind = kind,
		.text = why };

	run_event(c->run, &e);
	if (++c->agent->refusals > REFUSALS_MAX) {
		worker_stop(&c->agent->worker, "no_decision",
		    "too many refused answers and votes", false);
		return;
	}
	if (c->run->order != NULL)
		order_begin(c->run->order, c->index, 0);
	send_verdict(c, false, false, why);
}

/*
 * It goes to every other agent: rendered once, it is copied from then on.
 * Nobody looks into it any more.
 */
static void
freeze(struct json_object *o)
{
	char *text = xstrdup(field_line(o, NULL));

	json_object_set_serializer(o, json_object_userdata_to_json_string, text,
	    json_object_free_userdata);
}

/* Each other agent reads a long answer's beginning and end. */
static struct json_object *
answer_as_sent(const char *anonymous, const char *label, const char *text,
    const char *files)
{
	struct json_object *o = json_object_new_object();
	struct buf b = BUF_INITIALIZER;
	size_t len = strlen(text), head, tail;

	if (len <= ANSWER_SENT_MAX) {
		buf_add(&b, text, len);
	} else {
		head = utf8_prefix(text, len, ANSWER_SENT_MAX / 2);
		tail = len - ANSWER_SENT_MAX / 2;
		while (((unsigned char)text[tail] & 0xc0) == 0x80)
			tail++;
		buf_add(&b, text, head);
		buf_addf(&b, "\n[... %zu of %zu bytes left out ...]\n",
		    tail - head, len);
		buf_adds(&b, text + tail);
		json_object_object_add(
		    o, "bytes", json_object_new_int64((int64_t)len));
	}
	json_object_object_add(o, "agent", json_object_new_string(anonymous));
	json_object_object_add(o, "label", json_object_new_string(label));
	json_object_object_add(
	    o, "text", json_object_new_string_len(b.data, (int)b.len));
	if (files != NULL)
		field_put_str(o, "files", files);
	buf_release(&b);
	freeze(o);
	return (o);
}

/* files is relative, or NULL. */
static void
remember(struct run *run, int agent, const char *label, const char *text,
    const char *files)
{
	const char *name = run->session->agents[agent].anonymous;
	char *shown = workspace_hide(run, agent, text, files), *path = NULL;
	size_t n = run->session->nanswers; /* the event is not applied yet */

	run->answers =
	    xreallocarray(run->answers, n + 1, sizeof(*run->answers));
	run->texts = xreallocarray(run->texts, n + 1, sizeof(*run->texts));
	if (files != NULL)
		path = xasprintf("%s/%s", run->real_dir, files);
	run->answers[n] = answer_as_sent(name, label, shown, path);
	run->texts[n] = xstrdup(text);
	free(shown);
	free(path);
}

static double
likeness_limit(enum strictness s)
{
	switch (s) {
	case STRICTNESS_LENIENT:
		break;
	case STRICTNESS_BALANCED:
		return (BALANCED_LIKENESS);
	case STRICTNESS_STRICT:
		return (STRICT_LIKENESS);
	}
	return (1.0);
}

static bool
answer_is_new(struct run *run, const char *text, char *why, size_t whylen)
{
	double limit = likeness_limit(run->config->answer_novelty);
	const struct session_answer *known;
	size_t i;

	for (i = 0; i < run->session->nanswers; i++) {
		known = &run->session->answers[i];
		if (novelty_is_duplicate(text, run->texts[i])) {
			snprintf(why, whylen,
			    "this is the same as %s: vote "
			    "for it, or give an answer that improves it",
			    known->label);
			return (false);
		}
		if (limit < 1.0 &&
		    novelty_similarity(text, run->texts[i]) > limit) {
			snprintf(why, whylen,
			    "this is too close to %s: vote "
			    "for it, or give an answer with new content",
			    known->label);
			return (false);
		}
	}
	return (true);
}

/*
 * The files of one step, in its folder; NULL: it could not be made, errno
 * says why.  The journal refers to them.
 */
static int
write_step(struct run *run, const struct agent_run *a, const char *dir,
    const char *name, const char *data, size_t len, struct artifact *out)
{
	const char *context = a->context == NULL ? "" : a->context;
	int ret;

	memset(out, 0, sizeof(*out));
	if (dir == NULL)
		return (-1);
	ret = artifact_write(
	    run->log_dir, dir, "context.txt", context, strlen(context), NULL);
	if (artifact_write(run->log_dir, dir, name, data, len, out) == -1)
		ret = -1;
	return (ret);
}

/* The files (or NULL) of the step that the answer's file is in. */
static void
link_files(
    const struct run *run, const struct artifact *answer, const char *files)
{
	char *step;

	if (answer->path == NULL)
		return;
	step = xstrdup(answer->path);
	*strrchr(step, '/') = '\0';
	workspace_link(run, step, files);
	free(step);
}

static void
accept_answer(struct call *c, const char *text)
{
	struct run *run = c->run;
	struct session_agent *s = &run->session->agents[c->index];
	struct artifact file;
	char *dir, *label, *preview, *files;
	struct event e = { .type = EVENT_ANSWER,
		.agent = c->agent->config->id };

	dir = artifact_step_dir(run->log_dir, e.agent);
	if (write_step(run, c->agent, dir, "answer.txt", text, strlen(text),
		&file) == -1)
		run_warn(run,
		    "%s: the answer of %s is kept in memory only: "
		    "%s",
		    run->log_dir, s->id, strerror(errno));
	label = xasprintf("%s.%d", s->anonymous, s->answers + 1);
	files = workspace_publish(run, c->index, c->msg, label);
	link_files(run, &file, files);
	preview = utf8_line(text, PREVIEW_MAX);
	e.label = label;
	e.text = preview;
	e.path = file.path == NULL ? "" : file.path;
	e.sha256 = file.sha256;
	e.bytes = (int64_t)strlen(text);
	e.snapshot = files;
	remember(run, c->index, label, text, files);
	run_event(run, &e);
	send_verdict(c, true, true, NULL);
	close_turn(run, c->agent);
	artifact_release(&file);
	free(preview);
	free(files);
	free(label);
	free(dir);
}

static bool
is_blank(const char *text)
{
	return (text[strspn(text, " \t\r\n")] == '\0');
}

/* With its files; then it is the run's, or that of one of its attempts. */
static void
take_presentation(struct call *c)
{
	struct run *run = c->run;
	const char *text = c->msg->text, *id = c->agent->config->id;
	bool again = c->msg->restart != NULL && attempt_may_follow(run);
	char *dir;

	if (again)
		dir = xasprintf("attempt_%lld/final/%s",
		    (long long)run->session->attempt, id);
	else
		dir = xasprintf("final/%s", id);
	if (!is_blank(text))
		(void)workspace_present(run, c->index, c->msg, dir);
	free(dir);
	send_verdict(c, true, true, NULL);
	close_turn(run, c->agent);
	if (again)
		attempt_begin(run, text, c->msg->restart);
	else
		finalize_presented(run, text);
}

void
verdict_on_answer(struct call *c)
{
	const char *text = c->msg->text;
	char why[256];

	if (c->agent->presenting) {
		take_presentation(c);
		return;
	}
	if (c->run->stage != STAGE_COORDINATING)
		return;
	if (is_blank(text))
		refuse(c, "answer", "the answer is empty");
	else if (session_check_answer(c->run->session, c->index,
		     c->run->config->max_new_answers_per_agent, why,
		     sizeof(why)) != VERDICT_OK ||
	    !answer_is_new(c->run, text, why, sizeof(why)))
		refuse(c, "answer", why);
	else
		accept_answer(c, text);
}

static void
accept_vote(struct call *c, int target)
{
	struct run *run = c->run;
	const struct session *s = run->session;
	struct event e = { .type = EVENT_VOTE,
		.agent = c->agent->config->id,
		.who = c->index,
		.target = s->agents[target].id,
		.label = s->answers[s->agents[target].latest].label,
		.text = c->msg->text == NULL ? "" : c->msg->text,
		.path = "",
		.time = run_time(run),
		.seq = run->journal.seq + 1 };
	struct json_object *o;
	struct artifact file;
	const char *text;
	char *dir, *path = NULL;
	size_t len;

	if ((dir = artifact_step_dir(run->log_dir, e.agent)) != NULL)
		e.path = path = xasprintf("%s/vote.json", dir);
	o = report_vote(s, &e);
	text = json_object_to_json_string_length(
	    o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	if (write_step(run, c->agent, dir, "vote.json", text, len, &file) == -1)
		log_warn("%s: vote of %s", run->log_dir, e.agent);
	run_event(run, &e);
	send_verdict(c, true, true, NULL);
	close_turn(run, c->agent);
	artifact_release(&file);
	json_object_put(o);
	free(path);
	free(dir);
}

void
verdict_on_vote(struct call *c)
{
	struct session *s = c->run->session;
	char why[512];
	int target;

	if (c->run->stage != STAGE_COORDINATING || c->agent->presenting)
		return;
	switch (session_check_vote(
	    s, c->index, c->msg->agent, c->msg->seen, why, sizeof(why))) {
	case VERDICT_OK:
		target = session_agent_by_name(s, c->msg->agent);
		accept_vote(c, target);
		break;
	case VERDICT_STALE:
		/* first the news, so that the refusal makes sense */
		run_send_update(c->run, c->index);
		refuse(c, "late_vote", why);
		break;
	case VERDICT_RETRY:
		refuse(c, "vote", why);
		break;
	}
}
