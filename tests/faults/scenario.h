/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FAULTS_SCENARIO_H
#define BROOD_TESTS_FAULTS_SCENARIO_H

/*
 * What a host does with the library while a call fails.
 *
 * A scenario gives 0, or the negative errno of an operation that has failed.
 * Only a call that failed on purpose excuses that; a second run, in which
 * nothing fails any more, must succeed.  What is wrong in any case ends the
 * process by wrong().
 */

#include "faults/inject.h"
#include "soak/soak.h"

#include <brood.h>

struct scenario {
	const char *name;
	int (*run)(void);
	bool is_slow;		/* waits for a time that is the library's */
};

extern const struct scenario scenarios[];	/* the last has no name */

enum {
	PATIENCE_MS = 8000,	/* for what must come */
	FAULT_REGION_FD = 4,	/* where a program finds it */
};

/* The path of this program, to be run again as a worker. */
extern const char *scenario_program;

_Noreturn void wrong(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* r, which is an error only if something has failed on purpose. */
int	excused(int r, const char *operation);

/*
 * The same of an operation that must have done nothing if it has failed: true
 * if it is to be tried again.  What failed goes on to fail for the second time
 * only: then the shortage passes, and the third time must succeed.
 */
bool	may_try_again(int r, const char *operation, int n_times);

/* Run an operation so, and give its result. */
#define TRY(operation)	__extension__ ({				\
	int result_, times_ = 0;					\
	do {								\
		result_ = operation;					\
	} while (may_try_again(result_, #operation, ++times_));		\
	result_; })

/* The handler, of workers and of all others that answer. */
enum method {
	ECHO,		/* the payload */
	ECHO_FDS,	/* with the descriptors that came */
	ECHO_ALLOC,	/* in memory of brood_reply_alloc() */
	PARTS,		/* of the payload, and progress */
	FAIL,
	NO_ANSWER,	/* an error of the handler */
	PRINT,		/* to standard output and error */
	LINGER,		/* until the request is canceled */
	HANG,		/* until the process is killed */
	DIE,		/* by SIGKILL; if it runs again, ECHO */
	LEAVE,		/* a process that does not end; then ECHO */
	METHODS,
};

enum { PRINT_LINES = 21 };

/* A payload begins with this. */
struct order {
	uint32_t number;	/* counts its runs in the memory of the case */
	uint32_t len;		/* of all of the payload */
};

int	scenario_handle(struct brood_request *request, void *arg);

/* The byte at this place of a payload. */
static inline uint8_t
payload_byte(size_t at)
{
	return (uint8_t)(at * 7 + at / 251);
}

/* Write a payload of len bytes; see whether one is whole. */
void	payload_fill(void *data, uint32_t number, size_t len);
bool	payload_is_whole(const void *data, size_t len);

/* Descriptors that are open in this process. */
unsigned
	count_fds(void);

/* How many pools of this run were looked at while they rested. */
extern unsigned scenario_n_rests;

/* Scenarios of other files */
int	run_child_bare(void);
int	run_child_cgroup(void);
int	run_child_exec(void);
int	run_child_fork(void);
int	run_client(void);
int	run_datagrams(void);
int	run_listener(void);
int	run_pool_broken(void);
int	run_pool_cgroup(void);
int	run_pool_changes(void);
int	run_pool_confined(void);
int	run_pool_exec(void);
int	run_pool_fds(void);
int	run_pool_learn(void);
int	run_pool_limits(void);
int	run_pool_lost(void);
int	run_pool_output(void);
int	run_pool_rings(void);
int	run_pool_socket(void);
int	run_pool_stuck(void);
int	run_pool_switch(void);
int	run_supervisor(void);

#endif
