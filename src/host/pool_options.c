/* SPDX-License-Identifier: ISC */

/*
 * The options of a pool; see pool_options.h.  Owns nothing.
 */

#include "host/pool_options.h"

#include "base/reserved.h"
#include "base/rss.h"
#include "host/config.h"
#include "host/worker.h"
#include "wire/ring.h"

#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

static int
pool_options_check_ring(uint32_t bytes, char *text)
{
	if (bytes == 0 || (bytes >= BROOD__RING_MIN &&
	    bytes <= BROOD__RING_MAX && (bytes & (bytes - 1)) == 0))
		return 0;
	return brood__config_refuse(text, "ring_bytes is %" PRIu32 ", which is "
	    "no power of two from 256 KiB to 1 GiB", bytes);
}

static int
pool_options_check_rss(uint64_t max_rss, char *text)
{
	uint64_t now;

	return max_rss == 0 || brood__rss_read(getpid(), &now) == 0 ? 0 :
	    brood__config_refuse(text, "max_rss is set, but this system does "
	    "not say how much memory a process has");
}

int
brood__pool_options_check(const struct brood_pool_options *options, char *text)
{
	int r;

	if (options == NULL)
		return brood__config_refuse(text, "there are no options");
	if (options->reserved_1 != 0 || options->reserved_2 != 0 ||
	    !BROOD__RESERVED_IS_ZERO(options))
		return brood__config_refuse(text, "a reserved field is not 0: "
		    "the program needs a newer library");
	r = brood__config_check_max("workers", options->workers,
	    BROOD__POOL_WORKERS_MAX, text);
	if (r == 0)
		r = brood__config_check_max("spare", options->spare,
		    BROOD__POOL_WORKERS_MAX, text);
	if (r == 0)
		r = brood__config_check_max("in_flight", options->in_flight,
		    BROOD__IN_FLIGHT_MAX, text);
	if (r == 0)
		r = brood__config_check_max("queue", options->queue, INT_MAX,
		    text);
	if (r == 0)
		r = brood__config_check_max("max_requests",
		    options->max_requests, INT_MAX, text);
	if (r == 0)
		r = brood__config_check_max("max_payload",
		    options->max_payload, INT_MAX, text);
	if (r == 0)
		r = brood__config_check_max("fds_from_worker",
		    options->fds_from_worker, 1, text);
	if (r == 0)
		r = brood__config_check_time("expire_ms", options->expire_ms,
		    text);
	if (r == 0)
		r = brood__config_check_time("run_ms", options->run_ms, text);
	if (r == 0)
		r = brood__config_check_time("cancel_ms", options->cancel_ms,
		    text);
	if (r == 0)
		r = brood__config_check_time("retire_ms", options->retire_ms,
		    text);
	if (r == 0)
		r = brood__config_check_max("transport", options->transport,
		    BROOD_RINGS, text);
	if (r == 0)
		r = brood__config_check_max("last_words", options->last_words,
		    1, text);
	if (r == 0)
		r = pool_options_check_rss(options->max_rss, text);
	return r < 0 ? r : pool_options_check_ring(options->ring_bytes, text);
}
