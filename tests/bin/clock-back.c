/*
 * Preloaded into a program: somebody sets the date.  From CLOCK_BACK_MS
 * milliseconds after the program's start on, its wall clock shows a day
 * less.  The monotonic clock goes on as it does in a real machine.
 */

#include <sys/syscall.h>
#include <sys/time.h>

#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DAY 86400

static int64_t
monotonic_ms(void)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static time_t
offset(void)
{
	static int64_t change;
	const char *after;

	if (change == 0) {
		after = getenv("CLOCK_BACK_MS");
		change = monotonic_ms() + (after == NULL ? 0 : atoi(after));
	}
	return (monotonic_ms() >= change ? -DAY : 0);
}

static void __attribute__((constructor)) start(void)
{
	(void)offset();
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int ret = (int)syscall(SYS_clock_gettime, clock, ts);

	if (ret == 0 && clock == CLOCK_REALTIME)
		ts->tv_sec += offset();
	return (ret);
}

time_t
time(time_t *out)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (out != NULL)
		*out = ts.tv_sec;
	return (ts.tv_sec);
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return (0);
}
