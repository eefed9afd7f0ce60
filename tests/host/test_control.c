/* SPDX-License-Identifier: ISC */

/*
 * The end of the supervisor process, as the host deals with it.  kill(2) and
 * waitpid(2) are replaced here, to see who is meant.
 */

#include "base/pidfd.h"
#include "support/drain.h"
#include "support/fixture.h"
#include "support/support.h"

#include <brood/pool.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

BROOD_SUITE(control);

static pid_t watched;
static unsigned n_by_number;

int	__real_kill(pid_t pid, int sig);
int	__wrap_kill(pid_t pid, int sig);
pid_t	__real_waitpid(pid_t pid, int *status, int options);
pid_t	__wrap_waitpid(pid_t pid, int *status, int options);

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
