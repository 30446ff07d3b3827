/* The journal's lines as they come, for --json. */

#include <json-c/json.h>

#include "supervisor/decide/exit.h"
#include "supervisor/view/out.h"
#include "supervisor/view/view.h"

static void
open_view(const char *log_dir)
{
	(void)log_dir; /* in run_started */
}

static void
event(const struct session *s, const struct event *e, const char *line,
    size_t len)
{
	(void)s;
	(void)e;
	out_write(line, len);
}

/* A run that never started has no events; its error is said all the same. */
static void
close_view(const struct view_end *end)
{
	struct json_object *o;

	if (end->session != NULL)
		return;
	o = json_object_new_object();
	json_object_object_add(o, "type", json_object_new_string("run_ended"));
	json_object_object_add(o, "outcome",
	    json_object_new_string(
		exit_outcome((enum exit_code)end->exit_code)));
	json_object_object_add(
	    o, "exit_code", json_object_new_int(end->exit_code));
	if (end->log_dir != NULL)
		json_object_object_add(
		    o, "log_dir", json_object_new_string(end->log_dir));
	json_object_object_add(o, "text",
	    json_object_new_string(end->error == NULL ? "" : end->error));
	out_printf(
	    "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

const struct view view_json = { open_view, event, close_view };
