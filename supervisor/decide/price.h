/*
 * What a model call costs: a table of rates and the arithmetic on it.
 * Pure.  A model without a row has no price, which is not a price of 0.
 */

#ifndef SUPERVISOR_DECIDE_PRICE_H
#define SUPERVISOR_DECIDE_PRICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rates of a model: the plain ones, and some for longer inputs. */
#define PRICE_TIERS_MAX 8

/* A rate that is not given; see price_add(). */
#define PRICE_NOT_GIVEN (-1.0)

/* US dollars per million tokens, for a whole call. */
struct price_tier {
	int64_t above; /* for inputs of more tokens than this */
	double input;
	double cached;
	double cache_write;
	double output;
};

struct price {
	char *model;  /* "gpt-5", or of one backend type: "groq/gpt-5" */
	bool shipped; /* with the program, not by the user */
	struct price_tier tiers[PRICE_TIERS_MAX]; /* the first from 0 on */
	size_t ntiers;
};

struct price_table {
	struct price *rows;
	size_t count;
};

/* Tokens of one call. */
struct price_usage {
	int64_t input; /* cached ones and those written to a cache included */
	int64_t cached;
	int64_t cache_write;
	int64_t output; /* reasoning included */
};

/*
 * Add a row for a model, in place of one that there is; its own `model` is
 * not looked at.  Where the rate
 * for cached tokens, or for writing them to a cache, is not given, it is
 * that of input; for longer inputs the rate for writing keeps the ratio to
 * input that it has for short ones.
 */
void price_add(struct price_table *, const char *model, const struct price *);
void price_table_release(struct price_table *);

/*
 * The row of a model at a backend type, or NULL: it has no price.  A row
 * for that type alone comes first, then one for the model, both by the name
 * as it stands and then without a date at its end ("-2026-09-01",
 * "-20260901" or "@20260901").  With local, the model runs on a server of
 * the user's own: rows that shipped tell of providers and do not count.
 */
const struct price *price_find(const struct price_table *, const char *type,
    bool local, const char *model);

/* What a call with this usage costs, in US dollars. */
double price_of(const struct price *, const struct price_usage *);

/* The most that a call of at most so many tokens can cost. */
double price_bound(const struct price *, int64_t input, int64_t output);

#endif
