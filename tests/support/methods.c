/* SPDX-License-Identifier: ISC */
/*
 * The methods.  This file runs in workers only, forked and exec'd ones.  It
 * uses the worker's interface and the counters, and nothing of the pool.
 */

#include "base/fd.h"
#include "support/methods.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void
method_count(struct brood_request *request, struct counters *counters)
{
	uint32_t number;

	if (counters == NULL || brood_request_len(request) < sizeof(number))
		return;
	memcpy(&number, brood_request_data(request), sizeof(number));
	if (number < counters->n_runs)
		atomic_fetch_add(&counters->runs[number], 1);
}

/* Count, and tell the test that the handler is running. */
static void
method_enter(struct brood_request *request, struct counters *counters)
{
	method_count(request, counters);
	if (counters != NULL && write(counters->entered[1], "", 1) != 1)
		_exit(99);
}

/* Give the payload as a string; what does not fit is left out. */
static const char *
method_text(const struct brood_request *request, char *buf, size_t size)
{
	size_t len = brood_request_len(request);

	if (len >= size)
		len = size - 1;
	if (len > 0)
		memcpy(buf, brood_request_data(request), len);
	buf[len] = '\0';
	return buf;
}

static int
method_print(const struct brood_request *request)
{
	const char *data = brood_request_data(request);
	size_t len = brood_request_len(request);
	ssize_t n;

	for (size_t sent = 0; sent < len; sent += (size_t)n) {
		n = write(STDERR_FILENO, data + sent, len - sent);
		if (n < 0)
			return -errno;
	}
	return 0;
}

static _Noreturn void
method_die(void)
{
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	(void)raise(SIGABRT);
	_exit(98);
}

static _Noreturn void
method_pause(void)
{
	for (;;)
		(void)pause();
}

static void
method_ignore_term(void)
{
	sigset_t set;

	(void)signal(SIGTERM, SIG_IGN);
	(void)sigfillset(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static int
method_echo(struct brood_request *request)
{
	return brood_request_reply(request, 0, brood_request_data(request),
	    brood_request_len(request));
}

static int
method_hold(struct brood_request *request, struct counters *counters)
{
	char byte;

	method_enter(request, counters);
	if (read(counters->gate[0], &byte, 1) < 0)
		return -errno;
	return method_echo(request);
}

/* A handler has no descriptor that tells of a cancel, so this one polls. */
static int
method_await_cancel(struct brood_request *request, struct counters *counters)
{
	method_enter(request, counters);
	while (!brood_request_is_canceled(request))
		(void)poll(NULL, 0, 2);
	return brood_request_fail(request, ECANCELED, NULL);
}

static int
method_abort_first(struct brood_request *request, struct counters *counters)
{
	uint32_t number;

	memcpy(&number, brood_request_data(request), sizeof(number));
	if (atomic_fetch_add(&counters->runs[number], 1) == 0)
		method_die();
	return method_echo(request);
}

static int
method_answer_twice(struct brood_request *request, struct counters *counters)
{
	int r;

	r = brood_request_reply(request, 0, "first", 5);
	atomic_store(&counters->results[0], r);
	r = brood_request_reply(request, 0, "second", 6);
	atomic_store(&counters->results[1], r);
	r = brood_request_fail(request, EIO, "third");
	atomic_store(&counters->results[2], r);
	return 0;
}

static int
method_stream(struct brood_request *request)
{
	int r;

	r = brood_request_progress(request, "0", 1);
	if (r == 0)
		r = brood_request_reply_more(request, "a", 1);
	if (r == 0)
		r = brood_request_progress(request, "1", 1);
	if (r == 0)
		r = brood_request_reply_more(request, "b", 1);
	if (r == 0)
		r = brood_request_reply(request, 7, "c", 1);
	return r;
}

static int
method_parts(struct brood_request *request)
{
	unsigned long n, size;
	char buf[64], *part, *end;
	int r = 0;

	n = strtoul(method_text(request, buf, sizeof(buf)), &end, 10);
	size = strtoul(end, NULL, 10);
	part = malloc(size);
	if (part == NULL)
		return -ENOMEM;
	memset(part, 'p', size);
	for (unsigned long i = 0; i < n && r == 0; i++)
		r = brood_request_reply_more(request, part, size);
	free(part);
	return r < 0 ? r : brood_request_reply(request, 0, NULL, 0);
}

static int
method_big_reply(struct brood_request *request)
{
	char buf[64], *data;
	size_t size;
	int r;

	size = strtoul(method_text(request, buf, sizeof(buf)), NULL, 10);
	data = calloc(1, size);
	if (data == NULL)
		return -ENOMEM;
	r = brood_request_reply(request, 0, data, size);
	free(data);
	if (r == -EMSGSIZE)
		return brood_request_fail(request, 0, "the reply was too big");
	return r;
}

/* Append what can be read from fd to buf.  Gives the new length. */
static size_t
method_append(int fd, char *buf, size_t len, size_t size)
{
	ssize_t n;

	while (len < size && (n = read(fd, buf + len, size - len)) > 0)
		len += (size_t)n;
	return len;
}

static int
method_read_fds(struct brood_request *request)
{
	char buf[4096];
	size_t len = 0;
	int fd;

	for (size_t i = 0; i < brood_request_n_fds(request); i++) {
		fd = brood_request_take_fd(request, i);
		if (fd < 0)
			return fd;
		if (brood_request_take_fd(request, i) != -EBADF)
			return -ENOTUNIQ;
		len = method_append(fd, buf, len, sizeof(buf));
		(void)brood__fd_close(fd);
	}
	return brood_request_reply(request, 0, buf, len);
}

static int
method_give_fds(struct brood_request *request)
{
	size_t len = brood_request_len(request);
	int pipe_fds[2], fds[3], r;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	if (write(pipe_fds[1], brood_request_data(request), len) !=
	    (ssize_t)len)
		return -EIO;
	(void)brood__fd_close(pipe_fds[1]);
	fds[0] = fds[1] = fds[2] = pipe_fds[0];
	r = brood_request_reply_with_fds(request, 0, "here", 4, fds, 3);
	(void)brood__fd_close(pipe_fds[0]);
	return r;
}

static int
method_read_kept(struct brood_request *request)
{
	char buf[64];
	ssize_t n;

	n = read(atoi(method_text(request, buf, sizeof(buf))), buf,
	    sizeof(buf));
	return n < 0 ? -errno : brood_request_reply(request, 0, buf, (size_t)n);
}

static int
method_time_left(struct brood_request *request)
{
	char buf[32];
	int n;

	n = snprintf(buf, sizeof(buf), "%d", brood_request_time_left(request));
	return brood_request_reply(request, 0, buf, (size_t)n);
}

static int
method_getenv(struct brood_request *request)
{
	char buf[256];
	const char *value = getenv(method_text(request, buf, sizeof(buf)));

	if (value == NULL)
		return brood_request_fail(request, ENOENT, "no such variable");
	return brood_request_reply(request, 0, value, strlen(value));
}

static int
method_getcwd(struct brood_request *request)
{
	char buf[4096];

	if (getcwd(buf, sizeof(buf)) == NULL)
		return -errno;
	return brood_request_reply(request, 0, buf, strlen(buf));
}

static int
method_who(struct brood_request *request)
{
	char buf[64];

	(void)snprintf(buf, sizeof(buf), "%d %u", brood_worker_slot(),
	    brood_worker_generation());
	return brood_request_reply(request, 0, buf, strlen(buf));
}

/* The methods that do not return, or return without an answer. */
static int
methods_misbehave(struct brood_request *request, struct counters *counters)
{
	char buf[64];
	int r;

	switch (brood_request_code(request)) {
	case METHOD_PAUSE:
		method_enter(request, counters);
		method_pause();
	case METHOD_PAUSE_HARD:
		method_ignore_term();
		method_enter(request, counters);
		method_pause();
	case METHOD_STOP_SELF:
		method_enter(request, counters);
		(void)raise(SIGSTOP);
		return method_echo(request);
	case METHOD_ABORT:
		method_count(request, counters);
		method_die();
	case METHOD_ABORT_FIRST:
		return method_abort_first(request, counters);
	case METHOD_EXIT:
		_exit(atoi(method_text(request, buf, sizeof(buf))));
	case METHOD_PRINT_ABORT:
		r = method_print(request);
		if (r < 0)
			return r;
		method_die();
	case METHOD_SILENT:
		return 0;
	case METHOD_RETURN_ENOENT:
		return -ENOENT;
	default:
		return brood_request_fail(request, ENOSYS, "no such method");
	}
}

int
methods_handle(struct brood_request *request, void *arg)
{
	struct counters *counters = arg;
	char text[256];
	int r;

	switch (brood_request_code(request)) {
	case METHOD_ECHO:
		return method_echo(request);
	case METHOD_COUNT:
		method_count(request, counters);
		return method_echo(request);
	case METHOD_HOLD:
		return method_hold(request, counters);
	case METHOD_NAP:
		method_count(request, counters);
		(void)poll(NULL, 0, 2);
		return method_echo(request);
	case METHOD_AWAIT_CANCEL:
		return method_await_cancel(request, counters);
	case METHOD_PRINT:
		r = method_print(request);
		return r < 0 ? r : method_echo(request);
	case METHOD_FAIL_EACCES:
		return brood_request_fail(request, EACCES,
		    method_text(request, text, sizeof(text)));
	case METHOD_FAIL:
		return brood_request_fail(request, 0,
		    method_text(request, text, sizeof(text)));
	case METHOD_ANSWER_TWICE:
		return method_answer_twice(request, counters);
	case METHOD_STREAM:
		return method_stream(request);
	case METHOD_PARTS:
		return method_parts(request);
	case METHOD_BIG_REPLY:
		return method_big_reply(request);
	case METHOD_READ_FDS:
		return method_read_fds(request);
	case METHOD_GIVE_FDS:
		return method_give_fds(request);
	case METHOD_READ_KEPT:
		return method_read_kept(request);
	case METHOD_TIME_LEFT:
		return method_time_left(request);
	case METHOD_GETENV:
		return method_getenv(request);
	case METHOD_GETCWD:
		return method_getcwd(request);
	case METHOD_WHO:
		return method_who(request);
	default:
		return methods_misbehave(request, counters);
	}
}
