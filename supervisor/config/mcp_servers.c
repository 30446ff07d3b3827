/* Servers of tools that speak the Model Context Protocol. */

#include "supervisor/config/load.h"

struct json_object *
mcp_load(const struct check *check, struct agent_config *agent,
    struct node *servers, const char *location)
{
	(void)check;
	(void)agent;
	(void)servers;
	(void)location;
	return (NULL);
}
