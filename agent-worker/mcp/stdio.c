/*
 * A server that is a program within the agent's walls: one message a line on
 * its standard input and output, words for people on its standard error.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/mcp/mcp.h"
#include "agent-worker/tool/confined.h"
#include "ipc/chan.h"
#include "ipc/children.h"
#include "ipc/field.h"
#include "ipc/mono.h"
#include "ipc/words.h"
#include "ipc/xmalloc.h"

#define QUEUE_MAX    (2 * MCP_MESSAGE_MAX) /* that it has not read yet */
#define UNASKED_MAX  ((size_t)1024 * 1024) /* taken while it has no request */
#define GRACE_MS     500                   /* between SIGTERM and SIGKILL */
#define LEAVE_MS     300  /* to end, once it has closed its output */
#define LOOK_MS      5000 /* between looks at the time it takes */
#define READS_A_WAKE 16
#define WORDS_MAX    4096 /* of one line of its standard error */
#define LAST_MAX     160  /* of its last words, where they are repeated */
#define LINK_FDS_MAX 8

enum {
	WATCH_OUT, /* what it says */
	WATCH_ERR,
	WATCH_PID,
	WATCHES
};

struct wire {
	struct confined program;
	struct chan chan;
	int err;
	struct buf words; /* the start of a line of its standard error */
	char last[LAST_MAX + 1];
	struct watch watches[WATCHES];
	bool watched[WATCHES];
	bool gone;   /* the program */
	bool broken; /* it says nothing more that is of use: see reason */
	bool leaving;
};

/* --- what it is to be --- */

static char **
argv_of(struct json_object *config)
{
	struct json_object *list;
	const char *word;
	size_t i, n;
	char **argv;

	if (!json_object_object_get_ex(config, "command", &list) ||
	    !json_object_is_type(list, json_type_array) ||
	    (n = json_object_array_length(list)) == 0)
		return (NULL);
	argv = xcalloc(n + 1, sizeof(*argv));
	for (i = 0; i < n; i++) {
		word =
		    json_object_get_string(json_object_array_get_idx(list, i));
		argv[i] = xstrdup(word == NULL ? "" : word);
	}
	return (argv);
}

static void
free_argv(char **argv)
{
	size_t i;

	for (i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	free(argv);
}

static char **
variable(char **env, const char *name)
{
	size_t len = strlen(name);

	while (*env != NULL &&
	    (strncmp(*env, name, len) != 0 || (*env)[len] != '='))
		env++;
	return (*env == NULL ? NULL : env);
}

/*
 * As commands have it, but for the home directory: what npx and its like
 * fetch and keep there is no part of an answer.
 */
static char **
environment_of(const struct mcp_server *s)
{
	struct json_object *own = NULL;
	char **env, **home, **tmp;

	(void)json_object_object_get_ex(s->config, "env", &own);
	env = confined_env(&s->box->walls, s->box->config, NULL, own);
	home = variable(env, "HOME");
	tmp = variable(env, "TMPDIR");
	if (home != NULL && tmp != NULL &&
	    !json_object_object_get_ex(own, "HOME", NULL)) {
		free(*home);
		*home = xasprintf("HOME=%s", *tmp + strlen("TMPDIR="));
	}
	return (env);
}

/* As commands have it, unless the server's own entry says otherwise. */
static bool
has_network(const struct mcp_server *s)
{
	const char *network = field_get_str(s->config, "network");
	struct json_object *commands;

	if (network == NULL &&
	    json_object_object_get_ex(
		s->box->config, "command_line", &commands))
		network = field_get_str(commands, "network");
	return (network != NULL && strcmp(network, "host") == 0);
}

/* --- what is looked after while the worker waits --- */

static void
watch(struct mcp_server *s, int which)
{
	struct wire *w = s->wire;

	if (w->watched[which])
		return;
	w->watched[which] =
	    link_watch(&s->box->agent->link, &w->watches[which]) == 0;
	if (w->watched[which])
		return;
	w->broken = true;
	mcp_fail(s, MCP_LOST, "it cannot be watched: %s", strerror(errno));
}

static void
unwatch(struct mcp_server *s, int which)
{
	struct wire *w = s->wire;

	if (w->watched[which])
		link_unwatch(&s->box->agent->link, &w->watches[which]);
	w->watched[which] = false;
}

/* A server that talks much while nobody asked it is heard when it is. */
static void
bound_unasked(struct mcp_server *s, int which, size_t len)
{
	s->taken += len;
	if (s->awaited == 0 && s->taken > UNASKED_MAX)
		unwatch(s, which);
}

/* --- its words --- */

static void
end_words(struct mcp_server *s, struct wire *w)
{
	if (w->words.len > 0) {
		strlcpy(w->last, w->words.data, sizeof(w->last));
		mcp_log(s, "", w->words.data);
	}
	w->words.len = 0;
}

static void
take_words(struct mcp_server *s, struct wire *w, const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (data[i] == '\n')
			end_words(s, w);
		else if (data[i] != '\0')
			/* of a longer line the rest is dropped */
			(void)buf_add(&w->words, &data[i], 1);
}

static void
read_words(void *arg)
{
	struct mcp_server *s = arg;
	struct wire *w = s->wire;
	char data[16384];
	ssize_t n;
	int i;

	for (i = 0; w->err != -1 && i < READS_A_WAKE; i++) {
		n = read(w->err, data, sizeof(data));
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			end_words(s, w);
			unwatch(s, WATCH_ERR);
			close(w->err);
			w->err = -1;
			return;
		}
		take_words(s, w, data, (size_t)n);
		bound_unasked(s, WATCH_ERR, (size_t)n);
	}
}

/* --- messages --- */

static void
answer(void *arg, const char *text, size_t len)
{
	struct wire *w = arg;

	/* who asks much and reads nothing goes without */
	if (chan_pending(&w->chan) < MCP_MESSAGE_MAX &&
	    chan_queue(&w->chan, text, len))
		(void)chan_queue(&w->chan, "\n", 1);
}

static void
take_lines(struct mcp_server *s, struct wire *w)
{
	char *line;
	size_t len;

	while ((line = chan_line(&w->chan, &len)) != NULL)
		if (line[strspn(line, " \t\r")] != '\0' &&
		    !mcp_take(s, line, len, answer, w))
			mcp_log(s, "not JSON: ", line);
}

static bool
fill(struct mcp_server *s, struct wire *w)
{
	switch (chan_fill(&w->chan)) {
	case CHAN_OK:
		return (true);
	case CHAN_EOF:
	case CHAN_ERROR:
		mcp_fail(s, MCP_LOST, "it has closed its output");
		break;
	case CHAN_TOO_LONG:
		mcp_fail(s, MCP_LOST, "it sent a line over %zu MiB",
		    MCP_MESSAGE_MAX >> 20);
		break;
	}
	return (false);
}

/* Read what it says, a bounded part. */
static void
read_messages(void *arg)
{
	struct mcp_server *s = arg;
	struct wire *w = s->wire;
	size_t before;
	int i;

	for (i = 0; !w->broken && i < READS_A_WAKE; i++) {
		before = chan_partial(&w->chan);
		w->broken = !fill(s, w);
		if (!w->broken && chan_partial(&w->chan) == before)
			return;
		bound_unasked(s, WATCH_OUT, chan_partial(&w->chan) - before);
		take_lines(s, w);
		if (!w->broken && s->taken > MCP_FLOOD_MAX) {
			w->broken = true;
			mcp_fail(s, MCP_LOST, "it sent over %zu MiB at once",
			    MCP_FLOOD_MAX >> 20);
		}
	}
	if (w->broken)
		unwatch(s, WATCH_OUT);
}

static void
note_gone(void *arg)
{
	struct mcp_server *s = arg;
	struct wire *w = s->wire;

	w->gone = true;
	unwatch(s, WATCH_PID);
}

/* --- start --- */

static void
attach(struct mcp_server *s, struct confined *program)
{
	struct wire *w = xcalloc(1, sizeof(*w));
	int i;

	chan_init(
	    &w->chan, program->out, program->in, MCP_MESSAGE_MAX, QUEUE_MAX);
	w->err = program->err;
	buf_init(&w->words, WORDS_MAX);
	w->program = *program;
	w->program.in = w->program.out = w->program.err = -1;
	w->watches[WATCH_OUT] =
	    (struct watch) { w->chan.rfd, read_messages, s };
	w->watches[WATCH_ERR] = (struct watch) { w->err, read_words, s };
	w->watches[WATCH_PID] =
	    (struct watch) { w->program.pidfd, note_gone, s };
	s->wire = w;
	s->taken = 0;
	for (i = 0; i < WATCHES; i++)
		watch(s, i);
}

static bool
start(struct mcp_server *s)
{
	struct confined_want want = { .dir = field_get_str(s->config, "cwd"),
		.input = true,
		.network = has_network(s),
		.grace_ms = GRACE_MS };
	struct confined program;
	char **argv, **envp;
	int rc;

	if ((argv = argv_of(s->config)) == NULL) {
		mcp_fail(s, MCP_LOST, "it has no command");
		return (false);
	}
	envp = environment_of(s);
	want.argv = argv;
	want.envp = envp;
	rc = confined_start(
	    &s->box->walls, &want, &program, s->reason, sizeof(s->reason));
	if (rc == 0)
		attach(s, &program);
	words_free(envp);
	free_argv(argv);
	return (rc == 0);
}

/* --- an exchange --- */

static int
poll_both(void *arg, struct pollfd *fds, unsigned int n, int timeout_ms)
{
	struct pollfd all[LINK_FDS_MAX + 1];
	const struct wire *w = arg;
	int ready;

	memcpy(all, fds, n * sizeof(*fds));
	all[n] = (struct pollfd) { w->chan.wfd, POLLOUT, 0 };
	ready = poll(all, n + 1, timeout_ms);
	if (ready > 0)
		memcpy(fds, all, n * sizeof(*fds));
	return (ready);
}

/* A server that computes goes on, though it says nothing. */
static void
look(struct mcp_server *s, int64_t *look_at, int64_t *ticks)
{
	int64_t now = mono_ms(), n;

	if (now < *look_at)
		return;
	n = children_ticks();
	s->went_on = s->went_on || n > *ticks;
	*ticks = n;
	*look_at = now + LOOK_MS;
}

/* It has gone, or takes nothing more: its last words count. */
static void
read_rest(struct mcp_server *s, struct wire *w)
{
	size_t before;

	do {
		before = s->taken;
		read_messages(s);
	} while (!w->broken && s->taken != before);
	read_words(s);
	if (!w->broken)
		mcp_fail(s, MCP_LOST, "it has closed its input");
	w->broken = true;
}

/* Whoever leaves may still have to print. */
static bool
await(struct mcp_server *s, int64_t until)
{
	struct wire *w = s->wire;
	struct pollfd fds[WATCHES];
	int64_t left;

	while (w->program.pid != 0) {
		fds[WATCH_OUT] = (struct pollfd) { w->chan.rfd, POLLIN, 0 };
		fds[WATCH_ERR] = (struct pollfd) { w->err, POLLIN, 0 };
		fds[WATCH_PID] =
		    (struct pollfd) { w->program.pidfd, POLLIN, 0 };
		if (w->broken)
			fds[WATCH_OUT].fd = -1;
		left = until - mono_ms();
		(void)poll(fds, WATCHES, left < 0 ? 0 : (int)left);
		if (fds[WATCH_PID].revents != 0)
			return (true);
		if (fds[WATCH_ERR].revents != 0)
			read_words(s);
		if (fds[WATCH_OUT].revents != 0)
			read_messages(s);
		if (left <= 0)
			return (false);
	}
	return (true);
}

/* It has gone, or is of no use any more: say why. */
static enum mcp_outcome
settle_lost(struct mcp_server *s, struct wire *w)
{
	char cause[32];
	int status;

	if (!w->gone)
		w->gone = await(s, mono_ms() + LEAVE_MS);
	unwatch(s, WATCH_PID);
	if (!w->gone ||
	    !confined_collect(&w->program, &status, cause, sizeof(cause)))
		return (MCP_LOST);
	read_words(s);
	if (strcmp(cause, "signal") == 0)
		status -= 128;
	return (mcp_fail(s, MCP_LOST, "it has ended, %s %d%s%s", cause, status,
	    *w->last == '\0' ? "" : ": ", w->last));
}

static enum mcp_outcome
await_reply(
    struct mcp_server *s, struct wire *w, bool wants_reply, int64_t until)
{
	int64_t look_at = mono_ms() + LOOK_MS, ticks = INT64_MAX;
	bool pending;

	for (;;) {
		if (chan_flush(&w->chan) == CHAN_ERROR || w->gone)
			read_rest(s, w);
		pending = chan_pending(&w->chan) > 0;
		if (wants_reply ? s->reply != NULL : !pending)
			return (MCP_OK);
		if (w->broken)
			return (settle_lost(s, w));
		if (mono_ms() >= until)
			return (mcp_fail(s, MCP_LATE, "no answer in time"));
		if (!agent_wait(s->box->agent, mono_min(until, look_at),
			pending ? poll_both : NULL, w))
			return (mcp_fail(s, MCP_OVER, "the turn is over"));
		look(s, &look_at, &ticks);
		mcp_note_progress(s);
	}
}

static bool
queue(struct wire *w, const struct mcp_message *m)
{
	return (chan_pending(&w->chan) + m->len + 1 <= QUEUE_MAX &&
	    chan_queue(&w->chan, m->text, m->len) &&
	    chan_queue(&w->chan, "\n", 1));
}

static enum mcp_outcome
exchange(struct mcp_server *s, const struct mcp_message *m, int64_t until)
{
	struct wire *w = s->wire;

	if (!w->broken)
		watch(s, WATCH_OUT);
	if (w->err != -1)
		watch(s, WATCH_ERR);
	if (!queue(w, m))
		return (mcp_fail(s, MCP_LOST, "it does not read"));
	return (await_reply(s, w, m->wants_reply, until));
}

static void
notify(struct mcp_server *s, const struct mcp_message *m)
{
	struct wire *w = s->wire;

	if (queue(w, m))
		(void)chan_flush(&w->chan);
}

static bool
is_gone(struct mcp_server *s)
{
	struct wire *w = s->wire;
	struct pollfd fd = { w->program.pidfd, POLLIN, 0 };

	return (w->gone || w->broken || poll(&fd, 1, 0) > 0);
}

/* --- its end --- */

static void
leave(struct mcp_server *s)
{
	struct wire *w = s->wire;

	if (w->leaving)
		confined_stop(&w->program);
	else
		chan_close_write(&w->chan);
	w->leaving = true;
}

static void
stop(struct mcp_server *s)
{
	struct wire *w = s->wire;
	char cause[32];
	int status, i;

	/* collecting closes descriptors that are watched */
	for (i = 0; i < WATCHES; i++)
		unwatch(s, i);
	if (!confined_collect(&w->program, &status, cause, sizeof(cause)))
		confined_kill(&w->program);
	read_words(s);
	end_words(s, w);
	if (w->err != -1)
		close(w->err);
	chan_release(&w->chan);
	buf_release(&w->words);
	free(w);
	s->wire = NULL;
}

const struct mcp_transport mcp_stdio = { "stdio", start, exchange, notify,
	is_gone, leave, await, stop };
