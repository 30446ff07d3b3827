/* The parseable lines of --automation: few, in order, nothing else. */

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <stdlib.h>

#include "ipc/utf8.h"
#include "supervisor/view/out.h"
#include "supervisor/view/view.h"

/* Ten lines belong to every run; a caller reads at most twenty. */
#define EXTRA_MAX      9
#define LINE_MAX_BYTES 300

static struct {
	bool phase[PHASES];
	int extra;
} printed;

static void
open_view(const char *log_dir)
{
	char *safe = utf8_line(log_dir, PATH_MAX);

	out_printf("LOG_DIR: %s\n", safe);
	free(safe);
}

/* A line beyond the ten; model output among it is made harmless. */
static void
extra(const char *prefix, const char *who, const char *text)
{
	char *safe;

	if (++printed.extra > EXTRA_MAX) {
		if (printed.extra == EXTRA_MAX + 1)
			out_printf("Warning: more is in massgen.log\n");
		return;
	}
	safe = utf8_line(text, LINE_MAX_BYTES);
	out_printf("%s%s: %s\n", prefix, who, safe);
	free(safe);
}

static void
print_phases(const struct session *s)
{
	int p;

	for (p = 0; p < PHASES; p++) {
		if (!s->reached[p] || printed.phase[p])
			continue;
		printed.phase[p] = true;
		out_printf("Phase: %s (%d%%)\n", phase_name((enum phase)p),
		    phase_milestone((enum phase)p));
	}
}

static void
print_failed(const struct session *s, const struct event *e)
{
	struct buf b = BUF_INITIALIZER;
	int answers = s->agents[e->who].answers;

	buf_addf(&b, "failed (%s), %d answer%s kept", e->text, answers,
	    answers == 1 ? "" : "s");
	extra("Agent ", e->agent, b.data);
	buf_release(&b);
}

static void
print_attempt(const struct event *e)
{
	struct buf b = BUF_INITIALIZER;

	/* of the last one the agent's failure tells */
	if (e->delay_ms < 0)
		return;
	buf_addf(&b, "%s, attempt %lld of %lld", e->text, (long long)e->attempt,
	    (long long)e->attempts_max);
	extra("Agent ", e->agent, b.data);
	buf_release(&b);
}

static void
print_restart(const struct event *e)
{
	struct buf b = BUF_INITIALIZER;

	/* why is a model's words */
	buf_addf(
	    &b, "all agents work again, attempt %lld", (long long)e->attempt);
	extra("", "Warning", b.data);
	buf_release(&b);
}

static void
event(const struct session *s, const struct event *e, const char *line,
    size_t len)
{
	(void)line;
	(void)len;
	if (e->type == EVENT_RUN_STARTED)
		out_printf("Starting coordination with %zu agent%s...\n",
		    s->nagents, s->nagents == 1 ? "" : "s");
	else if (e->type == EVENT_ATTEMPT_FAILED)
		print_attempt(e);
	else if (e->type == EVENT_AGENT_FAILED)
		print_failed(s, e);
	else if (e->type == EVENT_WARNING || e->type == EVENT_STALLED ||
	    (e->type == EVENT_STOPPING && strcmp(e->kind, "consensus") != 0))
		extra("", "Warning", e->text);
	else if (e->type == EVENT_RESTART)
		print_restart(e);
	print_phases(s);
}

static void
close_view(const struct view_end *end)
{
	char *safe;

	if (end->error != NULL) {
		safe = utf8_line(end->error, 2000);
		out_printf("Error: %s\n", safe);
		free(safe);
	} else if (end->answer_path != NULL) {
		out_printf("Winner: %s\n",
		    end->session->agents[end->session->winner].id);
		out_printf("Final answer: %s\n", end->answer_path);
	}
	out_printf("Elapsed: %.2f seconds\n", end->elapsed);
	out_printf("Exit code: %d\n", end->exit_code);
}

const struct view view_automation = { open_view, event, close_view };
