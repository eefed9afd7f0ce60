/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_HOST_H
#define BROOD_TESTS_HOST_H

/*
 * A worker without a pool.  A forked child runs brood_worker_main() with a
 * handler of the test, and the test speaks to it as a host would, with its own
 * code (wire.h) and not with the library's.
 *
 * The gate is a pipe: the handler can wait until the test writes a byte to it,
 * so that the test decides when the handler goes on.
 */

#include <brood/worker.h>
#include <sys/types.h>

#include "support/wire.h"

/* Memory that worker and test share: the worker writes, the test reads. */
struct host_seen {
	int	result;		/* of brood_worker_main(); 1 until it returns */
	int	value[16];	/* the handler may use these two as it likes */
	char	text[128];
};

struct host {
	int	fd;		/* the host's end of the channel */
	int	kept;		/* a copy of the worker's end */
	int	gate;		/* the end of the gate to write to */
	pid_t	pid;		/* of the worker */
	struct host_seen *seen;
	struct wire_frame frame; /* the last that host_expect() received */
};

/* Start the worker.  Nothing is sent or received. */
void	host_start(struct host *host, brood_handler_fn handler);

/*
 * Start the worker, receive its HELLO, and send it one that says that the host
 * accepts payloads of up to max_payload bytes.
 */
void	host_handshake(struct host *host, brood_handler_fn handler,
	    uint32_t max_payload);

/*
 * Close every descriptor and wait until the worker has ended.
 *
 * Returns its exit status, or 1000 + the number of the signal that ended it.
 */
int	host_stop(struct host *host);

/* Send a frame with text as its payload. */
void	host_send(struct host *host, enum brood_kind kind, uint64_t id,
	    const char *text);

/* Send a request without a payload and with descriptors attached. */
void	host_send_with_fds(struct host *host, uint64_t id, const int *fds,
	    uint8_t n_fds);

/* Receive a frame into host->frame, and check its kind and id. */
void	host_expect(struct host *host, enum brood_kind kind, uint64_t id);

/* Give the number of sent bytes that the worker has not read yet. */
int	host_untaken(const struct host *host);

/* Write a byte to the gate. */
void	host_open_gate(struct host *host, char byte);

/*
 * Wait for a byte at the gate.  For the handler.
 *
 * Returns the byte, or 0 if the test has closed the gate.
 */
char	host_wait_at_gate(void);

/* Give the shared memory.  For the handler. */
struct host_seen *
	host_seen(void);

#endif
