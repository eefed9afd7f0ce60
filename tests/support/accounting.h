/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_ACCOUNTING_H
#define BROOD_TESTS_ACCOUNTING_H

/*
 * The accounts of a run: what was submitted, and what became of each request.
 * Request number i has i as its payload, entry i as its tag and counter i of
 * the counters, so that a completion that is lost, given twice, or given to
 * another request cannot pass.
 *
 * Nothing here asserts: a test's forked host uses it too.
 */

#include "support/counters.h"

struct accounting_entry {
	uint64_t	 id;
	unsigned	 flags;
	unsigned	 n_completions;
	enum brood_fate	 fate;
	enum brood_ran	 ran;
	pid_t		 pid;
	unsigned	 turn;		/* it was the turn-th to complete */
};

struct accounting {
	size_t		 n_entries;
	size_t		 n_submitted;
	size_t		 n_done;	/* requests with a completion */
	size_t		 n_fates[BROOD_PROGRESS + 1];
	pid_t		 last_pid;	/* of the worker that replied last */
	const char	*wrong;		/* the first impossible thing seen */
	struct accounting_entry *entries;
};

/* Accounts for at most n requests; n_entries is 0 if there is no memory. */
struct accounting
	accounting_new(size_t n);
void	accounting_free(struct accounting *accounting);

/* Submit the next request; as brood_pool_submit(). */
int	accounting_submit(struct accounting *accounting, struct brood_pool *pool,
	    uint32_t method, unsigned flags, int timeout_ms);

/* Submit until n are submitted in all, or the queue is full. */
int	accounting_fill(struct accounting *accounting, struct brood_pool *pool,
	    uint32_t method, unsigned flags, size_t n);

/* Enter what there is to take. */
int	accounting_take(struct accounting *accounting, struct brood_pool *pool);

/* Wait until n requests in all are completed. */
bool	accounting_await(struct accounting *accounting, struct brood_pool *pool, size_t n);

/*
 * What is wrong with the accounts, compared with what the workers did; NULL if
 * nothing is.  To be asked when everything that was submitted should be
 * completed and no worker is running any of it.
 */
const char *
	accounting_fault(const struct accounting *accounting, const struct counters *counters);

#endif
