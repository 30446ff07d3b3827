/*
 * Text from strangers made safe to store: well-formed UTF-8 (RFC 3629),
 * without NUL.
 */

#ifndef IPC_UTF8_H
#define IPC_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "ipc/buf.h"

/*
 * Length in bytes of the well-formed sequence at s, of which n bytes are
 * there; 0 where it is ill-formed or cut.
 */
size_t utf8_sequence(const char *s, size_t n);

/* Whether all of text is well-formed; a NUL is. */
bool utf8_is_valid(const char *text, size_t len);

/* Append text with each bad byte and each NUL replaced by U+FFFD. */
void utf8_clean(struct buf *out, const char *text, size_t len);

/*
 * The longest prefix of at most max bytes that does not end inside a
 * sequence.
 */
size_t utf8_prefix(const char *text, size_t len, size_t max);

/*
 * A single line for people: control characters, escape codes among them,
 * become spaces; at most max bytes, cut at a character with "..." behind.
 * The caller frees it.
 */
char *utf8_line(const char *text, size_t max);

#endif
