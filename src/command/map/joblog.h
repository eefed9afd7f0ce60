/* SPDX-License-Identifier: ISC */
#ifndef BROOD__JOBLOG_H
#define BROOD__JOBLOG_H

/*
 * The files that tell what became of each line: a table of all lines, and the
 * lines that failed, as they were.
 */

#include <brood.h>
#include <stdio.h>

struct joblog_file {
	FILE		*stream;	/* NULL: not asked for */
	const char	*path;
	int		 error;		/* the first errno of writing it */
};

struct joblog {
	struct joblog_file table;	/* --joblog */
	struct joblog_file failed;	/* --failed */
};

struct joblog_line {
	uint64_t	 number;
	int64_t		 start_us;	/* since the epoch */
	int64_t		 runtime_us;	/* of the request that it was in */
	size_t		 n_in;		/* bytes, without the newline */
	size_t		 n_out;		/* bytes, without the newline */
	enum brood_fate	 fate;
	int		 status;	/* of wait(2); 0 if nothing died */
	uint32_t	 code;		/* DONE: of the worker's reply */
};

/*
 * Create the files whose names are not NULL.  One that cannot be created, or
 * that is standard input, ends the command.
 */
void	joblog_open(struct joblog *log, const char *table, const char *failed);

void	joblog_write(struct joblog *log, const struct joblog_line *line);

/* Write a line that failed; data has its newline. */
void	joblog_fail(struct joblog *log, const char *data, size_t len);

/* Write out what stdio has kept, so that others can read it. */
void	joblog_flush(struct joblog *log);

/* A file that could not be written ends the command. */
void	joblog_close(struct joblog *log);

#endif
