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
#include "command/subprocess.h"

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <poll.h>
#include <string.h>

enum {
	FILTER_READ = 65536,		/* bytes, the size of a pipe */
	FILTER_LINGER_MS = 5000,	/* how long it may run on when it has
					   closed its output */
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
filter_start(struct filter *filter, const char *const *argv)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, r;

	filter->start_ms = brood__now_ms();
	/* O_NONBLOCK is per open file: the filter's ends still block. */
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
	    fcntl(in[1], F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(out[0], F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	else
		r = subprocess_start(&filter->child, argv,
		    (int[SUBPROCESS_N_FDS]) { in[0], out[1], -1, -1 });
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
	if (filter->child != NULL)
		filter->status = subprocess_stop(filter->child);
	filter->child = NULL;
	if (filter->kept_fd >= 0)
		filter_count_unread(filter);
	filter->kept_fd = brood__fd_close(filter->kept_fd);
	filter->in_fd = brood__fd_close(filter->in_fd);
	filter->out_fd = brood__fd_close(filter->out_fd);
}

/*
 * The filter has closed its output: wait for it to end.  If it does in time,
 * what it has started may go on, because bash does not wait for >(...).
 */
static void
filter_reap(struct filter *filter)
{
	if (subprocess_await(filter->child,
	    brood__now_ms() + FILTER_LINGER_MS)) {
		(void)brood_child_wait(filter->child, &filter->status);
		filter->child = brood_child_free(filter->child);
	}
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
	if (filter->n_lines != filter->task->n_lines)
		return filter->n_lines < filter->task->n_lines ? -1 : 1;
	return brood__buffer_len(&filter->out) > filter->lines_len;
}

/* No more output can be taken. */
static enum filter_result
filter_full(const struct filter *filter)
{
	return filter->n_lines > 0 ? FILTER_PART : FILTER_TOO_LONG;
}

/* Moving bytes */

static bool
filter_is_written(const struct filter *filter)
{
	return filter->n_written == filter->task->len;
}

static void
filter_write(struct filter *filter)
{
	ssize_t n;

	n = write(filter->in_fd, filter->task->data + filter->n_written,
	    filter->task->len - filter->n_written);
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

/*
 * When has the filter been silent for too long?  It has all lines and prints
 * none; or it has answered all lines, its input is closed, and it does not end.
 */
static int64_t
filter_silence_due(const struct filter *filter)
{
	if (filter->in_fd >= 0 && filter_is_written(filter))
		return filter->active_ms + filter->task->silence_ms;
	if (filter->in_fd < 0 && filter_compare(filter) >= 0)
		return filter->active_ms + FILTER_LINGER_MS;
	return BROOD__NEVER;
}

/*
 * The output has ended.  If the filter ended well, bytes without a newline are
 * its last line; else they may be half of a line.
 */
static enum filter_result
filter_finish(struct filter *filter)
{
	filter_reap(filter);
	if (brood__buffer_len(&filter->out) > filter->lines_len &&
	    filter->status == 0) {
		if (brood__buffer_reserve(&filter->out, 1) < 0)
			return filter_full(filter);
		brood__buffer_append(&filter->out, "\n", 1);
		filter_count(filter, 1);
	}
	if (filter->n_lines > filter->task->n_lines)
		return FILTER_MORE;
	if (filter->n_lines == filter->task->n_lines)
		return FILTER_DONE;
	return filter->status == 0 ? FILTER_FEWER : FILTER_DIED;
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
	if (filter->task->silence_ms == 0)
		filter->in_fd = brood__fd_close(filter->in_fd);
	else if (filter_compare(filter) == 0)
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
		filter_stop(filter);
		return FILTER_DONE;
	}
	filter->in_fd = brood__fd_close(filter->in_fd);
	filter->was_silent = true;
	return 0;
}

/*
 * A program that prints by itself, as echo(1) does, is no filter, whatever
 * number of lines it prints.
 */
static enum filter_result
filter_check_input(struct filter *filter, enum filter_result result)
{
	if (filter->kept_fd >= 0)
		filter_count_unread(filter);
	return result == FILTER_DONE && filter->n_written > 0 &&
	    filter->n_unread >= filter->n_written ? FILTER_UNREAD : result;
}

enum filter_result
filter_run(struct filter *filter, const struct filter_task *task)
{
	int64_t line_ms, silence_ms;
	int result, r;

	filter_forget(filter);
	filter->task = task;
	filter->n_written = 0;
	filter->active_ms = filter->line_ms = brood__now_ms();
	filter->was_silent = false;
	while ((result = filter_judge_output(filter)) == 0) {
		line_ms = filter_line_due(filter);
		silence_ms = filter_silence_due(filter);
		r = filter_step(filter,
		    line_ms < silence_ms ? line_ms : silence_ms);
		if (r < 0)
			return filter_full(filter);
		if (r == 0)
			return filter_check_input(filter,
			    filter_finish(filter));
		result = filter_judge_time(filter);
		if (result != 0)
			break;
	}
	return filter_check_input(filter, (enum filter_result)result);
}
