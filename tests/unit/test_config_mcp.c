/* The configuration: servers of tools. */

#include "tests/config_text.h"

#define SERVERS AGENT ", mcp_servers: "
#define SERVER  SERVERS "{s: {command: x, "
#define END     "}}}}]"
#define REMOTE  SERVERS "{s: {url: "
#define PREFIX  "MCP configuration error: "
#define AT      "agents[0].backend.mcp_servers"
#define ARGUMENTS_50                                         \
	"a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a," \
	"a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"
#define TEXT_51 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* "mcp" of the first agent's tools, or NULL. */
static struct json_object *
servers_of(const struct config *config)
{
	return (config == NULL || config->agents[0].tools == NULL
		? NULL
		: json_object_object_get(config->agents[0].tools, "mcp"));
}

static void
check_servers(const char *text, size_t warnings, const char *want)
{
	struct diagnostics all;
	struct config *config = load_as("c.yaml", text, &run, &all);

	if (CHECK(servers_of(config) != NULL)) {
		CHECK_STR(json_compact(servers_of(config)), want);
		CHECK_INT(all.warnings, warnings);
	} else
		printf("# for: %s\n# got: %s\n", text,
		    all.count == 0 ? "" : all.list[0].message);
	config_free(config);
	diagnostics_release(&all);
}

/* A member of the first server: a string as it is, all else as JSON. */
static void
check_member(const char *text, const char *member, const char *want)
{
	struct diagnostics all;
	struct config *config = load_as("c.yaml", text, &run, &all);
	struct json_object *servers = servers_of(config), *o;

	CHECK_INT(all.count, 0);
	if (CHECK(servers != NULL)) {
		o = json_object_object_get(
		    json_object_array_get_idx(servers, 0), member);
		CHECK_STR(json_object_is_type(o, json_type_string)
			? json_object_get_string(o)
			: json_compact(o),
		    want);
	}
	config_free(config);
	diagnostics_release(&all);
}

/* Nothing is said about any of them. */
static void
check_good(const char *const *good, size_t n)
{
	struct diagnostics all;
	struct config *config;
	size_t i;

	for (i = 0; i < n; i++) {
		config = load(good[i], &all);
		if (!CHECK(config != NULL))
			printf("# for: %s\n", good[i]);
		CHECK_INT(all.count, 0);
		config_free(config);
		diagnostics_release(&all);
	}
}

/* All of it goes into the message's place, with MassGen's head. */
TEST(servers_are_read_in_both_forms)
{
	check_servers(SERVERS
	    "[{name: s, type: stdio, command: npx, args: [-y, w], "
	    "env: {A: b, N: 1, E: null}, cwd: /srv, network: none, "
	    "timeout: 5, allowed_tools: [t], exclude_tools: [u]}]}}]",
	    0,
	    "[{\"name\":\"s\",\"type\":\"stdio\",\"timeout\":5,"
	    "\"command\":[\"npx\",\"-y\",\"w\"],"
	    "\"env\":{\"A\":\"b\",\"N\":\"1\",\"E\":\"\"},\"cwd\":\"/srv\","
	    "\"network\":\"none\",\"allowed_tools\":[\"t\"],"
	    "\"exclude_tools\":[\"u\"]}]");
	check_servers(SERVERS "{s: {type: streamable-http, "
			      "url: 'https://e.example/mcp', "
			      "headers: {X-A: b}, timeout: 5}}}}]",
	    0,
	    "[{\"name\":\"s\",\"type\":\"streamable-http\",\"timeout\":5,"
	    "\"url\":\"https://e.example/mcp\",\"headers\":{\"X-A\":\"b\"}}]");
	check_servers(REMOTE "'https://e.example', timeout: 5, "
			     "http_read_timeout: 90" END,
	    0,
	    "[{\"name\":\"s\",\"type\":\"streamable-http\",\"timeout\":90,"
	    "\"url\":\"https://e.example\",\"headers\":{}}]");
}

TEST(a_command_is_split_or_a_list)
{
	static const struct {
		const char *command;
		const char *argv;
	} cases[] = {
		{ "command: 'npx  -y w'", "[\"npx\",\"-y\",\"w\"]" },
		{ "command: [npx, -y], args: [w]", "[\"npx\",\"-y\",\"w\"]" },
		{ "args: [npx, w]", "[\"npx\",\"w\"]" },
		{ "command: '\"my server\" a\\ b', args: ['c d']",
		    "[\"my server\",\"a b\",\"c d\"]" },
		{ "command: \"'a b' ''\"", "[\"a b\",\"\"]" },
		{ "command: a..b", "[\"a..b\"]" },
		{ "command: x, args: ['${cwd}/x', '$(x)']",
		    "[\"x\",\"${cwd}/x\",\"$(x)\"]" },
	};
	char *text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		text = xasprintf(SERVERS "{s: {%s}}}}]", cases[i].command);
		check_member(text, "command", cases[i].argv);
		free(text);
	}
}

TEST(where_a_server_works)
{
	static const struct {
		const char *given;
		const char *dir; /* NULL: below the current one */
	} cases[] = {
		{ "/srv", "/srv" },
		{ "${cwd}/x", "${cwd}/x" },
		{ "x/y", NULL },
	};
	char here[4096], *want, *text;
	size_t i;

	CHECK(getcwd(here, sizeof(here)) != NULL);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		text = xasprintf(SERVER "cwd: '%s'" END, cases[i].given);
		want = cases[i].dir != NULL
		    ? xstrdup(cases[i].dir)
		    : xasprintf("%s/%s", here, cases[i].given);
		check_member(text, "cwd", want);
		free(want);
		free(text);
	}
}

/* Its own word, else that of the commands, else it has one. */
TEST(the_network_of_a_server)
{
	static const struct {
		const char *keys;
		const char *network;
	} cases[] = {
		{ "mcp_servers: {s: {command: x}}", "host" },
		{ "mcp_servers: {s: {command: x, network: none}}", "none" },
		{ "command_line_network: none, mcp_servers: {s: {command: x}}",
		    "none" },
		{ "command_line_network: none, "
		  "mcp_servers: {s: {command: x, network: host}}",
		    "host" },
	};
	char *text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		text = xasprintf(AGENT ", %s}}]", cases[i].keys);
		check_member(text, "network", cases[i].network);
		free(text);
	}
}

TEST(servers_have_names_and_a_transport)
{
	static const struct rule rules[] = {
		{ SERVERS "1}}]",
		    PREFIX "'mcp_servers' must be a list or a dictionary", AT,
		    NULL },
		{ SERVERS "[x]}}]", PREFIX "a server must be a dictionary",
		    AT "[0]", NULL },
		{ SERVERS "{s: x}}}]", PREFIX "'s' must be a dictionary",
		    AT ".s", NULL },
		{ SERVERS "[{command: x}]}}]",
		    PREFIX "Server configuration must include 'name'",
		    AT "[0].name", NULL },
		{ SERVERS "[{name: 'a b', command: x}]}}]",
		    PREFIX "Server name must be 1 to 50 of the characters",
		    AT "[0].name", NULL },
		{ SERVERS "{" TEXT_51 ": {command: x}}}}]",
		    PREFIX "Server name must be 1 to 50", NULL, NULL },
		{ SERVERS "{s: {name: t, command: x}}}}]",
		    PREFIX "'name' is 't', but the key 's'", AT ".s.name",
		    NULL },
		{ SERVERS "[{name: s, command: x}, {name: s, command: y}]}}]",
		    PREFIX "Duplicate server names found: ['s']", AT "[1].name",
		    NULL },
		{ SERVER "type: sse" END,
		    PREFIX "Unsupported transport type: sse", AT ".s.type",
		    "'streamable-http'" },
		{ SERVERS "{s: {type: stdio}}}}]",
		    PREFIX "Stdio server configuration must include 'command' "
			   "or 'args'",
		    AT ".s.command", NULL },
		{ SERVERS "{s: {type: streamable-http}}}}]",
		    PREFIX "HTTP server configuration must include 'url'",
		    AT ".s.url", NULL },
		{ SERVER "comand: y" END, "unknown key \"comand\"", NULL,
		    "\"command\"" },
		{ SERVER "timeout: 301" END,
		    PREFIX "'timeout' must be a positive number of seconds up "
			   "to 300, got 301",
		    AT ".s.timeout", NULL },
		{ REMOTE "'https://e.example', http_read_timeout: 0" END,
		    PREFIX "'http_read_timeout' must be", NULL, NULL },
		{ SERVER "allowed_tools: t" END,
		    "'allowed_tools' must be a list", NULL, NULL },
		{ SERVER "exclude_tools: [1]" END,
		    "'exclude_tools[0]' must be a string", NULL, NULL },
		{ SERVER "network: bridge" END, "Invalid network: 'bridge'",
		    NULL, "'none' or 'host'" },
		{ "agents: [{id: a, backend: {type: command, command: [x], "
		  "mcp_servers: {s: {command: x}}}}]",
		    "command does not support MCP", NULL, NULL },
	};

	check_rules(rules, ARRAY_SIZE(rules));
}

TEST(what_a_program_must_not_be)
{
	static const struct rule rules[] = {
		{ SERVERS "{s: {command: 'a; b'" END,
		    PREFIX "'command' must not hold ';'", AT ".s.command",
		    "No shell" },
		{ SERVERS "{s: {command: [a, '$HOME']" END,
		    PREFIX "'command' must not hold '$'", NULL, NULL },
		{ SERVERS "{s: {command: ../x" END,
		    PREFIX "'command' must not hold '..'", NULL, NULL },
		{ SERVERS "{s: {command: '\"a'" END,
		    PREFIX "'command' has a quote that is not closed", NULL,
		    NULL },
		{ SERVERS "{s: {command: ''" END,
		    PREFIX "Stdio server configuration must include", NULL,
		    NULL },
		{ SERVERS "{s: {command: bin/" END,
		    PREFIX "'command' names no program", NULL, NULL },
		{ SERVER "args: x" END, "'args' must be a list", AT ".s.args",
		    NULL },
		{ SERVER "args: [" ARGUMENTS_50 ",a]" END,
		    PREFIX "there are more than 50 arguments", NULL, NULL },
		{ SERVER "args: [" TEXT_51 TEXT_51 TEXT_51 TEXT_51 TEXT_51
			TEXT_51 TEXT_51 TEXT_51 TEXT_51 TEXT_51 "]" END,
		    PREFIX "argument 0 is longer than 500 characters", NULL,
		    NULL },
		{ SERVER "cwd: a/../b" END, PREFIX "'cwd' must not hold '..'",
		    AT ".s.cwd", NULL },
		{ SERVER "security: {level: strict}" END,
		    PREFIX "executable 'x' is not allowed", AT ".s.command",
		    "security.allowed_executables" },
		{ SERVER "security: {allowed_executables: [npx]}" END,
		    PREFIX "executable 'x' is not allowed", NULL, NULL },
		{ SERVERS "{s: {command: /usr/bin/git, "
			  "security: {level: high}" END,
		    PREFIX "executable 'git' is not allowed", NULL, NULL },
		{ SERVERS "{s: {command: pythonx, "
			  "security: {level: permissive}" END,
		    PREFIX "executable 'pythonx' is not allowed", NULL, NULL },
		{ SERVER "security: {level: none}" END, "Invalid level: 'none'",
		    AT ".s.security.level", "'strict'" },
		{ SERVER "security: {resolve_dns: true}" END,
		    "\"resolve_dns\" sets a limit that this version does not "
		    "enforce",
		    AT ".s.security.resolve_dns", "Remove it" },
	};
	static const char *const good[] = {
		SERVER "security: {allowed_executables: [x]}" END,
		SERVERS "{s: {command: /usr/bin/python3.11, "
			"security: {level: strict}" END,
		SERVERS "{s: {command: git, security: {level: moderate}" END,
		SERVERS "{s: {command: curl, security: {level: permissive}" END,
		SERVER "security: {resolve_dns: false}" END,
	};

	check_rules(rules, ARRAY_SIZE(rules));
	check_good(good, ARRAY_SIZE(good));
}

TEST(what_an_environment_must_not_hold)
{
	static const struct rule rules[] = {
		{ SERVER "env: [a]" END, "'env' must be a dictionary",
		    AT ".s.env", NULL },
		{ SERVER "env: {PATH: /x}" END,
		    PREFIX "environment variable 'PATH' is not allowed",
		    AT ".s.env.PATH", "security.env" },
		{ SERVER "env: {LD_LIBRARY_PATH: /x}, security: {level: "
			 "permissive}" END,
		    "'LD_LIBRARY_PATH' is not allowed", NULL, NULL },
		{ SERVER "env: {A: b}, security: {env: {mode: allowlist, "
			 "allowed_vars: [B]}}" END,
		    "'A' is not allowed", NULL, NULL },
		{ SERVER "env: {A: b}, security: {env: {denied_vars: [A]}}" END,
		    "'A' is not allowed", NULL, NULL },
		{ SERVER "env: {A: 'x$(id)'}" END,
		    "of environment variable 'A' must not hold '$('", NULL,
		    NULL },
		{ SERVER "env: {A: 'x|y'}" END, "must not hold '|'", NULL,
		    NULL },
		{ SERVER "env: {A: 'x;y'}" END, "must not hold ';'", NULL,
		    NULL },
		{ SERVER "env: {A: '`y`'}" END, "must not hold '`'", NULL,
		    NULL },
		{ SERVER "env: {A: '${B:-c}'}" END, "must not hold '${'", NULL,
		    NULL },
		{ SERVER "env: {A: [b]}" END,
		    PREFIX "'env' must hold plain values only, not for A", NULL,
		    NULL },
		{ SERVER "env: {'A=': b}" END, PREFIX "'env' has a name", NULL,
		    NULL },
	};
	static const char *const good[] = {
		SERVER "env: {PATH: /x}, security: {level: moderate, "
		       "allowed_executables: [x]}" END,
		SERVER
		"env: {PATH: /x}, security: {env: {level: moderate}}" END,
		SERVER
		"env: {PATH: /x}, security: {env: {denied_vars: []}}" END,
		SERVER "env: {A: b}, security: {env: {mode: allowlist, "
		       "allowed_vars: [A]}}" END,
	};

	check_rules(rules, ARRAY_SIZE(rules));
	check_good(good, ARRAY_SIZE(good));
}

TEST(keys_of_the_other_transport_are_told)
{
	check_servers(SERVER "url: 'https://e.example', headers: {}" END, 2,
	    "[{\"name\":\"s\",\"type\":\"stdio\",\"command\":[\"x\"],"
	    "\"env\":{},\"network\":\"host\"}]");
	check_servers(REMOTE "'https://e.example', type: streamable-http, "
			     "args: [a], cwd: b" END,
	    2,
	    "[{\"name\":\"s\",\"type\":\"streamable-http\","
	    "\"url\":\"https://e.example\",\"headers\":{}}]");
}

/* In what is given to a server, and not in what is recorded. */
TEST(variables_reach_the_server_alone)
{
	static const char text[] =
	    "agents: [{id: a, backend: {type: mock, mcp_servers: {"
	    "s: {command: x, args: ['--url=${TEST_PLAIN}', --api-key, hidden1, "
	    "'--token=hidden2'], env: {K: '${TEST_KEY}', X_TOKEN: hidden3}}, "
	    "t: {url: 'https://e.example/${TEST_PLAIN}?api_key=hidden4', "
	    "headers: {Authorization: 'Bearer ${TEST_TOKEN}'}}}}}]";
	static const char *const secrets[] = { "hidden1", "hidden2", "hidden3",
		"hidden4", "sesame", "Bearer sesame", "k-1" };
	struct diagnostics all;
	struct config *config;
	const char *given, *known;
	size_t i;

	setenv("TEST_KEY", "k-1", 1);
	setenv("TEST_PLAIN", "plain", 1);
	setenv("TEST_TOKEN", "sesame", 1);
	unsetenv("TEST_API_KEY");
	config = load_as("c.yaml", text, &run, &all);
	CHECK_INT(all.count, 0);
	if (CHECK(servers_of(config) != NULL)) {
		given = json_compact(servers_of(config));
		CHECK(strstr(given, "\"--url=plain\"") != NULL);
		CHECK(strstr(given, "\"K\":\"k-1\"") != NULL);
		CHECK(strstr(given, "e.example/plain?api_key=hidden4") != NULL);
		CHECK(strstr(given, "\"Bearer sesame\"") != NULL);
		for (i = 0; i < ARRAY_SIZE(secrets); i++)
			if (!CHECK(strstr(json_compact(config->source),
				       secrets[i]) == NULL))
				printf("# %s\n", secrets[i]);
		known = json_compact(config->agents[0].secrets);
		for (i = 0; i < ARRAY_SIZE(secrets) - 1; i++)
			if (!CHECK(strstr(known, secrets[i]) != NULL))
				printf("# %s\n", secrets[i]);
	}
	config_free(config);
	diagnostics_release(&all);
	unsetenv("TEST_KEY");
	unsetenv("TEST_PLAIN");
	unsetenv("TEST_TOKEN");
}

TEST(variables_that_are_not_set)
{
	static const char text[] = REMOTE
	    "'https://${TEST_NOWHERE}/x', headers: {A: '${TEST_NONE}'}" END;
	struct diagnostics all;
	struct config *config;
	const struct diagnostic *d;

	CHECK(load_as("c.yaml", text, &run, &all) == NULL);
	d = find(&all, "environment variable TEST_NONE is not set");
	if (CHECK(d != NULL))
		CHECK_STR(d->location, AT ".s.headers.A");
	CHECK(find(&all, "TEST_NOWHERE is not set") != NULL);
	CHECK_INT(all.errors, 2);
	diagnostics_release(&all);

	config = load(text, &all);
	CHECK(config != NULL);
	CHECK_INT(all.warnings, 2);
	config_free(config);
	diagnostics_release(&all);
}

/* A server may have the name of a key below which nothing is hidden. */
TEST(rules_are_recorded_and_values_are_not)
{
	struct diagnostics all;
	struct config *config;

	config = load(SERVERS
	    "{security: {command: x, env: {mode: hidden1}, security: "
	    "{env: {level: moderate, denied_vars: [A]}, "
	    "allowed_executables: [x]}}}, "
	    "command_line_pass_env: [NAME]}}]",
	    &all);
	CHECK_INT(all.count, 0);
	if (CHECK(config != NULL))
		CHECK_STR(json_compact(config->source),
		    "{\"agents\":[{\"id\":\"a\",\"backend\":{\"type\":\"mock\","
		    "\"mcp_servers\":{\"security\":{\"command\":\"x\","
		    "\"env\":{\"mode\":\"[redacted]\"},\"security\":{\"env\":"
		    "{\"level\":\"moderate\",\"denied_vars\":[\"A\"]},"
		    "\"allowed_executables\":[\"x\"]}}},"
		    "\"command_line_pass_env\":[\"NAME\"]}}]}");
	config_free(config);
	diagnostics_release(&all);
}

/* Every user of the machine can read command lines. */
TEST(a_key_in_an_argument_warns)
{
	struct diagnostics all;
	struct config *config;
	const struct diagnostic *d;

	setenv("TEST_API_KEY", "sesame", 1);
	config = load(SERVER "args: ['${TEST_API_KEY}']" END, &all);
	CHECK(config != NULL);
	d = find(&all, "TEST_API_KEY in 'args' can be read by every user");
	if (CHECK(d != NULL)) {
		CHECK_INT(d->severity, SEVERITY_WARNING);
		CHECK_STR(d->location, AT ".s.args");
		CHECK(strstr(d->suggestion, "env") != NULL);
	}
	config_free(config);
	diagnostics_release(&all);
	unsetenv("TEST_API_KEY");
}

/* MassGen's: a server's own list takes the place of the backend's. */
TEST(a_server_s_own_filter_is_stronger)
{
	struct diagnostics all;
	struct config *config;

	config = load(SERVERS "{s: {command: x, allowed_tools: [t, "
			      "mcp__s__u]}}, allowed_tools: [read_file]}}]",
	    &all);
	CHECK_INT(all.count, 0);
	if (CHECK(config != NULL))
		CHECK_STR(json_compact(json_object_object_get(
			      config->agents[0].tools, "allowed_tools")),
		    "[\"read_file\",\"mcp__s__t\",\"mcp__s__u\"]");
	config_free(config);
	diagnostics_release(&all);
}

TEST(servers_are_told_the_workspace)
{
	static const struct {
		const char *given;
		const char *want;
	} cases[] = {
		{ "[]", "[]" },
		{ "[{\"command\":[\"x\",\"${cwd}\",\"--d=${cwd}/a:${cwd}\"],"
		  "\"env\":{\"A\":\"${cwd}\",\"B\":\"${cw}$\"},"
		  "\"timeout\":5}]",
		    "[{\"command\":[\"x\",\"/w\",\"--d=/w/a:/w\"],"
		    "\"env\":{\"A\":\"/w\",\"B\":\"${cw}$\"},"
		    "\"timeout\":5}]" },
	};
	struct json_object *o;
	size_t i;

	config_name_workspace(NULL, "/w");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		o = json_tokener_parse(cases[i].given);
		config_name_workspace(o, "/w");
		CHECK_STR(json_compact(o), cases[i].want);
		json_object_put(o);
	}
}
