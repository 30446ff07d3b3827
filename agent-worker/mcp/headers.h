/* The header lines of one request. */

#ifndef AGENT_WORKER_MCP_HEADERS_H
#define AGENT_WORKER_MCP_HEADERS_H

#include <stddef.h>

/* All zero is none.  lines is NULL-terminated once there is one. */
struct headers {
	char **lines;
	size_t n;
};

/*
 * Add one.  The first of a name stays; a name that is no token, and a value
 * that is empty or could end the line, are left out.
 */
void headers_add(struct headers *, const char *name, const char *value);

/*
 * Likewise, with a value that may be anything: what a header cannot carry
 * goes in base64, as the 2026-07-28 specification has it.
 */
void headers_add_coded(struct headers *, const char *name, const char *value);

void headers_release(struct headers *);

#endif
