/* ipc/field: tables of members, there and back, and strict parsing. */

#include <stdlib.h>
#include <string.h>

#include "ipc/buf.h"
#include "ipc/field.h"
#include "tests/test.h"

struct thing {
	const char *name;
	int64_t count;
	double size;
	bool open;
	struct json_object *extra;
};

static const struct field fields[] = {
	FIELD(thing, name, FIELD_STR, true),
	FIELD(thing, count, FIELD_INT, false),
	FIELD(thing, size, FIELD_REAL, false),
	FIELD(thing, open, FIELD_BOOL, false),
	FIELD(thing, extra, FIELD_JSON, false),
	{ NULL, FIELD_END, 0, false },
};

static struct json_object *
parse(const char *text)
{
	char err[200] = "";
	struct json_object *o;

	o = field_parse(text, strlen(text), 10, err, sizeof(err));
	if (!CHECK(o != NULL))
		printf("# %s\n", err);
	return (o);
}

static void
parse_fails(const char *text, size_t len, const char *want)
{
	struct json_object *o;
	char err[200] = "";

	o = field_parse(text, len, 10, err, sizeof(err));
	CHECK(o == NULL);
	json_object_put(o);
	if (!CHECK(strstr(err, want) != NULL))
		test_print("error", err, strlen(err));
}

/* A literal, all of it: there may be a NUL in it. */
#define REFUSED(text, want) parse_fails((text), sizeof(text) - 1, (want))

static void
get_fails(const char *text, const char *want)
{
	struct json_object *o;
	struct thing t;
	char err[200] = "";

	memset(&t, 0, sizeof(t));
	o = parse(text);
	CHECK_INT(fields_get(fields, &t, o, err, sizeof(err)), -1);
	CHECK_STR(err, want);
	json_object_put(o);
}

/* A thing of these members alone; its text is the object's. */
static struct json_object *
get(struct thing *t, const char *text)
{
	struct json_object *o = parse(text);
	char err[200] = "";

	memset(t, 0, sizeof(*t));
	CHECK_INT(fields_get(fields, t, o, err, sizeof(err)), 0);
	return (o);
}

TEST(written_and_read_back)
{
	struct thing in = { "n\xc3\xa9", INT64_MIN, 0.1, true, NULL }, out;
	struct json_object *o = json_object_new_object();
	char err[200] = "";

	in.extra = parse("{\"deep\":[1,2]}");
	fields_put(fields, &in, o);
	memset(&out, 0, sizeof(out));
	CHECK_INT(fields_get(fields, &out, o, err, sizeof(err)), 0);
	CHECK_STR(out.name, in.name);
	CHECK_INT(out.count, INT64_MIN);
	CHECK(out.size == 0.1);
	CHECK(out.open);
	CHECK_STR(
	    json_object_to_json_string_ext(out.extra, JSON_C_TO_STRING_PLAIN),
	    "{\"deep\":[1,2]}");
	json_object_put(o);
	json_object_put(in.extra);
}

TEST(absent_members_are_not_written)
{
	struct thing in = { NULL, 0, 0, false, NULL };
	struct json_object *o = json_object_new_object();

	fields_put(fields, &in, o);
	CHECK(!json_object_object_get_ex(o, "name", NULL));
	CHECK(!json_object_object_get_ex(o, "extra", NULL));
	CHECK(json_object_object_get_ex(o, "count", NULL));
	json_object_put(o);
}

TEST(absent_members_keep_their_value)
{
	struct thing t = { "old", 7, 1.5, true, NULL };
	struct json_object *o = parse("{\"name\":\"new\",\"count\":null}");
	char err[200] = "";

	CHECK_INT(fields_get(fields, &t, o, err, sizeof(err)), 0);
	CHECK_STR(t.name, "new");
	CHECK_INT(t.count, 7);
	CHECK(t.size == 1.5);
	CHECK(t.open);
	json_object_put(o);
}

TEST(required_members_are_required)
{
	get_fails("{}", "no \"name\"");
	get_fails("{\"name\":null}", "no \"name\"");
}

TEST(wrong_types_are_refused)
{
	get_fails("{\"name\":1}", "\"name\" has the wrong type");
	get_fails("{\"name\":[\"a\"]}", "\"name\" has the wrong type");
	get_fails(
	    "{\"name\":\"a\",\"count\":\"1\"}", "\"count\" has the wrong type");
	get_fails(
	    "{\"name\":\"a\",\"count\":1.5}", "\"count\" has the wrong type");
	get_fails(
	    "{\"name\":\"a\",\"count\":true}", "\"count\" has the wrong type");
	get_fails(
	    "{\"name\":\"a\",\"size\":\"1\"}", "\"size\" has the wrong type");
	get_fails("{\"name\":\"a\",\"open\":1}", "\"open\" has the wrong type");
}

TEST(an_integer_is_a_real_too)
{
	struct thing t;
	struct json_object *o = get(&t, "{\"name\":\"a\",\"size\":3}");

	CHECK(t.size == 3.0);
	json_object_put(o);
}

/* Added to a sum they would spoil it, and no JSON can say them again. */
TEST(numbers_that_are_not_finite_are_refused)
{
	static const char *const bad[] = { "NaN", "Infinity", "-Infinity",
		"1e999" };
	char text[100], err[200];
	struct json_object *o;
	struct thing t;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(
		    text, sizeof(text), "{\"name\":\"a\",\"size\":%s}", bad[i]);
		o = field_parse(text, strlen(text), 10, err, sizeof(err));
		if (o != NULL &&
		    !CHECK_INT(fields_get(fields, &t, o, err, sizeof(err)), -1))
			printf("# size: %s\n", bad[i]);
		json_object_put(o);
	}
}

TEST(a_nul_in_a_string_becomes_a_replacement)
{
	struct thing t;
	struct json_object *o = get(&t, "{\"name\":\"a\\u0000b\"}");

	CHECK_STR(t.name,
	    "a\xef\xbf\xbd"
	    "b");
	json_object_put(o);
}

TEST(only_whole_objects_are_parsed)
{
	REFUSED("", "incomplete");
	REFUSED("{", "incomplete");
	REFUSED("{\"a\":", "incomplete");
	REFUSED("[1]", "not a JSON object");
	REFUSED("1 ", "");
	REFUSED("null", "");
	REFUSED("{}{}", "");
	REFUSED("{} x", "");
	REFUSED("{}\0", "");
	REFUSED("{a:1}", "not JSON");
	REFUSED("{\"a\":1,}", "not JSON");
	REFUSED("garbage", "not JSON");
}

TEST(ill_formed_text_is_refused)
{
	REFUSED("{\"a\":\"\xff\"}", "");
	REFUSED("{\"a\":\"\xc3\"}", "");
	REFUSED("{\"a\":\"\xc0\xaf\"}", "");
	REFUSED("{\"a\":\"\xe0\x80\xaf\"}", "");
	REFUSED("{\"a\":\"\xed\xa0\x80\"}", "");
	REFUSED("{\"a\":\"\xf4\x90\x80\x80\"}", "");
	REFUSED("{\"\xc0\xaf\":1}", "");
}

TEST(a_raw_nul_is_refused)
{
	REFUSED("{\"a\":\"x\0y\"}", "");
	REFUSED("\0{}", "");
	REFUSED("{\0}", "");
}

TEST(space_around_an_object_is_allowed)
{
	char err[200] = "";
	struct json_object *o;

	o = field_parse(" {} \r", 5, 10, err, sizeof(err));
	CHECK_STR(err, "");
	CHECK(o != NULL);
	json_object_put(o);
}

/* {"a":{"a":...{}...}} with so many levels. */
static char *
nested(int depth)
{
	struct buf b = BUF_INITIALIZER;
	int i;

	for (i = 1; i < depth; i++)
		buf_adds(&b, "{\"a\":");
	buf_adds(&b, "{}");
	for (i = 1; i < depth; i++)
		buf_adds(&b, "}");
	return (buf_detach(&b));
}

TEST(depth_is_limited)
{
	char err[200] = "", *text;
	struct json_object *o;

	text = nested(9);
	o = field_parse(text, strlen(text), 10, err, sizeof(err));
	CHECK(o != NULL);
	json_object_put(o);
	free(text);
	text = nested(11);
	o = field_parse(text, strlen(text), 10, err, sizeof(err));
	CHECK(o == NULL);
	CHECK(strstr(err, "not JSON") != NULL);
	free(text);
	text = nested(100000);
	CHECK(field_parse(text, strlen(text), 10, err, sizeof(err)) == NULL);
	free(text);
}
