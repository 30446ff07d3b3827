/* Its tools: none yet. */

#include "agent-worker/tool/tool.h"

const struct tool_family family_files = { NULL, NULL, NULL };
