/* SPDX-License-Identifier: ISC */
#ifndef BROOD__WINDOW_H
#define BROOD__WINDOW_H

/*
 * What has been read and not yet been printed, in the order of the input.
 */

#include <brood.h>
#include <sys/queue.h>

enum piece_state {
	PIECE_WAITING = 1,	/* for a worker */
	PIECE_SENT,
	PIECE_DONE,		/* answered, to be printed in its turn */
};

/* Lines that are one request. */
struct piece {
	TAILQ_ENTRY(piece) next;
	TAILQ_ENTRY(piece) waiting;
	enum piece_state state;
	uint64_t	 first;		/* number of its first line, from 1 */
	size_t		 n_lines;
	char		*data;		/* with their newlines */
	size_t		 len;
	unsigned	 n_failures;
	unsigned	 n_deaths;	/* of workers that had it */
	int64_t		 start_us;	/* when it was sent, since the epoch */
	struct brood_completion done;
	const char	*out;		/* what to print, in done or data */
	size_t		 out_len;
};

TAILQ_HEAD(pieces, piece);

struct window {
	struct pieces	 pieces;
	struct pieces	 waiting;
	size_t		 n_pieces;
	size_t		 n_bytes;	/* that the pieces hold */
	bool		 is_unordered;
};

void	window_init(struct window *window, bool is_unordered);
void	window_fini(struct window *window);

/* May one more piece be added?  What is in it may still grow by its replies. */
bool	window_has_room(const struct window *window);

/* Add lines behind all others; they wait for a worker.  0, or -ENOMEM. */
int	window_add(struct window *window, uint64_t first, const char *data,
	    size_t len, size_t n_lines);

/* The piece that is to be sent next, or NULL; and: it was sent. */
struct piece *
	window_waiting(struct window *window);
void	window_sent(struct window *window, struct piece *piece);

/* A piece that was sent is to be sent again, before all that wait. */
void	window_again(struct window *window, struct piece *piece);

/*
 * Keep the first n_lines lines in piece; make the others, if any, two pieces
 * behind it, or one if is_whole, which wait before all others.  0, or -ENOMEM.
 */
int	window_split(struct window *window, struct piece *piece,
	    size_t n_lines, bool is_whole);

/*
 * A piece was answered with the first len bytes of what done holds, which is
 * the piece's from now on, or with nothing if done is NULL.
 */
void	window_done(struct window *window, struct piece *piece,
	    struct brood_completion *done, size_t len);

/* The piece that is to be printed next, or NULL if it is not done. */
struct piece *
	window_printable(struct window *window);
void	window_remove(struct window *window, struct piece *piece);

#endif
