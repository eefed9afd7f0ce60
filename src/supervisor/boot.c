/* SPDX-License-Identifier: ISC */

/*
 * From fork to HELLO.
 *
 * Owns both ends of the child's socketpair until they are given away, and the
 * pipe of its report.  The host's end is removed from the readiness set before
 * it is given away: other copies of it stay open, and the kernel would keep the
 * registration.
 */

#include "base/fd.h"
#include "supervisor/boot.h"
#include "wire/channel.h"
#include "wire/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

enum { BOOT_FRAME_MAX = 1024 };	/* payload of HELLO, or of an ERROR instead */

static int
boot_listen(struct brood__boot *boot, struct brood__ready *ready,
    uint64_t token, int socket, bool takes_fds)
{
	const struct brood_channel_options options = {
		.max_payload = BOOT_FRAME_MAX,
		.max_fds = takes_fds,	/* behind HELLO there may be some */
	};
	int r;

	r = brood_channel_new(&boot->channel, socket, &options);
	if (r < 0) {
		(void)brood__fd_close(socket);
		return r;
	}
	r = brood__ready_add(ready, socket, POLLIN, token);
	if (r < 0)
		boot->channel = brood_channel_free(boot->channel);
	return r;
}

int
brood__boot_start(struct brood__boot *boot, struct brood__ready *ready,
    uint64_t token, const struct brood__spawn *spawn, pid_t *ret_pid)
{
	struct brood__spawned spawned;
	int r;

	*ret_pid = 0;
	r = brood__spawn(&spawned, spawn);
	if (r < 0)
		return r;
	*ret_pid = spawned.pid;
	boot->child_socket = spawned.child_socket;
	boot->report_fd = spawned.report_fd;
	return boot_listen(boot, ready, token, spawned.socket,
	    spawn->takes_fds);
}

int
brood__boot_read_hello(struct brood__boot *boot, struct brood__hello *ret_hello,
    char *text, size_t text_size)
{
	struct brood_message msg;
	int r;

	r = brood__channel_recv(boot->channel, 0, &msg);
	/* This process is short of memory; the frame is still there. */
	if (r == 0 || r == -ENOMEM || r == -ENOBUFS)
		return 0;
	if (r < 0) {
		(void)snprintf(text, text_size,
		    "it closed its channel, or sent no frame");
		return r;
	}
	r = brood__channel_read_hello(boot->channel, &msg, text, text_size);
	if (r < 0)
		return r;
	/* brood__channel_read_hello() has decoded it without an error. */
	(void)brood__hello_decode(msg.data, msg.len, ret_hello);
	return 1;
}

void
brood__boot_release(struct brood__boot *boot, struct brood__ready *ready,
    int ret_ends[2])
{
	brood__ready_remove(ready, brood_channel_fd(boot->channel));
	ret_ends[0] = brood__channel_release(boot->channel);
	ret_ends[1] = boot->child_socket;
	boot->channel = NULL;
	boot->child_socket = -1;
	boot->report_fd = brood__fd_close(boot->report_fd);
}

void
brood__boot_close_channel(struct brood__boot *boot,
    struct brood__ready *ready)
{
	if (boot->channel == NULL)
		return;
	brood__ready_remove(ready, brood_channel_fd(boot->channel));
	boot->channel = brood_channel_free(boot->channel);
}

void
brood__boot_close(struct brood__boot *boot, struct brood__ready *ready)
{
	brood__boot_close_channel(boot, ready);
	boot->child_socket = brood__fd_close(boot->child_socket);
	boot->report_fd = brood__fd_close(boot->report_fd);
}
