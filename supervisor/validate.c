/* What --validate does. */

#include <stdio.h>
#include <stdlib.h>

#include "ipc/log.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/diag.h"
#include "supervisor/run.h"
#include "supervisor/sandbox.h"
#include "supervisor/validate.h"

/*
 * The level of confine(8) that would hold the agents' tools, a literal, or
 * NULL: there are none.  That it does not suffice is no fault of the file.
 */
static const char *
find_sandbox(const struct config *config, struct diagnostics *d)
{
	const char *level = NULL;
	char why[1024];
	size_t i;

	for (i = 0; config != NULL && i < config->nagents; i++) {
		if (config->agents[i].tools == NULL || level != NULL)
			continue;
		if (sandbox_choose(config, &level, why, sizeof(why)) == -1)
			diagnostics_add(d, SEVERITY_WARNING,
			    (struct mark) { config->path, 0, 0 }, "sandbox",
			    "See confine(8) for what it needs.", "%s", why);
	}
	return (level);
}

int
validate(const struct options *o)
{
	struct config_overrides overrides = o->overrides;
	struct diagnostics d = { 0 };
	struct config *config;
	const char *level;
	char *path, err[512] = "";
	bool ok;

	overrides.validate_only = true;
	path = config_find(o->validate, err, sizeof(err));
	if (path == NULL && *o->validate == '@') {
		log_warnx("%s", err);
		return (EXIT_CONFIG);
	}
	if (path == NULL)
		path = xstrdup(o->validate);
	config = config_load(path, &overrides, &d);
	level = find_sandbox(config, &d);
	ok = diagnostics_print(&d, stdout, o->json, o->strict, level);
	config_free(config);
	diagnostics_release(&d);
	free(path);
	return (ok ? EXIT_OK : EXIT_CONFIG);
}
