/* agent-worker/tool/plan: tasks that wait for one another. */

#include "agent-worker/tool/plan.h"
#include "tests/unit/tool_box.h"

#define PLANNING "\"planning\":true,\"max_tasks\":10"

/* --- the plan itself --- */

static uint32_t made; /* ids count up */

static uint32_t
next_id(void)
{
	return (++made);
}

/* NULL: it was taken; else why not, until the next call. */
static const char *
create(struct plan *p, const char *tasks)
{
	static char why[256];
	struct json_object *o = json_parse(tasks);
	int ret = plan_create(p, o, 100, why, sizeof(why));

	json_object_put(o);
	return (ret == 0 ? NULL : why);
}

static const char *
complete(struct plan *p, const char *id)
{
	static char why[256];
	const struct task *t;

	return (
	    plan_set_status(p, id, "completed", 200, &t, why, sizeof(why)) == 0
		? NULL
		: why);
}

/* Ids of the tasks that are ready, or that are blocked. */
static const char *
ids(const struct plan *p,
    bool (*choose)(const struct plan *, const struct task *))
{
	static char text[512];
	size_t i;

	text[0] = '\0';
	for (i = 0; i < p->n; i++) {
		if (!choose(p, &p->tasks[i]))
			continue;
		if (text[0] != '\0')
			strlcat(text, " ", sizeof(text));
		strlcat(text, p->tasks[i].id, sizeof(text));
	}
	return (text);
}

static bool
always(const struct plan *p, const struct task *t)
{
	(void)p;
	(void)t;
	return (true);
}

static void
begin(struct plan *p)
{
	made = 0;
	plan_init(p, "orchestrator:agent1", 10, next_id, 50);
}

TEST(what_is_refused)
{
	static const struct {
		const char *tasks;
		const char *why;
	} rows[] = {
		{ "{}", "no list" },
		{ "[7]", "neither text nor" },
		{ "[null]", "neither text nor" },
		{ "['']", "description" },
		{ "[{}]", "description" },
		{ "[{'description':7}]", "description" },
		{ "[{'description':'a','id':7}]", "id is no string" },
		{ "[{'description':'a','id':''}]", "an id has" },
		{ "[{'id':'a','description':'a'},"
		  "{'id':'a','description':'b'}]",
		    "two tasks" },
		{ "[{'description':'a','depends_on':'b'}]", "no list" },
		{ "[{'description':'a','depends_on':[1.5]}]", "ids and" },
		{ "[{'description':'a','depends_on':[null]}]", "ids and" },
		{ "[{'description':'a','depends_on':[7]}]", "no task 7" },
		{ "['a',{'description':'b','depends_on':[-1]}]", "no task -1" },
		{ "[{'description':'a','depends_on':[0]}]", "earlier" },
		{ "[{'description':'a','depends_on':[1]},'b']", "earlier" },
		{ "[{'id':'a','description':'a','depends_on':['a']}]",
		    "itself" },
		{ "[{'id':'a','description':'a','depends_on':['z']}]",
		    "no task 'z'" },
		{ "[{'id':'a','description':'a','depends_on':['b']},"
		  "{'id':'b','description':'b','depends_on':['a']}]",
		    "circle" },
		{ "[{'id':'a','description':'a','depends_on':['c']},"
		  "{'id':'b','description':'b','depends_on':['a']},"
		  "{'id':'c','description':'c','depends_on':['b']},'d']",
		    "circle" },
		{ "['1','2','3','4','5','6','7','8','9','10','11']",
		    "11 tasks" },
	};
	struct plan p;
	const char *why;
	size_t i;

	begin(&p);
	CHECK(create(&p, "[{'id':'old','description':'stays'}]") == NULL);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		why = create(&p, rows[i].tasks);
		if (!CHECK(why != NULL) ||
		    !CHECK(strstr(why, rows[i].why) != NULL))
			printf("# %s: %s\n", rows[i].tasks,
			    why == NULL ? "taken" : why);
		CHECK_STR(ids(&p, always), "old");
	}
	plan_release(&p);
}

TEST(tasks_of_all_forms)
{
	struct plan p;

	begin(&p);
	CHECK(create(&p,
		  "['text',{'description':'object','depends_on':[0]},"
		  "{'id':'own','description':'mixed',"
		  "'depends_on':[1,'last',0,1]},"
		  "{'id':'last','description':'a later one by its id'}]") ==
	    NULL);
	CHECK_STR(ids(&p, always), "task_0_00000001 task_1_00000002 own last");
	CHECK_INT(p.tasks[2].ndepends, 3);
	CHECK_STR(p.tasks[2].depends[0], "task_1_00000002");
	CHECK_STR(p.tasks[2].depends[1], "last");
	CHECK_STR(ids(&p, plan_is_ready), "task_0_00000001 last");
	CHECK_STR(ids(&p, plan_is_blocked), "task_1_00000002 own");
	CHECK(create(&p, "[]") == NULL);
	CHECK_INT(p.n, 0);
	plan_release(&p);
}

#define DIAMOND                                                  \
	"[{'id':'top','description':'t'},"                       \
	"{'id':'left','description':'l','depends_on':['top']},"  \
	"{'id':'right','description':'r','depends_on':['top']}," \
	"{'id':'end','description':'e','depends_on':['left','right']}]"

TEST(a_diamond)
{
	struct plan p;

	begin(&p);
	CHECK(create(&p, DIAMOND) == NULL);
	CHECK_STR(ids(&p, plan_is_ready), "top");
	CHECK(complete(&p, "top") == NULL);
	CHECK_STR(ids(&p, plan_is_ready), "left right");
	CHECK(complete(&p, "right") == NULL);
	CHECK_STR(ids(&p, plan_is_ready), "left");
	CHECK_STR(ids(&p, plan_is_blocked), "end");
	CHECK(complete(&p, "left") == NULL);
	CHECK_STR(ids(&p, plan_is_ready), "end");
	CHECK_STR(complete(&p, "nobody"), "there is no task 'nobody'");
	plan_release(&p);
}

TEST(statuses)
{
	const struct task *t;
	char why[256];
	struct plan p;

	begin(&p);
	CHECK(create(&p, DIAMOND) == NULL);
	CHECK(complete(&p, "top") == NULL);
	CHECK_INT(p.tasks[0].completed_at, 200);
	CHECK_INT(
	    plan_set_status(&p, "top", "completed", 300, &t, why, sizeof(why)),
	    0);
	CHECK_INT(t->completed_at, 200);
	CHECK_INT(
	    plan_set_status(&p, "top", "pending", 300, &t, why, sizeof(why)),
	    0);
	CHECK_INT(t->completed_at, 0);
	CHECK_INT(
	    plan_set_status(&p, "top", "blocked", 300, &t, why, sizeof(why)),
	    0);
	CHECK_STR(ids(&p, plan_is_blocked), "top left right end");
	CHECK_INT(
	    plan_set_status(&p, "top", "done", 300, &t, why, sizeof(why)), -1);
	CHECK_INT(p.tasks[0].status, TASK_BLOCKED);
	CHECK_INT(p.updated_at, 300);
	plan_release(&p);
}

TEST(additions)
{
	struct json_object *depends = json_parse("['left',0]");
	struct json_object *none = json_parse("['nobody']");
	const struct task *t = NULL;
	char why[256];
	struct plan p;
	int i;

	begin(&p);
	CHECK(create(&p, DIAMOND) == NULL);
	CHECK_INT(
	    plan_add(&p, "more", "top", depends, 9, &t, why, sizeof(why)), 0);
	CHECK_INT(t->ndepends, 2);
	CHECK_STR(t->description, "more");
	CHECK_STR(ids(&p, always), "top task_0000000100000002 left right end");
	CHECK_INT(plan_add(&p, "x", "end", NULL, 9, &t, why, sizeof(why)), 0);
	CHECK(t == &p.tasks[5]);
	CHECK_INT(
	    plan_add(&p, "x", "nobody", NULL, 9, &t, why, sizeof(why)), -1);
	CHECK_INT(plan_add(&p, "x", NULL, none, 9, &t, why, sizeof(why)), -1);
	CHECK_INT(plan_add(&p, "", NULL, NULL, 9, &t, why, sizeof(why)), -1);
	CHECK_INT(p.n, 6);
	for (i = 0; i < 4; i++)
		CHECK_INT(
		    plan_add(&p, "x", NULL, NULL, 9, &t, why, sizeof(why)), 0);
	CHECK_INT(plan_add(&p, "x", NULL, NULL, 9, &t, why, sizeof(why)), -1);
	CHECK_STR(why, "a plan may have 10 tasks");
	json_object_put(depends);
	json_object_put(none);
	plan_release(&p);
}

TEST(changes_and_deletion)
{
	const struct task *t;
	char why[256];
	struct plan p;

	begin(&p);
	CHECK(create(&p, DIAMOND) == NULL);
	CHECK_INT(plan_delete(&p, "top", 9, why, sizeof(why)), -1);
	CHECK_STR(why, "task 'left' depends on 'top'");
	CHECK_INT(plan_delete(&p, "end", 9, why, sizeof(why)), 0);
	CHECK_INT(plan_delete(&p, "end", 9, why, sizeof(why)), -1);
	CHECK_INT(plan_delete(&p, "left", 9, why, sizeof(why)), 0);
	CHECK_STR(ids(&p, always), "top right");
	CHECK_INT(plan_edit(&p, "top", "new", 9, &t, why, sizeof(why)), 0);
	CHECK_STR(t->description, "new");
	CHECK_INT(plan_edit(&p, "top", NULL, 9, &t, why, sizeof(why)), 0);
	CHECK_STR(t->description, "new");
	CHECK_INT(plan_edit(&p, "top", "", 9, &t, why, sizeof(why)), -1);
	CHECK_INT(plan_edit(&p, "nobody", "x", 9, &t, why, sizeof(why)), -1);
	plan_release(&p);
}

/* A chain of many, given from its end. */
TEST(a_long_chain)
{
	struct json_object *list = json_object_new_array(), *o;
	char text[64], why[256];
	struct plan p;
	int i;

	made = 0;
	plan_init(&p, "p", 2000, next_id, 50);
	for (i = 1999; i >= 0; i--) {
		snprintf(text, sizeof(text),
		    i == 0 ? "{'id':'t%d','description':'x'}"
			   : "{'id':'t%d','description':'x',"
			     "'depends_on':['t%d']}",
		    i, i - 1);
		o = json_parse(text);
		json_object_array_add(list, o);
	}
	CHECK_INT(plan_create(&p, list, 1, why, sizeof(why)), 0);
	CHECK_STR(ids(&p, plan_is_ready), "t0");
	CHECK(complete(&p, "t0") == NULL);
	CHECK_STR(ids(&p, plan_is_ready), "t1");
	json_object_put(list);
	plan_release(&p);
}

/* --- the tools --- */

TEST(there_are_none_unless_wanted)
{
	struct toolbox *box = box_enter("");

	CHECK(toolbox_find(box, "create_task_plan") == NULL);
	box_leave(box);
	box = box_enter(PLANNING);
	CHECK_INT(box->ntools, 8);
	box_leave(box);
}

TEST(odd_arguments)
{
	static const char *const odd[] = { "{}", "{'task_id':null}",
		"{'tasks':7,'task_id':[],'description':{},'status':1}",
		"{'tasks':{},'task_id':'x','description':'','status':''}" };
	struct toolbox *box = box_enter(PLANNING);
	bool is_error = false;
	size_t i, k;
	char *text;

	for (i = 0; i < box->ntools; i++) {
		for (k = 0; k < sizeof(odd) / sizeof(odd[0]); k++) {
			text = box_call(
			    box, box->tools[i].name, odd[k], &is_error);
			CHECK(text != NULL);
			if (strncmp(box->tools[i].name, "get_", 4) != 0)
				CHECK(is_error);
			free(text);
		}
	}
	box_leave(box);
}

TEST(a_plan_from_beginning_to_end)
{
	struct toolbox *box = box_enter(PLANNING);

	OK("get_task_plan", "{}", "\"tasks\":[],\"created_at\":\"2");
	OK("create_task_plan",
	    "{'tasks':[{'id':'a','description':'A'},"
	    "{'id':'b','description':'B','depends_on':['a']}]}",
	    "{\"success\":true,\"operation\":\"create_task_plan\","
	    "\"plan_id\":\"orchestrator:agent1\"");
	OK("create_task_plan",
	    "{'tasks':[{'id':'a','description':'A'},"
	    "{'id':'b','description':'B','depends_on':['a']}]}",
	    "\"summary\":{\"total_tasks\":2,\"ready_tasks\":1,"
	    "\"blocked_tasks\":1}}");
	REFUSED("create_task_plan", "{'tasks':[{'id':'x'}]}",
	    "{\"success\":false,\"operation\":\"create_task_plan\","
	    "\"error\":");
	OK("get_ready_tasks", "{}",
	    "\"ready_tasks\":[{\"id\":\"a\",\"description\":\"A\","
	    "\"status\":\"pending\",\"created_at\":\"");
	OK("get_ready_tasks", "{}",
	    "\"completed_at\":null,\"dependencies\":[],\"metadata\":{}}],"
	    "\"count\":1}");
	OK("get_blocked_tasks", "{}",
	    "\"blocking_task_ids\":[\"a\"]}],\"count\":1}");
	OK("update_task_status", "{'task_id':'a','status':'in_progress'}",
	    "\"status\":\"in_progress\"");
	OK("update_task_status", "{'task_id':'a','status':'completed'}",
	    "\"newly_ready_tasks\":[{\"id\":\"b\"");
	REFUSED("update_task_status", "{'task_id':'a','status':'done'}",
	    "a status is");
	OK("add_task",
	    "{'description':'C','depends_on':['b'],'after_task_id':'a'}",
	    "\"task\":{\"id\":\"task_");
	OK("edit_task", "{'task_id':'b','description':'BB'}",
	    "\"description\":\"BB\"");
	REFUSED("delete_task", "{'task_id':'b'}", "depends on 'b'");
	OK("get_task_plan", "{}",
	    "\"summary\":{\"total_tasks\":3,\"completed_tasks\":1,"
	    "\"in_progress_tasks\":0,\"ready_tasks\":1,\"blocked_tasks\":1}");
	OK("create_task_plan", "{'tasks':['only']}", "\"total_tasks\":1");
	HOLDS("ws/tasks/plan.json", NULL);
	box_leave(box);
}

TEST(the_plans_file)
{
	struct toolbox *box = box_enter(PLANNING ",\"plan_file\":true");
	struct json_object *o;
	char *text;

	OK("create_task_plan", "{'tasks':[{'id':'a','description':'A/B'}]}",
	    "\"success\":true");
	text = slurp("ws/tasks/plan.json");
	o = text == NULL ? NULL : json_tokener_parse(text);
	CHECK_STR(json_object_get_string(json_object_object_get(
		      json_object_array_get_idx(
			  json_object_object_get(o, "tasks"), 0),
		      "description")),
	    "A/B");
	json_object_put(o);
	free(text);
	OK("delete_task", "{'task_id':'a'}", "\"deleted_task_id\":\"a\"");
	text = slurp("ws/tasks/plan.json");
	CHECK(text != NULL && strstr(text, "A/B") == NULL);
	free(text);
	CHECK_INT(names_in("ws/tasks"), 1);
	/* what becomes of its file does not harm the plan */
	unlink("ws/tasks/plan.json");
	rmdir("ws/tasks");
	CHECK_INT(symlink("../outside", "ws/tasks"), 0);
	OK("create_task_plan", "{'tasks':['x']}", "\"plan_file_error\":");
	OK("get_ready_tasks", "{}", "\"count\":1");
	CHECK_INT(names_in("outside"), 1);
	box_leave(box);
}
