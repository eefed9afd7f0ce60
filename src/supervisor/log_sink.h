/* SPDX-License-Identifier: ISC */
#ifndef BROOD__LOG_SINK_H
#define BROOD__LOG_SINK_H

/*
 * The one descriptor to which the lines of all children go.
 *
 * Other programs share it (it is a terminal, or the pipe of a log), so it must
 * not be made non-blocking for them.  A write must never wait either: whoever
 * reads the other end may have stopped, and the supervisor has more to do.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * The most bytes of one write: as many as a pipe takes all at once or not at
 * all, everywhere that has pipes of 4 KiB or more.
 */
enum { BROOD__LOG_SINK_MAX = 4096 };

/* How to write to the descriptor so that it does not wait. */
enum brood__log_sink_kind {
	BROOD__LOG_SINK_NONE,	/* there is no sink: what is written is lost */
	BROOD__LOG_SINK_SOCKET,	/* send(2) with MSG_DONTWAIT */
	BROOD__LOG_SINK_OWN,	/* opened again by this process: O_NONBLOCK */
	BROOD__LOG_SINK_SHARED,	/* ask poll(2) for room before each write */
};

struct brood__log_sink {
	enum brood__log_sink_kind kind;
	int fd;
	bool is_full;		/* the last write found no room: wait for
				   POLLOUT, then call brood__log_sink_flush() */
	size_t rest_len;	/* bytes of lines that were written in part */
	char rest[BROOD__LOG_SINK_MAX];
};

/*
 * Takes fd; -1: there is no sink.  Descriptors 0 to 2 must be open.  The sink
 * keeps this number.
 */
void	brood__log_sink_init(struct brood__log_sink *sink, int fd);

/* Write what is left of lines.  False: the sink is still full. */
bool	brood__log_sink_flush(struct brood__log_sink *sink);

/*
 * Write lines, of at most BROOD__LOG_SINK_MAX bytes.  False: the sink is full,
 * and no byte was taken.  Lines that meet another error are lost, since nobody
 * can be told.
 */
bool	brood__log_sink_write(struct brood__log_sink *sink, const char *bytes,
	    size_t n);

#endif
