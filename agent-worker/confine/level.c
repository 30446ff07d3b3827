/* The levels, and what is done between fork and exec. */

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/confine/level.h"
#include "agent-worker/confine/watch.h"
#include "ipc/words.h"

#define OOM_SCORE "800" /* ended before the worker and its supervisor */

/* What a program needs of the system to run at all. */
const char *const system_paths[] = { "/bin", "/etc", "/lib", "/lib32", "/lib64",
	"/libx32", "/nix", "/opt", "/sbin", "/sys/devices/system/cpu", "/usr",
	NULL };

static int
off_prepare(struct stage *stage, char *err, size_t errlen)
{
	const struct policy *p = stage->policy;

	(void)err;
	(void)errlen;
	if (p->tmp != NULL)
		setenv("TMPDIR", p->tmp, 1);
	return (0);
}

const struct level levels[] = {
	{ "bwrap", bwrap_prepare },
	{ "landlock", landlock_prepare },
	{ "off", off_prepare },
	{ NULL, NULL },
};

const struct level *
level_find(const char *name)
{
	const struct level *level;

	for (level = levels; level->name != NULL; level++)
		if (strcmp(level->name, name) == 0)
			return (level);
	return (NULL);
}

int
stage_prepare(struct stage *stage, const struct level *level,
    const struct policy *policy, char *err, size_t errlen)
{
	*stage = (struct stage) { .policy = policy,
		.argv = policy->argv,
		.control = -1,
		.ruleset = -1 };
	if (level->prepare(stage, err, errlen) == 0)
		return (0);
	stage_release(stage);
	return (-1);
}

void
stage_release(struct stage *stage)
{
	size_t i;

	if (stage->control != -1)
		close(stage->control);
	if (stage->ruleset != -1)
		close(stage->ruleset);
	for (i = 0; i < stage->npass; i++)
		close(stage->pass[i]);
	free(stage->filter.filter);
	words_free(stage->owned);
}

/* --- in the child --- */

static const char *
drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof(none));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 ||
	    syscall(SYS_capset, &head, none) == -1)
		return ("capset");
	/* with this, exec gives none to root either: capabilities(7) */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return ("no_new_privs");
	return (NULL);
}

/*
 * It may be forbidden, by walls that we are in: then it was done there.  The
 * reaper is not dumpable, and such a process cannot write to its own files.
 */
static void
volunteer_for_oom(void)
{
	int fd;

	(void)prctl(PR_SET_DUMPABLE, 1);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	(void)!write(fd, OOM_SCORE, strlen(OOM_SCORE));
	close(fd);
}

static const char *
enter_walls(const struct stage *stage)
{
	const char *failed;

	if ((failed = drop_capabilities()) != NULL)
		return (failed);
	if (syscall(SYS_landlock_restrict_self, stage->ruleset, 0) == -1)
		return ("landlock_restrict_self");
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &stage->filter) == -1)
		return ("seccomp");
	return (NULL);
}

const char *
stage_enter(void *arg)
{
	struct stage *stage = arg;
	struct rlimit none = { 0, 0 };
	bool inside = stage->control == -1; /* else there is another reaper */
	const char *failed = NULL;

	volunteer_for_oom();
	if ((stage->walled || !inside) && setrlimit(RLIMIT_CORE, &none) == -1)
		return ("setrlimit");
	if (inside)
		failed = watch_enter(stage->policy);
	if (failed == NULL && stage->walled)
		failed = enter_walls(stage);
	return (failed);
}
