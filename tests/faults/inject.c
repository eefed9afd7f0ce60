/* SPDX-License-Identifier: ISC */

#include "faults/inject.h"

#include <sys/mman.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The linker gives a section whose name is an identifier these symbols. */
extern struct fault_site __start_fault_sites[], __stop_fault_sites[];

struct fault_region *fault_region;
int fault_region_fd = -1;
enum fault_role fault_role = FAULT_HOST;
long fault_n_blocks;
long fault_n_mappings;

static const struct {
	const char *name;
	int number;
} errors[FAULT_ERRORS] = {
	[FAULT_EACCES] = { "EACCES", EACCES },
	[FAULT_EADDRINUSE] = { "EADDRINUSE", EADDRINUSE },
	[FAULT_EAGAIN] = { "EAGAIN", EAGAIN },
	[FAULT_EBUSY] = { "EBUSY", EBUSY },
	[FAULT_ECHILD] = { "ECHILD", ECHILD },
	[FAULT_ECONNABORTED] = { "ECONNABORTED", ECONNABORTED },
	[FAULT_ECONNREFUSED] = { "ECONNREFUSED", ECONNREFUSED },
	[FAULT_ECONNRESET] = { "ECONNRESET", ECONNRESET },
	[FAULT_EINTR] = { "EINTR", EINTR },
	[FAULT_EINVAL] = { "EINVAL", EINVAL },
	[FAULT_EIO] = { "EIO", EIO },
	[FAULT_EMFILE] = { "EMFILE", EMFILE },
	[FAULT_ENFILE] = { "ENFILE", ENFILE },
	[FAULT_ENOBUFS] = { "ENOBUFS", ENOBUFS },
	[FAULT_ENOENT] = { "ENOENT", ENOENT },
	[FAULT_ENOLCK] = { "ENOLCK", ENOLCK },
	[FAULT_ENOMEM] = { "ENOMEM", ENOMEM },
	[FAULT_ENOPROTOOPT] = { "ENOPROTOOPT", ENOPROTOOPT },
	[FAULT_ENOSPC] = { "ENOSPC", ENOSPC },
	[FAULT_ENOSYS] = { "ENOSYS", ENOSYS },
	[FAULT_ENOTCONN] = { "ENOTCONN", ENOTCONN },
	[FAULT_EPERM] = { "EPERM", EPERM },
	[FAULT_EPIPE] = { "EPIPE", EPIPE },
	[FAULT_ETOOMANYREFS] = { "ETOOMANYREFS", ETOOMANYREFS },
	[FAULT_SHORT] = { "short", 0 },
	[FAULT_CTRUNC] = { "MSG_CTRUNC", 0 },
};

const char *
fault_error_name(unsigned error)
{
	return errors[error].name;
}

unsigned
fault_n_sites(void)
{
	return (unsigned)(__stop_fault_sites - __start_fault_sites);
}

const struct fault_site *
fault_get_site(unsigned i)
{
	return &__start_fault_sites[i];
}

bool
fault_find_region(int fd)
{
	void *memory = mmap(NULL, sizeof(*fault_region), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return false;
	fault_region = memory;
	fault_region_fd = fd;
	return true;
}

bool
fault_open_region(void)
{
	char path[] = "/tmp/brood-faults.XXXXXX";
	int fd = mkstemp(path);

	return fd >= 0 && unlink(path) == 0 &&
	    ftruncate(fd, sizeof(*fault_region)) == 0 && fault_find_region(fd);
}

/*
 * Has it fired, and may the program notice?  A signal, and a part instead of
 * all, are nothing to tell it of; nor is it that a close has failed.
 */
static bool
fault_shows(const struct fault *fault)
{
	return fault->n_fired > 0 && fault->error != FAULT_EINTR &&
	    fault->error != FAULT_SHORT &&
	    strcmp(fault_get_site(fault->site)->name, "close") != 0;
}

bool
fault_has_fired(void)
{
	return !fault_region->is_strict &&
	    (fault_shows(&fault_region->faults[0]) ||
	    fault_shows(&fault_region->faults[1]));
}

bool
fault_may_break(void)
{
	return fault_region->may_break;
}

static void
fault_note(const struct fault *fault)
{
	if (fault->error == FAULT_EPIPE || fault->error == FAULT_ECONNRESET ||
	    (fault_role == FAULT_WORKER && fault->is_steady) ||
	    (fault_role == FAULT_SUPERVISOR && !fault_region->has_forked))
		fault_region->may_break = true;
}

bool
fault_has_fired_at(const char *function)
{
	const struct fault *fault = &fault_region->faults[0];

	return fault->n_fired > 0 &&
	    strcmp(fault_get_site(fault->site)->function, function) == 0;
}

/*
 * Is it this call that fails?  What a kernel does not know it knows nowhere:
 * then it is all calls of the same name, in all processes.
 */
static bool
fault_is_meant(const struct fault *fault, unsigned site)
{
	if (FAULT_LASTING & 1u << fault->error)
		return strcmp(fault_get_site(site)->name,
		    fault_get_site(fault->site)->name) == 0;
	return fault->role == fault_role && fault->site == site;
}

static bool
fault_is_due(struct fault *fault, unsigned site, uint32_t possible)
{
	uint32_t n;

	if (!fault->is_set || !(possible & 1u << fault->error) ||
	    !fault_is_meant(fault, site))
		return false;
	n = ++fault->n_calls;
	if (n != fault->n && (n < fault->n || !fault->is_steady))
		return false;
	fault->n_fired++;
	return true;
}

/*
 * Errors that cannot come about at a site, though its function has them.
 */
static const struct {
	const char *function;
	uint32_t errors;
} impossible[] = {
	/*
	 * A socket that takes no 24 bytes is full, so that it wakes the peer;
	 * and of so few it takes all or none.
	 */
	{ "rings_wake", 1u << FAULT_EAGAIN | 1u << FAULT_SHORT },
	/* Neither waits: a datagram socket, and O_NONBLOCK. */
	{ "claim_probe", 1u << FAULT_EAGAIN | 1u << FAULT_EINTR },
	{ "socket_connect_now", 1u << FAULT_EINTR },
};

static uint32_t
fault_possible(const struct fault_site *site, uint32_t possible)
{
	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++)
		if (strcmp(site->function, impossible[i].function) == 0)
			possible &= ~impossible[i].errors;
	return possible;
}

int
fault_due(const struct fault_site *site, uint32_t possible)
{
	unsigned i = (unsigned)(site - __start_fault_sites);
	struct fault_region *region = fault_region;

	if (region == NULL || region->is_over || fault_role == FAULT_ROLES)
		return -1;
	possible = fault_possible(site, possible);
	region->n_calls[fault_role][i]++;
	region->errors[fault_role][i] |= possible;
	for (int k = 0; k < 2; k++)
		if (fault_is_due(&region->faults[k], i, possible)) {
			unsigned error = region->faults[k].error;

			fault_note(&region->faults[k]);
			errno = errors[error].number;
			return (int)error;
		}
	return -1;
}
