/*
 * The journal, events.ndjson: one event a line, appended with one write,
 * each line with a checksum over itself and all before it, so that a torn
 * tail is recognised and dropped, and a change anywhere is seen.
 */

#ifndef SUPERVISOR_RECORD_JOURNAL_H
#define SUPERVISOR_RECORD_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "ipc/buf.h"
#include "supervisor/decide/event.h"

struct journal {
	int fd; /* -1: not open */
	int64_t seq;
	uint32_t crc;
	int64_t good; /* bytes of whole lines in the file */
};

#define JOURNAL_INITIALIZER \
	{                   \
		-1, 0, 0, 0 \
	}

/* Create the file, which must not exist.  0, or -1 and errno. */
int journal_create(struct journal *, const char *path);

/*
 * Give the event its number and append it.  The line, newline included, is
 * left in `line` also when writing fails, which returns -1 and errno; the
 * file then ends with the last whole line.
 */
int journal_append(struct journal *, struct event *, struct buf *line);

void journal_close(struct journal *);

/*
 * Hand each event of the file at path to fn, in order, until its end or a
 * torn tail, which a crash in the middle of a write leaves.  Returns how many
 * there were, or -1 with the reason in err: it cannot be read, or it was
 * damaged in any other way.
 */
int64_t journal_read(const char *path, void (*fn)(void *arg, struct event *),
    void *arg, char *err, size_t errlen);

#endif
