/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SUBJECT_H
#define BROOD__SUBJECT_H

/*
 * A program under test: one process, started as a worker, and the bytes that go
 * to it and come from it.  Nothing of the library stands in between, so that
 * frames can be sent that it would not send.
 *
 * Nothing here waits longer than timeout_ms, and nothing the program does ends
 * the test: what goes wrong is said in why.
 */

#include "wire/frame.h"

#include <sys/types.h>

struct subject {
	const char *const *argv;
	int timeout_ms;

	pid_t pid;		/* of its process group too; 0: waited for */
	int status;		/* of wait(2) then */
	int fd;			/* this side's end */
	int kept_fd;		/* the program's end, while it is kept */
	uint8_t *in;
	size_t in_len;
	size_t in_size;
	size_t n_taken;		/* bytes of the frame given last */
	bool is_eof;
	uint32_t limit;		/* its HELLO's */
	char why[256];		/* what went wrong, in words */
};

/* Bytes to be sent, made of frames. */
struct letter {
	uint8_t *bytes;
	size_t len;
};

/*
 * Start it, with its standard output where its errors go and no input.  Its end
 * of the socket is kept open if is_kept.  0 or the errno of execve(2).
 */
int	subject_start(struct subject *s, bool is_kept);

/* Kill it if need be, wait for it, forget what it said. */
void	subject_stop(struct subject *s);

/* Say what went wrong; gives false. */
bool	subject_blame(struct subject *s, const char *format, ...)
	    __attribute__((__format__(__printf__, 2, 3)));

/*
 * Send, receiving meanwhile.  A program that has closed its end is no failure:
 * what it said is still to be read.
 */
bool	subject_send(struct subject *s, const void *bytes, size_t len);

/* Send one byte or more with a descriptor attached to the first. */
bool	subject_send_fd(struct subject *s, const void *bytes, size_t len,
	    int fd);

/* Wait, in vain after a while, until the program has read what was sent. */
void	subject_await_read(struct subject *s);

/*
 * The next frame: 1, with its payload until the next call; 0 if the stream has
 * ended; -1 with blame if none came in time or it is none.
 */
int	subject_recv(struct subject *s, struct brood__frame *ret_frame,
	    const uint8_t **ret_payload);

/* Take what is there of the stream, without waiting. */
void	subject_fill(struct subject *s);

/* Kill it and wait for it; what it said can still be read. */
void	subject_kill(struct subject *s);

/* Close this side, and wait for the program to end: false if it does not. */
bool	subject_await_end(struct subject *s);

void	letter_add(struct letter *letter, const struct brood__frame *frame,
	    const void *payload);
void	letter_fini(struct letter *letter);

#endif
