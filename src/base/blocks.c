/* SPDX-License-Identifier: ISC */

/*
 * Memory that is used again.
 *
 * A block that is owned belongs to a struct brood__blocks until that is closed:
 * it is in one of the two lists of the owner, in the stack of those given back,
 * or out.  Only the stack is shared between threads.  Whoever gives a block
 * pushes it; the owner takes the whole stack at once, so that no block can be
 * popped, pushed again and mistaken for itself (ABA).
 *
 * Closing leaves a mark in the place of the stack.  From then on blocks that
 * come back are freed, and the last one frees the struct: n_left counts down
 * from 0 with each of these, and the owner adds how many were out.  So it
 * reaches 0 once, whoever comes first.
 */

#include "base/blocks.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	BLOCKS_SMALL_MAX = 2048,	/* small ones that are owned */
	BLOCKS_LARGE_MAX = 4,		/* large ones that are owned */
	BLOCKS_LARGE_TICKS = 1024,	/* small messages until unused large
					   blocks are freed */
	BLOCKS_WASTE = 4,		/* a large block serves no request that
					   is smaller than this part of it */
};

struct block {
	struct block *next;
	struct brood__blocks *owner;	/* NULL: of nobody */
	size_t size;
	alignas(max_align_t) unsigned char bytes[];
};

struct brood__blocks {
	struct block *small;
	struct block *large;
	unsigned n_small;		/* owned, wherever they are */
	unsigned n_large;		/* owned, wherever they are */
	unsigned n_out;			/* owned, and not in a list above */
	unsigned n_ticks;		/* since a large block was used */
	_Atomic(struct block *) given;	/* the stack, or &blocks_closed */
	atomic_long n_left;
};

static struct block blocks_closed;

static struct block *
block_of(void *memory)
{
	return (struct block *)((unsigned char *)memory -
	    offsetof(struct block, bytes));
}

struct brood__blocks *
brood__blocks_new(void)
{
	return calloc(1, sizeof(struct brood__blocks));
}

/* Put an owned block into its list. */
static void
blocks_keep(struct brood__blocks *blocks, struct block *block)
{
	struct block **list = block->size == BROOD__BLOCK_SMALL ?
	    &blocks->small : &blocks->large;

	block->next = *list;
	*list = block;
	blocks->n_out--;
}

/* Fetch what was given back. */
static void
blocks_collect(struct brood__blocks *blocks)
{
	struct block *block, *next;

	if (atomic_load_explicit(&blocks->given, memory_order_relaxed) == NULL)
		return;
	block = atomic_exchange_explicit(&blocks->given, NULL,
	    memory_order_acquire);
	for (; block != NULL; block = next) {
		next = block->next;
		blocks_keep(blocks, block);
	}
}

static void
blocks_free_list(struct block **list)
{
	struct block *block;

	while ((block = *list) != NULL) {
		*list = block->next;
		free(block);
	}
}

static void
blocks_free_large(struct brood__blocks *blocks)
{
	for (struct block *block = blocks->large; block != NULL;
	    block = block->next)
		blocks->n_large--;
	blocks_free_list(&blocks->large);
}

void
brood__blocks_close(struct brood__blocks *blocks)
{
	struct block *block, *next;
	long n_out;

	if (blocks == NULL)
		return;
	block = atomic_exchange_explicit(&blocks->given, &blocks_closed,
	    memory_order_acquire);
	for (; block != NULL; block = next) {
		next = block->next;
		blocks_keep(blocks, block);
	}
	blocks_free_list(&blocks->small);
	blocks_free_list(&blocks->large);
	n_out = (long)blocks->n_out;
	if (atomic_fetch_add(&blocks->n_left, n_out) + n_out == 0)
		free(blocks);
}

/* Taking */

static void *
block_new(struct brood__blocks *owner, size_t size)
{
	struct block *block;

	if (size > SIZE_MAX - sizeof(*block))
		return NULL;
	block = malloc(sizeof(*block) + size);
	if (block == NULL)
		return NULL;
	block->owner = owner;
	block->size = size;
	if (owner != NULL)
		owner->n_out++;
	return block->bytes;
}

static void *
blocks_take_small(struct brood__blocks *blocks)
{
	struct block *block;
	void *memory;

	if (blocks->small == NULL)
		blocks_collect(blocks);
	block = blocks->small;
	if (block != NULL) {
		blocks->small = block->next;
		blocks->n_out++;
		return block->bytes;
	}
	if (blocks->n_small == BLOCKS_SMALL_MAX)
		return block_new(NULL, BROOD__BLOCK_SMALL);
	memory = block_new(blocks, BROOD__BLOCK_SMALL);
	blocks->n_small += memory != NULL;
	return memory;
}

static void *
blocks_take_large(struct brood__blocks *blocks, size_t size)
{
	struct block **at, *block;
	void *memory;

	blocks->n_ticks = 0;
	blocks_collect(blocks);
	for (at = &blocks->large; (block = *at) != NULL; at = &block->next)
		if (block->size >= size && block->size / BLOCKS_WASTE <= size) {
			*at = block->next;
			blocks->n_out++;
			return block->bytes;
		}
	/* None fits: the sizes have changed. */
	if (blocks->n_large == BLOCKS_LARGE_MAX)
		blocks_free_large(blocks);
	if (blocks->n_large == BLOCKS_LARGE_MAX)
		return block_new(NULL, size);
	memory = block_new(blocks, size);
	blocks->n_large += memory != NULL;
	return memory;
}

void *
brood__blocks_take(struct brood__blocks *blocks, size_t size)
{
	if (blocks == NULL)
		return block_new(NULL, size);
	if (size >= BROOD__BLOCK_LARGE)
		return blocks_take_large(blocks, size);
	brood__blocks_tick(blocks);
	return size <= BROOD__BLOCK_SMALL ? blocks_take_small(blocks) :
	    block_new(NULL, size);
}

void
brood__blocks_tick(struct brood__blocks *blocks)
{
	if (blocks == NULL || blocks->n_large == 0 ||
	    ++blocks->n_ticks < BLOCKS_LARGE_TICKS)
		return;
	blocks->n_ticks = 0;
	blocks_collect(blocks);
	blocks_free_large(blocks);
}

/* Giving back */

void
brood__blocks_put(void *memory)
{
	struct block *block;

	if (memory == NULL)
		return;
	block = block_of(memory);
	if (block->owner == NULL)
		free(block);
	else
		blocks_keep(block->owner, block);
}

void
brood__blocks_give(void *memory)
{
	struct brood__blocks *owner;
	struct block *block, *top;

	if (memory == NULL)
		return;
	block = block_of(memory);
	owner = block->owner;
	if (owner == NULL) {
		free(block);
		return;
	}
	top = atomic_load_explicit(&owner->given, memory_order_relaxed);
	while (top != &blocks_closed) {
		block->next = top;
		if (atomic_compare_exchange_weak_explicit(&owner->given, &top,
		    block, memory_order_release, memory_order_relaxed))
			return;
	}
	free(block);
	if (atomic_fetch_sub(&owner->n_left, 1) == 1)
		free(owner);
}
