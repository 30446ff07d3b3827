/* Which walls can be built here. */

#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/spawn.h"
#include "ipc/utf8.h"
#include "supervisor/environment.h"
#include "supervisor/sandbox.h"

#define PROBE_MS   10000
#define SAID_MAX   1024 /* bytes of what a probe says */
#define REASON_MAX 400

extern char **environ;

/* Its first is the best; the last holds nothing. */
static const char *const levels[] = { "bwrap", "landlock", "off" };
#define LEVELS (sizeof(levels) / sizeof(levels[0]))

/* Until its end, or the deadline. */
static void
hear(int fd, int64_t until, struct buf *said)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char text[256];
	int64_t left;
	ssize_t n;

	while ((left = until - mono_ms()) > 0) {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, text, sizeof(text));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		if (said->len < SAID_MAX)
			buf_add(said, text, (size_t)n);
	}
}

/* Its exit status, or -1; what lasts too long is ended. */
static int
collect(pid_t pid, int64_t until)
{
	int status = -1;

	if (mono_ms() >= until)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return (-1);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/* Returns 0 with the level in said, or -1 with why there is none. */
static int
probe(char *confine, struct buf *said)
{
	char option[] = "--probe", which[] = "--level", any[] = "auto";
	char *argv[] = { confine, option, which, any, NULL }, err[256];
	struct spawn s = { .argv = argv, .envp = environ };
	int64_t until = mono_ms() + PROBE_MS;
	int fds[2], code = -1;
	pid_t pid;

	if (spawn_pipe(fds) == -1) {
		buf_adds(said, strerror(errno));
		return (-1);
	}
	s.fds[0] = STDIN_FILENO;
	s.fds[1] = s.fds[2] = fds[1];
	s.death_signal = SIGKILL;
	pid = spawn_run(&s, err, sizeof(err));
	close(fds[1]);
	if (pid == -1) {
		buf_adds(said, err);
	} else {
		hear(fds[0], until, said);
		code = collect(pid, until);
	}
	close(fds[0]);
	return (code == 0 ? 0 : -1);
}

/* In its last line; before it may stand why there is nothing stronger. */
static const char *
level_named(char *said)
{
	char *line;
	size_t i;

	for (i = strlen(said); i > 0 && strchr(" \n", said[i - 1]) != NULL;)
		said[--i] = '\0';
	line = strrchr(said, '\n');
	line = line == NULL ? said : line + 1;
	for (i = 0; i < LEVELS; i++)
		if (strcmp(line, levels[i]) == 0)
			return (levels[i]);
	return (NULL);
}

/* The best that works, and, if that is none, why. */
static const char *
best_level(char *why, size_t whylen)
{
	struct buf said = BUF_INITIALIZER;
	char *confine = environment_confine(), *line;
	const char *level = NULL;

	buf_adds(&said, "");
	if (probe(confine, &said) == 0)
		level = level_named(said.data);
	line = utf8_line(said.data, REASON_MAX);
	strlcpy(why, *line == '\0' ? "it does not say why" : line, whylen);
	free(line);
	buf_release(&said);
	free(confine);
	return (level == NULL ? "off" : level);
}

/* The agent whose tools want one most; NULL: none does. */
static const struct agent_config *
who_wants(const struct config *config)
{
	const struct agent_config *wants = NULL, *a;
	size_t i;

	for (i = 0; i < config->nagents; i++) {
		a = &config->agents[i];
		if (a->tools == NULL || a->sandbox == SANDBOX_OFF)
			continue;
		if (wants == NULL ||
		    (a->sandbox == SANDBOX_REQUIRED &&
			wants->sandbox != SANDBOX_REQUIRED))
			wants = a;
	}
	return (wants);
}

int
sandbox_choose(const struct config *config, const char **out_level, char *err,
    size_t errlen)
{
	const struct agent_config *a = who_wants(config);
	char why[REASON_MAX + 8];

	*out_level = "off";
	if (a == NULL)
		return (0);
	*out_level = best_level(why, sizeof(why));
	if (strcmp(*out_level, "bwrap") == 0) {
		log_info("tools are held by bwrap");
	} else if (strcmp(*out_level, "landlock") == 0) {
		log_warnx("bwrap does not work here: tools are held by "
			  "landlock, which leaves more open; see confine(8)");
	} else if (a->sandbox == SANDBOX_REQUIRED) {
		snprintf(err, errlen,
		    "agent %s: a sandbox is required, and none works here: %s",
		    a->id, why);
		return (-1);
	} else {
		log_warnx("no sandbox works here, so that tools may do all "
			  "that you may do: %s",
		    why);
	}
	return (0);
}

const char *
sandbox_of(const struct agent_config *a, const char *level)
{
	if (a->tools == NULL)
		return (NULL);
	return (a->sandbox == SANDBOX_OFF ? "off" : level);
}
