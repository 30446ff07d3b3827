/* The configuration: what an agent can do besides deciding. */

#include <sys/stat.h>

#include "tests/config_text.h"

/* The first agent's tools are these; want NULL: it has none. */
static void
check_tools(const char *text, const struct config_overrides *overrides,
    const char *want)
{
	struct diagnostics all;
	struct config *config = load_as("c.yaml", text, overrides, &all);

	if (!CHECK(config != NULL)) {
		printf("# for: %s\n", text);
		if (all.count > 0)
			printf("# got: %s\n", all.list[0].message);
	} else if (config->agents[0].tools == NULL || want == NULL) {
		if (!CHECK(config->agents[0].tools == NULL && want == NULL))
			printf("# for: %s\n", text);
		CHECK(config->agents[0].workspace == NULL);
	} else {
		CHECK_STR(json_compact(config->agents[0].tools), want);
		CHECK(config->agents[0].workspace != NULL);
	}
	config_free(config);
	diagnostics_release(&all);
}

#define COORDINATION "}}]\norchestrator: {coordination: "

TEST(what_brings_an_agent_which_tools)
{
	static const struct {
		const char *text;
		const char *tools;
	} cases[] = {
		{ AGENT "}}]", NULL },
		{ AGENT ", enable_mcp_command_line: false, context_paths: [], "
			"mcp_servers: {}, allowed_tools: [x], "
			"command_line_timeout: 5}}]",
		    NULL },
		{ AGENT "}}]\norchestrator: {snapshot_storage: s, "
			"agent_temporary_workspace: t, sandbox: required}",
		    NULL },
		{ AGENT ", cwd: w}}]", "{\"files\":true}" },
		{ AGENT ", context_paths: [{path: /}]}}]",
		    "{\"files\":true,\"context\":[{\"path\":\"/\","
		    "\"write\":false,\"keep\":[]}]}" },
		{ AGENT ", enable_mcp_command_line: true}}]",
		    "{\"files\":true,\"command_line\":{\"mode\":\"local\","
		    "\"network\":\"none\",\"timeout\":60.0}}" },
		{ AGENT ", mcp_servers: {s: {command: x}}}}]",
		    "{\"mcp\":[{\"name\":\"s\",\"type\":\"stdio\",\"command\":"
		    "[\"x\"],\"env\":{},\"network\":\"host\"}]}" },
		{ AGENT COORDINATION "{enable_agent_task_planning: true}}",
		    "{\"planning\":true,\"max_tasks\":10,"
		    "\"plan_file\":false}" },
		{ AGENT COORDINATION
		    "{enable_agent_task_planning: true, max_tasks_per_plan: 3, "
		    "task_planning_filesystem_mode: true}}",
		    "{\"planning\":true,\"max_tasks\":3,\"plan_file\":true}" },
		{ AGENT COORDINATION "{max_tasks_per_plan: 3}}", NULL },
		{ AGENT ", cwd: w, allowed_tools: [a], exclude_tools: [b]}}]",
		    "{\"files\":true,\"allowed_tools\":[\"a\"],"
		    "\"exclude_tools\":[\"b\"]}" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		check_tools(cases[i].text, &run, cases[i].tools);
}

TEST(a_workspace_has_a_name)
{
	static const struct {
		const char *keys;
		const char *name;
	} cases[] = {
		{ "cwd: w", "w" },
		{ "cwd: a/b/", "b" },
		{ "cwd: /srv/x y", "x y" },
		{ "cwd: ../w", "w" },
		{ "enable_mcp_command_line: true", "a" },
	};
	struct diagnostics all;
	struct config *config;
	char *text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		text = xasprintf(AGENT ", %s}}]", cases[i].keys);
		config = load_as("c.yaml", text, &run, &all);
		CHECK_INT(all.count, 0);
		if (CHECK(config != NULL))
			CHECK_STR(config->agents[0].workspace, cases[i].name);
		config_free(config);
		diagnostics_release(&all);
		free(text);
	}
}

TEST(workspaces_that_cannot_be)
{
	static const struct rule rules[] = {
		{ AGENT ", cwd: .}}]", "must end in the name of a folder",
		    "agents[0].backend.cwd", "workspace1" },
		{ AGENT ", cwd: x/..}}]", "must end in the name of a folder",
		    NULL, NULL },
		{ AGENT ", cwd: /}}]", "must end in the name of a folder", NULL,
		    NULL },
		{ AGENT ", cwd: ''}}]", "must end in the name of a folder",
		    NULL, NULL },
		{ AGENT ", cwd: .git}}]", "must end in the name of a folder",
		    NULL, NULL },
		{ AGENT ", cwd: \"a\\nb\"}}]",
		    "must end in the name of a folder", NULL, NULL },
		{ AGENT ", cwd: 1}}]", "'cwd' must be a string, got int", NULL,
		    NULL },
		{ AGENT ", cwd: x/w}}, {id: b, backend: {type: mock, "
			"cwd: w}}]",
		    "Duplicate workspace: agents 'a' and 'b' both have 'w'",
		    "agents[1].backend.cwd", "last part" },
		{ AGENT ", cwd: w}}, {id: b, backend: {type: mock, cwd: W}}]",
		    "Duplicate workspace", NULL, NULL },
		{ AGENT ", cwd: b}}, {id: b, backend: {type: mock, "
			"enable_mcp_command_line: true}}]",
		    "Duplicate workspace", "agents[1].backend.cwd", NULL },
	};

	check_rules(rules, ARRAY_SIZE(rules));
}

#define COMMANDS AGENT ", enable_mcp_command_line: true, "
#define DOCKER   COMMANDS "command_line_execution_mode: docker"

TEST(a_command_line_is_described)
{
	check_tools(COMMANDS "command_line_execution_mode: local, "
			     "command_line_network: host, "
			     "command_line_timeout: 2.5, "
			     "command_line_memory_limit: 512m, "
			     "command_line_max_processes: 64, "
			     "command_line_max_file_size: 4096, "
			     "command_line_cpu_seconds: 30, "
			     "command_line_allowed_commands: ['ls( .*)?', "
			     "'(?:a|b)\\d[\\d.]*', "
			     "'f\\(?[(?]'], "
			     "command_line_blocked_commands: ['rm .*', 'a|b']"
			     "}}]",
	    &run,
	    "{\"files\":true,\"command_line\":{\"mode\":\"local\","
	    "\"network\":\"host\",\"allowed\":[\"ls( .*)?\","
	    "\"(?:a|b)\\\\d[\\\\d.]*\",\"f\\\\(?[(?]\"],"
	    "\"blocked\":[\"rm .*\",\"a|b\"],\"timeout\":2.5,"
	    "\"memory\":536870912,\"file_size\":4096,\"processes\":64,"
	    "\"cpu\":30}}");
	check_tools(DOCKER "}}]", &run,
	    "{\"files\":true,\"command_line\":{\"mode\":\"docker\","
	    "\"network\":\"none\",\"timeout\":60.0,\"docker\":{\"image\":"
	    "\"massgen/mcp-runtime:latest\",\"network\":\"none\","
	    "\"sudo\":false}}}");
	check_tools(DOCKER ", command_line_docker_enable_sudo: true, "
			   "command_line_docker_memory_limit: 2g, "
			   "command_line_docker_cpu_limit: 1.5, "
			   "command_line_docker_network_mode: bridge, "
			   "command_line_max_processes: 9}}]",
	    &run,
	    "{\"files\":true,\"command_line\":{\"mode\":\"docker\","
	    "\"network\":\"none\",\"timeout\":60.0,\"processes\":9,"
	    "\"docker\":{\"image\":\"massgen/mcp-runtime-sudo:latest\","
	    "\"network\":\"bridge\",\"memory\":\"2g\",\"cpus\":1.5,"
	    "\"sudo\":true}}}");
	check_tools(DOCKER ", command_line_network: host, "
			   "command_line_docker_image: debian}}]",
	    &run,
	    "{\"files\":true,\"command_line\":{\"mode\":\"docker\","
	    "\"network\":\"host\",\"timeout\":60.0,\"docker\":{\"image\":"
	    "\"debian\",\"network\":\"host\",\"sudo\":false}}}");
}

TEST(a_command_line_has_rules)
{
	static const struct rule rules[] = {
		{ COMMANDS "command_line_execution_mode: remote}}]",
		    "Invalid command_line_execution_mode: 'remote'",
		    "agents[0].backend.command_line_execution_mode",
		    "'local' or 'docker'" },
		{ COMMANDS "command_line_network: bridge}}]",
		    "Invalid command_line_network: 'bridge'", NULL,
		    "'none' or 'host'" },
		{ COMMANDS "command_line_timeout: 0}}]",
		    "must be a number of seconds from 0.05 to 86400", NULL,
		    NULL },
		{ COMMANDS "command_line_memory_limit: much}}]",
		    "'command_line_memory_limit' must be a number of bytes",
		    "agents[0].backend.command_line_memory_limit", "512m" },
		{ COMMANDS "command_line_memory_limit: 0}}]",
		    "'command_line_memory_limit' must be a number of bytes",
		    NULL, NULL },
		{ COMMANDS "command_line_max_file_size: 1.5g}}]",
		    "'command_line_max_file_size' must be", NULL, NULL },
		{ COMMANDS "command_line_max_processes: 0}}]",
		    "'command_line_max_processes' must be a positive", NULL,
		    NULL },
		{ COMMANDS "command_line_cpu_seconds: -1}}]",
		    "'command_line_cpu_seconds' must be a positive", NULL,
		    NULL },
		{ COMMANDS "command_line_allowed_commands: ['(']}}]",
		    "'(' is no pattern: ",
		    "agents[0].backend.command_line_allowed_commands[0]",
		    "regex(7)" },
		{ COMMANDS "command_line_blocked_commands: [rm, '\\Ax']}}]",
		    "\\A is not known",
		    "agents[0].backend.command_line_blocked_commands[1]",
		    NULL },
		{ COMMANDS "command_line_blocked_commands: ['(?i)rm']}}]",
		    "(? is not known, but for (?:", NULL, NULL },
		{ COMMANDS "command_line_blocked_commands: rm}}]",
		    "'command_line_blocked_commands' must be a list", NULL,
		    NULL },
		{ COMMANDS "command_line_pass_env: ['A=b']}}]",
		    "'A=b' is no name of an environment variable",
		    "agents[0].backend.command_line_pass_env[0]",
		    "its value is looked up" },
		{ COMMANDS "command_line_docker_memory_limit: 1g}}]",
		    "does not hold in the execution mode 'local'",
		    "agents[0].backend.command_line_docker_memory_limit",
		    NULL },
		{ DOCKER ", command_line_memory_limit: 1g}}]",
		    "does not hold in the execution mode 'docker'", NULL,
		    NULL },
		{ DOCKER ", command_line_cpu_seconds: 1}}]",
		    "does not hold in the execution mode 'docker'", NULL,
		    NULL },
		{ DOCKER ", command_line_docker_memory_limit: lots}}]",
		    "'command_line_docker_memory_limit' must be a number", NULL,
		    "512m" },
		{ DOCKER ", command_line_docker_image: --privileged}}]",
		    "'command_line_docker_image' names no image", NULL, NULL },
		{ DOCKER ", command_line_network: none, "
			 "command_line_docker_network_mode: bridge}}]",
		    "'command_line_docker_network_mode' is 'bridge', but",
		    "agents[0].backend.command_line_docker_network_mode",
		    "Remove one" },
	};

	check_rules(rules, ARRAY_SIZE(rules));
}

TEST(commands_are_given_variables_by_name)
{
	static const char text[] =
	    COMMANDS "command_line_pass_env: [TEST_TOKEN, TEST_KEY, TEST_PAT, "
		     "TEST_PASS, "
		     "TEST_PLAIN, TEST_UNSET]}}]";
	struct diagnostics all;
	struct config *config;

	setenv("TEST_TOKEN", "open-sesame", 1);
	setenv("TEST_KEY", "open-door", 1);
	setenv("TEST_PAT", "open-gate", 1);
	setenv("TEST_PASS", "open-lid", 1);
	setenv("TEST_PLAIN", "plain", 1);
	unsetenv("TEST_UNSET");
	config = load_as("c.yaml", text, &run, &all);
	CHECK_INT(all.count, 0);
	if (CHECK(config != NULL)) {
		CHECK(strstr(json_compact(config->agents[0].tools),
			  "\"pass_env\":{\"TEST_TOKEN\":\"open-sesame\","
			  "\"TEST_KEY\":\"open-door\","
			  "\"TEST_PAT\":\"open-gate\","
			  "\"TEST_PASS\":\"open-lid\","
			  "\"TEST_PLAIN\":\"plain\"}") != NULL);
		CHECK_STR(json_compact(config->agents[0].secrets),
		    "[\"open-sesame\",\"open-door\",\"open-gate\","
		    "\"open-lid\"]");
		CHECK(strstr(json_compact(config->source), "open-") == NULL);
	}
	config_free(config);
	diagnostics_release(&all);
	unsetenv("TEST_TOKEN");
	unsetenv("TEST_KEY");
	unsetenv("TEST_PAT");
	unsetenv("TEST_PASS");
	unsetenv("TEST_PLAIN");
}

TEST(a_sandbox_is_chosen)
{
	static const struct {
		const char *keys; /* of the backend */
		const char *orchestrator;
		enum sandbox sandbox;
		size_t warnings;
	} cases[] = {
		{ "cwd: w", "{}", SANDBOX_AUTO, 0 },
		{ "cwd: w, sandbox: required", "{}", SANDBOX_REQUIRED, 0 },
		{ "cwd: w", "{sandbox: required}", SANDBOX_REQUIRED, 0 },
		{ "cwd: w, sandbox: required", "{sandbox: required}",
		    SANDBOX_REQUIRED, 0 },
		{ "cwd: w, sandbox: off", "{}", SANDBOX_OFF, 1 },
		{ "cwd: w, sandbox: 'off'", "{}", SANDBOX_OFF, 1 },
		{ "cwd: w", "{sandbox: off}", SANDBOX_OFF, 1 },
		{ "cwd: w, sandbox: auto", "{sandbox: off}", SANDBOX_AUTO, 1 },
		{ "cwd: w, sandbox: null", "{sandbox: off}", SANDBOX_OFF, 1 },
	};
	struct diagnostics all;
	struct config *config;
	char *text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		text = xasprintf(AGENT ", %s}}]\norchestrator: %s",
		    cases[i].keys, cases[i].orchestrator);
		config = load_as("c.yaml", text, &run, &all);
		CHECK_INT(all.warnings, cases[i].warnings);
		CHECK_INT(all.errors, 0);
		if (CHECK(config != NULL))
			CHECK_INT(config->agents[0].sandbox, cases[i].sandbox);
		if (all.count > 0)
			CHECK(strstr(all.list[0].message, "without any wall") !=
			    NULL);
		config_free(config);
		diagnostics_release(&all);
		free(text);
	}
}

TEST(a_sandbox_is_not_weakened)
{
	static const struct rule rules[] = {
		{ AGENT ", sandbox: weak}}]", "Invalid sandbox: 'weak'",
		    "agents[0].backend.sandbox", "'required'" },
		{ AGENT ", sandbox: on}}]", "Invalid sandbox: 'on'",
		    "agents[0].backend.sandbox", "'required'" },
		{ AGENT ", sandbox: 1}}]", "'sandbox' must be 'auto'", NULL,
		    NULL },
		{ AGENT ", sandbox: auto}}]\norchestrator: {sandbox: required}",
		    "must not be weaker than the orchestrator's",
		    "agents[0].backend.sandbox", NULL },
		{ AGENT ", sandbox: off}}]\norchestrator: {sandbox: required}",
		    "must not be weaker", NULL, NULL },
	};

	check_rules(rules, ARRAY_SIZE(rules));
}

TEST(a_program_is_not_held)
{
#define PROGRAM "agents: [{id: a, backend: {type: command, command: [cat]"
	static const struct rule rules[] = {
		{ PROGRAM ", sandbox: required}}]",
		    "'sandbox' sets a limit that does not hold a program",
		    "agents[0].backend.sandbox", "own rights" },
		{ PROGRAM ", allowed_tools: [Read]}}]",
		    "'allowed_tools' sets a limit", NULL, NULL },
		{ PROGRAM ", command_line_network: none}}]",
		    "'command_line_network' sets a limit", NULL, NULL },
		{ PROGRAM "}}]\norchestrator: {sandbox: required}",
		    "'sandbox: required' does not hold a program",
		    "agents[0].backend", NULL },
	};
	struct diagnostics all;
	struct config *config;

	check_rules(rules, ARRAY_SIZE(rules));
	config =
	    load(PROGRAM ", cwd: /, enable_mcp_command_line: yes}}]", &all);
	CHECK(find(&all, "'enable_mcp_command_line' has no effect") != NULL);
	CHECK_INT(all.count, 1);
	if (CHECK(config != NULL)) {
		CHECK(config->agents[0].tools == NULL);
		CHECK(config->agents[0].workspace == NULL);
	}
	config_free(config);
	diagnostics_release(&all);
}

/* With a server, only where the script asks for a tool of one. */
TEST(a_dry_run_keeps_the_tools)
{
#define SERVER ", mcp_servers: {s: {command: x}}"
	static const struct {
		const char *text;
		const char *tools;
	} cases[] = {
		{ AGENT ", cwd: w" SERVER "}}]", "{\"files\":true}" },
		{ AGENT SERVER "}}]", NULL },
		{ AGENT SERVER "}}]\ndry_run: {a: [{tools: "
			       "[{name: mcp__s__t}], answer: x}]}",
		    "{\"mcp\":[{\"name\":\"s\",\"type\":\"stdio\",\"command\":"
		    "[\"x\"],\"env\":{},\"network\":\"host\"}]}" },
		{ AGENT ", cwd: w" SERVER ", script: [{tools: "
			"[{name: read_file, arguments: {path: x}}], say: x}]"
			"}}]",
		    "{\"files\":true}" },
		{ "agents: [{id: a, backend: {type: groq, cwd: w}}]",
		    "{\"files\":true}" },
		{ "agents: [{id: a, backend: {type: command, command: [cat], "
		  "cwd: /nonexistent}}]",
		    NULL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		check_tools(cases[i].text, &dry, cases[i].tools);
}

TEST(scripts_call_tools)
{
#define STEP AGENT ", cwd: w, script: [{answer: x, tools: "
	static const struct rule rules[] = {
		{ STEP "[{arguments: {}}]}]}}]", "Tool call missing 'name'",
		    "agents[0].backend.script[0].tools[0]", NULL },
		{ STEP "[{name: x, argument: {}}]}]}}]",
		    "unknown key \"argument\"",
		    "agents[0].backend.script[0].tools[0].argument",
		    "\"arguments\"" },
		{ STEP "[{name: x, arguments: []}]}]}}]",
		    "'arguments' must be a dictionary, got list", NULL, NULL },
		{ STEP "[{name: 'a b'}]}]}}]",
		    "a tool's name must be 1 to 200 of the characters",
		    "agents[0].backend.script[0].tools[0].name", NULL },
		{ STEP "[ls]}]}}]", "Tool call must be a dictionary, got str",
		    NULL, NULL },
		{ STEP "{name: x}}]}}]", "'tools' must be a list, got dict",
		    NULL, NULL },
		{ AGENT ", cwd: w, script: [{tools: [{name: x}]}]}}]",
		    "a step needs exactly one of", NULL, NULL },
		{ AGENT ", script: [{answer: x, tools: [{name: x}]}]}}]",
		    "the agent has no tools",
		    "agents[0].backend.script[0].tools", "cwd" },
		{ AGENT "}}]\ndry_run: {a: [{answer: x, "
			"tools: [{name: x}]}]}",
		    "the agent has no tools", "dry_run.a[0].tools", NULL },
	};
	struct diagnostics all;
	struct config *config;

	check_rules(rules, ARRAY_SIZE(rules));
	config = load(STEP "[{name: x, arguments: {n: 1}}]}]}}]", &all);
	CHECK_INT(all.count, 0);
	if (CHECK(config != NULL))
		CHECK_STR(json_compact(config->agents[0].script),
		    "[{\"answer\":\"x\",\"tools\":[{\"name\":\"x\","
		    "\"arguments\":{\"n\":1}}]}]");
	config_free(config);
	diagnostics_release(&all);
}
