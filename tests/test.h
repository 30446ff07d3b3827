/*
 * A unit test program: TEST(name) { ... } any number of times, with CHECKs
 * inside.  Including this file brings main(), which runs every test, or
 * those named on the command line, and reports in TAP.  A failed CHECK is
 * told with its place and values, and the test goes on.
 */

#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

static struct test *test_first, **test_last = &test_first;
static bool test_failed;
static const char *test_skip_reason;

#define TEST(id)                                                          \
	static void test_##id(void);                                      \
	static struct test test_entry_##id = { #id, test_##id, NULL };    \
	static void __attribute__((constructor)) test_register_##id(void) \
	{                                                                 \
		*test_last = &test_entry_##id;                            \
		test_last = &test_entry_##id.next;                        \
	}                                                                 \
	static void test_##id(void)

/* The condition holds. */
#define CHECK(cond) test_check((cond), #cond, __FILE__, __LINE__)

/* Two strings are the same; NULL is equal to NULL only. */
#define CHECK_STR(got, want) \
	test_check_str((got), (want), #got, __FILE__, __LINE__)

/* Two integers are the same. */
#define CHECK_INT(got, want) \
	test_check_int(      \
	    (intmax_t)(got), (intmax_t)(want), #got, __FILE__, __LINE__)

/* The first len bytes at two places are the same. */
#define CHECK_MEM(got, want, len) \
	test_check_mem((got), (want), (len), #got, __FILE__, __LINE__)

/* The rest of this test cannot be run here; reason is a literal. */
#define SKIP(reason)                         \
	do {                                 \
		test_skip_reason = (reason); \
		return;                      \
	} while (0)

/* Each returns whether the check passed. */
static inline bool
test_check(bool ok, const char *what, const char *file, int line)
{
	if (!ok) {
		printf("# %s:%d: not true: %s\n", file, line, what);
		test_failed = true;
	}
	return (ok);
}

/* Text that may hold anything, as one comment line of TAP. */
static inline void
test_print(const char *head, const void *data, size_t len)
{
	const unsigned char *s = data;
	size_t i;

	printf("#   %s: ", head);
	for (i = 0; i < len && i < 400; i++)
		if (s[i] >= ' ' && s[i] < 0x7f && s[i] != '\\')
			putchar(s[i]);
		else
			printf("\\x%02x", s[i]);
	printf(i < len ? "... (%zu bytes)\n" : "\n", len);
}

static inline bool
test_check_str(const char *got, const char *want, const char *what,
    const char *file, int line)
{
	if (got == want ||
	    (got != NULL && want != NULL && strcmp(got, want) == 0))
		return (true);
	printf("# %s:%d: %s\n", file, line, what);
	if (got == NULL)
		got = "(null)";
	if (want == NULL)
		want = "(null)";
	test_print(" got", got, strlen(got));
	test_print("want", want, strlen(want));
	test_failed = true;
	return (false);
}

static inline bool
test_check_int(
    intmax_t got, intmax_t want, const char *what, const char *file, int line)
{
	if (got == want)
		return (true);
	printf("# %s:%d: %s: got %jd, want %jd\n", file, line, what, got, want);
	test_failed = true;
	return (false);
}

static inline bool
test_check_mem(const void *got, const void *want, size_t len, const char *what,
    const char *file, int line)
{
	if (got != NULL && memcmp(got, want, len) == 0)
		return (true);
	printf("# %s:%d: %s\n", file, line, what);
	test_print(" got", got == NULL ? "" : got, got == NULL ? 0 : len);
	test_print("want", want, len);
	test_failed = true;
	return (false);
}

static inline bool
test_is_wanted(const struct test *t, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], t->name) == 0)
			return (true);
	return (argc <= 1);
}

int
main(int argc, char **argv)
{
	const struct test *t;
	int n = 0, failures = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (t = test_first; t != NULL; t = t->next) {
		if (!test_is_wanted(t, argc, argv))
			continue;
		test_failed = false;
		test_skip_reason = NULL;
		t->run();
		printf("%sok %d - %s", test_failed ? "not " : "", ++n, t->name);
		if (test_skip_reason != NULL)
			printf(" # SKIP %s", test_skip_reason);
		printf("\n");
		if (test_failed)
			failures++;
	}
	printf("1..%d\n", n);
	return (failures == 0 ? 0 : 1);
}

#endif
