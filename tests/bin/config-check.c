/*
 * Checks configurations as --validate does, and prints what it found.
 *
 *	config-check [-djrs] FILE	-d dry run, -j JSON, -r as for a
 *					run, -s print what was loaded
 */

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/config/config.h"

static const char *
json_text(struct json_object *o)
{
	return (json_object_to_json_string_ext(
	    o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static const char *
or_none(const char *s)
{
	return (s == NULL ? "-" : s);
}

static void
print_agent(const struct agent_config *agent)
{
	printf("agent %s: %s %s %s key=%s planning=%s synthesis=%s cost=%g\n",
	    agent->id, agent->preset->type, agent->model,
	    or_none(agent->base_url), agent->api_key == NULL ? "no" : "yes",
	    or_none(agent->planning_model), or_none(agent->synthesis_model),
	    agent->max_cost_usd);
	printf("  params=%s\n", json_text(agent->params));
	if (agent->program != NULL)
		printf("  program=%s\n", json_text(agent->program));
	if (agent->tools != NULL)
		printf("  workspace=%s sandbox=%d secrets=%zu\n  tools=%s\n",
		    agent->workspace, (int)agent->sandbox,
		    agent->secrets == NULL
			? 0
			: json_object_array_length(agent->secrets),
		    json_text(agent->tools));
	if (agent->script != NULL)
		printf("  script=%s\n", json_text(agent->script));
}

static void
print_config(const struct config *config)
{
	size_t i;

	printf("run=%jd agent=%jd idle=%jd restarts=%d answers=%d "
	       "sensitivity=%d novelty=%d cost=%g direct=%d launcher=%s\n",
	    (intmax_t)config->run_timeout_ms,
	    (intmax_t)config->agent_timeout_ms,
	    (intmax_t)config->idle_timeout_ms, config->max_restarts_per_agent,
	    config->max_new_answers_per_agent, (int)config->voting_sensitivity,
	    (int)config->answer_novelty, config->max_cost_usd,
	    config->single_agent_direct,
	    config->worker_launcher == NULL ? "-" : config->worker_launcher[0]);
	for (i = 0; i < config->nagents; i++)
		print_agent(&config->agents[i]);
	printf("source=%s\n", json_text(config->source));
}

int
main(int argc, char *argv[])
{
	struct config_overrides overrides = { .validate_only = true };
	struct diagnostics diagnostics = { 0 };
	struct config *config;
	bool json = false, show = false, usable;
	int c;

	while ((c = getopt(argc, argv, "djrs")) != -1) {
		if (c == 'd')
			overrides.dry_run = true;
		else if (c == 'j')
			json = true;
		else if (c == 'r')
			overrides.validate_only = false;
		else if (c == 's')
			show = true;
		else
			return (1);
	}
	if (optind + 1 != argc)
		errx(1, "usage: config-check [-djrs] FILE");
	config = config_load(argv[optind], &overrides, &diagnostics);
	usable = diagnostics_print(&diagnostics, stdout, json, false, NULL);
	if (usable != (config != NULL))
		errx(1, "the configuration does not fit its diagnostics");
	if (show && config != NULL)
		print_config(config);
	config_free(config);
	diagnostics_release(&diagnostics);
	return (usable ? 0 : 1);
}
