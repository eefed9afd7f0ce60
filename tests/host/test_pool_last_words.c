/* SPDX-License-Identifier: ISC */
/*
 * A worker with last_words prints where it was before a signal ends it, and the
 * report of its end has that.
 */

#include "support/drain.h"
#include "support/support.h"
#include <brood.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

BROOD_SUITE(pool_last_words);

enum words_method {
	WORDS_SIGNAL,			/* end by this signal: in the payload */
	WORDS_OVERFLOW,			/* use up the stack */
	WORDS_LOOP,			/* until SIGTERM */
	WORDS_LOOP_ON,			/* and on */
};

static volatile unsigned words_sink;

static int
words_overflow(unsigned depth)
{
	volatile char room[1024];

	room[0] = (char)depth;
	words_sink += (unsigned)room[0];
	return depth == UINT32_MAX ? 0 : words_overflow(depth + 1) + room[0];
}

static int
words_handle(struct brood_request *request, void *arg)
{
	int sig;

	(void)arg;
	switch (brood_request_code(request)) {
	case WORDS_SIGNAL:
		memcpy(&sig, brood_request_data(request), sizeof(sig));
		(void)raise(sig);
		break;
	case WORDS_OVERFLOW:
		return words_overflow(0);
	case WORDS_LOOP_ON:
		(void)signal(SIGTERM, SIG_IGN);
		for (;;)
			words_sink++;
	default:
		for (;;)
			words_sink++;
	}
	return 0;
}

static const struct brood_confine words_level_2 = {
	.up_to = BROOD_CONFINE_CALLS,
};

static struct brood_pool *
words_pool(bool has_words, const struct brood_confine *confine)
{
	const struct brood_pool_options options = {
		.handler = words_handle,
		.workers = 1,
		.last_words = has_words,
		.confine = confine,
		.stderr_fd = -1,
		.shutdown_ms = 200,
	};
	char text[BROOD_TEXT_SIZE];
	struct brood_pool *pool;

	cr_assert_eq(brood_pool_new(&pool, &options, text), 0, "%s", text);
	return pool;
}

/*
 * Have the worker do this.  Its end is in ret_event, which is valid as long as
 * no other event is read.
 */
static void
words_end(struct brood_pool *pool, uint32_t method, int sig, int run_ms,
    struct brood_event *ret_event)
{
	const struct brood_request_options limits = { .run_ms = run_ms };
	struct brood_message msg = {
		.code = method,
		.data = &sig,
		.len = sizeof(sig),
	};
	struct brood_completion done;

	cr_assert_eq(brood_pool_call(pool, &msg, &limits, &done), 0);
	cr_assert_eq(done.fate, (uint32_t)(run_ms > 0 ? BROOD_EXPIRED :
	    BROOD_CRASHED), "%s", done.text);
	brood_completion_fini(&done);
	cr_assert(drain_event(pool, BROOD_EVENT_ENDED, ret_event));
}

/* The signal is named, and some function that was active. */
static void
words_check(const struct brood_event *event, const char *words)
{
	cr_expect_not_null(strstr(event->stderr_tail, words), "%s",
	    event->stderr_tail);
#ifdef HAVE_BACKTRACE
	cr_expect_not_null(strstr(event->stderr_tail, "[0x"), "%s",
	    event->stderr_tail);
#endif
}

static void
words_check_signal(int sig, const char *words,
    const struct brood_confine *confine)
{
	struct brood_pool *pool = words_pool(true, confine);
	struct brood_event event;

	words_end(pool, WORDS_SIGNAL, sig, 0, &event);
	cr_expect(WIFSIGNALED(event.status) && WTERMSIG(event.status) == sig,
	    "status %d", event.status);
	words_check(&event, words);
	(void)brood_pool_free(pool);
}

Test(pool_last_words, each_signal_is_named_and_ends_the_worker)
{
	words_check_signal(SIGSEGV, "last words at: Segmentation fault", NULL);
	words_check_signal(SIGBUS, "last words at: Bus error", NULL);
	words_check_signal(SIGFPE, "last words at: Floating point", NULL);
	words_check_signal(SIGILL, "last words at: Illegal", NULL);
	words_check_signal(SIGABRT, "last words at: Aborted", NULL);
}

Test(pool_last_words, confined_worker_has_them_too)
{
	words_check_signal(SIGSEGV, "last words at: Segmentation fault",
	    &words_level_2);
	words_check_signal(SIGABRT, "last words at: Aborted", &words_level_2);
}

Test(pool_last_words, stack_that_is_used_up_is_no_hindrance)
{
	struct brood_pool *pool = words_pool(true, NULL);
	struct brood_event event;

	words_end(pool, WORDS_OVERFLOW, 0, 0, &event);
	words_check(&event, "last words at: Segmentation fault");
	(void)brood_pool_free(pool);
}

Test(pool_last_words, request_that_runs_too_long_says_where)
{
	struct brood_pool *pool = words_pool(true, NULL);
	struct brood_event event;

	words_end(pool, WORDS_LOOP, 0, 100, &event);
	words_check(&event, "last words at: Terminated");
	cr_expect_eq(WTERMSIG(event.status), SIGTERM);
	(void)brood_pool_free(pool);
}

Test(pool_last_words, worker_that_ignores_sigterm_says_where_before_sigkill)
{
	struct brood_pool *pool = words_pool(true, NULL);
	struct brood_event event;

	words_end(pool, WORDS_LOOP_ON, 0, 100, &event);
	words_check(&event, "last words at: Aborted");
	cr_expect_eq(WTERMSIG(event.status), SIGABRT);
	(void)brood_pool_free(pool);
}

Test(pool_last_words, without_the_option_there_are_none)
{
	struct brood_pool *pool = words_pool(false, NULL);
	struct brood_event event;

	words_end(pool, WORDS_LOOP_ON, 0, 100, &event);
	cr_expect_null(strstr(event.stderr_tail, "last words"), "%s",
	    event.stderr_tail);
	cr_expect_eq(WTERMSIG(event.status), SIGKILL);
	words_end(pool, WORDS_SIGNAL, SIGTERM, 0, &event);
	cr_expect_str_eq(event.stderr_tail, "");
	(void)brood_pool_free(pool);
}
