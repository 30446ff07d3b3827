/* execution_metadata.yaml: what was run, with what, where. */

#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "ipc/field.h"
#include "ipc/log.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/artifact.h"
#include "supervisor/record/report_part.h"

#define GIT_FILE_MAX ((size_t)4 * 1024 * 1024) /* packed-refs may be long */
#define HASH_MIN     40                        /* SHA-1; 64 is SHA-256 */

/* --- YAML --- */

struct emitter {
	yaml_emitter_t yaml;
	bool ok;
};

static void
emit(struct emitter *m, yaml_event_t *event, int prepared)
{
	if (prepared == 0)
		m->ok = false;
	else if (m->ok)
		m->ok = yaml_emitter_emit(&m->yaml, event) == 1;
	else
		yaml_event_delete(event);
}

/* YAML 1.1 reads these as something else than text. */
static bool
is_reserved(const char *text)
{
	static const char *const words[] = { "null", "true", "false", "yes",
		"no", "on", "off", "y", "n" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(text, words[i]) == 0)
			return (true);
	return (false);
}

/* Text that every reader takes for text without quotes. */
static bool
is_plain(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char more[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-./";

	return (*text != '\0' && strchr(letters, *text) != NULL &&
	    text[strspn(text, more)] == '\0' && !is_reserved(text));
}

static void
emit_scalar(struct emitter *m, const char *text, bool plain)
{
	yaml_scalar_style_t style = plain ? YAML_PLAIN_SCALAR_STYLE
	    : strchr(text, '\n') != NULL  ? YAML_LITERAL_SCALAR_STYLE
					  : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	yaml_event_t event;

	emit(m, &event,
	    yaml_scalar_event_initialize(&event, NULL, NULL,
		(const yaml_char_t *)text, (int)strlen(text), plain, 1, style));
}

static void
emit_text(struct emitter *m, const char *text)
{
	emit_scalar(m, text, is_plain(text));
}

static void emit_value(struct emitter *, struct json_object *);

static void
emit_list(struct emitter *m, struct json_object *list)
{
	size_t i, n = json_object_array_length(list);
	yaml_event_t event;

	emit(m, &event,
	    yaml_sequence_start_event_initialize(
		&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
	for (i = 0; i < n; i++)
		emit_value(m, json_object_array_get_idx(list, i));
	emit(m, &event, yaml_sequence_end_event_initialize(&event));
}

static void
emit_map(struct emitter *m, struct json_object *map)
{
	yaml_event_t event;

	emit(m, &event,
	    yaml_mapping_start_event_initialize(
		&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
	json_object_object_foreach (map, key, value) {
		emit_text(m, key);
		emit_value(m, value);
	}
	emit(m, &event, yaml_mapping_end_event_initialize(&event));
}

static void
emit_value(struct emitter *m, struct json_object *value)
{
	if (json_object_is_type(value, json_type_string))
		emit_text(m, json_object_get_string(value));
	else if (json_object_is_type(value, json_type_array))
		emit_list(m, value);
	else if (json_object_is_type(value, json_type_object))
		emit_map(m, value);
	else
		emit_scalar(m,
		    value == NULL ? "null"
				  : json_object_to_json_string_ext(
					value, JSON_C_TO_STRING_PLAIN),
		    true);
}

static int
write_yaml(void *arg, unsigned char *data, size_t len)
{
	buf_add(arg, data, len);
	return (1);
}

static void
to_yaml(struct json_object *root, struct buf *out)
{
	struct emitter m = { .ok = true };
	yaml_event_t event;

	if (yaml_emitter_initialize(&m.yaml) == 0)
		fatalx("no memory for a YAML emitter");
	yaml_emitter_set_output(&m.yaml, write_yaml, out);
	yaml_emitter_set_unicode(&m.yaml, 1);
	yaml_emitter_set_width(&m.yaml, -1);
	emit(&m, &event,
	    yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
	emit(&m, &event,
	    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
	emit_value(&m, root);
	emit(&m, &event, yaml_document_end_event_initialize(&event, 1));
	emit(&m, &event, yaml_stream_end_event_initialize(&event));
	if (!m.ok)
		log_warnx("execution_metadata.yaml: %s",
		    m.yaml.problem == NULL ? "not written in full"
					   : m.yaml.problem);
	yaml_emitter_delete(&m.yaml);
}

/* A name in the file system may be any bytes; YAML takes text only. */
static void
put_name(struct json_object *o, const char *key, const char *name)
{
	struct buf b = BUF_INITIALIZER;

	if (name != NULL) {
		buf_add(&b, "", 0);
		utf8_clean(&b, name, strlen(name));
	}
	field_put_str(o, key, b.data);
	buf_release(&b);
}

/* --- git, without running it --- */

/* A regular file's text, or NULL. */
static char *
read_text(const char *path)
{
	struct buf b = BUF_INITIALIZER;
	struct stat st;
	int fd, ret = -1;

	/* not blocking: it might be a FIFO */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return (NULL);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		ret = buf_read_fd(&b, fd, GIT_FILE_MAX);
	close(fd);
	if (ret == 0)
		return (buf_detach(&b));
	buf_release(&b);
	return (NULL);
}

/* The object id that text begins with, or NULL. */
static char *
hash_of(const char *text)
{
	size_t n = strspn(text, "0123456789abcdef");

	return (n == HASH_MIN || n == 64 ? xstrndup(text, n) : NULL);
}

/* Its line in packed-refs: the hash, a space, the name. */
static char *
packed_hash(const char *ref)
{
	char *text = read_text(".git/packed-refs"), *found = NULL, *p, *line;
	size_t n;

	p = text;
	while (found == NULL && (line = strsep(&p, "\n")) != NULL) {
		n = strspn(line, "0123456789abcdef");
		if (n >= HASH_MIN && line[n] == ' ' &&
		    strcmp(line + n + 1, ref) == 0)
			found = hash_of(line);
	}
	free(text);
	return (found);
}

static char *
ref_hash(const char *ref)
{
	char *path = xasprintf(".git/%s", ref);
	char *text = read_text(path), *hash = NULL;

	if (text != NULL)
		hash = hash_of(text);
	free(text);
	free(path);
	return (hash != NULL ? hash : packed_hash(ref));
}

/* NULL where there is no repository. */
static struct json_object *
git(void)
{
	static const char prefix[] = "ref: refs/heads/";
	char *head = read_text(".git/HEAD"), *commit;
	const char *branch = NULL;
	struct json_object *o;

	if (head == NULL)
		return (NULL);
	head[strcspn(head, "\r\n")] = '\0';
	if (strncmp(head, prefix, sizeof(prefix) - 1) == 0 &&
	    strstr(head, "..") == NULL)
		branch = head + sizeof(prefix) - 1;
	commit =
	    branch == NULL ? hash_of(head) : ref_hash(head + strlen("ref: "));
	o = json_object_new_object();
	field_put_str(o, "commit", commit);
	put_name(o, "branch", branch);
	free(commit);
	free(head);
	return (o);
}

/* --- the members --- */

static struct json_object *
metadata(const struct report *r)
{
	struct json_object *o = json_object_new_object();
	char cwd[PATH_MAX], text[ARTIFACT_STAMP_LEN];

	field_put_str(o, "query", r->end->question);
	artifact_stamp(text, true, r->end->start_time);
	field_put_str(o, "timestamp", text);
	put_name(o, "config_path", r->config->path);
	json_object_object_add(o, "config", json_object_get(r->config->source));
	json_object_object_add(
	    o, "cli_args", json_object_get(r->config->cli_args));
	json_object_object_add(
	    o, "dry_run", json_object_new_boolean(r->end->dry_run));
	json_object_object_add(o, "git", git());
	field_put_str(o, "massgen_version", r->end->version);
	put_name(o, "working_directory",
	    getcwd(cwd, sizeof(cwd)) == NULL ? NULL : cwd);
	return (o);
}

static void *
begin(const struct report *r, struct buf *out)
{
	struct json_object *o = metadata(r);

	to_yaml(o, out);
	json_object_put(o);
	return (NULL);
}

static void
end(void *state, const struct report *r, struct buf *out)
{
	(void)state;
	(void)r;
	(void)out;
}

const struct report_part report_metadata = { "execution_metadata.yaml", begin,
	NULL, end };
