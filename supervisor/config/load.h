/*
 * Between the files that turn a checked tree into a struct config.
 */

#ifndef SUPERVISOR_CONFIG_LOAD_H
#define SUPERVISOR_CONFIG_LOAD_H

#include "supervisor/config/config.h"
#include "supervisor/config/schema.h"

/* The hardest limits: bytes of a file, agents of a run. */
#define CONFIG_SIZE_MAX   ((size_t)2 * 1024 * 1024)
#define CONFIG_AGENTS_MAX 4096
#define AGENT_ID_MAX      64

/*
 * A scalar of a checked map: its value, or the one given where it is
 * absent.  Strings are borrowed.
 */
const char *tree_string(const struct node *map, const char *key);
double tree_number(const struct node *map, const char *key, double absent);
int tree_int(const struct node *map, const char *key, int absent);
bool tree_bool(const struct node *map, const char *key, bool absent);

/*
 * Replace ${NAME} by the environment in every string of a tree; what was
 * replaced is marked secret.  A name that is not set is reported with the
 * given severity, nothing being reported in a dry run; ${cwd} stays.
 */
void expand_tree(const struct check *, struct node *, const char *location,
    enum severity unset);

/*
 * The NAME of the next "${NAME}" in the text, malloc'd, or NULL; the text
 * then begins behind it.
 */
char *expand_next(const char **text);

/* Why a URL cannot be used, or NULL. */
const char *url_problem(const char *url);

/*
 * The host in a URL that has no problem, malloc'd and without brackets, and
 * its port; 0: it has one that cannot be.
 */
char *url_host(const char *url, int *out_port);

/* Where a host is, as far as its name or address tells. */
enum url_reach {
	REACH_PUBLIC,
	REACH_PRIVATE, /* an address of somebody's own network */
	REACH_LOCAL    /* this machine */
};
enum url_reach url_reach(const char *host);

/* "$XDG_CONFIG_HOME/massgen/NAME", malloc'd, or NULL: there is no home. */
char *config_user_path(const char *name);

/* The tree in a regular file of bounded size, or NULL after an error. */
struct node *tree_parse_file(const struct check *, const char *path);

/* The tree that the command line alone stands for, or NULL, likewise. */
struct node *tree_parse_quick(
    const struct check *, const struct config_overrides *);

/*
 * The table of prices, for the agents that need one: what shipped, over it
 * the user's file, over that "prices" of the tree at root.
 */
#define PRICES_FILE "prices.yaml"
void price_load(const struct check *, struct config *, const struct node *root);

/* An agent under a cost limit has models with prices, or it is an error. */
void price_check_limit(const struct check *check, const struct config *config,
    const struct agent_config *agent, const struct node *node,
    const char *location);

/* The file as JSON for a record of the run: without secrets. */
struct json_object *source_json(const struct node *root);

/*
 * The steps of an agent's script, checked; votes must name one of the
 * agents, and an agent whose script uses tools must have some.  agent may
 * be NULL.  Returns an array, which the caller puts, or NULL.
 */
struct json_object *script_load(const struct check *, struct node *steps,
    const char *location, const struct config *, const struct agent_config *);

/*
 * A backend's keys that belong to a program: agent->program for one of type
 * "command", complaints for the others.
 */
void program_load(const struct check *, const struct config *,
    struct agent_config *, const struct node *backend, const char *location);

/* Before variables are replaced: keys do not belong in a command line. */
void program_check_secrets(
    const struct check *, const struct node *backend, const char *location);

/* What the orchestrator says about the tools of every agent. */
struct common_tools {
	struct json_object *context; /* as context_load's, or NULL */
	enum sandbox sandbox;
	bool planning;
	bool plan_file;
	int max_tasks;
};

void common_tools_load(
    const struct check *, struct common_tools *, struct node *orchestrator);
void common_tools_release(struct common_tools *);

/* agent->tools and all that belongs to them, from its backend. */
void tools_load(const struct check *, const struct common_tools *,
    struct agent_config *, struct node *backend, const char *location);

/* What is said about tools does nothing for a program. */
void tools_check_program(const struct check *, const struct common_tools *,
    const struct node *backend, const char *location);

/* Without the servers that nothing in the agent's script asks for. */
void tools_dry(struct agent_config *);

/* A string that must not be shown, given to an agent's tools. */
void tools_secret(struct agent_config *, const char *);

/*
 * "context" of tools: the entries of a list, behind those of common that
 * are not NULL; their paths exist, and are absolute and without symlinks.
 * NULL: there are none.
 */
struct json_object *context_load(const struct check *, struct node *entries,
    const char *location, struct json_object *common);

/*
 * "command_line" of tools, with the values of the variables that commands
 * are given, or NULL: the agent has none.
 */
struct json_object *command_line_load(const struct check *,
    struct agent_config *, const struct node *backend, const char *location);

/* "mcp" of tools, or NULL: there are no servers. */
struct json_object *mcp_load(const struct check *, struct agent_config *,
    const struct node *backend, const char *location);

/* Fill in one agent, whose id is set, from its part of the tree. */
void agent_load(const struct check *, const struct config *,
    const struct common_tools *, struct agent_config *, struct node *,
    const char *location);

/* Turn an agent into a mock agent, whose script may be NULL (it is taken). */
void agent_mock(struct agent_config *, struct json_object *script);

/* Frees what the agent owns; the agent itself is its array's. */
void agent_release(struct agent_config *);

#endif
