/* execution_metadata.yaml of a small run. */

#include <sys/stat.h>

#include <yaml.h>

#include "ipc/field.h"
#include "tests/unit/report_run.h"

/* The scalar that follows the scalar `key`; the caller frees it. */
static char *
yaml_value(const char *text, const char *key)
{
	yaml_parser_t parser;
	yaml_event_t e;
	bool next = false, done = false;
	char *value = NULL;

	yaml_parser_initialize(&parser);
	yaml_parser_set_input_string(
	    &parser, (const unsigned char *)text, strlen(text));
	while (!done && CHECK(yaml_parser_parse(&parser, &e) == 1)) {
		const char *s = (const char *)e.data.scalar.value;

		done = e.type == YAML_STREAM_END_EVENT;
		if (e.type == YAML_SCALAR_EVENT && next) {
			value = xstrdup(s);
			done = true;
		}
		next = e.type == YAML_SCALAR_EVENT && strcmp(s, key) == 0;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&parser);
	return (value);
}

static void
check_value(const char *text, const char *key, const char *want)
{
	char *value = yaml_value(text, key);

	CHECK_STR(value, want);
	free(value);
}

static void
write_metadata(struct json_object *source)
{
	struct config config = { .source = source };

	CHECK_INT(report_write(dir, session, &config), 0);
	json_object_put(source);
}

TEST(what_yaml_would_misread_is_quoted)
{
	static const char *const texts[] = { "plain", "yes", "NULL", "12",
		"0x1f", "1e3", "- a", "a: b", "#c", "", " lead", "trail ",
		"two\nlines", "two\n\nlines\n", "  in\n    out\n\n",
		"trailing \nspace", "tab\there", "quote \" and ' both",
		"\xe2\x82\xac", "esc \x1b[0m", "[redacted]", "\n", "\nx", "%d",
		"@at", "`tick", "key:", "~", "<<", "=", "2025-11-05" };
	struct json_object *source = json_object_new_object();
	char key[32], *text;
	size_t i, n = sizeof(texts) / sizeof(texts[0]);

	small_run();
	for (i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		json_object_object_add(
		    source, key, json_object_new_string(texts[i]));
	}
	write_metadata(source);
	text = text_of("execution_metadata.yaml");
	for (i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		check_value(text, key, texts[i]);
	}
	CHECK(strstr(text, "k0: plain\n") != NULL);
	CHECK(strstr(text, "k1: \"yes\"\n") != NULL);
	CHECK(strstr(text, "k3: \"12\"\n") != NULL);
	check_value(text, "query", "What \"is\"\nthis?");
	check_value(text, "massgen_version", "0.1.0");
	free(text);
	finish();
}

TEST(numbers_and_lists_keep_their_type)
{
	struct json_object *source;
	char *text, err[64];
	const char *json = "{\"i\":3,\"d\":0.5,\"b\":true,\"z\":null,"
			   "\"l\":[1,\"two\",{\"x\":[]}],\"e\":{}}";

	small_run();
	source = field_parse(json, strlen(json), 16, err, sizeof(err));
	write_metadata(source);
	text = text_of("execution_metadata.yaml");
	CHECK(strstr(text, "  i: 3\n") != NULL);
	CHECK(strstr(text, "  d: 0.5\n") != NULL);
	CHECK(strstr(text, "  b: true\n") != NULL);
	CHECK(strstr(text, "  z: null\n") != NULL);
	CHECK(strstr(text, "x: []\n") != NULL);
	CHECK(strstr(text, "  e: {}\n") != NULL);
	free(text);
	finish();
}

static void
put_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	if (!CHECK(f != NULL))
		return;
	fputs(text, f);
	fclose(f);
}

#define HASH "0123456789abcdef0123456789abcdef01234567"

TEST(the_commit_is_read_where_git_keeps_it)
{
	char *text;

	small_run();
	CHECK_INT(mkdir(".git", 0777), 0);
	put_file(".git/HEAD", "ref: refs/heads/topic/x\n");
	put_file(".git/packed-refs",
	    "# pack-refs with: peeled\n"
	    "ffffffffffffffffffffffffffffffffffffffff refs/heads/topic\n" HASH
	    " refs/heads/topic/x\n");
	write_reports();
	text = text_of("execution_metadata.yaml");
	check_value(text, "branch", "topic/x");
	check_value(text, "commit", HASH);
	free(text);
	put_file(".git/HEAD", HASH "\n");
	write_reports();
	text = text_of("execution_metadata.yaml");
	check_value(text, "branch", "null");
	check_value(text, "commit", HASH);
	free(text);
	CHECK_INT(mkdir(".git/refs", 0777), 0);
	CHECK_INT(mkdir(".git/refs/heads", 0777), 0);
	put_file("elsewhere", HASH "\n");
	put_file(".git/HEAD", "ref: refs/heads/../../../elsewhere\n");
	write_reports();
	text = text_of("execution_metadata.yaml");
	check_value(text, "commit", "null");
	free(text);
	finish();
}

TEST(a_fifo_in_place_of_a_file_holds_up_nothing)
{
	char *text;

	small_run();
	CHECK_INT(mkdir(".git", 0777), 0);
	CHECK_INT(mkfifo(".git/HEAD", 0666), 0);
	write_reports();
	text = text_of("execution_metadata.yaml");
	check_value(text, "git", "null");
	free(text);
	finish();
}
