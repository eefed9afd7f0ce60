/* SPDX-License-Identifier: ISC */

/*
 * Claims about the objects of brood/socket.h in a forked copy of the process
 * that made them: each function says -ECHILD, and takes nothing that the owner
 * waits for.
 */

#include <brood.h>
#include <errno.h>
#include <unistd.h>

#include "support/support.h"
#include "support/tmpdir.h"

TMPDIR_SUITE(forked_copy);

static int
accept_in_copy(void *arg)
{
	struct brood_channel *channel;
	int fd;

	if (brood_listener_accept(arg, 1000, &fd, NULL) != -ECHILD)
		return 1;
	return brood_listener_accept_channel(arg, 1000, NULL, &channel, NULL) !=
	    -ECHILD;
}

Test(forked_copy, accepts_nothing)
{
	struct brood_listener *listener;
	int client, fd;

	cr_assert_eq(brood_listener_new(&listener, tmpdir_path("s"), NULL,
	    NULL), 0);
	cr_assert_eq(brood_socket_connect(tmpdir_path("s"), 1000, &client,
	    NULL), 0);
	support_in_child(accept_in_copy, listener);
	cr_assert_eq(brood_listener_accept(listener, 0, &fd, NULL), 1);
	(void)close(fd);
	(void)close(client);
	brood_listener_free(listener);
}

static int
send_in_copy(void *arg)
{
	return brood_peer_send(arg, "a", "x", 1) != -ECHILD;
}

static int
recv_in_copy(void *arg)
{
	char bytes[8], name[65];
	size_t len;

	return brood_peer_recv(arg, 1000, bytes, sizeof(bytes), &len, name) !=
	    -ECHILD;
}

Test(forked_copy, neither_sends_nor_receives_datagrams)
{
	struct brood_peer *peer;
	char bytes[8], name[65];
	size_t len;

	cr_assert_eq(brood_peer_new(&peer, tmpdir_dir(), "p", "a", NULL), 0);
	support_in_child(send_in_copy, peer);
	cr_assert_eq(brood_peer_recv(peer, 0, bytes, sizeof(bytes), &len,
	    name), 0);
	cr_assert_eq(brood_peer_send(peer, "a", "x", 1), 0);
	support_in_child(recv_in_copy, peer);
	cr_assert_eq(brood_peer_recv(peer, 0, bytes, sizeof(bytes), &len,
	    name), 1);
	brood_peer_free(peer);
}
