/* What an agent with tools is told of its files and those of others. */

#include "agent-worker/prompt.h"
#include "agent-worker/tool/tool.h"

static void
add_context(const struct walls *walls, bool presenting, struct buf *b)
{
	const struct wall *wall;
	size_t i, k;

	for (i = 0; i < walls->n; i++) {
		wall = &walls->list[i];
		if (!wall->context)
			continue;
		buf_addf(b, "- %s: %s", wall->path,
		    !wall->presenter ? "read-only"
			: presenting ? "you may write there now"
				     : "read-only until the final answer is "
				       "presented, when the agent that was "
				       "chosen may write there");
		for (k = 0; k < wall->nkeep; k++)
			buf_addf(b, "%s %s", k == 0 ? "; never" : ",",
			    wall->keep[k]);
		buf_adds(b, "\n");
	}
}

void
prompt_add_places(const struct agent *a, struct buf *b)
{
	const struct walls *walls;
	size_t i;

	if (a->tools == NULL || a->tools->walls.workspace == NULL)
		return;
	walls = &a->tools->walls;
	buf_addf(b,
	    "Your workspace is %s: relative paths begin there, and nobody else "
	    "writes there. ",
	    walls->workspace);
	if (a->turn.present)
		buf_adds(b,
		    "It holds the files of your chosen answer; what it holds "
		    "when you have presented the final answer is delivered "
		    "with it.\n");
	else
		buf_adds(b,
		    "Its files belong to your answer: the others see them as "
		    "they are when you give it. Copy what you want to change "
		    "of theirs.\n");
	for (i = 0; i < walls->n; i++)
		if (walls->list[i].context)
			break;
	if (i == walls->n)
		return;
	buf_adds(b, "You may also use:\n");
	add_context(walls, a->turn.present, b);
}
