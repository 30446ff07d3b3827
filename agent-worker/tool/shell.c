/*
 * The command line: commands that are waited for, and commands that run
 * behind the agent's work until it ends.
 */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/shell_begin.h"
#include "agent-worker/tool/shell_child.h"
#include "agent-worker/tool/shell_docker.h"
#include "agent-worker/tool/shell_result.h"
#include "agent-worker/tool/tool.h"
#include "ipc/children.h"
#include "ipc/field.h"
#include "ipc/mono.h"
#include "ipc/xmalloc.h"

#define ERROR_LEN     1024
#define HEAD          ((size_t)256 * 1024) /* bytes of an output's beginning */
#define TIMEOUT_S     60.0
#define TIMEOUT_MIN_S 0.05
#define TIMEOUT_MAX_S 86400.0
#define STOP_MS       3000 /* confine's own grace, and to sweep */
#define LEAVE_MS      1000 /* once nobody wants the result */
#define LOOK_MS       5000 /* between looks at the time it takes */
#define BUSY_TICKS    10   /* of processor time in between: not only waiting */
#define NOTE_MS       1000 /* between words that it prints */
#define RUNNING_MAX   10
#define ENDED_MAX     32 /* listed */

/* Behind the agent's work, oldest first. */
struct shells {
	struct shell **list;
	size_t n;
};

static struct shells *
shells_of(struct toolbox *box)
{
	return (box->state[FAMILY_SHELL]);
}

/* --- while it runs --- */

/* What was last known of a command that is waited for. */
struct pace {
	int64_t look_at;
	int64_t noted_at;
	int64_t ticks;
	int64_t printed;
};

/* A command that computes, or prints, goes on; one that hangs does not. */
static void
note_progress(struct shell *s, struct pace *p)
{
	int64_t now = mono_ms(), ticks;
	int64_t printed = s->out.kept.total + s->err.kept.total;
	bool goes_on = printed > p->printed && now >= p->noted_at;

	if (now >= p->look_at) {
		p->look_at = now + LOOK_MS;
		ticks = children_ticks();
		goes_on = goes_on || ticks - p->ticks >= BUSY_TICKS;
		p->ticks = ticks;
	}
	if (!goes_on)
		return;
	p->printed = printed;
	p->noted_at = now + NOTE_MS;
	agent_say_activity(s->agent, "running_tool", NULL);
}

/* Until it has ended, at most until then.  False: the turn is over. */
static bool
attend(struct shell *s, int64_t until)
{
	struct pace p = { .look_at = mono_ms() + LOOK_MS };

	while (s->running && mono_ms() < until) {
		if (!agent_wait(
			s->agent, mono_min(until, p.look_at), NULL, NULL))
			return (false);
		note_progress(s, &p);
	}
	return (true);
}

/* False: the turn is over; it has ended in either case. */
static bool
stop(struct toolbox *box, struct shell *s, const char *why)
{
	bool wanted;

	shell_stop(s, why);
	wanted = attend(s, mono_ms() + STOP_MS);
	shell_end(s, mono_ms() + (wanted ? 0 : LEAVE_MS));
	if (s->container != NULL)
		docker_remove(box, s->container);
	return (wanted);
}

static double
timeout_of(struct json_object *arguments, struct json_object *config)
{
	double s = json_object_get_double(member(arguments, "timeout"));

	if (s <= 0)
		s = json_object_get_double(member(config, "timeout"));
	if (s <= 0)
		s = TIMEOUT_S;
	if (s < TIMEOUT_MIN_S)
		s = TIMEOUT_MIN_S;
	return (s > TIMEOUT_MAX_S ? TIMEOUT_MAX_S : s);
}

static bool start_background_shell(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result);

static bool
execute_command(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	double timeout = timeout_of(arguments, shell_config(box));
	struct agent *a = box->agent;
	struct shell s = { 0 };
	char err[ERROR_LEN];
	bool wanted = true;

	if (field_get_bool(arguments, "run_in_background"))
		return (start_background_shell(box, arg, arguments, result));
	if (!shell_begin(box, &s, arguments, HEAD, err, sizeof(err))) {
		shell_result_refused(&s, err, result);
		shell_release(&s);
		return (true);
	}
	agent_say_activity(a, "running_tool", NULL);
	wanted = attend(&s,
	    mono_min(a->turn.end_ms, mono_ms() + (int64_t)(timeout * 1000)));
	if (s.running || s.ended_by != NULL)
		wanted = stop(box, &s, "timeout") && wanted;
	if (wanted)
		shell_result_executed(&s, timeout, result);
	shell_release(&s);
	return (wanted);
}

/* --- behind the agent's work --- */

static size_t
count_running(const struct shells *all)
{
	size_t i, n = 0;

	for (i = 0; i < all->n; i++)
		n += all->list[i]->running ? 1 : 0;
	return (n);
}

static void
drop(struct shells *all, size_t i)
{
	shell_release(all->list[i]);
	free(all->list[i]);
	memmove(&all->list[i], &all->list[i + 1],
	    (all->n - i - 1) * sizeof(*all->list));
	all->n--;
}

/* Those that ended long ago make room. */
static void
drop_ended(struct shells *all)
{
	size_t i = 0, ended = all->n - count_running(all);

	while (ended >= ENDED_MAX && i < all->n) {
		if (all->list[i]->running) {
			i++;
			continue;
		}
		drop(all, i);
		ended--;
	}
}

static bool
start_background_shell(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	struct shells *all = shells_of(box);
	struct shell *s;
	char err[ERROR_LEN];

	(void)arg;
	if (count_running(all) >= RUNNING_MAX) {
		tool_fail(result, NULL,
		    "Maximum concurrent shells (%d) reached", RUNNING_MAX);
		return (true);
	}
	drop_ended(all);
	s = xcalloc(1, sizeof(*s));
	all->list =
	    xreallocarray(all->list, all->n + 1, sizeof(struct shell *));
	all->list[all->n++] = s;
	s->id = xasprintf("shell_%08x", (unsigned int)arc4random());
	if (!shell_begin(box, s, arguments, 0, err, sizeof(err))) {
		tool_fail(result, NULL, "%s", err);
		drop(all, all->n - 1);
		return (true);
	}
	shell_result_started(s, result);
	return (true);
}

/* The shell that is named, or NULL and the result says so. */
static struct shell *
find(struct toolbox *box, struct json_object *arguments,
    struct tool_result *result)
{
	const char *id = field_get_str(arguments, "shell_id");
	struct shells *all = shells_of(box);
	size_t i;

	for (i = 0; id != NULL && i < all->n; i++)
		if (strcmp(all->list[i]->id, id) == 0)
			return (all->list[i]);
	tool_fail(result, NULL, "Shell not found: %s",
	    id == NULL ? "no shell_id" : id);
	return (NULL);
}

static bool
get_background_shell_output(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	struct shell *s = find(box, arguments, result);

	(void)arg;
	if (s != NULL)
		shell_result_output(s, result);
	return (true);
}

static bool
get_background_shell_status(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	struct shell *s = find(box, arguments, result);

	(void)arg;
	if (s != NULL)
		tool_result_json(result, shell_result_status(s));
	return (true);
}

static bool
kill_background_shell(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	struct shell *s = find(box, arguments, result);
	bool was_running;

	(void)arg;
	if (s == NULL)
		return (true);
	was_running = s->running;
	if (was_running && !stop(box, s, "kill"))
		return (false);
	shell_result_killed(s, was_running, result);
	return (true);
}

static bool
list_background_shells(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct shells *all = shells_of(box);
	size_t i;

	(void)arg;
	(void)arguments;
	for (i = 0; i < all->n; i++)
		json_object_array_add(list, shell_result_status(all->list[i]));
	json_object_object_add(o, "shells", list);
	json_object_object_add(
	    o, "count", json_object_new_int64((int64_t)all->n));
	tool_result_json(result, o);
	return (true);
}

/* --- the family --- */

#define COMMAND                                                        \
	"\"command\":{\"type\":\"string\",\"description\":"            \
	"\"What /bin/sh is to run\"},"                                 \
	"\"work_dir\":{\"type\":[\"string\",\"null\"],"                \
	"\"description\":\"Directory to run it in; your workspace if " \
	"left out\"}"
#define SHELL_ID_SCHEMA                                      \
	"{\"type\":\"object\",\"properties\":{\"shell_id\":" \
	"{\"type\":\"string\",\"description\":"              \
	"\"As start_background_shell returned it\"}},"       \
	"\"required\":[\"shell_id\"]}"

static const struct tool_row rows[] = {
	{ "execute_command",
	    "Run a shell command and wait for it. Returns exit_code, stdout "
	    "and stderr; of a long output the beginning and the end. Its "
	    "standard input is empty. Whatever it leaves running is ended "
	    "with it: use start_background_shell for what is to stay.",
	    "{\"type\":\"object\",\"properties\":{" COMMAND
	    ",\"timeout\":{\"type\":[\"number\",\"null\"],\"description\":"
	    "\"Seconds after which it is ended, with all that it started\"},"
	    "\"run_in_background\":{\"type\":\"boolean\",\"description\":"
	    "\"As start_background_shell\"}},\"required\":[\"command\"]}",
	    execute_command },
	{ "start_background_shell",
	    "Start a shell command and go on at once; it runs until it ends, "
	    "is killed, or you are done. At most 10 at a time.",
	    "{\"type\":\"object\",\"properties\":{" COMMAND
	    "},\"required\":[\"command\"]}",
	    start_background_shell },
	{ "get_background_shell_output",
	    "What a background shell has printed so far: the end of it, where "
	    "it is long.",
	    SHELL_ID_SCHEMA, get_background_shell_output },
	{ "get_background_shell_status",
	    "Whether a background shell is running, stopped (exit code 0), "
	    "failed or killed.",
	    SHELL_ID_SCHEMA, get_background_shell_status },
	{ "kill_background_shell",
	    "End a background shell with all that it started.", SHELL_ID_SCHEMA,
	    kill_background_shell },
	{ "list_background_shells", "All background shells and their status.",
	    "{\"type\":\"object\",\"properties\":{}}", list_background_shells },
};

static void
open_shells(struct toolbox *box)
{
	if (shell_config(box) == NULL || box->walls.n == 0)
		return;
	box->state[FAMILY_SHELL] = xcalloc(1, sizeof(struct shells));
	toolbox_add_rows(box, rows, sizeof(rows) / sizeof(rows[0]), NULL);
}

static void
get_ready(struct toolbox *box)
{
	if (shells_of(box) != NULL)
		shell_ahead(box);
}

static void
close_shells(struct toolbox *box)
{
	struct shells *all = shells_of(box);
	int64_t until = mono_ms() + LEAVE_MS;
	struct shell *s;
	size_t i;

	if (all == NULL)
		return;
	confined_drop_ahead();
	for (i = 0; i < all->n; i++)
		shell_stop(all->list[i], "kill");
	for (i = 0; i < all->n; i++) {
		s = all->list[i];
		shell_end(s, until);
		if (s->container != NULL && s->ended_by != NULL)
			docker_remove(box, s->container);
	}
	while (all->n > 0)
		drop(all, all->n - 1);
	free(all->list);
	free(all);
	box->state[FAMILY_SHELL] = NULL;
}

const struct tool_family family_shell = {
	.open = open_shells, .ahead = get_ready, .close = close_shells
};
