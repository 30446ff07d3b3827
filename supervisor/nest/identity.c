/* How what a run left behind is recognised. */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/xmalloc.h"
#include "supervisor/nest/identity.h"
#include "supervisor/nest/wire.h"

#define ID_MAX  200
#define ALL_MAX 2000 /* of the ids around: who makes them up has to stop */

static const char *const inherited[] = { "MASSGEN_PARENT", "MASSGEN_DEPTH",
	"MASSGEN_DEADLINE", "MASSGEN_BUDGET_USD" };

static int
open_file(const char *log_dir, int flags)
{
	char *path = xasprintf("%s/" IDENTITY_FILE, log_dir);
	int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	free(path);
	return (fd);
}

static int
create_locked(const char *log_dir, const char *id)
{
	size_t len = strlen(id);
	int fd = open_file(log_dir, O_WRONLY | O_CREAT | O_EXCL);

	if (fd == -1)
		return (-1);
	/* without the lock it would look like a dead run's: then rather none */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    write(fd, id, len) == (ssize_t)len)
		return (fd);
	if (ftruncate(fd, 0) == -1)
		log_warn("%s/" IDENTITY_FILE, log_dir);
	close(fd);
	return (-1);
}

/* As identity_take makes them: a name and, behind the last dot, the secret. */
static bool
is_id(const char *text, size_t len)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
				   "abcdefghijklmnopqrstuvwxyz0123456789.-";
	size_t secret = len - WIRE_RANDOM_LEN;

	return (len > WIRE_RANDOM_LEN + 1 && len <= ID_MAX &&
	    strspn(text, safe) >= len && text[secret - 1] == '.' &&
	    strspn(text + secret, "0123456789abcdef") >= WIRE_RANDOM_LEN);
}

/* Nothing but ids with a slash between two. */
static bool
are_ids(const char *text)
{
	size_t len;

	if (strlen(text) > ALL_MAX)
		return (false);
	for (;; text += len + 1) {
		len = strcspn(text, "/");
		if (!is_id(text, len))
			return (false);
		if (text[len] == '\0')
			return (true);
	}
}

void
identity_take(struct identity *id, const char *log_dir)
{
	const char *slash = strrchr(log_dir, '/');
	const char *around = getenv(IDENTITY_VARIABLE);
	char secret[WIRE_RANDOM_LEN + 1];
	size_t i;

	wire_random(secret);
	id->id =
	    xasprintf("%s.%s", slash == NULL ? log_dir : slash + 1, secret);
	id->lock = create_locked(log_dir, id->id);
	if (id->lock == -1)
		log_warn("%s/" IDENTITY_FILE, log_dir);
	if (around != NULL && are_ids(around))
		id->all = xasprintf("%s/%s", around, id->id);
	else
		id->all = xstrdup(id->id);
	for (i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++)
		unsetenv(inherited[i]);
	if (setenv(IDENTITY_VARIABLE, id->all, 1) == -1)
		log_warn("setenv");
}

void
identity_remove(struct identity *id, const char *log_dir)
{
	char *path = xasprintf("%s/" IDENTITY_FILE, log_dir);

	if (id->lock != -1)
		(void)unlink(path);
	free(path);
	identity_release(id);
}

void
identity_release(struct identity *id)
{
	if (id->lock != -1)
		close(id->lock);
	free(id->id);
	free(id->all);
	id->id = id->all = NULL;
	id->lock = -1;
}

enum identity_state
identity_look(struct identity *id, const char *log_dir)
{
	char text[ID_MAX + 1];
	struct stat st;
	ssize_t n;
	int fd = open_file(log_dir, O_RDONLY);

	id->id = id->all = NULL;
	id->lock = -1;
	if (fd == -1)
		return (IDENTITY_NONE);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid())
		goto none;
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK)
			goto none;
		close(fd);
		return (IDENTITY_ALIVE);
	}
	if ((n = read(fd, text, ID_MAX)) <= 0)
		goto none;
	text[n] = '\0';
	if (strlen(text) != (size_t)n || !is_id(text, (size_t)n))
		goto none;
	id->id = xstrdup(text);
	id->lock = fd;
	return (IDENTITY_DEAD);
none:
	close(fd);
	return (IDENTITY_NONE);
}
