/* Questions that the session's state answers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/utf8.h"
#include "supervisor/decide/session.h"

#define TARGET_SHOWN 40 /* bytes of a name that nobody has */

const char *
session_winner_id(const struct session *s)
{
	return (s->winner == -1 ? NULL : s->agents[s->winner].id);
}

int
session_agent_by_id(const struct session *s, const char *id)
{
	size_t low = 0, high = s->nagents, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = strcmp(id, s->agents[s->by_id[middle]].id);
		if (order == 0)
			return (s->by_id[middle]);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return (-1);
}

int
session_agent_by_name(const struct session *s, const char *anonymous)
{
	char *end;
	long n;

	if (strncmp(anonymous, "agent", 5) != 0)
		return (-1);
	n = strtol(anonymous + 5, &end, 10);
	if (*end != '\0' || n < 1 || (size_t)n > s->nagents ||
	    strcmp(s->agents[n - 1].anonymous, anonymous) != 0)
		return (-1);
	return ((int)n - 1);
}

bool
session_is_unpriced(const struct session *s, const char *model)
{
	size_t i;

	for (i = 0; i < s->nunpriced; i++)
		if (strcmp(s->unpriced_models[i], model) == 0)
			return (true);
	return (false);
}

/* How many agents satisfy `condition`, an expression over `a`. */
#define COUNT(s, condition)                                         \
	do {                                                        \
		const struct session_agent *a = (s)->agents;        \
		const struct session_agent *end = a + (s)->nagents; \
		size_t n = 0;                                       \
		for (; a < end; a++)                                \
			n += (condition) ? 1 : 0;                   \
		return (n);                                         \
	} while (0)

size_t
session_living(const struct session *s)
{
	COUNT(s, !a->ended);
}

size_t
session_answered(const struct session *s)
{
	COUNT(s, a->answers > 0);
}

size_t
session_failed(const struct session *s)
{
	COUNT(s,
	    a->failed || a->status == AGENT_ERROR ||
		a->status == AGENT_TIMEOUT);
}

size_t
session_voted(const struct session *s)
{
	COUNT(s, a->vote_stands);
}

size_t
session_living_ready(const struct session *s)
{
	COUNT(s, !a->ended && a->ready);
}

size_t
session_living_acted(const struct session *s)
{
	COUNT(s, !a->ended && a->acted);
}

size_t
session_living_voted(const struct session *s)
{
	COUNT(s, !a->ended && a->vote_stands);
}

bool
session_has_answer(const struct session *s)
{
	return (s->nanswers > s->first_answer);
}

bool
session_agreed(const struct session *s)
{
	size_t living = session_living(s);

	if (living == 0 || !session_has_answer(s))
		return (false);
	return (s->direct || session_living_voted(s) == living);
}

bool
session_owes_turn(const struct session *s, int agent)
{
	const struct session_agent *a = &s->agents[agent];

	return (s->stopping == NULL && !a->ended && !a->busy &&
	    !a->vote_stands && !(s->direct && a->answers > 0));
}

size_t
session_children(const struct session *s, int agent)
{
	size_t i, n = 0;

	for (i = 0; i < s->nchildren; i++)
		n += s->children[i].state == CHILD_RUNNING &&
			(agent == -1 || s->children[i].agent == agent)
		    ? 1
		    : 0;
	return (n);
}

const char *
session_activity(const struct session *s, int agent)
{
	const char *activity = s->agents[agent].activity;

	if (strcmp(activity, "running_tool") == 0 &&
	    session_children(s, agent) > 0)
		return ("waiting_child");
	return (activity);
}

int
session_active(const struct session *s)
{
	int best = -1;
	size_t i;

	if (s->last_active != -1 && s->agents[s->last_active].busy)
		return (s->last_active);
	for (i = 0; i < s->nagents; i++)
		if (s->agents[i].busy &&
		    (best == -1 ||
			s->agents[i].last_activity >
			    s->agents[best].last_activity))
			best = (int)i;
	return (best);
}

enum verdict
session_check_vote(const struct session *s, int agent, const char *target,
    int64_t seen, char *why, size_t whylen)
{
	int t = session_agent_by_name(s, target);
	size_t i, len;
	char *name;

	if (!session_has_answer(s)) {
		snprintf(why, whylen,
		    "there is no answer to vote for yet: give a new answer");
		return (VERDICT_RETRY);
	}
	if (t == -1 || s->agents[t].latest == -1) {
		name = utf8_line(target, TARGET_SHOWN);
		len = (size_t)snprintf(why, whylen,
		    "\"%s\" has no answer; you can vote for:", name);
		free(name);
		for (i = 0; i < s->nagents && len < whylen; i++)
			if (s->agents[i].latest != -1)
				len += (size_t)snprintf(why + len, whylen - len,
				    " %s", s->agents[i].anonymous);
		return (VERDICT_RETRY);
	}
	if (seen < (int64_t)s->nanswers) {
		snprintf(why, whylen,
		    "a newer answer came before this vote: "
		    "look at it, then vote or answer");
		return (VERDICT_STALE);
	}
	(void)agent;
	return (VERDICT_OK);
}

enum verdict
session_check_answer(const struct session *s, int agent, int max_answers,
    char *why, size_t whylen)
{
	int given = s->agents[agent].answers - s->agents[agent].answers_before;

	if (max_answers < 0 || given < max_answers)
		return (VERDICT_OK);
	snprintf(why, whylen,
	    "you have given %d answers, which is the limit: "
	    "vote for the best answer",
	    given);
	return (VERDICT_RETRY);
}
