/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_HOST_H
#define BROOD_TESTS_HOST_H

/*
 * The host's side of one worker, played by hand: a child that runs
 * brood_worker_main() with a handler of the test's, a raw socket to it, and a
 * gate by which the test leads the handler step by step.
 */

#include <brood/worker.h>
#include <sys/types.h>

#include "support/wire.h"

/* Memory that the handler and the test share: what the handler saw. */
struct host_seen {
	int	result;		/* of brood_worker_main() */
	int	value[16];	/* the handler's own */
	char	text[128];
};

struct host {
	int	fd;		/* raw: the host's end of the channel */
	int	kept;		/* a copy of the worker's end */
	int	gate;
	pid_t	pid;
	struct host_seen *seen;
	struct wire_frame frame; /* received last */
};

void	host_start(struct host *host, brood_handler_fn handler);

/* Start, receive its HELLO and send the host's, which accepts max_payload. */
void	host_greet(struct host *host, brood_handler_fn handler,
	    uint32_t max_payload);

/*
 * Close everything and wait for the worker to end; gives its exit status, or
 * 1000 + the signal that ended it.
 */
int	host_stop(struct host *host);

void	host_send(struct host *host, enum brood_kind kind, uint64_t id,
	    const char *text);

/* Receive a frame into host->frame, which must be of this kind and id. */
void	host_expect(struct host *host, enum brood_kind kind, uint64_t id);

/* Bytes that the worker has not taken off its socket. */
int	host_untaken(const struct host *host);

/* Give the handler a byte; in the handler: wait for one, 0 if none comes. */
void	host_open_gate(struct host *host, char byte);
char	host_wait_at_gate(void);

/* In the handler: the shared memory. */
struct host_seen *
	host_seen(void);

#endif
