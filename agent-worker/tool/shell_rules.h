/*
 * Which commands are run at all, by the patterns of the configuration.
 * Advice to a model that means well: whoever wants to gets round a pattern.
 * What holds are the walls.
 */

#ifndef AGENT_WORKER_TOOL_SHELL_RULES_H
#define AGENT_WORKER_TOOL_SHELL_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

/*
 * Whether command may be run: it matches one of `allowed`, if there are any,
 * and none of `blocked`, both arrays of regular expressions or NULL.  They
 * match from the start of the command, not necessarily to its end.  They are
 * POSIX extended ones in which \d, \D and (?: mean what they do in Python.
 * False: why, in err.  A pattern that is none lets nothing through.
 */
bool shell_rules_allow(struct json_object *allowed, struct json_object *blocked,
    const char *command, char *err, size_t errlen);

#endif
