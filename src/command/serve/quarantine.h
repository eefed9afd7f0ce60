/* SPDX-License-Identifier: ISC */
#ifndef BROOD__QUARANTINE_H
#define BROOD__QUARANTINE_H

/*
 * Requests that workers have died of, kept as files: NUMBER.request is the
 * payload, and NUMBER.report says what became of it and how to try it again.
 *
 * There are at most QUARANTINE_REQUESTS of them, of QUARANTINE_BYTES together:
 * for a new one the oldest are removed.  Those of an earlier run count.
 */

#include <brood.h>

#include <sys/queue.h>

#include <stddef.h>

enum {
	QUARANTINE_REQUESTS = 100,
	QUARANTINE_BYTES = 256 << 20,
};

struct quarantined;

/* Zeroed, nothing is kept. */
struct quarantine {
	const char *path;	/* of the directory; NULL: nothing is kept */
	int fd;			/* of it */
	STAILQ_HEAD(, quarantined) kept;	/* the oldest first */
	unsigned n_kept;
	size_t n_bytes;
	unsigned long last;	/* number */
};

/*
 * Make the directory if need be, and look at what is there.  0, or a negative
 * errno.
 */
int	quarantine_open(struct quarantine *quarantine, const char *path);
void	quarantine_close(struct quarantine *quarantine);

/*
 * Keep a request whose completion is CRASHED.  What fails is told on standard
 * error, and the request is not kept then.
 */
void	quarantine_keep(struct quarantine *quarantine,
	    const struct brood_completion *done, uint32_t method,
	    const void *data, size_t len);

#endif
