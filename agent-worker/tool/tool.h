/*
 * What a model can do besides deciding: the toolbox of one agent, which
 * lives as long as its process.  Families of tools put what they have into
 * it; turn.c shows it to the model.
 */

#ifndef AGENT_WORKER_TOOL_TOOL_H
#define AGENT_WORKER_TOOL_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#include "agent-worker/agent.h"
#include "agent-worker/tool/walls.h"
#include "ipc/buf.h"

struct toolbox;

struct tool_result {
	struct buf text; /* what the model is told */
	bool is_error;
};

/*
 * Carry out one call; arguments is a JSON object.  arg is what the tool was
 * put in with.  Whatever takes time waits with agent_wait.  False: the turn
 * is over, nobody wants the result any more.
 */
typedef bool tool_run_fn(struct toolbox *, void *arg,
    struct json_object *arguments, struct tool_result *);

/* A tool whose parameters are known at compile time. */
struct tool_row {
	const char *name;
	const char *description;
	const char *schema; /* JSON Schema of the arguments, as text */
	tool_run_fn *run;
};

struct tool {
	char *name;
	char *description;
	struct json_object *schema;
	tool_run_fn *run;
	void *arg;
	bool foreign; /* of a server: what it does is not known here */
};

enum tool_family_id {
	FAMILY_SNAPSHOT, /* no tool: the workspace's state */
	FAMILY_FILES,
	FAMILY_SHELL,
	FAMILY_PLAN,
	FAMILY_MCP,
};
#define TOOL_FAMILIES (FAMILY_MCP + 1)

struct toolbox {
	struct agent *agent;
	struct json_object *config; /* "tools" of init; borrowed */
	struct walls walls;
	struct tool *tools;
	size_t ntools;
	unsigned int changes;       /* of what is in it, so far */
	void *state[TOOL_FAMILIES]; /* each family's own */
};

/* Each member may be NULL.  A family whose tools are not wanted adds none. */
struct tool_family {
	void (*open)(struct toolbox *);    /* once */
	void (*prepare)(struct toolbox *); /* before each turn; may take time */
	void (*ahead)(struct toolbox *);   /* while the model thinks */
	void (*close)(struct toolbox *);   /* once: everything of it ends */
};

/* NULL: the agent has no tools. */
struct toolbox *toolbox_new(struct agent *, struct json_object *config);
void toolbox_free(struct toolbox *);

/* Make ready for the agent's turn, which has begun. */
void toolbox_prepare(struct toolbox *);

/* The model is asked: meanwhile there is time to make ready for its calls. */
void toolbox_think(struct toolbox *);

/*
 * Put tools in, unless allowed_tools or exclude_tools keep them out.  The
 * schema is taken.
 */
void toolbox_add_rows(
    struct toolbox *, const struct tool_row *, size_t n, void *arg);
void toolbox_add(struct toolbox *, const char *name, const char *description,
    struct json_object *schema, tool_run_fn *run, void *arg, bool foreign);

/* Take out what was put in with that arg. */
void toolbox_remove(struct toolbox *, const void *arg);

const struct tool *toolbox_find(const struct toolbox *, const char *name);

/*
 * Carry out a call and say so to the supervisor.  more: another one follows,
 * and is made ready for meanwhile.  The result's text is UTF-8 of bounded
 * length.  False: the turn is over.
 */
bool toolbox_run(struct toolbox *, const char *name,
    struct json_object *arguments, bool more, struct tool_result *);

/* --- for tools --- */

/* The result is that object, which is taken. */
void tool_result_json(struct tool_result *, struct json_object *);

/* A required string; NULL, and the result says so: it is absent. */
const char *tool_argument(struct json_object *arguments, const char *name,
    const char *operation, struct tool_result *);

/* {"success": true, "operation": ...}, for more members and tool_result_json */
struct json_object *tool_success(const char *operation);

/*
 * {"success": false, "operation": ..., "error": ...} in place of what is there;
 * NULL: no operation.  Returns true, for a tool to return.
 */
bool tool_fail(struct tool_result *, const char *operation, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

extern const struct tool_family family_snapshot;
extern const struct tool_family family_files;
extern const struct tool_family family_shell;
extern const struct tool_family family_plan;
extern const struct tool_family family_mcp;

#endif
