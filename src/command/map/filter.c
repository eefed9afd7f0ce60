/* SPDX-License-Identifier: ISC */

/*
 * One line filter behind two pipes.
 *
 * Owns its process and the output of one task.  It must not know where lines
 * come from, nor what became of those that a filter left unanswered.
 *
 * Both pipes are served by one poll(2): a filter that prints before it has read
 * everything never meets a writer that waits for it.
 *
 * Most programs keep back what they print into a pipe until there is a block
 * of it, or until their input ends.  From outside such a program looks as if it
 * were thinking; so one that is silent for longer than patience_ms after its
 * last line is told that its input has ended, and finishes.
 */

#include "command/map/filter.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_PRCTL_PDEATHSIG
#include <sys/prctl.h>
#endif

enum {
	FILTER_READ = 65536,		/* bytes, the size of a pipe */
	FILTER_LINGER_MS = 5000,	/* from its output's end to its own */
	FILTER_NO_EXEC = 127,		/* exit status, as of the shell */
};

/* How far a task has come. */
struct exchange {
	const struct filter_task *task;
	size_t	 n_written;
	int64_t	 active_ms;		/* something was written or read */
	int64_t	 line_ms;		/* a line came, or was first awaited */
};

int64_t
filter_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Starting */

static void
filter_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void
filter_close_pairs(int pairs[3][2])
{
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 2; j++)
			filter_close(&pairs[i][j]);
}

_Noreturn static void
filter_exec(const char *const *argv, int in_fd, int out_fd, int report_fd,
    pid_t parent)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	char *const *args;
	sigset_t none;
	int error;

	/* So that what it starts itself can be killed with it. */
	(void)setpgid(0, 0);
#ifdef HAVE_PRCTL_PDEATHSIG
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
	if (getppid() != parent)
		_exit(FILTER_NO_EXEC);
	(void)sigaction(SIGPIPE, &sa, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* execve(2) takes what it never writes to as not const. */
	memcpy(&args, &argv, sizeof(args));
	if (dup2(in_fd, STDIN_FILENO) >= 0 && dup2(out_fd, STDOUT_FILENO) >= 0)
		(void)execvp(args[0], args);
	error = errno;
	(void)!write(report_fd, &error, sizeof(error));
	_exit(FILTER_NO_EXEC);
}

/* End-of-file says that exec(3) has closed the other end. */
static int
filter_confirm(int report_fd)
{
	int error;
	ssize_t n;

	do {
		n = read(report_fd, &error, sizeof(error));
	} while (n < 0 && errno == EINTR);
	return n == sizeof(error) ? -error : 0;
}

static int
filter_fork(struct filter *filter, const char *const *argv, int pairs[3][2])
{
	pid_t parent = getpid();
	int r;

	/* Each end has an open file of its own: the filter's still wait. */
	if (fcntl(pairs[0][1], F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(pairs[1][0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	filter->pid = fork();
	if (filter->pid < 0) {
		filter->pid = 0;
		return -errno;
	}
	if (filter->pid == 0)
		filter_exec(argv, pairs[0][0], pairs[1][1], pairs[2][1],
		    parent);
	filter_close(&pairs[2][1]);
	r = filter_confirm(pairs[2][0]);
	if (r < 0) {
		(void)waitpid(filter->pid, NULL, 0);
		filter->pid = 0;
	}
	return r;
}

int
filter_start(struct filter *filter, const char *const *argv)
{
	int pairs[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int r = 0;

	filter->start_ms = filter_now_ms();
	for (int i = 0; i < 3 && r == 0; i++)
		r = pipe2(pairs[i], O_CLOEXEC) < 0 ? -errno : 0;
	if (r == 0)
		r = filter_fork(filter, argv, pairs);
	if (r == 0) {
		filter->in_fd = pairs[0][1];
		filter->out_fd = pairs[1][0];
		pairs[0][1] = pairs[1][0] = -1;
	}
	filter_close_pairs(pairs);
	return r;
}

/* Ending */

static bool
filter_reap(struct filter *filter, int flags)
{
	if (waitpid(filter->pid, &filter->status, flags) != filter->pid)
		return false;
	filter->pid = 0;
	return true;
}

/* It has closed its output; what it does after that is limited in time. */
static void
filter_wait(struct filter *filter)
{
	int64_t end_ms = filter_now_ms() + FILTER_LINGER_MS;
	sigset_t chld;

	(void)sigemptyset(&chld);
	(void)sigaddset(&chld, SIGCHLD);
	while (!filter_reap(filter, WNOHANG)) {
		int64_t left_ms = end_ms - filter_now_ms();
		struct timespec left = {
			.tv_sec = left_ms / 1000,
			.tv_nsec = left_ms % 1000 * 1000000,
		};

		if (left_ms <= 0) {
			(void)kill(-filter->pid, SIGKILL);
			(void)filter_reap(filter, 0);
			return;
		}
		(void)sigtimedwait(&chld, NULL, &left);
	}
}

void
filter_stop(struct filter *filter)
{
	if (filter->pid > 0) {
		(void)kill(-filter->pid, SIGKILL);
		(void)filter_reap(filter, 0);
	}
	filter_close(&filter->in_fd);
	filter_close(&filter->out_fd);
}

/* Its output */

static int
filter_reserve(struct filter *filter, size_t len)
{
	size_t size = filter->size > 0 ? filter->size : 2 * FILTER_READ;
	char *out;

	while (size - filter->len < len)
		size *= 2;
	if (size == filter->size)
		return 0;
	out = realloc(filter->out, size);
	if (out == NULL)
		return -ENOMEM;
	filter->out = out;
	filter->size = size;
	return 0;
}

/* Count the lines that are new behind what has been counted. */
static void
filter_count(struct filter *filter, size_t from)
{
	const char *end = filter->out + filter->len;
	const char *p = filter->out + from;

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p++;
		filter->n_lines++;
		filter->lines_len = (size_t)(p - filter->out);
	}
}

int
filter_append(struct filter *filter, const void *data, size_t len)
{
	int r;

	filter->len = filter->lines_len;
	r = filter_reserve(filter, len);
	if (r < 0)
		return r;
	memcpy(filter->out + filter->len, data, len);
	filter->len += len;
	return 0;
}

enum filter_state
filter_check(const struct filter *filter)
{
	struct pollfd fd = { .fd = filter->out_fd, .events = POLLIN };

	if (filter->pid == 0 || filter->in_fd < 0)
		return FILTER_GONE;
	if (poll(&fd, 1, 0) <= 0)
		return FILTER_IDLE;
	return fd.revents & POLLIN ? FILTER_TALKING : FILTER_GONE;
}

/* A task */

static void
exchange_write(struct exchange *x, struct filter *filter)
{
	ssize_t n;

	n = write(filter->in_fd, x->task->data + x->n_written,
	    x->task->len - x->n_written);
	if (n > 0) {
		x->n_written += (size_t)n;
		x->active_ms = filter_now_ms();
	} else if (n < 0 && errno != EAGAIN && errno != EINTR)
		filter_close(&filter->in_fd);	/* it reads no more */
}

/* 1: there may be more; 0: end of file; or a negative errno. */
static int
exchange_read(struct exchange *x, struct filter *filter)
{
	size_t from = filter->len, n_lines = filter->n_lines;
	ssize_t n;
	int r;

	r = filter_reserve(filter, FILTER_READ);
	if (r < 0)
		return r;
	n = read(filter->out_fd, filter->out + filter->len, FILTER_READ);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : -errno;
	if (n == 0)
		return 0;
	filter->len += (size_t)n;
	filter_count(filter, from);
	x->active_ms = filter_now_ms();
	if (filter->n_lines > n_lines)
		x->line_ms = x->active_ms;
	return 1;
}

static bool
exchange_is_answered(const struct exchange *x, const struct filter *filter)
{
	return filter->n_lines == x->task->n_lines &&
	    filter->len == filter->lines_len;
}

static bool
exchange_is_excessive(const struct exchange *x, const struct filter *filter)
{
	return filter->n_lines > x->task->n_lines ||
	    (filter->n_lines == x->task->n_lines &&
	    filter->len > filter->lines_len);
}

static int64_t
exchange_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When is silence to be judged? */
static int64_t
exchange_due(const struct exchange *x, const struct filter *filter)
{
	int64_t due_ms = INT64_MAX;
	bool is_answered = exchange_is_answered(x, filter);

	if (filter->in_fd >= 0 && x->n_written == x->task->len)
		due_ms = x->active_ms + x->task->patience_ms;
	if (filter->in_fd < 0 && is_answered)
		due_ms = x->active_ms + FILTER_LINGER_MS;
	if (x->task->timeout_ms >= 0 && !is_answered)
		due_ms = exchange_min(due_ms,
		    x->line_ms + x->task->timeout_ms);
	return due_ms;
}

/* Wait, and move bytes.  As exchange_read(). */
static int
exchange_step(struct exchange *x, struct filter *filter, int64_t due_ms)
{
	int64_t left_ms = due_ms == INT64_MAX ? -1 : due_ms - filter_now_ms();
	struct pollfd fds[2] = {
		{ .fd = filter->out_fd, .events = POLLIN },
		{ .fd = x->n_written < x->task->len ? filter->in_fd : -1,
		  .events = POLLOUT },
	};

	if (due_ms != INT64_MAX && left_ms < 0)
		left_ms = 0;
	(void)poll(fds, 2, (int)exchange_min(left_ms, 60000));
	if (fds[1].revents != 0)
		exchange_write(x, filter);
	return fds[0].revents != 0 ? exchange_read(x, filter) : 1;
}

/* Nothing has come in time: is it to be told the end, or given up? */
static bool
exchange_is_over(const struct exchange *x, struct filter *filter,
    enum filter_end *ret_end)
{
	int64_t now_ms = filter_now_ms();

	if (x->task->timeout_ms >= 0 && !exchange_is_answered(x, filter) &&
	    now_ms >= x->line_ms + x->task->timeout_ms) {
		*ret_end = FILTER_TIMEOUT;
		return true;
	}
	if (filter->in_fd >= 0) {
		filter_close(&filter->in_fd);
		filter->is_hurried = true;
		return false;
	}
	*ret_end = FILTER_DONE;
	filter_stop(filter);
	return true;
}

/*
 * The output has ended.  Bytes without a newline are its last line if it ended
 * well; else they may be half of one.
 */
static enum filter_end
exchange_finish(const struct exchange *x, struct filter *filter)
{
	filter_wait(filter);
	filter_stop(filter);
	if (filter->len > filter->lines_len && WIFEXITED(filter->status) &&
	    WEXITSTATUS(filter->status) == 0) {
		if (filter_reserve(filter, 1) < 0)
			return FILTER_FULL;
		filter->out[filter->len++] = '\n';
		filter->lines_len = filter->len;
		filter->n_lines++;
	}
	if (filter->n_lines > x->task->n_lines)
		return FILTER_TOO_MANY;
	return filter->n_lines == x->task->n_lines ? FILTER_DONE :
	    FILTER_ENDED;
}

enum filter_end
filter_run(struct filter *filter, const struct filter_task *task)
{
	struct exchange x = { .task = task };
	enum filter_end end;
	int64_t due_ms;
	int r;

	x.active_ms = x.line_ms = filter_now_ms();
	filter->len = filter->lines_len = filter->n_lines = 0;
	filter->is_hurried = false;
	for (;;) {
		if (exchange_is_excessive(&x, filter))
			return FILTER_TOO_MANY;
		if (filter->len > task->max_out)
			return FILTER_FULL;
		if (x.n_written == task->len && filter->in_fd >= 0) {
			if (task->patience_ms == 0)
				filter_close(&filter->in_fd);
			else if (exchange_is_answered(&x, filter))
				return FILTER_DONE;
		}
		due_ms = exchange_due(&x, filter);
		r = exchange_step(&x, filter, due_ms);
		if (r < 0)
			return FILTER_FULL;
		if (r == 0)
			return exchange_finish(&x, filter);
		if (filter_now_ms() >= exchange_due(&x, filter) &&
		    exchange_is_over(&x, filter, &end))
			return end;
	}
}
