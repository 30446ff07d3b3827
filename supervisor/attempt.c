/* Attempts at the whole question. */

#include <errno.h>
#include <string.h>

#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/attempt.h"
#include "supervisor/record/artifact.h"
#include "supervisor/record/atomic.h"

#define WORDS_MAX 2000 /* bytes of a reason, and of instructions */

bool
attempt_may_follow(const struct run *run)
{
	return (
	    run->session->attempt <= run->config->max_orchestration_restarts &&
	    !run->session->direct && run->interrupts == 0 &&
	    !run->cost_limited && mono_ms() < run->soft_end);
}

void
attempt_fill_turn(const struct run *run, bool presentation, struct msg *m)
{
	m->attempt = run->session->attempt;
	m->feedback = json_object_get(run->feedback);
	if (!presentation || !attempt_may_follow(run))
		return;
	m->evaluate = json_object_new_object();
	if (run->config->debug_final_answer != NULL && m->attempt == 1)
		field_put_str(
		    m->evaluate, "answer", run->config->debug_final_answer);
}

void
attempt_release_turn(struct msg *m)
{
	json_object_put(m->feedback);
	json_object_put(m->evaluate);
}

/* What was presented is replaced, but not lost. */
static void
keep_presented(struct run *run, const char *id, const char *text)
{
	char *dir = xasprintf(
	    "attempt_%lld/final/%s", (long long)run->session->attempt, id);
	char *path = xasprintf("%s/%s", run->log_dir, dir);

	if (atomic_mkdirs(path) == -1 ||
	    artifact_write(run->log_dir, dir, "answer.txt", text, strlen(text),
		NULL) == -1)
		log_warn("%s", path);
	free(path);
	free(dir);
	free(run->presented);
	run->presented = xstrdup(text);
	run->presenter = run->session->winner;
}

static char *
words(struct json_object *o, const char *key)
{
	const char *text = field_get_str(o, key);

	return (utf8_line(text == NULL ? "" : text, WORDS_MAX));
}

static void
set_feedback(struct run *run, const char *reason, const char *instructions)
{
	json_object_put(run->feedback);
	run->feedback = json_object_new_object();
	field_put_str(run->feedback, "reason", reason);
	field_put_str(run->feedback, "instructions", instructions);
	field_put_str(run->feedback, "answer", run->presented);
}

void
attempt_begin(struct run *run, const char *text, struct json_object *restart)
{
	const char *id = run->session->agents[run->session->winner].id;
	char *reason = words(restart, "reason");
	char *instructions = words(restart, "instructions");
	struct event e = { .type = EVENT_RESTART,
		.agent = id,
		.attempt = run->session->attempt + 1,
		.text = reason,
		.instructions = instructions };

	keep_presented(run, id, text);
	set_feedback(run, reason, instructions);
	run_event(run, &e);
	log_info("agent %s: all agents work again: %s", id, reason);
	run->stage = STAGE_COORDINATING;
	free(instructions);
	free(reason);
}
