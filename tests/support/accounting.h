/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_ACCOUNTING_H
#define BROOD_TESTS_ACCOUNTING_H

/*
 * A record of each request that a test submitted, and of what became of it.
 * Request number i has the number i as its payload, entry i of the record as
 * its tag, and element i of counters->runs as the count of its runs.  So the
 * record shows if a completion is lost, comes twice, or is another request's.
 *
 * No function here asserts, because a host that a test has forked uses them
 * too, and an assertion in a forked process hangs Criterion.
 */

#include "support/counters.h"

struct accounting_entry {
	uint64_t	 id;		/* given by brood_pool_submit() */
	unsigned	 flags;		/* given to brood_pool_submit() */
	unsigned	 n_completions;
	/* The rest is copied from the completion; 0 until there is one. */
	enum brood_fate	 fate;
	enum brood_ran	 ran;
	pid_t		 pid;
	unsigned	 turn;		/* completions that came before this */
};

struct accounting {
	size_t		 n_entries;	/* requests that there is room for */
	size_t		 n_submitted;
	size_t		 n_done;	/* requests that have a completion */
	size_t		 n_fates[BROOD_PROGRESS + 1];	/* n_done, by fate */
	pid_t		 last_pid;	/* worker of the last reply; a test
					   sets 0 once it has killed that */
	const char	*wrong;		/* first completion that cannot be */
	struct accounting_entry *entries;
};

/* Make room for n requests.  If there is no memory, n_entries is 0. */
struct accounting
	accounting_new(size_t n);
void	accounting_free(struct accounting *account);

/*
 * Submit the next request.
 *
 * Returns what brood_pool_submit() returns.
 *
 *   -ENOSPC	n_entries requests were submitted already
 */
int	accounting_submit(struct accounting *account, struct brood_pool *pool,
	    uint32_t method, unsigned flags, int timeout_ms);

/*
 * Submit requests until n_submitted is n, or the pool's queue is full: both
 * are 0.
 */
int	accounting_fill(struct accounting *account, struct brood_pool *pool,
	    uint32_t method, unsigned flags, size_t n);

/* Take every completion that the pool has now, and record it. */
int	accounting_take(struct accounting *account, struct brood_pool *pool);

/* Wait until n_done is at least n.  Gives false after DRAIN_MS. */
bool	accounting_await(struct accounting *account, struct brood_pool *pool,
	    size_t n);

/*
 * Compare the record with the counters, which say what the workers really ran.
 * To be called when every request should have its completion and no worker runs
 * one any more.
 *
 * Returns NULL if all is well, else a text that says what is wrong.
 */
const char *
	accounting_fault(const struct accounting *account,
	    const struct counters *counters);

#endif
