/* Commands in a container of their own, by way of the docker program. */

#ifndef AGENT_WORKER_TOOL_SHELL_DOCKER_H
#define AGENT_WORKER_TOOL_SHELL_DOCKER_H

#include <stdbool.h>
#include <stddef.h>

#include "agent-worker/tool/shell_child.h"
#include "agent-worker/tool/tool.h"

/* What a command in a container is started with; for docker_release. */
struct docker_run {
	char **argv;
	char **envp; /* of the docker program: its own, and what it passes on */
	char *container;
	struct walls walls; /* none: the engine's are outside of ours */
};

/* Returns 0, or -1 with the reason in err: there is no docker program. */
int docker_prepare(struct docker_run *, const struct toolbox *, const char *dir,
    const char *command, char *err, size_t errlen);
void docker_release(struct docker_run *);

/*
 * Whether it is docker that failed, not the command: it says so with an exit
 * status of its own, 125 (docker-run(1)).
 */
bool docker_failed(const struct shell *);

/*
 * A container outlives a docker program that is killed: remove it.  Takes a
 * few seconds at most.
 */
void docker_remove(const struct toolbox *, const char *container);

#endif
