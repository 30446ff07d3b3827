/*
 * What supervisor and worker say to each other: one JSON object per line,
 * typed by its "type" member.  massgen-ipc(7) is the protocol's prose; the
 * table in msg.c is its definition.
 */

#ifndef IPC_MSG_H
#define IPC_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/buf.h"
#include "ipc/field.h"

#define MSG_VERSION 1

/* The longest line either side accepts, in bytes. */
#define MSG_LINE_MAX ((size_t)128 * 1024 * 1024)

/* Levels of nesting accepted in a line. */
#define MSG_DEPTH_MAX 32

enum msg_type {
	/* to the worker */
	MSG_INIT,
	MSG_TURN,
	MSG_UPDATE,
	MSG_GO,
	MSG_VERDICT,
	MSG_GRANT,
	MSG_HOLD,
	MSG_BLOCKED,
	MSG_CANCEL,
	/* from the worker */
	MSG_HELLO,
	MSG_CONTEXT,
	MSG_ACTIVITY,
	MSG_CONTENT,
	MSG_REASONING,
	MSG_TOOL,
	MSG_READY,
	MSG_PLANNING,
	MSG_RESERVE,
	MSG_LIMITED,
	MSG_USAGE,
	MSG_ANSWER,
	MSG_VOTE,
	MSG_ERROR,
	MSG_HEARTBEAT,
};
#define MSG_TYPES (MSG_HEARTBEAT + 1)

enum msg_direction {
	MSG_TO_WORKER,
	MSG_FROM_WORKER
};

/*
 * One message of any type; msg.c says which members each type has.
 * Strings and JSON values of a decoded message are borrowed from `root`.
 */
struct msg {
	enum msg_type type;
	int64_t version;   /* of the protocol: init, hello */
	int64_t turn;      /* which turn this belongs to */
	int64_t seen;      /* answers known so far in the whole run */
	const char *agent; /* an anonymous name, "agent2" */
	const char *kind;  /* of a turn: "answer", "present"; of an error */
	const char *text;  /* what is said: content, reason, question */
	const char *label; /* "agent2.1" */
	const char *model;
	const char *activity;
	const char *name; /* of a tool or a program */
	const char *key;  /* the backend's key, in init only */
	const char *system_message;
	const char *snapshot; /* answer: the name of its files, as they are */
	const char *snapshot_error;   /* answer: why there is none */
	struct json_object *answers;  /* not yet sent: [{agent, label, text,
				       * bytes: of the whole, if text is cut,
				       * files: a directory, if it has any}] */
	struct json_object *backend;  /* init: its resolved configuration */
	struct json_object *script;   /* init: a mock agent's steps */
	struct json_object *options;  /* init: what shapes prompts and limits */
	struct json_object *tools;    /* init: what it may use, and where */
	struct json_object *votes;    /* present: [{agent, reason}] */
	struct json_object *evaluate; /* present: {answer: in its stead} */
	struct json_object *restart;  /* answer: {reason, instructions} */
	struct json_object *feedback; /* turn: {reason, instructions, answer}
				       * of the attempt before */
	struct json_object *blocked;  /* tools that wait for the presentation:
				       * names, or whether all do */
	int64_t attempt;              /* turn: the run's, from 1 */
	int64_t count;                /* init: agents in the run */
	int64_t limit_ms;             /* turn: time left for it */
	int64_t step;                 /* turn: acts this agent began before */
	/* ready: virtual, -1 for never; limited, hold: real */
	int64_t after_ms;
	int64_t pid;
	bool classify; /* turn: say first which tools are to be blocked */
	bool accepted; /* verdict, grant */
	bool final;    /* verdict: the turn is over */
	bool undumpable;
	bool permanent; /* error: trying again cannot help */
	int64_t input_tokens;
	int64_t cached_input_tokens;
	int64_t output_tokens;
	int64_t reasoning_tokens;
	int64_t cache_write_tokens;
	bool lost;   /* usage: the reply began, what it used is not known */
	double cost; /* USD; only a mock agent knows its own */

	struct json_object *root;
};

/* The "type" member of a type. */
const char *msg_name(enum msg_type);

/* Append the line for m, newline included. */
void msg_encode(const struct msg *, struct buf *out);

/*
 * Parse one line that came in direction d.  Returns 0 and fills m, which
 * the caller hands to msg_release, or -1 with the reason in err.
 */
int msg_decode(struct msg *, enum msg_direction d, const char *line, size_t len,
    char *err, size_t errlen);

void msg_release(struct msg *);

#endif
