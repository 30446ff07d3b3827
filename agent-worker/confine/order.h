/*
 * What is to be run, where that comes on a descriptor: the walls are ready
 * before anybody knows.
 */

#ifndef AGENT_WORKER_CONFINE_ORDER_H
#define AGENT_WORKER_CONFINE_ORDER_H

#include "ipc/buf.h"

enum order_state {
	ORDER_AWAITED,
	ORDER_GIVEN,
	ORDER_NONE /* nobody wants anything, or it was cut */
};

struct order {
	enum order_state state;
	struct buf text;
	char **words; /* all of them; the next two are parts of it */
	char *dir;
	char **argv;
	char **envp;
};

/*
 * Take what there is on a descriptor that is ready.  The text is words, each
 * with a NUL behind it, up to end of file: the directory, the number of
 * arguments, the arguments, the environment.  More than 8 MiB are none.
 */
void order_read(struct order *, int fd);
void order_release(struct order *);

#endif
