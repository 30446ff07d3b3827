/* agent-worker/tool/shell_rules: which commands the patterns let through. */

#include "agent-worker/tool/shell_rules.h"
#include "tests/test.h"

static char err[256];

static bool
allows(const char *allowed, const char *blocked, const char *command)
{
	struct json_object *a =
	    allowed == NULL ? NULL : json_tokener_parse(allowed);
	struct json_object *b =
	    blocked == NULL ? NULL : json_tokener_parse(blocked);
	bool ok;

	err[0] = '\0';
	ok = shell_rules_allow(a, b, command, err, sizeof(err));
	json_object_put(a);
	json_object_put(b);
	CHECK(ok == (err[0] == '\0'));
	return (ok);
}

/* One pattern that a command is held against. */
static bool
matches(const char *pattern, const char *command)
{
	struct json_object *list = json_object_new_array();
	bool blocked;

	json_object_array_add(list, json_object_new_string(pattern));
	blocked = !shell_rules_allow(NULL, list, command, err, sizeof(err));
	json_object_put(list);
	return (blocked);
}

TEST(without_patterns_all_is_allowed)
{
	CHECK(allows(NULL, NULL, "rm -rf /"));
	CHECK(allows("[]", "[]", "rm -rf /"));
	CHECK(allows("null", "null", "ls"));
}

TEST(a_list_of_what_is_allowed)
{
	const char *list = "[\"python .*\", \"ls\"]";

	CHECK(allows(list, NULL, "python x.py"));
	CHECK(allows(list, NULL, "ls -l"));
	CHECK(!allows(list, NULL, "echo python x.py"));
	CHECK(strstr(err, "Command not in allowed list. ") == err);
	CHECK(strstr(err, "python .*") != NULL);
	CHECK(!allows(list, NULL, " ls"));
}

TEST(a_list_of_what_is_blocked)
{
	CHECK(!allows(NULL, "[\"rm .*\", \"sudo\"]", "rm -rf x"));
	CHECK_STR(err, "Command matches blocked pattern: 'rm .*'");
	CHECK(!allows(NULL, "[\"rm .*\", \"sudo\"]", "sudo ls"));
	CHECK(allows(NULL, "[\"rm .*\", \"sudo\"]", "echo; rm x"));
	CHECK(!allows("[\"git .*\"]", "[\"git push\"]", "git push -f"));
	CHECK(allows("[\"git .*\"]", "[\"git push\"]", "git pull"));
}

TEST(patterns_as_python_has_them)
{
	CHECK(matches("ls -\\d+", "ls -12"));
	CHECK(!matches("ls -\\d+$", "ls -x"));
	CHECK(matches("ls -\\D$", "ls -x"));
	CHECK(matches("(?:a|b)c", "bc"));
	CHECK(!matches("(?:a|b)c", "cc"));
	CHECK(matches("\\s*rm\\b", "  rm x"));
	CHECK(!matches("rm\\b", "rmdir"));
	CHECK(matches("[\\w.]+=\\d", "a_1.b=2"));
	CHECK(matches("[^\\s]+$", "abc"));
	CHECK(!matches("[^\\s]+$", "a bc"));
	CHECK(matches("a[]x]b", "a]b"));
	CHECK(matches("a\\.b", "a.b"));
	CHECK(!matches("a\\.b", "axb"));
	CHECK(matches("a|b", "b"));
	CHECK(!matches("a|b", "cb"));
	CHECK(matches(".*secret", "a\nsecret"));
	CHECK(matches("\\\\d", "\\d"));
}

TEST(a_pattern_that_is_none_lets_nothing_through)
{
	CHECK(!allows(NULL, "[\"(\"]", "ls"));
	CHECK(strstr(err, "The pattern '(' ") == err);
	CHECK(!allows("[\"*[\"]", NULL, "ls"));
	CHECK(!allows("[\"(?i)ls\"]", NULL, "ls"));
}
