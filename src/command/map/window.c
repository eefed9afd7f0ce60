/* SPDX-License-Identifier: ISC */

/*
 * The bounded window between input and output of `brood map`.  This file knows
 * nothing of workers, nor of why a chunk is sent again.
 *
 * A chunk that is WAITING is in both lists, any other only in `chunks`.  A full
 * window always empties: mapper.c sends chunks that wait before it adds new
 * ones, and the first chunk is among those that were sent, or next to be.
 */

#include "command/map/window.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	WINDOW_CHUNKS = 1 << 14,
	WINDOW_BYTES = 32 << 20,
};

void
window_init(struct window *window, bool is_unordered)
{
	*window = (struct window) { .is_unordered = is_unordered };
	TAILQ_INIT(&window->chunks);
	TAILQ_INIT(&window->waiting);
}

void
window_fini(struct window *window)
{
	struct chunk *chunk;

	while ((chunk = TAILQ_FIRST(&window->chunks)) != NULL)
		window_remove(window, chunk);
}

bool
window_has_room(const struct window *window)
{
	return window->n_chunks < WINDOW_CHUNKS &&
	    window->n_bytes < WINDOW_BYTES;
}

static struct chunk *
chunk_new(uint64_t first, const char *data, size_t len, size_t n_lines)
{
	struct chunk *chunk;

	chunk = calloc(1, sizeof(*chunk));
	if (chunk == NULL)
		return NULL;
	chunk->data = malloc(len);
	if (chunk->data == NULL) {
		free(chunk);
		return NULL;
	}
	memcpy(chunk->data, data, len);
	chunk->state = CHUNK_WAITING;
	chunk->first = first;
	chunk->len = len;
	chunk->n_lines = n_lines;
	return chunk;
}

static void
window_count(struct window *window, const struct chunk *chunk)
{
	window->n_chunks++;
	window->n_bytes += sizeof(*chunk) + chunk->len;
}

int
window_add(struct window *window, uint64_t first, const char *data,
    size_t len, size_t n_lines)
{
	struct chunk *chunk;

	chunk = chunk_new(first, data, len, n_lines);
	if (chunk == NULL)
		return -ENOMEM;
	TAILQ_INSERT_TAIL(&window->chunks, chunk, next);
	TAILQ_INSERT_TAIL(&window->waiting, chunk, waiting);
	window_count(window, chunk);
	return 0;
}

struct chunk *
window_waiting(struct window *window)
{
	return TAILQ_FIRST(&window->waiting);
}

void
window_sent(struct window *window, struct chunk *chunk)
{
	assert(chunk->state == CHUNK_WAITING);
	TAILQ_REMOVE(&window->waiting, chunk, waiting);
	chunk->state = CHUNK_SENT;
}

void
window_again(struct window *window, struct chunk *chunk)
{
	assert(chunk->state == CHUNK_SENT);
	TAILQ_INSERT_HEAD(&window->waiting, chunk, waiting);
	chunk->state = CHUNK_WAITING;
}

int
window_split(struct window *window, struct chunk *chunk, size_t n_lines)
{
	size_t kept = window_lines_len(chunk->data, chunk->len, n_lines);
	struct chunk *rest;

	assert(chunk->state == CHUNK_SENT && n_lines < chunk->n_lines);
	rest = chunk_new(chunk->first + n_lines, chunk->data + kept,
	    chunk->len - kept, chunk->n_lines - n_lines);
	if (rest == NULL)
		return -ENOMEM;
	TAILQ_INSERT_AFTER(&window->chunks, chunk, rest, next);
	TAILQ_INSERT_HEAD(&window->waiting, rest, waiting);
	window_count(window, rest);
	window->n_bytes -= chunk->len - kept;
	chunk->n_lines = n_lines;
	chunk->len = kept;
	return 0;
}

/* Add one line of a chunk, after another chunk of the window. */
static struct chunk *
window_add_line(struct window *window, struct chunk *last, uint64_t number,
    const char *data, size_t len)
{
	struct chunk *line = chunk_new(number, data, len, 1);

	if (line == NULL)
		return NULL;
	TAILQ_INSERT_AFTER(&window->chunks, last, line, next);
	window_count(window, line);
	return line;
}

struct suspect *
window_scatter(struct window *window, struct chunk *chunk)
{
	struct suspect *suspect = calloc(1, sizeof(*suspect));
	struct chunk *last = chunk, *line;
	size_t at = 0, len;

	assert(chunk->state == CHUNK_SENT && chunk->suspect == NULL);
	for (size_t i = 0; i < chunk->n_lines && suspect != NULL; i++) {
		len = window_lines_len(chunk->data + at, chunk->len - at, 1);
		line = window_add_line(window, last, chunk->first + i,
		    chunk->data + at, len);
		if (line == NULL)
			return NULL;
		if (i == 0)
			TAILQ_INSERT_HEAD(&window->waiting, line, waiting);
		else
			TAILQ_INSERT_AFTER(&window->waiting, last, line,
			    waiting);
		line->suspect = suspect;
		suspect->n_chunks++;
		last = line;
		at += len;
	}
	if (suspect != NULL)
		window_remove(window, chunk);
	return suspect;
}

void
window_done(struct window *window, struct chunk *chunk,
    struct brood_completion *done, size_t len)
{
	assert(chunk->state == CHUNK_SENT);
	chunk->state = CHUNK_DONE;
	free(chunk->data);
	chunk->data = NULL;
	window->n_bytes -= chunk->len;
	chunk->len = 0;
	if (done != NULL) {
		chunk->done = *done;
		chunk->out = done->reply.data;
		chunk->out_len = len;
		window->n_bytes += done->reply.len;
		*done = (struct brood_completion) { 0 };
	}
	if (!window->is_unordered)
		return;
	TAILQ_REMOVE(&window->chunks, chunk, next);
	TAILQ_INSERT_HEAD(&window->chunks, chunk, next);
}

struct chunk *
window_printable(struct window *window)
{
	struct chunk *chunk = TAILQ_FIRST(&window->chunks);

	return chunk != NULL && chunk->state == CHUNK_DONE ? chunk : NULL;
}

void
window_remove(struct window *window, struct chunk *chunk)
{
	if (chunk->state == CHUNK_WAITING)
		TAILQ_REMOVE(&window->waiting, chunk, waiting);
	TAILQ_REMOVE(&window->chunks, chunk, next);
	window->n_chunks--;
	window->n_bytes -= sizeof(*chunk) + chunk->len + chunk->done.reply.len;
	brood_completion_fini(&chunk->done);
	if (chunk->suspect != NULL && --chunk->suspect->n_chunks == 0)
		free(chunk->suspect);
	free(chunk->data);
	free(chunk);
}

void
window_give_up(struct window *window)
{
	struct chunk *chunk, *next;

	for (chunk = TAILQ_FIRST(&window->chunks); chunk != NULL;
	    chunk = next) {
		next = TAILQ_NEXT(chunk, next);
		if (chunk->state != CHUNK_DONE)
			window_remove(window, chunk);
	}
}

size_t
window_lines_len(const char *data, size_t len, size_t n_lines)
{
	const char *p = data, *end = data + len;

	while (n_lines-- > 0 && p < end) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (p == NULL)
			return len;
		p++;
	}
	return (size_t)(p - data);
}
