/*
 * What a run and the runs that its tools start say to each other: one JSON
 * object per line, over FIFOs in LOG_DIR/children/agentN.  Up, through
 * `door`, go open, state and end; down, through a FIFO that the nested run
 * makes for itself, comes grant or refuse, and its end says that the parent
 * is gone.  A line is shorter than PIPE_BUF, so that it arrives whole
 * however many write, and begins with a newline as it ends with one: what
 * somebody left unfinished spoils his own line only.
 */

#ifndef SUPERVISOR_NEST_WIRE_H
#define SUPERVISOR_NEST_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/buf.h"
#include "supervisor/decide/session.h"

/* The names of the FIFOs: up, and behind a random name down. */
#define WIRE_DOOR "door"
#define WIRE_DOWN ".down"

/* A random name or token, in hexadecimal. */
#define WIRE_RANDOM_LEN 32
void wire_random(char name[WIRE_RANDOM_LEN + 1]);

enum wire_type {
	WIRE_OPEN,
	WIRE_STATE,
	WIRE_END,
	WIRE_GRANT,
	WIRE_REFUSE,
};
#define WIRE_TYPES (WIRE_REFUSE + 1)

/* One of any type; strings of a decoded one are borrowed from `root`. */
struct wire {
	enum wire_type type;
	const char *name;  /* open: of the FIFO down */
	const char *token; /* grant: of the nested run from now on */
	const char *session_id;
	const char *log_dir;
	const char *question; /* how it begins */
	const char *text;     /* refuse: why */
	const char *parent;   /* grant: the parent's session */
	int64_t timeout_ms;   /* open: what it would take */
	double max_cost_usd;  /* open: likewise; 0: no limit of its own */
	int64_t depth;        /* grant; the next two are limits below it */
	int64_t max_depth;
	int64_t max_runs;
	int64_t left_ms;
	double budget_usd; /* grant; 0: no limit */
	int64_t percent;
	int64_t exit_code;
	int64_t input_tokens;
	int64_t cached_input_tokens;
	int64_t output_tokens;
	int64_t reasoning_tokens;
	int64_t calls;
	int64_t unpriced_calls;
	double cost;

	struct json_object *root;
};

/* Append a line.  False, and nothing appended: it would be too long. */
bool wire_encode(const struct wire *, struct buf *out);

/*
 * Read a line without its newline.  0 and w is for wire_release, or -1 and
 * why in err.  Numbers are as they came; costs are finite.
 */
int wire_decode(
    struct wire *, const char *line, size_t len, char *err, size_t errlen);
void wire_release(struct wire *);

/* What was used, of a whole run. */
void wire_put_usage(struct wire *, const struct usage_sum *);

/*
 * Write one encoded line to a FIFO that does not block, whole or not at all.
 * 0, or -1 and errno.
 */
int wire_write(int fd, const struct buf *line);

#endif
