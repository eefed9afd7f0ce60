/* SPDX-License-Identifier: ISC */
/*
 * echo_client [PATH] [MESSAGE]: send MESSAGE to the echo server at PATH, and
 * print what comes back, 16 bytes at a time, until all of MESSAGE has come
 * back.
 */

#include <brood.h>
#include <err.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "safe.h"

#define CHUNK	16

static size_t
receive_some(int fd)
{
	char data[CHUNK];
	ssize_t n = recv(fd, data, sizeof(data), 0);

	if (n < 0)
		err(1, "receiving");
	if (n == 0)
		errx(1, "the server closed the connection early");
	printf("received \"%s\"\n", safe(data, (size_t)n).text);
	return (size_t)n;
}

/*
 * Send and receive by turns.  A server that cannot send its echo stops reading.
 * So a client that first sent all of a long message would wait for the server,
 * and the server for the client.
 */
static void
echo(int fd, const char *message, size_t len)
{
	size_t n_sent = 0, n_received = 0;

	while (n_received < len) {
		struct pollfd pfd = { .fd = fd, .events = n_sent < len ?
		    POLLIN | POLLOUT : POLLIN };

		if (poll(&pfd, 1, -1) < 0)
			err(1, "poll");
		if ((pfd.revents & POLLOUT) && n_sent < len) {
			ssize_t n = send(fd, message + n_sent, len - n_sent,
			    MSG_DONTWAIT | MSG_NOSIGNAL);

			if (n > 0)
				n_sent += (size_t)n;
		}
		if (pfd.revents & (POLLIN | POLLHUP | POLLERR))
			n_received += receive_some(fd);
	}
}

int
main(int argc, char **argv)
{
	const char *path = "./uds_socket";
	const char *message = "This is the message.  It will be repeated.";
	char text[BROOD_TEXT_SIZE];
	int fd;

	(void)setlocale(LC_CTYPE, "");
	if (argc > 3 || (argc > 1 && argv[1][0] == '-'))
		errx(2, "usage: echo_client [PATH] [MESSAGE]");
	if (argc > 1)
		path = argv[1];
	if (argc > 2)
		message = argv[2];

	if (brood_socket_connect(path, -1, &fd, text) < 0) {
		fprintf(stderr, "connecting to %s\n", text);
		return 1;
	}
	echo(fd, message, strlen(message));
	puts("closing socket");
	(void)close(fd);
	if (fflush(stdout) == EOF || ferror(stdout))
		errx(1, "write error");
	return 0;
}
