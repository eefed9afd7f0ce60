/* SPDX-License-Identifier: ISC */
/*
 * A readiness set for systems without epoll: an array for poll(2).
 *
 * Owns the array, and no descriptor.  Knows nothing of what a token means.
 *
 * Invariants: pollfds[i] and tokens[i] belong together, in no order, and each
 * descriptor is there at most once.  next is where the coming wait begins to
 * look: when more descriptors are ready than a wait may give, each gets its
 * turn.
 */

#include "base/clock.h"
#include "base/fd.h"
#include "base/ready.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#define CAPACITY_MIN	16

struct brood__ready {
	struct pollfd	*pollfds;
	uint64_t	*tokens;
	size_t		 n;
	size_t		 capacity;
	size_t		 next;
	int64_t		 alarm_ms;
};

/*
 * Gives the index of fd, or n if fd is not in the set.  A linear search:
 * poll(2) looks at all descriptors as well.
 */
static size_t
ready_find(const struct brood__ready *ready, int fd)
{
	size_t i;

	for (i = 0; i < ready->n; i++)
		if (ready->pollfds[i].fd == fd)
			break;
	return i;
}

static int
ready_reserve(struct brood__ready *ready)
{
	struct pollfd *pollfds;
	uint64_t *tokens;
	size_t capacity = ready->capacity * 2;

	if (ready->n < ready->capacity)
		return 0;
	if (capacity < CAPACITY_MIN)
		capacity = CAPACITY_MIN;
	pollfds = reallocarray(ready->pollfds, capacity, sizeof(*pollfds));
	if (pollfds == NULL)
		return -ENOMEM;
	ready->pollfds = pollfds;
	tokens = reallocarray(ready->tokens, capacity, sizeof(*tokens));
	if (tokens == NULL)
		return -ENOMEM;
	ready->tokens = tokens;
	ready->capacity = capacity;
	return 0;
}

static void
ready_set(struct brood__ready *ready, size_t i, int fd, short events,
    uint64_t token)
{
	assert((events & ~(POLLIN | POLLOUT)) == 0);
	ready->pollfds[i] = (struct pollfd){ .fd = fd, .events = events };
	ready->tokens[i] = token;
}

/*
 * POLLNVAL means that a descriptor was closed but not removed: tell the owner
 * of an error.
 */
static short
ready_from_poll(short revents)
{
	return (short)((revents & (POLLIN | POLLOUT | POLLHUP | POLLERR)) |
	    (revents & POLLNVAL ? POLLERR : 0));
}

static int
ready_collect(struct brood__ready *ready, struct brood__ready_event *ret_events,
    size_t max)
{
	size_t n_events = 0, first = ready->next;

	for (size_t i = 0; i < ready->n && n_events < max; i++) {
		size_t at = (first + i) % ready->n;
		short events = ready_from_poll(ready->pollfds[at].revents);

		if (events == 0)
			continue;
		ret_events[n_events++] = (struct brood__ready_event){
			.token = ready->tokens[at],
			.events = events,
		};
		ready->next = at + 1;
	}
	return (int)n_events;
}

int
brood__ready_new(struct brood__ready **ret_ready)
{
	struct brood__ready *ready;

	ready = calloc(1, sizeof(*ready));
	if (ready == NULL)
		return -ENOMEM;
	ready->alarm_ms = BROOD__NEVER;
	*ret_ready = ready;
	return 0;
}

struct brood__ready *
brood__ready_free(struct brood__ready *ready)
{
	if (ready == NULL)
		return NULL;
	free(ready->pollfds);
	free(ready->tokens);
	free(ready);
	return NULL;
}

int
brood__ready_fd(struct brood__ready *ready)
{
	(void)ready;
	return -ENOSYS;
}

bool
brood__ready_is_shared(const struct brood__ready *ready)
{
	(void)ready;
	return false;
}

/*
 * Ask fcntl(2) whether fd is open, because poll(2) ignores negative numbers,
 * and tells of a closed descriptor only when it is called.
 */
int
brood__ready_add(struct brood__ready *ready, int fd, short events,
    uint64_t token)
{
	int r;

	if (fcntl(fd, F_GETFD) < 0)
		return -errno;
	if (ready_find(ready, fd) < ready->n)
		return -EEXIST;
	r = ready_reserve(ready);
	if (r < 0)
		return r;
	ready_set(ready, ready->n++, fd, events, token);
	return 0;
}

int
brood__ready_change(struct brood__ready *ready, int fd, short events,
    uint64_t token)
{
	size_t i = ready_find(ready, fd);

	if (i == ready->n)
		return -ENOENT;
	ready_set(ready, i, fd, events, token);
	return 0;
}

void
brood__ready_remove(struct brood__ready *ready, int fd)
{
	size_t i = ready_find(ready, fd);

	if (i == ready->n)
		return;
	ready->n--;
	ready->pollfds[i] = ready->pollfds[ready->n];
	ready->tokens[i] = ready->tokens[ready->n];
}

int
brood__ready_alarm(struct brood__ready *ready, int64_t at_ms)
{
	ready->alarm_ms = at_ms;
	return 0;
}

int
brood__ready_alarm_by(struct brood__ready *ready, int64_t at_ms)
{
	return at_ms < ready->alarm_ms ? brood__ready_alarm(ready, at_ms) : 0;
}

int
brood__ready_wait(struct brood__ready *ready, int timeout_ms,
    struct brood__ready_event *ret_events, size_t max)
{
	int n;

	assert(max > 0);
	n = poll(ready->pollfds, (nfds_t)ready->n,
	    brood__timeout_by(timeout_ms, ready->alarm_ms));
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (brood__has_come(ready->alarm_ms))
		ready->alarm_ms = BROOD__NEVER;
	return n == 0 ? 0 : ready_collect(ready, ret_events, max);
}
