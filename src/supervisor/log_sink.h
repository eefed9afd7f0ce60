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

enum { BROOD__LOG_SINK_LINE = 1200 };	/* the longest line, with its prefix */

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
	size_t rest_len;	/* bytes of a line that was written in part */
	char rest[BROOD__LOG_SINK_LINE];
};

/*
 * Takes fd; -1: there is no sink.  Descriptors 0 to 2 must be open.  The sink
 * keeps this number.
 */
void	brood__log_sink_init(struct brood__log_sink *sink, int fd);

/* Write what is left of a line.  False: the sink is still full. */
bool	brood__log_sink_flush(struct brood__log_sink *sink);

/*
 * Write a line, of at most BROOD__LOG_SINK_LINE bytes.  False: the sink is
 * full, and no byte of the line was taken.  A line that meets another error is
 * lost, since nobody can be told.
 */
bool	brood__log_sink_write(struct brood__log_sink *sink, const char *bytes,
	    size_t n);

#endif
