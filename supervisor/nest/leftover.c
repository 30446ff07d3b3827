/* The processes that carry a run's id. */

#include <sys/pidfd.h>
#include <sys/stat.h>

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/buf.h"
#include "ipc/log.h"
#include "ipc/mono.h"
#include "supervisor/loop.h"
#include "supervisor/nest/identity.h"
#include "supervisor/nest/leftover.h"

#define ENVIRON_MAX ((size_t)4 * 1024 * 1024)
#define NAP_MS      10 /* SIGKILL takes effect when the kernel gets to it */

/* One of the ids in "outer/inner": a nested run's tools carry both. */
static bool
names(const char *value, const char *id)
{
	size_t len = strlen(id), n;

	for (;; value += n + 1) {
		n = strcspn(value, "/");
		if (n == len && memcmp(value, id, len) == 0)
			return (true);
		if (value[n] == '\0')
			return (false);
	}
}

static bool
carries(const struct buf *environment, const char *id)
{
	static const char head[] = IDENTITY_VARIABLE "=";
	const char *p = environment->data, *end = p + environment->len;

	for (; p < end; p += strlen(p) + 1)
		if (strncmp(p, head, sizeof(head) - 1) == 0)
			return (names(p + sizeof(head) - 1, id));
	return (false);
}

/* Its environment, if it is ours to read. */
static bool
read_environment(pid_t pid, struct buf *out)
{
	char path[64];
	struct stat st;
	int fd;
	bool ok;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (false);
	ok = fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	    buf_read_fd(out, fd, ENVIRON_MAX) == 0 && out->len > 0;
	close(fd);
	return (ok);
}

/*
 * What the descriptor stands for is named first and looked at then: had it
 * died in between, and its number gone to another, the signal would fail.
 */
static bool
end_one(pid_t pid, const char *id)
{
	struct buf environment = BUF_INITIALIZER;
	bool ended = false;
	int fd = pidfd_open(pid, 0);

	if (fd == -1)
		return (false);
	if (read_environment(pid, &environment) && carries(&environment, id))
		ended = pidfd_send_signal(fd, SIGKILL, NULL, 0) == 0;
	buf_release(&environment);
	close(fd);
	return (ended);
}

static int
end_all(const char *id)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int ended = 0, pid;

	if (proc == NULL) {
		log_warn("/proc");
		return (0);
	}
	while ((e = readdir(proc)) != NULL) {
		pid =
		    isdigit((unsigned char)e->d_name[0]) ? atoi(e->d_name) : 0;
		if (pid > 0 && pid != getpid())
			ended += end_one(pid, id) ? 1 : 0;
	}
	closedir(proc);
	return (ended);
}

int
leftover_end(const char *id, int64_t until_ms, int *out_left)
{
	int most = 0, now;

	/* a dying process may have started another: until there is none */
	while ((now = end_all(id)) > 0) {
		most = now > most ? now : most;
		if (mono_ms() >= until_ms)
			break;
		loop_wait(mono_ms() + NAP_MS);
	}
	*out_left = now;
	return (most);
}
