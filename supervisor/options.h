/*
 * The command line as values.
 */

#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <json-c/json.h>

#include "supervisor/config/config.h"

struct options {
	const char *config;
	const char *question; /* from the command line; NULL: none */
	const char *question_file;
	const char *log_root;
	const char *output;
	const char *validate;
	const char *example;
	bool automation;
	bool json;
	bool no_display;
	bool no_logs;
	bool debug;
	bool strict;
	bool list_examples;
	bool version;
	bool help;
	struct config_overrides overrides;
};

/*
 * Strings point into argv.  Returns 0, or -1 with the reason in err; what
 * was understood up to there, and --automation anywhere, is set.
 */
int options_parse(
    struct options *, int argc, char **argv, char *err, size_t errlen);

/*
 * Every option by its name, with underscores: its value, or null or false if
 * it was not given.  The caller puts the object.
 */
struct json_object *options_json(const struct options *);

/* --help. */
void options_usage(FILE *);

#endif
