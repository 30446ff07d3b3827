/*
 * A toolbox as in a worker, without the worker: its roots in a directory of
 * the test's own, and an agent that lives as long as the test wants.
 *
 *     ws/ tmp/           its own
 *     snapshots/         agent1.1/seen.txt
 *     ctx/               the user's, writable in the presentation:
 *                        .git/config kept/f nested/ f
 *     only/one.txt       a file of the user's, beside only/two.txt
 *     outside/secret     nobody's
 */

#ifndef TESTS_UNIT_TOOL_BOX_H
#define TESTS_UNIT_TOOL_BOX_H

#include "agent-worker/agent.h"
#include "agent-worker/tool/tool.h"
#include "ipc/mono.h"
#include "tests/json_text.h"
#include "tests/test.h"
#include "tests/unit/scratch.h"

#define SECRET "nobody's business\n"

static int64_t box_questions; /* how often a tool asked whether to go on */
static int64_t box_patience;  /* after so many the turn is over; 0: never */

bool
agent_in_turn(const struct agent *a)
{
	(void)a;
	box_questions++;
	return (box_patience == 0 || box_questions <= box_patience);
}

bool
agent_wait(struct agent *a, int64_t until_ms, link_poll_fn *fn, void *arg)
{
	int64_t left = until_ms - mono_ms();

	if (fn != NULL)
		(void)fn(arg, NULL, 0, (int)(left < 0 ? 0 : left));
	return (agent_in_turn(a));
}

void
agent_say(struct agent *a, struct msg *m)
{
	(void)a;
	(void)m;
}

void
agent_say_activity(struct agent *a, const char *activity, const char *model)
{
	(void)a;
	(void)activity;
	(void)model;
}

const struct answer *
agent_answer_of(const struct agent *a, const char *name)
{
	(void)a;
	(void)name;
	return (NULL);
}

static struct json_object *
box_config(const char *root, const char *more)
{
	char *text =
	    xasprintf("{\"workspace\":\"%s/ws\",\"tmp\":\"%s/tmp\","
		      "\"snapshots\":\"%s/snapshots\",\"confine\":\"/nowhere\","
		      "\"level\":\"off\",\"context\":["
		      "{\"path\":\"%s/ctx\",\"write\":true,"
		      "\"keep\":[\"%s/ctx/kept\"]},"
		      "{\"path\":\"%s/ctx/nested\"},"
		      "{\"path\":\"%s/only/one.txt\",\"write\":true}]%s%s}",
		root, root, root, root, root, root, root,
		*more == '\0' ? "" : ",", more);
	struct json_object *o = json_tokener_parse(text);

	if (o == NULL)
		errx(1, "%s", text);
	free(text);
	return (o);
}

static void
box_lay_out(void)
{
	static const char *const dirs[] = { "ws", "tmp", "snapshots",
		"snapshots/agent1.1", "ctx", "ctx/.git", "ctx/kept",
		"ctx/nested", "only", "outside" };
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdir(dirs[i], 0777) == -1)
			err(1, "%s", dirs[i]);
	spill("snapshots/agent1.1/seen.txt", "seen\n");
	spill("ctx/.git/config", "config\n");
	spill("ctx/kept/f", "kept\n");
	spill("ctx/nested/f", "nested\n");
	spill("ctx/f", "context\n");
	spill("only/one.txt", "one\n");
	spill("only/two.txt", "two\n");
	spill("outside/secret", SECRET);
}

/* more: further members of init.tools, as JSON without the braces. */
static inline struct toolbox *
box_enter(const char *more)
{
	const char *root = scratch_enter();
	struct agent *a = xcalloc(1, sizeof(*a));

	box_lay_out();
	box_questions = box_patience = 0;
	a->turn.open = true;
	a->name = "agent1";
	return (toolbox_new(a, box_config(root, more)));
}

static inline void
box_leave(struct toolbox *box)
{
	struct agent *a = box->agent;
	struct json_object *config = box->config;

	toolbox_free(box);
	json_object_put(config);
	free(a);
	scratch_leave();
}

static inline void
box_present(struct toolbox *box)
{
	box->agent->turn.present = true;
	toolbox_prepare(box);
}

/* JSON with ' for "; what the model is told is the caller's to free. */
static inline char *
box_call(struct toolbox *box, const char *name, const char *arguments,
    bool *out_is_error)
{
	struct json_object *o = json_parse(arguments);
	struct tool_result result;

	if (!toolbox_run(box, name, o, false, &result)) {
		buf_release(&result.text);
		json_object_put(o);
		return (NULL);
	}
	json_object_put(o);
	*out_is_error = result.is_error;
	return (buf_detach(&result.text));
}

/* It succeeds, or fails, and says want among other things. */
static inline void
box_check(struct toolbox *box, const char *name, const char *arguments,
    bool want_error, const char *want, int line)
{
	bool is_error = false;
	char *text = box_call(box, name, arguments, &is_error);

	if (text == NULL || is_error != want_error ||
	    strstr(text, want) == NULL) {
		printf("# line %d: %s(%s)\n", line, name, arguments);
		test_print(is_error ? "error" : "result",
		    text == NULL ? "none" : text,
		    text == NULL ? 4 : strlen(text));
		test_print("wanted", want, strlen(want));
		test_failed = true;
	}
	free(text);
}

#define OK(name, arguments, want) \
	box_check(box, name, arguments, false, want, __LINE__)
#define REFUSED(name, arguments, want) \
	box_check(box, name, arguments, true, want, __LINE__)

#endif
