/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FAULTS_INJECT_H
#define BROOD_TESTS_FAULTS_INJECT_H

/*
 * Which call fails, in which process, and how.
 *
 * A site is a place in the source of the library that calls a function which
 * can fail.  A function of a header is a site in each source file that uses it.
 * All sites are in one section of the program, where the linker puts them: so
 * a site cannot be forgotten, and has the same number in each process.
 *
 * What is to fail, and what was called, is in memory that all processes of a
 * case share.  A program that a pool starts is this program too: it finds the
 * memory by a descriptor that it inherits.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FAULT_SITES_MAX = 512 };

struct fault_site {
	const char *name;		/* of the function that is called */
	const char *source;		/* the source file that is compiled */
	const char *file;		/* where the call is */
	const char *function;
	int line;
} __attribute__((aligned(64)));

#define FAULT_SITE(name)	__extension__ ({			\
	static struct fault_site site_					\
	    __attribute__((section("fault_sites"))) =			\
	    { name, __BASE_FILE__, __FILE__, __func__, __LINE__ };	\
	&site_; })

#define FAULT_AT	const struct fault_site *site

/* A process, by its task. */
enum fault_role {
	FAULT_HOST, FAULT_SUPERVISOR, FAULT_WORKER, FAULT_ROLES,
};

/* What a call can say; inject.c has their names. */
enum fault_error {
	FAULT_EACCES, FAULT_EADDRINUSE, FAULT_EAGAIN, FAULT_EBUSY,
	FAULT_ECHILD, FAULT_ECONNABORTED, FAULT_ECONNREFUSED,
	FAULT_ECONNRESET, FAULT_EINTR, FAULT_EINVAL, FAULT_EIO, FAULT_EMFILE,
	FAULT_ENFILE, FAULT_ENOBUFS, FAULT_ENOENT, FAULT_ENOLCK, FAULT_ENOMEM,
	FAULT_ENOPROTOOPT, FAULT_ENOSPC, FAULT_ENOSYS, FAULT_ENOTCONN,
	FAULT_EPERM, FAULT_EPIPE, FAULT_ETOOMANYREFS,
	FAULT_SHORT,		/* the first byte, and no more */
	FAULT_CTRUNC,		/* no descriptor is left for those that came */
	FAULT_ERRORS,
};

/* Those that do not pass: a kernel does not learn a call. */
#define FAULT_LASTING	(1u << FAULT_EINVAL | 1u << FAULT_ENOSYS |	\
	1u << FAULT_ENOPROTOOPT)

/* One call that fails, or all from that one on. */
struct fault {
	bool is_set;
	bool is_steady;
	uint32_t role;
	uint32_t site;
	uint32_t error;
	uint32_t n;			/* the first one is 1 */
	_Atomic uint32_t n_calls;	/* that could have failed so */
	_Atomic uint32_t n_fired;
};

enum { FAULT_RUNS_MAX = 512, FAULT_RESTS_MAX = 4 };

/* What the processes of a pool hold while they have nothing to do. */
struct fault_rest {
	uint32_t supervisor_fds;	/* 0: not known */
	uint32_t worker_fds;		/* of the one with most */
	int32_t supervisor_blocks;	/* of memory */
};

/* The memory that the processes of a case share. */
struct fault_region {
	_Atomic bool is_over;		/* nothing fails any more */
	_Atomic bool is_strict;		/* and nothing is excused by a fault */
	struct fault faults[2];
	_Atomic uint32_t n_calls[FAULT_ROLES][FAULT_SITES_MAX];
	_Atomic uint32_t errors[FAULT_ROLES][FAULT_SITES_MAX];	/* possible */

	_Atomic uint32_t n_runs[FAULT_RUNS_MAX];	/* of a request */
	uint32_t n_numbers;		/* of requests, so far */
	_Atomic uint32_t n_lines;	/* that workers printed and were read */
	_Atomic int32_t supervisor_blocks;
	struct fault_rest rests[FAULT_RESTS_MAX];	/* of each pool of the
					   scenario; without a fault */
	_Atomic bool has_forked;	/* the last supervisor process */
	_Atomic bool may_break;		/* a pool, by what has failed */
	char text[1024];		/* why the case has failed */
};

extern struct fault_region *fault_region;
extern int fault_region_fd;
extern enum fault_role fault_role;

/* What this process holds of what the library has asked for. */
extern long fault_n_blocks;
extern long fault_n_mappings;

/* Make the memory, or find it by a descriptor.  False: errno says why. */
bool	fault_open_region(void);
bool	fault_find_region(int fd);

unsigned
	fault_n_sites(void);
const struct fault_site *
	fault_get_site(unsigned i);
const char *
	fault_error_name(unsigned error);

/* Has anything failed on purpose in this case that may show? */
bool	fault_has_fired(void);
bool	fault_has_fired_at(const char *function);

/*
 * May a pool be broken by what has failed?  It may if its supervisor process
 * could not begin, if no worker can start, or if the kernel has said that the
 * other side is gone.
 */
bool	fault_may_break(void);

/*
 * A call comes to this site, and could fail with these errors, a set of bits.
 * Gives the one that it fails with, and sets errno, or -1 if it does not fail.
 */
int	fault_due(const struct fault_site *site, uint32_t errors);

#endif
