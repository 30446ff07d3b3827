/* The configuration: files of the user's that agents may see. */

#include <sys/stat.h>

#include <unistd.h>

#include "tests/config_text.h"

/*
 * A directory of its own for a test, which becomes the current one:
 * docs/{a,.git/}, docs/deep/b, file, link -> docs, out -> /usr, fifo.
 */
static char *
enter(void)
{
	char *made = scratch_make(), *dir = realpath(made, NULL);

	if (dir == NULL || chdir(dir) == -1 || mkdir("docs", 0700) == -1 ||
	    mkdir("docs/deep", 0700) == -1 || mkdir("docs/.git", 0700) == -1 ||
	    symlink("docs", "link") == -1 || symlink("/usr", "out") == -1 ||
	    symlink("/usr", "docs/out") == -1 || mkfifo("fifo", 0600) == -1)
		err(1, "%s", made);
	spill("docs/a", "");
	spill("docs/deep/b", "");
	spill("file", "");
	free(made);
	return (dir);
}

static void
leave(char *dir)
{
	char *command = xasprintf("rm -r '%s'", dir);

	if (chdir("/") == -1 || system(command) != 0)
		err(1, "%s", command);
	free(command);
	free(dir);
}

/* In "want", '@' stands for the directory. */
static void
check_context(const char *dir, const char *text, const char *want)
{
	struct diagnostics all;
	struct config *config = load_as("c.yaml", text, &run, &all);
	struct json_object *context = NULL;
	char *whole = xstrdup(""), *more;
	const char *s;

	for (s = want; *s != '\0'; s++) {
		more = *s == '@' ? xasprintf("%s%s", whole, dir)
				 : xasprintf("%s%c", whole, *s);
		free(whole);
		whole = more;
	}
	CHECK_INT(all.count, 0);
	if (CHECK(config != NULL) && CHECK(config->agents[0].tools != NULL))
		context =
		    json_object_object_get(config->agents[0].tools, "context");
	if (CHECK(context != NULL))
		CHECK_STR(json_compact(context), whole);
	else
		printf("# for: %s\n# got: %s\n", text,
		    all.count == 0 ? "" : all.list[0].message);
	config_free(config);
	diagnostics_release(&all);
	free(whole);
}

#define AGENT_PATHS   AGENT ", context_paths: "
#define THEIR_PATHS   AGENT "}}]\norchestrator: {context_paths: "
#define READ(path)    "{\"path\":\"" path "\",\"write\":false,\"keep\":[]}"
#define WRITE(path)   "{\"path\":\"" path "\",\"write\":true,\"keep\":[]}"
#define KEEP(path, k) "{\"path\":\"" path "\",\"write\":true,\"keep\":[" k "]}"

TEST(paths_become_real_ones)
{
	char *dir = enter();

	setenv("TEST_DIR", dir, 1);
	check_context(
	    dir, AGENT_PATHS "[{path: docs}]}}]", "[" READ("@/docs") "]");
	check_context(dir, THEIR_PATHS "[{path: ./link/, permission: read}]}",
	    "[" READ("@/docs") "]");
	check_context(dir, AGENT_PATHS "[{path: '${TEST_DIR}/file'}]}}]",
	    "[" READ("@/file") "]");
	check_context(dir,
	    AGENT_PATHS "[{path: docs/../file, "
			"permission: write}]}}]",
	    "[" WRITE("@/file") "]");
	check_context(
	    dir, AGENT_PATHS "[{path: out}]}}]", "[" READ("/usr") "]");
	unsetenv("TEST_DIR");
	leave(dir);
}

TEST(what_is_kept_in_a_path_to_be_written)
{
	char *dir = enter();

	check_context(dir, AGENT_PATHS "[{path: docs, permission: write}]}}]",
	    "[" KEEP("@/docs", "\"@/docs/.git\"") "]");
	check_context(dir,
	    AGENT_PATHS "[{path: docs, permission: write, "
			"protected_paths: [a, deep/b, .git]}]}}]",
	    "[" KEEP("@/docs",
		"\"@/docs/a\",\"@/docs/deep/b\",\"@/docs/.git\"") "]");
	check_context(dir,
	    AGENT_PATHS "[{path: file, permission: write, "
			"protected_paths: [file]}]}}]",
	    "[" KEEP("@/file", "\"@/file\"") "]");
	/* What may only be read stays so within what may be written. */
	check_context(dir,
	    AGENT_PATHS "[{path: docs, permission: write}, "
			"{path: docs/deep}]}}]",
	    "[" KEEP("@/docs", "\"@/docs/.git\",\"@/docs/deep\"") "," READ(
		"@/docs/deep") "]");
	leave(dir);
}

TEST(the_orchestrator_s_paths_go_first)
{
	char *dir = enter();

	check_context(dir,
	    AGENT_PATHS "[{path: file, permission: write}, {path: link, "
			"permission: write}]}}]\n"
			"orchestrator: {context_paths: [{path: docs}]}",
	    "[" READ("@/docs") "," WRITE("@/file") "]");
	leave(dir);
}

TEST(paths_that_cannot_be_used)
{
	static const struct rule rules[] = {
		{ AGENT_PATHS "[{permission: read}]}}]",
		    "context_paths entry missing 'path' field",
		    "agents[0].backend.context_paths[0]", NULL },
		{ AGENT_PATHS "[docs]}}]", "'context_paths[0]' must be", NULL,
		    NULL },
		{ AGENT_PATHS "[{path: docs, permission: rw}]}}]",
		    "Invalid permission: 'rw'",
		    "agents[0].backend.context_paths[0].permission",
		    "'read' or 'write'" },
		{ AGENT_PATHS "[{path: fifo}]}}]",
		    "context path is neither a file nor a directory: fifo",
		    "agents[0].backend.context_paths[0].path", NULL },
		{ AGENT_PATHS "[{path: /, permission: write}]}}]",
		    "the root directory cannot be opened to writing",
		    "agents[0].backend.context_paths[0].permission", NULL },
		{ AGENT_PATHS "[{path: docs}, {path: link}]}}]",
		    "context path is given twice: link",
		    "agents[0].backend.context_paths[1].path", NULL },
		{ THEIR_PATHS "[{path: docs, protected_paths: [../file]}]}",
		    "protected path is not inside of the context path: ../file",
		    "orchestrator.context_paths[0].protected_paths[0]", NULL },
		{ THEIR_PATHS "[{path: docs, protected_paths: [out]}]}",
		    "protected path is not inside of the context path: out",
		    NULL, NULL },
		{ THEIR_PATHS "[{path: docs, protected_paths: [.]}]}",
		    "protected path is not inside", NULL, NULL },
		{ THEIR_PATHS "[{path: file, protected_paths: [docs/a]}]}",
		    "protected path is not inside", NULL, NULL },
		{ THEIR_PATHS "[{path: docs, protected_path: [a]}]}",
		    "unknown key \"protected_path\"", NULL,
		    "\"protected_paths\"" },
	};
	char *dir = enter();

	check_rules(rules, ARRAY_SIZE(rules));
	leave(dir);
}

/* An error where the run needs it, a warning where the file is looked at. */
TEST(what_is_missing_is_told_with_its_place)
{
	static const struct {
		const char *text;
		const char *message;
		size_t column;
	} cases[] = {
		{ AGENT "}}]\norchestrator:\n  context_paths:\n"
			"  - path: nowhere\n",
		    "context path cannot be used: nowhere: No such file", 11 },
		{ AGENT "}}]\norchestrator:\n  context_paths:\n"
			"  - {path: docs, protected_paths: [nothing]}\n",
		    "protected path cannot be used: nothing: No such file",
		    36 },
	};
	char *dir = enter();
	struct diagnostics all;
	const struct diagnostic *d;
	struct config *config;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK(load_as("c.yaml", cases[i].text, &run, &all) == NULL);
		if (CHECK((d = find(&all, cases[i].message)) != NULL)) {
			CHECK_INT(d->line, 4);
			CHECK_INT(d->column, cases[i].column);
			CHECK_INT(d->severity, SEVERITY_ERROR);
		}
		diagnostics_release(&all);
		config = load(cases[i].text, &all);
		CHECK(config != NULL);
		CHECK_INT(all.warnings, 1);
		config_free(config);
		diagnostics_release(&all);
	}
	leave(dir);
}
