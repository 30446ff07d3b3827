/*
 * A worker that misbehaves on demand.  It speaks the protocol and does what
 * the first word of the system message in "init" names; a further word
 * once=FILE makes only the process that creates FILE do so.
 *
 * What happens before "init" cannot come from there: FAKE_WORKER_START is a
 * list of words of which the n-th process to start takes the n-th (the last
 * one serves all that follow), counted in the directory FAKE_WORKER_SLOTS.
 */

#include <sys/types.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/msg.h"
#include "ipc/xmalloc.h"

#define MIB ((size_t)1024 * 1024)

static struct worker {
	char name[16]; /* "agent1" */
	char *mode;
	char *key;
	char *words; /* the whole system message */
	char *question;
	char candidate[16]; /* first agent known to have an answer, or "" */
	int64_t turn;
	int64_t seen;
	bool answered;
	bool presenting;
	bool byte_at_a_time;
} self;

static void
write_bytes(int fd, const char *data, size_t len)
{
	size_t most = self.byte_at_a_time ? 1 : len;
	ssize_t n;

	while (len > 0) {
		n = write(fd, data, len < most ? len : most);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			_exit(0); /* nobody listens */
		data += n;
		len -= (size_t)n;
	}
}

static void
say(const char *text)
{
	write_bytes(STDOUT_FILENO, text, strlen(text));
}

static void
send_msg(const struct msg *m)
{
	struct buf line = BUF_INITIALIZER;

	msg_encode(m, &line);
	write_bytes(STDOUT_FILENO, line.data, line.len);
	buf_release(&line);
}

static void
send_text(enum msg_type type, const char *text)
{
	struct msg m = {
		.type = type, .turn = self.turn, .text = text, .seen = self.seen
	};

	send_msg(&m);
}

static void
send_vote(const char *target)
{
	struct msg m = { .type = MSG_VOTE,
		.turn = self.turn,
		.agent = target,
		.text = "it is there",
		.seen = self.seen };

	send_msg(&m);
}

static void
send_hello(int64_t version)
{
	struct msg m = { .type = MSG_HELLO,
		.version = version,
		.name = "fake-worker",
		.pid = getpid(),
		.undumpable = true };

	send_msg(&m);
}

static void
read_to_eof(void)
{
	char scratch[4096];
	ssize_t n;

	do
		n = read(STDIN_FILENO, scratch, sizeof(scratch));
	while (n > 0 || (n == -1 && errno == EINTR));
}

/* Do nothing but notice the end of input. */
static void __attribute__((noreturn)) wait_for_eof(void)
{
	read_to_eof();
	_exit(0);
}

static void __attribute__((noreturn)) sleep_long(void)
{
	unsigned int left = 60;

	while (left > 0)
		left = sleep(left);
	_exit(0);
}

static void
send_answer(void)
{
	char *text;

	text = xasprintf("%s of %s: %s",
	    self.presenting ? "Presentation" : "Answer", self.name,
	    self.question);
	send_text(MSG_ANSWER, text);
	free(text);
}

/* What a good worker does with a turn, or after a verdict that allows it. */
static void
act(void)
{
	if (self.presenting || !self.answered || self.candidate[0] == '\0')
		send_answer();
	else
		send_vote(self.candidate);
	self.answered = true;
}

static void
do_good(void)
{
	send_text(MSG_CONTEXT, "what the fake worker was shown");
	send_text(MSG_CONTENT, "thinking\n");
	act();
}

static void
do_byte_at_a_time(void)
{
	self.byte_at_a_time = true;
	do_good();
}

static void
do_hang_ignore_term(void)
{
	signal(SIGTERM, SIG_IGN);
	sleep_long();
}

static void
do_huge_line(void)
{
	size_t left = MSG_LINE_MAX + 16 * MIB;
	char *block = xcalloc(1, MIB);

	memset(block, 'x', MIB);
	for (; left > 0; left -= MIB)
		write_bytes(STDOUT_FILENO, block, MIB);
	wait_for_eof();
}

static void
do_nul(void)
{
	static const char line[] =
	    "{\"type\":\"content\",\"turn\":1,\"text\":\"a\0b\"}\n";

	write_bytes(STDOUT_FILENO, line, sizeof(line) - 1);
	wait_for_eof();
}

static void
do_flood(void)
{
	char text[8192];

	memset(text, 'f', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (;;)
		send_text(MSG_CONTENT, text);
}

static void
do_answer_and_exit(void)
{
	act();
	_exit(0);
}

static void
do_segv(void)
{
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static void
do_close_output(void)
{
	close(STDOUT_FILENO);
	sleep_long();
}

/* What was asked for comes when nobody waits for it any more. */
static void
do_in_grace(void)
{
	read_to_eof();
	act();
	_exit(0);
}

/* It inherits all descriptors, standard error among them. */
static void
do_grandchild(void)
{
	if (fork() == 0)
		sleep_long();
	do_good();
}

static void
do_daemon_grandchild(void)
{
	if (fork() == 0) {
		setsid();
		if (fork() == 0)
			sleep_long();
		_exit(0);
	}
	do_good();
}

static void
do_stale_turn(void)
{
	struct msg m = { .type = MSG_ANSWER,
		.turn = self.turn + 1000,
		.text = "of no turn at all" };

	send_msg(&m);
	do_good();
}

static void
do_second_hello(void)
{
	send_hello(MSG_VERSION);
	wait_for_eof();
}

static void
do_vote_before_answer(void)
{
	if (self.answered) {
		do_good();
		return;
	}
	send_vote(self.name);
}

static void
do_vote_unknown(void)
{
	if (self.answered && !self.presenting)
		send_vote("agent99");
	else
		do_good();
}

static void
do_stop_self(void)
{
	raise(SIGSTOP);
	wait_for_eof();
}

static void
do_answer_50mb(void)
{
	char *text;

	if (self.answered && !self.presenting) {
		act();
		return;
	}
	text = xcalloc(1, 50 * MIB + 1);
	memset(text, 'a', 50 * MIB);
	send_text(MSG_ANSWER, text);
	free(text);
	self.answered = true;
}

static void
do_stderr_flood(void)
{
	char *block = xcalloc(1, MIB);
	int i;

	memset(block, 'e', MIB);
	for (i = 79; i < (int)MIB; i += 80)
		block[i] = '\n';
	for (i = 0; i < 32; i++)
		write_bytes(STDERR_FILENO, block, MIB);
	free(block);
	do_good();
}

/* The key as JSON escapes, which a search for its bytes does not see. */
static void
do_key_in_escapes(void)
{
	struct buf line = BUF_INITIALIZER;
	const char *p;

	buf_addf(&line, "{\"type\":\"content\",\"turn\":%lld,\"text\":\"",
	    (long long)self.turn);
	for (p = self.key; p != NULL && *p != '\0'; p++)
		buf_addf(&line, "\\u%04x", (unsigned char)*p);
	buf_adds(&line, "\"}\n");
	write_bytes(STDOUT_FILENO, line.data, line.len);
	buf_release(&line);
	do_good();
}

/* As a model that quotes it says it: piece by piece. */
static void
do_key_in_pieces(void)
{
	size_t half = strlen(self.key) / 2;
	char *text;

	text = xstrndup(self.key, half);
	send_text(MSG_CONTENT, text);
	send_text(MSG_CONTENT, self.key + half);
	free(text);
	do_good();
}

/* In every way in which a worker can say anything. */
static void
tell(const char *text)
{
	fprintf(stderr, "%s\n", text);
	send_text(MSG_CONTENT, text);
	send_text(MSG_REASONING, text);
	send_text(MSG_CONTEXT, text);
	if (self.answered && !self.presenting)
		act();
	else
		send_text(MSG_ANSWER, text);
	self.answered = true;
}

static void
do_key_on_stderr(void)
{
	char *text;

	fprintf(stderr, "key is %s\nAuthorization: Bearer %s\n", self.key,
	    self.key);
	text = xasprintf("the key of %s is %s.\n", self.name, self.key);
	tell(text);
	free(text);
}

static void
do_tell(void)
{
	tell(self.words);
}

static void
send_error(const char *text)
{
	struct msg m = { .type = MSG_ERROR,
		.turn = self.turn,
		.kind = "model",
		.text = text };

	send_msg(&m);
}

static void
do_error(void)
{
	send_error("the model is out of order");
}

static void
do_error_tells(void)
{
	send_error(self.words);
}

/* In place of an act: what to say and, unless 0, the status to exit with. */
static const struct mode {
	const char *name;
	void (*act)(void);
	const char *words;
	int status;
} modes[] = {
	{ "answer_50mb", do_answer_50mb, NULL, 0 },
	{ "answer_and_exit", do_answer_and_exit, NULL, 0 },
	{ "byte_at_a_time", do_byte_at_a_time, NULL, 0 },
	{ "close_output_but_live", do_close_output, NULL, 0 },
	{ "daemon_grandchild", do_daemon_grandchild, NULL, 0 },
	{ "error", do_error, NULL, 0 },
	{ "error_tells", do_error_tells, NULL, 0 },
	{ "exit_75", NULL, NULL, 75 },
	{ "exit_78", NULL, NULL, 78 },
	{ "flood", do_flood, NULL, 0 },
	{ "garbage", NULL, "Traceback (most recent call last):\n", 0 },
	{ "good", do_good, NULL, 0 },
	{ "grandchild_holds_stderr", do_grandchild, NULL, 0 },
	{ "half_line_then_die", NULL, "{\"type\":\"answer\",\"tu", 1 },
	{ "hang", wait_for_eof, NULL, 0 },
	{ "hang_ignore_term", do_hang_ignore_term, NULL, 0 },
	{ "huge_line", do_huge_line, NULL, 0 },
	{ "in_grace", do_in_grace, NULL, 0 },
	{ "key_in_escapes", do_key_in_escapes, NULL, 0 },
	{ "key_in_pieces", do_key_in_pieces, NULL, 0 },
	{ "key_on_stderr", do_key_on_stderr, NULL, 0 },
	{ "never_read", sleep_long, NULL, 0 },
	{ "nul", do_nul, NULL, 0 },
	{ "second_hello", do_second_hello, NULL, 0 },
	{ "segv", do_segv, NULL, 0 },
	{ "stale_turn", do_stale_turn, NULL, 0 },
	{ "stderr_flood", do_stderr_flood, NULL, 0 },
	{ "stop_self", do_stop_self, NULL, 0 },
	{ "tell", do_tell, NULL, 0 },
	{ "unknown_type", NULL, "{\"type\":\"applause\",\"turn\":1}\n", 0 },
	{ "vote_before_answer", do_vote_before_answer, NULL, 0 },
	{ "vote_unknown", do_vote_unknown, NULL, 0 },
	{ "wrong_direction", NULL, "{\"type\":\"cancel\",\"turn\":1}\n", 0 },
};

static void
act_out(const char *name)
{
	const struct mode *m = modes, *end = m + sizeof(modes) / sizeof(*m);

	while (m < end && strcmp(m->name, name) != 0)
		m++;
	if (m == end)
		errx(78, "no mode \"%s\"", name);
	if (m->act != NULL) {
		m->act();
		return;
	}
	if (m->words != NULL)
		say(m->words);
	if (m->status != 0)
		_exit(m->status);
	wait_for_eof();
}

/* Whether this process is the first to get hold of path. */
static bool
claim(const char *path)
{
	int fd;

	if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) ==
	    -1)
		return (false);
	close(fd);
	return (true);
}

static void
take_init(const struct msg *m)
{
	char *words, *mode, *word, *rest;

	strlcpy(self.name, m->agent, sizeof(self.name));
	if (m->key != NULL)
		self.key = xstrdup(m->key);
	rest = words =
	    xstrdup(m->system_message != NULL ? m->system_message : "good");
	self.words = xstrdup(words);
	mode = strsep(&rest, " \n");
	while ((word = strsep(&rest, " \n")) != NULL)
		if (strncmp(word, "once=", 5) == 0 && !claim(word + 5))
			mode = words = xstrdup("good");
	self.mode = mode;
}

/* One more agent with an answer; a good vote goes to the first by name. */
static void
note_candidate(const char *name)
{
	if (strcmp(name, self.name) == 0)
		self.answered = true;
	if (self.candidate[0] == '\0' || strcmp(name, self.candidate) < 0)
		strlcpy(self.candidate, name, sizeof(self.candidate));
}

static void
note_answers(struct json_object *answers)
{
	struct json_object *agent;
	size_t i;

	for (i = 0; i < json_object_array_length(answers); i++) {
		if (!json_object_object_get_ex(
			json_object_array_get_idx(answers, i), "agent", &agent))
			continue;
		note_candidate(json_object_get_string(agent));
	}
}

static void
take_turn(const struct msg *m)
{
	self.turn = m->turn;
	self.seen = m->seen;
	self.presenting = strcmp(m->kind, "present") == 0;
	free(self.question);
	self.question = xstrdup(m->text);
	note_answers(m->answers);
	act_out(self.mode);
}

/* A refusal that leaves the turn open is answered by a good act. */
static void
take_verdict(const struct msg *m)
{
	if (m->turn != self.turn)
		return;
	/* nobody is told of an answer of its own */
	if (m->accepted && self.answered)
		note_candidate(self.name);
	if (m->accepted || m->final)
		return;
	if (strcmp(self.mode, "vote_unknown") == 0 && self.candidate[0] != '\0')
		send_vote(self.candidate);
	else
		act();
}

static void
take_line(const char *line, size_t len)
{
	char why[200];
	struct msg m;

	if (msg_decode(&m, MSG_TO_WORKER, line, len, why, sizeof(why)) == -1)
		errx(70, "%s", why);
	if (m.type == MSG_INIT)
		take_init(&m);
	else if (m.type == MSG_TURN)
		take_turn(&m);
	else if (m.type == MSG_VERDICT)
		take_verdict(&m);
	else if (m.type == MSG_UPDATE) {
		self.seen = m.seen;
		note_answers(m.answers);
	}
	msg_release(&m);
}

/* The word of FAKE_WORKER_START that is this process's. */
static char *
start_word(void)
{
	const char *list = getenv("FAKE_WORKER_START"),
		   *slots = getenv("FAKE_WORKER_SLOTS");
	char *words, *word, *next, *path;
	bool mine;
	int n = 0;

	if (list == NULL || slots == NULL)
		return (xstrdup("good"));
	words = xstrdup(list);
	do {
		path = xasprintf("%s/%d", slots, n++);
		mine = claim(path);
		free(path);
	} while (!mine);
	word = strsep(&words, ",");
	while (n-- > 1 && (next = strsep(&words, ",")) != NULL)
		word = next;
	return (word);
}

int
main(void)
{
	const char *start = start_word();
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	signal(SIGPIPE, SIG_IGN);
	if (strcmp(start, "die_before_hello") == 0)
		_exit(1);
	if (strcmp(start, "hang_before_hello") == 0)
		wait_for_eof();
	if (strcmp(start, "garbage_before_hello") == 0)
		say("Segmentation fault\n");
	if (strcmp(start, "answer_before_hello") == 0)
		send_text(MSG_ANSWER, "too early");
	send_hello(strcmp(start, "wrong_version") == 0 ? 99 : MSG_VERSION);
	while ((len = getline(&line, &size, stdin)) > 0)
		take_line(line, (size_t)len - (line[len - 1] == '\n'));
	_exit(0);
}
