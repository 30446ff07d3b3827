/* The files of agents that act. */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/pathname.h"
#include "ipc/tree.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/environment.h"
#include "supervisor/nest/parent.h"
#include "supervisor/record/atomic.h"
#include "supervisor/record/redact.h"
#include "supervisor/sandbox.h"
#include "supervisor/workspace.h"

#define NAME_MAX_LEN 64    /* of a snapshot, as its worker calls it */
#define WHY_MAX      300   /* bytes of a worker's reason */
#define COPY_MS      10000 /* for files at the end, the run's time aside */

/* --- the directories --- */

static char *
below(const struct run *run, const char *path)
{
	return (xasprintf("%s/%s", run->real_dir, path));
}

static bool
has_tools(const struct run *run)
{
	size_t i;

	for (i = 0; i < run->config->nagents; i++)
		if (run->config->agents[i].tools != NULL)
			return (true);
	return (false);
}

static int
make_dir(const struct run *run, const char *name, mode_t mode)
{
	char *path = below(run, name);
	int ret = mkdir(path, mode);

	if (ret == -1)
		log_warn("%s", path);
	free(path);
	return (ret);
}

static void
redact_all(struct json_object *secrets)
{
	size_t i, n;

	n = secrets == NULL ? 0 : json_object_array_length(secrets);
	for (i = 0; i < n; i++)
		redact_add(json_object_get_string(
		    json_object_array_get_idx(secrets, i)));
}

/* Without its directories an agent does without its tools. */
static void
init_agent(struct run *run, size_t i)
{
	struct agent_run *a = &run->agents[i];
	char *name, *tmp;

	if (a->config->tools == NULL)
		return;
	redact_all(a->config->secrets);
	name = xasprintf("workspaces/%s",
	    a->config->workspace == NULL ? a->config->id
					 : a->config->workspace);
	tmp = xasprintf("tmp/agent%zu", i + 1);
	if (make_dir(run, name, 0777) == 0 && make_dir(run, tmp, 0700) == 0)
		a->workspace = below(run, name);
	else
		log_warnx("agent %s has no tools: it has no place to work in",
		    a->config->id);
	free(tmp);
	free(name);
}

void
workspace_init(struct run *run)
{
	size_t i;

	if (!has_tools(run))
		return;
	run->real_dir = realpath(run->log_dir, NULL);
	if (run->real_dir == NULL)
		run->real_dir = xstrdup(run->log_dir);
	(void)make_dir(run, "workspaces", 0777);
	(void)make_dir(run, "tmp", 0777);
	(void)make_dir(run, "snapshots", 0777);
	for (i = 0; i < run->config->nagents; i++)
		init_agent(run, i);
}

void
workspace_release(struct run *run)
{
	size_t i;

	for (i = 0; i < run->config->nagents; i++)
		free(run->agents[i].workspace);
	free(run->final_files);
	free(run->real_dir);
}

static void
put_path(struct json_object *o, const char *key, char *path)
{
	field_put_str(o, key, path);
	free(path);
}

struct json_object *
workspace_tools(struct run *run, int agent)
{
	const struct agent_run *a = &run->agents[agent];
	const char *name = run->session->agents[agent].anonymous;
	struct json_object *o = NULL, *write;

	if (a->workspace == NULL ||
	    json_object_deep_copy(a->config->tools, &o, NULL) == -1)
		return (NULL);
	field_put_str(o, "workspace", a->workspace);
	config_name_workspace(json_object_object_get(o, "mcp"), a->workspace);
	put_path(o, "tmp", xasprintf("%s/tmp/%s", run->real_dir, name));
	put_path(o, "snapshots", below(run, "snapshots"));
	put_path(o, "confine", environment_confine());
	field_put_str(o, "level", sandbox_of(a->config, run->sandbox));
	json_object_object_add(o, "read", environment_own_dirs());
	json_object_object_add(o, "env", nest_env(run, agent));
	if (nest_dir(run, agent) != NULL) {
		write = json_object_new_array();
		json_object_array_add(
		    write, json_object_new_string(nest_dir(run, agent)));
		json_object_object_add(o, "write", write);
	}
	return (o);
}

/* --- snapshots --- */

/* ".agentN-K", and nothing else: a path of the agent's own choice. */
static bool
is_its_own(const struct run *run, int agent, const char *name)
{
	char *prefix = xasprintf(".%s-", run->session->agents[agent].anonymous);
	size_t len = strlen(prefix);
	bool ok;

	ok = strncmp(name, prefix, len) == 0 && name[len] != '\0' &&
	    strlen(name) <= NAME_MAX_LEN &&
	    name[len + strspn(name + len, "0123456789")] == '\0';
	free(prefix);
	return (ok);
}

static void
warn_of(struct run *run, int agent, const char *why)
{
	char *line = utf8_line(why, WHY_MAX);

	run_warn(run, "the files of %s are not there: %s",
	    run->agents[agent].config->id, line);
	free(line);
}

/* Give what comes with an answer the name `to`, relative.  True: it has it. */
static bool
name_files(struct run *run, int agent, const struct msg *m, const char *to)
{
	char *from, *path;
	bool ok = false;

	if (run->agents[agent].workspace == NULL)
		return (false);
	if (m->snapshot == NULL) {
		if (m->snapshot_error != NULL)
			warn_of(run, agent, m->snapshot_error);
		return (false);
	}
	if (!is_its_own(run, agent, m->snapshot)) {
		warn_of(run, agent, "its worker misnamed them");
		return (false);
	}
	from = xasprintf("%s/snapshots/%s", run->real_dir, m->snapshot);
	path = below(run, to);
	if (atomic_publish_dir(from, path) == 0)
		ok = true;
	else
		warn_of(run, agent, strerror(errno));
	free(path);
	free(from);
	return (ok);
}

char *
workspace_publish(
    struct run *run, int agent, const struct msg *m, const char *label)
{
	char *to = xasprintf("snapshots/%s", label);

	if (name_files(run, agent, m, to))
		return (to);
	free(to);
	return (NULL);
}

void
workspace_link(const struct run *run, const char *step, const char *files)
{
	char *target, *path;

	if (files == NULL)
		return;
	/* a step is agent/time */
	target = xasprintf("../../%s", files);
	path = xasprintf("%s/%s/workspace", run->log_dir, step);
	if (symlink(target, path) == -1)
		log_warn("%s", path);
	free(path);
	free(target);
}

bool
workspace_present(
    struct run *run, int agent, const struct msg *m, const char *dir)
{
	char *path, *to;

	if (run->agents[agent].workspace == NULL)
		return (false);
	path = below(run, dir);
	to = xasprintf("%s/workspace", dir);
	free(run->final_files);
	run->final_files = NULL;
	if (atomic_mkdirs(path) == -1)
		warn_of(run, agent, strerror(errno));
	else if (name_files(run, agent, m, to))
		run->final_files = xstrdup(to);
	free(to);
	free(path);
	return (run->final_files != NULL);
}

/* --- what others read --- */

char *
workspace_hide(
    const struct run *run, int agent, const char *text, const char *files)
{
	const struct agent_run *a = &run->agents[agent];
	char *by, *given, *once, *twice;

	if (a->workspace == NULL)
		return (xstrdup(text));
	by = files == NULL ? xstrdup("workspace") : below(run, files);
	/* as its tools know it, and as the run's own files have it */
	given = xasprintf(
	    "%s%s", run->log_dir, a->workspace + strlen(run->real_dir));
	once = pathname_replace(text, a->workspace, by);
	twice = pathname_replace(once, given, by);
	free(once);
	free(given);
	free(by);
	return (twice);
}

/* --- at the end --- */

struct end_copy {
	struct run *run;
	int64_t until;
};

/* Who polls status.json must see that something happens. */
static bool
go_on(void *arg)
{
	struct end_copy *c = arg;

	status_poll(&c->run->status, c->run->session, run_time(c->run));
	return (mono_ms() < c->until);
}

/* What the winner's answer came with; relative, or NULL. */
static const char *
winning_files(const struct run *run)
{
	const struct session *s = run->session;
	int latest = s->agents[s->winner].latest;

	if (latest == -1) /* an attempt before this one stands */
		return (run->final_files);
	return (s->answers[latest].snapshot);
}

/* A copy, since who asked may change what is in final/. */
static void
copy_files(struct run *run, const char *files, const char *to)
{
	struct end_copy c = { run, mono_ms() + COPY_MS };
	char *from = below(run, files), *path = below(run, to);
	char *part = xasprintf("%s.part", path);
	struct tree_want want = {
		.from = from, .to = part, .go_on = go_on, .arg = &c
	};

	if (run->hard_end > c.until)
		c.until = run->hard_end;
	if (tree_copy(&want, NULL) == -1 ||
	    atomic_publish_dir(part, path) == -1) {
		warn_of(run, run->session->winner, strerror(errno));
		(void)tree_remove(AT_FDCWD, part);
	}
	free(part);
	free(path);
	free(from);
}

static void
finish_final(struct run *run)
{
	const struct session *s = run->session;
	const char *files;
	char *to;

	if (s->winner == -1 || s->final_path == NULL ||
	    run->agents[s->winner].workspace == NULL)
		return;
	to = xasprintf("final/%s/workspace", s->agents[s->winner].id);
	files = winning_files(run);
	if (files != NULL &&
	    (run->final_files == NULL || strcmp(run->final_files, to) != 0))
		copy_files(run, files, to);
	free(to);
}

/* What workers began and nobody accepted. */
static void
remove_parts(const struct run *run)
{
	char *path = below(run, "snapshots");
	struct dirent *d;
	DIR *dir = opendir(path);

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		if (*d->d_name != '.' || strcmp(d->d_name, ".") == 0 ||
		    strcmp(d->d_name, "..") == 0)
			continue;
		if (tree_remove(dirfd(dir), d->d_name) == -1)
			log_warn("%s/%s", path, d->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	free(path);
}

void
workspace_finish(struct run *run)
{
	char *tmp;

	if (run->real_dir == NULL)
		return;
	finish_final(run);
	remove_parts(run);
	tmp = below(run, "tmp");
	if (tree_remove(AT_FDCWD, tmp) == -1)
		log_warn("%s", tmp);
	free(tmp);
}
