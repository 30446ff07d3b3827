/*
 * agent-worker/command: what a program printed, and what it means; whole,
 * in pieces and byte by byte.
 */

#include <stdlib.h>

#include "agent-worker/command/decision.h"
#include "agent-worker/command/output.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "tests/test.h"

static struct buf shown;

static void
on_say(void *arg, const char *text)
{
	(void)arg;
	buf_adds(&shown, text);
}

/* Pieces of the given size; 0: all at once. */
static void
feed(struct output *o, const char *text, size_t len, size_t piece)
{
	size_t n;

	for (; len > 0; text += n, len -= n) {
		n = piece == 0 || piece > len ? len : piece;
		output_take(o, text, n);
	}
	output_end(o);
}

static void
read_as(struct output *o, bool json, const char *fields, const char *text,
    size_t len, size_t piece)
{
	struct json_object *f =
	    fields == NULL ? NULL : json_tokener_parse(fields);

	buf_release(&shown);
	output_init(o, json, f, on_say, NULL);
	feed(o, text, len, piece);
	json_object_put(f);
}

static void
check_text(struct output *o, const char *want)
{
	char *text = output_text(o);

	CHECK_STR(text, want);
	free(text);
}

/* --- text --- */

TEST(text_is_what_was_printed)
{
	static const char text[] = "Gr\xc3\xbc\xc3\x9f Gott,\n"
				   "\xe2\x82\xac \xf0\x9f\x99\x82.\n";
	struct output o;
	size_t piece;

	for (piece = 0; piece < 6; piece++) {
		read_as(&o, false, NULL, text, strlen(text), piece);
		check_text(&o, text);
		CHECK_STR(shown.data, text);
		CHECK(o.error == NULL && !o.usage.known && !o.cost_known);
		output_release(&o);
	}
}

TEST(any_bytes_become_well_formed)
{
	char bytes[4096], *whole, *text;
	struct output o;
	size_t i, piece;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7919 % 256);
	read_as(&o, false, NULL, bytes, sizeof(bytes), 0);
	whole = output_text(&o);
	CHECK(utf8_is_valid(whole, strlen(whole)));
	output_release(&o);
	for (piece = 1; piece < 8; piece++) {
		read_as(&o, false, NULL, bytes, sizeof(bytes), piece);
		text = output_text(&o);
		CHECK_STR(text, whole);
		free(text);
		output_release(&o);
	}
	free(whole);
}

TEST(a_character_that_is_cut_off_at_the_end)
{
	struct output o;

	read_as(&o, false, NULL, "a\xe2\x82", 3, 1);
	check_text(&o, "a\xef\xbf\xbd\xef\xbf\xbd");
	output_release(&o);
	read_as(&o, false, NULL, "", 0, 0);
	check_text(&o, "");
	output_release(&o);
}

TEST(of_a_long_text_both_ends_are_kept)
{
	size_t len = OUTPUT_TEXT_MAX * 3 + 5, i, n;
	char *big = xcalloc(len, 1), *text, *said;
	struct output o;
	size_t missing = 0;

	/* three bytes a character: cuts must not fall inside of one */
	for (i = 0; i + 3 <= len; i += 3)
		memcpy(big + i, "\xe2\x82\xac", 3);
	memset(big + i, 'z', len - i);
	memcpy(big, "begin", 5);
	memcpy(big + len - 3, "end", 3);
	read_as(&o, false, NULL, big, len, 1000003);
	text = output_text(&o);
	n = strlen(text);
	CHECK(n <= OUTPUT_TEXT_MAX + 64);
	CHECK(n > OUTPUT_TEXT_MAX - 64);
	CHECK(strncmp(text, "begin", 5) == 0);
	CHECK_STR(text + n - 3, "end");
	CHECK(utf8_is_valid(text, n));
	said = strstr(text, "\n[... ");
	if (CHECK(said != NULL))
		missing = strtoul(said + 6, NULL, 10);
	CHECK(strstr(said, " bytes left out ...]\n") != NULL);
	/* what is there and what is said to be missing come to the whole:
	 * "begin" and "end" each cost bytes that were characters' */
	if (said != NULL) {
		n -= strcspn(said + 1, "\n") + 2;
		CHECK(missing + n >= len - 8 && missing + n <= len + 16);
	}
	free(text);
	output_release(&o);
	free(big);
}

TEST(a_text_of_exactly_the_limit_is_whole)
{
	char *big = xcalloc(OUTPUT_TEXT_MAX + 1, 1), *text;
	struct output o;

	memset(big, 'x', OUTPUT_TEXT_MAX);
	read_as(&o, false, NULL, big, OUTPUT_TEXT_MAX, 65536);
	text = output_text(&o);
	CHECK_INT(strlen(text), OUTPUT_TEXT_MAX);
	CHECK(strcmp(text, big) == 0);
	free(text);
	output_release(&o);
	free(big);
}

/* --- JSON --- */

/* clang-format off */
static const char claude[] =
    "{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s\","
    "\"tools\":[\"Bash\"]}\n"
    "{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"text\","
    "\"text\":\"I look. \"},{\"type\":\"tool_use\",\"name\":\"Bash\"}],"
    "\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n"
    "{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"text\","
    "\"text\":\"It is 42.\"}]}}\n"
    "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,"
    "\"result\":\"It is 42.\",\"total_cost_usd\":0.0125,\"usage\":"
    "{\"input_tokens\":10,\"cache_creation_input_tokens\":200,"
    "\"cache_read_input_tokens\":3000,\"output_tokens\":40}}\n";

static const char codex[] =
    "{\"type\":\"thread.started\",\"thread_id\":\"t\"}\n"
    "{\"type\":\"turn.started\"}\n"
    "{\"type\":\"item.completed\",\"item\":{\"id\":\"i0\","
    "\"type\":\"reasoning\",\"text\":\"hm\"}}\n"
    "{\"type\":\"item.completed\",\"item\":{\"id\":\"i1\","
    "\"type\":\"agent_message\",\"text\":\"Let me see.\"}}\n"
    "{\"type\":\"item.completed\",\"item\":{\"id\":\"i2\","
    "\"type\":\"agent_message\",\"text\":\"It is 42.\"}}\n"
    "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":900,"
    "\"cached_input_tokens\":800,\"output_tokens\":70,"
    "\"reasoning_output_tokens\":30}}\n";

static const char gemini[] =
    "Loaded cached credentials.\n"
    "{\n  \"session_id\": \"s\",\n  \"response\": \"It is 42.\",\n"
    "  \"stats\": {\n    \"models\": {\n"
    "      \"gemini-2.5-pro\": { \"tokens\": { \"prompt\": 100,\n"
    "        \"candidates\": 20, \"total\": 125, \"cached\": 60,\n"
    "        \"thoughts\": 5, \"tool\": 0 } },\n"
    "      \"gemini-2.5-flash\": { \"tokens\": { \"prompt\": 7,\n"
    "        \"candidates\": 1, \"cached\": 0, \"thoughts\": 0 } }\n"
    "    }\n  }\n}\n";

static const char gemini_stream[] =
    "{\"type\":\"init\",\"session_id\":\"s\",\"model\":\"m\"}\n"
    "{\"type\":\"message\",\"role\":\"user\",\"content\":\"q\"}\n"
    "{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"It is\","
    "\"delta\":true}\n"
    "{\"type\":\"message\",\"role\":\"assistant\",\"content\":\" 42.\","
    "\"delta\":true}\n"
    "{\"type\":\"result\",\"status\":\"success\",\"stats\":"
    "{\"total_tokens\":130,\"input_tokens\":107,\"output_tokens\":21,"
    "\"cached\":60,\"duration_ms\":9}}\n";
/* clang-format on */

static const struct {
	const char *name;
	const char *stream;
	const char *shown;
	struct usage usage;
	double cost;
} forms[] = {
	{ "claude", claude, "I look. It is 42.",
	    { 3210, 3000, 200, 40, 0, true }, 0.0125 },
	{ "codex", codex, "Let me see.It is 42.", { 900, 800, 0, 70, 30, true },
	    0 },
	{ "gemini", gemini, "It is 42.", { 107, 60, 0, 26, 5, true }, 0 },
	{ "gemini stream", gemini_stream, "It is 42.",
	    { 107, 60, 0, 21, 0, true }, 0 },
};

static void
check_form(size_t i, struct output *o)
{
	const struct usage *want = &forms[i].usage, *got = &o->usage;

	check_text(o, "It is 42.");
	CHECK_STR(shown.data, forms[i].shown);
	CHECK(o->has_text && o->error == NULL);
	CHECK_INT(got->input, want->input);
	CHECK_INT(got->cached, want->cached);
	CHECK_INT(got->cache_write, want->cache_write);
	CHECK_INT(got->output, want->output);
	CHECK_INT(got->reasoning, want->reasoning);
	CHECK(got->known);
	CHECK(o->cost >= forms[i].cost && o->cost <= forms[i].cost);
	CHECK(o->cost_known == (forms[i].cost > 0));
}

TEST(the_known_forms_whole_and_in_pieces)
{
	struct output o;
	size_t i, piece;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		for (piece = 0; piece < 40; piece++) {
			read_as(&o, true, NULL, forms[i].stream,
			    strlen(forms[i].stream), piece);
			check_form(i, &o);
			output_release(&o);
			if (test_failed) {
				printf("# %s by %zu\n", forms[i].name, piece);
				return;
			}
		}
}

/* A stream that is cut has the text of a beginning, or none. */
TEST(the_known_forms_cut_anywhere)
{
	struct output o;
	size_t i, len;
	char *text;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		for (len = 0; len < strlen(forms[i].stream); len++) {
			read_as(&o, true, NULL, forms[i].stream, len, 0);
			text = output_text(&o);
			CHECK(*text == '\0' ||
			    strcmp(text, "Let me see.") == 0 ||
			    strncmp("It is 42.", text, strlen(text)) == 0);
			CHECK(o.error == NULL);
			free(text);
			output_release(&o);
		}
}

TEST(errors_are_told_in_the_program_s_words)
{
	static const struct {
		const char *stream;
		const char *error; /* NULL: none in the end */
		const char *text;
	} table[] = {
		{ "{\"type\":\"result\",\"is_error\":true,"
		  "\"result\":\"Invalid key\"}",
		    "Invalid key", "" },
		{ "{\"type\":\"result\",\"is_error\":true,"
		  "\"subtype\":\"error_max_turns\"}",
		    "error_max_turns", "" },
		{ "{\"type\":\"turn.failed\",\"error\":{\"message\":\"no\"}}",
		    "no", "" },
		{ "{\"session_id\":\"s\",\"error\":{\"type\":\"E\","
		  "\"message\":\"quota\",\"code\":1}}",
		    "quota", "" },
		/* lost and found again */
		{ "{\"type\":\"turn.failed\",\"error\":{\"message\":\"no\"}}"
		  "{\"response\":\"yes\"}",
		    NULL, "yes" },
		{ "{\"response\":\"yes\"}{\"error\":{\"message\":\"no\"}}",
		    "no", "yes" },
	};
	struct output o;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		read_as(&o, true, NULL, table[i].stream,
		    strlen(table[i].stream), 0);
		CHECK_STR(o.error, table[i].error);
		check_text(&o, table[i].text);
		output_release(&o);
	}
}

TEST(what_is_no_json_is_passed_over)
{
	static const char text[] =
	    "Reading...\n[INFO] start\n{ not json }\n\n\xff\xfe\n"
	    "  {\"response\":\"one\"}  {\"response\":\"two\"} rest\n"
	    "{\"response\":\n"
	    "{\"response\":[],\"stats\":3}\n7\n\"x\"\nnull\n"
	    "[{\"response\":\"three\"},4,[]]\n{\"resp";
	struct output o;
	size_t piece;

	for (piece = 0; piece < 10; piece++) {
		read_as(&o, true, NULL, text, strlen(text), piece);
		check_text(&o, "three");
		CHECK(o.error == NULL && !o.usage.known);
		output_release(&o);
	}
}

TEST(a_configuration_names_other_parts)
{
	static const char fields[] =
	    "{\"text\":\"data.*[kind=final].body\",\"error\":\"oops\","
	    "\"cost\":\"price.usd\",\"input_tokens\":\"n.in\"}";
	static const char text[] =
	    "{\"response\":\"not this\",\"total_cost_usd\":9}\n"
	    "{\"data\":[{\"kind\":\"draft\",\"body\":\"no\"},"
	    "{\"kind\":\"final\",\"body\":\"yes\"}],"
	    "\"price\":{\"usd\":0.5},\"n\":{\"in\":11}}\n";
	struct output o;

	read_as(&o, true, fields, text, strlen(text), 0);
	check_text(&o, "yes");
	CHECK(o.cost_known && o.cost > 0.49 && o.cost < 0.51);
	CHECK_INT(o.usage.input, 11);
	output_release(&o);
	read_as(&o, true, fields, "{\"oops\":\"bad\"}", 14, 0);
	CHECK_STR(o.error, "bad");
	output_release(&o);
}

TEST(odd_paths_find_nothing)
{
	static const char *const paths[] = { "", ".", "[", "[]", "[=]", "[a=b",
		"a[", "a..b", "a.", "*", "*.*", "[*=*]a", "]", "=" };
	static const char text[] = "{\"a\":{\"b\":\"x\"},\"c\":[\"y\"]}";
	struct output o;
	size_t i;
	char *fields;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		fields = xasprintf("{\"text\":\"%s\"}", paths[i]);
		read_as(&o, true, fields, text, strlen(text), 0);
		if (strcmp(paths[i], "*.*") != 0)
			CHECK(!o.has_text);
		output_release(&o);
		free(fields);
	}
}

TEST(numbers_that_cannot_be)
{
	static const char text[] =
	    "{\"type\":\"turn.completed\",\"total_cost_usd\":-1,"
	    "\"usage\":{\"input_tokens\":-5,\"output_tokens\":1e300,"
	    "\"cached_input_tokens\":\"7\"}}";
	struct output o;

	read_as(&o, true, NULL, text, strlen(text), 0);
	CHECK(!o.usage.known && !o.cost_known);
	CHECK_INT(o.usage.input + o.usage.output + o.usage.cached, 0);
	output_release(&o);
}

TEST(an_object_past_the_limit_is_passed_over)
{
	struct buf text = BUF_INITIALIZER;
	struct output o;

	buf_adds(&text, "{\"response\":\"");
	memset(buf_reserve(&text, OUTPUT_OBJECT_MAX), 'x', OUTPUT_OBJECT_MAX);
	text.len += OUTPUT_OBJECT_MAX;
	buf_adds(&text, "\"}\n{\"response\":\"short\"}\n");
	read_as(&o, true, NULL, text.data, text.len, 65536);
	check_text(&o, "short");
	CHECK_INT(o.objects, 1);
	output_release(&o);
	buf_release(&text);
}

/* --- decisions --- */

static void
check_decision(const char *text, enum decision_kind kind, const char *said,
    const char *agent, const char *reason)
{
	struct decision d;

	decision_find(&d, text, strlen(text));
	if (!CHECK_INT(d.kind, kind) || !CHECK_STR(d.text, said) ||
	    !CHECK_STR(d.agent, agent) || !CHECK_STR(d.reason, reason))
		test_print("in", text, strlen(text));
	decision_release(&d);
}

#define VOTE   "{\"action\":\"vote\",\"agent_id\":\"agent2\",\"reason\":\"r\"}"
#define ANSWER "{\"action\":\"new_answer\",\"content\":\"C\"}"
#define ABOVE  "{\"action\":\"new_answer\"}"

TEST(decisions)
{
	check_decision("", DECISION_NONE, "", NULL, "");
	check_decision("Just text.\n\n", DECISION_NONE, "Just text.", NULL, "");
	check_decision(VOTE, DECISION_VOTE, "", "agent2", "r");
	check_decision(
	    "I think.\n" VOTE "\n", DECISION_VOTE, "I think.", "agent2", "r");
	check_decision(ANSWER, DECISION_ANSWER, "C", NULL, "");
	check_decision("Long.\nText.\n\n" ABOVE "\n", DECISION_ANSWER,
	    "Long.\nText.", NULL, "");
	check_decision(
	    "  \t" VOTE "  \r\n\r\n", DECISION_VOTE, "", "agent2", "r");
	check_decision("a\r\n" ABOVE "\r\n", DECISION_ANSWER, "a", NULL, "");
}

TEST(the_last_decision_counts)
{
	check_decision(VOTE "\n" ANSWER "\n", DECISION_ANSWER, "C", NULL, "");
	check_decision(ANSWER "\nno:\n" VOTE, DECISION_VOTE,
	    ANSWER "\nno:", "agent2", "r");
	check_decision(
	    VOTE "\nBye.\n{\"x\":1}\n", DECISION_VOTE, "", "agent2", "r");
}

TEST(decisions_over_several_lines_and_in_fences)
{
	check_decision("Text.\n```json\n" VOTE "\n```\n", DECISION_VOTE,
	    "Text.", "agent2", "r");
	check_decision("Text.\n```\n{\n  \"action\": \"new_answer\"\n}\n```\n",
	    DECISION_ANSWER, "Text.", NULL, "");
	check_decision("```c\nint x;\n```\n" ABOVE, DECISION_ANSWER,
	    "```c\nint x;\n```", NULL, "");
	check_decision("{\n \"action\": \"vote\",\n \"agent_id\": \"agent1\","
		       "\n \"reason\": \"a\\nb\"\n}",
	    DECISION_VOTE, "", "agent1", "a\nb");
}

TEST(what_is_no_decision)
{
	static const char *const texts[] = {
		"{\"action\":\"sing\"}",
		"{\"action\":7}",
		"{\"action\":\"vote\"",
		"[" VOTE "]",
		"x " VOTE,
		"\"" VOTE "\"",
		"{}",
		"{",
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_decision(texts[i], DECISION_NONE, texts[i], NULL, "");
	check_decision("{\"action\":\"vote\"}", DECISION_VOTE, "", NULL, "");
	check_decision("{\"action\":\"vote\",\"agent_id\":2}", DECISION_VOTE,
	    "", NULL, "");
}

TEST(a_text_full_of_objects_ends)
{
	struct buf text = BUF_INITIALIZER;
	struct decision d;
	int i;

	for (i = 0; i < 200000; i++)
		buf_adds(&text, "{\"a\":[\n");
	decision_find(&d, text.data, text.len);
	CHECK_INT(d.kind, DECISION_NONE);
	CHECK_INT(strlen(d.text), text.len - 1);
	decision_release(&d);
	buf_release(&text);
}

TEST(cleanup)
{
	buf_release(&shown);
	CHECK(shown.data == NULL);
}
