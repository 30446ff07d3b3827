/*
 * One turn with a program: run it, look at what it printed, and run it
 * again with what is wrong with that, until an answer or a vote is accepted
 * or three attempts were made.  A program remembers nothing, so every run
 * is told everything.
 */

#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/bound.h"
#include "agent-worker/command/command.h"
#include "agent-worker/command/decision.h"
#include "agent-worker/command/output.h"
#include "agent-worker/command/program.h"
#include "agent-worker/prompt.h"
#include "ipc/field.h"
#include "ipc/utf8.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"

#define ATTEMPTS_MAX      3
#define SHOWN_MAX         ((size_t)16 * 1024 * 1024) /* of a turn's output */
#define AGAIN_MAX         ((size_t)16 * 1024) /* of an output, told to the next run */
#define COMPLAINT_MAX     400
#define EXIT_NOT_RUNNABLE 126 /* as shells have it: see sh(1) */
#define EXIT_NOT_FOUND    127

enum progress {
	RUN_AGAIN,   /* not the program's fault */
	RUN_ATTEMPT, /* likewise, and one of its attempts is used up */
	RUN_OVER,
};

struct work {
	struct agent *agent;
	struct json_object *config;
	char *system;
	char *remark;   /* for the next run, or NULL */
	int64_t seen;   /* the answers that the run at hand was shown */
	size_t to_show; /* bytes that may still be passed on */
	struct output output;
};

/* --- the program's surroundings --- */

static char **
make_argv(const struct work *w)
{
	struct json_object *list = json_object_object_get(w->config, "command");
	struct words argv = { NULL, 0 };
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++)
		words_add(&argv,
		    json_object_get_string(json_object_array_get_idx(list, i)));
	return (argv.list);
}

/* Ours, in which no key is, and over it what the configuration says. */
static char **
make_env(const struct work *w)
{
	struct json_object *own = field_get(w->config, "env", json_type_object);
	struct words env = { NULL, 0 };
	size_t i;

	for (i = 0; environ[i] != NULL; i++)
		words_add(&env, environ[i]);
	if (own == NULL)
		return (env.list);
	json_object_object_foreach (own, name, value)
		words_set(&env, name,
		    value == NULL ? "" : json_object_get_string(value));
	return (env.list);
}

/* --- what it is told --- */

static void
set_remark(struct work *w, const char *why, const char *text)
{
	size_t len = strlen(text), n = utf8_prefix(text, len, AGAIN_MAX);

	free(w->remark);
	w->remark = xasprintf("\nYou were asked this before, and what you "
			      "printed was not accepted: %s\nIt was:\n"
			      "<YOUR LAST OUTPUT>\n%.*s%s\n"
			      "<END OF YOUR LAST OUTPUT>\n",
	    why, (int)n, text, n < len ? "\n[...]" : "");
}

static char *
make_input(struct work *w)
{
	char *user = prompt_user(w->agent), *told, *input;

	/* it is shown all of them from the start */
	buf_release(&w->agent->turn.news);
	w->seen = w->agent->seen;
	told = xasprintf("%s%s", user, w->remark == NULL ? "" : w->remark);
	agent_say_context(w->agent, w->system, told, json_object_new_array());
	input = xasprintf("%s\n%s", w->system, told);
	free(told);
	free(user);
	return (input);
}

/* --- what it says --- */

static void
show(void *arg, const char *text)
{
	struct work *w = arg;
	size_t n = utf8_prefix(text, strlen(text), w->to_show);
	char *part;

	if (n == 0)
		return;
	part = xstrndup(text, n);
	agent_say_text(w->agent, MSG_CONTENT, part);
	free(part);
	w->to_show = text[n] == '\0' ? w->to_show - n : 0;
	if (w->to_show == 0)
		agent_say_text(w->agent, MSG_CONTENT,
		    "\n[what it says beyond this is not shown]\n");
}

static void
take(void *arg, const char *data, size_t len)
{
	struct work *w = arg;

	output_take(&w->output, data, len);
}

static void
say_usage(const struct work *w)
{
	const struct usage *u = &w->output.usage;
	struct msg m = { .type = MSG_USAGE,
		.model = w->agent->model,
		.input_tokens = u->input,
		.cached_input_tokens = u->cached,
		.cache_write_tokens = u->cache_write,
		.output_tokens = u->output,
		.reasoning_tokens = u->reasoning,
		.cost = w->output.cost };

	agent_say(w->agent, &m);
}

/* --- what is made of it --- */

static enum progress
refuse(struct work *w, const char *why, const char *text)
{
	set_remark(w, why, text);
	return (RUN_ATTEMPT);
}

static enum progress
submit(struct work *w, struct msg *m, const char *text)
{
	struct agent *a = w->agent;

	m->seen = w->seen;
	if (!agent_await_verdict(a, m) || a->turn.accepted)
		return (RUN_OVER);
	set_remark(w, a->turn.verdict, text);
	return (a->turn.news.len > 0 ? RUN_AGAIN : RUN_ATTEMPT);
}

static enum progress
decide(struct work *w, const struct decision *d, const char *text)
{
	struct msg m = { .type = MSG_ANSWER, .text = d->text };

	if (*text == '\0')
		return (refuse(w, "it was empty.", text));
	/* a program's first words are an answer, however it ends them */
	if (d->kind == DECISION_NONE &&
	    agent_answer_of(w->agent, w->agent->name) != NULL)
		return (refuse(w, prompt_decide_in_text, text));
	if (d->kind != DECISION_VOTE)
		return (submit(w, &m, text));
	/* a vote that could not know the news is to be reconsidered */
	if (w->agent->turn.news.len > 0)
		return (RUN_AGAIN);
	if (d->agent == NULL)
		return (refuse(w, "the vote names no agent_id.", text));
	m.type = MSG_VOTE;
	m.agent = d->agent;
	m.text = d->reason;
	return (submit(w, &m, text));
}

/* A presentation, or a direct answer: the text is it. */
static enum progress
present(struct work *w, const struct decision *d)
{
	struct msg m = { .type = MSG_ANSWER, .seen = w->seen, .text = d->text };

	if (*d->text == '\0' && !w->agent->turn.present)
		return (refuse(w, "it was empty.", ""));
	(void)agent_await_verdict(w->agent, &m);
	return (RUN_OVER);
}

static enum progress
take_output(struct work *w)
{
	char *text = output_text(&w->output);
	struct decision d;
	enum progress p;

	decision_find(&d, text, strlen(text));
	if (w->agent->turn.present || w->agent->direct)
		p = present(w, &d);
	else
		p = decide(w, &d, text);
	decision_release(&d);
	free(text);
	return (p);
}

/* --- what went wrong --- */

/* The program's own words: what it reports, else its last line. */
static char *
own_words(const struct work *w, const struct program_end *end)
{
	return (
	    utf8_line(w->output.error != NULL ? w->output.error : end->words,
		COMPLAINT_MAX));
}

/* How it ended, on the heap; NULL: well. */
static char *
complaint(const struct work *w, const struct program_end *end)
{
	switch (end->ending) {
	case PROGRAM_NOT_STARTED:
		return (xstrdup("the program cannot be started"));
	case PROGRAM_OUT_OF_TIME:
		return (xstrdup("the program took too long"));
	case PROGRAM_PRINTS_ON:
		return (xasprintf("the program printed more than %lld MiB",
		    (long long)(PROGRAM_PRINTS_MAX >> 20)));
	case PROGRAM_LEFT:
		if (WIFSIGNALED(end->status))
			return (xasprintf("the program was ended by signal %d",
			    WTERMSIG(end->status)));
		if (WEXITSTATUS(end->status) != 0)
			return (xasprintf("the program exited with code %d",
			    WEXITSTATUS(end->status)));
		break;
	case PROGRAM_DONE:
	case PROGRAM_UNWANTED:
		break;
	}
	if (w->output.error != NULL)
		return (xstrdup("the program reports an error"));
	if (w->output.parser != NULL && !w->output.has_text)
		return (xasprintf("no text in what the program printed "
				  "(%zu JSON objects)",
		    w->output.objects));
	return (NULL);
}

static bool
is_permanent(const struct program_end *end)
{
	int code;

	if (end->ending == PROGRAM_NOT_STARTED)
		return (end->permanent);
	if (end->ending != PROGRAM_LEFT || !WIFEXITED(end->status))
		return (false);
	code = WEXITSTATUS(end->status);
	return (code == EXIT_NOT_RUNNABLE || code == EXIT_NOT_FOUND);
}

/* True: it failed, and that is told. */
static bool
tell_failure(struct work *w, const struct program_end *end)
{
	char *what = complaint(w, end), *words, *text;

	if (what == NULL)
		return (false);
	words = own_words(w, end);
	text =
	    *words == '\0' ? xstrdup(what) : xasprintf("%s: %s", what, words);
	agent_say_error(w->agent,
	    end->ending == PROGRAM_OUT_OF_TIME ? "timeout" : "command", text,
	    is_permanent(end));
	free(text);
	free(words);
	free(what);
	return (true);
}

/* --- the turn --- */

/* Where a limit is set, ask first; false: the turn is over. */
static bool
reserve(struct work *w, const char *input)
{
	struct msg m = { .type = MSG_RESERVE,
		.model = w->agent->model,
		.input_tokens = bound_input(strlen(input)),
		.output_tokens = BOUND_OUTPUT_DEFAULT };

	return (!w->agent->reserve || agent_reserve(w->agent, &m));
}

static void
run_program(struct work *w, const char *input, struct program_end *end)
{
	struct program program = { .argv = make_argv(w),
		.envp = make_env(w),
		.dir = field_get_str(w->config, "cwd"),
		.input = input,
		.len = strlen(input),
		.take = take,
		.arg = w };

	agent_say_activity(w->agent, "waiting_model", w->agent->model);
	program_run(w->agent, &program, end);
	output_end(&w->output);
	words_free(program.argv);
	words_free(program.envp);
}

static enum progress
run_once(struct work *w)
{
	const char *form = field_get_str(w->config, "output");
	char *input = make_input(w);
	enum progress p = RUN_OVER;
	struct program_end end;

	if (reserve(w, input)) {
		output_init(&w->output,
		    form != NULL && strcmp(form, "jsonl") == 0,
		    json_object_object_get(w->config, "output_fields"), show,
		    w);
		run_program(w, input, &end);
		if (end.ending != PROGRAM_NOT_STARTED)
			say_usage(w);
		if (agent_in_turn(w->agent) && !tell_failure(w, &end))
			p = take_output(w);
		output_release(&w->output);
	}
	free(input);
	return (p);
}

void
command_run(struct agent *a)
{
	struct work w = {
		.agent = a, .config = a->program, .to_show = SHOWN_MAX
	};
	enum progress p = RUN_AGAIN;
	int attempts = 0;

	if (!json_object_is_type(json_object_object_get(a->program, "command"),
		json_type_array) ||
	    json_object_array_length(
		json_object_object_get(a->program, "command")) == 0) {
		agent_say_error(a, "configuration", "no command", true);
		return;
	}
	w.system = prompt_system(a);
	while (p != RUN_OVER && attempts < ATTEMPTS_MAX) {
		p = run_once(&w);
		attempts += p == RUN_ATTEMPT ? 1 : 0;
	}
	if (p != RUN_OVER && agent_in_turn(a))
		agent_say_error(a, "no_decision",
		    "three attempts without a valid answer or vote", false);
	free(w.remark);
	free(w.system);
}
