/*
 * What a server's tool is called where a model sees it.  Pure.
 */

#ifndef AGENT_WORKER_MCP_NAMES_H
#define AGENT_WORKER_MCP_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

/* The longest name that all providers take, in bytes. */
#define MCP_NAME_MAX 64

/*
 * "mcp__SERVER__TOOL", where every byte but A-Z a-z 0-9 _ - is "_".  A name
 * that is too long, or that is_taken says another tool has, is cut and ends
 * in eight digits that depend on both names alone.  False: even that one is
 * taken.
 */
bool mcp_name(char out[MCP_NAME_MAX + 1], const char *server, const char *tool,
    bool (*is_taken)(void *arg, const char *name), void *arg);

/*
 * Whether a server's configuration, with its allowed_tools and
 * exclude_tools, wants the tool; both name it with or without the prefix.
 */
bool mcp_is_wanted(
    struct json_object *config, const char *server, const char *tool);

#endif
