/* supervisor/decide/price: hand-calculated costs, and whose price it is. */

#include <math.h>

#include "supervisor/decide/price.h"
#include "tests/test.h"

#define NONE PRICE_NOT_GIVEN

static struct price_table table;

static void
fill(void)
{
	static const struct {
		const char *model;
		bool shipped;
		size_t ntiers;
		struct price_tier tiers[3];
	} rows[] = {
		/* clang-format off */
		{ "plain", true, 1, { { 0, 2, NONE, NONE, 10 } } },
		{ "cached", true, 1, { { 0, 2, 0.2, 2.5, 10 } } },
		{ "long", true, 2, { { 0, 2, 0.2, 2.5, 10 },
		    { 272000, 4, 0.4, NONE, 15 } } },
		{ "tiers", true, 3, { { 0, 1, 0.1, NONE, 5 },
		    { 256000, 6, 0.6, NONE, 60 },
		    { 32000, 1.8, NONE, NONE, 9 } } },
		{ "dear-when-short", true, 2, { { 0, 9, NONE, NONE, 90 },
		    { 10, 1, NONE, NONE, 1 } } },
		{ "gpt-6", true, 1, { { 0, 1, NONE, NONE, 1 } } },
		{ "gpt-6-sol", true, 1, { { 0, 2, NONE, NONE, 2 } } },
		{ "gpt-6-sol-2026-05-01", true, 1,
		    { { 0, 3, NONE, NONE, 3 } } },
		{ "groq/gpt-6", true, 1, { { 0, 4, NONE, NONE, 4 } } },
		{ "mine", false, 1, { { 0, 5, NONE, NONE, 5 } } },
		{ "free", false, 1, { { 0, 0, NONE, NONE, 0 } } },
		/* clang-format on */
	};
	size_t i;

	price_table_release(&table);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct price row = { .shipped = rows[i].shipped,
			.ntiers = rows[i].ntiers };

		memcpy(row.tiers, rows[i].tiers, sizeof(rows[i].tiers));
		price_add(&table, rows[i].model, &row);
	}
}

static const struct price *
find(const char *model)
{
	return (price_find(&table, "openai", false, model));
}

/* The literals are worked out by hand. */
TEST(costs)
{
	static const struct {
		const char *model;
		struct price_usage usage;
		double cost;
	} rows[] = {
		/* 1000 * 2 + 100 * 10 = 3000 millionths */
		{ "plain", { 1000, 0, 0, 100 }, 0.003 },
		/* no rate for cached tokens: they are input */
		{ "plain", { 1000, 600, 0, 100 }, 0.003 },
		{ "plain", { 1000, 0, 600, 100 }, 0.003 },
		/* 400 * 2 + 600 * 0.2 + 100 * 10 = 1920 */
		{ "cached", { 1000, 600, 0, 100 }, 0.00192 },
		/* 100 * 2 + 600 * 0.2 + 300 * 2.5 + 100 * 10 = 2070 */
		{ "cached", { 1000, 600, 300, 100 }, 0.00207 },
		/* at the threshold, and one above: the whole call */
		{ "long", { 272000, 0, 0, 1000 }, 0.554 },
		{ "long", { 272001, 0, 0, 1000 }, 1.103004 },
		/* 100001*4 + 172000*0.4 + 1000*15 = 483804 */
		{ "long", { 272001, 172000, 0, 1000 }, 0.483804 },
		/* writing keeps its ratio: 272001 * 5 = 1360005 */
		{ "long", { 272001, 0, 272001, 0 }, 1.360005 },
		{ "tiers", { 32000, 0, 0, 0 }, 0.032 },
		{ "tiers", { 100000, 50000, 0, 0 }, 0.18 },
		{ "tiers", { 300000, 0, 0, 1 }, 1.80006 },
		{ "free", { 1000000, 10, 10, 1000000 }, 0 },
		{ "plain", { 0, 0, 0, 0 }, 0 },
		/* nonsense costs nothing below nothing */
		{ "cached", { -5, -5, -5, -5 }, 0 },
		{ "cached", { 100, 200, 0, 0 }, 0.00004 },
	};
	size_t i;

	fill();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double got = price_of(find(rows[i].model), &rows[i].usage);

		if (!CHECK(fabs(got - rows[i].cost) < 1e-15))
			printf("# row %zu: %.17g\n", i, got);
	}
}

TEST(names)
{
	static const struct {
		const char *type;
		const char *model;
		double input; /* by which the row is known; -1: none */
	} rows[] = {
		{ "openai", "gpt-6", 1 },
		{ "openai", "gpt-6-sol", 2 },
		{ "openai", "gpt-6-sol-2026-05-01", 3 },
		{ "openai", "gpt-6-sol-2026-09-01", 2 },
		{ "openai", "gpt-6-sol-20260901", 2 },
		{ "openai", "gpt-6-sol@20260901", 2 },
		{ "openai", "gpt-6-2026-09-01", 1 },
		{ "groq", "gpt-6", 4 },
		{ "groq", "gpt-6-2026-09-01", 4 },
		{ "groq", "gpt-6-sol", 2 },
		/* what only begins alike is another model */
		{ "openai", "gpt-6-sol-mini", -1 },
		{ "openai", "gpt-6-sol-mini-2026-09-01", -1 },
		{ "openai", "gpt-6-sol-2026-09-01-x", -1 },
		{ "openai", "gpt-6-sol-0901", -1 },
		{ "openai", "gpt-6-sol-99990901", -1 },
		{ "openai", "gpt-6-so", -1 },
		{ "openai", "GPT-6", -1 },
		{ "openai", "", -1 },
		{ "openai", "-20260901", -1 },
		{ "openai", "groq/gpt-6", 4 },
	};
	size_t i;

	fill();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct price *p =
		    price_find(&table, rows[i].type, false, rows[i].model);
		double got = p == NULL ? -1 : p->tiers[0].input;

		if (!CHECK(got >= rows[i].input && got <= rows[i].input))
			printf("# %s: %g\n", rows[i].model, got);
	}
}

TEST(a_server_of_ones_own_has_ones_own_prices)
{
	fill();
	CHECK(price_find(&table, "vllm", true, "gpt-6") == NULL);
	CHECK(price_find(&table, "vllm", true, "mine") != NULL);
	CHECK(price_find(&table, "vllm", true, "mine-2026-01-01") != NULL);
}

TEST(a_later_row_replaces_the_earlier)
{
	static const struct price row = { .ntiers = 1,
		.tiers = { { 0, 7, NONE, NONE, 7 } } };
	size_t count;

	fill();
	count = table.count;
	price_add(&table, "gpt-6", &row);
	CHECK_INT(table.count, count);
	CHECK_INT(find("gpt-6")->tiers[0].input, 7);
	CHECK_INT(find("gpt-6")->tiers[0].cached, 7);
	CHECK(price_find(&table, "vllm", true, "gpt-6") != NULL);
}

/* No usage within the bounds costs more, also by the last bit. */
TEST(bounds_hold)
{
	static const int64_t sizes[] = { 0, 1, 9, 10, 11, 1000, 31999, 32000,
		32001, 256001, 272000, 272001, 500000 };
	size_t n = sizeof(sizes) / sizeof(sizes[0]), i, j, part, row;

	fill();
	for (row = 0; row < table.count; row++)
		for (i = 0; i < n; i++)
			for (j = 0; j <= i; j++)
				for (part = 0; part < 9; part++) {
					struct price_usage u = { sizes[j],
						sizes[j] * (int64_t)part / 8,
						sizes[j] * (int64_t)(8 - part) /
						    11,
						sizes[j] };

					CHECK(price_of(&table.rows[row], &u) <=
					    price_bound(&table.rows[row],
						sizes[i], sizes[i]));
				}
	CHECK(price_bound(find("plain"), 1000, 100) < 0.003 * (1 + 1e-9));
	CHECK(price_bound(find("dear-when-short"), 20, 0) > 0.00017);
}

TEST(an_empty_table_has_no_prices)
{
	price_table_release(&table);
	CHECK(find("gpt-6") == NULL);
	price_table_release(&table);
}
