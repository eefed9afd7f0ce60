/* SPDX-License-Identifier: ISC */
#ifndef BROOD__LOG_STREAM_H
#define BROOD__LOG_STREAM_H

/*
 * What one child prints: read from a pipe and passed on to the sink line by
 * line.  The last BROOD__TAIL_MAX bytes are kept for the report of its end.
 *
 * While the sink is full nothing is read.  A child that goes on printing then
 * waits at its full pipe, as it would if it wrote to the sink itself.
 */

#include "base/ready.h"
#include "supervisor/log_sink.h"
#include "supervisor/messages.h"

enum { BROOD__LOG_STREAM_LINE = 1024 };	/* a longer line is cut */

enum brood__log_stream_state {
	BROOD__LOG_STREAM_CLOSED,	/* there is no descriptor */
	BROOD__LOG_STREAM_READING,	/* it is in the readiness set */
	BROOD__LOG_STREAM_PAUSED,	/* it is not: the sink is full */
};

struct brood__log_stream {
	enum brood__log_stream_state state;
	int fd;				/* the reading end of the pipe */
	struct brood__ready *ready;	/* the set that watches fd ... */
	uint64_t token;			/* ... and what it says for it */
	char prefix[96];		/* put before each line */
	size_t prefix_len;
	char line[BROOD__LOG_STREAM_LINE];	/* read and not passed on */
	size_t line_len;
	char tail[BROOD__TAIL_MAX];	/* the last bytes that were read */
	size_t tail_len;
};

/*
 * Open the pipe and watch it; gives the end for the child to write to.  The
 * stream must be closed or zeroed, and begins without a prefix.
 */
int	brood__log_stream_open(struct brood__log_stream *stream,
	    struct brood__ready *ready, uint64_t token, int *ret_child_fd);

/* The tail stays.  Closing a stream that is closed does nothing. */
void	brood__log_stream_close(struct brood__log_stream *stream);

/*
 * Read once and pass on the lines that are complete.  The stream is PAUSED
 * after that if the sink was full, and CLOSED at the end of the pipe.
 */
void	brood__log_stream_read(struct brood__log_stream *stream,
	    struct brood__log_sink *sink);

/*
 * The sink may have room again: go on with a stream that is PAUSED.  Another
 * stream stays as it is.
 *
 *   -ENOMEM, -ENOSPC	it cannot be watched now and is still PAUSED
 */
int	brood__log_stream_resume(struct brood__log_stream *stream,
	    struct brood__log_sink *sink);

/*
 * The child has ended: read what is left in the pipe, pass on its last line
 * even if that is not complete, and close the stream.
 */
void	brood__log_stream_finish(struct brood__log_stream *stream,
	    struct brood__log_sink *sink);

#endif
