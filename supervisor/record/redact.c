/* Keys do not get into files. */

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include <json-c/json_visit.h>

#include "ipc/buf.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/redact.h"

#define SECRET_MIN 8

/* Of the bytes that a secret begins with; no form is shorter. */
#define HASHED    sizeof(uint32_t)
#define HASH_BITS 16

static struct {
	struct secret {
		char *text;
		size_t len;
	} * list; /* each form of each secret */
	size_t count;
	size_t longest;
	uint64_t begins[(1 << HASH_BITS) / 64]; /* some form has this hash */
} secrets;

static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

static size_t
hash_of(const char *text)
{
	uint32_t word;

	memcpy(&word, text, HASHED);
	return ((word * 2654435761U) >> (32 - HASH_BITS));
}

/* Takes what is in form. */
static void
add_form(struct buf *form)
{
	size_t i, hash, len = form->len;

	if (len < HASHED)
		return; /* too short to be looked for */
	hash = hash_of(form->data);
	for (i = 0; i < secrets.count; i++) {
		if (strcmp(secrets.list[i].text, form->data) != 0)
			continue;
		buf_release(form);
		return;
	}
	secrets.list = xreallocarray(
	    secrets.list, secrets.count + 1, sizeof(*secrets.list));
	secrets.list[secrets.count].text = buf_detach(form);
	secrets.list[secrets.count++].len = len;
	secrets.begins[hash / 64] |= (uint64_t)1 << hash % 64;
	if (len > secrets.longest)
		secrets.longest = len;
}

static void
add_hex(const unsigned char *secret, const char *digits)
{
	struct buf form = BUF_INITIALIZER;

	for (; *secret != '\0'; secret++)
		buf_addf(
		    &form, "%c%c", digits[*secret >> 4], digits[*secret & 15]);
	add_form(&form);
}

/* As URLs have it: all but what RFC 3986 calls unreserved. */
static void
add_percent(const unsigned char *secret, const char *digits)
{
	struct buf form = BUF_INITIALIZER;

	for (; *secret != '\0'; secret++)
		if (isalnum(*secret) || strchr("-._~", *secret) != NULL)
			buf_add(&form, secret, 1);
		else
			buf_addf(&form, "%%%c%c", digits[*secret >> 4],
			    digits[*secret & 15]);
	add_form(&form);
}

/* As JSON has it; some writers escape slashes too. */
static void
add_json(const char *secret, const char *escaped)
{
	struct buf form = BUF_INITIALIZER;

	for (; *secret != '\0'; secret++)
		buf_addf(&form, "%s%c",
		    strchr(escaped, *secret) == NULL ? "" : "\\", *secret);
	add_form(&form);
}

/*
 * What stands for the secret in the base64 of a text in which a multiple of
 * three and so many bytes more stand before it.  The characters at either
 * end that stand for neighbours too can be any, and are left out.
 */
static void
add_base64(const unsigned char *secret, size_t before, const char *more)
{
	size_t len = strlen((const char *)secret);
	size_t i = before == 0 ? 0 : before + 1, bit;
	struct buf form = BUF_INITIALIZER;
	unsigned int pair, n;

	for (; i < (before + len) * 8 / 6; i++) {
		bit = i * 6 - before * 8;
		pair = (unsigned int)secret[bit / 8] << 8 | secret[bit / 8 + 1];
		n = pair >> (10 - bit % 8) & 63;
		buf_add(&form, n < 62 ? &letters[n] : &more[n - 62], 1);
	}
	add_form(&form);
}

void
redact_add(const char *secret)
{
	const unsigned char *bytes = (const unsigned char *)secret;
	size_t before;

	if (strlen(secret) < SECRET_MIN)
		return;
	add_json(secret, "");
	add_json(secret, "\"\\");
	add_json(secret, "\"\\/");
	add_percent(bytes, lower);
	add_percent(bytes, upper);
	add_hex(bytes, lower);
	add_hex(bytes, upper);
	for (before = 0; before < 3; before++) {
		add_base64(bytes, before, "+/");
		add_base64(bytes, before, "-_");
	}
}

/* The length of the longest secret that text begins with; 0: none. */
static size_t
secret_at(const char *text, size_t len)
{
	const struct secret *secret;
	size_t i, longest = 0;

	for (i = 0; i < secrets.count; i++) {
		secret = &secrets.list[i];
		if (secret->len <= len && secret->len > longest &&
		    memcmp(text, secret->text, secret->len) == 0)
			longest = secret->len;
	}
	return (longest);
}

static bool
may_begin(const char *text, size_t len)
{
	size_t hash;

	if (len < SECRET_MIN)
		return (false);
	hash = hash_of(text);
	return ((secrets.begins[hash / 64] >> hash % 64 & 1) != 0);
}

/* In one pass, since secrets may overlap or hold one another. */
void
redact(char *text, size_t len)
{
	size_t i, n, until = 0;

	for (i = 0; i < len && secrets.count > 0; i++) {
		n = may_begin(text + i, len - i) ? secret_at(text + i, len - i)
						 : 0;
		if (i + n > until)
			until = i + n;
		if (i < until)
			text[i] = '*';
	}
}

static int
redact_value(struct json_object *value, int flags, struct json_object *parent,
    const char *key, size_t *index, void *arg)
{
	(void)flags;
	(void)parent;
	(void)key;
	(void)index;
	(void)arg;
	if (json_object_is_type(value, json_type_string))
		redact((char *)(uintptr_t)json_object_get_string(value),
		    (size_t)json_object_get_string_len(value));
	return (JSON_C_VISIT_RETURN_CONTINUE);
}

void
redact_json(struct json_object *value)
{
	if (secrets.count > 0)
		(void)json_c_visit(value, 0, redact_value, NULL);
}

bool
redact_holds(const char *value)
{
	size_t i;

	for (i = 0; i < secrets.count; i++)
		if (strstr(value, secrets.list[i].text) != NULL)
			return (true);
	return (false);
}

size_t
redact_longest(void)
{
	return (secrets.longest);
}
