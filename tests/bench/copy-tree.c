/*
 * How long a snapshot takes: a tree of that many files of 1,000 bytes, a
 * hundred to a directory, is made in the working directory and copied, anew
 * and then again with what the first copy remembers.  Prints the two times in
 * milliseconds, the medians of three.
 */

#include <sys/stat.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipc/tree.h"

#define TIMES  3
#define IN_DIR 100

static void
make_tree(int files)
{
	char path[64], text[1000];
	int i, fd;

	memset(text, 'x', sizeof(text));
	if (mkdir("from", 0755) == -1)
		err(1, "from");
	for (i = 0; i < files; i++) {
		snprintf(path, sizeof(path), "from/d%d", i / IN_DIR);
		if (i % IN_DIR == 0 && mkdir(path, 0755) == -1)
			err(1, "%s", path);
		snprintf(path, sizeof(path), "from/d%d/f%d", i / IN_DIR, i);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd == -1 || write(fd, text, sizeof(text)) == -1)
			err(1, "%s", path);
		close(fd);
	}
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6);
}

static double
copy(int number, const struct tree_index *known, struct tree_index *made)
{
	char to[32];
	struct tree_want want = {
		.from = "from", .to = to, .known = known, .made = made
	};
	double start = now_ms();

	snprintf(to, sizeof(to), "copy%d", number);
	if (tree_copy(&want, NULL) == -1)
		err(1, "%s", to);
	return (now_ms() - start);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return ((x > y) - (x < y));
}

int
main(int argc, char **argv)
{
	double first[TIMES], second[TIMES];
	struct tree_index *one, *two;
	int i;

	if (argc != 2)
		errx(1, "usage: copy-tree files");
	make_tree(atoi(argv[1]));
	for (i = 0; i < TIMES; i++) {
		one = tree_index_new();
		two = tree_index_new();
		first[i] = copy(2 * i, NULL, one);
		second[i] = copy(2 * i + 1, one, two);
		tree_index_free(one);
		tree_index_free(two);
	}
	qsort(first, TIMES, sizeof(*first), compare);
	qsort(second, TIMES, sizeof(*second), compare);
	printf("%.1f %.1f\n", first[TIMES / 2], second[TIMES / 2]);
	return (0);
}
