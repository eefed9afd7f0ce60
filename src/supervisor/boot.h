/* SPDX-License-Identifier: ISC */
#ifndef BROOD__BOOT_H
#define BROOD__BOOT_H

/*
 * A child between fork and its HELLO: what this process holds for it, and the
 * one frame that it reads from it.
 */

#include "base/ready.h"
#include "process/spawn.h"
#include "wire/frame.h"

#include <brood/channel.h>

/* All are closed: { .child_socket = -1, .report_fd = -1 } */
struct brood__boot {
	struct brood_channel *channel;	/* the host's end of the socketpair */
	int child_socket;		/* the child's end */
	int report_fd;			/* see process/spawn.h */
};

/*
 * Fork the child and watch its socket, with this token.  boot is closed.
 *
 * On error, *ret_pid is 0 if there is no process.  Otherwise there is one which
 * this process cannot hear: kill it, and wait for it.
 */
int	brood__boot_start(struct brood__boot *boot, struct brood__ready *ready,
	    uint64_t token, const struct brood__spawn *spawn, pid_t *ret_pid);

/*
 * Read the child's first frame, without waiting.  1: it was HELLO; 0: no frame
 * yet.  On error the child has closed its channel or sent something else, and
 * text says what.
 */
int	brood__boot_read_hello(struct brood__boot *boot,
	    struct brood__hello *ret_hello, char *text, size_t text_size);

/*
 * Give both ends of the socketpair, the host's first, and close the rest.
 * Nothing of what the child sent after HELLO is lost: a channel receives one
 * frame at a time.
 */
void	brood__boot_release(struct brood__boot *boot,
	    struct brood__ready *ready, int ret_ends[2]);

/* Listen no more, but keep the rest open until the child has ended. */
void	brood__boot_close_channel(struct brood__boot *boot,
	    struct brood__ready *ready);

/* Closing a boot that is closed does nothing. */
void	brood__boot_close(struct brood__boot *boot,
	    struct brood__ready *ready);

#endif
