/* Ways to other machines and to sockets of other processes. */

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/bin/escape/escape.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#define FAMILIES 46 /* there are, at the time of writing */

static struct sockaddr_in
loopback(const char *port)
{
	struct sockaddr_in sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons((uint16_t)fact_number(port));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return (sin);
}

/* A name that begins with '@' is an abstract one. */
static socklen_t
local(struct sockaddr_un *sun, const char *name)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", name);
	if (*name == '@')
		sun->sun_path[0] = '\0';
	return (
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name)));
}

/* Somebody outside answers what comes to him. */
static int
answered(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	return (
	    poll(&p, 1, WAIT_MS) == 1 && recv(fd, &byte, 1, 0) == 1 ? 0 : -1);
}

static int
connect_loopback(int type, int protocol)
{
	struct sockaddr_in sin = loopback("TCP");
	int fd = socket(AF_INET, type, protocol);

	if (fd == -1 && errno == EPROTONOSUPPORT)
		return (NOT_HERE);
	if (fd == -1)
		return (-1);
	return (connect(fd, (struct sockaddr *)&sin, sizeof(sin)));
}

static int
tcp(void)
{
	return (connect_loopback(SOCK_STREAM, 0));
}

static int
mptcp(void)
{
	return (connect_loopback(SOCK_STREAM, IPPROTO_MPTCP));
}

static int
tcp_fast(void)
{
	struct sockaddr_in sin = loopback("TCP");
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd == -1)
		return (-1);
	return (sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&sin,
		    sizeof(sin)) == 1
		? 0
		: -1);
}

static int
udp(void)
{
	struct sockaddr_in sin = loopback("UDP");
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd == -1 ||
	    sendto(fd, "x", 1, 0, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		return (-1);
	return (answered(fd));
}

static int
connect_local(int type, const char *name)
{
	struct sockaddr_un sun;
	socklen_t len = local(&sun, fact(name));
	int fd = socket(AF_UNIX, type, 0);

	if (fd == -1)
		return (-1);
	return (connect(fd, (struct sockaddr *)&sun, len));
}

static int
path_stream(void)
{
	return (connect_local(SOCK_STREAM, "SOCKET"));
}

static int
path_datagram(void)
{
	return (connect_local(SOCK_DGRAM, "SOCKET_DGRAM"));
}

static int
abstract_stream(void)
{
	return (connect_local(SOCK_STREAM, "ABSTRACT"));
}

static int
pair_datagram(void)
{
	struct sockaddr_un sun;
	socklen_t len = local(&sun, fact("SOCKET_DGRAM"));
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) == -1)
		return (-1);
	return (sendto(fds[0], "x", 1, 0, (struct sockaddr *)&sun, len) == 1
		? 0
		: -1);
}

/* The socket's kind is in the lower bits of a word with flags. */
static int
pair_datagram_flags(void)
{
	struct sockaddr_un sun;
	socklen_t len = local(&sun, fact("SOCKET_DGRAM"));
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		fds) == -1)
		return (-1);
	return (sendto(fds[0], "x", 1, 0, (struct sockaddr *)&sun, len) == 1
		? 0
		: -1);
}

/* The machine's own interface, by its number. */
static int
netlink(void)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
	} ask;
	char reply[8192];
	struct nlmsghdr *head = (struct nlmsghdr *)(void *)reply;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	memset(&ask, 0, sizeof(ask));
	ask.head.nlmsg_len = sizeof(ask);
	ask.head.nlmsg_type = RTM_GETLINK;
	ask.head.nlmsg_flags = NLM_F_REQUEST;
	ask.info.ifi_index = (int)fact_number("INTERFACE");
	if (ask.info.ifi_index == 0)
		return (NOT_HERE);
	if (fd == -1 || send(fd, &ask, sizeof(ask), 0) == -1 ||
	    recv(fd, reply, sizeof(reply), 0) < (ssize_t)sizeof(*head))
		return (-1);
	return (head->nlmsg_type == RTM_NEWLINK ? 0 : -1);
}

static int
raw(void)
{
	return (opened(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)));
}

static int
packet(void)
{
	return (opened(socket(AF_PACKET, SOCK_RAW, 0)));
}

static int
others(void)
{
	int family, type, fd;

	for (family = 1; family < FAMILIES; family++)
		for (type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++) {
			if (family == AF_UNIX || family == AF_INET ||
			    family == AF_INET6 || family == AF_NETLINK)
				continue;
			if ((fd = socket(family, type, 0)) != -1)
				return (opened(fd));
		}
	return (-1);
}

static int
fifo(void)
{
	return (opened(open(fact("FIFO"), O_WRONLY | O_NONBLOCK | O_CLOEXEC)));
}

/* clang-format off */
const struct probe network_probes[] = {
	{ "net-tcp", tcp },
	{ "net-tcp-fast-open", tcp_fast },
	{ "net-mptcp", mptcp },
	{ "net-udp", udp },
	{ "net-netlink", netlink },
	{ "net-raw", raw },
	{ "net-packet", packet },
	{ "net-other-families", others },
	{ "unix-path-stream", path_stream },
	{ "unix-path-datagram", path_datagram },
	{ "unix-abstract", abstract_stream },
	{ "unix-pair-datagram", pair_datagram },
	{ "unix-pair-datagram-flags", pair_datagram_flags },
	{ "fifo-write", fifo },
	{ NULL, NULL },
};
/* clang-format on */
