/*
 * What makes one text another: the greedy algorithm of E. Myers, "An O(ND)
 * Difference Algorithm and Its Variations" (1986), up to a number of changes.
 */

#include <stdlib.h>
#include <string.h>

#include "agent-worker/tool/diff.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"

#define CHANGES_MAX 1500   /* lines added and removed that are looked for */
#define LINES_MAX   200000 /* of either text */
#define SHOWN_MAX   2000   /* bytes of a line */
#define CONTEXT_MAX 1000

struct line {
	const char *text;
	size_t len; /* with its newline */
	uint64_t hash;
};

struct side {
	struct line *lines;
	bool *changed;
	size_t n;
};

static void
split(const struct buf *b, struct side *s)
{
	const char *p = b->len == 0 ? "" : b->data, *end = p + b->len, *newline;
	size_t size = 0, i;
	struct line *l;

	memset(s, 0, sizeof(*s));
	while (p < end) {
		if (s->n == size) {
			size = size == 0 ? 64 : 2 * size;
			s->lines =
			    xreallocarray(s->lines, size, sizeof(*s->lines));
		}
		newline = s->n + 1 == LINES_MAX
		    ? NULL
		    : memchr(p, '\n', (size_t)(end - p));
		l = &s->lines[s->n++];
		l->text = p;
		l->len = (size_t)((newline == NULL ? end : newline + 1) - p);
		l->hash = 14695981039346656037u;
		for (i = 0; i < l->len; i++)
			l->hash =
			    (l->hash ^ (unsigned char)p[i]) * 1099511628211u;
		p += l->len;
	}
	s->changed = xcalloc(s->n + 1, sizeof(*s->changed));
}

static bool
same(const struct line *a, const struct line *b)
{
	return (a->hash == b->hash && a->len == b->len &&
	    memcmp(a->text, b->text, a->len) == 0);
}

/* --- which lines --- */

/* What is left of both when the same beginning and end are taken off. */
struct middle {
	const struct line *a;
	const struct line *b;
	long na;
	long nb;
	bool *gone;
	bool *new;
	long **trace; /* of each number of changes: how far each diagonal is */
};

static bool
is_down(const long *far, long d, long k)
{
	return (k == -d || (k != d && far[k - 1] < far[k + 1]));
}

/* One more change on every diagonal; whether that is the end. */
static bool
extend(const struct middle *m, long *far, long d)
{
	long k, x;

	for (k = -d; k <= d; k += 2) {
		x = is_down(far, d, k) ? far[k + 1] : far[k - 1] + 1;
		while (
		    x < m->na && x - k < m->nb && same(&m->a[x], &m->b[x - k]))
			x++;
		far[k] = x;
		if (x >= m->na && x - k >= m->nb)
			return (true);
	}
	return (false);
}

/* The way back from the end marks what was changed. */
static void
mark(const struct middle *m, long d)
{
	long x = m->na, y = m->nb, k;
	const long *far;
	bool down;

	for (; d > 0; d--) {
		far = m->trace[d] + d + 1;
		k = x - y;
		down = is_down(far, d, k);
		x = down ? far[k + 1] : far[k - 1];
		y = x - (down ? k + 1 : k - 1);
		if (down)
			m->new[y] = true;
		else
			m->gone[x] = true;
	}
}

static void
mark_all(const struct middle *m)
{
	memset(m->gone, 1, (size_t)m->na * sizeof(*m->gone));
	memset(m->new, 1, (size_t)m->nb * sizeof(*m->new));
}

static void
compare_middle(struct middle *m)
{
	long *far = xcalloc(2 * CHANGES_MAX + 3, sizeof(*far)), d, last = -1;
	long *centre = far + CHANGES_MAX + 1;

	m->trace = xcalloc(CHANGES_MAX + 1, sizeof(*m->trace));
	for (d = 0; d <= CHANGES_MAX && last == -1; d++) {
		m->trace[d] = xcalloc(2 * (size_t)d + 3, sizeof(**m->trace));
		memcpy(m->trace[d], centre - d - 1,
		    (2 * (size_t)d + 3) * sizeof(**m->trace));
		if (extend(m, centre, d))
			last = d;
	}
	if (last == -1)
		mark_all(m);
	else
		mark(m, last);
	for (d = 0; d <= CHANGES_MAX; d++)
		free(m->trace[d]);
	free(m->trace);
	free(far);
}

static void
compare(struct side *a, struct side *b)
{
	size_t head = 0, tail = 0;
	struct middle m;

	while (head < a->n && head < b->n &&
	    same(&a->lines[head], &b->lines[head]))
		head++;
	while (tail < a->n - head && tail < b->n - head &&
	    same(&a->lines[a->n - tail - 1], &b->lines[b->n - tail - 1]))
		tail++;
	m = (struct middle) { .a = a->lines + head,
		.b = b->lines + head,
		.na = (long)(a->n - head - tail),
		.nb = (long)(b->n - head - tail),
		.gone = a->changed + head,
		.new = b->changed + head };
	if (m.na == 0 || m.nb == 0)
		mark_all(&m);
	else
		compare_middle(&m);
}

/* --- what is told of them --- */

struct telling {
	struct buf *out;
	size_t left; /* lines that may be told */
	bool cut;
};

static void
tell(struct telling *t, char sign, const struct line *l)
{
	bool ends = l->len > 0 && l->text[l->len - 1] == '\n';
	size_t len = l->len - (ends ? 1 : 0), shown;

	if (t->left == 0) {
		t->cut = true;
		return;
	}
	t->left--;
	shown = utf8_prefix(l->text, len, SHOWN_MAX);
	buf_add(t->out, &sign, 1);
	buf_add(t->out, l->text, shown);
	if (shown < len)
		buf_addf(t->out, "[... %zu bytes more]", len - shown);
	buf_adds(t->out, ends ? "\n" : "\n\\ No newline at end of file\n");
}

/* A place in both texts. */
struct place {
	size_t a;
	size_t b;
};

static bool
is_change(const struct side *a, const struct side *b, struct place p)
{
	return (
	    (p.a < a->n && a->changed[p.a]) || (p.b < b->n && b->changed[p.b]));
}

/* Where the changes that begin there end, with what lies between them. */
static struct place
find_end(
    const struct side *a, const struct side *b, struct place p, size_t context)
{
	struct place q;
	size_t run;

	for (;;) {
		while (p.a < a->n && a->changed[p.a])
			p.a++;
		while (p.b < b->n && b->changed[p.b])
			p.b++;
		q = p;
		run = 0;
		while (run <= 2 * context && q.a < a->n && q.b < b->n &&
		    !is_change(a, b, q)) {
			q.a++;
			q.b++;
			run++;
		}
		if (run > 2 * context || !is_change(a, b, q))
			break;
		p = q;
	}
	run = run < context ? run : context;
	p.a += run;
	p.b += run;
	return (p);
}

static void
tell_hunk(struct telling *t, const struct side *a, const struct side *b,
    struct place from, struct place to)
{
	size_t na = to.a - from.a, nb = to.b - from.b;

	if (t->left == 0) {
		t->cut = true;
		return;
	}
	t->left--;
	buf_addf(t->out, "@@ -%zu,%zu +%zu,%zu @@\n", from.a + (na > 0 ? 1 : 0),
	    na, from.b + (nb > 0 ? 1 : 0), nb);
	while (from.a < to.a || from.b < to.b) {
		if (from.a < to.a && a->changed[from.a]) {
			tell(t, '-', &a->lines[from.a++]);
		} else if (from.b < to.b && b->changed[from.b]) {
			tell(t, '+', &b->lines[from.b++]);
		} else {
			tell(t, ' ', &a->lines[from.a++]);
			from.b++;
		}
	}
}

static void
tell_hunks(struct telling *t, const struct side *a, const struct side *b,
    size_t context)
{
	struct place p = { 0, 0 }, from, to;
	size_t before;

	while (p.a < a->n || p.b < b->n) {
		if (!is_change(a, b, p)) {
			p.a++;
			p.b++;
			continue;
		}
		before = p.a < context ? p.a : context;
		before = p.b < before ? p.b : before;
		from = (struct place) { p.a - before, p.b - before };
		to = find_end(a, b, p, context);
		tell_hunk(t, a, b, from, to);
		p = to;
	}
}

static size_t
count(const struct side *s)
{
	size_t i, n = 0;

	for (i = 0; i < s->n; i++)
		n += s->changed[i] ? 1 : 0;
	return (n);
}

void
diff_unified(struct buf *out, const struct diff_want *want,
    const struct buf *from, const struct buf *to, struct diff_sum *sum)
{
	int64_t context = want->context < 0 ? 0 : want->context;
	struct telling t = { out, want->max_lines, false };
	struct side a, b;

	memset(sum, 0, sizeof(*sum));
	if (from->len == to->len &&
	    (to->len == 0 || memcmp(from->data, to->data, to->len) == 0))
		return;
	split(from, &a);
	split(to, &b);
	compare(&a, &b);
	sum->removed = count(&a);
	sum->added = count(&b);
	buf_addf(out, "--- %s\n+++ %s\n", want->from, want->to);
	tell_hunks(&t, &a, &b,
	    (size_t)(context > CONTEXT_MAX ? CONTEXT_MAX : context));
	sum->cut = t.cut;
	if (t.cut)
		buf_addf(out, "[cut after %zu lines]\n", want->max_lines);
	free(a.lines);
	free(a.changed);
	free(b.lines);
	free(b.changed);
}
