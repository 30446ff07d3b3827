/*
 * supervisor/process/worker: from hello to the end that always comes, with
 * real processes.  What a limit would wait for is not waited for: it is told
 * that its time has come.
 */

#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>

#include "ipc/utf8.h"
#include "supervisor/decide/restart.h"
#include "tests/unit/worker_run.h"

/* --- a good life --- */

TEST(a_worker_says_hello_works_and_leaves)
{
	int before;

	prepare();
	before = open_descriptors();
	if (!launch(HELLO "echo '{\"type\":\"error\",\"kind\":\"k\",\"text\":"
			  "\"sorry\"}'; cat >/dev/null"))
		return;
	CHECK(worker.deadline > mono_ms());
	await(&told.messages, 1);
	CHECK_INT(told.readies, 1);
	CHECK_STR(told.text, "sorry");
	CHECK(worker.undumpable);
	CHECK_INT(worker.state, WORKER_UP);
	CHECK(worker.deadline == MONO_NEVER);
	CHECK(!worker_is_down(&worker));
	worker_stop(&worker, "finished", "the run is over", false);
	CHECK_INT(worker.state, WORKER_CLOSING);
	check_end(0, 0, true, "finished", "the run is over");
	CHECK(told.max_rss_kib > 0);
	CHECK_INT(open_descriptors(), before);
	CHECK(worker.deadline == MONO_NEVER);
}

TEST(it_hears_what_is_sent)
{
	struct msg m = { .type = MSG_CANCEL, .turn = 12 };

	prepare();
	if (!launch(
		HELLO "read line; echo \"$line\" >&2; "
		      "test \"$line\" = '{\"type\":\"cancel\",\"turn\":12}'"))
		return;
	await(&told.readies, 1);
	worker_send(&worker, &m);
	check_end(0, 0, false, "exit", "exited with code 0");
}

TEST(it_can_be_started_again)
{
	int i;

	prepare();
	for (i = 1; i <= 3; i++) {
		if (!launch(HELLO "exit 7"))
			return;
		await(&told.ends, i);
		CHECK_INT(told.readies, i);
		CHECK_INT(told.code, 7);
	}
}

/* What was said before a death counts, but for a line without its end. */
TEST(last_words_are_heard)
{
	live(HELLO "echo '{\"type\":\"answer\",\"turn\":1,\"text\":\"A\"}';"
		   "printf '{\"type\":\"answer\",\"turn\":1,\"te'; kill -9 $$");
	CHECK_INT(told.messages, 1);
	CHECK_STR(told.text, "A");
	CHECK_INT(told.signal, SIGKILL);
	CHECK_STR(told.kind, "crash");
}

/* --- ends of its own making --- */

TEST(every_exit_code)
{
	char script[128], reason[64];
	int code;

	for (code = 0; code <= 255; code++) {
		snprintf(script, sizeof(script), HELLO "exit %d", code);
		snprintf(reason, sizeof(reason), "exited with code %d", code);
		live(script);
		CHECK_INT(told.ends, 1);
		CHECK_INT(told.code, code);
		CHECK_INT(told.signal, 0);
		CHECK_INT(told.permanent, restart_is_permanent(code));
		CHECK(!told.requested);
		CHECK_STR(told.kind, "exit");
		CHECK_STR(told.reason, reason);
	}
}

/* What signal(7) calls "Ign", "Cont" and "Stop". */
static bool
does_not_end(int sig)
{
	static const int harmless[] = { SIGCHLD, SIGCONT, SIGURG, SIGWINCH,
		SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };
	size_t i;

	for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (harmless[i] == sig)
			return (true);
	return (false);
}

TEST(every_signal_that_ends_a_process)
{
	char script[80], reason[64];
	int sig;

	for (sig = 1; sig <= SIGRTMAX; sig++) {
		/* those below SIGRTMIN the C library keeps: nptl(7) */
		if (does_not_end(sig) || (sig >= __SIGRTMIN && sig < SIGRTMIN))
			continue;
		snprintf(script, sizeof(script),
		    "ulimit -c 0; kill -%d $$; exit 99", sig);
		live(script);
		if (!CHECK_INT(told.signal, sig))
			continue;
		CHECK_INT(told.code, 0);
		CHECK(!told.requested && !told.permanent);
		CHECK_STR(told.kind, "crash");
		if (sigabbrev_np(sig) == NULL)
			snprintf(
			    reason, sizeof(reason), "ended by signal %d", sig);
		else
			snprintf(reason, sizeof(reason),
			    "ended by signal %d (SIG%s)", sig,
			    sigabbrev_np(sig));
		CHECK_STR(told.reason, reason);
	}
}

TEST(signals_of_no_consequence)
{
	live(HELLO "kill -CHLD $$; kill -CONT $$; kill -URG $$; "
		   "kill -WINCH $$; exit 5");
	CHECK_INT(told.code, 5);
}

TEST(a_program_that_is_not_there)
{
	char *argv[] = { (char *)(uintptr_t) "/nowhere/at/all", NULL };
	char err[256] = "";
	int before;

	prepare();
	before = open_descriptors();
	CHECK_INT(worker_start(&worker, argv, environ, err, sizeof(err)), -1);
	CHECK_STR(err, "exec /nowhere/at/all: No such file or directory");
	CHECK(worker_is_down(&worker));
	CHECK_INT(worker.pid, -1);
	CHECK_INT(open_descriptors(), before);
	CHECK_INT(told.ends, 0);
}

/* --- ends that we ask for --- */

TEST(without_hello_it_is_stopped)
{
	prepare();
	if (!launch("cat >/dev/null"))
		return;
	CHECK(worker.deadline > mono_ms());
	expire(WORKER_STARTING, 15000);
	check_end(0, 0, true, "timeout", "did not say hello");
	CHECK(!told.permanent);
}

TEST(after_its_grace_it_is_terminated)
{
	prepare();
	if (!launch(HELLO "exec sleep 1000"))
		return;
	await(&told.readies, 1);
	worker_stop(&worker, "timeout", "too late", true);
	expire(WORKER_CLOSING, 500);
	CHECK_INT(worker.state, WORKER_TERMED);
	check_end(0, SIGTERM, true, "timeout", "too late");
	CHECK(told.permanent);
}

TEST(after_another_it_is_killed)
{
	prepare();
	if (!launch("trap '' TERM; " HELLO "while :; do sleep 1; done"))
		return;
	await(&told.readies, 1);
	worker_stop(&worker, "timeout", "too late", false);
	expire(WORKER_CLOSING, 500);
	turn();
	expire(WORKER_TERMED, 1500);
	CHECK_INT(worker.state, WORKER_KILLED);
	CHECK(worker.deadline <= mono_ms() + 5000);
	check_end(0, SIGKILL, true, "timeout", "too late");
}

TEST(a_stopped_one_is_continued_to_its_end)
{
	prepare();
	if (!launch(HELLO "kill -STOP $$; exit 1"))
		return;
	await(&told.readies, 1);
	worker_stop(&worker, "timeout", "too late", false);
	expire(WORKER_CLOSING, 500);
	check_end(0, SIGTERM, true, "timeout", "too late");
}

TEST(the_first_reason_counts)
{
	prepare();
	if (!launch(HELLO "cat >/dev/null"))
		return;
	await(&told.readies, 1);
	worker_stop(&worker, "first", "this one", false);
	worker_stop(&worker, "second", "not this one", true);
	worker_kill(&worker, "third", "nor this");
	CHECK_INT(worker.state, WORKER_KILLED);
	if (await(&told.ends, 1)) {
		CHECK_STR(told.kind, "first");
		CHECK_STR(told.reason, "this one");
		CHECK(!told.permanent);
	}
}

TEST(who_is_killed_has_no_grace)
{
	prepare();
	if (!launch("trap '' TERM; " HELLO "while :; do sleep 1; done"))
		return;
	await(&told.readies, 1);
	worker_kill(&worker, "finished", "interrupted twice");
	check_end(0, SIGKILL, true, "finished", "interrupted twice");
	/* and to a dead one nothing happens */
	worker_kill(&worker, "finished", "again");
	worker_stop(&worker, "finished", "again", false);
	worker_expire(&worker);
	CHECK(worker_is_down(&worker));
	CHECK_INT(told.ends, 1);
}

TEST(who_closes_its_output_has_to_leave)
{
	prepare();
	if (!launch(HELLO "exec >&-; exec sleep 1000"))
		return;
	while (worker.state != WORKER_CLOSING)
		turn();
	expire(WORKER_CLOSING, 500);
	check_end(0, SIGTERM, true, "protocol_error", "closed its output");
}

TEST(who_reads_nothing_holds_up_nobody)
{
	struct msg m = { .type = MSG_VERDICT, .text = NULL };
	char *text = xcalloc(1, (1 << 20) + 1);
	int i;

	memset(text, 't', 1 << 20);
	prepare();
	if (!launch(HELLO "exec sleep 1000"))
		return;
	await(&told.readies, 1);
	m.text = text;
	for (i = 0; i < 8; i++)
		worker_send(&worker, &m);
	CHECK_INT(worker.state, WORKER_UP);
	worker_kill(&worker, "finished", "it does not read");
	await(&told.ends, 1);
	free(text);
}

/* Its pipe would be ready for ever, and the wait would be none. */
TEST(who_closes_its_input_is_let_be)
{
	int64_t until;

	prepare();
	if (!launch(HELLO "exec <&-; sleep 1000 & wait"))
		return;
	await(&told.readies, 1);
	until = mono_ms() + PATIENCE_MS;
	while (worker.out.fd != -1 && mono_ms() < until)
		turn();
	CHECK_INT(worker.out.fd, -1);
	CHECK_INT(worker.state, WORKER_UP);
	CHECK_INT(told.ends, 0);
	worker_kill(&worker, "finished", "it is deaf");
	await(&told.ends, 1);
}

/* --- what is no message --- */

TEST(protocol_errors_end_it_at_once)
{
	static const struct {
		const char *says, *reason;
		bool permanent;
	} rows[] = {
		{ "echo hello", "not JSON: ", false },
		{ "echo '{\"type\":\"heartbeat\"}'",
		    "its first message is not hello", false },
		{ "echo '{\"type\":\"hello\",\"version\":2}'",
		    "it speaks version 2, not 1", true },
		{ "echo '{\"type\":\"hello\"}'", "no \"version\"", false },
		{ HELLO HELLO "true", "a second hello", false },
		{ HELLO "echo '{\"type\":\"applause\"}'",
		    "unknown message \"applause\"", false },
		{ HELLO "echo '{\"type\":\"cancel\",\"turn\":1}'",
		    "misdirected message \"cancel\"", false },
		{ HELLO "echo '{\"type\":\"vote\",\"turn\":1}'", "no \"agent\"",
		    false },
		{ HELLO "echo", "not JSON: ", false },
		{ HELLO "printf 'x\\000y\\n'", "not JSON: ", false },
		{ HELLO "printf '{\"type\":\"\\377\"}\\n'", "not UTF-8",
		    false },
	};
	char want[100], script[300];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(script, sizeof(script),
		    "trap '' TERM; %s; while :; do sleep 1; done",
		    rows[i].says);
		snprintf(
		    want, sizeof(want), "protocol error: %s", rows[i].reason);
		live(script);
		CHECK(told.requested);
		CHECK_INT(told.signal, SIGKILL);
		CHECK_STR(told.kind, "protocol_error");
		CHECK_INT(told.permanent, rows[i].permanent);
		if (!CHECK(strncmp(told.reason, want, strlen(want)) == 0))
			CHECK_STR(told.reason, want);
	}
}

TEST(after_a_protocol_error_nothing_is_heard)
{
	live(HELLO "echo '{\"type\":\"heartbeat\"}'; echo nonsense; "
		   "echo '{\"type\":\"heartbeat\"}'; cat >/dev/null");
	CHECK_INT(told.messages, 1);
	CHECK_STR(told.kind, "protocol_error");
}

/* --- its standard error --- */

/* What the log has of a worker that runs script, for the caller to free. */
static char *
log_of(const char *script)
{
	const char *tmp = getenv("TMPDIR");
	char *name = xasprintf("%s/log-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	struct buf b = BUF_INITIALIZER;
	int fd = mkostemp(name, O_CLOEXEC);

	log_to_file(fd, LOG_LEVEL_ERROR);
	live(script);
	log_to_file(-1, LOG_LEVEL_ERROR);
	lseek(fd, 0, SEEK_SET);
	CHECK_INT(buf_read_fd(&b, fd, (size_t)1 << 26), 0);
	close(fd);
	unlink(name);
	free(name);
	return (buf_detach(&b));
}

/* Not with strstr, which sanitizers let measure the whole text each time. */
static int
count(const char *text, const char *what)
{
	const char *end = text + strlen(text);
	int n = 0;

	while ((text = memmem(
		    text, (size_t)(end - text), what, strlen(what))) != NULL) {
		text += strlen(what);
		n++;
	}
	return (n);
}

TEST(its_standard_error_is_in_the_log)
{
	char *text = log_of(HELLO "echo one >&2; printf 'two\\nthr' >&2; "
				  "printf ee >&2");

	CHECK_INT(count(text, "tested: one\n"), 1);
	CHECK_INT(count(text, "tested: two\n"), 1);
	CHECK_INT(count(text, "tested: three\n"), 1);
	free(text);
}

TEST(its_standard_error_is_bounded)
{
	char *text = log_of(HELLO
	    "head -c 20000 /dev/zero | tr '\\0' x >&2; echo >&2; "
	    "yes 'and so on, for a very long time' | head -c 8000000 >&2; "
	    "exit 3");
	int lines;

	CHECK_INT(told.code, 3); /* all was read, so it came to its end */
	lines = count(text, "and so on, for a very long time\n");
	CHECK(lines > 10000 && lines <= 4 * 1024 * 1024 / 32);
	CHECK_INT(count(text, "xxxxxxxx"), 4096 / 8);
	free(text);
}
