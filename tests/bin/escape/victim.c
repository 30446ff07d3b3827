/* Somebody outside, whom nothing in a sandbox should reach. */

#include <netinet/in.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/bin/escape/escape.h"

enum {
	INPUT,
	UDP,
	OTHERS
};

static char text[64] = SECRET;

static int
serve_loopback(int type, const char *name)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, type, 0);

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, 64) == -1) ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		err(1, "%s", name);
	printf("%s=%d\n", name, ntohs(sin.sin_port));
	return (fd);
}

static void
serve_local(int type, const char *dir, const char *name)
{
	struct sockaddr_un sun;
	size_t len;
	int fd = socket(AF_UNIX, type, 0);

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", dir, name);
	len = offsetof(struct sockaddr_un, sun_path) + strlen(sun.sun_path);
	printf("%s=%s\n", name, sun.sun_path);
	if (*dir == '@')
		sun.sun_path[0] = '\0';
	if (fd == -1 ||
	    bind(fd, (struct sockaddr *)&sun, (socklen_t)len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, 64) == -1))
		err(1, "%s", name);
}

static int
share_memory(void)
{
	int id = shmget((key_t)getpid(), 4096, IPC_CREAT | IPC_EXCL | 0600);

	if (id == -1)
		err(1, "shmget");
	printf("SHM=%d\nSHM_ID=%d\n", (int)getpid(), id);
	return (id);
}

static void
share_names(char *name, size_t len)
{
	snprintf(name, len, "/escape-%d", (int)getpid());
	printf("QUEUE=%s\n", name);
	(void)mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
	(void)shm_open(name, O_RDWR | O_CREAT, 0600);
}

static void
make_fifo(const char *dir)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/fifo", dir);
	if (mkfifo(path, 0600) == -1 || open(path, O_RDWR) == -1)
		err(1, "%s", path);
	printf("FIFO=%s\n", path);
}

static void
answer(int fd)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char byte;

	if (recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&from, &len) == 1)
		(void)sendto(fd, &byte, 1, 0, (struct sockaddr *)&from, len);
}

int
run_victim(const char *dir)
{
	struct pollfd fds[OTHERS];
	char name[64], abstract[64];
	int id;

	/* where only a parent may attach otherwise */
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	printf("VICTIM=%d\nADDRESS=%p\n", (int)getpid(), (void *)text);
	fds[INPUT] = (struct pollfd) { .fd = 0, .events = POLLIN };
	(void)serve_loopback(SOCK_STREAM, "TCP");
	fds[UDP] = (struct pollfd) { .fd = serve_loopback(SOCK_DGRAM, "UDP"),
		.events = POLLIN };
	serve_local(SOCK_STREAM, dir, "SOCKET");
	serve_local(SOCK_DGRAM, dir, "SOCKET_DGRAM");
	snprintf(abstract, sizeof(abstract), "@escape-%d", (int)getpid());
	serve_local(SOCK_STREAM, abstract, "ABSTRACT");
	id = share_memory();
	share_names(name, sizeof(name));
	make_fifo(dir);
	printf("\n");
	fflush(stdout);
	while (poll(fds, OTHERS, -1) != -1 && fds[INPUT].revents == 0)
		answer(fds[UDP].fd);
	shmctl(id, IPC_RMID, NULL);
	mq_unlink(name);
	shm_unlink(name);
	return (0);
}
