/*
 * The processes below this one: found, measured and ended, whatever session
 * or process group they made for themselves.  Who wants also those that
 * lost their parent becomes a subreaper first.
 */

#ifndef IPC_CHILDREN_H
#define IPC_CHILDREN_H

#include <sys/resource.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * Become the parent of every descendant that loses its own; see prctl(2),
 * PR_SET_CHILD_SUBREAPER.
 */
void children_adopt(void);

/*
 * The children that there are already were not started by this program: it
 * has them from the one that became it by exec.  They are inherited: nothing
 * here ends them or counts them as killed, nor what they leave behind in our
 * process group.  To be called before anything is started, which has to have
 * a group of its own; see spawn.h.
 */
void children_inherit(void);

/* A child that is dead and not collected; 0: none is; -1: there is no child. */
pid_t children_dead(void);

/*
 * Collect a child that is dead, as wait4(2) does.  Returns whether it was not
 * inherited.
 */
bool children_collect(pid_t, int *status, struct rusage *);

/*
 * SIGKILL every child that `keep` does not claim; NULL claims none.  They
 * are reaped as any child.
 */
void children_kill(bool (*keep)(void *arg, pid_t), void *arg);

/* Whether that is how the child ended whose status wait(2) brought. */
bool children_was_killed(int status);

/*
 * One pass of an end of all children: collect those that are dead, kill the
 * others, whose own children become ours by that.  Adds the number of the
 * killed among the collected to *killed.  Returns true once the kernel says
 * that there is none left, or only inherited ones are; until then the caller
 * waits a little and calls again.
 */
bool children_end(int *killed);

/*
 * The same for all children but those that `keep` claims, which are neither
 * collected nor killed.
 */
bool children_end_others(bool (*keep)(void *arg, pid_t), void *arg);

/*
 * Send a signal to every descendant that is there now, whatever its session.
 * Of those that fork meanwhile some may be missed.
 */
void children_signal(int sig);

struct children_sum {
	int64_t tasks;    /* processes and threads */
	int64_t resident; /* bytes; what two of them share counts twice */
	int64_t ticks;    /* as children_ticks */
};

/* What all descendants use. */
void children_measure(struct children_sum *);

/*
 * The memory of all descendants in bytes, where what n processes share
 * counts by its nth part: proportional set size, proc(5).  It takes long.
 */
int64_t children_memory(void);

/*
 * The processor time that all descendants have taken so far, in clock ticks:
 * sysconf(_SC_CLK_TCK) of them are a second.  It falls when one dies whose
 * parent does not collect it.
 */
int64_t children_ticks(void);

#endif
