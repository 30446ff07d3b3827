/* When a run cannot start. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/xmalloc.h"
#include "supervisor/decide/exit.h"
#include "supervisor/early.h"
#include "supervisor/record/status.h"
#include "supervisor/view/out.h"

void
early_log_diagnostic(const struct diagnostic *d)
{
	char *line = diagnostic_line(d);

	log_warnx("%s%s%s", line, d->suggestion == NULL ? "" : ": ",
	    d->suggestion == NULL ? "" : d->suggestion);
	free(line);
}

void
early_summary(const struct diagnostics *d, char *text, size_t len)
{
	char *line;
	size_t i;

	for (i = 0; i < d->count; i++)
		if (d->list[i].severity == SEVERITY_ERROR)
			break;
	if (i == d->count) {
		strlcpy(text, "the configuration cannot be used", len);
		return;
	}
	line = diagnostic_line(&d->list[i]);
	if (d->errors > 1)
		snprintf(text, len, "%s (and %zu more)", line, d->errors - 1);
	else
		strlcpy(text, line, len);
	free(line);
}

/* The session of a run that began and ended with its error. */
static void
write_status(const char *log_dir, double start, double now, int exit_code,
    const char *error)
{
	struct session *s = session_new();
	struct status_writer w;
	struct event begin = { .type = EVENT_RUN_STARTED,
		.time = start,
		.question = "",
		.log_dir = log_dir,
		.version = MASSGEN_VERSION,
		.pid = getpid(),
		.session_id = strrchr(log_dir, '/') + 1 };
	struct event end = { .type = EVENT_RUN_ENDED,
		.time = now,
		.outcome = exit_outcome((enum exit_code)exit_code),
		.exit_code = exit_code,
		.text = error };
	char *path = xasprintf("%s/status.json", log_dir);

	begin.agents = json_object_new_array();
	session_apply(s, &begin);
	session_apply(s, &end);
	status_init(&w, path);
	if (status_write(&w, s, now) == -1)
		log_warn("%s", path);
	status_release(&w);
	json_object_put(begin.agents);
	session_free(s);
	free(path);
}

void
early_fail(const struct view *view, const char *log_dir, bool dir_exists,
    int64_t started, int exit_code, const char *error)
{
	double elapsed = (double)(mono_ms() - started) / 1000;
	double now = wall_seconds();
	struct view_end end = { .exit_code = exit_code,
		.error = error,
		.elapsed = elapsed,
		.log_dir = dir_exists ? log_dir : NULL };

	log_info("%s", error);
	if (dir_exists)
		write_status(log_dir, now - elapsed, now, exit_code, error);
	else
		view->open(log_dir);
	view->close(&end);
	out_drain();
}
