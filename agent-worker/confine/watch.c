/* The limits of a command. */

#include <sys/resource.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent-worker/confine/watch.h"
#include "ipc/children.h"
#include "ipc/mono.h"

#define LOOK_MS     50 /* between looks at the memory and the time */
#define COUNT_MS    10 /* between looks whether there may be many more */
#define COUNT_MAX   100
#define FORKS       20 /* that a storm makes in a millisecond, at most */
#define LOOK_SHARE  20 /* a look takes at most this part of the time */
#define NPROC_SLACK 2  /* that what is too much may be seen */

void
watch_init(struct watch *w, const struct policy *p, bool wanted)
{
	memset(w, 0, sizeof(*w));
	w->policy = p;
	if (!wanted ||
	    (p->memory == 0 && p->processes == 0 && p->cpu_seconds == 0))
		w->next_at = MONO_NEVER;
}

/*
 * The number of the last process that was made in our PID namespace: the
 * fifth word of /proc/loadavg, see proc(5).  -1: cannot tell.
 */
static int64_t
last_pid(void)
{
	char text[128], *word;
	ssize_t n;
	int fd;

	if ((fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC)) == -1)
		return (-1);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return (-1);
	text[n] = '\0';
	return ((word = strrchr(text, ' ')) == NULL ? -1 : atoll(word + 1));
}

/* No more can have come than numbers were given out since we counted. */
static bool
may_be_many(struct watch *w, int64_t pid)
{
	return (w->policy->processes > 0 &&
	    (pid < w->last_pid || w->last_pid == -1 ||
		w->tasks + pid - w->last_pid > w->policy->processes));
}

static void
look(struct watch *w)
{
	const struct policy *p = w->policy;
	struct children_sum sum;

	children_measure(&sum);
	w->tasks = sum.tasks;
	if (p->processes > 0 && sum.tasks > p->processes)
		w->exceeded = "processes";
	else if (p->cpu_seconds > 0 &&
	    sum.ticks / sysconf(_SC_CLK_TCK) >= p->cpu_seconds)
		w->exceeded = "cpu";
	else if (p->memory > 0 && sum.resident > p->memory &&
	    children_memory() > p->memory)
		w->exceeded = "memory";
}

/* The number of processes gives itself away; these do not. */
static bool
grows_unseen(const struct policy *p)
{
	return (p->memory > 0 || p->cpu_seconds > 0);
}

/* Where many are allowed, they take their time to come. */
static int64_t
count_ms(int64_t processes)
{
	int64_t ms = processes / FORKS / 2;

	return (ms < COUNT_MS ? COUNT_MS : mono_min(ms, COUNT_MAX));
}

bool
watch_is_exceeded(struct watch *w, int64_t now)
{
	int64_t pid = 0, took;

	if (w->exceeded != NULL || now < w->next_at)
		return (w->exceeded != NULL);
	if (w->policy->processes > 0)
		pid = last_pid();
	if (now >= w->look_at || may_be_many(w, pid)) {
		look(w);
		w->last_pid = pid;
		took = mono_ms() - now;
		w->look_at = grows_unseen(w->policy)
		    ? now + LOOK_MS + took * LOOK_SHARE
		    : MONO_NEVER;
	}
	w->next_at = w->look_at;
	if (w->policy->processes > 0)
		w->next_at = mono_min(
		    w->next_at, mono_ms() + count_ms(w->policy->processes));
	return (w->exceeded != NULL);
}

/* --- what the kernel keeps --- */

static const char *
limit(__rlimit_resource_t resource, int64_t soft, int64_t hard)
{
	struct rlimit had, want;

	if (getrlimit(resource, &had) == -1)
		return ("getrlimit");
	want.rlim_cur =
	    (rlim_t)soft < had.rlim_max ? (rlim_t)soft : had.rlim_max;
	want.rlim_max =
	    (rlim_t)hard < had.rlim_max ? (rlim_t)hard : had.rlim_max;
	return (setrlimit(resource, &want) == -1 ? "setrlimit" : NULL);
}

const char *
watch_enter(const struct policy *p)
{
	const char *failed = NULL;

	if (p->file_size > 0)
		failed = limit(RLIMIT_FSIZE, p->file_size, p->file_size);
	if (failed == NULL && p->cpu_seconds > 0)
		failed = limit(RLIMIT_CPU, p->cpu_seconds, p->cpu_seconds + 1);
	/* only in a namespace of users are they counted apart */
	if (failed == NULL && p->control != -1 && p->processes > 0)
		failed = limit(RLIMIT_NPROC, p->processes + NPROC_SLACK,
		    p->processes + NPROC_SLACK);
	return (failed);
}
