/* supervisor/record/artifact: directories nobody shares, files with a digest.
 */

#include <sys/wait.h>

#include <ctype.h>
#include <errno.h>

#include "supervisor/record/artifact.h"
#include "tests/test.h"
#include "tests/unit/scratch.h"

/* "YYYYMMDD_HHMMSS_ffffff" */
static bool
is_stamp(const char *s)
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++)
		if (i == 8 || i == 15 ? s[i] != '_'
				      : !isdigit((unsigned char)s[i]))
			return (false);
	return (i == 22);
}

static bool
is_dir(const char *path)
{
	struct stat st;

	return (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

TEST(a_run_directory_is_absolute_and_stamped)
{
	const char *here = scratch_enter();
	char *wanted = NULL, *dir, *prefix;

	prefix = xasprintf("%s/some/where/log_", here);
	dir = artifact_run_dir("some/where", &wanted);
	if (CHECK(dir != NULL)) {
		CHECK(is_dir(dir));
		CHECK(strncmp(dir, prefix, strlen(prefix)) == 0);
		CHECK(is_stamp(dir + strlen(prefix)));
	}
	free(dir);
	free(prefix);
	prefix = xasprintf("%s/other", here);
	dir = artifact_run_dir(prefix, &wanted);
	CHECK(dir != NULL && strncmp(dir, prefix, strlen(prefix)) == 0);
	free(dir);
	free(prefix);
	scratch_leave();
}

TEST(what_was_tried_is_told)
{
	char *wanted = NULL, *prefix;

	prefix = xasprintf("%s/file/log_", scratch_enter());
	spill("file", "");
	CHECK(artifact_run_dir("file", &wanted) == NULL);
	CHECK_INT(errno, ENOTDIR);
	if (CHECK(wanted != NULL)) {
		CHECK(strncmp(wanted, prefix, strlen(prefix)) == 0);
		CHECK(is_stamp(wanted + strlen(prefix)));
	}
	free(wanted);
	wanted = NULL;
	CHECK(artifact_run_dir("a\nb", &wanted) == NULL);
	CHECK_INT(errno, EINVAL);
	CHECK(wanted != NULL);
	free(wanted);
	free(prefix);
	scratch_leave();
}

/* mkdir decides who was first: all get one, none gets another's. */
TEST(no_two_runs_share_a_directory)
{
	enum {
		PROCESSES = 8,
		EACH = 50
	};
	char *wanted = NULL, *dir;
	pid_t pids[PROCESSES];
	int i, k, status;

	scratch_enter();
	fflush(stdout);
	for (i = 0; i < PROCESSES; i++) {
		if ((pids[i] = fork()) != 0)
			continue;
		for (k = 0; k < EACH; k++) {
			dir = artifact_run_dir("logs", &wanted);
			if (dir == NULL || names_in(dir) != 0 ||
			    chdir(dir) == -1 || mkdir("mine", 0700) == -1 ||
			    chdir("../..") == -1)
				_exit(1);
			free(dir);
		}
		_exit(0);
	}
	for (i = 0; i < PROCESSES; i++) {
		CHECK_INT(waitpid(pids[i], &status, 0), pids[i]);
		CHECK_INT(status, 0);
	}
	CHECK_INT(names_in("logs"), PROCESSES * EACH);
	scratch_leave();
}

TEST(each_step_has_a_directory_of_its_own)
{
	const char *here = scratch_enter();
	char *steps[20];
	int i, k;

	for (i = 0; i < 20; i++) {
		steps[i] = artifact_step_dir(here, "an agent");
		if (!CHECK(steps[i] != NULL))
			break;
		CHECK(strncmp(steps[i], "an agent/", 9) == 0);
		CHECK(is_stamp(steps[i] + 9));
		CHECK(is_dir(steps[i]));
		for (k = 0; k < i; k++)
			CHECK(strcmp(steps[i], steps[k]) != 0);
	}
	CHECK_INT(names_in("an agent"), 20);
	while (i-- > 0)
		free(steps[i]);
	spill("file", "");
	CHECK(artifact_step_dir(here, "file") == NULL);
	CHECK(artifact_step_dir("/dev/null", "a") == NULL);
	scratch_leave();
}

TEST(a_file_is_described)
{
	const char *here = scratch_enter();
	struct artifact a = { 0 };

	CHECK_INT(mkdir("sub", 0700), 0);
	CHECK_INT(artifact_write(here, "sub", "f.txt", "abc", 3, &a), 0);
	CHECK_STR(a.path, "sub/f.txt");
	CHECK_INT(a.bytes, 3);
	CHECK_STR(a.sha256,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	HOLDS("sub/f.txt", "abc");
	artifact_release(&a);
	CHECK_STR(a.path, NULL);
	CHECK_INT(artifact_write(here, "sub", "f.txt", "", 0, NULL), 0);
	scratch_leave();
}

/* The journal names the answer whether or not the disk took it. */
TEST(a_file_that_could_not_be_written_is_described_too)
{
	const char *here = scratch_enter();
	struct artifact a = { 0 };

	CHECK_INT(artifact_write(here, "no", "f.txt", "abc", 3, &a), -1);
	CHECK_INT(errno, ENOENT);
	CHECK_STR(a.path, "no/f.txt");
	CHECK_INT(a.bytes, 3);
	CHECK_INT(strlen(a.sha256), 64);
	artifact_release(&a);
	scratch_leave();
}
