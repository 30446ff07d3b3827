/* What a run produces, on disk. */

#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <limits.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/field.h"
#include "ipc/mono.h"
#include "ipc/utf8.h"
#include "ipc/xmalloc.h"
#include "supervisor/record/artifact.h"
#include "supervisor/record/atomic.h"

void
artifact_stamp(char stamp[ARTIFACT_STAMP_LEN], bool iso, double time)
{
	time_t seconds = (time_t)time;
	int micros = (int)((time - (double)seconds) * 1e6) % 1000000;
	struct tm t;

	localtime_r(&seconds, &t);
	snprintf(stamp, ARTIFACT_STAMP_LEN,
	    iso ? "%04d-%02d-%02dT%02d:%02d:%02d.%06d"
		: "%04d%02d%02d_%02d%02d%02d_%06d",
	    t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min,
	    t.tm_sec, micros);
}

/* mkdir prefix + the time, until nobody else had the same idea. */
static char *
stamped_dir(const char *prefix)
{
	char text[ARTIFACT_STAMP_LEN];
	char *path;

	for (;;) {
		artifact_stamp(text, false, wall_seconds());
		path = xasprintf("%s%s", prefix, text);
		if (mkdir(path, 0777) == 0)
			return (path);
		if (errno != EEXIST)
			break;
		free(path);
	}
	free(path);
	return (NULL);
}

static char *
absolute(const char *path)
{
	char cwd[PATH_MAX];

	if (*path == '/' || getcwd(cwd, sizeof(cwd)) == NULL)
		return (xstrdup(path));
	return (xasprintf("%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, path));
}

char *
artifact_run_dir(const char *root, char **out_wanted)
{
	char *base = absolute(root), *prefix, *dir = NULL;
	char text[ARTIFACT_STAMP_LEN];

	prefix = xasprintf("%s/log_", base);
	/* its name is a line's end: a line break in it would break the line */
	if (strpbrk(base, "\r\n") != NULL)
		errno = EINVAL;
	else if (atomic_mkdirs(base) == 0)
		dir = stamped_dir(prefix);
	if (dir == NULL) {
		int saved = errno;

		artifact_stamp(text, false, wall_seconds());
		*out_wanted = xasprintf("%s%s", prefix, text);
		errno = saved;
	}
	free(prefix);
	free(base);
	return (dir);
}

char *
artifact_step_dir(const char *run_dir, const char *agent)
{
	char *prefix, *dir, *rel = NULL;

	prefix = xasprintf("%s/%s", run_dir, agent);
	if (mkdir(prefix, 0777) == 0 || errno == EEXIST) {
		char *slash = xasprintf("%s/", prefix);

		if ((dir = stamped_dir(slash)) != NULL)
			rel = xstrdup(dir + strlen(run_dir) + 1);
		free(dir);
		free(slash);
	}
	free(prefix);
	return (rel);
}

int
artifact_write(const char *run_dir, const char *dir, const char *name,
    const void *data, size_t len, struct artifact *out)
{
	char *path = xasprintf("%s/%s/%s", run_dir, dir, name);
	int ret;

	ret = atomic_write(path, data, len, false);
	if (out != NULL) {
		out->path = xasprintf("%s/%s", dir, name);
		out->bytes = (int64_t)len;
		SHA256Data(data, len, out->sha256);
	}
	free(path);
	return (ret);
}

void
artifact_release(struct artifact *a)
{
	free(a->path);
	a->path = NULL;
}

struct json_object *
artifact_json(const struct artifact *a)
{
	struct json_object *o = json_object_new_object();
	struct buf path = BUF_INITIALIZER;

	utf8_clean(&path, a->path, strlen(a->path));
	field_put_str(o, "path", path.data);
	field_put_int(o, "bytes", a->bytes);
	field_put_str(o, "sha256", a->sha256);
	buf_release(&path);
	return (o);
}
