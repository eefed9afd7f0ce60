/* SPDX-License-Identifier: ISC */

/*
 * The list of the scenarios, and what they share: the handler, payloads, and
 * what is said when something is wrong.
 */

#include "faults/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

const struct scenario scenarios[] = {
	{ "child-bare", run_child_bare, false },
	{ "child-cgroup", run_child_cgroup, false },
	{ "child-exec", run_child_exec, false },
	{ "child-fork", run_child_fork, false },
	{ "client", run_client, false },
	{ "datagrams", run_datagrams, false },
	{ "listener", run_listener, false },
	{ "pool-broken", run_pool_broken, false },
	{ "pool-cgroup", run_pool_cgroup, false },
	{ "pool-changes", run_pool_changes, false },
	{ "pool-confined", run_pool_confined, false },
	{ "pool-exec", run_pool_exec, false },
	{ "pool-fds", run_pool_fds, false },
	{ "pool-learn", run_pool_learn, false },
	{ "pool-limits", run_pool_limits, false },
	{ "pool-lost", run_pool_lost, false },
	{ "pool-output", run_pool_output, false },
	{ "pool-rings", run_pool_rings, false },
	{ "pool-socket", run_pool_socket, false },
	{ "pool-stuck", run_pool_stuck, true },
	{ "pool-switch", run_pool_switch, false },
	{ "supervisor", run_supervisor, false },
	{ NULL, NULL, false },
};

const char *scenario_program;
unsigned scenario_n_rests;

_Noreturn void
wrong(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	(void)vsnprintf(fault_region->text, sizeof(fault_region->text), format,
	    list);
	va_end(list);
	_exit(1);
}

int
excused(int r, const char *operation)
{
	if (r < 0 && !fault_has_fired())
		wrong("%s: %s", operation, strerror(-r));
	return r;
}

static bool
is_shortage(int r)
{
	return r == -ENOMEM || r == -ENOBUFS || r == -EMFILE || r == -ENFILE ||
	    r == -ETOOMANYREFS;
}

bool
may_try_again(int r, const char *operation, int n_times)
{
	if (excused(r, operation) >= 0)
		return false;
	if (n_times > 2 && is_shortage(r))
		wrong("%s still fails: %s", operation, strerror(-r));
	if (n_times > 1 || r == -ETIMEDOUT)
		fault_region->is_over = true;
	return n_times < 3;
}

unsigned
count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 512; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Payloads */

void
payload_fill(void *data, uint32_t number, size_t len)
{
	struct order order = { number, (uint32_t)len };
	uint8_t *bytes = data;

	memcpy(bytes, &order, sizeof(order));
	for (size_t i = sizeof(order); i < len; i++)
		bytes[i] = payload_byte(i);
}

bool
payload_is_whole(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	struct order order;

	if (len < sizeof(order))
		return false;
	memcpy(&order, data, sizeof(order));
	for (size_t i = sizeof(order); i < len; i++)
		if (bytes[i] != payload_byte(i))
			return false;
	return order.len == len;
}

/* The handler */

static int
echo_fds(struct brood_request *request, const void *data, size_t len)
{
	int fds[4];
	size_t n = brood_request_n_fds(request);

	if (n > 4)
		return -E2BIG;
	for (size_t i = 0; i < n; i++)
		fds[i] = brood_request_fd(request, i);
	return brood_request_reply_with_fds(request, 0, data, len, fds, n);
}

static int
echo_alloc(struct brood_request *request, const void *data, size_t len)
{
	void *memory;
	int r = brood_reply_alloc(request, len, &memory);

	if (r < 0)
		return r;
	memcpy(memory, data, len);
	return brood_request_reply(request, 0, memory, len);
}

static int
echo_parts(struct brood_request *request, const uint8_t *data, size_t len)
{
	size_t half = len / 2;
	int r = brood_request_progress(request, "half", 4);

	if (r == 0)
		r = brood_request_reply_more(request, data, half);
	return r < 0 ? r : brood_request_reply(request, 0, data + half,
	    len - half);
}

static int
print(struct brood_request *request, const void *data, size_t len)
{
	char line[600];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < PRINT_LINES - 1; i++)
		if (write(STDERR_FILENO, line, sizeof(line)) < 0)
			return -errno;
	(void)printf("words\n");
	return brood_request_reply(request, 0, data, len);
}

static int
linger(struct brood_request *request)
{
	for (int i = 0; i < 300; i++) {
		if (brood_request_is_canceled(request))
			return brood_request_fail(request, ECANCELED, NULL);
		nap_us(1000);
	}
	return -ETIMEDOUT;
}

int
scenario_handle(struct brood_request *request, void *arg)
{
	const void *data = brood_request_data(request);
	size_t len = brood_request_len(request);
	struct order order = { 0 };
	uint32_t n_runs = 0;

	(void)arg;
	if (len >= sizeof(order)) {
		memcpy(&order, data, sizeof(order));
		n_runs = fault_region->n_runs[order.number % FAULT_RUNS_MAX]++;
	}
	switch (brood_request_code(request)) {
	case ECHO_FDS:
		return echo_fds(request, data, len);
	case ECHO_ALLOC:
		return echo_alloc(request, data, len);
	case PARTS:
		return echo_parts(request, data, len);
	case FAIL:
		return brood_request_fail(request, EIO, "on purpose");
	case NO_ANSWER:
		return -EDOM;
	case PRINT:
		return print(request, data, len);
	case LINGER:
		return linger(request);
	case HANG:
		(void)signal(SIGTERM, SIG_IGN);
		for (;;)
			(void)pause();
	case DIE:
		if (n_runs == 0)
			(void)raise(SIGKILL);
		break;
	case LEAVE:
		if (fork() == 0)
			for (;;)
				(void)pause();
		break;
	}
	return brood_request_reply(request, 0, data, len);
}
