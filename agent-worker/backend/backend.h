/*
 * What a model speaks: each wire format is a row of one table.
 * A wire format builds requests from an append-only history of its own
 * native items and turns stream events into a reply.  It touches no socket.
 */

#ifndef AGENT_WORKER_BACKEND_BACKEND_H
#define AGENT_WORKER_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "agent-worker/backend/think.h"
#include "agent-worker/net/retry.h"
#include "ipc/buf.h"

/* From "init", resolved by the supervisor. */
struct backend_config {
	const char *type;           /* "groq": names the quirks */
	const char *wire;           /* "chatcompletion" */
	const char *base_url;       /* without a slash at the end */
	const char *key;            /* or NULL */
	struct json_object *params; /* passed to the provider as given */
};

struct tool_spec {
	const char *name;
	const char *description;
	struct json_object *schema; /* JSON Schema of the arguments */
};

struct tool_call {
	char *id;   /* never NULL once the reply is finished */
	char *name; /* likewise; "" where the model gave none */
	struct buf arguments;
	int64_t index; /* of the stream; -1: it had none */
};

enum finish {
	FINISH_NONE, /* the stream has not said */
	FINISH_STOP,
	FINISH_LENGTH,
	FINISH_TOOL,
	FINISH_FILTER,
	FINISH_PAUSE, /* ask again, with the reply and nothing else added */
};

struct usage {
	int64_t input; /* cached included */
	int64_t cached;
	int64_t cache_write; /* of input, what was put into a cache */
	int64_t output;      /* reasoning included */
	int64_t reasoning;
	bool known; /* false: the provider did not say */
};

/* What one model call brought, while it comes and when it is over. */
struct reply {
	struct buf text;
	struct buf reasoning;
	size_t text_sent; /* how much of each the caller has passed on */
	size_t reasoning_sent;
	struct tool_call *calls;
	size_t ncalls;
	enum finish finish;
	bool done; /* a terminal event was seen */
	struct usage usage;
	enum failure failure;
	long status;            /* of HTTP; 0: no answer came */
	int64_t retry_after_ms; /* the pause it asks for; 0: none */
	char *error; /* the provider's words, also on FINISH_FILTER; or NULL */
	struct json_object *native; /* for add_reply, or NULL */
	struct think think; /* what of content is thought; for the backend */
	size_t native_len;  /* bytes kept for add_reply beside those above */
	void *partial;      /* the wire format's own, freed with the reply */
	void (*free_partial)(void *); /* NULL while there is none */
};

void reply_init(struct reply *);
void reply_release(struct reply *);

/*
 * The most that is kept of a reply in bytes: its text, the arguments of its
 * calls, and what else goes back to the provider.  No model writes as much.
 */
#define REPLY_MAX ((size_t)2 * 1024 * 1024)

/* Fail for good if it is longer than that. */
void reply_bound(struct reply *);

/*
 * Forget the reasoning that was passed on, but for its last bytes: by them
 * what follows is set apart.
 */
void reply_forget_reasoning(struct reply *);

/* It has failed: no call of it may be run, and nothing goes on from it. */
void reply_drop(struct reply *);

/* The model has said how it ends: what breaks behind that is no failure. */
bool reply_is_complete(const struct reply *);

/*
 * Record a failure once; the first one stays.  The text is kept on one line
 * of at most REPLY_ERROR_MAX bytes, without control characters.
 */
#define REPLY_ERROR_MAX 500
void reply_fail(struct reply *, enum failure, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct backend {
	const char *wire;

	/* Grow the history, a JSON array of native items. */
	void (*add_user)(struct json_object *history, const char *text);
	void (*add_reply)(struct json_object *history, const struct reply *);
	void (*add_result)(struct json_object *history,
	    const struct tool_call *, const char *text, bool is_error);

	/* The URL (malloc'd) and the header lines (NULL-terminated, each
	 * malloc'd, as is the array) of a call. */
	char *(*url)(const struct backend_config *, const char *model);
	char **(*headers)(const struct backend_config *);

	/* The request body; the caller puts it. */
	struct json_object *(*build_request)(const struct backend_config *,
	    const char *model, const char *system, struct json_object *history,
	    const struct tool_spec *tools, size_t ntools);

	/* Whether add_reply wants the reasoning; NULL: never. */
	bool (*replays_reasoning)(const struct backend_config *);

	/* One server-sent event (event may be ""). */
	void (*consume_event)(const struct backend_config *, struct reply *,
	    const char *event, const char *data, size_t len);

	/* A whole body that was no event stream, with its HTTP status: an
	 * error, or a complete reply from a server that does not stream. */
	void (*consume_body)(const struct backend_config *, struct reply *,
	    long status, const char *body, size_t len);

	/* The stream is over, and the reply complete or failed: put together
	 * what add_reply wants and what is called.  NULL: it is. */
	void (*finish)(const struct backend_config *, struct reply *);
};

/*
 * Record a failure as a server reports it, with an HTTP status or (status
 * 200) inside a reply.  body is what it sent, JSON or not; root is body as
 * parsed by reply_parse(), or NULL.  What it says is kept, what it means is
 * looked up, and the key is struck out should it occur.
 */
void reply_fail_said(struct reply *, const struct backend_config *, long status,
    struct json_object *root, const char *body, size_t len);

/*
 * Parse the JSON object in text, or the only one of an array; bad UTF-8 is
 * replaced, not refused.  The caller puts it.  NULL with the reason in err.
 */
struct json_object *reply_parse(
    const char *text, size_t len, char *err, size_t errlen);

/*
 * The JSON object of an event; the caller puts it.  NULL, and the reply has
 * failed unless it is complete, for anything else.
 */
struct json_object *reply_parse_event(
    struct reply *, const char *data, size_t len);

/*
 * The JSON object in a body that is no stream; the caller puts it.  NULL,
 * and the reply has failed, for a status other than 200 or another body.
 */
struct json_object *reply_parse_body(struct reply *,
    const struct backend_config *, long status, const char *body, size_t len);

/* Append what a JSON string holds, NUL replaced; anything else adds nothing. */
void reply_add_string(struct buf *, struct json_object *);

/* A member of object, or NULL: absent, null, or object is none. */
struct json_object *member(struct json_object *object, const char *name);

/* A member that is a string, or "". */
const char *member_text(struct json_object *object, const char *name);
bool member_says(
    struct json_object *object, const char *name, const char *text);

/* Of anything: what is no list has no elements, and NULL behind the last. */
size_t list_count(struct json_object *list);
struct json_object *list_at(struct json_object *list, size_t i);

/* Add the elements of a list to another one, which shares them. */
void list_append(struct json_object *to, struct json_object *list);

/* A count of tokens in object: never negative, 0 where there is none. */
int64_t member_count(struct json_object *object, const char *name);

/*
 * The counts are in: no more is cached than was read, no more is reasoning
 * than was written, and where both are 0 the provider has not said.
 */
void usage_settle(struct usage *);

/*
 * The header lines that every API wants, for backend.headers: the type of
 * the content and, where there is a key, key_head ("Authorization: Bearer ")
 * with the key behind it.  There is room for HEADERS_MORE lines behind them.
 */
#define HEADERS_MORE 4
char **headers_new(const struct backend_config *, const char *key_head);

/* NULL if there is no such wire format. */
const struct backend *backend_find(const char *wire);

extern const struct backend backend_chatcompletion;
extern const struct backend backend_claude;
extern const struct backend backend_gemini;
extern const struct backend backend_responses;

#endif
