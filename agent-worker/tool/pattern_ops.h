/* What the two halves of pattern.h share: a program for its machine. */

#ifndef AGENT_WORKER_TOOL_PATTERN_OPS_H
#define AGENT_WORKER_TOOL_PATTERN_OPS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent-worker/tool/pattern.h"

#define PATTERN_OPS_MAX 4096

enum op_kind {
	OP_SET,   /* takes a byte of the set, goes on behind */
	OP_SPLIT, /* goes on at both x and y */
	OP_JUMP,  /* at x */
	OP_BEGIN, /* goes on behind at the text's beginning, and so on */
	OP_END,
	OP_WORD_EDGE,
	OP_NO_WORD_EDGE,
	OP_FOUND,
};

struct set {
	bool has[256];
};

/* Targets are relative, so that a piece of a program can be moved. */
struct op {
	enum op_kind kind;
	int x;
	int y;
	struct set *set;
};

struct pattern {
	struct op *ops;
	int n;
	int reads; /* of atoms, so far */
	struct set **sets;
	size_t nsets;
	struct set first; /* bytes that a match can begin with */
	bool anywhere;    /* it can also begin without one */
	int *now;         /* ways, each at an operation, without repetition */
	int *next;
	int nnow;
	int nnext;
	int *stack;
	unsigned int *mark; /* of each operation: the step it is in */
	unsigned int step;
};

/* Whether it is one of a word's characters. */
int pattern_is_word(int c);

/* Write the program, of which there is none yet.  0, or -1 and err. */
int pattern_read(struct pattern *, const char *text, bool ignore_case,
    char *err, size_t errlen);

#endif
