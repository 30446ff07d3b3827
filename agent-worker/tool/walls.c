/* What an agent's tools may read and write. */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/walls.h"

static const char *
string_in(struct json_object *o, const char *key)
{
	struct json_object *v;

	return (json_object_object_get_ex(o, key, &v)
		? json_object_get_string(v)
		: NULL);
}

void
walls_init(struct walls *w, struct json_object *tools)
{
	memset(w, 0, sizeof(*w));
	w->workspace = string_in(tools, "workspace");
	w->tmp = string_in(tools, "tmp");
	w->confine = string_in(tools, "confine");
	w->level = string_in(tools, "level");
	(void)json_object_object_get_ex(tools, "read", &w->read);
}

void
walls_release(struct walls *w)
{
	memset(w, 0, sizeof(*w));
}

bool
wall_is_writable(const struct walls *w, const struct wall *wall)
{
	return (wall->write || (wall->presenter && w->presenting));
}
