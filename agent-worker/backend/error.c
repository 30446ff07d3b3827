/*
 * What a server's error says and what it means: the shapes are many, the
 * meanings three (try again, do not, no money).
 */

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "agent-worker/backend/backend.h"
#include "ipc/utf8.h"

#define KEY_STRUCK "[key]"

/* The most of a body that is no reply, quoted to say so. */
#define EXCERPT_MAX 200

/* The longest code or type that is looked up. */
#define CODE_MAX 80

/*
 * Codes and types as the providers name them.  One that overrules is
 * believed against the HTTP status; the others count inside a reply only,
 * where there is no status.
 */
static const struct meaning {
	const char *pattern; /* see fnmatch(3) */
	enum failure failure;
	bool overrules;
} meanings[] = {
	/* clang-format off */
	{ "insufficient_quota",			FAILURE_PERMANENT, true },
	{ "credit_balance_exhausted",		FAILURE_PERMANENT, true },
	{ "*spend_limit_*",			FAILURE_PERMANENT, true },
	{ "organization_usage_limit_exceeded",	FAILURE_PERMANENT, true },
	{ "exceeded_current_quota_error",	FAILURE_PERMANENT, true },
	{ "billing_*",				FAILURE_PERMANENT, true },
	{ "account_deactivated",		FAILURE_PERMANENT, true },
	{ "tool_use_failed",			FAILURE_TRANSIENT, true },
	{ "invalid_*",				FAILURE_PERMANENT, false },
	{ "unsupported_*",			FAILURE_PERMANENT, false },
	{ "authentication_error",		FAILURE_PERMANENT, false },
	{ "permission_*",			FAILURE_PERMANENT, false },
	{ "*not_found*",			FAILURE_PERMANENT, false },
	{ "context_length_exceeded",		FAILURE_PERMANENT, false },
	{ "content_filter",			FAILURE_PERMANENT, false },
	{ "content_policy_violation",		FAILURE_PERMANENT, false },
	{ "request_too_large",			FAILURE_PERMANENT, false },
	{ "BadRequestError",			FAILURE_PERMANENT, false },
	/* clang-format on */
};

static const struct meaning *
meaning_find(struct json_object *code)
{
	char text[CODE_MAX];
	size_t i;

	if (!json_object_is_type(code, json_type_string) ||
	    json_object_get_string_len(code) >= CODE_MAX)
		return (NULL);
	strlcpy(text, json_object_get_string(code), sizeof(text));
	for (i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (fnmatch(meanings[i].pattern, text, 0) == 0)
			return (&meanings[i]);
	return (NULL);
}

/* A number that can be the HTTP status of an error, or 0. */
static long
status_of(struct json_object *value)
{
	int64_t n;

	if (!json_object_is_type(value, json_type_int) &&
	    !json_object_is_type(value, json_type_string))
		return (0);
	n = json_object_get_int64(value);
	return (n >= 400 && n <= 599 ? (long)n : 0);
}

/*
 * status is that of HTTP: inside a reply, with 200, the error's own number
 * stands in for it.
 */
static enum failure
classify(long status, struct json_object *root, struct json_object *error)
{
	struct json_object *const codes[] = { member(error, "code"),
		member(error, "type"),
		member(member(error, "details"), "error_code"),
		member(root, "code"), member(root, "type") };
	const struct meaning *m;
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if ((m = meaning_find(codes[i])) != NULL &&
		    (m->overrules || status == 200))
			return (m->failure);
	if (status == 200) {
		status = status_of(member(error, "code"));
		if (status == 0)
			status = status_of(member(error, "status_code"));
	}
	return (retry_class(status));
}

/* The words in an error, wherever this server puts them; or NULL. */
static struct json_object *
words_of(struct json_object *root, struct json_object *error)
{
	struct json_object *const places[] = { member(error, "message"), error,
		member(root, "message"), member(root, "detail") };
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (json_object_is_type(places[i], json_type_string) &&
		    json_object_get_string_len(places[i]) > 0)
			return (places[i]);
	return (NULL);
}

/* A gateway may quote the request that it did not like. */
static void
strike_key(struct buf *text, const char *key)
{
	struct buf out = BUF_INITIALIZER;
	const char *p = text->data, *hit;

	if (key == NULL || *key == '\0')
		return;
	while ((hit = strstr(p, key)) != NULL) {
		buf_add(&out, p, (size_t)(hit - p));
		buf_adds(&out, KEY_STRUCK);
		p = hit + strlen(key);
	}
	buf_adds(&out, p);
	buf_release(text);
	*text = out;
}

void
reply_fail_said(struct reply *r, const struct backend_config *config,
    long status, struct json_object *root, const char *body, size_t len)
{
	struct json_object *error = member(root, "error");
	struct json_object *words = words_of(root, error);
	struct buf text = BUF_INITIALIZER;
	enum failure failure;

	failure = classify(status, root, error);
	buf_adds(&text, "");
	if (words != NULL)
		reply_add_string(&text, words);
	else
		utf8_clean(&text, body, len);
	strike_key(&text, config->key);
	if (status == 200)
		reply_fail(r, failure, "%s", text.data);
	else if (status >= 300 && status < 400)
		reply_fail(r, failure,
		    "HTTP %ld: redirects are not followed: is the base URL "
		    "right?",
		    status);
	else
		reply_fail(r, failure, "HTTP %ld%s%s", status,
		    text.len > 0 ? ": " : "", text.data);
	buf_release(&text);
}

struct json_object *
reply_parse_event(struct reply *r, const char *data, size_t len)
{
	struct json_object *root;
	char err[128];

	root = reply_parse(data, len, err, sizeof(err));
	if (root == NULL && !reply_is_complete(r))
		reply_fail(r, FAILURE_TRANSIENT,
		    "the server sent an event that is %s", err);
	return (root);
}

struct json_object *
reply_parse_body(struct reply *r, const struct backend_config *config,
    long status, const char *body, size_t len)
{
	struct json_object *root;
	char err[128];

	root = reply_parse(body, len, err, sizeof(err));
	if (status == 200 && root == NULL)
		reply_fail(r, FAILURE_TRANSIENT,
		    "the server's reply is %s: %.*s", err,
		    (int)(len < EXCERPT_MAX ? len : EXCERPT_MAX), body);
	if (status == 200)
		return (root);
	reply_fail_said(r, config, status, root, body, len);
	json_object_put(root);
	return (NULL);
}
