/* The side of a run that a tool of another run started. */

#include <sys/epoll.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/loop.h"
#include "supervisor/nest/child.h"
#include "supervisor/nest/wire.h"

#define PARENT_VARIABLE "MASSGEN_PARENT"
#define ANSWER_MS       10000
#define LAST_WORD_MS    2000 /* a full door is emptied meanwhile, or never */
#define STATE_EVERY_MS  500
#define QUESTION_SENT   200

enum standing {
	ASKING,
	GRANTED,
	REFUSED,
	ALONE, /* the parent is gone */
};

struct parent_link {
	enum standing standing;
	struct watch door; /* watched only while it takes nothing */
	struct watch down;
	struct buf line; /* of what comes down */
	char *path;      /* of our FIFO; NULL once it has no name */
	char token[WIRE_RANDOM_LEN + 1];
	char *parent;
	char *refusal;
	struct wire grant; /* numbers only */
	bool interrupted;  /* before the answer came */
	bool told_alone;
	bool changed;
	int64_t said_at;
};

/* --- what comes down --- */

static void
take_line(struct parent_link *link)
{
	struct wire w;
	char err[120];

	if (link->line.len == 0 || link->standing != ASKING)
		return;
	if (wire_decode(
		&w, link->line.data, link->line.len, err, sizeof(err)) == -1) {
		log_warnx("the parent's answer: %s", err);
		return;
	}
	if (w.type == WIRE_GRANT) {
		link->standing = GRANTED;
		strlcpy(link->token, w.token, sizeof(link->token));
		link->parent = utf8_line(w.parent, 200);
		link->grant = w;
		link->grant.root = NULL;
	} else if (w.type == WIRE_REFUSE) {
		link->standing = REFUSED;
		link->refusal = utf8_line(w.text, 500);
	}
	wire_release(&w);
}

static void
take_bytes(struct parent_link *link, const char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (data[i] != '\n') {
			(void)buf_add(&link->line, data + i, 1);
			continue;
		}
		take_line(link);
		buf_consume(&link->line, link->line.len);
	}
}

static void
stop_hearing(struct parent_link *link)
{
	int fd = link->down.fd;

	if (fd == -1)
		return;
	loop_unwatch(&link->down);
	close(fd);
}

static void
hear(void *arg, uint32_t events)
{
	struct parent_link *link = arg;
	char data[PIPE_BUF];
	ssize_t n;

	(void)events;
	while ((n = read(link->down.fd, data, sizeof(data))) > 0)
		take_bytes(link, data, (size_t)n);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	stop_hearing(link);
	if (link->standing != REFUSED)
		link->standing = ALONE;
}

/* --- what goes up --- */

static void
wake(void *arg, uint32_t events)
{
	/* all there is to do is to look again */
	(void)arg;
	(void)events;
}

/* Whole or not at all; false: not until then. */
static bool
say(struct parent_link *link, const struct wire *w, int64_t until)
{
	struct buf line = BUF_INITIALIZER;
	int fd = link->door.fd, written = -1;

	if (!wire_encode(w, &line)) {
		errno = ENAMETOOLONG;
		return (false);
	}
	while ((written = wire_write(fd, &line)) == -1 && errno == EAGAIN &&
	    mono_ms() < until) {
		loop_watch(&link->door, fd, EPOLLOUT);
		loop_wait(until);
		loop_unwatch(&link->door);
	}
	link->door.fd = fd;
	buf_release(&line);
	return (written == 0);
}

/* --- asking --- */

static int
open_door(struct parent_link *link, const char *dir)
{
	char *path = xasprintf("%s/" WIRE_DOOR, dir);
	struct stat st;

	link->door.fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	free(path);
	if (link->door.fd == -1)
		return (-1);
	if (fstat(link->door.fd, &st) == 0 && S_ISFIFO(st.st_mode))
		return (0);
	errno = ENXIO;
	return (-1);
}

static int
open_down(struct parent_link *link, const char *dir, const char *name)
{
	int fd;

	link->path = xasprintf("%s/%s", dir, name);
	if (mkfifo(link->path, 0600) == -1)
		return (-1);
	fd = open(link->path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return (-1);
	loop_watch(&link->down, fd, EPOLLIN);
	return (0);
}

static bool
say_open(struct parent_link *link, const struct child_ask *ask,
    const char *name, int64_t until)
{
	char *question = utf8_line(ask->question, QUESTION_SENT);
	struct wire w = { .type = WIRE_OPEN,
		.name = name,
		.session_id = strrchr(ask->log_dir, '/') + 1,
		.log_dir = ask->log_dir,
		.question = question,
		.timeout_ms = ask->config->run_timeout_ms,
		.max_cost_usd = ask->config->max_cost_usd };
	bool said = say(link, &w, until);

	free(question);
	return (said);
}

static void
await_answer(struct parent_link *link, int64_t until)
{
	while (link->standing == ASKING && mono_ms() < until) {
		loop_wait(until);
		if (loop_signals().stop > 0) {
			link->interrupted = true;
			stop_hearing(link);
			return;
		}
	}
}

static void
apply(const struct parent_link *link, const struct child_ask *ask)
{
	const struct wire *g = &link->grant;
	struct config *config = ask->config;
	int64_t total = mono_add(mono_ms() - ask->started, g->left_ms);

	if (total < config->run_timeout_ms) {
		config->run_timeout_ms = total;
		config->agent_timeout_ms =
		    mono_min(config->agent_timeout_ms, (total + 1) / 2);
	}
	if (g->budget_usd > 0 &&
	    (config->max_cost_usd <= 0 || g->budget_usd < config->max_cost_usd))
		config->max_cost_usd = g->budget_usd;
	if (g->max_depth < config->max_nesting_depth)
		config->max_nesting_depth = (int)g->max_depth;
	if (g->max_runs < config->max_nested_runs)
		config->max_nested_runs = (int)g->max_runs;
}

static void
drop_name(struct parent_link *link)
{
	if (link->path != NULL)
		(void)unlink(link->path);
	free(link->path);
	link->path = NULL;
}

static int
ask_parent(struct parent_link *link, const struct child_ask *ask,
    const char *dir, char *err, size_t errlen)
{
	int64_t until = mono_ms() + ANSWER_MS;
	char name[WIRE_RANDOM_LEN + sizeof(WIRE_DOWN)];

	wire_random(name);
	strlcat(name, WIRE_DOWN, sizeof(name));
	if (open_door(link, dir) == -1 || open_down(link, dir, name) == -1 ||
	    !say_open(link, ask, name, until)) {
		snprintf(err, errlen,
		    PARENT_VARIABLE "=%.500s: the run that started this one "
				    "cannot be asked: %s",
		    dir, strerror(errno));
		return (-1);
	}
	await_answer(link, until);
	if (link->interrupted || link->standing == GRANTED)
		return (0);
	if (link->standing == REFUSED)
		snprintf(err, errlen, "this nested run is refused: %s",
		    link->refusal);
	else
		snprintf(err, errlen,
		    PARENT_VARIABLE "=%.500s: the run that started this one "
				    "%s",
		    dir,
		    link->standing == ALONE ? "is gone" : "does not answer");
	return (-1);
}

int
child_join(const struct child_ask *ask, struct parent_link **out, char *err,
    size_t errlen)
{
	const char *dir = getenv(PARENT_VARIABLE);
	struct parent_link *link;

	*out = NULL;
	if (dir == NULL || *dir == '\0')
		return (0);
	link = xcalloc(1, sizeof(*link));
	link->door.fd = link->down.fd = -1;
	link->door.ready = wake;
	link->down.ready = hear;
	link->down.arg = link;
	buf_init(&link->line, PIPE_BUF);
	if (ask_parent(link, ask, dir, err, errlen) == -1) {
		drop_name(link);
		child_free(link);
		return (-1);
	}
	drop_name(link);
	if (link->standing == GRANTED)
		apply(link, ask);
	*out = link;
	return (0);
}

void
child_free(struct parent_link *link)
{
	if (link == NULL)
		return;
	stop_hearing(link);
	if (link->door.fd != -1)
		close(link->door.fd);
	buf_release(&link->line);
	free(link->parent);
	free(link->refusal);
	free(link);
}

/* --- the run --- */

const char *
child_parent(const struct parent_link *link)
{
	return (link == NULL ? NULL : link->parent);
}

int64_t
child_depth(const struct parent_link *link)
{
	return (link == NULL ? 0 : link->grant.depth);
}

bool
child_is_orphan(struct parent_link *link)
{
	if (link == NULL || link->told_alone ||
	    (link->standing != ALONE && !link->interrupted))
		return (false);
	link->told_alone = true;
	return (true);
}

void
child_changed(struct parent_link *link)
{
	if (link != NULL)
		link->changed = true;
}

int64_t
child_due(const struct parent_link *link)
{
	if (link == NULL || !link->changed || link->standing != GRANTED)
		return (MONO_NEVER);
	return (link->said_at + STATE_EVERY_MS);
}

void
child_poll(struct parent_link *link, const struct session *s)
{
	struct wire w = { .type = WIRE_STATE };

	if (mono_ms() < child_due(link))
		return;
	w.token = link->token;
	w.percent = s->percent;
	wire_put_usage(&w, &s->usage);
	link->changed = false;
	link->said_at = mono_ms();
	/* a door that is full has this said again with the next change */
	(void)say(link, &w, 0);
}

void
child_end(struct parent_link *link, const struct session *s, int exit_code)
{
	struct wire w = { .type = WIRE_END, .exit_code = exit_code };

	if (link == NULL || link->standing != GRANTED)
		return;
	w.token = link->token;
	if (s != NULL)
		wire_put_usage(&w, &s->usage);
	if (!say(link, &w, mono_ms() + LAST_WORD_MS))
		log_warn("the run that started this one does not hear its end");
	/* what comes down now is about nothing */
	stop_hearing(link);
}
