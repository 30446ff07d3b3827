/* What a run needs before its first turn, and how it is given back. */

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"
#include "supervisor/environment.h"
#include "supervisor/nest/child.h"
#include "supervisor/nest/parent.h"
#include "supervisor/process/sweep.h"
#include "supervisor/record/atomic.h"
#include "supervisor/record/redact.h"
#include "supervisor/run.h"
#include "supervisor/sandbox.h"
#include "supervisor/workspace.h"

#define OUTPUT_MAX        ((int64_t)256 * 1024 * 1024) /* of one agent's stream */
#define RESERVE_MAX_MS    300000
#define FDS_PER_AGENT     6
#define BALLAST_BASE      16384
#define BALLAST_PER_AGENT 1536
#define FDS_OWN           32

static void
start_event(struct run *run)
{
	struct json_object *list = json_object_new_array(), *o;
	const struct config *config = run->config;
	char *question = xstrdup(run->question);
	struct event e = { .type = EVENT_RUN_STARTED,
		.question = question,
		.log_dir = run->log_dir,
		.version = MASSGEN_VERSION,
		.pid = getpid(),
		.dry_run = run->dry_run };
	size_t i;

	for (i = 0; i < config->nagents; i++) {
		const struct agent_config *a = &config->agents[i];

		o = json_object_new_object();
		json_object_object_add(o, "id", json_object_new_string(a->id));
		json_object_object_add(
		    o, "model", json_object_new_string(a->model));
		if (a->profile != NULL)
			json_object_object_add(
			    o, "model_profile", json_object_get(a->profile));
		if (run->agents[i].workspace != NULL)
			field_put_str(
			    o, "sandbox", sandbox_of(a, run->sandbox));
		json_object_array_add(list, o);
	}
	redact(question, strlen(question));
	e.agents = list;
	e.direct = config->single_agent_direct && config->nagents == 1;
	e.session_id = strrchr(run->log_dir, '/') + 1;
	e.parent = child_parent(run->parent);
	e.depth = child_depth(run->parent);
	run_event(run, &e);
	json_object_put(list);
	free(question);
}

static void
set_limits(struct run *run)
{
	int64_t total = run->config->run_timeout_ms;
	int64_t reserve = mono_min(total / 10, RESERVE_MAX_MS);

	run->hard_end = run->started + total;
	run->soft_end = run->hard_end - reserve;
	/* of the reserve a fifth is for files and for leaving */
	run->present_end = run->hard_end - reserve / 5;
}

/* Three pipes per agent, its door, and the other ends of the newest pipes. */
static void
raise_fd_limit(size_t nagents, size_t nested)
{
	struct rlimit rl;
	rlim_t want = nagents * FDS_PER_AGENT + nested + FDS_OWN;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur >= want)
		return;
	rl.rlim_cur = rl.rlim_max < want ? rl.rlim_max : want;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
		log_warn("setrlimit(RLIMIT_NOFILE)");
}

static int
open_output(const struct run *run, const char *id)
{
	char *path = xasprintf("%s/agent_outputs/%s.txt", run->log_dir, id);
	int fd;

	fd = open(
	    path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd == -1)
		log_warn("%s", path);
	free(path);
	return (fd);
}

/* What a program is given that is a key. */
static void
redact_program(struct json_object *program)
{
	struct json_object *env;

	if (program == NULL || !json_object_object_get_ex(program, "env", &env))
		return;
	json_object_object_foreach (env, name, value) {
		if (config_names_secret(name))
			redact_add(json_object_get_string(value));
	}
}

static void
init_agents(struct run *run)
{
	size_t i, n = run->config->nagents;

	run->agents = xcalloc(n, sizeof(*run->agents));
	for (i = 0; i < n; i++) {
		struct agent_run *a = &run->agents[i];

		a->config = &run->config->agents[i];
		a->output_fd = -1;
		a->output_left = OUTPUT_MAX;
		if (a->config->api_key != NULL)
			redact_add(a->config->api_key);
		redact_program(a->config->program);
		worker_init(
		    &a->worker, (int)i, a->config->id, dispatch_owner(run));
	}
}

static void
make_dir(const struct run *run, const char *name)
{
	char *dir = xasprintf("%s/%s", run->log_dir, name);

	if (mkdir(dir, 0777) == -1 && errno != EEXIST)
		log_warn("%s", dir);
	free(dir);
}

/* Each agent's stream, and the folder of its steps. */
static void
make_agents_files(struct run *run)
{
	const char *id;
	size_t i;

	make_dir(run, "agent_outputs");
	for (i = 0; i < run->config->nagents; i++) {
		id = run->config->agents[i].id;
		run->agents[i].output_fd = open_output(run, id);
		make_dir(run, id);
	}
}

/*
 * Room for the last status.json on a disk that fills up: a poller must not
 * read "running" for ever.  See finalize.c.
 */
static void
set_ballast_aside(struct run *run)
{
	size_t len = BALLAST_BASE + BALLAST_PER_AGENT * run->config->nagents;
	void *zeros = xcalloc(len, 1);

	run->ballast = xasprintf("%s/ballast", run->log_dir);
	if (atomic_write(run->ballast, zeros, len, false) == -1)
		log_info("%s: %s", run->ballast, strerror(errno));
	free(zeros);
}

/* Without a journal the run goes on, but it has failed: see finalize.c. */
static void
open_records(struct run *run)
{
	char *path = xasprintf("%s/events.ndjson", run->log_dir);

	if (journal_create(&run->journal, path) == -1) {
		run->journal_error = errno;
		log_warn("%s", path);
	}
	free(path);
	path = xasprintf("%s/status.json", run->log_dir);
	status_init(&run->status, path);
	free(path);
}

void
setup_run(struct run *run, const struct run_request *request)
{
	memset(run, 0, sizeof(*run));
	run->config = request->config;
	run->question = request->question;
	run->output_path = request->output_path;
	run->view = request->view;
	run->dry_run = request->dry_run;
	run->parent = request->parent;
	run->sandbox = request->sandbox;
	run->started = request->started;
	run->journal.fd = -1;
	run->log_dir = xstrdup(request->log_dir);
	run->progress_at = mono_ms();
	run->start_ms = (int64_t)(wall_seconds() * 1000) -
	    (run->progress_at - run->started);
	run->session = session_new();
	if (run->dry_run)
		run->order = order_new(
		    run->config->nagents, run->config->agent_timeout_ms);
	set_limits(run);
	sweep_init();
	raise_fd_limit(
	    run->config->nagents, (size_t)run->config->max_nested_runs);
	init_agents(run);
	workspace_init(run);
	parent_init(run);
	run->worker_argv = environment_worker_argv(run->config);
	run->worker_env = environment_worker_env();
	open_records(run);
	start_event(run);
}

void
setup_files(struct run *run)
{
	if (run->has_files)
		return;
	run->has_files = true;
	make_agents_files(run);
	set_ballast_aside(run);
}

void
setup_close_files(struct run *run)
{
	struct agent_run *a;

	for (a = run->agents; a < run->agents + run->config->nagents; a++) {
		if (a->output_fd != -1)
			close(a->output_fd);
		a->output_fd = -1;
	}
}

void
setup_release(struct run *run)
{
	size_t i;

	for (i = 0; i < run->config->nagents; i++) {
		struct agent_run *a = &run->agents[i];

		worker_release(&a->worker);
		free(a->context);
		free(a->noted);
		free(a->spend.model);
	}
	for (i = 0; i < run->session->nanswers; i++) {
		json_object_put(run->answers[i]);
		free(run->texts[i]);
	}
	atomic_stock_release();
	workspace_release(run);
	free(run->agents);
	free(run->answers);
	free(run->texts);
	free(run->final_text);
	free(run->presented);
	json_object_put(run->feedback);
	json_object_put(run->blocked);
	free(run->error);
	words_free(run->worker_argv);
	words_free(run->worker_env);
	order_free(run->order);
	session_free(run->session);
	journal_close(&run->journal);
	status_release(&run->status);
	free(run->ballast);
	free(run->log_dir);
}
