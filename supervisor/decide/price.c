/* What a model call costs. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/decide/price.h"

#define MILLION 1e6

/*
 * Sums of rounded products differ in their last bits from the one product
 * that bounds them.
 */
#define ROUNDING (1 + 1e-12)

static void
complete(struct price *p)
{
	const struct price_tier *plain = &p->tiers[0];
	double ratio = 1;
	size_t i;

	if (plain->cache_write >= 0 && plain->input > 0)
		ratio = plain->cache_write / plain->input;
	for (i = 0; i < p->ntiers; i++) {
		struct price_tier *t = &p->tiers[i];

		if (t->cached < 0)
			t->cached = t->input;
		if (t->cache_write < 0)
			t->cache_write = t->input * ratio;
	}
}

static struct price *
row_named(const struct price_table *table, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < table->count; i++)
		if (strncmp(table->rows[i].model, name, len) == 0 &&
		    table->rows[i].model[len] == '\0')
			return (&table->rows[i]);
	return (NULL);
}

void
price_add(struct price_table *table, const char *model, const struct price *row)
{
	struct price *p = row_named(table, model, strlen(model));

	if (p == NULL) {
		table->rows = xreallocarray(
		    table->rows, table->count + 1, sizeof(*table->rows));
		p = &table->rows[table->count++];
		p->model = xstrdup(model);
	}
	memcpy(p->tiers, row->tiers, sizeof(p->tiers));
	p->ntiers = row->ntiers;
	p->shipped = row->shipped;
	complete(p);
}

void
price_table_release(struct price_table *table)
{
	size_t i;

	for (i = 0; i < table->count; i++)
		free(table->rows[i].model);
	free(table->rows);
	memset(table, 0, sizeof(*table));
}

/* Whether s has the form of a pattern, in which 0 stands for any digit. */
static bool
is_like(const char *s, const char *pattern)
{
	for (; *pattern != '\0'; s++, pattern++)
		if (*pattern == '0' ? !isdigit((unsigned char)*s)
				    : *s != *pattern)
			return (false);
	return (*s == '\0');
}

/* The length of a model's name without a date at its end. */
static size_t
undated(const char *model)
{
	static const char *const forms[] = { "-0000-00-00", "-00000000",
		"@00000000" };
	size_t i, n, len = strlen(model);

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		n = strlen(forms[i]);
		if (len > n && is_like(model + len - n, forms[i]) &&
		    strncmp(model + len - n + 1, "20", 2) == 0)
			return (len - n);
	}
	return (len);
}

static const struct price *
row_that_counts(
    const struct price_table *table, bool local, const char *name, size_t len)
{
	const struct price *p = row_named(table, name, len);

	return (p != NULL && local && p->shipped ? NULL : p);
}

const struct price *
price_find(const struct price_table *table, const char *type, bool local,
    const char *model)
{
	char *full = xasprintf("%s/%s", type, model);
	const char *plain = full + strlen(type) + 1;
	size_t head = (size_t)(plain - full), len = strlen(model);
	const struct price *p = NULL;

	while (len > 0) {
		p = row_that_counts(table, local, full, head + len);
		if (p == NULL)
			p = row_that_counts(table, local, plain, len);
		if (p != NULL || len == undated(model))
			break;
		len = undated(model);
	}
	free(full);
	return (p);
}

static const struct price_tier *
tier_for(const struct price *p, int64_t input)
{
	const struct price_tier *best = &p->tiers[0];
	size_t i;

	for (i = 1; i < p->ntiers; i++)
		if (input > p->tiers[i].above &&
		    p->tiers[i].above >= best->above)
			best = &p->tiers[i];
	return (best);
}

static double
not_negative(int64_t n)
{
	return (n < 0 ? 0 : (double)n);
}

static double
larger(double a, double b)
{
	return (a > b ? a : b);
}

double
price_of(const struct price *p, const struct price_usage *u)
{
	const struct price_tier *t = tier_for(p, u->input);
	double cached = not_negative(u->cached);
	double written = not_negative(u->cache_write);
	double rest = larger(0, not_negative(u->input) - cached - written);

	return (
	    (rest * t->input + cached * t->cached + written * t->cache_write +
		not_negative(u->output) * t->output) /
	    MILLION);
}

double
price_bound(const struct price *p, int64_t input, int64_t output)
{
	double most = 0, rate;
	size_t i;

	/* the call may come out shorter, and longer ones need not cost more */
	for (i = 0; i < p->ntiers; i++) {
		const struct price_tier *t = &p->tiers[i];

		if (i > 0 && input <= t->above)
			continue;
		rate = larger(t->input, larger(t->cached, t->cache_write));
		most = larger(most,
		    not_negative(input) * rate +
			not_negative(output) * t->output);
	}
	return (most / MILLION * ROUNDING);
}
