/*
 * The command line of an agent: which commands, with what around them, and
 * how much of everything.
 */

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/pattern.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/config/load.h"

#define TIMEOUT_SECONDS 60
#define IMAGE           "massgen/mcp-runtime:latest"
#define SUDO_IMAGE      "massgen/mcp-runtime-sudo:latest"

/* One command line on its way from the tree. */
struct loading {
	const struct check *check;
	const struct node *backend;
	const char *location; /* of the backend */
	struct json_object *o;
};

static void
add(struct json_object *o, const char *key, struct json_object *value)
{
	json_object_object_add(o, key, value);
}

/* "512m" in bytes, with the units of docker; -1: it is none. */
static int64_t
size_of(const char *s)
{
	static const char units[] = "bkmgt";
	const char *unit;
	int64_t n;
	char *end;

	if (!isdigit((unsigned char)*s) || strlen(s) > 15)
		return (-1);
	n = strtoll(s, &end, 10);
	if (*end == '\0')
		return (n > 0 ? n : -1);
	unit = strchr(units, tolower((unsigned char)*end));
	if (unit == NULL || end[1 + strspn(end + 1, "iIbB")] != '\0' || n < 1 ||
	    n > 1 << 20)
		return (-1);
	return (n << 10 * (unit - units));
}

static void
load_size(const struct loading *l, const char *key, const char *name)
{
	const struct node *n = node_given(l->backend, key);
	int64_t size;

	if (n == NULL)
		return;
	size = n->kind == NODE_INT ? n->integer : size_of(n->text);
	if (size < 1)
		check_key(l->check, SEVERITY_ERROR, l->backend, l->location,
		    key, "For example 512m or 2g.",
		    "Backend '%s' must be a number of bytes, or one with k, m "
		    "or g behind it, got %s",
		    key, node_show(n));
	else
		add(l->o, name, json_object_new_int64(size));
}

static void
load_count(const struct loading *l, const char *key, const char *name)
{
	const struct node *n = node_get(l->backend, key);

	if (n != NULL && n->kind == NODE_INT)
		add(l->o, name, json_object_new_int64(n->integer));
}

/* What is Python's alone in a pattern, for free(); or NULL. */
static char *
foreign_part(const char *s)
{
	bool bracket = false;

	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0') {
			s++;
			if (!bracket && (*s == 'A' || *s == 'Z'))
				return (xasprintf("\\%c is not known", *s));
		} else if (*s == '[' || *s == ']') {
			bracket = *s == '[';
		} else if (!bracket && s[0] == '(' && s[1] == '?' &&
		    s[2] != ':')
			return (xstrdup("(? is not known, but for (?:"));
	}
	return (NULL);
}

/* What is wrong with a pattern, for free(); or NULL. */
static char *
pattern_problem(const char *pattern)
{
	char text[128], *posix, *problem = foreign_part(pattern);
	regex_t re;
	int error;

	if (problem != NULL)
		return (problem);
	posix = pattern_posix(pattern);
	error = regcomp(&re, posix, REG_EXTENDED | REG_NOSUB);
	free(posix);
	if (error == 0) {
		regfree(&re);
		return (NULL);
	}
	regerror(error, &re, text, sizeof(text));
	return (xstrdup(text));
}

static void
load_patterns(const struct loading *l, const char *key, const char *name)
{
	const struct node *list = node_get(l->backend, key), *n;
	char *problem, *location;
	size_t i;

	if (list == NULL || list->kind != NODE_LIST)
		return;
	for (i = 0; i < list->count; i++) {
		n = list->items[i];
		if (n->kind != NODE_STR ||
		    (problem = pattern_problem(n->text)) == NULL)
			continue;
		location = xasprintf("%s.%s[%zu]", l->location, key, i);
		check_error(l->check, n, location,
		    "Patterns are extended regular expressions; see regex(7).",
		    "'%s' is no pattern: %s", n->text, problem);
		free(location);
		free(problem);
	}
	add(l->o, name, node_json(list));
}

static bool
is_variable_name(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return (false);
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return (*s == '\0');
}

/*
 * Variables that go to commands although they may hold a key.  The worker is
 * not started with keys, so it is told the values.
 */
static void
load_pass_env(const struct loading *l, struct agent_config *agent)
{
	static const char key[] = "command_line_pass_env";
	const struct node *list = node_get(l->backend, key), *n;
	struct json_object *passed;
	const char *value;
	char *location;
	size_t i;

	if (list == NULL || list->kind != NODE_LIST)
		return;
	passed = json_object_new_object();
	add(l->o, "pass_env", passed);
	for (i = 0; i < list->count; i++) {
		n = list->items[i];
		if (n->kind != NODE_STR)
			continue;
		if (is_variable_name(n->text)) {
			value = getenv(n->text);
			if (value != NULL && config_names_secret(n->text))
				tools_secret(agent, value);
			if (value != NULL &&
			    utf8_is_valid(value, strlen(value)))
				add(passed, n->text,
				    json_object_new_string(value));
			continue;
		}
		location = xasprintf("%s.%s[%zu]", l->location, key, i);
		check_error(l->check, n, location,
		    "Give the name alone; its value is looked up.",
		    "'%s' is no name of an environment variable", node_show(n));
		free(location);
	}
}

static bool
is_docker_size(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return (n > 0 &&
	    (s[n] == '\0' ||
		(s[n + 1] == '\0' && strchr("bkmgBKMG", s[n]) != NULL)));
}

/* What a container is attached to: nothing, unless a key says otherwise. */
static const char *
docker_network(const struct loading *l)
{
	const char *docker =
	    tree_string(l->backend, "command_line_docker_network_mode");
	const char *any = tree_string(l->backend, "command_line_network");

	if (docker == NULL)
		return (any == NULL ? "none" : any);
	if (any != NULL && strcmp(any, docker) != 0)
		check_key(l->check, SEVERITY_ERROR, l->backend, l->location,
		    "command_line_docker_network_mode", "Remove one of them.",
		    "'command_line_docker_network_mode' is '%s', but "
		    "'command_line_network' '%s'",
		    docker, any);
	return (docker);
}

static void
load_docker(const struct loading *l)
{
	struct json_object *o = json_object_new_object();
	const struct node *cpus =
	    node_given(l->backend, "command_line_docker_cpu_limit");
	const char *image =
	    tree_string(l->backend, "command_line_docker_image");
	const char *memory =
	    tree_string(l->backend, "command_line_docker_memory_limit");
	bool sudo =
	    tree_bool(l->backend, "command_line_docker_enable_sudo", false);

	if (image == NULL || *image == '\0' ||
	    (sudo && strcmp(image, IMAGE) == 0))
		image = sudo ? SUDO_IMAGE : IMAGE;
	if (*image == '-')
		check_key(l->check, SEVERITY_ERROR, l->backend, l->location,
		    "command_line_docker_image", NULL,
		    "Backend 'command_line_docker_image' names no image: %s",
		    image);
	add(o, "image", json_object_new_string(image));
	add(o, "network", json_object_new_string(docker_network(l)));
	if (memory != NULL && !is_docker_size(memory))
		check_key(l->check, SEVERITY_ERROR, l->backend, l->location,
		    "command_line_docker_memory_limit",
		    "For example 512m or 2g.",
		    "Backend 'command_line_docker_memory_limit' must be a "
		    "number with b, k, m or g behind it, got %s",
		    memory);
	else if (memory != NULL)
		add(o, "memory", json_object_new_string(memory));
	if (cpus != NULL)
		add(o, "cpus", node_json(cpus));
	add(o, "sudo", json_object_new_boolean(sudo));
	add(l->o, "docker", o);
}

/* Limits that only the other mode holds. */
static void
check_mode(const struct loading *l, bool docker)
{
	static const char *const of_docker[] = {
		"command_line_docker_memory_limit",
		"command_line_docker_cpu_limit", NULL
	};
	static const char *const of_local[] = { "command_line_memory_limit",
		"command_line_max_file_size", "command_line_cpu_seconds",
		NULL };

	check_given(l->check, SEVERITY_ERROR, l->backend, l->location,
	    docker ? of_local : of_docker,
	    "sets a limit that does not hold in the execution mode '%s'",
	    docker ? "docker" : "local");
}

struct json_object *
command_line_load(const struct check *check, struct agent_config *agent,
    const struct node *backend, const char *location)
{
	struct loading l = { check, backend, location,
		json_object_new_object() };
	const char *mode = tree_string(backend, "command_line_execution_mode");
	const char *network = tree_string(backend, "command_line_network");
	bool enabled = tree_bool(backend, "enable_mcp_command_line", false);
	bool docker = mode != NULL && strcmp(mode, "docker") == 0;

	add(l.o, "mode", json_object_new_string(docker ? "docker" : "local"));
	add(l.o, "network",
	    json_object_new_string(network == NULL ? "none" : network));
	load_patterns(&l, "command_line_allowed_commands", "allowed");
	load_patterns(&l, "command_line_blocked_commands", "blocked");
	load_pass_env(&l, agent);
	add(l.o, "timeout",
	    json_object_new_double(
		tree_number(backend, "command_line_timeout", TIMEOUT_SECONDS)));
	load_size(&l, "command_line_memory_limit", "memory");
	load_size(&l, "command_line_max_file_size", "file_size");
	load_count(&l, "command_line_max_processes", "processes");
	load_count(&l, "command_line_cpu_seconds", "cpu");
	if (docker)
		load_docker(&l);
	if (enabled) {
		check_mode(&l, docker);
		return (l.o);
	}
	json_object_put(l.o);
	return (NULL);
}
