/* SPDX-License-Identifier: ISC */

/*
 * Claims about memory that is used again.  That nothing is lost or freed twice
 * is seen by the sanitizers and by valgrind.
 */

#include "base/blocks.h"
#include "support/support.h"

#include <pthread.h>
#include <string.h>

BROOD_SUITE(blocks);

enum { N_MANY = 5000, N_ROUNDS = 200, LARGE = 1 << 20 };

static struct brood__blocks *
made(void)
{
	struct brood__blocks *blocks = brood__blocks_new();

	cr_assert_not_null(blocks);
	return blocks;
}

static void *
taken(struct brood__blocks *blocks, size_t size)
{
	void *memory = brood__blocks_take(blocks, size);

	cr_assert_not_null(memory);
	memset(memory, 'x', size);
	return memory;
}

Test(blocks, a_small_block_that_came_back_is_used_again)
{
	struct brood__blocks *blocks = made();
	void *first = taken(blocks, 1), *second = taken(blocks, 512);

	cr_assert_neq(first, second);
	brood__blocks_put(first);
	cr_assert_eq(taken(blocks, 300), first);
	brood__blocks_give(second);
	cr_assert_eq(taken(blocks, 300), second);
	brood__blocks_put(first);
	brood__blocks_give(second);
	brood__blocks_close(blocks);
}

Test(blocks, a_large_block_that_came_back_is_used_again)
{
	struct brood__blocks *blocks = made();
	void *first = taken(blocks, LARGE);

	brood__blocks_give(first);
	cr_assert_eq(taken(blocks, LARGE / 2), first);
	brood__blocks_put(first);
	brood__blocks_close(blocks);
}

Test(blocks, more_than_is_kept_can_be_taken)
{
	static void *many[N_MANY];
	struct brood__blocks *blocks = made();

	for (int i = 0; i < N_MANY; i++)
		many[i] = taken(blocks, 64);
	for (int i = 0; i < N_MANY; i++)
		brood__blocks_give(many[i]);
	for (int i = 0; i < 10; i++)
		many[i] = taken(blocks, LARGE + (size_t)i);
	for (int i = 0; i < 10; i++)
		brood__blocks_put(many[i]);
	brood__blocks_close(blocks);
}

Test(blocks, blocks_outlive_their_owner)
{
	struct brood__blocks *blocks = made();
	char *small = taken(blocks, 64), *large = taken(blocks, LARGE);

	brood__blocks_close(blocks);
	memset(small, 'y', 64);
	memset(large, 'y', LARGE);
	brood__blocks_give(small);
	brood__blocks_give(large);
}

Test(blocks, without_an_owner_there_is_memory_too)
{
	brood__blocks_put(taken(NULL, 1));
	brood__blocks_give(taken(NULL, LARGE));
	brood__blocks_give(NULL);
	brood__blocks_put(NULL);
	brood__blocks_close(NULL);
}

Test(blocks, a_large_block_is_freed_after_many_small_messages)
{
	struct brood__blocks *blocks = made();
	void *large = taken(blocks, LARGE), *other;

	brood__blocks_put(large);
	for (int i = 0; i < N_MANY; i++)
		brood__blocks_tick(blocks);
	/* It was the only one: now none is kept. */
	other = taken(blocks, LARGE + 1);
	brood__blocks_put(other);
	cr_assert_eq(taken(blocks, LARGE), other);
	brood__blocks_put(other);
	brood__blocks_close(blocks);
}

struct pile {
	pthread_mutex_t lock;
	void *blocks[N_MANY];
	int n;
};

static void *
give_all(void *arg)
{
	struct pile *pile = arg;
	void *memory = pile;

	while (memory != NULL) {
		(void)pthread_mutex_lock(&pile->lock);
		memory = pile->n > 0 ? pile->blocks[--pile->n] : NULL;
		(void)pthread_mutex_unlock(&pile->lock);
		brood__blocks_give(memory);
	}
	return NULL;
}

static int
give_in_threads(void *arg)
{
	static struct pile pile = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct brood__blocks *blocks = brood__blocks_new();
	pthread_t threads[2];

	(void)arg;
	for (int i = 0; i < N_ROUNDS; i++) {
		for (int k = 0; k < 1000; k++)
			pile.blocks[pile.n++] = brood__blocks_take(blocks, 64);
		for (int k = 0; k < 2; k++)
			if (pthread_create(&threads[k], NULL, give_all,
			    &pile) != 0)
				return 1;
		if (i == N_ROUNDS - 1)
			brood__blocks_close(blocks);
		else
			for (int k = 0; k < 1000; k++)
				brood__blocks_put(
				    brood__blocks_take(blocks, 64));
		for (int k = 0; k < 2; k++)
			(void)pthread_join(threads[k], NULL);
	}
	return 0;
}

Test(blocks, any_thread_may_give_also_while_the_owner_closes)
{
	cr_assert_eq(support_join(support_fork(give_in_threads, NULL)), 0);
}
