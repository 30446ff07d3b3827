/*
 * A small run, made by hand, whose reports are to be written: its journal
 * is in a directory of its own, which is the working directory meanwhile.
 */

#ifndef TESTS_UNIT_REPORT_RUN_H
#define TESTS_UNIT_REPORT_RUN_H

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/journal.h"
#include "supervisor/record/report.h"
#include "tests/test.h"

#define STEP "20251105_062604_000001"

static char dir[4096];
static struct journal journal;
static struct session *session;
static double clock_now;

/* --- a run --- */

static inline void
append(struct event *e)
{
	struct buf line = BUF_INITIALIZER;

	e->time = clock_now;
	e->at_ms = (int64_t)((clock_now - 1762320000.0) * 1000);
	clock_now += 0.5;
	CHECK_INT(journal_append(&journal, e, &line), 0);
	session_apply(session, e);
	buf_release(&line);
}

static inline void
start(int nagents)
{
	struct event e = { .type = EVENT_RUN_STARTED,
		.session_id = "log_x",
		.question = "What \"is\"\nthis?",
		.version = "0.1.0",
		.log_dir = dir };
	struct json_object *o;
	char *path, id[32];
	const char *tmp = getenv("TMPDIR");
	int i;

	snprintf(dir, sizeof(dir), "%s/test_report.XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	CHECK(mkdtemp(dir) != NULL);
	CHECK_INT(chdir(dir), 0);
	path = xasprintf("%s/events.ndjson", dir);
	CHECK_INT(journal_create(&journal, path), 0);
	free(path);
	session = session_new();
	clock_now = 1762320000.0;
	e.agents = json_object_new_array();
	for (i = 0; i < nagents; i++) {
		o = json_object_new_object();
		snprintf(id, sizeof(id), "member_%d", i + 1);
		json_object_object_add(o, "id", json_object_new_string(id));
		json_object_object_add(
		    o, "model", json_object_new_string("mock"));
		json_object_array_add(e.agents, o);
	}
	append(&e);
	json_object_put(e.agents);
}

static inline void
finish(void)
{
	char *command = xasprintf("rm -rf '%s'", dir);

	CHECK_INT(chdir("/"), 0);
	journal_close(&journal);
	session_free(session);
	CHECK_INT(system(command), 0);
	free(command);
}

static inline void
turn(const char *agent, int64_t number)
{
	struct event e = { .type = EVENT_TURN_STARTED,
		.agent = agent,
		.turn = number,
		.kind = "answer" };

	append(&e);
}

static inline void
answer(const char *agent, const char *label, const char *text)
{
	struct event e = { .type = EVENT_ANSWER,
		.agent = agent,
		.label = label,
		.text = text,
		.sha256 = "00",
		.bytes = 3 };
	char path[128];

	snprintf(path, sizeof(path), "%s/" STEP "/answer.txt", agent);
	e.path = path;
	append(&e);
}

static inline void
vote(const char *agent, const char *target, const char *label,
    const char *reason)
{
	struct event e = { .type = EVENT_VOTE,
		.agent = agent,
		.target = target,
		.label = label,
		.text = reason };
	char path[128];

	snprintf(path, sizeof(path), "%s/" STEP "/vote.json", agent);
	e.path = path;
	append(&e);
}

static inline void
end(void)
{
	struct event stopping = { .type = EVENT_STOPPING,
		.kind = "consensus",
		.text = "every vote is in" };
	struct event winner = { .type = EVENT_WINNER,
		.agent = "member_1",
		.label = "agent1.1",
		.text = "votes=1, cost=0.0000" };
	struct event present = {
		.type = EVENT_PRESENTATION, .agent = "member_1", .turn = 9
	};
	struct event final = { .type = EVENT_FINAL_ANSWER,
		.agent = "member_1",
		.path = "final/member_1/answer.txt",
		.text = "the end",
		.sha256 = "00",
		.presented = true };
	struct event ended = { .type = EVENT_RUN_ENDED, .outcome = "success" };

	append(&stopping);
	append(&winner);
	append(&present);
	append(&final);
	append(&ended);
}

/* Two answers, a vote that the second one voids, a timeout, an end. */
static inline void
small_run(void)
{
	struct event failed = { .type = EVENT_AGENT_FAILED,
		.agent = "member_3",
		.kind = "timeout",
		.text = "timeout after 2 s" };

	start(3);
	turn("member_1", 1);
	turn("member_2", 2);
	turn("member_3", 3);
	answer("member_1", "agent1.1", "one\x1b[31m|red");
	vote("member_2", "member_1", "agent1.1", "early");
	answer("member_3", "agent3.1", "three");
	append(&failed);
	vote("member_1", "member_3", "agent3.1", "because of \"it\"\nreally");
	vote("member_2", "member_1", "agent1.1", "late");
	end();
}

/* --- what was written --- */

static inline char *
text_of(const char *name)
{
	struct buf b = BUF_INITIALIZER;
	char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_RDONLY);

	if (fd != -1) {
		CHECK_INT(buf_read_fd(&b, fd, (size_t)1 << 30), 0);
		close(fd);
	}
	free(path);
	return (buf_detach(&b));
}

static inline void
write_reports(void)
{
	struct config config = { 0 };

	config.source = json_object_new_object();
	CHECK_INT(report_write(dir, session, &config), 0);
	json_object_put(config.source);
}

#endif
