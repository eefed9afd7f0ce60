/* SPDX-License-Identifier: ISC */
/*
 * piper [-d DIR] [-n COUNT] [--start] [NAME PEER]: processes that send each
 * other datagrams and know each other by name.
 *
 * A datagram has the name of its sender in it.  piper prints that name and
 * sends its own NAME back to it.  With --start it sends the first datagram, to
 * PEER.  It ends after COUNT datagrams, or when it gets SIGINT or SIGTERM.
 *
 * Without names, piper forks two children, ping and pong, that send each other
 * datagrams, slowly enough to be read.
 */

#define _GNU_SOURCE		/* for ppoll(2) */

#include <brood.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "number.h"
#include "safe.h"

#define PACE_MS	100	/* before an answer of a forked child */

struct piper {
	const char *dir;
	const char *name;
	const char *other;
	long	 count;		/* end after so many datagrams; 0: never */
	long	 n_received;
	bool	 is_starting;	/* send the first datagram, to other */
	bool	 is_forked;	/* one of ping and pong */
	struct brood_peer *peer;
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

/* Wait until a descriptor is ready or a signal comes. */
static void
wait_for(struct pollfd *pfds, nfds_t n, const sigset_t *mask)
{
	if (ppoll(pfds, n, NULL, mask) < 0)
		for (nfds_t i = 0; i < n; i++)
			pfds[i].revents = 0;
}

static void
piper_bind(struct piper *piper)
{
	char text[BROOD_TEXT_SIZE];

	if (brood_peer_new(&piper->peer, piper->dir, "piper", piper->name,
	    text) < 0)
		errx(1, "%s", text);
}

static bool
piper_is_done(const struct piper *piper)
{
	return piper->count > 0 && piper->n_received >= piper->count;
}

/*
 * Send this name to a peer.  When the last datagram is answered, the peer may
 * have ended after its own COUNT, and that is no error.
 */
static void
piper_send(struct piper *piper, const char *to)
{
	int r = brood_peer_send(piper->peer, to, piper->name,
	    strlen(piper->name));

	if (piper_is_done(piper) && (r == -ENOENT || r == -ECONNREFUSED))
		return;
	if (r < 0)
		warnx("%s: %s", safe(to, strlen(to)).text, strerror(-r));
}

static void
piper_answer(struct piper *piper)
{
	char data[SAFE_BYTES + 1], from[65];
	size_t len;
	int r;

	r = brood_peer_recv(piper->peer, 0, data, SAFE_BYTES, &len, from);
	if (r == -EMSGSIZE)
		warnx("a datagram of %zu bytes is no name", len);
	else if (r < 0)
		errx(1, "receiving: %s", strerror(-r));
	if (r != 1)
		return;
	piper->n_received++;
	data[len] = '\0';
	printf("%s received: '%s'\n", piper->name, safe(data, len).text);
	if (piper->is_forked)
		(void)poll(NULL, 0, PACE_MS);
	piper_send(piper, data);
}

/*
 * Answer until the end.  parent_fd becomes ready when the parent has ended; it
 * is -1 if there is no parent.
 */
static void
piper_chat(struct piper *piper, int parent_fd, const sigset_t *mask)
{
	struct pollfd pfds[2] = {
		{ .fd = brood_peer_fd(piper->peer), .events = POLLIN },
		{ .fd = parent_fd, .events = POLLIN },
	};

	if (piper->is_starting)
		piper_send(piper, piper->other);
	while (!is_over && !piper_is_done(piper)) {
		wait_for(pfds, 2, mask);
		if (pfds[1].revents != 0)
			return;
		if (pfds[0].revents != 0)
			piper_answer(piper);
	}
}

static int
child_main(struct brood_channel *channel, void *arg)
{
	struct brood_message msg = { .kind = BROOD_KIND_PROGRESS };
	struct piper *piper = arg;
	sigset_t none;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)sigemptyset(&none);
	piper_bind(piper);
	/* Tell the parent that the name is bound. */
	(void)brood_channel_send(channel, &msg);
	piper_chat(piper, brood_channel_fd(channel), &none);
	(void)brood_peer_free(piper->peer);
	return 0;
}

/* Start a child, and wait until its name is bound. */
static struct brood_child *
child_start(struct piper *piper)
{
	struct brood_message msg;
	struct brood_child *child;
	int r;

	r = brood_child_fork(&child, NULL, child_main, piper);
	if (r < 0)
		errx(1, "cannot start %s: %s", piper->name, strerror(-r));
	if (brood_channel_recv(brood_child_channel(child), -1, &msg) != 1)
		exit(1);		/* the child has said why */
	return child;
}

/* End a child in order: it sees the end of its channel, and removes its file. */
static void
child_stop(struct brood_child *child)
{
	(void)shutdown(brood_channel_fd(brood_child_channel(child)), SHUT_WR);
	(void)brood_child_wait(child, NULL);
	(void)brood_child_free(child);
}

/*
 * The one that begins is started last, so that it finds the other.  A name is
 * bound in the process that uses it: a peer is of no use in a forked copy.
 */
static void
fork_both(struct piper pipers[2], const sigset_t *mask)
{
	struct pollfd pfds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	struct brood_child *children[2];

	for (int i = 1; i >= 0; i--) {
		children[i] = child_start(&pipers[i]);
		pfds[i].fd = brood_channel_fd(
		    brood_child_channel(children[i]));
	}
	while (!is_over && (pfds[0].fd >= 0 || pfds[1].fd >= 0)) {
		wait_for(pfds, 2, mask);
		for (int i = 0; i < 2; i++)
			if (pfds[i].revents != 0)
				pfds[i].fd = -1;
	}
	for (int i = 0; i < 2; i++)
		child_stop(children[i]);
}

static void
usage(void)
{
	errx(2, "usage: piper [-d DIR] [-n COUNT] [--start] [NAME PEER]");
}

static struct piper
piper_parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "start", no_argument, NULL, 's' }, { NULL, 0, NULL, 0 },
	};
	struct piper piper = { .dir = "/tmp" };
	int opt;

	while ((opt = getopt_long(argc, argv, "d:n:", options, NULL)) != -1) {
		if (opt == 'd')
			piper.dir = optarg;
		else if (opt == 'n')
			piper.count = number("COUNT", optarg, LONG_MAX);
		else if (opt == 's')
			piper.is_starting = true;
		else
			usage();
	}
	if (argc != optind && argc != optind + 2)
		usage();
	if (argc == optind + 2) {
		piper.name = argv[optind];
		piper.other = argv[optind + 1];
	}
	return piper;
}

int
main(int argc, char **argv)
{
	struct piper piper = piper_parse(argc, argv), both[2];
	sigset_t mask = signals_prepare();

	(void)setlocale(LC_CTYPE, "");
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (piper.name == NULL) {
		piper.is_forked = true;
		both[0] = both[1] = piper;
		both[0].name = both[1].other = "ping";
		both[1].name = both[0].other = "pong";
		both[0].is_starting = true;
		both[1].is_starting = false;
		fork_both(both, &mask);
		return 0;
	}
	piper_bind(&piper);
	piper_chat(&piper, -1, &mask);
	(void)brood_peer_free(piper.peer);
	if (fflush(stdout) == EOF || ferror(stdout))
		errx(1, "write error");
	return 0;
}
