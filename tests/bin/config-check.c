/*
 * Checks configurations as --validate does, and prints what it found.
 *
 *	config-check [-djrs] FILE	-d dry run, -j JSON, -r as for a
 *					run, -s print what was loaded
 *	config-check -k			print the schema's keys
 */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/config/config.h"
#include "supervisor/config/schema.h"

/* One line a key: the path of its place, its name and its status. */
static void
print_keys(const struct place *place, const char *path)
{
	static const char *const names[] = {
		[KEY_SUPPORTED] = "supported",
		[KEY_PASSED] = "passed",
		[KEY_IGNORED] = "ignored",
		[KEY_REFUSED] = "refused",
	};
	const struct key *key;
	char inner[256];

	for (key = place->keys; key->name != NULL; key++) {
		snprintf(inner, sizeof(inner), "%s/%s", path, key->name);
		printf("%s %s\n", inner, names[key->status]);
		if (key->inner != NULL)
			print_keys(key->inner, inner);
	}
}

static void
print_config(const struct config *config)
{
	const struct agent_config *agent;
	size_t i;

	for (i = 0; i < config->nagents; i++) {
		agent = &config->agents[i];
		printf("%s %s %s %s params=%s script=%s\n", agent->id,
		    agent->preset->type, agent->model,
		    agent->base_url == NULL ? "-" : agent->base_url,
		    json_object_to_json_string_ext(
			agent->params, JSON_C_TO_STRING_PLAIN),
		    json_object_to_json_string_ext(
			agent->script, JSON_C_TO_STRING_PLAIN));
	}
	printf("source=%s\n",
	    json_object_to_json_string_ext(
		config->source, JSON_C_TO_STRING_PLAIN));
}

int
main(int argc, char *argv[])
{
	struct config_overrides overrides = { .validate_only = true };
	struct diagnostics diagnostics = { 0 };
	struct config *config;
	bool json = false, show = false, usable;
	int c;

	while ((c = getopt(argc, argv, "djkrs")) != -1) {
		if (c == 'd')
			overrides.dry_run = true;
		else if (c == 'j')
			json = true;
		else if (c == 'r')
			overrides.validate_only = false;
		else if (c == 's')
			show = true;
		else if (c == 'k') {
			print_keys(&schema_root, "");
			print_keys(&schema_step, "/step");
			return (0);
		} else
			return (1);
	}
	if (optind + 1 != argc)
		errx(1, "usage: config-check [-djrs] FILE");
	config = config_load(argv[optind], &overrides, &diagnostics);
	usable = diagnostics_print(&diagnostics, stdout, json, false);
	if (usable != (config != NULL))
		errx(1, "the configuration does not fit its diagnostics");
	if (show && config != NULL)
		print_config(config);
	config_free(config);
	diagnostics_release(&diagnostics);
	return (usable ? 0 : 1);
}
