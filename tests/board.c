/* SPDX-License-Identifier: ISC */
/*
 * The board: anonymous shared memory and two pipes.  It knows nothing of what
 * the handlers do with it.
 *
 * The gate's write end stays with the host alone.  Closing it is what opens
 * the gate for all, so a supervisor or worker that held a copy would show as a
 * test that never ends.
 */

#include "board.h"
#include "drain.h"
#include "fd.h"
#include "methods.h"
#include <sys/mman.h>

static size_t
board_size(unsigned n_runs)
{
	struct board *board;

	return sizeof(*board) + n_runs * sizeof(board->runs[0]);
}

struct board *
board_new(unsigned n_runs)
{
	struct board *board;

	board = mmap(NULL, board_size(n_runs), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		return NULL;
	board->n_runs = n_runs;
	board->gate[0] = board->gate[1] = -1;
	board->entered[0] = board->entered[1] = -1;
	if (pipe2(board->gate, O_CLOEXEC) < 0 ||
	    pipe2(board->entered, O_CLOEXEC) < 0)
		return board_free(board);
	board->keep_fds[0] = board->gate[0];
	board->keep_fds[1] = board->entered[1];
	return board;
}

struct board *
board_free(struct board *board)
{
	if (board == NULL)
		return NULL;
	brood__fd_close_all(board->gate, 2);
	brood__fd_close_all(board->entered, 2);
	(void)munmap(board, board_size(board->n_runs));
	return NULL;
}

struct brood_pool *
board_pool(struct board *board, struct brood_pool_options options)
{
	struct brood_pool *pool = NULL;

	options.handler = methods_handle;
	options.arg = board;
	options.keep_fds = board->keep_fds;
	options.n_keep_fds = 2;
	if (options.shutdown_ms == 0)
		options.shutdown_ms = 300;
	return brood_pool_new(&pool, &options) == 0 ? pool : NULL;
}

bool
board_await(struct board *board, struct brood_pool *pool, unsigned n)
{
	int64_t deadline = brood__deadline(brood__now_ms(), DRAIN_MS);
	char byte;

	while (n > 0) {
		if (drain_turn(pool, board->entered[0])) {
			if (read(board->entered[0], &byte, 1) != 1)
				return false;
			n--;
		} else if (brood__now_ms() > deadline)
			return false;
	}
	return true;
}

void
board_release(struct board *board, unsigned n)
{
	while (n-- > 0)
		if (write(board->gate[1], "", 1) != 1)
			return;
}

void
board_open(struct board *board)
{
	board->gate[1] = brood__fd_close(board->gate[1]);
}
