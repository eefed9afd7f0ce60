/* SPDX-License-Identifier: ISC */
#ifndef BROOD__WINDOW_H
#define BROOD__WINDOW_H

/*
 * What was read and not yet printed, in the order of the input.
 */

#include "command/map/verdict.h"

#include <brood.h>
#include <sys/queue.h>

enum chunk_state {
	CHUNK_WAITING = 1,	/* for a worker */
	CHUNK_SENT,
	CHUNK_DONE,		/* answered; it is printed when all chunks
				   before it are */
};

/*
 * A request of several lines that has failed: each of them is run again, alone.
 * If none fails then, the program itself is to blame.  It is shared by their
 * chunks, and freed with the last one.
 */
struct suspect {
	size_t		 n_chunks;
	size_t		 n_left;	/* lines that are not finished; set by
					   mapper.c, as all below */
	enum verdict_blame blame;	/* of the request, until a line has
					   failed alone: then BLAME_LINE */
	char		 text[256];	/* what the program did */
};

/* Lines that are sent as one request. */
struct chunk {
	TAILQ_ENTRY(chunk) next;
	TAILQ_ENTRY(chunk) waiting;
	enum chunk_state state;
	uint64_t	 first;		/* number of its first line, from 1 */
	size_t		 n_lines;
	char		*data;		/* with newlines; NULL when DONE */
	size_t		 len;		/* of data */
	struct suspect	*suspect;	/* the request that its one line was in;
					   or NULL */
	unsigned	 n_failures;	/* of its one line, alone */
	unsigned	 n_deaths;	/* of workers that had it */
	int64_t		 start_us;	/* when it was sent, since the epoch */
	struct brood_completion done;	/* DONE: it owns the output */
	const char	*out;		/* DONE: what to print; or NULL */
	size_t		 out_len;
};

TAILQ_HEAD(chunks, chunk);

struct window {
	struct chunks	 chunks;	/* all, in the order of printing */
	struct chunks	 waiting;	/* CHUNK_WAITING, in that of sending */
	size_t		 n_chunks;
	size_t		 n_bytes;	/* memory of the chunks */
	bool		 is_unordered;	/* print in the order of answers */
};

void	window_init(struct window *window, bool is_unordered);
void	window_fini(struct window *window);

/*
 * May one more chunk be added?  The limit is a soft one: replies still add to
 * what the chunks hold.
 */
bool	window_has_room(const struct window *window);

/* Add a chunk, which waits behind all others.  Copies data.  0 or -ENOMEM. */
int	window_add(struct window *window, uint64_t first, const char *data,
	    size_t len, size_t n_lines);

/* The chunk that is to be sent next, or NULL. */
struct chunk *
	window_waiting(struct window *window);

/* Record that this chunk was sent. */
void	window_sent(struct window *window, struct chunk *chunk);

/* A chunk that was sent is to be sent again, before all that wait. */
void	window_again(struct window *window, struct chunk *chunk);

/*
 * Keep the first n_lines lines in a chunk that was sent.  The others become a
 * chunk behind it, to be sent before all that wait.  0 or -ENOMEM.
 */
int	window_split(struct window *window, struct chunk *chunk,
	    size_t n_lines);

/*
 * Replace a chunk that was sent by one chunk for each of its lines, to be sent
 * before all that wait.  Gives their suspect, all 0 but for n_chunks; or NULL
 * without memory: then some of them may be there, and the chunk is.
 */
struct suspect *
	window_scatter(struct window *window, struct chunk *chunk);

/*
 * A chunk was answered.  Its output is the first len bytes of the reply; takes
 * done, and leaves it empty.  NULL: there is no output.
 */
void	window_done(struct window *window, struct chunk *chunk,
	    struct brood_completion *done, size_t len);

/* The chunk that is to be printed next, or NULL if it has no answer yet. */
struct chunk *
	window_printable(struct window *window);
void	window_remove(struct window *window, struct chunk *chunk);

/* Remove all that is not answered: no more will be sent or taken. */
void	window_give_up(struct window *window);

/* How many bytes do the first n_lines of data have, with their newlines? */
size_t	window_lines_len(const char *data, size_t len, size_t n_lines);

#endif
