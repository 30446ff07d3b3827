/* The command line: no tools yet. */

#include "agent-worker/tool/tool.h"

const struct tool_family family_shell = { NULL, NULL, NULL };
