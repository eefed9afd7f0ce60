/* SPDX-License-Identifier: ISC */

/*
 * Attacks by sockets: new ones, inherited ones, and descriptors sent over them.
 */

#include "attack.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
result(long r)
{
	return r < 0 ? -errno : 0;
}

static struct sockaddr_un
path_address(const struct world *world, const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s/%s", world->dir,
	    name);
	return un;
}

static struct sockaddr_in
loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int
connect_to(int family, const void *address, size_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno :
	    result(connect(fd, address, (socklen_t)len));
}

TRY(try_connect_path)
{
	struct sockaddr_un un = path_address(world, "stream");

	(void)answer;
	return connect_to(AF_UNIX, &un, sizeof(un));
}

TRY(try_connect_abstract)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t len = strlen(world->abstract);

	(void)answer;
	memcpy(un.sun_path + 1, world->abstract, len);
	return connect_to(AF_UNIX, &un, offsetof(struct sockaddr_un,
	    sun_path) + 1 + len);
}

TRY(try_connect_tcp)
{
	struct sockaddr_in in = loopback(world->tcp_port);

	(void)answer;
	return connect_to(AF_INET, &in, sizeof(in));
}

static bool
was_connected(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

WORKED(worked_connect_path)
{
	return was_connected(host->stream_fd);
}

WORKED(worked_connect_abstract)
{
	return was_connected(host->abstract_fd);
}

WORKED(worked_connect_tcp)
{
	return was_connected(host->tcp_fd);
}

/* A server of its own, for whoever comes; it tells its port. */
TRY(try_listen_tcp)
{
	struct sockaddr_in in = loopback(0);
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)world;
	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    listen(fd, 1) < 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) < 0)
		return -errno;
	(void)snprintf(answer->stolen, sizeof(answer->stolen), "%u",
	    ntohs(in.sin_port));
	return 0;
}

WORKED(worked_listen_tcp)
{
	unsigned port = 0;
	struct sockaddr_in in;
	int r;

	if (sscanf(host->answer.stolen, "%u", &port) != 1)
		return false;
	in = loopback((uint16_t)port);
	r = connect_to(AF_INET, &in, sizeof(in));
	return r == 0;
}

/* Ask the kernel for the network's interfaces: that takes no address. */
TRY(try_netlink)
{
	struct {
		struct nlmsghdr header;
		struct rtgenmsg which;
	} ask = {
		.header = {
			.nlmsg_len = sizeof(ask), .nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
	};
	struct nlmsghdr told[64];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	(void)world;
	if (fd < 0 || send(fd, &ask, sizeof(ask), 0) < 0 ||
	    recv(fd, told, sizeof(told), 0) < (ssize_t)sizeof(told[0]))
		return -errno;
	if (told[0].nlmsg_type == RTM_NEWLINK)
		answer->stolen[0] = '+';
	return 0;
}

/* Datagrams */

TRY(try_socket_udp)
{
	struct sockaddr_in in = loopback(world->udp_port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)answer;
	return fd < 0 ? -errno : result(sendto(fd, "x", 1, 0,
	    (struct sockaddr *)&in, sizeof(in)));
}

static int
send_to_path(const struct world *world, int fd)
{
	struct sockaddr_un un = path_address(world, "datagram");

	return result(sendto(fd, "x", 1, 0, (struct sockaddr *)&un,
	    sizeof(un)));
}

TRY(try_sendto_path)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)answer;
	return fd < 0 ? -errno : send_to_path(world, fd);
}

TRY(try_sendto_inherited)
{
	(void)answer;
	return send_to_path(world, world->datagram_fd);
}

TRY(try_sendmsg_inherited)
{
	struct sockaddr_un un = path_address(world, "datagram");
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	const struct msghdr msg = {
		.msg_name = &un, .msg_namelen = sizeof(un),
		.msg_iov = &iov, .msg_iovlen = 1,
	};

	(void)answer;
	return result(sendmsg(world->datagram_fd, &msg, 0));
}

TRY(try_connect_inherited)
{
	struct sockaddr_un un = path_address(world, "datagram");

	(void)answer;
	if (connect(world->datagram_fd, (struct sockaddr *)&un, sizeof(un)) <
	    0)
		return -errno;
	return result(send(world->datagram_fd, "x", 1, 0));
}

static bool
has_datagram(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 1;
}

WORKED(worked_datagram)
{
	return has_datagram(host->datagram_fd);
}

WORKED(worked_udp)
{
	return has_datagram(host->udp_fd);
}

/* Descriptors */

static int
send_fds(int socket, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(250 * sizeof(int))];
	} control;
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	const struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	memset(&control, 0, sizeof(control));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
	return result(sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int
channel_fd(const struct world *world)
{
	for (int fd = 3; fd < 1024; fd++) {
		struct sockaddr_un un;
		socklen_t len = sizeof(un);
		int type, one = sizeof(type);

		if (fd == world->datagram_fd || fd == world->given_fd ||
		    getpeername(fd, (struct sockaddr *)&un, &len) < 0 ||
		    un.sun_family != AF_UNIX)
			continue;
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type,
		    (socklen_t *)&one) == 0 && type == SOCK_STREAM)
			return fd;
	}
	return -1;
}

/* Closing it takes as long as it lingers: nobody takes its data. */
static int
have_linger(int fd)
{
	const struct linger linger = { 1, LINGER_S };
	static char junk[65536];

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0)
		return -errno;
	while (send(fd, junk, sizeof(junk), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	return 0;
}

/* The host has the same socket, and closes it when the request is done. */
TRY(try_linger_given)
{
	int r = have_linger(world->given_fd);

	(void)answer;
	(void)close(world->given_fd);
	return r;
}

/* The last to close this one is who receives it. */
TRY(try_linger)
{
	struct sockaddr_in in = loopback(world->tcp_port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	(void)answer;
	if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
		return -errno;
	r = have_linger(fd);
	if (r == 0)
		r = send_fds(channel_fd(world), &fd, 1);
	(void)close(fd);
	return r;
}

TRY(try_hostile_file)
{
	(void)answer;
	return send_fds(channel_fd(world), &world->hostile_fd, 1);
}

WORKED(worked_linger)
{
	return host->worst_ms > (LINGER_S - 1) * 1000;
}

/* As many descriptors on their way as the user may have. */
TRY(try_in_flight)
{
	int fds[250], sockets[2], r = 0;
	struct rlimit limit;

	(void)world;
	(void)answer;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;
	for (size_t i = 0; i < 250; i++)
		fds[i] = STDERR_FILENO;
	for (rlim_t n = 0; r == 0 && n <= limit.rlim_cur; n += 250)
		r = send_fds(sockets[0], fds, 250);
	/* One message more than may be, and the rest is refused. */
	return r == -ETOOMANYREFS ? 0 : r;
}

WORKED(worked_in_flight)
{
	int sockets[2], r;

	(void)host;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		return false;
	r = send_fds(sockets[0], &sockets[1], 1);
	(void)close(sockets[0]);
	(void)close(sockets[1]);
	return r == -ETOOMANYREFS;
}
