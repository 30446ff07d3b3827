/*
 * Keys do not get into files: every byte that comes from a worker or goes
 * to a log passes through here first.
 */

#ifndef SUPERVISOR_RECORD_REDACT_H
#define SUPERVISOR_RECORD_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

/*
 * Remember a secret, which is copied.  One of under 8 bytes is not a
 * secret but a placeholder ("EMPTY") and is ignored.  From here on, a secret
 * is also what stands for it in hex, base64, URLs and JSON.
 */
void redact_add(const char *secret);

/* Overwrite each secret in text with asterisks; its length stays. */
void redact(char *text, size_t len);

/*
 * Likewise in each string of a JSON value, however deep.  A key may have been
 * written with escapes: what was decoded is looked at.
 */
void redact_json(struct json_object *);

/* Whether value is, or holds, a secret. */
bool redact_holds(const char *value);

/* The length of the longest secret in any form; 0 if there is none. */
size_t redact_longest(void);

#endif
