/* The files of an agent's answers. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/snapshot.h"
#include "agent-worker/tool/tool.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/tree.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

/* Runs that the tools started log there: it is nobody's work. */
#define NESTED_LOGS ".massgen"

#define TOLD_MAX   10   /* of what was left out, one by one */
#define PATH_SHOWN 200  /* bytes */
#define TRIES_MAX  3    /* where a tool moves directories meanwhile */
#define BUSY_MS    5000 /* between two signs of life */

struct snapshots {
	const char *dir; /* where they are put */
	int64_t number;  /* of the last */
	char *name;      /* likewise, and */
	char *path;      /* until it is settled */
	char *error;
	struct tree_index *made;  /* with it; and */
	struct tree_index *known; /* with the last that was accepted */
	bool spoilt; /* the workspace is not what the presenter starts from */
	int64_t told;
	int64_t busy_at;
};

static struct snapshots *
state_of(const struct agent *a)
{
	return (a->tools == NULL ? NULL : a->tools->state[FAMILY_SNAPSHOT]);
}

static void
open_snapshots(struct toolbox *box)
{
	struct snapshots *s;

	if (box->walls.workspace == NULL ||
	    field_get_str(box->config, "snapshots") == NULL)
		return;
	s = xcalloc(1, sizeof(*s));
	s->dir = field_get_str(box->config, "snapshots");
	box->state[FAMILY_SNAPSHOT] = s;
}

static void
forget(struct snapshots *s)
{
	free(s->name);
	free(s->path);
	free(s->error);
	tree_index_free(s->made);
	s->name = s->path = s->error = NULL;
	s->made = NULL;
}

static void
close_snapshots(struct toolbox *box)
{
	struct snapshots *s = box->state[FAMILY_SNAPSHOT];

	if (s == NULL)
		return;
	forget(s);
	tree_index_free(s->known);
	free(s);
}

/* --- copies --- */

/* The supervisor is heard, and hears that this goes on. */
static bool
go_on(void *arg)
{
	struct agent *a = arg;
	struct snapshots *s = state_of(a);

	if (mono_ms() >= s->busy_at) {
		s->busy_at = mono_ms() + BUSY_MS;
		agent_say_activity(a, "running_tool", NULL);
	}
	return (agent_wait(a, mono_ms(), NULL, NULL));
}

static void
tell_left_out(void *arg, const char *path, const char *why)
{
	struct snapshots *s = state_of(arg);
	char *line;

	if (s->told++ >= TOLD_MAX)
		return;
	line = utf8_line(path, PATH_SHOWN);
	log_warnx("left out of an answer's files: %s: %s", line, why);
	free(line);
}

static int
copy(struct agent *a, struct tree_want *want)
{
	struct snapshots *s = state_of(a);
	struct tree_sum sum;
	int ret;

	s->told = 0;
	s->busy_at = mono_ms() + BUSY_MS;
	want->skip = NESTED_LOGS;
	want->go_on = go_on;
	want->left_out = tell_left_out;
	want->arg = a;
	ret = tree_copy(want, &sum);
	if (ret == 0 && sum.left_out > TOLD_MAX)
		log_warnx("left out of an answer's files: %lld in all",
		    (long long)sum.left_out);
	return (ret);
}

/* An own file for everything: whoever gets it may change it. */
static bool
is_for_keeps(const struct agent *a)
{
	return (a->turn.present);
}

static int
try_copy(struct agent *a)
{
	struct snapshots *s = state_of(a);
	struct tree_want want = { .from = a->tools->walls.workspace,
		.to = s->path };
	int ret, saved;

	/* what a process before us left under this name */
	if (tree_remove(AT_FDCWD, s->path) == -1)
		return (-1);
	if (!is_for_keeps(a)) {
		tree_index_free(s->made);
		want.made = s->made = tree_index_new();
		want.known = s->known;
	}
	ret = copy(a, &want);
	saved = errno;
	if (ret == -1)
		(void)tree_remove(AT_FDCWD, s->path);
	errno = saved;
	return (ret);
}

bool
snapshot_take(struct agent *a, struct msg *m)
{
	struct snapshots *s = state_of(a);
	int i, ret = -1;

	if (s == NULL)
		return (true);
	forget(s);
	if (s->spoilt) {
		m->snapshot_error = "the workspace could not be made ready";
		return (true);
	}
	s->name = xasprintf(".%s-%lld", a->name, (long long)++s->number);
	s->path = xasprintf("%s/%s", s->dir, s->name);
	for (i = 0; i < TRIES_MAX && ret == -1; i++)
		if ((ret = try_copy(a)) == -1 && errno != ESTALE)
			break;
	if (ret == 0) {
		m->snapshot = s->name;
		return (true);
	}
	if (errno == ECANCELED)
		return (false);
	s->error = xstrdup(strerror(errno));
	log_warnx("the files of an answer: %s", s->error);
	m->snapshot_error = s->error;
	return (true);
}

void
snapshot_settle(struct agent *a, bool accepted)
{
	struct snapshots *s = state_of(a);

	if (s == NULL || s->name == NULL)
		return;
	if (!accepted) {
		(void)tree_remove(AT_FDCWD, s->path);
	} else if (s->made != NULL && s->error == NULL) {
		tree_index_free(s->known);
		s->known = s->made;
		s->made = NULL;
	}
	forget(s);
}

/* --- the presenter --- */

/* It goes on from the answer that won, not from what it did since. */
static void
prepare_workspace(struct toolbox *box)
{
	struct agent *a = box->agent;
	struct snapshots *s = box->state[FAMILY_SNAPSHOT];
	const struct answer *own = agent_answer_of(a, a->name);
	struct tree_want want = { .to = box->walls.workspace, .into = true };

	if (s == NULL || !a->turn.present || own == NULL || own->files == NULL)
		return;
	want.from = own->files;
	s->spoilt = false;
	if (tree_empty(want.to, NESTED_LOGS) == 0 && copy(a, &want) == 0)
		return;
	s->spoilt = true;
	log_warn("the files of %s cannot be taken up", own->label);
}

const struct tool_family family_snapshot = { .open = open_snapshots,
	.prepare = prepare_workspace,
	.close = close_snapshots };
