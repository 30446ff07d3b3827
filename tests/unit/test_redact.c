/*
 * supervisor/record/redact: keys do not get into files.  Secrets cannot be
 * forgotten, so each test brings its own and the order of tests matters.
 */

#include <stdlib.h>

#include "ipc/xmalloc.h"
#include "supervisor/record/redact.h"
#include "tests/test.h"

static void
check(const char *text, const char *want)
{
	char *copy = xstrdup(text);

	redact(copy, strlen(copy));
	CHECK_STR(copy, want);
	free(copy);
}

TEST(without_secrets_nothing_changes)
{
	CHECK_INT(redact_longest(), 0);
	CHECK(!redact_holds("anything"));
	check("anything at all", "anything at all");
	check("", "");
}

TEST(placeholders_are_no_secrets)
{
	redact_add("");
	redact_add("EMPTY");
	redact_add("1234567");
	CHECK_INT(redact_longest(), 0);
	check("EMPTY 1234567", "EMPTY 1234567");
}

TEST(a_secret_is_struck_out_everywhere)
{
	redact_add("sk-abc-1");
	CHECK_INT(redact_longest(), 16); /* in hex */
	check("sk-abc-1", "********");
	check("key=sk-abc-1.", "key=********.");
	check("sk-abc-1sk-abc-1 sk-abc-1", "**************** ********");
	check("sk-abc- sk-abc", "sk-abc- sk-abc");
	check("SK-ABC-1", "SK-ABC-1");
	CHECK(redact_holds("Bearer sk-abc-1"));
	CHECK(!redact_holds("Bearer sk-abc-"));
}

TEST(each_string_of_a_json_value)
{
	static const char text[] =
	    "{ \"a\": [ \"sk-abc-1\", { \"b\": \"\\u0073k-abc-1, 2\", "
	    "\"c\": [ 1, true, null, \"x sk-abc-1\" ] } ], \"d\": 2 }";
	static const char want[] =
	    "{ \"a\": [ \"********\", { \"b\": \"********, 2\", "
	    "\"c\": [ 1, true, null, \"x ********\" ] } ], \"d\": 2 }";
	struct json_object *o = json_tokener_parse(text);

	redact_json(o);
	CHECK_STR(json_object_to_json_string(o), want);
	json_object_put(o);
}

TEST(it_is_kept_as_a_copy_and_once)
{
	char secret[] = "volatile-secret";

	redact_add(secret);
	redact_add(secret);
	memset(secret, 'x', sizeof(secret) - 1);
	check("volatile-secret", "***************");
	check("xxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxx");
	CHECK_INT(redact_longest(), 30);
}

/* Only so many bytes are ours, and a NUL is a byte like any other. */
TEST(bytes_are_counted)
{
	char text[] = "a\0sk-abc-1\0b sk-abc-1";

	redact(text, 20);
	CHECK_MEM(text, "a\0********\0b sk-abc-1", sizeof(text));
	redact(text, sizeof(text) - 1);
	CHECK_MEM(text, "a\0********\0b ********", sizeof(text));
}

TEST(many_secrets)
{
	char secret[32], text[200] = "", want[200] = "";
	int i;

	for (i = 0; i < 10; i++) {
		snprintf(secret, sizeof(secret), "secret-no-%d", i);
		redact_add(secret);
		strlcat(text, secret, sizeof(text));
		strlcat(text, " ", sizeof(text));
		strlcat(want, "*********** ", sizeof(want));
	}
	check(text, want);
}

/* Whatever the order in which they came to be known. */
TEST(a_secret_within_a_secret)
{
	redact_add("inner-key");
	redact_add("the-inner-key-and-more");
	check("<the-inner-key-and-more>", "<**********************>");
	check("<inner-key>", "<*********>");
	redact_add("outer-key-with-core-key");
	redact_add("core-key");
	check("outer-key-with-core-key!", "***********************!");
}

TEST(a_secret_that_begins_another)
{
	redact_add("short-one-made-longer");
	redact_add("short-one");
	check("short-one-made-longer", "*********************");
	redact_add("brief-one");
	redact_add("brief-one-made-longer");
	check("brief-one-made-longer", "*********************");
	check("brief-one-made", "*********-made");
}

TEST(secrets_that_overlap)
{
	redact_add("left-middle");
	redact_add("middle-right");
	check("(left-middle-right)", "(*****************)");
	redact_add("abababab");
	check("ababababab-", "**********-");
}

/*
 * Each was made by another program from the key k/9+Z?"\xc3\xa9~Q, alone or
 * with one or two bytes before it.
 */
TEST(other_forms)
{
	redact_add("k/9+Z?\"\xc3\xa9~Q");
	check("<k/9+Z?\"\xc3\xa9~Q>", "<***********>");
	check("<k/9+Z?\\\"\xc3\xa9~Q>", "<************>");
	check("<k\\/9+Z?\\\"\xc3\xa9~Q>", "<*************>");
	check("<k%2F9%2BZ%3F%22%C3%A9~Q>", "<***********************>");
	check("<k%2f9%2bZ%3f%22%c3%a9~Q>", "<***********************>");
	check("<6b2f392b5a3f22c3a97e51>", "<**********************>");
	check("<6B2F392B5A3F22C3A97E51>", "<**********************>");
	check("<ay85K1o/IsOpflE=>", "<**************E=>");
	check("<ay85K1o_IsOpflE>", "<**************E>");
	check("<PGsvOStaPyLDqX5R>", "<PG**************>");
	check("<PDxrLzkrWj8iw6l+UT4+>", "<PDx**************T4+>");
	check("<PDxrLzkrWj8iw6l-UT4->", "<PDx**************T4->");
	CHECK(redact_holds("x=6b2f392b5a3f22c3a97e51"));
}

TEST(a_long_text)
{
	size_t len = 4 * 1024 * 1024, i;
	char *text = xcalloc(len + 1, 1);

	memset(text, 's', len);
	for (i = 0; i + 8 <= len; i += 1000)
		memcpy(text + i, "sk-abc-1", 8);
	redact(text, len);
	CHECK_INT(strlen(text), len);
	CHECK(strstr(text, "sk-abc-1") == NULL);
	free(text);
}
