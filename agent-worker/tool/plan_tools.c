/* The task-plan tools: the plan lives as long as the agent's process. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent-worker/tool/plan.h"
#include "agent-worker/tool/put.h"
#include "agent-worker/tool/schema.h"
#include "agent-worker/tool/tool.h"
#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/xmalloc.h"

#define TASKS_USUAL 10
#define PLAN_FILE   "tasks/plan.json"
#define WHY         512

struct planning {
	struct plan plan;
	bool file; /* to PLAN_FILE in the workspace too */
};

/* --- results --- */

/* The plan is another now: so is its file.  Its failure is no other's. */
static bool
end_change(struct toolbox *box, const struct planning *s, struct json_object *o,
    struct tool_result *result)
{
	struct json_object *plan;
	const char *text;
	char why[WHY];
	size_t len;

	if (s->file) {
		plan = plan_json(&s->plan);
		text = field_page(plan, &len);
		if (put_text(&box->walls, PLAN_FILE, text, len, why,
			sizeof(why)) == -1) {
			log_warnx("plan: %s", why);
			field_put_str(o, "plan_file_error", why);
		}
		json_object_put(plan);
	}
	tool_result_json(result, o);
	return (true);
}

/* One task is another now. */
static bool
end_task(struct toolbox *box, const struct planning *s, const char *op,
    const struct task *t, struct tool_result *result)
{
	struct json_object *o = tool_success(op);

	field_put(o, "task", task_json(t));
	return (end_change(box, s, o, result));
}

typedef bool plan_choose_fn(const struct plan *, const struct task *);

static int64_t
count(const struct plan *p, plan_choose_fn *choose)
{
	int64_t n = 0;
	size_t i;

	for (i = 0; i < p->n; i++)
		n += choose(p, &p->tasks[i]) ? 1 : 0;
	return (n);
}

static int64_t
count_status(const struct plan *p, enum task_status status)
{
	int64_t n = 0;
	size_t i;

	for (i = 0; i < p->n; i++)
		n += p->tasks[i].status == status ? 1 : 0;
	return (n);
}

/* --- the tools --- */

static bool
create_task_plan(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	static const char op[] = "create_task_plan";
	struct planning *s = arg;
	struct plan *p = &s->plan;
	struct json_object *tasks = NULL, *o, *all, *sum;
	char why[WHY];

	(void)json_object_object_get_ex(arguments, "tasks", &tasks);
	if (plan_create(p, tasks, time(NULL), why, sizeof(why)) == -1)
		return (tool_fail(result, op, "%s", why));
	o = tool_success(op);
	field_put_str(o, "plan_id", p->name);
	all = plan_json(p);
	field_put(
	    o, "tasks", json_object_get(json_object_object_get(all, "tasks")));
	json_object_put(all);
	sum = json_object_new_object();
	field_put_int(sum, "total_tasks", (int64_t)p->n);
	field_put_int(sum, "ready_tasks", count(p, plan_is_ready));
	field_put_int(sum, "blocked_tasks", count(p, plan_is_blocked));
	field_put(o, "summary", sum);
	return (end_change(box, s, o, result));
}

static bool
add_task(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	static const char op[] = "add_task";
	struct planning *s = arg;
	const char *description =
	    tool_argument(arguments, "description", op, result);
	struct json_object *depends = NULL;
	const struct task *t;
	char why[WHY];

	if (description == NULL)
		return (true);
	(void)json_object_object_get_ex(arguments, "depends_on", &depends);
	if (plan_add(&s->plan, description,
		field_get_str(arguments, "after_task_id"), depends, time(NULL),
		&t, why, sizeof(why)) == -1)
		return (tool_fail(result, op, "%s", why));
	return (end_task(box, s, op, t, result));
}

/* What waited for this one last. */
static struct json_object *
newly_ready(const struct plan *p, const struct task *done)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < p->n; i++)
		if (task_depends_on(&p->tasks[i], done->id) &&
		    plan_is_ready(p, &p->tasks[i]))
			json_object_array_add(list, task_json(&p->tasks[i]));
	return (list);
}

static bool
update_task_status(struct toolbox *box, void *arg,
    struct json_object *arguments, struct tool_result *result)
{
	static const char op[] = "update_task_status";
	struct planning *s = arg;
	const char *id = tool_argument(arguments, "task_id", op, result);
	const char *status;
	const struct task *t;
	struct json_object *o;
	char why[WHY];

	if (id == NULL ||
	    (status = tool_argument(arguments, "status", op, result)) == NULL)
		return (true);
	if (plan_set_status(
		&s->plan, id, status, time(NULL), &t, why, sizeof(why)) == -1)
		return (tool_fail(result, op, "%s", why));
	o = tool_success(op);
	field_put(o, "task", task_json(t));
	if (t->status == TASK_COMPLETED)
		field_put(o, "newly_ready_tasks", newly_ready(&s->plan, t));
	return (end_change(box, s, o, result));
}

static bool
edit_task(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	static const char op[] = "edit_task";
	struct planning *s = arg;
	const char *id = tool_argument(arguments, "task_id", op, result);
	const struct task *t;
	char why[WHY];

	if (id == NULL)
		return (true);
	if (plan_edit(&s->plan, id, field_get_str(arguments, "description"),
		time(NULL), &t, why, sizeof(why)) == -1)
		return (tool_fail(result, op, "%s", why));
	return (end_task(box, s, op, t, result));
}

static bool
delete_task(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	static const char op[] = "delete_task";
	struct planning *s = arg;
	const char *id = tool_argument(arguments, "task_id", op, result);
	struct json_object *o;
	char why[WHY];

	if (id == NULL)
		return (true);
	if (plan_delete(&s->plan, id, time(NULL), why, sizeof(why)) == -1)
		return (tool_fail(result, op, "%s", why));
	o = tool_success(op);
	field_put_str(o, "deleted_task_id", id);
	return (end_change(box, s, o, result));
}

static bool
get_task_plan(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	const struct planning *s = arg;
	const struct plan *p = &s->plan;
	struct json_object *o = tool_success("get_task_plan");
	struct json_object *sum = json_object_new_object();

	(void)box;
	(void)arguments;
	field_put(o, "plan", plan_json(p));
	field_put_int(sum, "total_tasks", (int64_t)p->n);
	field_put_int(sum, "completed_tasks", count_status(p, TASK_COMPLETED));
	field_put_int(
	    sum, "in_progress_tasks", count_status(p, TASK_IN_PROGRESS));
	field_put_int(sum, "ready_tasks", count(p, plan_is_ready));
	field_put_int(sum, "blocked_tasks", count(p, plan_is_blocked));
	field_put(o, "summary", sum);
	tool_result_json(result, o);
	return (true);
}

static bool
get_ready_tasks(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	const struct planning *s = arg;
	const struct plan *p = &s->plan;
	struct json_object *o = tool_success("get_ready_tasks");
	struct json_object *list = json_object_new_array();
	size_t i;

	(void)box;
	(void)arguments;
	for (i = 0; i < p->n; i++)
		if (plan_is_ready(p, &p->tasks[i]))
			json_object_array_add(list, task_json(&p->tasks[i]));
	field_put(o, "ready_tasks", list);
	field_put_int(o, "count", count(p, plan_is_ready));
	tool_result_json(result, o);
	return (true);
}

static bool
get_blocked_tasks(struct toolbox *box, void *arg, struct json_object *arguments,
    struct tool_result *result)
{
	const struct planning *s = arg;
	const struct plan *p = &s->plan;
	struct json_object *o = tool_success("get_blocked_tasks"), *task;
	struct json_object *list = json_object_new_array();
	size_t i;

	(void)box;
	(void)arguments;
	for (i = 0; i < p->n; i++) {
		if (!plan_is_blocked(p, &p->tasks[i]))
			continue;
		task = task_json(&p->tasks[i]);
		field_put(
		    task, "blocking_task_ids", plan_waits_for(p, &p->tasks[i]));
		json_object_array_add(list, task);
	}
	field_put(o, "blocked_tasks", list);
	field_put_int(o, "count", count(p, plan_is_blocked));
	tool_result_json(result, o);
	return (true);
}

/* --- the table --- */

/* clang-format off */
#define ANY_OF(a, b)	"{\"anyOf\":[" a "," b "]}"
#define S_ID_OR_NUMBER	ANY_OF("{\"type\":\"string\"}", "{\"type\":\"integer\"}")
#define S_TASK_ID	S_STRING("task_id", "which task")
#define S_STATUS	"\"status\":{\"type\":\"string\",\"enum\":[" \
			"\"pending\",\"in_progress\",\"completed\"," \
			"\"blocked\"]}"
#define S_TASK							\
	S_OBJECT(S_NAME("description"),				\
	    S_STRING("description", "what is to be done") ","	\
	    S_STRING("id", "a short name; or one is made up") ","	\
	    S_LIST("depends_on", S_ID_OR_NUMBER,			\
		"ids of tasks in this list, or numbers of earlier ones from 0"))

static const struct tool_row rows[] = {
	{ "create_task_plan",
	    "Make a plan of tasks, in place of the one there is. A task is "
	    "an object, or just text; it waits for those it depends on.",
	    S_OBJECT(S_NAME("tasks"),
		S_LIST("tasks", ANY_OF("{\"type\":\"string\"}", S_TASK),
		    "in order")),
	    create_task_plan },
	{ "add_task",
	    "Add a task to the plan.",
	    S_OBJECT(S_NAME("description"),
		S_STRING("description", "what is to be done") ","
		S_STRING("after_task_id", "put it behind this; or last") ","
		S_STRINGS("depends_on", "ids of tasks that come first")),
	    add_task },
	{ "update_task_status",
	    "Say how far a task is. When it is completed, tells which tasks "
	    "are ready because of it.",
	    S_OBJECT(S_NAME("task_id") "," S_NAME("status"),
		S_TASK_ID ","
		S_STATUS),
	    update_task_status },
	{ "edit_task",
	    "Change what a task says.",
	    S_OBJECT(S_NAME("task_id"),
		S_TASK_ID ","
		S_STRING("description", "what it says now")),
	    edit_task },
	{ "get_task_plan",
	    "The whole plan, with all tasks.",
	    S_OBJECT("", ""),
	    get_task_plan },
	{ "delete_task",
	    "Take a task out of the plan, unless others depend on it.",
	    S_OBJECT(S_NAME("task_id"), S_TASK_ID),
	    delete_task },
	{ "get_ready_tasks",
	    "The tasks that can be started now.",
	    S_OBJECT("", ""),
	    get_ready_tasks },
	{ "get_blocked_tasks",
	    "The tasks that wait, and for which.",
	    S_OBJECT("", ""),
	    get_blocked_tasks },
};
/* clang-format on */

/* --- the family --- */

static void
open_plan(struct toolbox *box)
{
	int64_t max = field_get_int(box->config, "max_tasks", TASKS_USUAL);
	struct planning *s;
	char *name;

	if (!field_get_bool(box->config, "planning"))
		return;
	s = xcalloc(1, sizeof(*s));
	name = xasprintf("orchestrator:%s",
	    box->agent->name == NULL ? "agent" : box->agent->name);
	plan_init(
	    &s->plan, name, max < 1 ? 1 : (size_t)max, arc4random, time(NULL));
	free(name);
	s->file = field_get_bool(box->config, "plan_file");
	box->state[FAMILY_PLAN] = s;
	toolbox_add_rows(box, rows, sizeof(rows) / sizeof(rows[0]), s);
}

static void
close_plan(struct toolbox *box)
{
	struct planning *s = box->state[FAMILY_PLAN];

	if (s == NULL)
		return;
	plan_release(&s->plan);
	free(s);
	box->state[FAMILY_PLAN] = NULL;
}

const struct tool_family family_plan = { .open = open_plan,
	.close = close_plan };
