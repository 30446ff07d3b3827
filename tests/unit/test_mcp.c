/*
 * The parts of the MCP client that need no server: messages, names, results,
 * headers, redirects, and when a server may be tried again.
 */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/mcp/breaker.h"
#include "agent-worker/mcp/content.h"
#include "agent-worker/mcp/headers.h"
#include "agent-worker/mcp/names.h"
#include "agent-worker/mcp/redirect.h"
#include "agent-worker/mcp/rpc.h"
#include "ipc/field.h"
#include "tests/test.h"

/* --- messages --- */

struct seen {
	int n;
	char text[512];
};

static void
see(void *arg, const struct rpc_message *m)
{
	static const char *const kinds[] = { "request", "note", "reply",
		"bad" };
	struct seen *s = arg;
	size_t len = strlen(s->text);

	snprintf(s->text + len, sizeof(s->text) - len, "%s%s %s %lld",
	    s->n++ == 0 ? "" : ", ", kinds[m->kind],
	    m->kind == RPC_REQUEST || m->kind == RPC_NOTE ? m->method
		: m->kind == RPC_REPLY
		? m->error == NULL ? "result" : rpc_error_text(m->error)
		: "",
	    (long long)m->number);
}

/* What is made of a text: one line, or "none". */
static const char *
parse(const char *text)
{
	static struct seen s;

	memset(&s, 0, sizeof(s));
	if (!rpc_parse(text, strlen(text), see, &s))
		return ("none");
	return (s.text);
}

TEST(messages)
{
	CHECK_STR(parse("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}"),
	    "reply result 7");
	CHECK_STR(
	    parse(" {\"result\":null,\"id\":\"12\"} \r"), "reply result 12");
	CHECK_STR(
	    parse("{\"id\":1,\"error\":{\"code\":-3,\"message\":\"no\"}}"),
	    "reply no 1");
	CHECK_STR(parse("{\"id\":1,\"error\":{}}"),
	    "reply an error without a message 1");
	CHECK_STR(parse("{\"id\":0,\"method\":\"ping\"}"), "request ping -1");
	CHECK_STR(parse("{\"id\":\"a\",\"method\":\"ping\",\"params\":{}}"),
	    "request ping -1");
	CHECK_STR(parse("{\"method\":\"n\"}"), "note n -1");
	CHECK_STR(parse("{\"id\":null,\"method\":\"n\"}"), "note n -1");
	CHECK_STR(parse("{\"id\":null,\"result\":{}}"), "reply result -1");
	CHECK_STR(parse("{\"id\":\"7x\",\"result\":{}}"), "reply result -1");
	CHECK_STR(parse("{\"id\":\"\",\"result\":{}}"), "reply result -1");
	CHECK_STR(parse("{\"id\":1.5,\"result\":{}}"), "reply result -1");
}

TEST(batches)
{
	CHECK_STR(parse("[{\"method\":\"a\"},{\"id\":2,\"result\":1}]"),
	    "note a -1, reply result 2");
	CHECK_STR(parse("[]"), "");
	CHECK_STR(parse("[1,null,[{\"method\":\"a\"}],{}]"),
	    "bad  -1, bad  -1, bad  -1, bad  -1");
}

TEST(no_messages)
{
	static const char *const texts[] = { "", " ", "{", "hello", "{}{}",
		"{} x", "{\"a\":1,}", "\xff", "{\"a\":\"\xc3\"}", "[1" };
	char *deep;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CHECK_STR(parse(texts[i]), "none");
	CHECK_STR(parse("{\"id\":1}"), "bad  1");
	deep = malloc(2 * 100000 + 1);
	memset(deep, '[', 100000);
	memset(deep + 100000, ']', 100000);
	deep[200000] = '\0';
	CHECK_STR(parse(deep), "none");
	free(deep);
}

static void
check_text(struct json_object *message, const char *want)
{
	size_t len;

	CHECK_STR(field_line(message, &len), want);
	CHECK_INT(len, strlen(want));
	json_object_put(message);
}

TEST(messages_made)
{
	struct json_object *id = json_object_new_string("a/b");

	check_text(rpc_request(3, "ping", NULL),
	    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"ping\"}");
	check_text(rpc_request(0, "n", json_object_new_object()),
	    "{\"jsonrpc\":\"2.0\",\"method\":\"n\",\"params\":{}}");
	check_text(rpc_result(id, NULL),
	    "{\"jsonrpc\":\"2.0\",\"id\":\"a/b\",\"result\":{}}");
	check_text(rpc_error(id, -32601, "no\nline"),
	    "{\"jsonrpc\":\"2.0\",\"id\":\"a/b\",\"error\":"
	    "{\"code\":-32601,\"message\":\"no\\nline\"}}");
	json_object_put(id);
}

/* --- when to try again --- */

TEST(a_breaker)
{
	static const int64_t pauses[] = { 30, 60, 120, 240, 240, 240, 240 };
	struct breaker b = { 0, 0 };
	int64_t now = 1000000;
	size_t i;

	CHECK_INT(breaker_state(&b, now), BREAKER_CLOSED);
	breaker_failed(&b, now, 0);
	CHECK_INT(b.ready_at - now, 550);
	breaker_failed(&b, now, 1);
	CHECK_INT(b.ready_at - now, 1300);
	CHECK_INT(breaker_state(&b, now), BREAKER_CLOSED);
	for (i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		breaker_failed(&b, now, 0.5);
		CHECK_INT(b.ready_at - now, pauses[i] * 1000);
		CHECK_INT(breaker_state(&b, b.ready_at - 1), BREAKER_OPEN);
		CHECK_INT(breaker_state(&b, b.ready_at), BREAKER_PROBE);
		now = b.ready_at;
	}
	breaker_worked(&b);
	CHECK_INT(breaker_state(&b, now), BREAKER_CLOSED);
	CHECK_INT(b.ready_at, 0);
}

/* --- names --- */

/* Names that other tools have, each followed by a space. */
static bool
is_taken(void *arg, const char *name)
{
	char word[MCP_NAME_MAX + 2];

	snprintf(word, sizeof(word), "%s ", name);
	return (strstr(arg, word) != NULL);
}

static const char *
name_of(const char *server, const char *tool, const char *taken)
{
	static char name[MCP_NAME_MAX + 1];
	char list[512];

	strlcpy(list, taken, sizeof(list));
	if (!mcp_name(name, server, tool, is_taken, list))
		return ("none");
	CHECK(strlen(name) <= MCP_NAME_MAX);
	return (name);
}

TEST(names)
{
	char first[MCP_NAME_MAX + 2], taken[256], long_name[101];

	CHECK_STR(name_of("fs", "read_file", ""), "mcp__fs__read_file");
	CHECK_STR(name_of("a b", "x.y/\xc3\xb6", ""), "mcp__a_b__x_y___");
	memset(long_name, 'x', 100);
	long_name[100] = '\0';
	strlcpy(first, name_of("s", long_name, ""), sizeof(first));
	CHECK_INT(strlen(first), MCP_NAME_MAX);
	CHECK(strncmp(first, "mcp__s__xxxx", 12) == 0);
	CHECK_STR(name_of("s", long_name, ""), first);
	strlcat(first, " ", sizeof(first));
	CHECK_STR(name_of("s", long_name, first), "none");
	long_name[99] = 'y';
	CHECK(strcmp(name_of("s", long_name, first), "none") != 0);

	/* two that would be called alike */
	strlcpy(first, name_of("s", "a.b", "mcp__s__a_b "), sizeof(first));
	CHECK_INT(strlen(first), strlen("mcp__s__a_b_01234567"));
	CHECK(strncmp(first, "mcp__s__a_b_", 12) == 0);
	snprintf(taken, sizeof(taken), "mcp__s__a_b %s ", first);
	CHECK(strcmp(name_of("s", "a-b", taken), "none") != 0);
	CHECK_STR(name_of("s", "a.b", taken), "none");
}

TEST(tools_that_are_wanted)
{
	static const struct {
		const char *config;
		const char *tool;
		bool want;
	} rows[] = {
		{ "{}", "a", true },
		{ "{\"allowed_tools\":[\"a\"]}", "a", true },
		{ "{\"allowed_tools\":[\"mcp__s__a\"]}", "a", true },
		{ "{\"allowed_tools\":[\"mcp__t__a\"]}", "a", false },
		{ "{\"allowed_tools\":[\"b\"]}", "a", false },
		{ "{\"allowed_tools\":[]}", "a", false },
		{ "{\"exclude_tools\":[\"a\"]}", "a", false },
		{ "{\"exclude_tools\":[\"mcp__s__a\"]}", "a", false },
		{ "{\"exclude_tools\":[\"b\"]}", "a", true },
		{ "{\"allowed_tools\":[\"a\"],\"exclude_tools\":[\"a\"]}", "a",
		    false },
		{ "{\"exclude_tools\":[null,3],\"allowed_tools\":{}}", "a",
		    true },
	};
	struct json_object *config;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		config = json_tokener_parse(rows[i].config);
		if (!CHECK_INT(
			mcp_is_wanted(config, "s", rows[i].tool), rows[i].want))
			printf("# %s\n", rows[i].config);
		json_object_put(config);
	}
}

/* --- results --- */

TEST(results)
{
	static const struct {
		const char *result;
		const char *want;
		bool is_error;
	} rows[] = {
		{ "{\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
		  "{\"type\":\"text\",\"text\":\"b\"}]}",
		    "a\nb", false },
		{ "{\"content\":[{\"type\":\"text\",\"text\":\"no\"}],"
		  "\"isError\":true}",
		    "no", true },
		{ "{\"content\":[],\"structuredContent\":{\"x\":[1,\"/\"]}}",
		    "{\"x\":[1,\"/\"]}", false },
		{ "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],"
		  "\"structuredContent\":{\"x\":1}}",
		    "a", false },
		{ "{\"content\":[{\"type\":\"image\",\"data\":\"AAECAw==\","
		  "\"mimeType\":\"image/png\"}]}",
		    "[image, image/png, 4 bytes: not shown]", false },
		{ "{\"content\":[{\"type\":\"audio\"}]}",
		    "[audio, of unknown type, 0 bytes: not shown]", false },
		{ "{\"content\":[{\"type\":\"resource_link\",\"uri\":\"u:/\","
		  "\"name\":\"n\",\"mimeType\":\"m\",\"description\":\"d\"}]}",
		    "[resource u:/, \"n\", m] d", false },
		{ "{\"content\":[{\"type\":\"resource\",\"resource\":"
		  "{\"uri\":\"u:/\",\"text\":\"in\"}}]}",
		    "[resource u:/]\nin", false },
		{ "{\"content\":[{\"type\":\"resource\",\"resource\":"
		  "{\"uri\":\"u:/\",\"blob\":\"AAEC\"}}]}",
		    "[resource u:/] 3 bytes: not shown", false },
		{ "{\"content\":[{\"type\":\"riddle\",\"a\":1}]}",
		    "{\"type\":\"riddle\",\"a\":1}", false },
		{ "{\"content\":[null,3]}", "null\n3", false },
		{ "{}", "", false },
		{ "{\"content\":{}}", "", false },
	};
	struct json_object *result;
	struct buf out;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&out, 0);
		result = json_tokener_parse(rows[i].result);
		CHECK_INT(mcp_content(result, &out), rows[i].is_error);
		CHECK_STR(out.data == NULL ? "" : out.data, rows[i].want);
		json_object_put(result);
		buf_release(&out);
	}
}

/* --- HTTP --- */

TEST(header_lines)
{
	struct headers h = { NULL, 0 };
	static const char *const want[] = { "A: 1", "b-C: x y", "P: plain",
		"Q: =?base64?Z3LDtsOfZQ==?=", "R: =?base64?IGE=?=",
		"S: =?base64?PT9iYXNlNjQ/YT89?=" };
	size_t i;

	headers_add(&h, "A", "1");
	headers_add(&h, "a", "2");
	headers_add(&h, "b-C", "x y");
	headers_add(&h, "", "x");
	headers_add(&h, "B C", "x");
	headers_add(&h, "D", "x\r\nE: y");
	headers_add(&h, "E:", "x");
	headers_add(&h, "F", " ");
	headers_add(&h, "G", NULL);
	headers_add_coded(&h, "P", "plain");
	headers_add_coded(&h, "Q",
	    "gr\xc3\xb6\xc3\x9f"
	    "e");
	headers_add_coded(&h, "R", " a");
	headers_add_coded(&h, "S", "=?base64?a?=");
	CHECK_INT(h.n, sizeof(want) / sizeof(want[0]));
	for (i = 0; i < h.n; i++)
		CHECK_STR(h.lines[i], want[i]);
	CHECK(h.lines[h.n] == NULL);
	headers_release(&h);
}

TEST(redirects)
{
	static const struct {
		const char *url;
		const char *location;
		const char *want;
	} rows[] = {
		{ "http://h/mcp", "/mcp/", "http://h/mcp/" },
		{ "http://u:p@h:8/a?b", "/c", "http://u:p@h:8/c" },
		{ "http://h/a", "http://h/b", "http://h/b" },
		{ "http://h/a", "HTTP://H:80/b?c", "http://h/b?c" },
		{ "https://h:443/a", "https://h/b", "https://h:443/b" },
		{ "https://u:p@h/a", "https://h/b", "https://u:p@h/b" },
		{ "http://[::1]:8/a", "http://[::1]:8/b", "http://[::1]:8/b" },
		{ "http://h/a", "http://h", "http://h" },
		{ "http://h/a", "https://h/a", NULL },
		{ "https://h/a", "http://h/a", NULL },
		{ "http://h/a", "http://h:81/a", NULL },
		{ "http://h/a", "http://g/a", NULL },
		{ "http://h/a", "http://h.g/a", NULL },
		{ "http://h/a", "http://h@g/a", NULL },
		{ "http://h/a", "http://g\\@h/a", NULL },
		{ "http://[::1]/a", "http://[::2]/a", NULL },
		{ "http://h/a", "//g/a", NULL },
		{ "http://h/a", "b", NULL },
		{ "http://h/a", "", NULL },
		{ "http://h/a", "file:///etc/passwd", NULL },
		{ "http://h/a", "/a b", NULL },
	};
	size_t i;
	char *got;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		got = mcp_redirect(rows[i].url, rows[i].location);
		if (!CHECK_STR(got, rows[i].want))
			printf("# %s %s\n", rows[i].url, rows[i].location);
		free(got);
	}
}
