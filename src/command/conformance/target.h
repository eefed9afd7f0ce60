/* SPDX-License-Identifier: ISC */
#ifndef BROOD__TARGET_H
#define BROOD__TARGET_H

/*
 * The program under test: one process, started as a worker is, and the bytes
 * that go to it and come from it.  No channel of the library stands in between,
 * because frames are sent here that the library refuses to send.
 *
 * No function here waits longer than timeout_ms, and nothing that the program
 * does ends the command: what it does wrong is written to why.
 */

#include "base/buffer.h"
#include "wire/frame.h"

#include <brood.h>

struct target {
	const char *const *argv;
	int timeout_ms;			/* how long to wait for an answer */

	struct brood_child *child;	/* NULL: not running; it was reaped */
	int status;			/* of wait(2), when it was reaped */
	int fd;				/* this side's socket; -1: closed */
	int kept_fd;			/* a copy of the program's socket; -1:
					   none */
	struct brood__buffer in;	/* received bytes; first of all those
					   of frame and payload: */
	size_t n_passed;		/* this many, which the next receive
					   drops */
	bool is_eof;			/* the stream from it has ended */

	struct brood__frame frame;	/* the frame received last ... */
	const uint8_t *payload;		/* ... and its payload, in `in` */

	uint32_t limit;			/* largest payload, by its HELLO */
	const char *skipped;		/* why the case cannot be tried, or
					   NULL; set by the case */
	char why[256];			/* what the program did wrong */
};

/*
 * Start the program.  Its standard output goes to standard error, and its input
 * is empty.  A copy of its socket stays open here as kept_fd if is_kept.
 *
 * Returns 0, or the negative errno with which it could not be run.
 */
int	target_start(struct target *target, bool is_kept);

/* Kill the program if it still runs, and forget what it sent. */
void	target_stop(struct target *target);

/* Kill and reap the program.  What it sent before can still be received. */
void	target_kill(struct target *target);

/* Write why the case fails.  Gives false. */
bool	target_fail(struct target *target, const char *format, ...)
	    __attribute__((__format__(__printf__, 2, 3)));

/*
 * Send bytes, and receive meanwhile, so that both sides can send much at the
 * same time.  True also if the program has closed its socket, because what it
 * sent before that is still to be judged.
 */
bool	target_send(struct target *target, const void *bytes, size_t len);

/* The same with a descriptor attached to the first byte. */
bool	target_send_fd(struct target *target, const void *bytes, size_t len,
	    int fd);

/* Wait for the program to read what was sent; give up after 20 ms. */
void	target_await_read(struct target *target);

/* Wait for the program to send something, without receiving it. */
bool	target_await_input(struct target *target);

/*
 * Receive the next frame into frame and payload, where it stays until the next
 * call.  target_recv() waits for it, target_poll() does not.
 *
 * Gives 1 with a frame; 0 if the stream has ended, or, from target_poll(), if
 * no whole frame is there; -1, with why, if the bytes are no frame, the stream
 * ends within a frame, or nothing came in time.
 */
int	target_recv(struct target *target);
int	target_poll(struct target *target);

/* Close this side's socket and wait for the program to end. */
bool	target_await_end(struct target *target);

/* Append a frame to bytes that are to be sent.  Ends the command on ENOMEM. */
void	target_add_frame(struct brood__buffer *bytes,
	    const struct brood__frame *frame, const void *payload);

#endif
