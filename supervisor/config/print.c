/* Problems as people and programs read them. */

#include <stdlib.h>
#include <string.h>

#include "ipc/buf.h"
#include "ipc/field.h"
#include "supervisor/config/config.h"

static const char *
plural(size_t n)
{
	return (n == 1 ? "" : "s");
}

char *
diagnostic_line(const struct diagnostic *d)
{
	struct buf b = BUF_INITIALIZER;

	if (d->file != NULL)
		buf_adds(&b, d->file);
	if (d->line > 0)
		buf_addf(&b, "%s%zu:%zu", b.len > 0 ? ":" : "line ", d->line,
		    d->column);
	buf_addf(&b, "%s%s%s", b.len > 0 ? ": " : "",
	    d->severity == SEVERITY_WARNING ? "warning: " : "", d->message);
	return (buf_detach(&b));
}

/* A message that does not name its place gets it behind. */
static void
print_one(const struct diagnostic *d, FILE *f)
{
	char *line = diagnostic_line(d);
	bool placed = d->location == NULL || strcmp(d->location, "file") == 0 ||
	    strcmp(d->location, "root") == 0 ||
	    strncmp(d->message, "unknown key", 11) == 0;

	fprintf(f, "%s", line);
	if (!placed)
		fprintf(f, " [%s]", d->location);
	fprintf(f, "\n");
	if (d->suggestion != NULL)
		fprintf(f, "    %s\n", d->suggestion);
	free(line);
}

static void
print_text(
    const struct diagnostics *all, FILE *f, bool usable, const char *sandbox)
{
	size_t i;

	for (i = 0; i < all->count; i++)
		print_one(&all->list[i], f);
	if (all->errors + all->warnings > all->count)
		fprintf(f, "... and %zu more\n",
		    all->errors + all->warnings - all->count);
	fprintf(f, "Configuration is %s", usable ? "valid" : "not valid");
	if (all->errors + all->warnings == 0)
		fprintf(f, "\n");
	else
		fprintf(f, ": %zu error%s, %zu warning%s\n", all->errors,
		    plural(all->errors), all->warnings, plural(all->warnings));
	if (sandbox != NULL)
		fprintf(f, "Sandbox: %s\n", sandbox);
}

static struct json_object *
string_or_null(const char *s)
{
	return (s == NULL ? NULL : json_object_new_string(s));
}

static struct json_object *
one_json(const struct diagnostic *d)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "message", string_or_null(d->message));
	json_object_object_add(o, "location", string_or_null(d->location));
	json_object_object_add(o, "suggestion", string_or_null(d->suggestion));
	json_object_object_add(o, "file", string_or_null(d->file));
	if (d->line > 0) {
		json_object_object_add(
		    o, "line", json_object_new_int64((int64_t)d->line));
		json_object_object_add(
		    o, "column", json_object_new_int64((int64_t)d->column));
	}
	return (o);
}

static struct json_object *
list_json(const struct diagnostics *all, enum severity severity)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < all->count; i++) {
		if (all->list[i].severity == severity)
			json_object_array_add(list, one_json(&all->list[i]));
	}
	return (list);
}

static void
print_json(const struct diagnostics *all, FILE *f, const char *sandbox)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(
	    o, "valid", json_object_new_boolean(all->errors == 0));
	json_object_object_add(
	    o, "error_count", json_object_new_int64((int64_t)all->errors));
	json_object_object_add(
	    o, "warning_count", json_object_new_int64((int64_t)all->warnings));
	json_object_object_add(o, "errors", list_json(all, SEVERITY_ERROR));
	json_object_object_add(o, "warnings", list_json(all, SEVERITY_WARNING));
	json_object_object_add(o, "sandbox", string_or_null(sandbox));
	fprintf(f, "%s\n", field_page(o, NULL));
	json_object_put(o);
}

bool
diagnostics_print(const struct diagnostics *all, FILE *f, bool json,
    bool strict, const char *sandbox)
{
	bool usable = all->errors == 0 && (!strict || all->warnings == 0);

	if (json)
		print_json(all, f, sandbox);
	else
		print_text(all, f, usable, sandbox);
	return (usable);
}
