/* final_output/ and its manifest. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/atomic.h"
#include "supervisor/record/filelist.h"
#include "supervisor/record/manifest.h"
#include "supervisor/record/votes.h"

#define MANIFEST_VERSION 1

static struct json_object *
file_row(const struct artifact *f)
{
	struct json_object *o = json_object_new_object();

	field_put_str(o, "path", f->path);
	field_put_int(o, "bytes", f->bytes);
	field_put_str(o, "sha256", f->sha256);
	return (o);
}

/* Show what came with an answer, which stays where it is, in dir. */
static int64_t
add_files(const char *run_dir, const char *dir,
    const struct session_answer *answer, struct json_object *files)
{
	size_t i, n = json_object_array_length(files);
	char *path, *target;
	struct json_object *row;
	int64_t left_out;

	if (answer->snapshot == NULL)
		return (0);
	path = xasprintf("%s/%s/workspace", run_dir, dir);
	target = xasprintf("../../%s", answer->snapshot);
	if (symlink(target, path) == -1)
		log_warn("%s", path);
	left_out = filelist_append(files, run_dir, answer->snapshot);
	for (i = n; i < json_object_array_length(files); i++) {
		row = json_object_array_get_idx(files, i);
		field_put_str(row, "label", answer->label);
	}
	free(target);
	free(path);
	return (left_out);
}

/*
 * The agent's last answer, a text and perhaps files; their rows go to files.
 * Returns how many have none, or -1 and errno.
 */
static int64_t
write_answer(const char *run_dir, const struct session *s,
    const struct session_agent *a, char *const *texts,
    struct json_object *files)
{
	int64_t left_out = 0;
	struct artifact file = { 0 };
	char *dir, *path;
	int ret;

	if (a->latest == -1)
		return (0);
	dir = xasprintf("final_output/%s", a->id);
	path = xasprintf("%s/%s", run_dir, dir);
	ret = mkdir(path, 0777);
	if (ret == 0)
		ret = artifact_write(run_dir, dir, "answer.txt",
		    texts[a->latest], strlen(texts[a->latest]), &file);
	if (ret == 0) {
		struct json_object *row = file_row(&file);

		field_put_str(row, "label", s->answers[a->latest].label);
		json_object_array_add(files, row);
		left_out =
		    add_files(run_dir, dir, &s->answers[a->latest], files);
	}
	artifact_release(&file);
	free(path);
	free(dir);
	return (ret == -1 ? -1 : left_out);
}

static struct json_object *
vote_row(const struct session *s, const struct session_agent *a)
{
	struct json_object *o = votes_cast(s, a);

	if (o != NULL)
		field_put_str(o, "reason", a->vote_reason);
	return (o);
}

static const char *
agent_outcome(const struct session_agent *a)
{
	if (a->status == AGENT_TIMEOUT)
		return ("timeout");
	if (a->failed)
		return ("error");
	if (a->vote_stands)
		return ("voted");
	return (a->answers > 0 ? "answered" : "unfinished");
}

static struct json_object *
agent_row(const struct session *s, const struct session_agent *a,
    struct json_object *files, int64_t left_out)
{
	struct json_object *o = json_object_new_object();
	int votes = a->latest == -1 ? 0 : s->answers[a->latest].votes;

	field_put_str(o, "outcome", agent_outcome(a));
	field_put_str(o, "model", a->model);
	field_put_int(o, "answers", a->answers);
	field_put_str(o, "latest_answer_label",
	    a->latest == -1 ? NULL : s->answers[a->latest].label);
	field_put_int(o, "votes", votes);
	json_object_object_add(o, "vote_cast", vote_row(s, a));
	json_object_object_add(o, "completion_seconds",
	    a->latest == -1
		? NULL
		: field_real((double)s->answers[a->latest].at_ms / 1000));
	json_object_object_add(o, "estimated_cost", field_real(a->usage.cost));
	field_put_int(
	    o, "total_tokens", a->usage.input_tokens + a->usage.output_tokens);
	field_put_str(o, "error", a->error_message);
	json_object_object_add(o, "artifacts", files);
	if (left_out > 0)
		field_put_int(o, "artifacts_left_out", left_out);
	return (o);
}

static struct json_object *
votes(const struct session *s)
{
	struct json_object *o = json_object_new_object();
	size_t i;

	for (i = 0; i < s->nanswers; i++)
		if (s->answers[i].votes > 0)
			field_put_int(
			    o, s->answers[i].label, s->answers[i].votes);
	return (o);
}

/* What came with the final answer. */
static void
add_final_files(
    struct json_object *o, const char *run_dir, const struct session *s)
{
	char *dir = xasprintf("final/%s/workspace", s->agents[s->winner].id);
	struct json_object *files = json_object_new_array();
	int64_t left_out = filelist_append(files, run_dir, dir);

	json_object_object_add(o, "final_files", files);
	if (left_out > 0)
		field_put_int(o, "final_files_left_out", left_out);
	free(dir);
}

int
manifest_write(const char *run_dir, const struct session *s, char *const *texts,
    const struct artifact *final, const char *outcome)
{
	struct json_object *o = json_object_new_object();
	struct json_object *agents = json_object_new_object(), *files;
	char *dir = xasprintf("%s/final_output", run_dir);
	const char *text;
	size_t i, len;
	int64_t left_out;
	int ret;

	ret = atomic_mkdirs(dir);
	field_put_int(o, "schema_version", MANIFEST_VERSION);
	field_put_str(o, "outcome", outcome);
	field_put_str(o, "stopped_by", s->stopping);
	field_put_str(
	    o, "winner", s->winner == -1 ? NULL : s->agents[s->winner].id);
	field_put_str(o, "winner_reason", s->winner_reason);
	json_object_object_add(
	    o, "final_answer", final == NULL ? NULL : file_row(final));
	if (final != NULL)
		add_final_files(o, run_dir, s);
	json_object_object_add(
	    o, "presented", json_object_new_boolean(s->presented));
	json_object_object_add(o, "votes", votes(s));
	for (i = 0; i < s->nagents && ret == 0; i++) {
		files = json_object_new_array();
		left_out =
		    write_answer(run_dir, s, &s->agents[i], texts, files);
		ret = left_out == -1 ? -1 : 0;
		json_object_object_add(agents, s->agents[i].id,
		    agent_row(s, &s->agents[i], files, left_out));
	}
	json_object_object_add(o, "agents", agents);
	json_object_object_add(o, "estimated_cost", field_real(s->usage.cost));
	text = json_object_to_json_string_length(o,
	    JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
		JSON_C_TO_STRING_NOSLASHESCAPE,
	    &len);
	if (ret == 0)
		ret = artifact_write(
		    run_dir, "final_output", "manifest.json", text, len, NULL);
	json_object_put(o);
	free(dir);
	return (ret);
}
