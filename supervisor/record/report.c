/* The files that MassGen writes about a run: one pass over the journal. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/artifact.h"
#include "supervisor/record/atomic.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/redact.h"
#include "supervisor/record/report.h"
#include "supervisor/record/report_part.h"

static const struct report_part *const parts[] = { &report_events,
	&report_table, &report_votes, &report_snapshots, &report_metadata };
#define PARTS (sizeof(parts) / sizeof(parts[0]))

struct writing {
	struct report report;
	void *states[PARTS];
	struct buf out[PARTS];
};

void
report_json(struct buf *out, struct json_object *value)
{
	const char *text;
	size_t len;

	text = field_line(value, &len);
	buf_add(out, text, len);
	json_object_put(value);
}

size_t
report_available(const struct session *s, int list[REPORT_LIST_MAX])
{
	size_t i, n = 0;

	for (i = 0; i < s->nagents && n < REPORT_LIST_MAX; i++)
		if (s->agents[i].latest != -1)
			list[n++] = (int)i;
	return (n);
}

size_t
report_sent_back(
    const struct report *r, int list[REPORT_LIST_MAX], size_t *out_all)
{
	size_t i, all = 0;

	for (i = 0; i < r->now->nagents; i++) {
		if (r->now->agents[i].times_restarted ==
		    r->before[i].times_restarted)
			continue;
		if (all < REPORT_LIST_MAX)
			list[all] = (int)i;
		all++;
	}
	*out_all = all;
	return (all < REPORT_LIST_MAX ? all : REPORT_LIST_MAX);
}

void
report_stamp(const struct event *e, char stamp[ARTIFACT_STAMP_LEN])
{
	const char *from = strchr(e->path, '/');
	const char *to = from == NULL ? NULL : strchr(from + 1, '/');

	if (to != NULL && to - from - 1 < ARTIFACT_STAMP_LEN) {
		strlcpy(stamp, from + 1, (size_t)(to - from));
		return;
	}
	artifact_stamp(stamp, false, e->time);
}

static void
take_event(void *arg, struct event *e)
{
	struct writing *w = arg;
	struct report *r = &w->report;
	struct session *now = r->now;
	size_t i;

	for (i = 0; i < now->nagents; i++) {
		r->before[i].status = now->agents[i].status;
		r->before[i].times_restarted = now->agents[i].times_restarted;
	}
	session_apply(now, e);
	if (e->type == EVENT_RUN_STARTED)
		r->before = xcalloc(now->nagents + 1, sizeof(*r->before));
	for (i = 0; i < PARTS; i++)
		if (parts[i]->event != NULL)
			parts[i]->event(w->states[i], r, e, &w->out[i]);
}

static int
write_part(const char *run_dir, const char *file, struct buf *out)
{
	char *path = xasprintf("%s/%s", run_dir, file);
	int ret;

	redact(out->data, out->len);
	ret = atomic_write(path, out->data, out->len, false);
	if (ret == -1)
		log_warn("%s", path);
	free(path);
	return (ret);
}

int
report_write(
    const char *run_dir, const struct session *s, const struct config *config)
{
	struct writing w = {
		.report = { .end = s, .config = config, .now = session_new() }
	};
	char *journal = xasprintf("%s/events.ndjson", run_dir), err[256];
	int ret = 0;
	size_t i;

	for (i = 0; i < PARTS; i++)
		w.states[i] = parts[i]->begin(&w.report, &w.out[i]);
	if (journal_read(journal, take_event, &w, err, sizeof(err)) == -1) {
		log_warnx("%s", err);
		ret = -1;
	}
	for (i = 0; i < PARTS; i++) {
		parts[i]->end(w.states[i], &w.report, &w.out[i]);
		if (write_part(run_dir, parts[i]->file, &w.out[i]) == -1)
			ret = -1;
		buf_release(&w.out[i]);
	}
	session_free(w.report.now);
	free(w.report.before);
	free(journal);
	return (ret);
}
