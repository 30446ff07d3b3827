/*
 * confine: holds one command in its walls, and ends it with everything that
 * it started; see confine(8).
 */

#include <sys/prctl.h>

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "agent-worker/confine/level.h"
#include "agent-worker/confine/policy.h"
#include "agent-worker/confine/probe.h"
#include "agent-worker/confine/run.h"
#include "ipc/log.h"

static void __attribute__((noreturn)) usage(void)
{
	fprintf(stderr,
	    "usage: confine [--level auto|bwrap|landlock|off] [--read PATH] "
	    "[--write PATH]\n"
	    "               [--keep PATH] [--tmp DIR] [--network] "
	    "[--memory BYTES]\n"
	    "               [--processes N] [--file-size BYTES] "
	    "[--cpu SECONDS]\n"
	    "               [--grace MS] [--chdir DIR] [--report FD] -- "
	    "PROGRAM [ARG]...\n"
	    "       confine [OPTION]... --command FD\n"
	    "       confine --probe [--level auto|bwrap|landlock|off]\n");
	exit(EX_USAGE);
}

int
main(int argc, char **argv)
{
	static char name[] = "confine";
	const struct level *level = NULL;
	struct policy policy;
	bool automatic;
	int status;

	/* inside we are started by the number of a descriptor */
	program_invocation_short_name = name;
	(void)prctl(PR_SET_NAME, name);
	log_init(name, LOG_LEVEL_WARN);
	if (policy_parse(&policy, argc, argv) == -1)
		usage();
	automatic = strcmp(policy.level, "auto") == 0;
	if (!automatic && (level = level_find(policy.level)) == NULL) {
		warnx("--level %s: there is none of that name", policy.level);
		usage();
	}
	if (automatic || policy.probe)
		level = probe(level);
	if (level == NULL)
		status = EXIT_WALLS;
	else if (policy.probe)
		status =
		    printf("%s\n", level->name) < 0 || fflush(stdout) == EOF;
	else
		status = run(&policy, level);
	policy_release(&policy);
	/* what looks for leaks at exit may not look into us */
	_exit(status);
}
