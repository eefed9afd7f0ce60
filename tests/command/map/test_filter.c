/* SPDX-License-Identifier: ISC */

/*
 * How silent a filter was: only a trial can tell that a filter keeps all that
 * it prints until its input ends.
 */

#include "base/buffer.h"
#include "command/map/filter.h"
#include "support/support.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>

BROOD_SUITE(filter);

/* FIONREAD: the filter has read each byte as soon as it was written. */
int	__wrap_ioctl(int fd, unsigned long request, ...);

int
__wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;

	(void)fd;
	(void)request;
	va_start(ap, request);
	*va_arg(ap, int *) = 0;
	va_end(ap);
	return 0;
}

/* How silent is sort(1), which prints nothing until its input ends? */
static enum filter_silence
sort_silence(int keep_ms)
{
	const char *argv[] = { "sort", NULL };
	struct filter_task task = {
		.data = "b\na\n",
		.len = 4,
		.n_lines = 2,
		.max_out = 100,
		.keep_ms = keep_ms,
		.linger_ms = 60000,
		.timeout_ms = 60000,
	};
	struct filter filter = { .child = NULL };
	enum filter_silence silence;

	(void)signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(filter_start(&filter, argv, NULL), 0);
	cr_expect_eq(filter_run(&filter, &task), FILTER_DONE);
	cr_expect_eq(filter.lines_len, 4);
	cr_expect_eq(memcmp(filter.out.bytes + filter.out.start, "a\nb\n", 4),
	    0);
	silence = filter.silence;
	filter_stop(&filter);
	brood__buffer_fini(&filter.out);
	return silence;
}

Test(filter, no_trial_has_no_silence)
{
	cr_expect_eq(sort_silence(0), SILENCE_NONE);
}

Test(filter, trial_tells_that_all_is_kept)
{
	cr_expect_eq(sort_silence(20), SILENCE_TRIAL);
}
