/* final_output/ and its manifest. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/atomic.h"
#include "supervisor/record/durable.h"
#include "supervisor/record/filelist.h"
#include "supervisor/record/manifest.h"
#include "supervisor/record/votes.h"

#define MANIFEST_VERSION 1

/* What is said of an agent's files. */
struct row {
	struct json_object *files;
	int64_t left_out;
};

struct manifest {
	const char *run_dir;
	struct row *rows; /* by agent */
	struct durable *durable;
	int error; /* the first errno; 0: none */
};

/* What came with an answer stays where it is, and is shown. */
static void
show_files(const struct manifest *m, const struct session_agent *a,
    const struct session_answer *answer)
{
	char *path, *target;

	if (answer->snapshot == NULL)
		return;
	path = xasprintf("%s/final_output/%s/workspace", m->run_dir, a->id);
	target = xasprintf("../../%s", answer->snapshot);
	if (symlink(target, path) == -1)
		log_warn("%s", path);
	free(target);
	free(path);
}

static void
list_files(
    struct manifest *m, struct row *row, const struct session_answer *answer)
{
	size_t i, n = json_object_array_length(row->files);

	if (answer->snapshot == NULL)
		return;
	row->left_out =
	    filelist_append(row->files, m->run_dir, answer->snapshot);
	for (i = n; i < json_object_array_length(row->files); i++)
		field_put_str(json_object_array_get_idx(row->files, i), "label",
		    answer->label);
}

/* The agent's, with what is above it.  0, or -1 and errno. */
static int
make_folder(const char *run_dir, const struct session_agent *a)
{
	char *path = xasprintf("%s/final_output/%s", run_dir, a->id);
	int ret = atomic_mkdirs(path);

	free(path);
	return (ret);
}

void
manifest_make_folders(const char *run_dir, const struct session *s)
{
	size_t i;

	for (i = 0; i < s->nagents; i++)
		if (s->agents[i].latest != -1)
			(void)make_folder(run_dir, &s->agents[i]);
}

/* The agent's last answer.  0, or -1 and errno. */
static int
write_answer(struct manifest *m, const struct session *s,
    const struct session_agent *a, char *const *texts)
{
	const struct session_answer *answer;
	struct json_object *o;
	struct artifact file = { 0 };
	char *dir;
	int ret;

	if (a->latest == -1)
		return (0);
	answer = &s->answers[a->latest];
	dir = xasprintf("final_output/%s", a->id);
	ret = make_folder(m->run_dir, a);
	if (ret == 0)
		ret = artifact_write(m->run_dir, dir, "answer.txt",
		    texts[a->latest], strlen(texts[a->latest]), &file);
	if (ret == 0) {
		o = artifact_json(&file);
		field_put_str(o, "label", answer->label);
		json_object_array_add(m->rows[a - s->agents].files, o);
		show_files(m, a, answer);
	}
	artifact_release(&file);
	free(dir);
	return (ret);
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
    const struct row *row)
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
	json_object_object_add(o, "artifacts", json_object_get(row->files));
	if (row->left_out > 0)
		field_put_int(o, "artifacts_left_out", row->left_out);
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

static void
sync_with(const struct manifest *m,
    void (*begin)(struct durable *, const char *), const char *name)
{
	char *path = xasprintf("%s/%s", m->run_dir, name);

	begin(m->durable, path);
	free(path);
}

void
manifest_sync(struct manifest *m, const char *dir)
{
	sync_with(m, durable_tree, dir);
}

struct manifest *
manifest_begin(const char *run_dir, const struct session *s, char *const *texts)
{
	struct manifest *m = xcalloc(1, sizeof(*m));
	char *dir = xasprintf("%s/final_output", run_dir);
	size_t i;

	m->run_dir = run_dir;
	m->rows = xcalloc(s->nagents, sizeof(*m->rows));
	if (atomic_mkdirs(dir) == -1)
		m->error = errno;
	for (i = 0; i < s->nagents; i++) {
		m->rows[i].files = json_object_new_array();
		if (m->error == 0 &&
		    write_answer(m, s, &s->agents[i], texts) == -1)
			m->error = errno;
	}
	free(dir);
	m->durable = durable_new();
	manifest_sync(m, "final_output");
	return (m);
}

static struct json_object *
agent_rows(struct manifest *m, const struct session *s)
{
	struct json_object *o = json_object_new_object();
	size_t i;

	for (i = 0; i < s->nagents; i++) {
		const struct session_agent *a = &s->agents[i];

		if (a->latest != -1)
			list_files(m, &m->rows[i], &s->answers[a->latest]);
		json_object_object_add(o, a->id, agent_row(s, a, &m->rows[i]));
	}
	return (o);
}

static struct json_object *
describe(struct manifest *m, const struct session *s,
    const struct artifact *final, const char *outcome)
{
	struct json_object *o = json_object_new_object();

	field_put_int(o, "schema_version", MANIFEST_VERSION);
	field_put_str(o, "outcome", outcome);
	field_put_str(o, "stopped_by", s->stopping);
	field_put_str(o, "winner", session_winner_id(s));
	field_put_str(o, "winner_reason", s->winner_reason);
	json_object_object_add(
	    o, "final_answer", final == NULL ? NULL : artifact_json(final));
	if (final != NULL)
		add_final_files(o, m->run_dir, s);
	json_object_object_add(
	    o, "presented", json_object_new_boolean(s->presented));
	json_object_object_add(o, "votes", votes_counted(s, false));
	json_object_object_add(o, "agents", agent_rows(m, s));
	json_object_object_add(o, "estimated_cost", field_real(s->usage.cost));
	return (o);
}

static int
write_manifest(const struct manifest *m, struct json_object *o)
{
	const char *text;
	size_t len;

	text = field_page(o, &len);
	if (artifact_write(m->run_dir, "final_output", "manifest.json", text,
		len, NULL) == -1)
		return (-1);
	sync_with(m, durable_path, MANIFEST_PATH);
	sync_with(m, durable_path, "final_output");
	return (0);
}

int
manifest_end(struct manifest *m, const struct session *s,
    const struct artifact *final, const char *outcome)
{
	struct json_object *o = describe(m, s, final, outcome);
	int error = m->error;
	size_t i;

	if (error == 0 && write_manifest(m, o) == -1)
		error = errno;
	if (durable_wait(m->durable) == -1 && error == 0)
		error = errno;
	json_object_put(o);
	for (i = 0; i < s->nagents; i++)
		json_object_put(m->rows[i].files);
	free(m->rows);
	free(m);
	errno = error;
	return (error == 0 ? 0 : -1);
}
