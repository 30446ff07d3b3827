/*
 * Every key that a configuration may hold, by place: what it takes and what
 * becomes of it.  The tables are schema.c; check.c holds a tree against
 * them; tests hold massgen.schema.json against them.
 */

#ifndef SUPERVISOR_CONFIG_SCHEMA_H
#define SUPERVISOR_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/config/diag.h"
#include "supervisor/config/yaml.h"

enum key_status {
	KEY_SUPPORTED,
	KEY_PASSED,  /* goes to the provider as it is */
	KEY_IGNORED, /* belongs to a part that is not built: one warning */
	KEY_REFUSED, /* likewise, and it sets a limit: whoever wrote it must
		      * not believe that it holds, so it is an error */
};

/* The types a value may have; several are or-ed. */
#define TYPE_STR    0x01
#define TYPE_BOOL   0x02
#define TYPE_INT    0x04
#define TYPE_NUMBER 0x08 /* an integer or a real */
#define TYPE_LIST   0x10
#define TYPE_MAP    0x20

struct place;

struct key {
	const char *name;
	enum key_status status;
	unsigned int types;
	const char *want; /* "a positive number"; NULL: by types */
	double min;       /* of a number; both 0: any finite one */
	double max;
	const char *const *words; /* of a string: the values allowed */
	const char *const *mild;  /* values at which nothing is lost: REFUSED
				   * only warns, IGNORED is silent */
	const char *label;        /* in "Invalid LABEL: 'x'"; NULL: name */
	const char *title;        /* in "TITLE must be"; NULL: 'name' */
	unsigned int item_types;  /* of a list; 0: any */
	const char *item_title;
	const struct place *inner; /* keys of the map, or of a list's maps */
	bool by_name;              /* a map is from names to maps of inner */
	bool required;
	bool raw; /* of a backend: ${NAME} is left to who reads it */
};

/* A mapping's keys; the row without a name is the last. */
struct place {
	const char *prefix;  /* of messages: "Backend " */
	const char *missing; /* "Backend missing required field" */
	const struct key *keys;
	const char *missing_tail; /* behind the key's name, or NULL */
};

extern const struct place schema_root;
extern const struct place schema_backend;
extern const struct place schema_step; /* of a mock agent's script */
extern const struct place schema_price_file;

/* The names of V1 of the format, which is refused; NULL-terminated. */
extern const char *const schema_v1_keys[];

#define TOLD_MAX 256

/* Keys that were warned of: once is enough, however many agents have one. */
struct told {
	const struct key *keys[TOLD_MAX];
	size_t count;
};

/* What a check needs to know besides the tree. */
struct check {
	const char *file; /* NULL: the tree came from no file */
	struct diagnostics *diagnostics;
	struct told *told;
	bool dry_run;       /* nothing runs: what is refused is ignored */
	bool validate_only; /* what the environment lacks is a warning */
};

/*
 * Check a map against a place, all the way down.  location is the path of
 * the map, "" at the root.  The parts of the tree that are wrong become
 * null, so that who reads it later finds values of the right type or none.
 */
void check_map(const struct check *, struct node *map, const struct place *,
    const char *location);

/* Report one problem at a node; a NULL node has no place. */
#define check_error(check, ...) \
	check_problem(check, SEVERITY_ERROR, __VA_ARGS__)
#define check_warning(check, ...) \
	check_problem(check, SEVERITY_WARNING, __VA_ARGS__)
void check_problem(const struct check *, enum severity, const struct node *at,
    const char *location, const char *suggestion, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/*
 * Likewise at a key of a map, or at the map where the key is absent;
 * location is the map's.
 */
void check_key(const struct check *, enum severity, const struct node *map,
    const char *location, const char *key, const char *suggestion,
    const char *fmt, ...) __attribute__((format(printf, 7, 8)));

/* Report those of the keys that the map has, each as "'KEY' " and the words. */
void check_given(const struct check *, enum severity, const struct node *map,
    const char *location, const char *const *keys, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* How bad it is that something outside of the file is not as it says. */
enum severity check_outside(const struct check *);

/* The row of a key, or NULL. */
const struct key *place_key(const struct place *, const char *name);

/*
 * The word nearest to s among n of them at the given stride in bytes, by
 * edit distance without case; NULL if none is near.
 */
const char *suggest(
    const char *s, const char *const *words, size_t n, size_t stride);

/* "'a', 'b' or 'c'" of a NULL-terminated list; the caller frees it. */
char *words_join(const char *const *words);

#endif
