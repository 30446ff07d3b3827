/*
 * Every way out of a run: the winner, its presentation if there is time for
 * it, the end of every worker, and the files that say how it went.  No step
 * needs a model: what cannot be had is replaced by what is known.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/err.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/attempt.h"
#include "supervisor/decide/vote.h"
#include "supervisor/nest/child.h"
#include "supervisor/nest/parent.h"
#include "supervisor/record/atomic.h"
#include "supervisor/record/durable.h"
#include "supervisor/record/manifest.h"
#include "supervisor/record/report.h"
#include "supervisor/run.h"
#include "supervisor/view/out.h"
#include "supervisor/workspace.h"

#define PREVIEW_MAX 200

static struct agent_run *
winner_of(struct run *run)
{
	return (run->session->winner == -1
		? NULL
		: &run->agents[run->session->winner]);
}

/* Nobody answered in another attempt: what was presented before stands. */
static void
reinstate(struct run *run)
{
	const struct session *s = run->session;
	struct event e = { .type = EVENT_WINNER,
		.agent = s->agents[run->presenter].id };
	size_t i;

	for (i = 0; i < s->nanswers; i++)
		if (s->answers[i].agent == run->presenter)
			e.label = s->answers[i].label;
	e.text = "no answer in another attempt: the one before stands";
	run_event(run, &e);
}

static void
choose_winner(struct run *run)
{
	struct event e = { .type = EVENT_WINNER };
	const struct session *s = run->session;
	char *reason;
	int w;

	if ((w = vote_winner(s, &reason)) == -1 && run->presented != NULL)
		reinstate(run);
	if (w == -1)
		return;
	e.agent = s->agents[w].id;
	e.label = s->answers[s->agents[w].latest].label;
	e.text = reason;
	run_event(run, &e);
	free(reason);
}

/* Whether the winner can still be asked to present. */
static bool
may_present(struct run *run)
{
	const struct agent_run *a = winner_of(run);

	return (a != NULL && !a->given_up && !run->session->direct &&
	    session_has_answer(run->session) && run->interrupts == 0 &&
	    !run->cost_limited && mono_ms() < run->present_end);
}

static void
stop_all_but(struct run *run, const struct agent_run *keep)
{
	size_t i;

	for (i = 0; i < run->session->nagents; i++) {
		struct agent_run *a = &run->agents[i];

		if (a == keep)
			continue;
		a->turn_open = false;
		worker_stop(&a->worker, "finished", "the run is over", false);
	}
}

static void
cancel_turn(struct agent_run *a)
{
	struct msg m = { .type = MSG_CANCEL, .turn = a->turn };

	if (a->turn_open && a->worker.state == WORKER_UP)
		worker_send(&a->worker, &m);
	a->turn_open = false;
}

static void
step_presenting(struct run *run)
{
	struct agent_run *a = winner_of(run);
	int i = run->session->winner;

	if (!may_present(run))
		finalize_presented(run, NULL);
	else if (a->worker.state == WORKER_DOWN && mono_ms() >= a->start_at)
		run_start_worker(run, i);
	else if (a->worker.state == WORKER_UP && !a->turn_open)
		run_start_turn(run, i, true);
}

void
finalize_begin(struct run *run, const char *why, const char *text)
{
	struct event e = { .type = EVENT_STOPPING, .kind = why, .text = text };
	struct agent_run *a;
	size_t i;

	if (run->stage != STAGE_COORDINATING)
		return;
	log_info("coordination is over: %s", text);
	run_event(run, &e);
	choose_winner(run);
	run->stage = STAGE_PRESENTING;
	a = winner_of(run);
	if (!may_present(run)) {
		finalize_presented(run, NULL);
		return;
	}
	for (i = 0; i < run->session->nagents; i++)
		cancel_turn(&run->agents[i]);
	a->start_at = 0;
	/* the one that is waited for comes before those that go */
	step_presenting(run);
	if (!attempt_may_follow(run))
		stop_all_but(run, a);
}

/* --- the final answer --- */

/* What is presented is the last thing, unless there is another attempt. */
bool
finalize_wants_folders(const struct run *run)
{
	return (run->stage == STAGE_PRESENTING && !run->has_final &&
	    run->session->winner != -1 && !attempt_may_follow(run));
}

void
finalize_make_folders(struct run *run)
{
	char *path = xasprintf(
	    "%s/final/%s/workspace", run->log_dir, winner_of(run)->config->id);

	run->has_final = true;
	/* tried again, and told, with what goes there */
	(void)atomic_mkdirs(path);
	manifest_make_folders(run->log_dir, run->session);
	free(path);
}

static int
write_final(struct run *run, const struct agent_run *a, struct artifact *file)
{
	const char *context = a->context == NULL ? "" : a->context;
	char *dir = xasprintf("final/%s", a->config->id);
	char *path = xasprintf("%s/%s", run->log_dir, dir);
	char *workspace = xasprintf("%s/workspace", path);
	int ret;

	ret = atomic_mkdirs(workspace);
	if (ret == 0)
		ret = artifact_write(run->log_dir, dir, "answer.txt",
		    run->final_text, strlen(run->final_text), file);
	if (ret == 0)
		ret = artifact_write(run->log_dir, dir, "context.txt", context,
		    strlen(context), NULL);
	free(workspace);
	free(path);
	free(dir);
	return (ret);
}

/* The disk took it not: somewhere else, or as a last resort on stderr. */
static void
rescue_final(struct run *run, int error)
{
	const char *tmp = getenv("TMPDIR");
	char *path;

	path = xasprintf("%s/massgen-answer-%s.txt",
	    tmp == NULL || *tmp == '\0' ? "/tmp" : tmp,
	    run->session->session_id);
	if (atomic_write(
		path, run->final_text, strlen(run->final_text), true) == 0) {
		run->error = xasprintf("%s/final: %s; the final answer is in "
				       "%s",
		    run->log_dir, strerror(error), path);
	} else {
		run->error = xasprintf("%s/final: %s; the final answer is on "
				       "standard error",
		    run->log_dir, strerror(error));
		(void)err_deliver(run->final_text, strlen(run->final_text));
		(void)err_deliver("\n", 1);
	}
	free(path);
}

static void
record_final(struct run *run, bool presented)
{
	struct agent_run *a = winner_of(run);
	struct event e = { .type = EVENT_FINAL_ANSWER,
		.agent = a->config->id,
		.presented = presented };
	struct artifact file = { 0 };
	char *preview;

	if (write_final(run, a, &file) == -1) {
		rescue_final(run, errno);
		artifact_release(&file);
		return;
	}
	preview = utf8_line(run->final_text, PREVIEW_MAX);
	e.text = preview;
	e.path = file.path;
	e.bytes = file.bytes;
	e.sha256 = file.sha256;
	run_event(run, &e);
	free(preview);
	artifact_release(&file);
}

static bool
is_blank(const char *text)
{
	return (text[strspn(text, " \t\r\n")] == '\0');
}

/* The winner's, as it stands. */
static const char *
last_answer(const struct run *run)
{
	int latest = run->session->agents[run->session->winner].latest;

	return (latest == -1 ? run->presented : run->texts[latest]);
}

/* What else can be written while the last worker leaves. */
static void
begin_results(struct run *run)
{
	run->manifest = manifest_begin(run->log_dir, run->session, run->texts);
	if (run->session->final_path != NULL)
		manifest_sync(run->manifest, "final");
}

void
finalize_presented(struct run *run, const char *text)
{
	const struct agent_run *a = winner_of(run);
	bool presented = text != NULL && !is_blank(text);

	if (run->stage != STAGE_PRESENTING)
		return;
	run->stage = STAGE_ENDING;
	if (a != NULL) {
		if (!presented) {
			text = last_answer(run);
			if (run->interrupts == 0 && !run->session->direct)
				log_info("agent %s did not present: its last "
					 "answer is taken",
				    a->config->id);
		}
		run->final_text = xstrdup(text);
		record_final(run, presented);
	}
	stop_all_but(run, NULL);
	begin_results(run);
}

static void
step_ending(struct run *run)
{
	bool late = mono_ms() >= run->hard_end, down = true;
	size_t i;

	for (i = 0; i < run->session->nagents; i++) {
		struct worker *w = &run->agents[i].worker;

		if (late)
			worker_kill(w, "finished", "the run's time is over");
		down = down && worker_is_down(w);
	}
	if (down)
		run->stage = STAGE_DONE;
}

void
finalize_step(struct run *run)
{
	if (run->stage == STAGE_PRESENTING)
		step_presenting(run);
	if (run->stage == STAGE_ENDING)
		step_ending(run);
}

/* --- the last files --- */

/* The first failure is told, and where the answer is all the same. */
static void
fail(struct run *run, const char *path, int error)
{
	const char *final = run->session->final_path;
	char *where;

	if (run->error != NULL)
		return;
	where = final == NULL
	    ? xstrdup("")
	    : xasprintf("; the final answer is in %s/%s", run->log_dir, final);
	run->error = xasprintf("%s: %s%s", path, strerror(error), where);
	free(where);
}

static void
fail_file(struct run *run, const char *name, int error)
{
	char *path = xasprintf("%s/%s", run->log_dir, name);

	fail(run, path, error);
	free(path);
}

static void
write_output(struct run *run)
{
	if (run->output_path == NULL || run->final_text == NULL)
		return;
	if (atomic_deliver(run->output_path, run->final_text,
		strlen(run->final_text)) == -1)
		fail(run, run->output_path, errno);
}

static enum exit_code
exit_code_of(struct run *run)
{
	const struct session *s = run->session;

	if (run->interrupts > 0)
		return (EXIT_INTERRUPTED);
	if (s->stopping != NULL && strcmp(s->stopping, "time") == 0)
		return (EXIT_TIMEOUT);
	return (s->final_path == NULL ? EXIT_EXECUTION : EXIT_OK);
}

/* Why there is no final answer, when nothing worse was found. */
static void
explain(struct run *run, enum exit_code code)
{
	const struct session *s = run->session;
	const char *last = NULL;
	size_t i;

	if (run->error != NULL || s->final_path != NULL)
		return;
	for (i = 0; i < s->nagents; i++)
		if (s->agents[i].error_message != NULL)
			last = s->agents[i].error_message;
	if (code == EXIT_INTERRUPTED)
		run->error = xstrdup("interrupted before any answer");
	else if (code == EXIT_TIMEOUT)
		run->error = xasprintf("the time limit of %g s passed before "
				       "any answer",
		    (double)run->config->run_timeout_ms / 1000);
	else if (run->cost_limited)
		run->error = xasprintf("the cost limit of %g USD was reached "
				       "before any answer",
		    run->config->max_cost_usd);
	else
		run->error = xasprintf("no agent produced an answer%s%s",
		    last == NULL ? "" : ": ", last == NULL ? "" : last);
}

static void
end_event(struct run *run, enum exit_code code, bool manifest)
{
	struct event e = { .type = EVENT_RUN_ENDED,
		.outcome = exit_outcome(code),
		.exit_code = (int)code,
		.text = run->error,
		.path = manifest ? MANIFEST_PATH : NULL };

	run_event(run, &e);
}

static void
close_view(struct run *run, enum exit_code code)
{
	char *path = NULL;
	struct view_end end = { .session = run->session,
		.exit_code = (int)code,
		.error = run->error,
		.answer = run->final_text,
		.elapsed = run->session->last_time - run->session->start_time };

	if (run->session->final_path != NULL)
		path =
		    xasprintf("%s/%s", run->log_dir, run->session->final_path);
	end.answer_path = path;
	run->view->close(&end);
	out_drain();
	free(path);
}

/* The presenter's files have come after its answer. */
static void
sync_files(struct run *run)
{
	const struct agent_run *a = winner_of(run);
	char *files;

	if (a == NULL || a->workspace == NULL)
		return;
	files = xasprintf("final/%s/workspace", a->config->id);
	manifest_sync(run->manifest, files);
	free(files);
}

/* The result's folders, whole and on stable storage. */
static bool
write_results(struct run *run, enum exit_code code)
{
	const struct session *s = run->session;
	struct artifact final = { s->final_path, s->final_bytes, "" };

	if (s->final_path != NULL)
		strlcpy(final.sha256, s->final_sha256, sizeof(final.sha256));
	sync_files(run);
	if (manifest_end(run->manifest, s,
		s->final_path == NULL ? NULL : &final, exit_outcome(code)) == 0)
		return (true);
	fail_file(run, MANIFEST_PATH, errno);
	return (false);
}

/* The journal, and the names in the run's directory. */
static void
sync_records(const struct run *run)
{
	struct durable *d = durable_new();

	durable_path(d, run->log_dir);
	if (run->journal.fd != -1)
		durable_fd(d, run->journal.fd);
	if (durable_wait(d) == -1)
		log_warn("%s", run->log_dir);
}

/* The end that a journal does not take is another end. */
static enum exit_code
say_end(struct run *run, enum exit_code code, bool manifest)
{
	end_event(run, code, manifest);
	if (run->journal_error == 0 || run->error != NULL)
		return (code);
	fail_file(run, "events.ndjson", run->journal_error);
	if (code == EXIT_OK)
		code = EXIT_EXECUTION;
	end_event(run, code, manifest);
	return (code);
}

/* What else there is to write and to remove, and then the last status. */
static enum exit_code
write_last_files(struct run *run, enum exit_code code)
{
	const struct session *s = run->session;

	if (report_write(run->log_dir, s, run->config) == -1)
		log_warnx(
		    "%s: some reports could not be written", run->log_dir);
	(void)unlink(run->ballast);
	child_end(run->parent, s, (int)code);
	parent_release(run);
	sync_records(run);
	if (status_write(&run->status, s, s->last_time) == 0)
		return (code);
	fail_file(run, "status.json", errno);
	return (code == EXIT_OK ? EXIT_EXECUTION : code);
}

enum exit_code
finalize_finish(struct run *run)
{
	enum exit_code code = exit_code_of(run);
	bool written;

	setup_files(run);
	setup_close_files(run);
	workspace_finish(run);
	write_output(run);
	explain(run, code);
	if (run->journal_error != 0)
		fail_file(run, "events.ndjson", run->journal_error);
	if (code == EXIT_OK && run->error != NULL)
		code = EXIT_EXECUTION;
	written = write_results(run, code);
	if (!written && code == EXIT_OK)
		code = EXIT_EXECUTION;
	code = say_end(run, code, written);
	code = write_last_files(run, code);
	close_view(run, code);
	return (code);
}
