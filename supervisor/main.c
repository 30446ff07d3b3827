/*
 * massgen: from the command line to the exit code.  Here the orders are
 * read and the run directory made; run.c does the rest.
 */

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/early.h"
#include "supervisor/nest/child.h"
#include "supervisor/nest/gc.h"
#include "supervisor/options.h"
#include "supervisor/question.h"
#include "supervisor/record/artifact.h"
#include "supervisor/record/redact.h"
#include "supervisor/run.h"
#include "supervisor/validate.h"
#include "supervisor/sandbox.h"

/* Descriptors 0 to 2 exist, so that no file of ours becomes one of them. */
static void
open_standard(void)
{
	int fd;

	while ((fd = open("/dev/null", O_RDWR)) != -1 && fd <= 2)
		continue;
	if (fd > 2)
		close(fd);
}

static void
harden(void)
{
	struct rlimit none = { 0, 0 };

	/* we hold keys: no core, no reader of our memory or environment */
	if (prctl(PR_SET_DUMPABLE, 0) == -1 ||
	    setrlimit(RLIMIT_CORE, &none) == -1)
		log_warn("cannot protect the process's memory");
}

static const struct view *
view_of(const struct options *o)
{
	if (o->json)
		return (&view_json);
	if (o->automation)
		return (&view_automation);
	return (o->no_display ? &view_answer : &view_terminal);
}

/* The log's descriptor, for close_log; -1: there is none. */
static int
open_log(const struct options *o, const char *log_dir)
{
	char *path;
	int fd;

	if (o->no_logs)
		return (-1);
	path = xasprintf("%s/massgen.log", log_dir);
	fd = open(
	    path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd == -1)
		log_warn("%s", path);
	else
		log_to_file(fd, o->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	free(path);
	return (fd);
}

static void
close_log(int fd)
{
	log_to_file(-1, LOG_LEVEL_INFO);
	if (fd != -1)
		close(fd);
}

/* Every problem to standard error; the first one in words to err. */
static struct config *
read_config(const struct options *o, char *err, size_t errlen)
{
	struct diagnostics d = { 0 };
	struct config *config = NULL;
	char *path = NULL;
	bool quick = o->overrides.backend != NULL ||
	    (o->overrides.model != NULL && o->config == NULL);
	size_t i;

	*err = '\0';
	if (!quick && (path = config_find(o->config, err, errlen)) == NULL &&
	    (*err != '\0' || !o->overrides.dry_run)) {
		if (*err == '\0')
			snprintf(err, errlen,
			    "no configuration: use --config, "
			    "--backend, --model or --dry-run");
		return (NULL);
	}
	config = config_load(path, &o->overrides, &d);
	for (i = 0; i < d.count; i++)
		early_log_diagnostic(&d.list[i]);
	if (config == NULL)
		early_summary(&d, err, errlen);
	diagnostics_release(&d);
	free(path);
	return (config);
}

/*
 * A limit that the parent sets holds for a configuration that was read
 * without one: whatever has no price does not go with it.
 */
static bool
keeps_limit(const struct options *o, const struct config *config, char *err,
    size_t errlen)
{
	struct config_overrides overrides = o->overrides;
	struct diagnostics d = { 0 };
	struct config *limited;

	overrides.max_cost_usd = config->max_cost_usd;
	limited = config_load(config->path, &overrides, &d);
	if (limited == NULL)
		early_summary(&d, err, errlen);
	diagnostics_release(&d);
	config_free(limited);
	return (limited != NULL);
}

/* Nobody's tool started us, or we have leave, and can keep to it. */
static bool
has_leave(const struct options *o, const struct child_ask *ask,
    struct parent_link **out, char *err, size_t errlen)
{
	bool limited = ask->config->max_cost_usd > 0;

	if (child_join(ask, out, err, errlen) == -1)
		return (false);
	if (limited || ask->config->max_cost_usd <= 0 ||
	    keeps_limit(o, ask->config, err, errlen))
		return (true);
	child_end(*out, NULL, EXIT_CONFIG);
	return (false);
}

/* Before anything is paid for: whether --output will have a place. */
static bool
has_place(const char *path, char *err, size_t errlen)
{
	struct stat st;
	char *copy;
	int error = 0;

	if (path == NULL)
		return (true);
	if ((copy = realpath(path, NULL)) == NULL)
		copy = xstrdup(path);
	if (stat(path, &st) == -1 || S_ISREG(st.st_mode))
		error = access(dirname(copy), W_OK | X_OK) == -1 ? errno : 0;
	else if (S_ISDIR(st.st_mode))
		error = EISDIR;
	else
		error = access(path, W_OK) == -1 ? errno : 0;
	free(copy);
	if (error != 0)
		snprintf(err, errlen, "--output %s: %s", path, strerror(error));
	return (error == 0);
}

/* All that a run needs; or how it ends before it begins, and why in err. */
static enum exit_code
prepare(
    const struct options *o, struct run_request *r, char *err, size_t errlen)
{
	struct child_ask ask = { .started = r->started, .log_dir = r->log_dir };
	struct config *config = read_config(o, err, errlen);
	enum exit_code code;

	if ((r->config = ask.config = config) == NULL)
		return (EXIT_CONFIG);
	config->cli_args = options_json(o);
	code = question_read(
	    o, r->started + config->run_timeout_ms, &r->question, err, errlen);
	if (code != EXIT_OK)
		return (code);
	ask.question = r->question;
	if (!has_place(o->output, err, errlen) ||
	    sandbox_choose(config, &r->sandbox, err, errlen) == -1 ||
	    !has_leave(o, &ask, &r->parent, err, errlen))
		return (EXIT_CONFIG);
	return (EXIT_OK);
}

static enum exit_code
run(const struct options *o, int64_t started)
{
	struct run_request request = { .output_path = o->output,
		.view = view_of(o),
		.started = started,
		.dry_run = o->overrides.dry_run };
	char *dir, *wanted = NULL, err[1024];
	enum exit_code code;
	int log;

	if ((dir = artifact_run_dir(o->log_root, &wanted)) == NULL) {
		snprintf(err, sizeof(err), "cannot create %s: %s", wanted,
		    strerror(errno));
		early_fail(
		    request.view, wanted, false, started, EXIT_EXECUTION, err);
		free(wanted);
		return (EXIT_EXECUTION);
	}
	request.log_dir = dir;
	request.view->open(dir);
	log = open_log(o, dir);
	code = prepare(o, &request, err, sizeof(err));
	if (code == EXIT_OK)
		code = run_execute(&request);
	else
		early_fail(request.view, dir, true, started, (int)code, err);
	child_free(request.parent);
	config_free(request.config);
	close_log(log);
	free(request.question);
	free(dir);
	return (code);
}

/* All names, or one of them. */
static int
show_examples(const char *name)
{
	char err[512];

	if ((name == NULL
		    ? examples_list(stdout, err, sizeof(err))
		    : examples_print(name, stdout, err, sizeof(err))) == 0)
		return (EXIT_OK);
	log_warnx("%s", err);
	return (EXIT_CONFIG);
}

/* A bad command line; for a program it is a run that failed, all the same. */
static int
bad_usage(const struct options *o, int64_t started, const char *err)
{
	const struct view *view = view_of(o);
	char *dir, *wanted = NULL;

	if ((!o->automation && !o->json) || o->validate != NULL) {
		fprintf(stderr,
		    "massgen: %s\n"
		    "usage: massgen [options] \"question\"; see --help\n",
		    err);
		return (EXIT_CONFIG);
	}
	dir = artifact_run_dir(o->log_root, &wanted);
	if (dir != NULL)
		view->open(dir);
	early_fail(view, dir == NULL ? wanted : dir, dir != NULL, started,
	    EXIT_CONFIG, err);
	free(dir);
	free(wanted);
	return (EXIT_CONFIG);
}

int
main(int argc, char **argv)
{
	int64_t started = mono_ms();
	struct options o;
	char err[256];
	int code;

	open_standard();
	log_init("massgen", LOG_LEVEL_WARN);
	log_filter(redact);
	harden();
	if (argc > 1 && strcmp(argv[1], "gc") == 0)
		return (gc_main(argc - 1, argv + 1));
	if (options_parse(&o, argc, argv, err, sizeof(err)) == -1)
		return (bad_usage(&o, started, err));
	if (o.debug)
		log_init("massgen", LOG_LEVEL_DEBUG);
	if (o.help)
		options_usage(stdout);
	else if (o.version)
		printf("massgen %s\n", MASSGEN_VERSION);
	else if (o.list_examples || o.example != NULL)
		return (show_examples(o.example));
	else if (o.validate != NULL)
		return (validate(&o));
	if (o.help || o.version)
		return (EXIT_OK);
	loop_init();
	code = (int)run(&o, started);
	loop_shutdown();
	return (code);
}
