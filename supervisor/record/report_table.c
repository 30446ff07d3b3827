/*
 * coordination_table.txt: the run as a grid for people, one column per
 * agent.  With more agents than fit on a screen there is one column for the
 * agent's id and one for what it did, so the size stays that of the events.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/report_part.h"

#define NUMBER_WIDTH 10
#define COLUMNS_MAX  8 /* agents that get a column each */
#define LIST_WIDTH   60
#define TEXT_MAX     200
#define REASON_MAX   50

struct table {
	size_t columns;
	size_t width;
	bool list;  /* the form for many agents */
	int number; /* of the last event */
};

/* What is said about an event; both end up cut to the cell. */
struct note {
	char head[TEXT_MAX];
	char body[TEXT_MAX];
};

/* --- the grid --- */

static void
fill(struct buf *out, char c, size_t n)
{
	while (n-- > 0)
		buf_add(out, &c, 1);
}

static size_t
inner_width(const struct table *t)
{
	return (t->columns * (t->width + 1) - 1);
}

static void
put_rule(const struct table *t, char c, struct buf *out)
{
	size_t i;

	buf_adds(out, "+");
	fill(out, c, NUMBER_WIDTH);
	for (i = 0; i < t->columns; i++) {
		buf_adds(out, "+");
		fill(out, c, t->width);
	}
	buf_adds(out, "+\n");
}

/* Text in the middle of a cell, a space at least on either side. */
static void
put_cell(struct buf *out, const char *text, size_t width)
{
	char *line = utf8_line(text, width - 2 - strlen("..."));
	size_t i, len = 0, left;

	for (i = 0; line[i] != '\0'; i++)
		len += ((unsigned char)line[i] & 0xc0) == 0x80 ? 0 : 1;
	left = (width - len) / 2;
	fill(out, ' ', left);
	buf_adds(out, line);
	fill(out, ' ', width - len - left);
	buf_adds(out, "|");
	free(line);
}

/* A line with one cell over all columns. */
static void
put_wide(
    const struct table *t, const char *first, const char *text, struct buf *out)
{
	buf_adds(out, "|");
	put_cell(out, first, NUMBER_WIDTH);
	put_cell(out, text, inner_width(t));
	buf_adds(out, "\n");
}

/* A line in which only the agent's column says something. */
static void
put_line(const struct table *t, const char *first, int agent, const char *id,
    const char *text, struct buf *out)
{
	size_t i;

	buf_adds(out, "|");
	put_cell(out, first, NUMBER_WIDTH);
	if (t->list)
		put_cell(out, id, t->width);
	for (i = t->list ? 1 : 0; i < t->columns; i++)
		put_cell(out, t->list || (int)i == agent ? text : "", t->width);
	buf_adds(out, "\n");
}

static void
put_row(struct table *t, const struct session *s, int agent,
    const struct note *n, struct buf *out)
{
	const char *id = agent == -1 ? "" : s->agents[agent].id;
	char first[16];
	int i;

	snprintf(first, sizeof(first), "E%d", ++t->number);
	for (i = 0; i < 2; i++) {
		const char *text = i == 0 ? n->head : n->body;

		if (i > 0 && *text == '\0')
			break;
		if (agent == -1)
			put_wide(t, i == 0 ? first : "", text, out);
		else
			put_line(t, i == 0 ? first : "", agent,
			    i == 0 ? id : "", text, out);
	}
	put_rule(t, '-', out);
}

/* --- what is said --- */

static void
copy(char text[TEXT_MAX], const char *from, size_t max)
{
	char *line = utf8_line(from, max);

	strlcpy(text, line, TEXT_MAX);
	free(line);
}

/* Those whose head takes more than one string of the event. */
static void
say_turn(const struct report *r, const struct event *e, struct note *n)
{
	(void)e;
	snprintf(n->head, sizeof(n->head), "(context: the answers of %zu)",
	    session_answered(r->now));
	copy(n->body, "started streaming", TEXT_MAX / 2);
}

static void
say_restart(const struct report *r, const struct event *e, struct note *n)
{
	(void)r;
	snprintf(n->head, sizeof(n->head), "ATTEMPT %lld OF ALL AGENTS",
	    (long long)e->attempt);
}

static void
say_attempt(const struct report *r, const struct event *e, struct note *n)
{
	(void)r;
	snprintf(n->head, sizeof(n->head), "ATTEMPT %lld OF %lld FAILED",
	    (long long)e->attempt, (long long)e->attempts_max);
}

static void
say_final(const struct report *r, const struct event *e, struct note *n)
{
	snprintf(n->head, sizeof(n->head), "FINAL ANSWER: %s.final",
	    r->now->agents[e->who].anonymous);
}

static void
say_opened(const struct report *r, const struct event *e, struct note *n)
{
	(void)r;
	snprintf(n->head, sizeof(n->head), "NESTED RUN %lld: %.60s",
	    (long long)e->child, e->session_id);
}

static void
say_ended(const struct report *r, const struct event *e, struct note *n)
{
	(void)r;
	snprintf(n->head, sizeof(n->head), "NESTED RUN %lld: %.10s",
	    (long long)e->child, e->kind);
	if (strcmp(e->kind, "ended") == 0)
		snprintf(n->body, sizeof(n->body), "exit code %lld",
		    (long long)e->exit_code);
}

/* Events without a row are not for this table. */
#define OF(member) (offsetof(struct event, member) + 1)
static const struct {
	const char *head;
	size_t more; /* a string of the event behind it: OF(); 0: none */
	size_t body; /* likewise, what is said below */
	void (*say)(const struct report *, const struct event *, struct note *);
} rows[EVENT_TYPES] = {
	/* clang-format off */
	[EVENT_TURN_STARTED] =	{ "", 0, 0, say_turn },
	[EVENT_ANSWER] =	{ "NEW ANSWER: ", OF(label), OF(text), NULL },
	[EVENT_VOTE] =		{ "VOTE: ", OF(label), OF(text), NULL },
	[EVENT_REFUSED] =	{ "REFUSED: ", OF(kind), OF(text), NULL },
	[EVENT_ATTEMPT_FAILED] = { "", 0, OF(text), say_attempt },
	[EVENT_AGENT_FAILED] =	{ "FAILED: ", OF(kind), OF(text), NULL },
	[EVENT_WARNING] =	{ "WARNING", 0, OF(text), NULL },
	[EVENT_STALLED] =	{ "WARNING", 0, OF(text), NULL },
	[EVENT_STOPPING] =	{ "", OF(text), 0, NULL },
	[EVENT_WINNER] =	{ "WINNER SELECTED", 0, OF(text), NULL },
	[EVENT_PRESENTATION] =	{ "started the final presentation", 0, 0, NULL },
	[EVENT_RESTART] =	{ "", 0, OF(text), say_restart },
	[EVENT_FINAL_ANSWER] =	{ "", 0, OF(text), say_final },
	[EVENT_CHILD_OPENED] =	{ "", 0, OF(question), say_opened },
	[EVENT_CHILD_ENDED] =	{ "", 0, 0, say_ended },
	[EVENT_RUN_ENDED] =	{ "ENDED: ", OF(outcome), OF(text), NULL },
	/* clang-format on */
};

static const char *
string_of(const struct event *e, size_t of)
{
	const char *s = NULL;

	if (of != 0)
		s = *(const char *const *)(const void *)((const char *)e + of -
		    1);
	return (s == NULL ? "" : s);
}

static void
say(const struct report *r, const struct event *e, struct note *n)
{
	char *head = xasprintf(
	    "%s%s", rows[e->type].head, string_of(e, rows[e->type].more));

	copy(n->head, head, TEXT_MAX / 2);
	copy(n->body, string_of(e, rows[e->type].body),
	    e->type == EVENT_VOTE ? REASON_MAX : TEXT_MAX / 2);
	if (rows[e->type].say != NULL)
		rows[e->type].say(r, e, n);
	free(head);
}

static void
put_restart(struct table *t, const struct report *r, const struct event *e,
    struct buf *out)
{
	struct note n = { "", "" };
	int list[REPORT_LIST_MAX];
	size_t all;

	(void)report_sent_back(r, list, &all);
	if (all == 0)
		return;
	snprintf(n.head, sizeof(n.head),
	    "RESTART TRIGGERED by %.40s: %zu "
	    "agent%s back to work",
	    e->label, all, all == 1 ? "" : "s");
	put_row(t, r->now, -1, &n, out);
}

static void
put_event(
    void *state, const struct report *r, const struct event *e, struct buf *out)
{
	struct note n = { "", "" };
	struct table *t = state;

	if (rows[e->type].head == NULL || (e->agent != NULL && e->who == -1))
		return;
	say(r, e, &n);
	put_row(t, r->now, e->who, &n, out);
	if (e->type == EVENT_ANSWER)
		put_restart(t, r, e, out);
}

/* --- beginning and end --- */

static size_t
column_width(size_t agents)
{
	static const size_t widths[] = { 60, 60, 60, 40, 30 };

	return (
	    agents < sizeof(widths) / sizeof(widths[0]) ? widths[agents] : 25);
}

static void
put_titles(const struct table *t, const struct session *s, struct buf *out)
{
	char title[96];
	size_t i;

	put_rule(t, '-', out);
	buf_adds(out, "|");
	put_cell(out, "Event", NUMBER_WIDTH);
	if (t->list) {
		put_cell(out, "Agent", t->width);
		put_cell(out, "What happened", t->width);
	}
	for (i = 0; i < t->columns && !t->list; i++) {
		snprintf(title, sizeof(title), "Agent %zu (%.64s)", i + 1,
		    s->agents[i].id);
		put_cell(out, title, t->width);
	}
	buf_adds(out, "\n");
	put_rule(t, '=', out);
	put_wide(t, "USER", s->question == NULL ? "" : s->question, out);
	put_rule(t, '-', out);
}

static void *
begin(const struct report *r, struct buf *out)
{
	struct table *t = xcalloc(1, sizeof(*t));
	size_t n = r->end->nagents;

	t->list = n == 0 || n > COLUMNS_MAX;
	t->columns = t->list ? 2 : n;
	t->width = t->list ? LIST_WIDTH : column_width(n);
	buf_adds(out,
	    "COORDINATION TABLE\n\n"
	    "En           the n-th row; time goes down\n"
	    "(context)    the answers that an agent was shown\n"
	    "NEW ANSWER   an answer, called agentN.M, and how it begins\n"
	    "VOTE         the answer voted for, and why\n"
	    "RESTART      a new answer voids all votes: others work again\n\n");
	put_titles(t, r->end, out);
	return (t);
}

static void
put_summary(const struct session *s, struct buf *out)
{
	size_t i, restarts = 0;

	buf_adds(out, "\nSUMMARY\n");
	for (i = 0; i < s->nagents; i++) {
		const struct session_agent *a = &s->agents[i];

		buf_addf(out,
		    "  Agent %zu (%s): answers %d, votes %d, "
		    "restarts %d, %s\n",
		    i + 1, a->id, a->answers, a->vote_stands ? 1 : 0,
		    a->times_restarted, agent_status_name(a->status));
		restarts += (size_t)a->times_restarted;
	}
	buf_addf(out, "TOTALS: answers %zu, votes %zu, restarts %zu\n",
	    s->nanswers, session_voted(s), restarts);
}

static void
end(void *state, const struct report *r, struct buf *out)
{
	put_summary(r->end, out);
	free(state);
}

const struct report_part report_table = { "coordination_table.txt", begin,
	put_event, end };
