/* The configuration: servers of tools that are reached by HTTP. */

#include "tests/config_text.h"

#define REMOTE AGENT ", mcp_servers: {s: {url: "
#define END    "}}}}]"
#define PREFIX "MCP configuration error: "
#define AT     "agents[0].backend.mcp_servers"

TEST(where_a_server_must_not_be)
{
	static const struct {
		const char *url;
		const char *message; /* NULL: it may be there */
		const char *security;
	} cases[] = {
		{ "https://e.example:8443/mcp?a=b", NULL, "{}" },
		{ "ftp://e.example", "must begin with http://", "{}" },
		{ "https://", "has no host", "{}" },
		{ "https://u:p@e.example", "must not hold a user name", "{}" },
		{ "https://e.example:22", "a port that is not allowed: 22",
		    "{}" },
		{ "http://e.example:6379/x", "not allowed: 6379", "{}" },
		{ "http://e.example:0", "not allowed: 0", "{}" },
		{ "http://e.example:70000", "not allowed: 0", "{}" },
		{ "http://e.example:99999999999", "not allowed: 0", "{}" },
		{ "http://e.example:x/", "not allowed: 0", "{}" },
		{ "http://e.example:", "not allowed: 0", "{}" },
		{ "http://%6cocalhost", "has a host that is written in", "{}" },
		{ "http://e.example/%6c", NULL, "{}" },
		{ "http://localhost:80", "is on this machine: localhost",
		    "{}" },
		{ "http://x.localhost.", "is on this machine", "{}" },
		{ "http://127.0.0.1/x", "is on this machine: 127.0.0.1", "{}" },
		{ "http://127.1", "is on this machine", "{}" },
		{ "http://2130706433", "is on this machine", "{}" },
		{ "http://[::1]:9", "is on this machine: ::1", "{}" },
		{ "http://[::ffff:127.0.0.1]", "is on this machine", "{}" },
		{ "http://0.0.0.0", "is on this machine", "{}" },
		{ "http://10.1.2.3", "is a private address: 10.1.2.3", "{}" },
		{ "http://172.31.0.1", "is a private address", "{}" },
		{ "http://172.32.0.1", NULL, "{}" },
		{ "http://192.168.0.1", "is a private address", "{}" },
		{ "http://169.254.169.254", "is a private address", "{}" },
		{ "http://[fd00::1]", "is a private address", "{}" },
		{ "http://127.0.0.1", NULL, "{allow_localhost: true}" },
		{ "http://10.0.0.1", "is a private address",
		    "{allow_localhost: true}" },
		{ "http://10.0.0.1", NULL, "{allow_private_ips: true}" },
		{ "http://b.example", "is none of security.allowed_hostnames",
		    "{allowed_hostnames: [a.example]}" },
		{ "http://A.example", NULL,
		    "{allowed_hostnames: [a.example]}" },
	};
	struct diagnostics all;
	struct config *config;
	char *text;
	size_t i;
	bool ok;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		text = xasprintf(REMOTE "'%s', security: %s}}}}]", cases[i].url,
		    cases[i].security);
		config = load(text, &all);
		if (cases[i].message == NULL)
			ok = CHECK(config != NULL && all.count == 0);
		else
			ok = CHECK(config == NULL &&
			    find(&all, cases[i].message) != NULL);
		if (!ok)
			printf("# for: %s\n# got: %s\n", cases[i].url,
			    all.count == 0 ? "" : all.list[0].message);
		else if (all.count > 0)
			CHECK_STR(all.list[0].location, AT ".s.url");
		config_free(config);
		diagnostics_release(&all);
		free(text);
	}
}

TEST(headers_are_such)
{
	static const struct rule rules[] = {
		{ REMOTE "'https://e.example', headers: {'a b': c}" END,
		    PREFIX "'headers' has a name or a value",
		    AT ".s.headers.a b", NULL },
		{ REMOTE
		    "'https://e.example', headers: {a: \"c\\r\\nd: e\"}" END,
		    PREFIX "'headers' has a name or a value", NULL, NULL },
		{ REMOTE "'https://e.example', headers: {a: [b]}" END,
		    PREFIX "'headers' has a name or a value", NULL, NULL },
		{ REMOTE "'https://e.example', headers: {a: null}" END,
		    PREFIX "'headers' has a name or a value", AT ".s.headers.a",
		    NULL },
		{ REMOTE "'https://e.example', headers: [a]" END,
		    "'headers' must be a dictionary", NULL, NULL },
	};

	check_rules(rules, ARRAY_SIZE(rules));
}
