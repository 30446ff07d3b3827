/* Where configurations are, the ones that ship, and what is read of them. */

#include <sys/stat.h>

#include "tests/config_text.h"

/* A home with two examples of one name and two configurations. */
static char *
make_home(void)
{
	char *home = scratch_make();

	if (chdir(home) == -1 || mkdir("x", 0700) == -1 ||
	    mkdir("x/one", 0700) == -1 || mkdir("x/two", 0700) == -1 ||
	    mkdir("x/schema", 0700) == -1 || mkdir(".config", 0700) == -1 ||
	    mkdir(".config/massgen", 0700) == -1)
		err(1, "mkdir");
	spill("x/top.yaml", "top: 1\n");
	spill("x/one/same.yaml", "");
	spill("x/two/same.yaml", "");
	spill("x/two/only.yaml", "");
	spill("x/two/other.txt", "");
	spill(".config/massgen/config.yaml", "");
	setenv("HOME", home, 1);
	setenv("MASSGEN_CONFIGS", "x", 1);
	unsetenv("XDG_CONFIG_HOME");
	return (home);
}

static void
remove_home(char *home)
{
	char *command = xasprintf("rm -r '%s'", home);

	if (chdir("/") == -1 || system(command) != 0)
		err(1, "%s", command);
	unsetenv("MASSGEN_CONFIGS");
	free(command);
	free(home);
}

static void
check_found(const char *arg, const char *want)
{
	char why[1024] = "unset";
	char *path = config_find(arg, why, sizeof(why));

	CHECK_STR(path, want);
	CHECK_STR(why, "");
	free(path);
}

static void
check_not_found(const char *arg, const char *want)
{
	char why[1024] = "";
	char *path = config_find(arg, why, sizeof(why));

	CHECK(path == NULL);
	CHECK(strstr(why, want) != NULL);
	free(path);
}

TEST(configurations_are_found)
{
	char *home = make_home(), *path;

	check_found("@examples/top", "x/top.yaml");
	check_found("@examples/top.yaml", "x/top.yaml");
	check_found("@examples/configs/two/only.yaml", "x/two/only.yaml");
	check_found("@examples/only", "x/two/only.yaml");
	check_found("@examples/one/same", "x/one/same.yaml");
	check_found("x/top.yaml", "x/top.yaml");
	check_not_found("@examples/same", "one/same, two/same");
	check_not_found("@examples/yaml", "there is no example 'yaml'");
	check_not_found("@examples/../secret", "there is no example");
	check_not_found("nowhere.yaml", "Config file not found: nowhere.yaml");

	path = xasprintf("%s/.config/massgen/config.yaml", home);
	check_found(NULL, path);
	free(path);
	setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
	check_found(NULL, NULL);
	if (mkdir(".massgen", 0700) == -1)
		err(1, ".massgen");
	spill(".massgen/config.yaml", "");
	check_found(NULL, ".massgen/config.yaml");
	remove_home(home);
}

TEST(examples_are_listed_and_printed)
{
	char *home = make_home(), *text = NULL, why[1024] = "";
	size_t len;
	FILE *f = open_memstream(&text, &len);

	CHECK_INT(examples_list(f, why, sizeof(why)), 0);
	CHECK_INT(examples_print("top", f, why, sizeof(why)), 0);
	CHECK_INT(examples_print("@examples/top", f, why, sizeof(why)), 0);
	CHECK_INT(examples_print("nothing", f, why, sizeof(why)), -1);
	fclose(f);
	CHECK_STR(text, "one/same\ntop\ntwo/only\ntwo/same\ntop: 1\ntop: 1\n");
	CHECK(strstr(why, "there is no example 'nothing'") != NULL);
	free(text);
	setenv("MASSGEN_CONFIGS", "/nonexistent", 1);
	f = fopen("/dev/null", "w");
	CHECK_INT(examples_list(f, why, sizeof(why)), -1);
	CHECK(strstr(why, "there are no examples in /nonexistent") != NULL);
	fclose(f);
	remove_home(home);
}

/* Neither may block: there is no writer, and no end. */
TEST(only_regular_files_are_read)
{
	char *dir = scratch_make(), *fifo = xasprintf("%s/c.yaml", dir);
	const char *paths[] = { fifo, dir, "/dev/zero" };
	struct diagnostics all = { 0 };
	size_t i;

	CHECK_INT(mkfifo(fifo, 0600), 0);
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		CHECK(config_load(paths[i], &run, &all) == NULL);
		CHECK(find(&all, "not a regular file") != NULL);
		diagnostics_release(&all);
	}
	unlink(fifo);
	CHECK(config_load(fifo, &run, &all) == NULL);
	CHECK(find(&all, "Config file not found: ") != NULL);
	if (all.count > 0)
		CHECK_STR(all.list[0].location, "file");
	diagnostics_release(&all);
	rmdir(dir);
	free(fifo);
	free(dir);
}

TEST(large_files_and_other_suffixes_are_refused)
{
	struct diagnostics all;
	char *large = xcalloc(1, 2 * 1024 * 1024 + 2);

	memset(large, '#', 2 * 1024 * 1024 + 1);
	CHECK(load_as("c.yaml", large, &run, &all) == NULL);
	CHECK(find(&all, "larger than 2 MiB") != NULL);
	diagnostics_release(&all);
	free(large);

	CHECK(load_as("c.toml", "a: 1", &run, &all) == NULL);
	CHECK(find(&all, "Unsupported file format: .toml") != NULL);
	diagnostics_release(&all);
}
