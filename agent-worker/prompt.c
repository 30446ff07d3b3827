/* What a model is told, in words. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent-worker/prompt.h"
#include "agent-worker/tool/tool.h"
#include "ipc/buf.h"
#include "ipc/field.h"
#include "ipc/xmalloc.h"

/* A text chosen by a configuration word; the first row is the default. */
struct choice {
	const char *word;
	const char *text;
};

static const struct choice sensitivities[] = {
	{ "lenient",
	    "Vote as soon as the best current answer deals with the question "
	    "well." },
	{ "balanced",
	    "Before you vote, check that the best current answer is correct, "
	    "complete and thorough, and ask yourself whether you could improve "
	    "it noticeably; if you could, do that instead." },
	{ "strict",
	    "Vote only for an answer of reference quality: correct in every "
	    "detail, complete, with the edge cases considered. If anything is "
	    "missing or weak, give a better answer instead." },
};

static const struct choice novelties[] = {
	{ "lenient", "" },
	{ "balanced",
	    " A new answer has to differ in substance from those that exist: "
	    "a rewording is refused." },
	{ "strict",
	    " A new answer has to bring another approach, new facts or a "
	    "clearly better result: anything close to an existing answer is "
	    "refused." },
};

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char *
choose(const struct choice *choices, size_t n, const char *word)
{
	size_t i;

	for (i = 0; word != NULL && i < n; i++)
		if (strcmp(choices[i].word, word) == 0)
			return (choices[i].text);
	return (choices[0].text);
}

const char prompt_decide[] =
    "You have not ended your turn. Call exactly one of the two tools "
    "now: " PROMPT_VOTE " for the best current answer, or " PROMPT_NEW_ANSWER
    " with a better one.";

const char prompt_decide_in_text[] =
    "it did not end with the line of JSON that says what you decided.";

/* How a turn ends: with a tool, or in a text that says the same. */
struct ending {
	const char *how;
	const char *vote;
	const char *new_answer;
	const char *more; /* on a new answer */
};

static const struct ending with_tool = {
	"End your turn by calling exactly one tool, once:",
	PROMPT_VOTE,
	PROMPT_NEW_ANSWER,
	"",
};

static const struct ending in_text = {
	"End your output with exactly one line that is a JSON object, with "
	"nothing behind it, in one of these two forms:",
	"{\"action\": \"" PROMPT_VOTE "\", \"agent_id\": \"agent1\", "
	"\"reason\": \"why it is the best\"}",
	"{\"action\": \"" PROMPT_NEW_ANSWER "\"}",
	" All that stands above the line is your answer; or else the whole "
	"answer stands in the object, as the string \"content\".",
};

static void
add_coordination(const struct agent *a, struct buf *b)
{
	const struct ending *end = a->program == NULL ? &with_tool : &in_text;

	buf_addf(b,
	    "You are one of several agents who work on the same "
	    "question at the same time. You see the current answers of all "
	    "of them, without their names, and improve on them until one is "
	    "good enough for all.\n"
	    "%s\n"
	    "- %s: one of the current answers is good enough. %s\n"
	    "- %s: it is not, and you have a better one. "
	    "It replaces your earlier one and has to stand alone: build on "
	    "the strengths of the current answers and leave out their "
	    "errors.%s%s\n"
	    "Do the work itself rather than describe how it could be "
	    "done.\n",
	    end->how, end->vote,
	    choose(sensitivities, LEN(sensitivities), a->sensitivity),
	    end->new_answer, end->more,
	    choose(novelties, LEN(novelties), a->novelty));
}

static void
add_presentation(const struct agent *a, struct buf *b)
{
	buf_adds(b,
	    "The agents have chosen your answer. Present the final "
	    "answer to the person who asked: complete, self-contained and in "
	    "its best form. Start from your own answer and take over what is "
	    "better in the others. Do not mention agents, votes or this "
	    "procedure");
	buf_adds(b, a->tools == NULL ? ", and call no tool.\n" : ".\n");
}

static const char evaluator[] =
    "You look at the final answer once more before the person who asked gets "
    "it. Compare it with the question: is it correct, complete, and does it do "
    "what was asked for? Call exactly one tool: " PROMPT_SUBMIT
    " if it will do, " PROMPT_RESTART
    " if it has a defect that another attempt by all agents can mend; then say "
    "what is wrong and what they are to do.\n";

static void
add_planning_mode(const struct agent *a, struct buf *b)
{
	buf_adds(b,
	    "Until the final answer is chosen, nothing may be done that cannot "
	    "be taken back: some tools are refused. Say what you would do with "
	    "them; the agent that is chosen does it.\n");
	if (a->planning_instruction != NULL)
		buf_addf(b, "%s\n", a->planning_instruction);
}

char *
prompt_system(const struct agent *a)
{
	struct buf b = BUF_INITIALIZER;
	time_t now = time(NULL);
	struct tm tm;
	char date[32];

	if (a->system_message != NULL && *a->system_message != '\0')
		buf_addf(&b, "%s\n\n", a->system_message);
	if (a->turn.evaluating)
		buf_adds(&b, evaluator);
	else if (a->turn.present)
		add_presentation(a, &b);
	else if (!a->direct)
		add_coordination(a, &b);
	if (a->planning_mode && !a->turn.present)
		add_planning_mode(a, &b);
	if (!a->turn.evaluating)
		prompt_add_places(a, &b);
	localtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	buf_addf(&b, "Current time: %s\n", date);
	return (buf_detach(&b));
}

void
prompt_add_answer(struct buf *b, const char *name, const char *remark,
    const struct answer *answer)
{
	buf_addf(b, "<%s>%s\n%s\n", name, remark, answer->text);
	if (answer->files != NULL)
		buf_addf(b, "(Files of %s's answer, read-only: %s)\n", name,
		    answer->files);
	buf_addf(b, "<end of %s>\n", name);
}

static void
add_answers(const struct agent *a, struct buf *b)
{
	const struct answer *own = agent_answer_of(a, a->name);
	char name[32];
	size_t none;
	int64_t i;

	buf_adds(b, "<CURRENT ANSWERS from the agents>\n");
	none = b->len;
	for (i = 0; i < a->init.count; i++) {
		const struct answer *ans = &a->answers[i];

		if (ans->text == NULL)
			continue;
		snprintf(name, sizeof(name), "agent%lld", (long long)i + 1);
		prompt_add_answer(
		    b, name, ans == own ? " (YOUR ANSWER)" : "", ans);
	}
	if (b->len == none)
		buf_adds(b, "(no answers available yet)\n");
	buf_adds(b, "<END OF CURRENT ANSWERS>\n");
}

static const char *
member_string(struct json_object *o, const char *key)
{
	const char *text = field_get_str(o, key);

	return (text == NULL ? "" : text);
}

static void
add_votes(const struct agent *a, struct buf *b)
{
	struct json_object *o;
	size_t i, n;

	n = json_object_is_type(a->turn.votes, json_type_array)
	    ? json_object_array_length(a->turn.votes)
	    : 0;
	buf_addf(b, "VOTING RESULTS: %zu vote%s.\n", n, n == 1 ? "" : "s");
	for (i = 0; i < n; i++) {
		o = json_object_array_get_idx(a->turn.votes, i);
		buf_addf(b, "- for %s: %s\n", member_string(o, "agent"),
		    member_string(o, "reason"));
	}
	buf_adds(b, "\n");
}

/* What was wrong with the attempt before this one. */
static void
add_feedback(const struct agent *a, struct buf *b)
{
	struct json_object *o = a->turn.feedback;

	buf_addf(b,
	    "<PREVIOUS ATTEMPT>\nThe final answer of the attempt before this "
	    "one was not good enough.\nWhat was wrong: %s\nWhat to do: %s\n"
	    "The answer was:\n%s\n<END OF PREVIOUS ATTEMPT>\n\n",
	    member_string(o, "reason"), member_string(o, "instructions"),
	    member_string(o, "answer"));
}

char *
prompt_user(const struct agent *a)
{
	struct buf b = BUF_INITIALIZER;

	if (a->direct)
		return (xstrdup(a->turn.question));
	buf_addf(&b, "<ORIGINAL MESSAGE>\n%s\n<END OF ORIGINAL MESSAGE>\n\n",
	    a->turn.question);
	if (a->plan != NULL && *a->plan != '\0')
		buf_addf(
		    &b, "<YOUR PLAN>\n%s\n<END OF YOUR PLAN>\n\n", a->plan);
	if (a->turn.feedback != NULL)
		add_feedback(a, &b);
	if (a->turn.present)
		add_votes(a, &b);
	add_answers(a, &b);
	if (a->turn.present)
		buf_adds(&b, "\nPresent the final answer now.\n");
	return (buf_detach(&b));
}

char *
prompt_plan(const struct agent *a)
{
	return (xasprintf("<ORIGINAL MESSAGE>\n%s\n<END OF ORIGINAL MESSAGE>"
			  "\n\nBefore you work on it: write a short plan of "
			  "how to find a good answer, in at most ten lines. "
			  "Do not answer yet and call no tool.",
	    a->turn.question));
}

char *
prompt_classify(const struct agent *a)
{
	struct buf b = BUF_INITIALIZER;
	size_t i;

	buf_addf(&b,
	    "<ORIGINAL MESSAGE>\n%s\n<END OF ORIGINAL MESSAGE>\n\n"
	    "Several agents are going to work on it at the same time, and one "
	    "of them carries it out in the end. Could one of these tools, used "
	    "for this, do what cannot be taken back, such as sending, "
	    "publishing, deleting or paying?\n",
	    a->turn.question);
	for (i = 0; i < a->tools->ntools; i++)
		if (a->tools->tools[i].foreign)
			buf_addf(&b, "- %s: %s\n", a->tools->tools[i].name,
			    a->tools->tools[i].description);
	buf_adds(&b,
	    "\nAnswer in exactly two lines and call no tool:\n"
	    "IRREVERSIBLE: YES or NO\n"
	    "BLOCKED_TOOLS: the names of those tools, parted by commas; "
	    "nothing for all of them\n");
	return (buf_detach(&b));
}

char *
prompt_evaluate(const struct agent *a, const char *answer)
{
	struct json_object *v;

	if (json_object_object_get_ex(a->turn.evaluate, "answer", &v) &&
	    v != NULL)
		answer = json_object_get_string(v);
	return (xasprintf("<ORIGINAL MESSAGE>\n%s\n<END OF ORIGINAL MESSAGE>"
			  "\n\n<FINAL ANSWER>\n%s\n<END OF FINAL ANSWER>\n\n"
			  "Call exactly one of the two tools now.",
	    a->turn.question, answer));
}

char *
prompt_news(const char *news)
{
	return (xasprintf(
	    "While you worked, new answers came in:\n%s"
	    "Take them into account: what you have done so far stays valid. "
	    "Then go on, and end your turn with " PROMPT_VOTE
	    " or " PROMPT_NEW_ANSWER ".",
	    news));
}

static struct json_object *
text_property(const char *description)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "type", json_object_new_string("string"));
	json_object_object_add(
	    o, "description", json_object_new_string(description));
	return (o);
}

static struct json_object *
schema(struct json_object *properties)
{
	struct json_object *o = json_object_new_object();
	struct json_object *required = json_object_new_array();

	json_object_object_add(o, "type", json_object_new_string("object"));
	json_object_object_add(o, "properties", properties);
	json_object_object_foreach (properties, key, value) {
		(void)value;
		json_object_array_add(required, json_object_new_string(key));
	}
	json_object_object_add(o, "required", required);
	return (o);
}

struct json_object *
prompt_new_answer_schema(void)
{
	struct json_object *p = json_object_new_object();

	json_object_object_add(
	    p, "content", text_property("The whole new answer."));
	return (schema(p));
}

/* All agents are named from the first turn on: answers may come meanwhile. */
struct json_object *
prompt_vote_schema(const struct agent *a)
{
	struct json_object *p = json_object_new_object();
	struct json_object *who = text_property("Whose answer is the best.");
	struct json_object *names = json_object_new_array();
	char name[32];
	int64_t i;

	for (i = 1; i <= a->init.count; i++) {
		snprintf(name, sizeof(name), "agent%lld", (long long)i);
		json_object_array_add(names, json_object_new_string(name));
	}
	json_object_object_add(who, "enum", names);
	json_object_object_add(p, "agent_id", who);
	json_object_object_add(
	    p, "reason", text_property("Why it is, in a sentence or two."));
	return (schema(p));
}

struct json_object *
prompt_submit_schema(void)
{
	return (schema(json_object_new_object()));
}

struct json_object *
prompt_restart_schema(void)
{
	struct json_object *p = json_object_new_object();

	json_object_object_add(
	    p, "reason", text_property("What is wrong with the final answer."));
	json_object_object_add(p, "instructions",
	    text_property("What the agents are to do better."));
	return (schema(p));
}
