/*
 * Configurations that stand in a test's text: written to a file, loaded, and
 * what is said about them.
 */

#ifndef TESTS_CONFIG_TEXT_H
#define TESTS_CONFIG_TEXT_H

#include "ipc/xmalloc.h"
#include "supervisor/config/config.h"
#include "tests/json_text.h"
#include "tests/test.h"
#include "tests/unit/scratch.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof(*(a)))

/* One agent, whose backend is still open. */
#define AGENT "agents: [{id: a, backend: {type: mock"

/* Load a text as if it were a file of that name. */
static inline struct config *
load_as(const char *name, const char *text,
    const struct config_overrides *overrides, struct diagnostics *diagnostics)
{
	char *dir = scratch_make(), *path = xasprintf("%s/%s", dir, name);
	struct config *config;

	*diagnostics = (struct diagnostics) { 0 };
	spill(path, text);
	config = config_load(path, overrides, diagnostics);
	unlink(path);
	rmdir(dir);
	free(path);
	free(dir);
	return (config);
}

static const struct config_overrides __attribute__((unused))
run = { .dry_run = false };
static const struct config_overrides __attribute__((unused))
dry = { .dry_run = true };
static const struct config_overrides __attribute__((unused))
look = { .validate_only = true };

static inline struct config *
load(const char *text, struct diagnostics *diagnostics)
{
	return (load_as("c.yaml", text, &look, diagnostics));
}

static inline const struct diagnostic *
find(const struct diagnostics *all, const char *message)
{
	size_t i;

	for (i = 0; i < all->count; i++) {
		if (strstr(all->list[i].message, message) != NULL)
			return (&all->list[i]);
	}
	return (NULL);
}

/* One rule: what a text is told, and where. */
struct rule {
	const char *text;
	const char *message;
	const char *location;   /* or NULL */
	const char *suggestion; /* part of it, or NULL */
};

static inline void
check_rules(const struct rule *rules, size_t n)
{
	struct diagnostics all;
	const struct diagnostic *d;
	struct config *config;
	size_t i;

	for (i = 0; i < n; i++) {
		config = load(rules[i].text, &all);
		d = find(&all, rules[i].message);
		if (!CHECK(config == NULL) || !CHECK(d != NULL)) {
			printf("# for: %s\n", rules[i].text);
			if (all.count > 0)
				printf("# got: %s\n", all.list[0].message);
		} else {
			CHECK_INT(d->severity, SEVERITY_ERROR);
			CHECK(d->line > 0 && d->column > 0);
			if (rules[i].location != NULL)
				CHECK_STR(d->location, rules[i].location);
			if (rules[i].suggestion != NULL)
				CHECK(d->suggestion != NULL &&
				    strstr(d->suggestion,
					rules[i].suggestion) != NULL);
		}
		config_free(config);
		diagnostics_release(&all);
	}
}

#endif
