/*
 * For a person: what happens goes to standard error as it happens, the
 * final answer to standard output, so that it can be piped on.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/err.h"
#include "ipc/utf8.h"
#include "supervisor/view/out.h"
#include "supervisor/view/view.h"

#define PREVIEW_MAX 100

static void
open_view(const char *log_dir)
{
	err_printf("massgen: run directory %s\n", log_dir);
}

static void
say(const char *who, const char *what, const char *text)
{
	char *safe = utf8_line(text, PREVIEW_MAX);

	err_printf(
	    "%-12s %s%s%s\n", who, what, *safe == '\0' ? "" : ": ", safe);
	free(safe);
}

static void
say_answer(const struct event *e)
{
	char what[96];

	snprintf(what, sizeof(what), "answered (%.40s)", e->label);
	say(e->agent, what, e->text);
}

static void
say_vote(const struct event *e)
{
	char what[160];

	snprintf(
	    what, sizeof(what), "voted for %.64s (%.40s)", e->target, e->label);
	say(e->agent, what, e->text);
}

static void
say_nested(const struct event *e)
{
	const char *how = "";
	char what[64];

	snprintf(what, sizeof(what), "nested run %lld %.20s",
	    (long long)e->child, e->kind);
	if (strcmp(e->kind, "ended") != 0)
		how = "its process is gone";
	else if (e->exit_code != 0)
		how = "it has failed";
	say(e->agent, what, how);
}

static void
event(const struct session *s, const struct event *e, const char *line,
    size_t len)
{
	(void)line;
	(void)len;
	if (e->type == EVENT_RUN_STARTED)
		err_printf("massgen: %zu agent%s%s\n", s->nagents,
		    s->nagents == 1 ? "" : "s", s->dry_run ? ", dry run" : "");
	else if (e->type == EVENT_TURN_STARTED && e->turn == 1)
		say(e->agent, "works", "");
	else if (e->type == EVENT_ANSWER)
		say_answer(e);
	else if (e->type == EVENT_VOTE)
		say_vote(e);
	else if (e->type == EVENT_REFUSED)
		say(e->agent, "refused", e->text);
	else if (e->type == EVENT_ATTEMPT_FAILED)
		say(e->agent, "attempt failed", e->text);
	else if (e->type == EVENT_AGENT_FAILED)
		say(e->agent, "failed", e->text);
	else if (e->type == EVENT_WARNING || e->type == EVENT_STALLED)
		say("massgen", "warning", e->text);
	else if (e->type == EVENT_STOPPING)
		say("massgen", "coordination is over", e->text);
	else if (e->type == EVENT_WINNER)
		say(e->agent, "wins", e->text);
	else if (e->type == EVENT_PRESENTATION)
		say(e->agent, "presents", "");
	else if (e->type == EVENT_RESTART)
		say(e->agent, "wants another attempt", e->text);
	else if (e->type == EVENT_CHILD_OPENED)
		say(e->agent, "started a nested run", e->question);
	else if (e->type == EVENT_CHILD_ENDED)
		say_nested(e);
}

/* On a terminal no answer may send escape codes; a pipe gets every byte. */
static void
print_answer(const char *answer)
{
	bool tty = isatty(STDOUT_FILENO) == 1;
	const char *p = answer, *end;

	while (tty && *p != '\0') {
		char *safe, *one;

		end = strchrnul(p, '\n');
		one = strndup(p, (size_t)(end - p));
		if (one == NULL)
			return;
		safe = utf8_line(one, (size_t)(end - p));
		out_printf("%s\n", safe);
		free(safe);
		free(one);
		p = *end == '\0' ? end : end + 1;
	}
	if (tty)
		return;
	out_write(answer, strlen(answer));
	if (*answer != '\0' && answer[strlen(answer) - 1] != '\n')
		out_write("\n", 1);
}

static void
close_answer(const struct view_end *end)
{
	if (end->error != NULL)
		err_printf("massgen: %s\n", end->error);
	if (end->answer != NULL)
		print_answer(end->answer);
}

static void
close_view(const struct view_end *end)
{
	close_answer(end);
	if (end->answer_path != NULL)
		err_printf("massgen: final answer in %s\n", end->answer_path);
	err_printf("massgen: %.2f seconds, exit code %d\n", end->elapsed,
	    end->exit_code);
}

/* A path is told only where the answer did not get through. */
static void
close_quietly(const struct view_end *end)
{
	close_answer(end);
	if (!out_drain() && end->answer_path != NULL)
		err_printf(
		    "massgen: the whole answer is in %s\n", end->answer_path);
}

static void
ignore_open(const char *log_dir)
{
	(void)log_dir;
}

static void
ignore_event(const struct session *s, const struct event *e, const char *line,
    size_t len)
{
	(void)s;
	(void)e;
	(void)line;
	(void)len;
}

const struct view view_terminal = { open_view, event, close_view };
const struct view view_answer = { ignore_open, ignore_event, close_quietly };
