/* Where a server's redirect may lead.  Pure. */

#ifndef AGENT_WORKER_MCP_REDIRECT_H
#define AGENT_WORKER_MCP_REDIRECT_H

/*
 * The URL that a Location header means, seen from url, if it has the same
 * scheme, host and port: what goes to one server is meant for no other.
 * malloc'd; NULL: another place, or one that is written in a form that no
 * server needs.
 */
char *mcp_redirect(const char *url, const char *location);

#endif
