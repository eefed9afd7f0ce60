/* SPDX-License-Identifier: ISC */
/*
 * Keeping the accounts.  Knows the public interface and the counters's counters,
 * not the methods: any that echoes its payload, or never succeeds, will do.
 *
 * A completion is judged when it is taken (its own request's, the first for
 * it, the right payload) and once more at the end against the counters.
 */

#include "support/accounting.h"
#include "support/drain.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct accounting
accounting_new(size_t n)
{
	struct accounting accounting = { .n_entries = n };

	accounting.entries = calloc(n, sizeof(*accounting.entries));
	if (accounting.entries == NULL)
		accounting.n_entries = 0;
	return accounting;
}

void
accounting_free(struct accounting *accounting)
{
	free(accounting->entries);
	accounting->entries = NULL;
}

int
accounting_submit(struct accounting *accounting, struct brood_pool *pool, uint32_t method,
    unsigned flags, int timeout_ms)
{
	uint32_t number = (uint32_t)accounting->n_submitted;
	struct brood_message msg = {
		.data = &number, .len = sizeof(number), .code = method,
	};
	struct accounting_entry *entry;
	int r;

	if (accounting->n_submitted == accounting->n_entries)
		return -ENOSPC;
	entry = &accounting->entries[number];
	r = brood_pool_submit(pool, &msg, flags, timeout_ms, entry,
	    &entry->id);
	if (r < 0)
		return r;
	entry->flags = flags;
	accounting->n_submitted++;
	return 0;
}

int
accounting_fill(struct accounting *accounting, struct brood_pool *pool, uint32_t method,
    unsigned flags, size_t n)
{
	int r = 0;

	while (r == 0 && accounting->n_submitted < n)
		r = accounting_submit(accounting, pool, method, flags, -1);
	return r == -EAGAIN ? 0 : r;
}

static const char *
accounting_judge(const struct accounting *accounting, const struct brood_completion *done)
{
	const struct accounting_entry *entry = done->tag;
	size_t number;

	if (entry < accounting->entries ||
	    entry >= accounting->entries + accounting->n_submitted)
		return "a completion with a tag that was never given";
	number = (size_t)(entry - accounting->entries);
	if (entry->id != done->id)
		return "a completion with another request's id";
	if (entry->n_completions > 0)
		return "a second completion for one request";
	if (done->text == NULL)
		return "a completion without a text";
	if (done->fate < BROOD_DONE || done->fate > BROOD_REFUSED)
		return "a completion without a fate";
	if (done->fate == BROOD_DONE &&
	    (done->reply.len != sizeof(uint32_t) ||
	    memcmp(done->reply.data, &(uint32_t){ (uint32_t)number },
	    sizeof(uint32_t)) != 0))
		return "the reply to another request";
	return NULL;
}

static void
accounting_enter(struct accounting *accounting, const struct brood_completion *done)
{
	struct accounting_entry *entry = done->tag;
	const char *wrong = accounting_judge(accounting, done);

	if (wrong != NULL) {
		if (accounting->wrong == NULL)
			accounting->wrong = wrong;
		return;
	}
	entry->n_completions++;
	entry->fate = done->fate;
	entry->ran = done->ran;
	entry->pid = done->pid;
	entry->turn = (unsigned)accounting->n_done;
	if (done->fate == BROOD_DONE)
		accounting->last_pid = done->pid;
	accounting->n_fates[done->fate]++;
	accounting->n_done++;
}

int
accounting_take(struct accounting *accounting, struct brood_pool *pool)
{
	struct brood_completion done;
	int r;

	while ((r = brood_pool_take(pool, &done)) == 1) {
		accounting_enter(accounting, &done);
		brood_completion_fini(&done);
	}
	return r;
}

bool
accounting_await(struct accounting *accounting, struct brood_pool *pool, size_t n)
{
	int64_t deadline = brood__deadline(brood__now_ms(), DRAIN_MS);
	int r;

	for (;;) {
		if (accounting_take(accounting, pool) < 0)
			return false;
		if (accounting->n_done >= n)
			return true;
		r = brood_pool_wait(pool, 1000);
		if (r < 0 || brood__now_ms() > deadline)
			return false;
	}
}

static const char *
accounting_entry_fault(const struct accounting_entry *entry, unsigned n_runs)
{
	if (entry->n_completions != 1)
		return "a request without a completion";
	if (n_runs > 1 && (entry->flags & BROOD_IDEMPOTENT) == 0)
		return "a request that ran twice";
	if (n_runs > 2)
		return "an idempotent request that ran three times";
	if (entry->ran == BROOD_NOT_RUN && n_runs > 0)
		return "a request that ran but is said not to have";
	if (entry->ran == BROOD_RAN && n_runs == 0)
		return "a request that is said to have run but did not";
	if (entry->fate == BROOD_DONE && entry->ran != BROOD_RAN)
		return "a reply without a run";
	if (entry->fate == BROOD_REFUSED && entry->ran != BROOD_NOT_RUN)
		return "a refused request that may have run";
	return NULL;
}

const char *
accounting_fault(const struct accounting *accounting, const struct counters *counters)
{
	const char *fault = accounting->wrong;

	for (size_t i = 0; i < accounting->n_submitted && fault == NULL; i++)
		fault = accounting_entry_fault(&accounting->entries[i],
		    atomic_load(&counters->runs[i]));
	return fault;
}
