/* SPDX-License-Identifier: ISC */
#ifndef BROOD__BLOCKS_H
#define BROOD__BLOCKS_H

/*
 * Memory that is used again and again, so that neither malloc(3) nor the page
 * faults of new memory are paid for each message.
 *
 * One owner takes blocks.  A block goes back by brood__blocks_put() in the
 * owner's thread, or by brood__blocks_give() in any thread, at any time, also
 * after the owner has closed: completions belong to the program, which may keep
 * them longer than the pool.
 *
 * What is kept is bounded: 2048 blocks of 512 bytes, and four large ones, of
 * 64 KiB and more.  Beyond that, and between these sizes, a block is memory of
 * malloc(3) and nothing else.  Large blocks that nobody has needed for 1024
 * small messages are freed.
 *
 * A block has what was in it before.
 */

#include <stddef.h>

enum {
	BROOD__BLOCK_SMALL = 512,	/* usable bytes of each small block */
	BROOD__BLOCK_LARGE = 64 << 10,	/* a large one has at least so many */
};

struct brood__blocks;

/* NULL if there is no memory, which is as good: see take. */
struct brood__blocks *
	brood__blocks_new(void);

/*
 * The owner goes.  Blocks that others have stay valid until they are given
 * back; the owner has put back all of its own.
 */
void	brood__blocks_close(struct brood__blocks *blocks);

/* At least size bytes, or NULL.  Without blocks, memory that nobody keeps. */
void	*brood__blocks_take(struct brood__blocks *blocks, size_t size);

void	brood__blocks_put(void *memory);
void	brood__blocks_give(void *memory);

/* A small message has come or gone, without a block. */
void	brood__blocks_tick(struct brood__blocks *blocks);

#endif
