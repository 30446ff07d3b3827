/* MCP servers: no tools yet. */

#include "agent-worker/tool/tool.h"

const struct tool_family family_mcp = { NULL, NULL, NULL };
