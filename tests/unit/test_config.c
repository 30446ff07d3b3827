/* The configuration: rules of files, of overrides and of the environment. */

#include "tests/config_text.h"

TEST(version_1_is_refused)
{
	static const struct rule rules[] = {
		{ "models: [a]", "V1 config format detected (found: models)",
		    "root", "migrate" },
		{ "model_configs: {}", "found: model_configs", "root", NULL },
		{ "max_rounds: 3", "found: max_rounds", "root", NULL },
		{ "consensus_threshold: 1", "found: consensus_threshold",
		    "root", NULL },
		{ "voting_enabled: 1", "found: voting_enabled", "root", NULL },
		{ "num_agents: 2\nmodels: []", "found: models, num_agents",
		    "root", NULL },
	};

	check_rules(rules, ARRAY_SIZE(rules));
}

TEST(agents_are_required_and_shaped)
{
	static const struct rule rules[] = {
		{ "ui: {}", "must have either 'agents'", "root", NULL },
		{ "agents: []\nagent: {}",
		    "cannot have both 'agents' and 'agent'", "root", NULL },
		{ "agents: []", "must hold 1 to 4096 agents", "root.agents",
		    NULL },
		{ "agents: {}", "'agents' must be a list, got dict", "agents",
		    NULL },
		{ "agent: []", "'agent' must be a dictionary, got list",
		    "agent", NULL },
		{ "agents: [1]", "Agent must be a dictionary, got int",
		    "agents[0]", NULL },
		{ "agents: [{backend: {type: mock}}]",
		    "Agent missing required field 'id'", "agents[0]", NULL },
		{ "agents: [{id: a}]", "Agent missing required field 'backend'",
		    "agents[0]", NULL },
		{ "agent: {id: a, backend: {model: m}}",
		    "Backend missing required field 'type'", "agent.backend",
		    NULL },
		{ "agents: [{id: a, backend: {type: chatcompletion}}]",
		    "Backend missing required field 'model'",
		    "agents[0].backend", NULL },
		{ AGENT "}}, {id: a, backend: {type: mock}}]",
		    "Duplicate agent ID: 'a'", "agents[1].id", NULL },
		{ AGENT "}}, {id: A, backend: {type: mock}}]",
		    "Duplicate agent ID: 'A'", "agents[1].id", NULL },
	};

	check_rules(rules, ARRAY_SIZE(rules));
}

TEST(types_and_words_are_checked)
{
	static const struct rule rules[] = {
		{ "agents: [{id: a, backend: {type: openi, model: m}}]",
		    "Unknown backend type: 'openi'", "agents[0].backend.type",
		    "openai" },
		{ "agents: [{id: a, backend: {type: OpenAI, model: m}}]",
		    "Unknown backend type: 'OpenAI'", NULL, "openai" },
		{ AGENT ", permission_mode: x}}]",
		    "Invalid permission_mode: 'x'",
		    "agents[0].backend.permission_mode", "acceptEdits" },
		{ AGENT "}}]\nui: {display_type: rich}",
		    "Invalid display_type: 'rich'", "ui.display_type",
		    "rich_terminal" },
		{ AGENT "}}]\norchestrator: {voting_sensitivity: x}",
		    "Invalid voting_sensitivity: 'x'",
		    "orchestrator.voting_sensitivity", "balanced" },
		{ AGENT "}}]\norchestrator: {answer_novelty_requirement: x}",
		    "Invalid answer_novelty_requirement: 'x'", NULL, NULL },
		{ AGENT "}}]\norchestrator: {context_paths: "
			"[{path: p, permission: x}]}",
		    "Invalid permission: 'x'",
		    "orchestrator.context_paths[0].permission",
		    "'read' or 'write'" },
		{ AGENT ", enable_web_search: 'true'}}]",
		    "'enable_web_search' must be a boolean, got str",
		    "agents[0].backend.enable_web_search", NULL },
		{ AGENT "}}]\norchestrator: {timeout: "
			"{orchestrator_timeout_seconds: -1}}",
		    "'orchestrator_timeout_seconds' must be a positive number",
		    "orchestrator.timeout.orchestrator_timeout_seconds", NULL },
		{ AGENT "}}]\norchestrator: {coordination: "
			"{max_orchestration_restarts: -1}}",
		    "'max_orchestration_restarts' must be a non-negative "
		    "integer",
		    NULL, NULL },
		{ AGENT ", allowed_tools: x}}]",
		    "'allowed_tools' must be a list", NULL, NULL },
		{ AGENT ", exclude_tools: [1]}}]",
		    "'exclude_tools[0]' must be a string", NULL, NULL },
		{ AGENT ", mcp_servers: 1}}]", "MCP configuration error: ",
		    "agents[0].backend.mcp_servers", NULL },
		{ "agents: [{id: a, backend: {type: groq, api_key: k, "
		  "enable_web_search: yes}}]",
		    "groq does not support web_search", NULL, NULL },
	};

	check_rules(rules, ARRAY_SIZE(rules));
}

TEST(memory_is_checked_though_ignored)
{
	static const struct rule rules[] = {
		{ AGENT "}}]\nmemory: {enabled: 1}",
		    "'enabled' must be a boolean", "memory.enabled", NULL },
		{ AGENT "}}]\nmemory: {persistent_memory: {qdrant: {mode: x}}}",
		    "Invalid qdrant mode: 'x'", NULL, "'local' or 'server'" },
		{ AGENT "}}]\nmemory: {persistent_memory: {qdrant: {port: 0}}}",
		    "'port' must be a valid port number (1-65535)",
		    "memory.persistent_memory.qdrant.port", NULL },
		{ AGENT "}}]\nmemory: {compression: {target_ratio: 2}}",
		    "'target_ratio' must be", NULL, NULL },
		{ AGENT "}}]\nmemory: {retrieval: {limit: -1}}",
		    "'limit' must be a positive integer", NULL, NULL },
		{ AGENT "}}]\nmemory: {persistent_memory: {llm: "
			"{provider: 1}}}",
		    "'provider' must be a string", NULL, NULL },
	};

	check_rules(rules, ARRAY_SIZE(rules));
}

TEST(both_tool_lists_warn)
{
	struct diagnostics all;
	struct config *config;

	config = load(AGENT ", allowed_tools: [], exclude_tools: []}}]", &all);
	CHECK(config != NULL);
	CHECK_INT(all.warnings, 1);
	CHECK_INT(all.errors, 0);
	CHECK(find(&all, "both 'allowed_tools' and 'exclude_tools'") != NULL);
	config_free(config);
	diagnostics_release(&all);
}

TEST(defaults_need_no_words)
{
	struct diagnostics all;
	struct config *config = load(AGENT "}}]", &all);

	CHECK(config != NULL);
	CHECK_INT(all.count, 0);
	if (config != NULL) {
		CHECK_INT(config->nagents, 1);
		CHECK_STR(config->agents[0].id, "a");
		CHECK_STR(config->agents[0].model, "mock");
		CHECK(config->agents[0].base_url == NULL);
		CHECK(config->agents[0].api_key == NULL);
		CHECK(config->agents[0].system_message == NULL);
		CHECK_INT(config->run_timeout_ms, 1800000);
		CHECK_INT(config->agent_timeout_ms, 900000);
		CHECK_INT(config->idle_timeout_ms, 300000);
		CHECK_INT(config->max_restarts_per_agent, 2);
		CHECK_INT(config->max_new_answers_per_agent, -1);
		CHECK_INT(config->voting_sensitivity, STRICTNESS_LENIENT);
		CHECK(!config->single_agent_direct);
		CHECK(config->worker_launcher == NULL);
	}
	config_free(config);
	diagnostics_release(&all);
}

TEST(the_command_line_is_stronger)
{
	const struct config_overrides overrides = { .run_timeout_ms = 4000,
		.max_cost_usd = 0.5 };
	struct diagnostics all;
	struct config *config;

	config = load_as("c.yaml",
	    AGENT "}}]\n"
		  "timeout_settings: {orchestrator_timeout_seconds: 60}\n"
		  "orchestrator: {max_cost_usd: 9}\n",
	    &overrides, &all);
	CHECK(config != NULL);
	if (config != NULL) {
		CHECK_INT(config->run_timeout_ms, 4000);
		CHECK_INT(config->agent_timeout_ms, 2000);
		CHECK(config->max_cost_usd > 0.4 && config->max_cost_usd < 0.6);
	}
	config_free(config);
	diagnostics_release(&all);
}

#define GROQ "agents: [{id: a, backend: {type: groq}}]"

TEST(a_missing_key_is_named)
{
	struct diagnostics all;
	struct config *config;

	unsetenv("GROQ_API_KEY");
	config = load_as("c.yaml", GROQ, &run, &all);
	CHECK(config == NULL);
	CHECK_INT(all.errors, 1);
	CHECK(find(&all, "GROQ_API_KEY") != NULL);
	diagnostics_release(&all);

	config = load_as("c.yaml", GROQ, &look, &all);
	CHECK(config != NULL);
	CHECK_INT(all.warnings, 1);
	config_free(config);
	diagnostics_release(&all);

	config = load_as("c.yaml", GROQ, &dry, &all);
	CHECK(config != NULL);
	CHECK_INT(all.count, 0);
	if (config != NULL) {
		CHECK_STR(config->agents[0].preset->type, "mock");
		CHECK_STR(config->agents[0].model, "mock");
		CHECK(config->agents[0].base_url == NULL);
	}
	config_free(config);
	diagnostics_release(&all);
}

TEST(a_key_comes_from_the_environment)
{
	struct diagnostics all;
	struct config *config;

	setenv("GROQ_API_KEY", "from-environment", 1);
	config = load_as("c.yaml", GROQ, &run, &all);
	CHECK(config != NULL);
	if (config != NULL) {
		CHECK_STR(config->agents[0].api_key, "from-environment");
		CHECK_STR(config->agents[0].base_url,
		    "https://api.groq.com/openai/v1");
		CHECK_STR(config->agents[0].model, "llama-3.3-70b-versatile");
	}
	config_free(config);
	diagnostics_release(&all);

	setenv("GROQ_API_KEY", "two\nlines", 1);
	CHECK(load_as("c.yaml", GROQ, &run, &all) == NULL);
	CHECK(find(&all, "GROQ_API_KEY holds") != NULL);
	CHECK(find(&all, "lines") == NULL);
	diagnostics_release(&all);
	unsetenv("GROQ_API_KEY");
}

/* A generic backend is given the key of whoever owns the address. */
TEST(a_host_tells_whose_key)
{
	static const struct {
		const char *url;
		const char *key;
	} cases[] = {
		{ "https://api.groq.com/openai/v1", "groq" },
		{ "https://GROQ.com:443", "groq" },
		{ "https://api.openai.com/v1", "openai" },
		{ "https://notgroq.com/v1", "openai" },
		{ "https://groq.com.evil.example/v1", "openai" },
		{ "https://evil.example/groq.com", "openai" },
		{ "http://127.0.0.1:8080/v1", "openai" },
	};
	struct diagnostics all;
	struct config *config;
	char *text;
	size_t i;

	setenv("GROQ_API_KEY", "groq", 1);
	setenv("OPENAI_API_KEY", "openai", 1);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		text = xasprintf("agents: [{id: a, backend: {type: "
				 "chatcompletion, model: m, base_url: '%s'}}]",
		    cases[i].url);
		config = load_as("c.yaml", text, &run, &all);
		CHECK(config != NULL);
		if (config != NULL)
			CHECK_STR(config->agents[0].api_key, cases[i].key);
		config_free(config);
		diagnostics_release(&all);
		free(text);
	}
	unsetenv("GROQ_API_KEY");
	unsetenv("OPENAI_API_KEY");
}

TEST(variables_are_expanded_and_hidden)
{
	struct diagnostics all;
	struct config *config;
	const char *source;

	setenv("TEST_SECRET", "open-sesame", 1);
	config = load_as("c.yaml",
	    "agents: [{id: a, backend: {type: vllm, "
	    "model: 'm-${TEST_SECRET}', api_key: '${TEST_SECRET}', "
	    "user: '${cwd}/$x${}'}}]",
	    &run, &all);
	CHECK(config != NULL);
	if (config != NULL) {
		CHECK_STR(config->agents[0].model, "m-open-sesame");
		CHECK_STR(config->agents[0].api_key, "open-sesame");
		CHECK_STR(json_object_get_string(json_object_object_get(
			      config->agents[0].params, "user")),
		    "${cwd}/$x${}");
		source = json_object_to_json_string(config->source);
		CHECK(strstr(source, "sesame") == NULL);
		CHECK(strstr(source, "[redacted]") != NULL);
	}
	config_free(config);
	diagnostics_release(&all);
	unsetenv("TEST_SECRET");

	CHECK(load_as("c.yaml",
		  "agents:\n- id: a\n  backend:\n"
		  "    type: vllm\n    model: ${TEST_SECRET}\n",
		  &run, &all) == NULL);
	CHECK(find(&all, "TEST_SECRET is not set") != NULL);
	if (all.count > 0) {
		CHECK_INT(all.list[0].line, 5);
		CHECK_INT(all.list[0].column, 12);
	}
	diagnostics_release(&all);
}

TEST(types_without_a_wire_format_do_not_run)
{
	static const char text[] =
	    "agents: [{id: a, backend: {type: claude_code, api_key: k}}]";
	struct diagnostics all;
	struct config *config;

	CHECK(load_as("c.yaml", text, &run, &all) == NULL);
	CHECK(find(&all, "'claude_code' is not built") != NULL);
	diagnostics_release(&all);

	config = load_as("c.yaml", text, &look, &all);
	CHECK(config != NULL);
	CHECK_INT(all.warnings, 1);
	config_free(config);
	diagnostics_release(&all);

	config = load_as("c.yaml", text, &dry, &all);
	CHECK(config != NULL);
	config_free(config);
	diagnostics_release(&all);
}

TEST(limits_that_nobody_holds_are_errors)
{
	static const char text[] = AGENT ", disallowed_tools: [read]}}]";
	struct diagnostics all;
	struct config *config;

	CHECK(load_as("c.yaml", text, &run, &all) == NULL);
	CHECK(find(&all, "\"disallowed_tools\" sets a limit") != NULL);
	diagnostics_release(&all);

	config = load_as("c.yaml", text, &dry, &all);
	CHECK(config != NULL);
	CHECK_INT(all.warnings, 1);
	config_free(config);
	diagnostics_release(&all);
}

TEST(an_unsupported_key_warns_once)
{
	struct diagnostics all;
	struct config *config;

	config = load(AGENT ", provider: p}}, "
			    "{id: b, backend: {type: mock, provider: p}}, "
			    "{id: c, backend: {type: mock, provider: null}}]",
	    &all);
	CHECK(config != NULL);
	CHECK_INT(all.warnings, 1);
	config_free(config);
	diagnostics_release(&all);
}

/* A dry run: the top-level script, else the agent's own, else none. */
TEST(scripts_of_a_dry_run)
{
	struct diagnostics all;
	struct config *config;

	config = load_as("c.yaml",
	    "agents:\n"
	    "- {id: a, backend: {type: mock, script: [{answer: own}]}}\n"
	    "- {id: b, backend: {type: mock, script: [{vote: a}]}}\n"
	    "- {id: c, backend: {type: groq}}\n"
	    "dry_run: {a: [{answer: dry}]}\n",
	    &dry, &all);
	CHECK(config != NULL);
	if (config != NULL) {
		CHECK_STR(json_object_to_json_string_ext(
			      config->agents[0].script, JSON_C_TO_STRING_PLAIN),
		    "[{\"answer\":\"dry\"}]");
		CHECK_STR(json_object_to_json_string_ext(
			      config->agents[1].script, JSON_C_TO_STRING_PLAIN),
		    "[{\"vote\":\"a\"}]");
		CHECK(config->agents[2].script == NULL);
	}
	config_free(config);
	diagnostics_release(&all);
}

TEST(quick_runs)
{
	struct config_overrides overrides = { .backend = "vllm",
		.model = "a \"quoted\"\nmodel",
		.system_message = "Be kind.",
		.base_url = "http://127.0.0.1:9/v1/" };
	struct diagnostics all = { 0 };
	struct config *config = config_load(NULL, &overrides, &all);

	CHECK(config != NULL);
	if (config != NULL) {
		CHECK(config->path == NULL);
		CHECK_INT(config->nagents, 1);
		CHECK_STR(config->agents[0].id, "agent1");
		CHECK_STR(config->agents[0].model, "a \"quoted\"\nmodel");
		CHECK_STR(config->agents[0].system_message, "Be kind.");
		CHECK_STR(config->agents[0].base_url, "http://127.0.0.1:9/v1");
		CHECK_STR(config->agents[0].api_key, "EMPTY");
	}
	config_free(config);
	diagnostics_release(&all);

	overrides = (struct config_overrides) { .dry_run = true };
	config = config_load(NULL, &overrides, &all);
	CHECK(config != NULL && config->nagents == 2);
	config_free(config);
	diagnostics_release(&all);

	overrides = (struct config_overrides) { .dry_run = false };
	CHECK(config_load(NULL, &overrides, &all) == NULL);
	CHECK(find(&all, "no configuration was given") != NULL);
	diagnostics_release(&all);

	overrides.backend = "gorq";
	CHECK(config_load(NULL, &overrides, &all) == NULL);
	CHECK(find(&all, "Unknown backend type: 'gorq'") != NULL);
	if (all.count > 0)
		CHECK_INT(all.list[0].line, 0);
	diagnostics_release(&all);
}

TEST(models_tell_their_backend)
{
	struct config_overrides overrides = { .model = "glm-4.5-air" };
	struct diagnostics all = { 0 };
	struct config *config;

	CHECK_STR(preset_infer("gpt-5-mini"), "openai");
	CHECK_STR(preset_infer("claude-sonnet-4-5"), "claude");
	CHECK_STR(preset_infer("gemini-2.5-pro"), "gemini");
	CHECK_STR(preset_infer("grok-4"), "grok");
	CHECK(preset_infer("llama") == NULL);

	setenv("ZAI_API_KEY", "k", 1);
	config = config_load(NULL, &overrides, &all);
	CHECK(config != NULL);
	if (config != NULL)
		CHECK_STR(config->agents[0].preset->type, "zai");
	config_free(config);
	diagnostics_release(&all);
	unsetenv("ZAI_API_KEY");

	overrides.model = "llama";
	CHECK(config_load(NULL, &overrides, &all) == NULL);
	CHECK(find(&all, "does not tell its backend") != NULL);
	diagnostics_release(&all);
}

TEST(presets_are_in_order)
{
	size_t i;

	for (i = 1; preset_at(i) != NULL; i++)
		CHECK(strcmp(preset_at(i - 1)->type, preset_at(i)->type) < 0);
	CHECK(preset_find("groq") != NULL);
	CHECK(preset_find("Groq") == NULL);
	for (i = 0; preset_at(i) != NULL; i++)
		CHECK(!preset_at(i)->needs_key ||
		    preset_at(i)->key_env[0] != NULL);
}

TEST(many_agents)
{
	struct diagnostics all;
	struct config *config;
	char *text, *s;
	size_t i, size = 4097 * 48;

	text = s = xcalloc(1, size);
	s += strlcpy(s, "agents:\n", size);
	for (i = 0; i < 4096; i++)
		s += snprintf(s, size - (size_t)(s - text),
		    "- {id: a%zu, backend: {type: mock}}\n", i);
	config = load(text, &all);
	CHECK(config != NULL && config->nagents == 4096);
	config_free(config);
	diagnostics_release(&all);

	strlcpy(
	    s, "- {id: b, backend: {type: mock}}\n", size - (size_t)(s - text));
	CHECK(load(text, &all) == NULL);
	CHECK(find(&all, "got 4097") != NULL);
	diagnostics_release(&all);
	free(text);
}

/* Each printed form of the same three problems. */
TEST(problems_are_printed)
{
	struct diagnostics all;
	struct json_object *o, *errors;
	char *text = NULL;
	size_t len;
	FILE *f;

	CHECK(
	    load(AGENT ", provider: w, temperatur: 1}}]\nui: 5", &all) == NULL);
	f = open_memstream(&text, &len);
	CHECK(!diagnostics_print(&all, f, false, false, NULL));
	fclose(f);
	CHECK(strstr(text, ":1:50: warning: \"provider\" is not") != NULL);
	CHECK(strstr(text,
		  ":1:53: unknown key \"temperatur\" in "
		  "agents[0].backend\n    Did you mean \"temperature\"?\n") !=
	    NULL);
	CHECK(strstr(text, ":2:5: UI must be a dictionary") != NULL);
	CHECK(strstr(text, "not valid: 2 errors, 1 warning\n") != NULL);
	free(text);

	f = open_memstream(&text, &len);
	diagnostics_print(&all, f, true, false, NULL);
	fclose(f);
	o = json_tokener_parse(text);
	CHECK(!json_object_get_boolean(json_object_object_get(o, "valid")));
	CHECK_INT(
	    json_object_get_int(json_object_object_get(o, "error_count")), 2);
	CHECK_INT(
	    json_object_get_int(json_object_object_get(o, "warning_count")), 1);
	errors = json_object_object_get(o, "errors");
	CHECK_STR(json_object_get_string(json_object_object_get(
		      json_object_array_get_idx(errors, 0), "suggestion")),
	    "Did you mean \"temperature\"?");
	json_object_put(o);
	free(text);
	diagnostics_release(&all);
}

TEST(warnings_count_when_strict)
{
	struct diagnostics all;
	struct config *config = load(AGENT ", provider: p}}]", &all);
	FILE *f = fopen("/dev/null", "w");

	CHECK(config != NULL);
	CHECK(diagnostics_print(&all, f, false, false, NULL));
	CHECK(!diagnostics_print(&all, f, false, true, NULL));
	fclose(f);
	config_free(config);
	diagnostics_release(&all);
}
