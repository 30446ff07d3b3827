/*
 * Between mcp_servers.c, which reads the entries of mcp_servers, and
 * mcp_rules.c, which knows what they must not ask for.
 */

#ifndef SUPERVISOR_CONFIG_MCP_H
#define SUPERVISOR_CONFIG_MCP_H

#include "supervisor/config/load.h"

/* One server on its way from the tree. */
struct mcp_entry {
	const struct check *check;
	struct agent_config *agent;
	const struct node *backend;
	struct node *map;
	const char *location;
	const char *name;
	struct json_object *o;    /* its element of "mcp" */
	struct json_object *argv; /* "command" of it; NULL: by HTTP */
};

/* A problem at a key of the entry. */
void mcp_error(const struct mcp_entry *, const char *key, const char *hint,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Replace the variables in a part of the entry; secret ones are noted. */
void mcp_expand(const struct mcp_entry *, struct node *, const char *key);

/* The rules of "security" about the program, the environment, the address. */
void mcp_check_program(const struct mcp_entry *, const char *program);
void mcp_load_env(const struct mcp_entry *);
void mcp_load_http(const struct mcp_entry *);

#endif
