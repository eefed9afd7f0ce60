/* SPDX-License-Identifier: ISC */

/*
 * The end of the supervisor process, as the host deals with it.  kill(2) and
 * waitpid(2) are replaced here, to see who is meant; and what a process can be
 * asked by a descriptor, to have it fail.
 */

#include "base/pidfd.h"
#include "support/drain.h"
#include "support/fixture.h"
#include "support/support.h"

#include <brood/pool.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

BROOD_SUITE(control);

static pid_t watched;
static unsigned n_by_number;

int	__real_kill(pid_t pid, int sig);
int	__wrap_kill(pid_t pid, int sig);
pid_t	__real_waitpid(pid_t pid, int *status, int options);
pid_t	__wrap_waitpid(pid_t pid, int *status, int options);

static bool has_no_signal, has_no_wait;	/* by a descriptor */

long	__real_syscall(long number, ...);
long	__wrap_syscall(long number, ...);
int	__real_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
int	__wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options);

long
__wrap_syscall(long number, ...)
{
	va_list list;
	int a, b;

	va_start(list, number);
	a = va_arg(list, int);
	b = va_arg(list, int);
	va_end(list);
#ifdef HAVE_PIDFD_OPEN
	if (number == SYS_pidfd_send_signal && has_no_signal) {
		errno = ENOSYS;
		return -1;
	}
#endif
	return __real_syscall(number, a, b, NULL, 0);
}

int
__wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	if (type != P_PID && has_no_wait) {
		errno = EINVAL;
		return -1;
	}
	return __real_waitid(type, id, info, options);
}

int
__wrap_kill(pid_t pid, int sig)
{
	n_by_number += pid == watched;
	return __real_kill(pid, sig);
}

pid_t
__wrap_waitpid(pid_t pid, int *status, int options)
{
	n_by_number += pid == watched;
	return __real_waitpid(pid, status, options);
}

/*
 * The supervisor is killed, and reaped by a wait loop of the program's.  From
 * then on its number may be that of another child of the program, so freeing
 * the pool must neither signal nor wait for that number.
 */
Test(control, number_of_a_supervisor_that_was_reaped_is_not_used)
{
	struct brood_pool_stats stats;
	struct counters *counters;
	struct brood_pool *pool;
	int fd = brood__pidfd_open(getpid());

	if (fd < 0)
		cr_skip("there are no descriptors of processes here");
	(void)close(fd);
	pool = fixture_pool(&counters, (struct brood_pool_options){
	    .workers = 1 });
	cr_assert_gt(drain_echo(pool), 0);
	brood_pool_stats(pool, &stats);
	cr_assert_eq(kill(stats.supervisor, SIGKILL), 0);
	cr_assert_eq(waitpid(stats.supervisor, NULL, 0), stats.supervisor);
	watched = stats.supervisor;
	cr_assert_null(brood_pool_free(pool));
	watched = 0;
	cr_assert_eq(n_by_number, 0);
	(void)drain_children();
	(void)counters_free(counters);
}

/* The supervisor does not obey, so it has to be killed, and waited for. */
static void
free_stuck(void)
{
	struct brood_pool_stats stats;
	struct counters *counters;
	struct brood_pool *pool;

	pool = fixture_pool(&counters, (struct brood_pool_options){
	    .workers = 1, .shutdown_ms = 100 });
	cr_assert_gt(drain_echo(pool), 0);
	brood_pool_stats(pool, &stats);
	cr_assert_eq(kill(stats.supervisor, SIGSTOP), 0);
	cr_assert_null(brood_pool_free(pool));
	cr_assert_eq(waitpid(stats.supervisor, NULL, WNOHANG), -1);
	cr_assert_eq(errno, ECHILD);
	(void)drain_children();
	(void)counters_free(counters);
}

Test(control, supervisor_is_killed_where_a_descriptor_takes_no_signal)
{
	has_no_signal = true;
	free_stuck();
}

Test(control, supervisor_is_reaped_where_a_descriptor_cannot_be_waited_for)
{
	has_no_wait = true;
	free_stuck();
}
