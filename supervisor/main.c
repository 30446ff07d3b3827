/*
 * massgen: from the command line to the exit code.  Here the orders are
 * read, the run directory made and the question found; run.c does the rest.
 */

#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
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
#include "supervisor/record/artifact.h"
#include "supervisor/record/redact.h"
#include "supervisor/run.h"
#include "supervisor/validate.h"
#include "supervisor/sandbox.h"
#include "supervisor/view/out.h"

#define QUESTION_MAX ((size_t)4 * 1024 * 1024)

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

/* The question's text, cleaned; NULL and a message in err. */
static char *
read_question(const struct options *o, char *err, size_t errlen)
{
	struct buf raw = BUF_INITIALIZER, text = BUF_INITIALIZER;
	const char *path = o->question_file;
	int fd = STDIN_FILENO, bad = 0;

	if (path == NULL && o->question == NULL) {
		snprintf(err, errlen, "no question given; see --help");
		return (NULL);
	}
	if (path == NULL && strcmp(o->question, "-") != 0) {
		buf_adds(&raw, o->question);
	} else {
		if (path != NULL && strcmp(path, "-") != 0)
			fd = open(path, O_RDONLY | O_CLOEXEC);
		bad = fd == -1 ? -1 : buf_read_fd(&raw, fd, QUESTION_MAX);
		if (bad == -1)
			snprintf(err, errlen, "%s: %s",
			    path == NULL ? "standard input" : path,
			    strerror(errno));
		if (fd > STDERR_FILENO)
			close(fd);
	}
	if (bad == 0) {
		buf_add(&text, "", 0);
		utf8_clean(&text, raw.data == NULL ? "" : raw.data, raw.len);
		if (text.data[strspn(text.data, " \t\r\n")] == '\0') {
			snprintf(err, errlen, "the question is empty");
			bad = -1;
		}
	}
	buf_release(&raw);
	if (bad == 0)
		return (buf_detach(&text));
	buf_release(&text);
	return (NULL);
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

static int
run(const struct options *o, int64_t started)
{
	struct run_request request = { .output_path = o->output,
		.view = view_of(o),
		.started = started,
		.dry_run = o->overrides.dry_run };
	struct child_ask ask = { .started = started };
	struct config *config = NULL;
	char *question = NULL, *dir, *wanted = NULL, err[1024];
	int code = EXIT_CONFIG, log;

	if ((dir = artifact_run_dir(o->log_root, &wanted)) == NULL) {
		snprintf(err, sizeof(err), "cannot create %s: %s", wanted,
		    strerror(errno));
		early_fail(
		    request.view, wanted, false, started, EXIT_EXECUTION, err);
		free(wanted);
		return (EXIT_EXECUTION);
	}
	request.view->open(dir);
	log = open_log(o, dir);
	if ((question = read_question(o, err, sizeof(err))) != NULL &&
	    (config = read_config(o, err, sizeof(err))) != NULL) {
		config->cli_args = options_json(o);
		request.config = ask.config = config;
		request.question = ask.question = question;
		request.log_dir = ask.log_dir = dir;
	}
	if (config != NULL &&
	    sandbox_choose(config, &request.sandbox, err, sizeof(err)) == 0 &&
	    has_leave(o, &ask, &request.parent, err, sizeof(err))) {
		code = (int)run_execute(&request);
	} else {
		early_fail(request.view, dir, true, started, EXIT_CONFIG, err);
	}
	child_free(request.parent);
	config_free(config);
	close_log(log);
	free(question);
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
	code = run(&o, started);
	loop_shutdown();
	return (code);
}
