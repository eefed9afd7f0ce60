/* SPDX-License-Identifier: ISC */

/*
 * The memory of rings, and spinning; see rings.h.
 *
 * Owns the two mappings and the ring between them.
 */

#include "base/cpus.h"
#include "base/fd.h"
#include "wire/region.h"
#include "wire/rings.h"

void
brood__rings_fini(struct brood__rings *rings, bool is_owner)
{
	rings->ring = brood__ring_free(rings->ring);
	if (is_owner) {
		brood__region_unmap(rings->own, rings->region_size);
		brood__region_unmap(rings->peer, rings->region_size);
	}
	rings->own = NULL;
	rings->peer = NULL;
}

/* The memory is mapped, or r is an error. */
static int
rings_begin(struct brood__rings *rings, size_t ring_bytes, int r)
{
	if (r == 0)
		r = brood__ring_new(&rings->ring, rings->own, rings->peer,
		    ring_bytes);
	if (r < 0)
		brood__rings_fini(rings, true);
	return r;
}

int
brood__rings_make(struct brood__rings *rings, size_t ring_bytes,
    int ret_fds[2])
{
	int r;

	ret_fds[0] = ret_fds[1] = -1;
	rings->region_size = brood__ring_region_size(ring_bytes);
	r = brood__region_new(rings->region_size, &rings->own, &ret_fds[0]);
	if (r == 0)
		r = brood__region_new_for_peer(rings->region_size,
		    &rings->peer, &ret_fds[1]);
	r = rings_begin(rings, ring_bytes, r);
	if (r < 0)
		brood__fd_close_all(ret_fds, 2);
	return r;
}

int
brood__rings_join(struct brood__rings *rings, uint64_t ring_bytes,
    const int fds[2])
{
	int r;

	if (ring_bytes < BROOD__RING_MIN || ring_bytes > BROOD__RING_MAX ||
	    (ring_bytes & (ring_bytes - 1)) != 0)
		return -EINVAL;
	rings->region_size = brood__ring_region_size((size_t)ring_bytes);
	r = brood__region_map(fds[0], rings->region_size, &rings->peer);
	if (r == 0)
		r = brood__region_map_writable(fds[1], rings->region_size,
		    &rings->own);
	/* The host spins for all its workers, arrival.c; so only here. */
	rings->n_cpus = brood__cpus_known();
	return rings_begin(rings, (size_t)ring_bytes, r);
}

static bool
rings_have_more(const void *arg)
{
	const struct brood__rings *rings = arg;

	return brood__ring_has_more(rings->ring);
}

bool
brood__rings_spin(struct brood__rings *rings)
{
	return brood__spin(&rings->spin, rings->n_cpus,
	    brood__ring_is_peer_asleep(rings->ring) ? BROOD__SPIN_WAKING_NS :
	    BROOD__SPIN_NS, rings_have_more, rings);
}
