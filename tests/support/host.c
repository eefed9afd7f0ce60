/* SPDX-License-Identifier: ISC */

/*
 * This file owns the worker process of a test and both ends of its channel.  It
 * does not know any test.
 *
 * host_wait_at_gate() and host_seen() run in the worker.  The others assert, so
 * they are for the test's own process only.
 */

#include "support/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/support.h"

/* What the forked child is told. */
struct start {
	struct host *host;
	brood_handler_fn handler;
	int	worker_fd;
	int	gate_fd;
};

static int gate_fd;		/* set in the worker only */
static struct host_seen *shared;	/* set by host_start() */

static int
worker_body(void *arg)
{
	struct start *start = arg;
	char number[16];

	close(start->host->fd);
	close(start->host->kept);
	close(start->host->gate);
	gate_fd = start->gate_fd;
	snprintf(number, sizeof(number), "%d", start->worker_fd);
	setenv("BROOD_FD", number, 1);
	shared->result = brood_worker_main(start->handler, shared, NULL);
	return shared->result == 0 ? 0 : 1;
}

void
host_start(struct host *host, brood_handler_fn handler)
{
	struct start start = { .host = host, .handler = handler };
	int channel[2], gate[2];

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(shared, MAP_FAILED);
	shared->result = 1;
	wire_pair(channel);
	cr_assert_eq(pipe2(gate, O_CLOEXEC), 0);
	host->seen = shared;
	host->fd = channel[0];
	host->kept = fcntl(channel[1], F_DUPFD_CLOEXEC, 0);
	host->gate = gate[1];
	start.worker_fd = channel[1];
	start.gate_fd = gate[0];
	host->pid = support_fork(worker_body, &start);
	close(channel[1]);
	close(gate[0]);
}

void
host_handshake(struct host *host, brood_handler_fn handler,
    uint32_t max_payload)
{
	host_start(host, handler);
	host_expect(host, BROOD_KIND_HELLO, 0);
	wire_send_hello(host->fd, max_payload);
}

int
host_stop(struct host *host)
{
	int status;

	close(host->fd);
	close(host->kept);
	close(host->gate);
	status = support_join(host->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    1000 + WTERMSIG(status);
}

void
host_send(struct host *host, enum brood_kind kind, uint64_t id,
    const char *text)
{
	wire_send(host->fd, &(struct wire_header){ .kind = (uint8_t)kind,
	    .id = id, .length = (uint32_t)strlen(text) }, text);
}

void
host_send_with_fds(struct host *host, uint64_t id, const int *fds,
    uint8_t n_fds)
{
	uint8_t bytes[WIRE_HEADER];

	wire_encode(bytes, &(struct wire_header){ .kind = BROOD_KIND_REQUEST,
	    .id = id, .nfds = n_fds }, NULL);
	wire_write_fds(host->fd, bytes, sizeof(bytes), fds, n_fds);
}

void
host_expect(struct host *host, enum brood_kind kind, uint64_t id)
{
	struct wire_header *header = &host->frame.header;

	cr_assert(wire_recv(host->fd, &host->frame), "the worker is gone");
	cr_assert_eq(header->kind, kind, "kind %u, not %u: %s", header->kind,
	    kind, (char *)host->frame.payload);
	if (kind != BROOD_KIND_HELLO)
		cr_assert_eq(header->id, id);
	cr_assert_eq(header->nfds, host->frame.n_fds);
}

int
host_untaken(const struct host *host)
{
	int n = -1;

	cr_assert_eq(ioctl(host->kept, FIONREAD, &n), 0);
	return n;
}

void
host_open_gate(struct host *host, char byte)
{
	cr_assert_eq(write(host->gate, &byte, 1), 1);
}

char
host_wait_at_gate(void)
{
	char byte;
	ssize_t n;

	do
		n = read(gate_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? byte : 0;
}

struct host_seen *
host_seen(void)
{
	return shared;
}
