/* SPDX-License-Identifier: ISC */
/*
 * echo_server [-m MODE] [PATH]: send back what each client sends, over the UNIX
 * stream socket PATH.  The server reads 16 bytes at a time and prints them, as
 * a well-known example for Python's socket module does.  It needs of brood only
 * the listening socket.
 *
 * It serves many clients at once, and no client can make another wait.  If a
 * client does not receive its echo, the server stops reading from that client,
 * and so keeps at most 16 bytes for it.
 */

#define _GNU_SOURCE		/* for ppoll(2) */

#include <brood.h>
#include <err.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "safe.h"

#define CLIENTS	256
#define CHUNK	16

struct client {
	int	 fd;
	char	 data[CHUNK];	/* received last */
	size_t	 len;		/* bytes in data */
	size_t	 n_sent;	/* bytes of data that were sent back */
};

struct server {
	struct brood_listener *listener;
	struct client clients[CLIENTS];
	size_t	 n_clients;
	size_t	 n_most;	/* accept no more clients than these: CLIENTS,
				   or fewer once descriptors ran out */
};

static volatile sig_atomic_t is_over;

static void
on_signal(int sig)
{
	(void)sig;
	is_over = 1;
}

/*
 * Block SIGINT and SIGTERM, so that they come only while ppoll(2) waits, and
 * end that wait.  If one came between the check of is_over and the wait, the
 * program would go on waiting.
 *
 * Returns the mask for ppoll(2).
 */
static sigset_t
signals_prepare(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t ends, before;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &ends, &before);
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigdelset(&before, SIGINT);
	(void)sigdelset(&before, SIGTERM);
	return before;
}

/* Receive from a client.  Gives false if the client has closed its end. */
static bool
client_receive(struct client *client)
{
	ssize_t n = recv(client->fd, client->data, CHUNK, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		fputs("no more data\n", stderr);
		return false;
	}
	client->len = (size_t)n;
	client->n_sent = 0;
	fprintf(stderr, "received \"%s\"\nsending data back to the client\n",
	    safe(client->data, client->len).text);
	return true;
}

/* Send to a client.  Gives false if that failed. */
static bool
client_send(struct client *client)
{
	ssize_t n = send(client->fd, client->data + client->n_sent,
	    client->len - client->n_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	client->n_sent += (size_t)n;
	return true;
}

static bool
client_is_sending(const struct client *client)
{
	return client->n_sent < client->len;
}

/*
 * Accept a client.  If that fails, because no descriptor is left for instance,
 * accept no other until one of these clients has gone.
 */
static void
server_accept(struct server *server)
{
	struct brood_credentials who;
	struct client *client = &server->clients[server->n_clients];
	int r;

	*client = (struct client){ .fd = -1 };
	r = brood_listener_accept(server->listener, 0, &client->fd, &who);
	if (r < 0 && server->n_clients == 0)
		errx(1, "accept: %s", strerror(-r));
	if (r < 0)
		server->n_most = server->n_clients;
	if (r != 1)
		return;
	fprintf(stderr, "connection from uid %u, pid %d\n"
	    "waiting for a connection\n", (unsigned)who.uid, (int)who.pid);
	server->n_clients++;
}

/*
 * Go from the last client to the first: when a client is removed, the last
 * takes its place, and must have been served already.
 */
static void
server_serve(struct server *server, const struct pollfd *pfds)
{
	for (size_t i = server->n_clients; i-- > 0;) {
		struct client *client = &server->clients[i];

		if (pfds[i].revents == 0 || (client_is_sending(client) ?
		    client_send(client) : client_receive(client)))
			continue;
		(void)close(client->fd);
		*client = server->clients[--server->n_clients];
	}
}

/*
 * Wait for the clients, and for a new client if there is room for one.  The
 * kernel keeps the others waiting.
 */
static void
server_wait(struct server *server, const sigset_t *mask)
{
	struct pollfd pfds[CLIENTS + 1];
	size_t n = server->n_clients;

	for (size_t i = 0; i < n; i++)
		pfds[i] = (struct pollfd){ .fd = server->clients[i].fd,
		    .events = client_is_sending(&server->clients[i]) ?
		    POLLOUT : POLLIN };
	pfds[n] = (struct pollfd){ .events = POLLIN,
	    .fd = n < server->n_most ?
	    brood_listener_fd(server->listener) : -1 };
	if (ppoll(pfds, n + 1, NULL, mask) < 0)
		return;
	server_serve(server, pfds);
	if (pfds[n].revents != 0)
		server_accept(server);
}

static mode_t
mode_parse(const char *text)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (*text < '0' || *text > '7' || *end != '\0' || mode > 0777)
		errx(2, "MODE '%s' is not an octal number up to 777", text);
	return (mode_t)mode;
}

int
main(int argc, char **argv)
{
	struct brood_listener_options options = { 0 };
	char text[BROOD_TEXT_SIZE];
	static struct server server = { .n_most = CLIENTS };
	const char *path;
	sigset_t mask;
	int opt;

	(void)setlocale(LC_CTYPE, "");
	while ((opt = getopt(argc, argv, "m:")) != -1) {
		if (opt != 'm')
			errx(2, "usage: echo_server [-m MODE] [PATH]");
		options.mode = mode_parse(optarg);
	}
	if (argc - optind > 1)
		errx(2, "usage: echo_server [-m MODE] [PATH]");
	path = optind < argc ? argv[optind] : "./uds_socket";

	mask = signals_prepare();
	fprintf(stderr, "starting up on %s\n", path);
	if (brood_listener_new(&server.listener, path, &options, text) < 0)
		errx(1, "%s", text);
	fputs("waiting for a connection\n", stderr);
	while (!is_over)
		server_wait(&server, &mask);
	for (size_t i = 0; i < server.n_clients; i++)
		(void)close(server.clients[i].fd);
	server.listener = brood_listener_free(server.listener);
	return 0;
}
