/* SPDX-License-Identifier: ISC */
/*
 * This file owns the record of requests.  It uses the public interface and
 * counters->runs.  It does not know the methods: a method must answer with its
 * payload, or not succeed.
 *
 * Each completion is checked twice.  When it is taken: is it the first of its
 * request, with that request's id and payload?  At the end: does it agree with
 * the counters?
 */

#include "support/accounting.h"
#include "support/drain.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct accounting
accounting_new(size_t n)
{
	struct accounting account = { .n_entries = n };

	account.entries = calloc(n, sizeof(*account.entries));
	if (account.entries == NULL)
		account.n_entries = 0;
	return account;
}

void
accounting_free(struct accounting *account)
{
	free(account->entries);
	account->entries = NULL;
}

int
accounting_submit(struct accounting *account, struct brood_pool *pool,
    uint32_t method, unsigned flags, int timeout_ms)
{
	uint32_t number = (uint32_t)account->n_submitted;
	struct brood_message msg = {
		.data = &number, .len = sizeof(number), .code = method,
	};
	struct accounting_entry *entry;
	int r;

	if (account->n_submitted == account->n_entries)
		return -ENOSPC;
	entry = &account->entries[number];
	r = brood_pool_submit(pool, &msg,
	    &(struct brood_request_options){
	    .flags = flags, .expire_ms = timeout_ms, .tag = entry },
	    &entry->id);
	if (r < 0)
		return r;
	entry->flags = flags;
	account->n_submitted++;
	return 0;
}

int
accounting_fill(struct accounting *account, struct brood_pool *pool,
    uint32_t method, unsigned flags, size_t n)
{
	int r = 0;

	while (r == 0 && account->n_submitted < n)
		r = accounting_submit(account, pool, method, flags, -1);
	return r == -EAGAIN ? 0 : r;
}

/* Give what cannot be true of this completion, or NULL. */
static const char *
accounting_judge(const struct accounting *account,
    const struct brood_completion *done)
{
	const struct accounting_entry *entry = done->tag;
	size_t number;

	if (entry < account->entries ||
	    entry >= account->entries + account->n_submitted)
		return "a completion with a tag that was never given";
	number = (size_t)(entry - account->entries);
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
accounting_record(struct accounting *account,
    const struct brood_completion *done)
{
	struct accounting_entry *entry = done->tag;
	const char *wrong = accounting_judge(account, done);

	if (wrong != NULL) {
		if (account->wrong == NULL)
			account->wrong = wrong;
		return;
	}
	entry->n_completions++;
	entry->fate = done->fate;
	entry->ran = done->ran;
	entry->pid = done->pid;
	entry->turn = (unsigned)account->n_done;
	if (done->fate == BROOD_DONE)
		account->last_pid = done->pid;
	account->n_fates[done->fate]++;
	account->n_done++;
}

int
accounting_take(struct accounting *account, struct brood_pool *pool)
{
	struct brood_completion done;
	int r;

	while ((r = brood_pool_take(pool, &done)) == 1) {
		accounting_record(account, &done);
		brood_completion_fini(&done);
	}
	return r;
}

bool
accounting_await(struct accounting *account, struct brood_pool *pool, size_t n)
{
	int64_t deadline = brood__deadline(brood__now_ms(), DRAIN_MS);
	int r;

	for (;;) {
		if (accounting_take(account, pool) < 0)
			return false;
		if (account->n_done >= n)
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
accounting_fault(const struct accounting *account,
    const struct counters *counters)
{
	const char *fault = account->wrong;

	for (size_t i = 0; i < account->n_submitted && fault == NULL; i++)
		fault = accounting_entry_fault(&account->entries[i],
		    atomic_load(&counters->runs[i]));
	return fault;
}
