/*
 * An agent's plan: tasks that wait for one another.  Values in, values out:
 * no file, no clock.  A call that is refused changes nothing.
 */

#ifndef AGENT_WORKER_TOOL_PLAN_H
#define AGENT_WORKER_TOOL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

enum task_status {
	TASK_PENDING,
	TASK_IN_PROGRESS,
	TASK_COMPLETED,
	TASK_BLOCKED,
};

struct task {
	char *id;
	char *description;
	enum task_status status;
	int64_t created_at;   /* seconds since the epoch */
	int64_t completed_at; /* 0: it is not */
	char **depends;       /* ids */
	size_t ndepends;
};

struct plan {
	char *name;
	size_t max; /* tasks */
	uint32_t (*random)(void);
	struct task *tasks;
	size_t n;
	int64_t created_at;
	int64_t updated_at;
};

/* random makes ids that are not given unlike any other. */
void plan_init(struct plan *, const char *name, size_t max,
    uint32_t (*random)(void), int64_t now);
void plan_release(struct plan *);

/*
 * Take these tasks instead of all there are: each a description, or an
 * object with a description and perhaps an id and depends_on: ids of tasks in
 * the list, or numbers of earlier ones, from 0.  Here and below: 0, or -1
 * with the reason in err.
 */
int plan_create(struct plan *, struct json_object *tasks, int64_t now,
    char *err, size_t errlen);

/*
 * One more, behind the task after (NULL: at the end); depends: array of ids,
 * or NULL.  *out_task is where it is until the next change, as below.
 */
int plan_add(struct plan *, const char *description, const char *after,
    struct json_object *depends, int64_t now, const struct task **out_task,
    char *err, size_t errlen);

int plan_set_status(struct plan *, const char *id, const char *status,
    int64_t now, const struct task **out_task, char *err, size_t errlen);

/* description NULL: it stays. */
int plan_edit(struct plan *, const char *id, const char *description,
    int64_t now, const struct task **out_task, char *err, size_t errlen);

/* Not while others depend on it. */
int plan_delete(
    struct plan *, const char *id, int64_t now, char *err, size_t errlen);

/* Whether all that it depends on is completed. */
bool plan_can_start(const struct plan *, const struct task *);

/* Pending, and it can start. */
bool plan_is_ready(const struct plan *, const struct task *);

/* Said to be blocked, or pending and it cannot start. */
bool plan_is_blocked(const struct plan *, const struct task *);

/* Whether it depends on the task of that id itself. */
bool task_depends_on(const struct task *, const char *id);

/* As the tools and the plan's file tell it. */
struct json_object *task_json(const struct task *);
struct json_object *plan_json(const struct plan *);

/* The ids of what it waits for. */
struct json_object *plan_waits_for(const struct plan *, const struct task *);

#endif
