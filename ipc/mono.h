/*
 * The monotonic clock in milliseconds, so that no deadline moves when
 * somebody sets the date.  Every `_ms` in the program is one of these or a
 * difference of two.
 */

#ifndef IPC_MONO_H
#define IPC_MONO_H

#include <stdint.h>
#include <time.h>

#define MONO_NEVER INT64_MAX

/* Milliseconds since some fixed point; see clock_gettime(2). */
static inline int64_t
mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* The wall clock in seconds since the epoch, for people and files only. */
static inline double
wall_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

/* The earlier of two deadlines. */
static inline int64_t
mono_min(int64_t a, int64_t b)
{
	return (a < b ? a : b);
}

/* at + ms, where MONO_NEVER stays what it is. */
static inline int64_t
mono_add(int64_t at, int64_t ms)
{
	return (at >= MONO_NEVER - ms ? MONO_NEVER : at + ms);
}

#endif
