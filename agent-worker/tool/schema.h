/* JSON Schema of a tool's arguments, put together from literals. */

#ifndef AGENT_WORKER_TOOL_SCHEMA_H
#define AGENT_WORKER_TOOL_SCHEMA_H

/* required: names in quotes, separated by commas, in S_NAME; or "". */
#define S_OBJECT(required, members)                     \
	"{\"type\":\"object\",\"properties\":{" members \
	"},\"required\":[" required "]}"
#define S_NAME(name) "\"" name "\""

/* One member; about is plain text without quotes. */
#define S_MEMBER(name, type, about) \
	"\"" name "\":{\"type\":\"" type "\",\"description\":\"" about "\"}"
#define S_STRING(name, about)  S_MEMBER(name, "string", about)
#define S_INTEGER(name, about) S_MEMBER(name, "integer", about)
#define S_BOOLEAN(name, about) S_MEMBER(name, "boolean", about)
#define S_LIST(name, item, about)                          \
	"\"" name "\":{\"type\":\"array\",\"items\":" item \
	",\"description\":\"" about "\"}"
#define S_STRINGS(name, about) S_LIST(name, "{\"type\":\"string\"}", about)

#endif
