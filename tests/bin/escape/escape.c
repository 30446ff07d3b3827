/*
 * escape list|run|victim DIR: try every way out of a sandbox.  "run" prints
 * for each whether it is open.
 */

#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bin/escape/escape.h"

#define PROBE_SECONDS 5

static const struct probe *const families[] = { file_probes, process_probes,
	network_probes, kernel_probes, NULL };

static const char *current;

const char *
fact(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL)
		errx(2, "%s is not set", name);
	return (value);
}

long
fact_number(const char *name)
{
	return (strtol(fact(name), NULL, 0));
}

pid_t
victim(void)
{
	return ((pid_t)fact_number("VICTIM"));
}

static const char *
name_path(const char *directory, const char *suffix)
{
	static char paths[4][4096];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s%s", fact(directory), current,
	    suffix);
	return (path);
}

const char *
outside_file(void)
{
	return (name_path("OUT", ".f"));
}

const char *
outside_dir(void)
{
	return (name_path("OUT", ".d"));
}

const char *
mine(void)
{
	return (name_path("MINE", ""));
}

const char *
kept(void)
{
	return (name_path("KEEP", ".f"));
}

int
opened(int fd)
{
	if (fd == -1)
		return (-1);
	close(fd);
	return (0);
}

int
make_mine(void)
{
	int fd = open(mine(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd == -1 || write(fd, SECRET, SECRET_LEN) != SECRET_LEN)
		err(2, "%s", mine());
	close(fd);
	return (0);
}

static void
say(const char *name, int status)
{
	const char *word = "closed";

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		word = "open";
	else if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE)
		word = "none";
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		word = "broken";
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		word = "late";
	printf("%s %s\n", name, word);
}

/* In a process of its own: some end it, some would change the next ones. */
static void
run_probe(const struct probe *p)
{
	int status, result;
	pid_t pid;

	fflush(stdout);
	current = p->name;
	if ((pid = fork()) == -1)
		err(1, "fork");
	if (pid == 0) {
		alarm(PROBE_SECONDS);
		result = p->try();
		_exit(result == -1 ? 3 : result);
	}
	if (waitpid(pid, &status, 0) == -1)
		err(1, "waitpid");
	say(p->name, status);
}

int
main(int argc, char **argv)
{
	const struct probe *p;
	size_t i;

	if (argc == 3 && strcmp(argv[1], "victim") == 0)
		return (run_victim(argv[2]));
	if (argc != 2)
		errx(64, "usage: escape list|run|victim DIR");
	for (i = 0; families[i] != NULL; i++)
		for (p = families[i]; p->name != NULL; p++)
			if (strcmp(argv[1], "run") == 0)
				run_probe(p);
			else
				printf("%s\n", p->name);
	return (0);
}
