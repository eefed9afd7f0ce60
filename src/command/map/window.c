/* SPDX-License-Identifier: ISC */

/*
 * The bounded window between input and output of `brood map`.
 *
 * Owns the pieces and counts what they hold.  It must not know workers, nor
 * why a piece is sent again.
 *
 * Invariant: a piece that is WAITING is in both lists, any other in one.  So
 * the first piece is never stuck behind a full window: what waits is sent
 * before anything is added.
 */

#include "command/map/lines.h"
#include "command/map/window.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	WINDOW_PIECES = 1 << 14,
	WINDOW_BYTES = 32 << 20,
};

void
window_init(struct window *window, bool is_unordered)
{
	*window = (struct window) { .is_unordered = is_unordered };
	TAILQ_INIT(&window->pieces);
	TAILQ_INIT(&window->waiting);
}

void
window_fini(struct window *window)
{
	struct piece *piece;

	while ((piece = TAILQ_FIRST(&window->pieces)) != NULL)
		window_remove(window, piece);
}

bool
window_has_room(const struct window *window)
{
	return window->n_pieces < WINDOW_PIECES &&
	    window->n_bytes < WINDOW_BYTES;
}

static struct piece *
piece_new(uint64_t first, const char *data, size_t len, size_t n_lines)
{
	struct piece *piece;

	piece = calloc(1, sizeof(*piece));
	if (piece == NULL)
		return NULL;
	piece->data = malloc(len);
	if (piece->data == NULL) {
		free(piece);
		return NULL;
	}
	memcpy(piece->data, data, len);
	piece->state = PIECE_WAITING;
	piece->first = first;
	piece->len = len;
	piece->n_lines = n_lines;
	return piece;
}

static void
window_count(struct window *window, const struct piece *piece)
{
	window->n_pieces++;
	window->n_bytes += sizeof(*piece) + piece->len;
}

int
window_add(struct window *window, uint64_t first, const char *data,
    size_t len, size_t n_lines)
{
	struct piece *piece;

	piece = piece_new(first, data, len, n_lines);
	if (piece == NULL)
		return -ENOMEM;
	TAILQ_INSERT_TAIL(&window->pieces, piece, next);
	TAILQ_INSERT_TAIL(&window->waiting, piece, waiting);
	window_count(window, piece);
	return 0;
}

struct piece *
window_waiting(struct window *window)
{
	return TAILQ_FIRST(&window->waiting);
}

void
window_sent(struct window *window, struct piece *piece)
{
	assert(piece->state == PIECE_WAITING);
	TAILQ_REMOVE(&window->waiting, piece, waiting);
	piece->state = PIECE_SENT;
}

void
window_again(struct window *window, struct piece *piece)
{
	assert(piece->state == PIECE_SENT);
	TAILQ_INSERT_HEAD(&window->waiting, piece, waiting);
	piece->state = PIECE_WAITING;
}

/* Lines from offset on, to be sent again, behind piece in the order. */
static int
window_insert(struct window *window, struct piece *piece, size_t from,
    size_t offset, size_t len, size_t n_lines)
{
	struct piece *rest;

	rest = piece_new(piece->first + from, piece->data + offset, len,
	    n_lines);
	if (rest == NULL)
		return -ENOMEM;
	TAILQ_INSERT_AFTER(&window->pieces, piece, rest, next);
	TAILQ_INSERT_HEAD(&window->waiting, rest, waiting);
	window_count(window, rest);
	return 0;
}

int
window_split(struct window *window, struct piece *piece, size_t n_lines,
    bool is_whole)
{
	size_t n_rest = piece->n_lines - n_lines;
	size_t n_first = is_whole || n_rest < 2 ? n_rest : n_rest / 2;
	size_t kept, half;
	int r = 0;

	assert(piece->state == PIECE_SENT && n_lines <= piece->n_lines);
	if (n_rest == 0)
		return 0;
	kept = lines_len(piece->data, piece->len, n_lines);
	half = kept + lines_len(piece->data + kept, piece->len - kept,
	    n_first);
	/* The second half first: each goes to the front. */
	if (n_first < n_rest)
		r = window_insert(window, piece, n_lines + n_first, half,
		    piece->len - half, n_rest - n_first);
	if (r == 0)
		r = window_insert(window, piece, n_lines, kept, half - kept,
		    n_first);
	if (r < 0)
		return r;
	window->n_bytes -= piece->len - kept;
	piece->n_lines = n_lines;
	piece->len = kept;
	return 0;
}

void
window_done(struct window *window, struct piece *piece,
    struct brood_completion *done, size_t len)
{
	assert(piece->state == PIECE_SENT);
	piece->state = PIECE_DONE;
	/* Its lines are not needed any more. */
	free(piece->data);
	piece->data = NULL;
	window->n_bytes -= piece->len;
	piece->len = 0;
	if (done != NULL) {
		piece->done = *done;
		piece->out = done->reply.data;
		piece->out_len = len;
		window->n_bytes += done->reply.len;
		*done = (struct brood_completion) { 0 };
	}
	if (!window->is_unordered)
		return;
	TAILQ_REMOVE(&window->pieces, piece, next);
	TAILQ_INSERT_HEAD(&window->pieces, piece, next);
}

struct piece *
window_printable(struct window *window)
{
	struct piece *piece = TAILQ_FIRST(&window->pieces);

	return piece != NULL && piece->state == PIECE_DONE ? piece : NULL;
}

void
window_remove(struct window *window, struct piece *piece)
{
	if (piece->state == PIECE_WAITING)
		TAILQ_REMOVE(&window->waiting, piece, waiting);
	TAILQ_REMOVE(&window->pieces, piece, next);
	window->n_pieces--;
	window->n_bytes -= sizeof(*piece) + piece->len + piece->done.reply.len;
	brood_completion_fini(&piece->done);
	free(piece->data);
	free(piece);
}
