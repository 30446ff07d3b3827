/* What a model is told of a command. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent-worker/tool/shell_docker.h"
#include "agent-worker/tool/shell_result.h"
#include "ipc/field.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"

#define TOLD_MAX ((size_t)1024 * 1024) /* of a result, as JSON */
#define FAILED   (-1)

/* --- its end --- */

/* Neither an exit status nor a limit: it was never really run. */
static bool
is_lost(const struct shell *s)
{
	static const char *const failures[] = { "lost", "not-run", "walls",
		NULL };

	return (!s->running && s->ended_by == NULL &&
	    (words_have(failures, s->cause) || docker_failed(s)));
}

/* What ended it, if it was not the command itself or the agent. */
static const char *
limit_of(const struct shell *s)
{
	static const char *const ends[] = { "exit", "signal", NULL };

	if (s->ended_by != NULL)
		return (strcmp(s->ended_by, "kill") == 0 ? NULL : s->ended_by);
	if (s->running || words_have(ends, s->cause) || is_lost(s))
		return (NULL);
	return (s->cause);
}

static char *
remark_on(const struct shell *s, double timeout)
{
	const char *limit = limit_of(s);

	if (is_lost(s))
		return (xasprintf("Execution error: %s failed (exit code %d)",
		    docker_failed(s) ? "docker" : "what confines the command",
		    s->exit_code));
	if (limit == NULL)
		return (NULL);
	if (strcmp(limit, "timeout") == 0)
		return (
		    xasprintf("Command timed out after %g seconds", timeout));
	if (strcmp(limit, "output") == 0)
		return (
		    xasprintf("Command ended: it printed more than %lld MiB",
			(long long)(SHELL_PRINTS_MAX >> 20)));
	return (xasprintf("Command ended: it reached its limit (%s)", limit));
}

static const char *
status_of(const struct shell *s)
{
	if (s->running)
		return ("running");
	if (s->ended_by != NULL || strcmp(s->cause, "signal") == 0)
		return ("killed");
	return (s->exit_code == 0 && !is_lost(s) ? "stopped" : "failed");
}

/* --- members --- */

static void
put_seconds(struct json_object *o, const char *key, int64_t ms)
{
	field_put_real(o, key, (double)ms / 1000);
}

static void
put_exit_code(struct json_object *o, const struct shell *s)
{
	if (s->running)
		field_put(o, "exit_code", NULL);
	else
		field_put_int(o, "exit_code", s->exit_code);
}

static void
put_limit(struct json_object *o, const struct shell *s)
{
	const char *limit = limit_of(s);

	if (limit != NULL)
		field_put_str(o, "limit", limit);
}

/* One of its outputs, and on a line of its own what there is to remark. */
static void
put_text(struct json_object *o, const char *key, const struct shell_stream *st,
    size_t max, const char *remark)
{
	struct buf b = BUF_INITIALIZER;

	keep_text(&st->kept, max, &b);
	if (remark != NULL && b.len > 0 && b.data[b.len - 1] != '\n')
		buf_adds(&b, "\n");
	buf_adds(&b, remark == NULL ? "" : remark);
	json_object_object_del(o, key);
	json_object_object_add(
	    o, key, json_object_new_string_len(b.data, (int)b.len));
	buf_release(&b);
}

/*
 * Both outputs.  What is printed in one byte may be told in six, so less of
 * it is told until it fits.
 */
static void
put_output(struct json_object *o, const struct shell *s, const char *remark)
{
	size_t max = TOLD_MAX, len;

	do {
		put_text(o, "stdout", &s->out, max, NULL);
		put_text(o, "stderr", &s->err, max, remark);
		(void)field_line(o, &len);
		max /= 2;
	} while (len > TOLD_MAX && max > 0);
}

/* --- results --- */

void
shell_result_refused(
    const struct shell *s, const char *why, struct tool_result *result)
{
	struct json_object *o = json_object_new_object();

	field_put_bool(o, "success", false);
	field_put_int(o, "exit_code", FAILED);
	field_put_str(o, "stdout", "");
	field_put_str(o, "stderr", why);
	field_put_real(o, "execution_time", 0);
	field_put_str(o, "command", s->command);
	field_put_str(o, "work_dir", s->dir == NULL ? "" : s->dir);
	tool_result_json(result, o);
}

void
shell_result_executed(
    const struct shell *s, double timeout, struct tool_result *result)
{
	struct json_object *o = json_object_new_object();
	char *remark = remark_on(s, timeout);
	bool itself = s->ended_by == NULL && !is_lost(s);

	field_put_bool(
	    o, "success", itself && limit_of(s) == NULL && s->exit_code == 0);
	field_put_int(o, "exit_code", itself ? s->exit_code : FAILED);
	put_seconds(o, "execution_time", shell_ms(s));
	put_limit(o, s);
	field_put_str(o, "command", s->command);
	field_put_str(o, "work_dir", s->dir);
	put_output(o, s, remark);
	tool_result_json(result, o);
	free(remark);
}

void
shell_result_started(const struct shell *s, struct tool_result *result)
{
	struct json_object *o = json_object_new_object();

	field_put_str(o, "shell_id", s->id);
	field_put_str(o, "status", status_of(s));
	field_put_str(o, "command", s->command);
	field_put_int(o, "pid", s->pid);
	field_put_str(o, "work_dir", s->dir);
	tool_result_json(result, o);
}

void
shell_result_output(const struct shell *s, struct tool_result *result)
{
	struct json_object *o = json_object_new_object();
	char *remark = remark_on(s, 0);

	field_put_str(o, "shell_id", s->id);
	field_put_str(o, "status", status_of(s));
	put_exit_code(o, s);
	put_limit(o, s);
	put_output(o, s, remark);
	tool_result_json(result, o);
	free(remark);
}

void
shell_result_killed(
    const struct shell *s, bool was_running, struct tool_result *result)
{
	struct json_object *o = json_object_new_object();

	field_put_str(o, "shell_id", s->id);
	field_put_str(o, "status", status_of(s));
	if (was_running) {
		field_put_str(o, "signal", "SIGTERM");
	} else {
		field_put(o, "signal", NULL);
		field_put_str(o, "message", "It had ended already");
	}
	tool_result_json(result, o);
}

struct json_object *
shell_result_status(const struct shell *s)
{
	struct json_object *o = json_object_new_object();
	time_t at = (time_t)s->started_wall;
	char iso[32];
	struct tm tm;

	localtime_r(&at, &tm);
	strftime(iso, sizeof(iso), "%Y-%m-%dT%H:%M:%S", &tm);
	field_put_str(o, "shell_id", s->id);
	field_put_str(o, "status", status_of(s));
	put_exit_code(o, s);
	put_limit(o, s);
	field_put_int(o, "pid", s->pid);
	field_put_str(o, "command", s->command);
	field_put_str(o, "cwd", s->dir);
	field_put_str(o, "start_time", iso);
	put_seconds(o, "duration_seconds", shell_ms(s) / 10 * 10);
	return (o);
}
