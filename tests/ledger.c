/* SPDX-License-Identifier: ISC */
/*
 * Keeping the accounts.  Knows the public interface and the board's counters,
 * not the methods: any that echoes its payload, or never succeeds, will do.
 *
 * A completion is judged when it is taken (its own request's, the first for
 * it, the right payload) and once more at the end against the board.
 */

#include "ledger.h"
#include "drain.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ledger
ledger_new(size_t n)
{
	struct ledger ledger = { .n_entries = n };

	ledger.entries = calloc(n, sizeof(*ledger.entries));
	if (ledger.entries == NULL)
		ledger.n_entries = 0;
	return ledger;
}

void
ledger_free(struct ledger *ledger)
{
	free(ledger->entries);
	ledger->entries = NULL;
}

int
ledger_submit(struct ledger *ledger, struct brood_pool *pool, uint32_t method,
    unsigned flags, int timeout_ms)
{
	uint32_t number = (uint32_t)ledger->n_submitted;
	struct brood_message msg = {
		.data = &number, .len = sizeof(number), .code = method,
	};
	struct ledger_entry *entry;
	int r;

	if (ledger->n_submitted == ledger->n_entries)
		return -ENOSPC;
	entry = &ledger->entries[number];
	r = brood_pool_submit(pool, &msg, flags, timeout_ms, entry,
	    &entry->id);
	if (r < 0)
		return r;
	entry->flags = flags;
	ledger->n_submitted++;
	return 0;
}

int
ledger_fill(struct ledger *ledger, struct brood_pool *pool, uint32_t method,
    unsigned flags, size_t n)
{
	int r = 0;

	while (r == 0 && ledger->n_submitted < n)
		r = ledger_submit(ledger, pool, method, flags, -1);
	return r == -EAGAIN ? 0 : r;
}

static const char *
ledger_judge(const struct ledger *ledger, const struct brood_completion *done)
{
	const struct ledger_entry *entry = done->tag;
	size_t number;

	if (entry < ledger->entries ||
	    entry >= ledger->entries + ledger->n_submitted)
		return "a completion with a tag that was never given";
	number = (size_t)(entry - ledger->entries);
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
ledger_enter(struct ledger *ledger, const struct brood_completion *done)
{
	struct ledger_entry *entry = done->tag;
	const char *wrong = ledger_judge(ledger, done);

	if (wrong != NULL) {
		if (ledger->wrong == NULL)
			ledger->wrong = wrong;
		return;
	}
	entry->n_completions++;
	entry->fate = done->fate;
	entry->ran = done->ran;
	entry->pid = done->pid;
	entry->turn = (unsigned)ledger->n_done;
	if (done->fate == BROOD_DONE)
		ledger->last_pid = done->pid;
	ledger->n_fates[done->fate]++;
	ledger->n_done++;
}

int
ledger_take(struct ledger *ledger, struct brood_pool *pool)
{
	struct brood_completion done;
	int r;

	while ((r = brood_pool_take(pool, &done)) == 1) {
		ledger_enter(ledger, &done);
		brood_completion_fini(&done);
	}
	return r;
}

bool
ledger_await(struct ledger *ledger, struct brood_pool *pool, size_t n)
{
	int64_t deadline = brood__deadline(brood__now_ms(), DRAIN_MS);
	int r;

	for (;;) {
		if (ledger_take(ledger, pool) < 0)
			return false;
		if (ledger->n_done >= n)
			return true;
		r = brood_pool_wait(pool, 1000);
		if (r < 0 || brood__now_ms() > deadline)
			return false;
	}
}

static const char *
ledger_entry_fault(const struct ledger_entry *entry, unsigned n_runs)
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
ledger_fault(const struct ledger *ledger, const struct board *board)
{
	const char *fault = ledger->wrong;

	for (size_t i = 0; i < ledger->n_submitted && fault == NULL; i++)
		fault = ledger_entry_fault(&ledger->entries[i],
		    atomic_load(&board->runs[i]));
	return fault;
}
