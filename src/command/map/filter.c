/* SPDX-License-Identifier: ISC */

/*
 * One line filter behind two pipes.  This file knows nothing of where lines
 * come from, nor of what becomes of those that the filter left unanswered.
 *
 * One poll(2) waits for both pipes.  So a filter that prints before it has read
 * everything never waits for a writer that waits for the filter.
 *
 * Most programs keep what they print into a pipe until they have a block of it,
 * or until their input ends (setvbuf(3) calls that fully buffered).  Seen from
 * outside, such a program does nothing.  So when a filter has all lines and
 * prints nothing for silence_ms, its input is closed; then it prints the rest
 * and ends.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "command/map/filter.h"
#include "command/map/guard.h"
#include "command/subprocess.h"

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <poll.h>
#include <string.h>

enum {
	FILTER_READ = 65536,		/* bytes, the size of a pipe */
	FILTER_TRIAL_PIPE = 4096,	/* bytes, the least that there is */
};

/* Start and end */

/* Where the kernel does not tell, the filter has read everything. */
static void
filter_count_unread(struct filter *filter)
{
	int n = 0;

	filter->n_unread = 0;
	if (ioctl(filter->kept_fd, FIONREAD, &n) == 0)
		filter->n_unread = (size_t)n;
}

int
filter_start(struct filter *filter, const char *const *argv,
    const struct brood_confine *confine)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, r;

	filter->start_ms = brood__now_ms();
	/* O_NONBLOCK is per open file: the filter's ends still block. */
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
	    fcntl(in[1], F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(out[0], F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	else {
		guard_hold(true);
		r = subprocess_start(&filter->child, argv,
		    (int[SUBPROCESS_N_FDS]) { in[0], out[1], -1, -1 },
		    confine);
		if (r == 0)
			guard_watch(brood_child_pid(filter->child));
		guard_hold(false);
	}
	(void)brood__fd_close(out[1]);
	filter->in_fd = in[1];
	filter->kept_fd = in[0];
	filter->out_fd = out[0];
	if (r < 0)
		filter_stop(filter);
	return r;
}

void
filter_stop(struct filter *filter)
{
	if (filter->child != NULL) {
		guard_hold(true);
		guard_watch(0);
		filter->status = subprocess_stop(filter->child);
		guard_hold(false);
	}
	filter->child = NULL;
	if (filter->kept_fd >= 0)
		filter_count_unread(filter);
	filter->kept_fd = brood__fd_close(filter->kept_fd);
	filter->in_fd = brood__fd_close(filter->in_fd);
	filter->out_fd = brood__fd_close(filter->out_fd);
}

/*
 * The filter has closed its output: close its input too, and wait for it to
 * end.  If it does in time, what it has started may go on, because bash does
 * not wait for >(...).  Else its status would be of the signal that kills it.
 */
static void
filter_reap(struct filter *filter)
{
	filter->in_fd = brood__fd_close(filter->in_fd);
	if (subprocess_await(filter->child,
	    brood__now_ms() + filter->task->linger_ms)) {
		guard_watch(0);
		(void)brood_child_wait(filter->child, &filter->status);
		filter->child = brood_child_free(filter->child);
	} else
		filter->was_lingering = true;
	filter_stop(filter);
}

enum filter_state
filter_check(const struct filter *filter)
{
	struct pollfd fd = { .fd = filter->out_fd, .events = POLLIN };

	if (filter->child == NULL || filter->in_fd < 0)
		return FILTER_GONE;
	if (poll(&fd, 1, 0) <= 0)
		return FILTER_IDLE;
	return fd.revents & POLLIN ? FILTER_EXTRA : FILTER_GONE;
}

/* Output */

void
filter_forget(struct filter *filter)
{
	brood__buffer_consume(&filter->out, brood__buffer_len(&filter->out));
	filter->lines_len = filter->n_lines = 0;
}

int
filter_append(struct filter *filter, const void *data, size_t len)
{
	int r;

	filter->out.end = filter->out.start + filter->lines_len;
	r = brood__buffer_reserve(&filter->out, len);
	if (r == 0)
		brood__buffer_append(&filter->out, data, len);
	return r;
}

/* Find the ends of lines in the last n bytes of out. */
static void
filter_count(struct filter *filter, size_t n)
{
	const uint8_t *begin = filter->out.bytes + filter->out.start;
	const uint8_t *end = filter->out.bytes + filter->out.end;
	const uint8_t *p = end - n;

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p++;
		filter->n_lines++;
		filter->line_ms = filter->active_ms;
		filter->lines_len = (size_t)(p - begin);
	}
}

/* What was printed: -1 is too little, 0 a line for each line, 1 too much. */
static int
filter_compare(const struct filter *filter)
{
	if (filter->n_lines != filter->n_given)
		return filter->n_lines < filter->n_given ? -1 : 1;
	return brood__buffer_len(&filter->out) > filter->lines_len;
}

/* No more output can be taken.  With fewer lines there may be room for it. */
static enum filter_result
filter_full(const struct filter *filter)
{
	return filter->n_given > 1 ? FILTER_PART : FILTER_TOO_LONG;
}

/* Moving bytes */

static bool
filter_is_written(const struct filter *filter)
{
	return filter->n_written == filter->given_len;
}

static void
filter_write(struct filter *filter)
{
	ssize_t n;

	n = write(filter->in_fd, filter->task->data + filter->n_written,
	    filter->given_len - filter->n_written);
	if (n > 0) {
		filter->n_written += (size_t)n;
		filter->active_ms = brood__now_ms();
	} else if (n < 0 && errno != EAGAIN && errno != EINTR)
		/* The filter has closed its input; it may still print. */
		filter->in_fd = brood__fd_close(filter->in_fd);
}

/* 1: there may be more; 0: end of file; or a negative errno. */
static int
filter_read(struct filter *filter)
{
	ssize_t n;
	int r;

	r = brood__buffer_reserve(&filter->out, FILTER_READ);
	if (r < 0)
		return r;
	n = read(filter->out_fd, filter->out.bytes + filter->out.end,
	    FILTER_READ);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : -errno;
	if (n == 0)
		return 0;
	filter->out.end += (size_t)n;
	filter->active_ms = brood__now_ms();
	filter_count(filter, (size_t)n);
	return 1;
}

/* Wait until an instant, and move bytes.  As filter_read(). */
static int
filter_step(struct filter *filter, int64_t due_ms)
{
	struct pollfd fds[2] = {
		{ .fd = filter->out_fd, .events = POLLIN },
		{ .fd = filter_is_written(filter) ? -1 : filter->in_fd,
		  .events = POLLOUT },
	};

	(void)poll(fds, 2, brood__time_left(due_ms, brood__now_ms()));
	if (fds[1].revents != 0)
		filter_write(filter);
	return fds[0].revents != 0 ? filter_read(filter) : 1;
}

/* A task */

/* When is the next line too late? */
static int64_t
filter_line_due(const struct filter *filter)
{
	if (filter->task->timeout_ms < 0 || filter_compare(filter) >= 0)
		return BROOD__NEVER;
	return filter->line_ms + filter->task->timeout_ms;
}

/* How long may the filter print nothing, now that it has all lines? */
static int
filter_silence_ms(const struct filter *filter)
{
	if (filter->task->silence_ms == 0 &&
	    brood__buffer_len(&filter->out) == 0)
		return filter->task->keep_ms;
	return filter->task->silence_ms;
}

/*
 * When has the filter been silent for too long?  It has all lines and prints
 * none; or it has answered all lines, its input is closed, and it does not end.
 */
static int64_t
filter_silence_due(const struct filter *filter)
{
	if (filter->in_fd >= 0 && filter_is_written(filter))
		return filter->active_ms + filter_silence_ms(filter);
	if (filter->in_fd < 0 && filter_compare(filter) >= 0)
		return filter->active_ms + filter->task->linger_ms;
	return BROOD__NEVER;
}

/*
 * The output has ended.  If the filter ended well, bytes without a newline are
 * its last line; else they may be half of a line.
 */
static enum filter_result
filter_finish(struct filter *filter)
{
	bool is_bad;

	filter_reap(filter);
	is_bad = !filter->was_lingering && filter->status != 0;
	if (brood__buffer_len(&filter->out) > filter->lines_len &&
	    filter->status == 0) {
		if (brood__buffer_reserve(&filter->out, 1) < 0)
			return filter_full(filter);
		brood__buffer_append(&filter->out, "\n", 1);
		filter_count(filter, 1);
	}
	if (filter->n_lines > filter->n_given)
		return FILTER_MORE;
	if (is_bad)
		return FILTER_DIED;
	if (filter->n_lines == filter->n_given)
		return FILTER_DONE;
	return filter->was_lingering ? FILTER_CLOSED : FILTER_FEWER;
}

/* Is the task over, by what was printed?  0: not yet. */
static int
filter_judge_output(struct filter *filter)
{
	if (filter_compare(filter) > 0)
		return FILTER_MORE;
	if (brood__buffer_len(&filter->out) > filter->task->max_out)
		return filter_full(filter);
	if (!filter_is_written(filter) || filter->in_fd < 0)
		return 0;
	if (filter_silence_ms(filter) == 0)
		filter->in_fd = brood__fd_close(filter->in_fd);
	else if (filter->task->silence_ms > 0 && filter_compare(filter) == 0)
		return FILTER_DONE;
	return 0;
}

/* Is the task over, by what was not printed in time?  0: not yet. */
static int
filter_judge_time(struct filter *filter)
{
	int64_t now_ms = brood__now_ms();

	if (now_ms >= filter_line_due(filter))
		return FILTER_TIMEOUT;
	if (now_ms < filter_silence_due(filter))
		return 0;
	if (filter->in_fd < 0) {
		filter->was_lingering = true;
		filter_stop(filter);
		return FILTER_DONE;
	}
	filter_count_unread(filter);
	if (filter->task->silence_ms > 0)
		filter->silence = SILENCE_LONG;
	else if (filter->task->keep_ms > 0 && filter->n_unread == 0 &&
	    brood__buffer_len(&filter->out) == 0)
		filter->silence = SILENCE_TRIAL;
	filter->in_fd = brood__fd_close(filter->in_fd);
	return 0;
}

/*
 * Was something printed, and nothing read of what was written?  Then what was
 * printed is no answer: it is from before, or the program prints by itself, as
 * echo(1) does.
 */
static bool
filter_is_unread(struct filter *filter)
{
	if (filter->kept_fd >= 0)
		filter_count_unread(filter);
	return filter->n_written > 0 && filter->n_unread >= filter->n_written &&
	    brood__buffer_len(&filter->out) > 0;
}

static void
filter_begin(struct filter *filter, const struct filter_task *task)
{
	filter_forget(filter);
	filter->task = task;
	filter->n_given = task->n_lines;
	filter->given_len = task->len;
	filter->n_written = 0;
	filter->active_ms = filter->line_ms = brood__now_ms();
	filter->silence = SILENCE_NONE;
	filter->was_lingering = false;
#ifdef F_SETPIPE_SZ
	/* With little room in the pipe, a trial can be cut short soon. */
	if (task->keep_ms > 0)
		(void)fcntl(filter->in_fd, F_SETPIPE_SZ, FILTER_TRIAL_PIPE);
#endif
}

/* A trial whose question is answered: give no line after those begun. */
static void
filter_cut(struct filter *filter)
{
	const char *data = filter->task->data, *p = data, *end;

	if (filter->task->keep_ms == 0 || filter->n_written == 0 ||
	    filter_is_written(filter))
		return;
	end = memchr(data + filter->n_written - 1, '\n',
	    filter->given_len - filter->n_written + 1);
	if (end == NULL)
		return;
	filter->given_len = (size_t)(++end - data);
	filter->n_given = 0;
	for (; p < end; p = (const char *)memchr(p, '\n',
	    (size_t)(end - p)) + 1)
		filter->n_given++;
}

enum filter_result
filter_run(struct filter *filter, const struct filter_task *task)
{
	int64_t line_ms, silence_ms;
	bool is_first;
	int result, r;

	filter_begin(filter, task);
	while ((result = filter_judge_output(filter)) == 0) {
		line_ms = filter_line_due(filter);
		silence_ms = filter_silence_due(filter);
		is_first = brood__buffer_len(&filter->out) == 0;
		r = filter_step(filter,
		    line_ms < silence_ms ? line_ms : silence_ms);
		if (r < 0)
			return filter_full(filter);
		/* Before an end: then nothing is left in the pipe to count. */
		if (is_first && filter_is_unread(filter))
			return FILTER_UNREAD;
		if (brood__buffer_len(&filter->out) > 0)
			filter_cut(filter);
		if (r == 0)
			return filter_finish(filter);
		result = filter_judge_time(filter);
		if (result != 0)
			break;
	}
	return (enum filter_result)result;
}
