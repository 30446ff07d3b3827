/*
 * Regular expressions: a machine that follows all ways through a program at
 * once (K. Thompson, "Regular Expression Search Algorithm", 1968), so that no
 * text makes it go back.
 */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/pattern_ops.h"
#include "ipc/xmalloc.h"

static bool
is_word_edge(const char *text, size_t len, size_t at)
{
	bool before = at > 0 && pattern_is_word((unsigned char)text[at - 1]);
	bool behind = at < len && pattern_is_word((unsigned char)text[at]);

	return (before != behind);
}

/*
 * All operations that take a byte and can be come to from there without one.
 * True: the end is among them.
 */
static bool
reach(struct pattern *p, int from, const char *text, size_t len, size_t at)
{
	const struct op *op;
	int depth = 0, i;

	p->stack[depth++] = from;
	while (depth > 0) {
		i = p->stack[--depth];
		if (p->mark[i] == p->step)
			continue;
		p->mark[i] = p->step;
		op = &p->ops[i];
		switch (op->kind) {
		case OP_FOUND:
			return (true);
		case OP_SET:
			p->next[p->nnext++] = i;
			break;
		case OP_SPLIT:
			p->stack[depth++] = i + op->y;
			p->stack[depth++] = i + op->x;
			break;
		case OP_JUMP:
			p->stack[depth++] = i + op->x;
			break;
		case OP_BEGIN:
			if (at == 0)
				p->stack[depth++] = i + 1;
			break;
		case OP_END:
			if (at == len)
				p->stack[depth++] = i + 1;
			break;
		case OP_WORD_EDGE:
			if (is_word_edge(text, len, at))
				p->stack[depth++] = i + 1;
			break;
		case OP_NO_WORD_EDGE:
			if (!is_word_edge(text, len, at))
				p->stack[depth++] = i + 1;
			break;
		}
	}
	return (false);
}

static void
begin_step(struct pattern *p)
{
	int *was = p->now;

	p->now = p->next;
	p->nnow = p->nnext;
	p->next = was;
	p->nnext = 0;
	if (++p->step == 0) {
		memset(p->mark, 0, (size_t)p->n * sizeof(*p->mark));
		p->step = 1;
	}
}

bool
pattern_finds(struct pattern *p, const char *text, size_t len)
{
	size_t at;
	int i;

	p->nnext = 0;
	for (at = 0;; at++) {
		begin_step(p);
		if (p->nnow == 0 && !p->anywhere)
			while (
			    at < len && !p->first.has[(unsigned char)text[at]])
				at++;
		/* the ways so far take the byte before this place */
		for (i = 0; i < p->nnow; i++)
			if (p->ops[p->now[i]]
				.set->has[(unsigned char)text[at - 1]] &&
			    reach(p, p->now[i] + 1, text, len, at))
				return (true);
		if (reach(p, 0, text, len, at))
			return (true);
		if (at >= len)
			return (false);
	}
}

/* With what a match can begin. */
static void
find_first(struct pattern *p)
{
	int i, k;

	for (i = 0; i < p->n; i++)
		if (p->ops[i].kind == OP_BEGIN || p->ops[i].kind == OP_END ||
		    p->ops[i].kind == OP_WORD_EDGE ||
		    p->ops[i].kind == OP_NO_WORD_EDGE)
			p->anywhere = true;
	p->step = 1;
	p->nnext = 0;
	if (p->anywhere || reach(p, 0, "", 0, 0)) {
		p->anywhere = true;
		return;
	}
	for (i = 0; i < p->nnext; i++)
		for (k = 0; k < 256; k++)
			if (p->ops[p->next[i]].set->has[k])
				p->first.has[k] = true;
}

void
pattern_free(struct pattern *p)
{
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < p->nsets; i++)
		free(p->sets[i]);
	free(p->sets);
	free(p->ops);
	free(p->now);
	free(p->next);
	free(p->stack);
	free(p->mark);
	free(p);
}

struct pattern *
pattern_new(const char *text, bool ignore_case, char *err, size_t errlen)
{
	struct pattern *p = xcalloc(1, sizeof(*p));
	size_t n;

	if (pattern_read(p, text, ignore_case, err, errlen) == -1) {
		pattern_free(p);
		return (NULL);
	}
	n = (size_t)p->n;
	p->now = xcalloc(n, sizeof(*p->now));
	p->next = xcalloc(n, sizeof(*p->next));
	p->stack = xcalloc(2 * n + 2, sizeof(*p->stack));
	p->mark = xcalloc(n, sizeof(*p->mark));
	find_first(p);
	return (p);
}
