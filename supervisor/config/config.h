/*
 * A run's configuration: what a YAML file and the command line ask for,
 * checked and resolved, so that nothing behind it has to doubt a value.
 */

#ifndef SUPERVISOR_CONFIG_CONFIG_H
#define SUPERVISOR_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

#include "supervisor/decide/price.h"

/* One row per backend type; the table is in preset.c. */
struct preset {
	const char *type;          /* "groq" */
	const char *wire;          /* "chatcompletion"; NULL: not built yet */
	const char *default_model; /* NULL: the user must name one */
	const char *key_env[2];    /* tried in order; NULL: none */
	const char *base_url;      /* may begin with "${VARIABLE}"; NULL: the
				    * user must give one */
	const char *key_default;   /* used when no variable is set: "EMPTY" */
	bool needs_key;
	unsigned int tools; /* PRESET_*: what the provider itself can do */
};

#define PRESET_WEB_SEARCH     0x1
#define PRESET_CODE_EXECUTION 0x2
#define PRESET_MCP            0x4

/* The row of a type, or NULL.  Types are case-sensitive. */
const struct preset *preset_find(const char *type);

/* The i-th row in the order of the types' names, or NULL past the last. */
const struct preset *preset_at(size_t i);

/* The type that a model's name tells, or NULL. */
const char *preset_infer(const char *model);

/*
 * Whose key belongs to a base URL: the row of the provider that owns its
 * host, or NULL for a host that is nobody's.
 */
const struct preset *preset_of_host(const char *base_url);

enum strictness {
	STRICTNESS_LENIENT,
	STRICTNESS_BALANCED,
	STRICTNESS_STRICT
};

/* What has to hold the tools of an agent; the levels are confine(8)'s. */
enum sandbox {
	SANDBOX_AUTO,     /* the strongest level that works here, or none */
	SANDBOX_REQUIRED, /* likewise, but no run without one */
	SANDBOX_OFF
};

struct agent_config {
	char *id;
	char *system_message; /* or NULL */
	const struct preset *preset;
	char *model; /* never NULL; "mock" for a mock agent */
	char *planning_model;
	char *synthesis_model;               /* both NULL unless profiled */
	struct json_object *fallback_models; /* array of names, or NULL */
	bool planning_call;
	struct json_object *profile; /* model_profile as given, or NULL */
	char *base_url;              /* NULL for a mock agent */
	char *api_key;               /* NULL where none is needed */
	struct json_object
	    *params; /* object: what goes to the provider as is */
	struct json_object *program; /* for the wire "command": as the worker
				      * takes it; NULL otherwise */
	struct json_object *script;  /* array: a mock agent's steps, or NULL;
				      * votes name agents by their ids */
	double max_cost_usd;         /* 0: no limit */
	struct json_object *tools;   /* as the worker takes it ("tools" of
				      * init), without what only a run knows;
				      * NULL: the agent has none */
	char *workspace;             /* the name of its folder among the run's
				      * workspaces; NULL without tools */
	enum sandbox sandbox;
	struct json_object *secrets; /* array of what its tools are given that
				      * must not be shown; may be NULL */
};

struct config {
	char *path; /* of the file, or NULL for a built-in one */
	struct agent_config *agents;
	size_t nagents; /* at least one */

	int64_t run_timeout_ms;
	int64_t agent_timeout_ms; /* one attempt at one turn */
	int64_t idle_timeout_ms;
	int max_restarts_per_agent;

	int max_new_answers_per_agent; /* -1: no limit */
	enum strictness voting_sensitivity;
	enum strictness answer_novelty;
	double max_cost_usd;      /* of the run; 0: no limit */
	bool single_agent_direct; /* one agent: no vote, no presentation */
	char **worker_launcher;   /* NULL-terminated argv prefix, or NULL */
	int max_nesting_depth;    /* of runs within this one */
	int max_nested_runs;      /* at once */

	bool planning_mode;         /* tools that act wait for the winner */
	char *planning_instruction; /* in the user's words, or NULL */
	int max_orchestration_restarts;
	char *debug_final_answer; /* for the first evaluation, or NULL */
	bool skip_coordination_rounds;

	struct price_table prices; /* empty where only mock agents run */

	struct json_object *source;   /* the file as parsed, secrets replaced by
				       * "[redacted]"; or NULL */
	struct json_object *cli_args; /* the options of the command line, for
				       * the report; or NULL */
};

/* What the command line says about the configuration. */
struct config_overrides {
	bool dry_run;
	const char *backend; /* these four: a quick run without a file */
	const char *model;
	const char *system_message;
	const char *base_url;
	int64_t run_timeout_ms; /* 0: not given; likewise the next two */
	int64_t agent_timeout_ms;
	double max_cost_usd;
	/*
	 * The file is only looked at: a missing key, or a backend type whose
	 * wire format is not built, is a warning.  The config that comes back
	 * is not fit for a run.
	 */
	bool validate_only;
};

enum severity {
	SEVERITY_WARNING,
	SEVERITY_ERROR
};

struct diagnostic {
	enum severity severity;
	char *file;
	size_t line; /* from 1; 0: no place in a file */
	size_t column;
	char *location; /* "agents[0].backend.type" */
	char *message;
	char *suggestion; /* or NULL */
};

struct diagnostics {
	struct diagnostic *list;
	size_t count;
	size_t errors;
	size_t warnings;
};

void diagnostics_release(struct diagnostics *);

/*
 * One problem in one line without its newline, "file:line:column: message",
 * with "warning: " before a warning's message.  The caller frees it.
 */
char *diagnostic_line(const struct diagnostic *);

/*
 * The forms of --validate: text ("file:line:column: message") or MassGen's
 * JSON object, and the level that holds tools (NULL: there are none).
 * Returns whether the configuration may be used: no error, and with strict
 * no warning either.
 */
bool diagnostics_print(const struct diagnostics *, FILE *, bool json,
    bool strict, const char *sandbox);

/*
 * Where a configuration is: arg is a path, "@examples/NAME", or NULL for
 * the default places.  Returns a malloc'd path, or NULL and, in err, why;
 * NULL with an empty err: arg was NULL and there is no default file.
 */
char *config_find(const char *arg, char *err, size_t errlen);

/*
 * Read and check the file at path; path NULL means overrides alone: a quick
 * run, or the built-in two-agent dry run.  All problems go to diagnostics.
 * Returns NULL if there was an error.  Keys are looked up in the
 * environment; with dry_run every agent is a mock agent and none is needed.
 */
struct config *config_load(
    const char *path, const struct config_overrides *, struct diagnostics *);

void config_free(struct config *);

/*
 * Put an agent's workspace, which only a run knows, in the place of "${cwd}"
 * in every string of what its servers of tools are given ("mcp" of tools).
 */
void config_name_workspace(struct json_object *mcp, const char *dir);

/* Whether a key or a variable of that name holds a secret: "X_API_KEY". */
bool config_names_secret(const char *name);

/* Whether the agent's models run on a server of the user's own. */
bool agent_is_local(const struct agent_config *);

/* The price of a model for an agent, or NULL: it has none. */
const struct price *config_price(
    const struct config *, const struct agent_config *, const char *model);

/*
 * The shipped configurations: print their names, one a line, each good for
 * "@examples/NAME"; print one.  0, or -1 and the reason in err.
 */
int examples_list(FILE *, char *err, size_t errlen);
int examples_print(const char *name, FILE *, char *err, size_t errlen);

#endif
