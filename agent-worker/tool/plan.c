/* An agent's plan. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent-worker/tool/plan.h"
#include "ipc/field.h"
#include "ipc/xmalloc.h"

#define ID_MAX          128
#define DESCRIPTION_MAX 8192

static const char *const statuses[] = {
	[TASK_PENDING] = "pending",
	[TASK_IN_PROGRESS] = "in_progress",
	[TASK_COMPLETED] = "completed",
	[TASK_BLOCKED] = "blocked",
};
#define NSTATUSES (sizeof(statuses) / sizeof(statuses[0]))

static int __attribute__((format(printf, 3, 4)))
refuse(char *err, size_t errlen, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return (-1);
}

/* --- life --- */

void
plan_init(struct plan *p, const char *name, size_t max,
    uint32_t (*random)(void), int64_t now)
{
	memset(p, 0, sizeof(*p));
	p->name = xstrdup(name);
	p->max = max;
	p->random = random;
	p->created_at = p->updated_at = now;
}

static void
release_task(struct task *t)
{
	size_t i;

	for (i = 0; i < t->ndepends; i++)
		free(t->depends[i]);
	free(t->depends);
	free(t->description);
	free(t->id);
}

static void
release_tasks(struct plan *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		release_task(&p->tasks[i]);
	free(p->tasks);
	p->tasks = NULL;
	p->n = 0;
}

void
plan_release(struct plan *p)
{
	release_tasks(p);
	free(p->name);
	memset(p, 0, sizeof(*p));
}

/* --- looking --- */

static struct task *
find(const struct plan *p, const char *id)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (strcmp(p->tasks[i].id, id) == 0)
			return (&p->tasks[i]);
	return (NULL);
}

static struct task *
find_for(const struct plan *p, const char *id, char *err, size_t errlen)
{
	struct task *t = find(p, id);

	if (t == NULL)
		refuse(err, errlen, "there is no task '%s'", id);
	return (t);
}

bool
task_depends_on(const struct task *t, const char *id)
{
	size_t i;

	for (i = 0; i < t->ndepends; i++)
		if (strcmp(t->depends[i], id) == 0)
			return (true);
	return (false);
}

static bool
is_open(const struct plan *p, const char *id)
{
	const struct task *t = find(p, id);

	return (t != NULL && t->status != TASK_COMPLETED);
}

bool
plan_can_start(const struct plan *p, const struct task *t)
{
	size_t i;

	for (i = 0; i < t->ndepends; i++)
		if (is_open(p, t->depends[i]))
			return (false);
	return (true);
}

bool
plan_is_ready(const struct plan *p, const struct task *t)
{
	return (t->status == TASK_PENDING && plan_can_start(p, t));
}

bool
plan_is_blocked(const struct plan *p, const struct task *t)
{
	return (t->status == TASK_BLOCKED ||
	    (t->status == TASK_PENDING && !plan_can_start(p, t)));
}

/* --- making tasks --- */

static int
check_description(const char *s, char *err, size_t errlen)
{
	if (s == NULL || *s == '\0')
		return (
		    refuse(err, errlen, "a description is missing or empty"));
	if (strlen(s) > DESCRIPTION_MAX)
		return (refuse(err, errlen,
		    "a description is longer than %d bytes", DESCRIPTION_MAX));
	return (0);
}

static void
add_dependency(struct task *t, const char *id)
{
	if (task_depends_on(t, id))
		return;
	t->depends =
	    xreallocarray(t->depends, t->ndepends + 1, sizeof(*t->depends));
	t->depends[t->ndepends++] = xstrdup(id);
}

static struct task *
append(struct plan *p, const char *id, const char *description, int64_t now)
{
	struct task *t;

	p->tasks = xreallocarray(p->tasks, p->n + 1, sizeof(*p->tasks));
	t = &p->tasks[p->n++];
	memset(t, 0, sizeof(*t));
	t->id = xstrdup(id);
	t->description = xstrdup(description);
	t->created_at = now;
	return (t);
}

/* The task at that place of the list, without what it depends on. */
static int
take_task(struct plan *p, struct json_object *spec, size_t at, int64_t now,
    char *err, size_t errlen)
{
	const char *description, *id = NULL;
	char made[64];

	if (json_object_is_type(spec, json_type_string)) {
		description = field_string(spec);
	} else if (json_object_is_type(spec, json_type_object)) {
		description = field_get_str(spec, "description");
		id = field_get_str(spec, "id");
		if (id == NULL && json_object_object_get(spec, "id") != NULL)
			return (refuse(
			    err, errlen, "task %zu: id is no string", at));
	} else {
		return (refuse(
		    err, errlen, "task %zu: neither text nor an object", at));
	}
	if (check_description(description, err, errlen) == -1)
		return (-1);
	if (id == NULL) {
		snprintf(made, sizeof(made), "task_%zu_%08x", at, p->random());
		id = made;
	}
	if (*id == '\0' || strlen(id) > ID_MAX)
		return (refuse(err, errlen, "task %zu: an id has 1 to %d bytes",
		    at, ID_MAX));
	if (find(p, id) != NULL)
		return (refuse(err, errlen, "two tasks are called '%s'", id));
	append(p, id, description, now);
	return (0);
}

/* By number: an earlier task; by id: any other. */
static int
take_dependency(
    struct plan *p, size_t at, struct json_object *v, char *err, size_t errlen)
{
	struct task *t = &p->tasks[at];
	const char *id;
	int64_t i;

	if (json_object_is_type(v, json_type_int)) {
		i = json_object_get_int64(v);
		if (i < 0 || i >= (int64_t)p->n)
			return (refuse(err, errlen,
			    "task '%s': there is no task %jd", t->id,
			    (intmax_t)i));
		if (i >= (int64_t)at)
			return (refuse(err, errlen,
			    "task '%s': a number has to be that of an "
			    "earlier task; a later one is named by its id",
			    t->id));
		add_dependency(t, p->tasks[i].id);
		return (0);
	}
	if (!json_object_is_type(v, json_type_string))
		return (refuse(err, errlen,
		    "task '%s': depends_on has ids and numbers only", t->id));
	id = field_string(v);
	if (strcmp(id, t->id) == 0)
		return (
		    refuse(err, errlen, "task '%s' depends on itself", t->id));
	if (find(p, id) == NULL)
		return (refuse(err, errlen, "task '%s': there is no task '%s'",
		    t->id, id));
	add_dependency(t, id);
	return (0);
}

static int
take_dependencies(struct plan *p, size_t at, struct json_object *list,
    char *err, size_t errlen)
{
	size_t i, n;

	if (list == NULL)
		return (0);
	if (!json_object_is_type(list, json_type_array))
		return (refuse(err, errlen, "task '%s': depends_on is no list",
		    p->tasks[at].id));
	n = json_object_array_length(list);
	for (i = 0; i < n; i++)
		if (take_dependency(p, at, json_object_array_get_idx(list, i),
			err, errlen) == -1)
			return (-1);
	return (0);
}

/*
 * Take away what depends on nothing that is left until nothing more goes:
 * what stays is in a cycle or depends on one.
 */
static int
check_cycles(const struct plan *p, char *err, size_t errlen)
{
	size_t *left = xcalloc(p->n + 1, sizeof(*left));
	size_t *ready = xcalloc(p->n + 1, sizeof(*ready));
	size_t nready = 0, at, i, gone = 0;
	int ret = 0;

	for (i = 0; i < p->n; i++)
		if ((left[i] = p->tasks[i].ndepends) == 0)
			ready[nready++] = i;
	for (at = 0; at < nready; at++, gone++)
		for (i = 0; i < p->n; i++)
			if (task_depends_on(
				&p->tasks[i], p->tasks[ready[at]].id) &&
			    --left[i] == 0)
				ready[nready++] = i;
	for (i = 0; gone < p->n && ret == 0 && i < p->n; i++)
		if (left[i] > 0)
			ret = refuse(err, errlen,
			    "the tasks wait for one another in a circle, "
			    "'%s' among them",
			    p->tasks[i].id);
	free(ready);
	free(left);
	return (ret);
}

static int
take_all(struct plan *p, struct json_object *tasks, int64_t now, char *err,
    size_t errlen)
{
	struct json_object *spec, *depends;
	size_t i, n = json_object_array_length(tasks);

	if (n > p->max)
		return (refuse(err, errlen,
		    "%zu tasks, and a plan may have %zu", n, p->max));
	for (i = 0; i < n; i++)
		if (take_task(p, json_object_array_get_idx(tasks, i), i, now,
			err, errlen) == -1)
			return (-1);
	for (i = 0; i < n; i++) {
		spec = json_object_array_get_idx(tasks, i);
		depends = NULL;
		if (json_object_is_type(spec, json_type_object))
			(void)json_object_object_get_ex(
			    spec, "depends_on", &depends);
		if (take_dependencies(p, i, depends, err, errlen) == -1)
			return (-1);
	}
	return (check_cycles(p, err, errlen));
}

int
plan_create(struct plan *p, struct json_object *tasks, int64_t now, char *err,
    size_t errlen)
{
	struct plan fresh;

	if (!json_object_is_type(tasks, json_type_array))
		return (refuse(err, errlen, "tasks is no list"));
	plan_init(&fresh, p->name, p->max, p->random, now);
	if (take_all(&fresh, tasks, now, err, errlen) == -1) {
		plan_release(&fresh);
		return (-1);
	}
	plan_release(p);
	*p = fresh;
	return (0);
}

/* --- changes --- */

/* The last task comes behind the one at place. */
static struct task *
put_behind(struct plan *p, size_t place)
{
	struct task t = p->tasks[p->n - 1];

	memmove(&p->tasks[place + 2], &p->tasks[place + 1],
	    (p->n - place - 2) * sizeof(t));
	p->tasks[place + 1] = t;
	return (&p->tasks[place + 1]);
}

int
plan_add(struct plan *p, const char *description, const char *after,
    struct json_object *depends, int64_t now, const struct task **out_task,
    char *err, size_t errlen)
{
	const struct task *before = NULL;
	size_t place;
	uint32_t high;
	char id[64];

	if (check_description(description, err, errlen) == -1 ||
	    (after != NULL &&
		(before = find_for(p, after, err, errlen)) == NULL))
		return (-1);
	if (p->n >= p->max)
		return (
		    refuse(err, errlen, "a plan may have %zu tasks", p->max));
	place = before == NULL ? p->n : (size_t)(before - p->tasks);
	do {
		high = p->random();
		snprintf(id, sizeof(id), "task_%08x%08x", high, p->random());
	} while (find(p, id) != NULL);
	*out_task = append(p, id, description, now);
	if (take_dependencies(p, p->n - 1, depends, err, errlen) == -1) {
		release_task(&p->tasks[--p->n]);
		return (-1);
	}
	if (after != NULL)
		*out_task = put_behind(p, place);
	p->updated_at = now;
	return (0);
}

int
plan_set_status(struct plan *p, const char *id, const char *status, int64_t now,
    const struct task **out_task, char *err, size_t errlen)
{
	struct task *t = find_for(p, id, err, errlen);
	size_t i;

	if (t == NULL)
		return (-1);
	for (i = 0; i < NSTATUSES; i++)
		if (strcmp(statuses[i], status) == 0)
			break;
	if (i == NSTATUSES)
		return (refuse(err, errlen,
		    "a status is pending, in_progress, completed or blocked"));
	if (i != TASK_COMPLETED)
		t->completed_at = 0;
	else if (t->status != TASK_COMPLETED)
		t->completed_at = now;
	t->status = (enum task_status)i;
	p->updated_at = now;
	*out_task = t;
	return (0);
}

int
plan_edit(struct plan *p, const char *id, const char *description, int64_t now,
    const struct task **out_task, char *err, size_t errlen)
{
	struct task *t = find_for(p, id, err, errlen);

	if (t == NULL)
		return (-1);
	*out_task = t;
	if (description == NULL)
		return (0);
	if (check_description(description, err, errlen) == -1)
		return (-1);
	free(t->description);
	t->description = xstrdup(description);
	p->updated_at = now;
	return (0);
}

int
plan_delete(
    struct plan *p, const char *id, int64_t now, char *err, size_t errlen)
{
	struct task *t = find_for(p, id, err, errlen);
	size_t i, place;

	if (t == NULL)
		return (-1);
	for (i = 0; i < p->n; i++)
		if (task_depends_on(&p->tasks[i], id))
			return (refuse(err, errlen, "task '%s' depends on '%s'",
			    p->tasks[i].id, id));
	place = (size_t)(t - p->tasks);
	release_task(t);
	memmove(t, t + 1, (p->n - place - 1) * sizeof(*t));
	p->n--;
	p->updated_at = now;
	return (0);
}

/* --- as JSON --- */

static void
put_time(struct json_object *o, const char *name, int64_t seconds)
{
	time_t t = (time_t)seconds;
	char text[64];
	struct tm tm;

	if (seconds == 0 || gmtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		field_put(o, name, NULL);
	else
		field_put_str(o, name, text);
}

struct json_object *
task_json(const struct task *t)
{
	struct json_object *o = json_object_new_object();
	struct json_object *depends = json_object_new_array();
	size_t i;

	for (i = 0; i < t->ndepends; i++)
		json_object_array_add(
		    depends, json_object_new_string(t->depends[i]));
	field_put_str(o, "id", t->id);
	field_put_str(o, "description", t->description);
	field_put_str(o, "status", statuses[t->status]);
	put_time(o, "created_at", t->created_at);
	put_time(o, "completed_at", t->completed_at);
	field_put(o, "dependencies", depends);
	field_put(o, "metadata", json_object_new_object());
	return (o);
}

struct json_object *
plan_json(const struct plan *p)
{
	struct json_object *o = json_object_new_object();
	struct json_object *tasks = json_object_new_array();
	size_t i;

	for (i = 0; i < p->n; i++)
		json_object_array_add(tasks, task_json(&p->tasks[i]));
	field_put_str(o, "agent_id", p->name);
	field_put(o, "tasks", tasks);
	put_time(o, "created_at", p->created_at);
	put_time(o, "updated_at", p->updated_at);
	return (o);
}

struct json_object *
plan_waits_for(const struct plan *p, const struct task *t)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < t->ndepends; i++)
		if (is_open(p, t->depends[i]))
			json_object_array_add(
			    list, json_object_new_string(t->depends[i]));
	return (list);
}
