/* Addresses that a configuration names, looked at and never looked up. */

#include <sys/socket.h>

#include <netinet/in.h>

#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/xmalloc.h"
#include "supervisor/config/load.h"

const char *
url_problem(const char *url)
{
	const char *host = strstr(url, "://"), *c;

	if (strncasecmp(url, "http://", 7) != 0 &&
	    strncasecmp(url, "https://", 8) != 0)
		return ("must begin with http:// or https://");
	host += strlen("://");
	if (strcspn(host, "/?#:") == 0)
		return ("has no host");
	if (host[strcspn(host, "/?#@")] == '@')
		return ("must not hold a user name or password");
	for (c = host; *c != '\0' && strchr("/?#", *c) == NULL; c++) {
		if (*c == '%' || *c == '\\')
			return ("has a host that is written in another way "
				"than as a name or an address");
	}
	for (c = url; *c != '\0'; c++) {
		if (isspace((unsigned char)*c) || iscntrl((unsigned char)*c))
			return ("must not hold spaces or control characters");
	}
	return (NULL);
}

char *
url_host(const char *url, int *out_port)
{
	const char *host = strstr(url, "://") + strlen("://"), *port, *wrong;
	char digits[8];
	size_t len;

	*out_port = strncasecmp(url, "https:", 6) == 0 ? 443 : 80;
	if (*host == '[') {
		host++;
		len = strcspn(host, "]/?#");
		port = host + len + (host[len] == ']' ? 1 : 0);
	} else {
		len = strcspn(host, ":/?#");
		port = host + len;
	}
	if (*port == ':') {
		snprintf(digits, sizeof(digits), "%.*s",
		    (int)strcspn(port + 1, "/?#"), port + 1);
		*out_port = (int)strtonum(digits, 1, 65535, &wrong);
	}
	while (len > 0 && host[len - 1] == '.')
		len--;
	return (xstrndup(host, len));
}

/* RFC 6890's blocks that are nobody's on the Internet. */
static enum url_reach
reach_of_ipv4(uint32_t ip)
{
	static const struct {
		uint32_t net;
		unsigned int bits;
		enum url_reach reach;
	} blocks[] = {
		{ 0x00000000, 8, REACH_LOCAL }, /* 0.0.0.0 is this host */
		{ 0x7f000000, 8, REACH_LOCAL },
		{ 0x0a000000, 8, REACH_PRIVATE },
		{ 0x64400000, 10, REACH_PRIVATE },
		{ 0xa9fe0000, 16, REACH_PRIVATE },
		{ 0xac100000, 12, REACH_PRIVATE },
		{ 0xc0a80000, 16, REACH_PRIVATE },
	};
	size_t i;

	for (i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		if ((ip ^ blocks[i].net) >> (32 - blocks[i].bits) == 0)
			return (blocks[i].reach);
	}
	return (REACH_PUBLIC);
}

static enum url_reach
reach_of_ipv6(const struct in6_addr *ip)
{
	uint32_t last;

	if (IN6_IS_ADDR_V4MAPPED(ip)) {
		memcpy(&last, ip->s6_addr + 12, sizeof(last));
		return (reach_of_ipv4(ntohl(last)));
	}
	if (IN6_IS_ADDR_LOOPBACK(ip) || IN6_IS_ADDR_UNSPECIFIED(ip))
		return (REACH_LOCAL);
	if (IN6_IS_ADDR_LINKLOCAL(ip) || IN6_IS_ADDR_SITELOCAL(ip) ||
	    (ip->s6_addr[0] & 0xfe) == 0xfc)
		return (REACH_PRIVATE);
	return (REACH_PUBLIC);
}

enum url_reach
url_reach(const char *host)
{
	static const char local[] = ".localhost";
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST,
		.ai_socktype = SOCK_STREAM };
	enum url_reach reach = REACH_PUBLIC;
	struct addrinfo *found;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	size_t len = strlen(host), n = strlen(local);

	if (strcasecmp(host, local + 1) == 0 ||
	    (len > n && strcasecmp(host + len - n, local) == 0))
		return (REACH_LOCAL);
	/* It knows what the network's own reader takes: "127.1", "0x7f.1". */
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return (REACH_PUBLIC);
	if (found->ai_family == AF_INET) {
		memcpy(&v4, found->ai_addr, sizeof(v4));
		reach = reach_of_ipv4(ntohl(v4.sin_addr.s_addr));
	} else if (found->ai_family == AF_INET6) {
		memcpy(&v6, found->ai_addr, sizeof(v6));
		reach = reach_of_ipv6(&v6.sin6_addr);
	}
	freeaddrinfo(found);
	return (reach);
}
