/*
 * The FIFO through which nested runs speak to the run that their tools
 * belong to.  Everybody within an agent's walls can write to it, so nothing
 * that comes out of it is believed before it is looked at.
 */

#ifndef SUPERVISOR_NEST_DOOR_H
#define SUPERVISOR_NEST_DOOR_H

#include <stdbool.h>

#include "ipc/buf.h"
#include "supervisor/loop.h"
#include "supervisor/nest/wire.h"

struct door {
	char *dir; /* where it is, and the FIFOs down; NULL: closed */
	int agent;
	struct watch in;
	struct buf line;
	bool skipping; /* the rest of a line that is too long */
	int spoilt;    /* lines that said nothing */
	void (*take)(void *arg, struct door *, const struct wire *);
	void *arg;
};

/*
 * Make the directory, which is taken, and the FIFO in it, and watch it;
 * take is called with what comes.  0, or -1 and errno, and it is closed.
 */
int door_open(struct door *, char *dir);

/* Take what has come by now. */
void door_read(struct door *);

/* Nobody can speak any more; what was made is removed. */
void door_close(struct door *);

/*
 * Open the FIFO down that a nested run has made, and take its name away.
 * Returns a descriptor, or -1: it is not there, or something else.
 */
int door_down(const struct door *, const char *name);

#endif
