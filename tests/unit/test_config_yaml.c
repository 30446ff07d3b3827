/* YAML as a tree, and the nearest word. */

#include <math.h>
#include <stdlib.h>

#include "ipc/buf.h"
#include "supervisor/config/schema.h"
#include "supervisor/config/yaml.h"
#include "tests/json_text.h"
#include "tests/test.h"

/* The document as JSON, or its first problem. */
static void
check_parse(const char *text, const char *want)
{
	struct diagnostics all = { 0 };
	struct node *root;
	struct json_object *o;

	root = yaml_parse("f", text, strlen(text), false, &all);
	if (root != NULL) {
		o = node_json(root);
		CHECK_STR(json_compact(o), want);
		json_object_put(o);
	} else
		CHECK_STR(all.list[0].message, want);
	node_free(root);
	diagnostics_release(&all);
}

TEST(scalars_have_types)
{
	check_parse("[yes, 'yes', On, n, ~, '', 07, 0x10, 1_0, 1:1]",
	    "[true,\"yes\",true,\"n\",null,\"\",7,16,10,61]");
	check_parse("[1.0, .5, 1e3, 1.5e+3, 0.1, -0.30000000000000004]",
	    "[1,0.5,\"1e3\",1500,0.1,-0.30000000000000004]");
	check_parse("[-0x10, -1, +1, 0, 00, -, '1', !!str 1]",
	    "[-16,-1,1,0,0,\"-\",\"1\",\"1\"]");
}

TEST(merge_keys)
{
	check_parse("{x: &x {a: 1, b: 2}, y: {b: 3, <<: *x}}",
	    "{\"x\":{\"a\":1,\"b\":2},\"y\":{\"b\":3,\"a\":1}}");
	check_parse("[&x {a: 1}, &y {a: 2, c: 3}, {<<: [*x, *y]}]",
	    "[{\"a\":1},{\"a\":2,\"c\":3},{\"a\":1,\"c\":3}]");
	check_parse("{'<<': 1}", "{\"<<\":1}");
	check_parse("{<<: {a: 1}, <<: {b: 1}}",
	    "Failed to parse config file: duplicate key \"<<\"");
}

TEST(aliases)
{
	check_parse("[&a 1, *a, &a 2, *a]", "[1,1,2,2]");
	check_parse("{? &k key : *k}", "{\"key\":\"key\"}");
	check_parse("&a [*a]",
	    "Failed to parse config file: alias \"a\" "
	    "stands inside what it names");
}

TEST(secrets_are_not_shown)
{
	struct node n = { .kind = NODE_STR, .secret = true };

	n.text = strdup("key");
	CHECK_STR(node_show(&n), "[redacted]");
	n.secret = false;
	CHECK_STR(node_show(&n), "key");
	free(n.text);
}

/* What a merge or a second key holds is still there for an alias. */
TEST(aliases_of_what_was_dropped)
{
	struct diagnostics all = { 0 };
	struct node *root;
	static const char text[] = "{a: 1, a: &x {b: [2]}, c: *x}";

	check_parse("[{<<: &m {a: 1}}, {<<: *m, b: *m}]",
	    "[{\"a\":1},{\"b\":{\"a\":1},\"a\":1}]");
	check_parse("{<<: {a: &x [1]}, b: *x}", "{\"b\":[1],\"a\":[1]}");
	root = yaml_parse("f", text, strlen(text), false, &all);
	CHECK(root != NULL && all.errors == 1);
	if (root != NULL)
		CHECK_INT(node_get(node_get(root, "c"), "b")->count, 1);
	node_free(root);
	diagnostics_release(&all);
}

/* The nine aliases of nine aliases ... of one long text. */
TEST(text_is_bounded_too)
{
	struct diagnostics all = { 0 };
	struct buf b = BUF_INITIALIZER;
	int i;

	buf_adds(&b, "- &a '");
	for (i = 0; i < 20000; i++)
		buf_adds(&b, "0123456789");
	buf_adds(&b, "'\n");
	for (i = 0; i < 1000; i++)
		buf_adds(&b, "- *a\n");
	CHECK(yaml_parse("f", b.data, b.len, false, &all) == NULL);
	CHECK_INT(all.errors, 1);
	if (all.count > 0)
		CHECK(strstr(all.list[0].message, "too large") != NULL);
	diagnostics_release(&all);
	buf_release(&b);
}

/* A file cut at any byte is refused or read, and nothing else. */
TEST(every_prefix)
{
	static const char text[] =
	    "x: &x {a: [1, 'b', \"c\\n\"], d: ~}\n"
	    "y:\n  <<: *x\n  e: |\n    text\n  ? f\n  : !!str 5\n";
	struct diagnostics all = { 0 };
	size_t n;
	struct node *root;

	for (n = 0; n < sizeof(text); n++) {
		root = yaml_parse("f", text, n, false, &all);
		CHECK(root != NULL || all.errors > 0);
		node_free(root);
		root = yaml_parse("f", text, n, true, &all);
		node_free(root);
		diagnostics_release(&all);
	}
}

TEST(json_escapes)
{
	static const char text[] = "{\"a\": \"\\ud83d\\ude00\\\\ud83d\", "
				   "\"b\": 1E2, \"c\": -0.5e-1}";
	struct diagnostics all = { 0 };
	struct node *root = yaml_parse("f", text, strlen(text), true, &all);

	CHECK(root != NULL);
	CHECK_STR(node_get(root, "a")->text, "\xf0\x9f\x98\x80\\ud83d");
	CHECK(fabs(node_get(root, "b")->real - 100) < 1e-9);
	CHECK(fabs(node_get(root, "c")->real + 0.05) < 1e-9);
	node_free(root);
	CHECK(yaml_parse("f", "[\"\\ud83d\"]", 10, true, &all) == NULL);
	diagnostics_release(&all);
}

TEST(places)
{
	static const char text[] = "a:\n  - b: 1\n    c: x\n";
	struct diagnostics all = { 0 };
	struct node *root = yaml_parse("f", text, strlen(text), false, &all);
	const struct node *c = node_get(node_get(root, "a")->items[0], "c");

	CHECK_INT(c->line, 3);
	CHECK_INT(c->column, 8);
	node_free(root);
}

TEST(nearest_words)
{
	static const char *const words[] = { "temperature", "top_p", "model",
		"agent_timeout_seconds", "id" };

#define NEAR(s) suggest((s), words, 5, sizeof(*words))
	CHECK_STR(NEAR("temprature"), "temperature");
	CHECK_STR(NEAR("Temperature"), "temperature");
	CHECK_STR(NEAR("modle"), "model");
	CHECK_STR(NEAR("topp"), "top_p");
	CHECK_STR(NEAR("agent_timeout"), "agent_timeout_seconds");
	CHECK_STR(NEAR("ID"), "id");
	CHECK_STR(NEAR("xy"), NULL);
	CHECK_STR(NEAR("something_else"), NULL);
	CHECK_STR(NEAR(""), NULL);
}

/* What the brief of every key promises: numbers have a word for them. */
static void
check_place(const struct place *place)
{
	const struct key *key, *other;

	CHECK(place->prefix != NULL && place->missing != NULL);
	for (key = place->keys; key->name != NULL; key++) {
		for (other = place->keys; other != key; other++)
			CHECK(strcmp(other->name, key->name) != 0);
		CHECK(key->types != 0);
		CHECK(key->max <= 0 || key->want != NULL);
		CHECK(!key->by_name || key->inner != NULL);
		if (key->inner != NULL)
			check_place(key->inner);
	}
}

TEST(tables_are_consistent)
{
	check_place(&schema_root);
	check_place(&schema_step);
}
