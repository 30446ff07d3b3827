/* The command line as values: one table for parsing and for --help. */

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/buf.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/options.h"

#define DEFAULT_LOG_ROOT ".massgen/massgen_logs"
#define SECONDS_MAX      1e9
#define USD_MAX          1e9

enum kind {
	FLAG,
	TEXT,
	SECONDS,
	USD
};

#define OPTION(name, argument, kind, member, help)                           \
	{                                                                    \
		name, argument, kind, offsetof(struct options, member), help \
	}

static const struct option_row {
	const char *name;
	const char *argument; /* NULL: none */
	enum kind kind;
	size_t off;
	const char *help;
} table[] = {
	OPTION("config", "FILE", TEXT, config,
	    "YAML configuration, or @examples/NAME"),
	OPTION("question-file", "FILE", TEXT, question_file,
	    "read the question from FILE"),
	OPTION("automation", NULL, FLAG, automation,
	    "output for programs: few lines, in order"),
	OPTION("json", NULL, FLAG, json,
	    "one JSON object per event on standard output"),
	OPTION("no-display", NULL, FLAG, no_display,
	    "show the final answer alone"),
	OPTION("dry-run", NULL, FLAG, overrides.dry_run,
	    "scripted agents: no network, no key"),
	OPTION("backend", "TYPE", TEXT, overrides.backend,
	    "a quick run without a configuration file"),
	OPTION(
	    "model", "NAME", TEXT, overrides.model, "model of the quick run"),
	OPTION("system-message", "TEXT", TEXT, overrides.system_message,
	    "system message of the quick run"),
	OPTION("base-url", "URL", TEXT, overrides.base_url,
	    "server of the quick run"),
	OPTION("orchestrator-timeout", "SECONDS", SECONDS,
	    overrides.run_timeout_ms, "limit of the whole run"),
	OPTION("agent-timeout", "SECONDS", SECONDS, overrides.agent_timeout_ms,
	    "limit of one attempt at one turn"),
	OPTION("max-cost", "USD", USD, overrides.max_cost_usd,
	    "limit of what the run may cost"),
	OPTION("log-root", "DIR", TEXT, log_root, "folder of run directories"),
	OPTION("output", "FILE", TEXT, output,
	    "also write the answer there; -o for short"),
	OPTION("no-logs", NULL, FLAG, no_logs, "write no massgen.log"),
	OPTION("debug", NULL, FLAG, debug, "log every message, also on stderr"),
	OPTION("validate", "FILE", TEXT, validate,
	    "check a configuration and exit"),
	OPTION("strict", NULL, FLAG, strict,
	    "with --validate: a warning fails too"),
	OPTION("list-examples", NULL, FLAG, list_examples,
	    "list the shipped configurations"),
	OPTION(
	    "example", "NAME", TEXT, example, "print a shipped configuration"),
	OPTION("version", NULL, FLAG, version, "print the version"),
	OPTION("help", NULL, FLAG, help, "print this text"),
};
#define OPTIONS (sizeof(table) / sizeof(table[0]))

#define MEMBER(o, row, type) ((type *)(void *)((char *)(o) + (row)->off))

/* A positive finite number up to max, all of text. */
static bool
parse_number(const char *text, double max, double *out)
{
	char *end;

	errno = 0;
	*out = strtod(text, &end);
	return (errno == 0 && end != text && *end == '\0' && isfinite(*out) &&
	    *out > 0 && *out <= max);
}

static int
apply(struct options *o, const struct option_row *row, const char *value,
    char *err, size_t errlen)
{
	double number;

	switch (row->kind) {
	case FLAG:
		*MEMBER(o, row, bool) = true;
		return (0);
	case TEXT:
		*MEMBER(o, row, const char *) = value;
		return (0);
	case SECONDS:
		if (parse_number(value, SECONDS_MAX, &number) &&
		    number >= 0.001) {
			*MEMBER(o, row, int64_t) = (int64_t)(number * 1000);
			return (0);
		}
		break;
	case USD:
		if (parse_number(value, USD_MAX, &number)) {
			*MEMBER(o, row, double) = number;
			return (0);
		}
		break;
	}
	snprintf(err, errlen, "--%s: \"%.60s\" is not a positive number",
	    row->name, value);
	return (-1);
}

static const struct option_row *
row_of(const char *name)
{
	size_t i;

	for (i = 0; i < OPTIONS; i++)
		if (strcmp(table[i].name, name) == 0)
			return (&table[i]);
	return (NULL);
}

/* A caller who asked for parseable output gets it for a bad option too. */
static void
look_ahead(struct options *o, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		o->automation |= strcmp(argv[i], "--automation") == 0;
		o->json |= strcmp(argv[i], "--json") == 0;
	}
}

static int
check(const struct options *o, int rest, char *err, size_t errlen)
{
	const struct config_overrides *c = &o->overrides;

	if (rest > 1)
		snprintf(err, errlen,
		    "more than one question: put it in "
		    "quotes");
	else if (o->question != NULL && o->question_file != NULL)
		snprintf(err, errlen, "a question and --question-file");
	else if (o->config != NULL &&
	    (c->backend != NULL || c->model != NULL ||
		c->system_message != NULL || c->base_url != NULL))
		snprintf(err, errlen,
		    "--config, and an option of a quick run "
		    "(--backend, --model, --system-message, --base-url)");
	else if (c->backend == NULL && c->model == NULL &&
	    (c->system_message != NULL || c->base_url != NULL))
		snprintf(err, errlen,
		    "--system-message and --base-url go with --backend or "
		    "--model");
	else if (*o->log_root == '\0' ||
	    (o->output != NULL && *o->output == '\0'))
		snprintf(err, errlen, "--log-root or --output is empty");
	else if (o->strict && o->validate == NULL)
		snprintf(err, errlen, "--strict goes with --validate");
	else
		return (0);
	return (-1);
}

int
options_parse(
    struct options *o, int argc, char **argv, char *err, size_t errlen)
{
	struct option longopts[OPTIONS + 1];
	const struct option_row *row;
	int ch, index;
	size_t i;

	memset(o, 0, sizeof(*o));
	o->log_root = DEFAULT_LOG_ROOT;
	look_ahead(o, argc, argv);
	memset(longopts, 0, sizeof(longopts));
	for (i = 0; i < OPTIONS; i++) {
		longopts[i].name = table[i].name;
		longopts[i].has_arg =
		    table[i].argument == NULL ? no_argument : required_argument;
	}
	opterr = 0;
	while ((ch = getopt_long(argc, argv, ":o:", longopts, &index)) != -1) {
		if (ch == '?' || ch == ':') {
			snprintf(err, errlen,
			    ch == ':' ? "%.80s needs an argument"
				      : "unknown option %.80s",
			    argv[optind - 1]);
			return (-1);
		}
		row = ch == 'o' ? row_of("output") : &table[index];
		if (apply(o, row, optarg, err, errlen) == -1)
			return (-1);
	}
	if (optind < argc)
		o->question = argv[optind];
	return (check(o, argc - optind, err, errlen));
}

/* An argument may be any bytes, JSON takes text only. */
static struct json_object *
text_value(const char *text)
{
	struct json_object *o;
	struct buf b = BUF_INITIALIZER;

	if (text == NULL)
		return (NULL);
	utf8_clean(&b, text, strlen(text));
	o = json_object_new_string_len(b.len == 0 ? "" : b.data, (int)b.len);
	buf_release(&b);
	return (o);
}

static struct json_object *
number_value(double number)
{
	return (number > 0 ? json_object_new_double(number) : NULL);
}

static struct json_object *
value_of(const struct options *o, const struct option_row *row)
{
	const char *at = (const char *)o + row->off;

	switch (row->kind) {
	case FLAG:
		return (json_object_new_boolean(*(const bool *)at));
	case TEXT:
		return (text_value(*(const char *const *)(const void *)at));
	case SECONDS:
		return (number_value(
		    (double)*(const int64_t *)(const void *)at / 1000));
	case USD:
		return (number_value(*(const double *)(const void *)at));
	}
	return (NULL);
}

struct json_object *
options_json(const struct options *o)
{
	struct json_object *all = json_object_new_object();
	char *name, *p;
	size_t i;

	for (i = 0; i < OPTIONS; i++) {
		name = xstrdup(table[i].name);
		for (p = name; (p = strchr(p, '-')) != NULL;)
			*p = '_';
		json_object_object_add(all, name, value_of(o, &table[i]));
		free(name);
	}
	return (all);
}

void
options_usage(FILE *fp)
{
	char left[64];
	size_t i;

	fprintf(fp,
	    "usage: massgen [options] \"question\"\n"
	    "Several agents work on one question and vote for the best "
	    "answer.\n\n");
	for (i = 0; i < OPTIONS; i++) {
		snprintf(left, sizeof(left), "--%s%s%s", table[i].name,
		    table[i].argument == NULL ? "" : " ",
		    table[i].argument == NULL ? "" : table[i].argument);
		fprintf(fp, "  %-32s %s\n", left, table[i].help);
	}
	fprintf(fp,
	    "\nA question of - is read from standard input.\n"
	    "massgen gc [DIR] cleans up behind runs that were killed.  "
	    "See massgen(1).\n");
}
