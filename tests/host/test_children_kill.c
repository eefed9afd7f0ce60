/* SPDX-License-Identifier: ISC */

/*
 * Supervised children: what is left when the supervisor process or the host is
 * killed.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/children.h"

BROOD_SUITE(children_kill);

/* This process adopts the orphans.  Check that they are dead, and reap them. */
static void
expect_end_of(const pid_t *pids, size_t n_pids)
{
	for (size_t i = 0; i < n_pids; i++)
		cr_assert(support_wait_gone(pids[i]), "%zu lives", i);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

#ifdef HAVE_PRCTL_PDEATHSIG
static int
drop_root(void *arg)
{
	(void)arg;
	return geteuid() == 0 && setresuid(65534, 65534, 65534) != 0 ?
	    -errno : 0;
}

/* A child that never reads, and so does not notice the end of the channel. */
static int
sleep_for_ever(struct brood_channel *channel, void *arg)
{
	(void)channel;
	while (arg == NULL)
		pause();
	return 0;
}

/*
 * The kernel forgets PR_SET_PDEATHSIG when a process changes its uid.  So this
 * checks something only when root runs it.
 */
Test(children_kill, child_that_dropped_its_uid_ends_with_the_supervisor)
{
	struct brood_child_spec specs[] = { ab[0],
	    { .name = "d", .fn = sleep_for_ever, .setup = drop_root } };
	struct brood_supervisor *sup;
	struct testchild_who a;

	sup = start((struct brood_supervisor_options){ .children = specs,
	    .n_children = 2 });
	await(sup, BROOD_EVENT_READY, "d");
	cr_assert(testchild_who(sup, "a", &a));
	cr_assert_eq(kill(a.parent, SIGKILL), 0);
	cr_expect(support_wait_gone(event.event.pid));
	(void)kill(event.event.pid, SIGKILL);
	brood_supervisor_free(sup);
	expect_end_of((pid_t[]){ a.parent, a.pid, event.event.pid }, 3);
}
#endif

static void
kill_the_supervisor(bool is_reaped_by_the_host)
{
	struct brood_supervisor *sup = start_ab();
	struct testchild_who a, b;
	pid_t pids[3];

	cr_assert(testchild_who(sup, "a", &a));
	cr_assert(testchild_who(sup, "b", &b));
	pids[0] = a.parent;
	pids[1] = a.pid;
	pids[2] = b.pid;
	cr_assert_neq(a.parent, getpid());
	cr_assert_eq(kill(a.parent, SIGKILL), 0);
	if (is_reaped_by_the_host)
		cr_assert_eq(waitpid(a.parent, NULL, 0), a.parent);
	await(sup, BROOD_EVENT_BROKEN, NULL);
	cr_assert_null(brood_supervisor_free(sup));
	expect_end_of(pids, 3);
}

Test(children_kill, killed_supervisor_is_told_and_takes_its_children_along)
{
	kill_the_supervisor(false);
}

Test(children_kill, supervisor_reaped_by_a_wait_loop_of_the_host_is_no_harm)
{
	kill_the_supervisor(true);
}

/* Not after a time limit for each child: see test_pool_kill.c. */
Test(children_kill, supervisor_killed_before_free_leaves_no_child)
{
	struct brood_supervisor *sup = start_ab();
	struct testchild_who a, b;
	int64_t before_ms;

	cr_assert(testchild_who(sup, "a", &a));
	cr_assert(testchild_who(sup, "b", &b));
	cr_assert_eq(kill(a.parent, SIGKILL), 0);
	before_ms = brood__now_ms();
	cr_assert_null(brood_supervisor_free(sup));
	cr_expect_lt(brood__now_ms() - before_ms, 4000);
	expect_end_of((pid_t[]){ a.parent, a.pid, b.pid }, 3);
}

Test(children_kill, signals_sent_to_every_process_do_not_end_it)
{
	static const int sent[] = { SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGQUIT,
	    SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ };
	struct brood_supervisor *sup = start_ab();
	struct testchild_who who;

	cr_assert(testchild_who(sup, "a", &who));
	for (size_t i = 0; i < N_OF(sent); i++)
		cr_assert_eq(kill(who.parent, sent[i]), 0);
	/* A dead supervisor could not restart the child. */
	cr_assert(testchild_tell_byte(sup, "a", TESTCHILD_EXIT, 1));
	await(sup, BROOD_EVENT_READY, "a");
	brood_supervisor_free(sup);
}

struct family {
	int	fds[2];		/* pipe to which the host writes the pids */
	bool	has_twin;	/* the host has forked a copy of itself */
};

/*
 * A host that writes the pids of its supervisor, its children and its copy,
 * then waits until it is killed.
 */
static int
be_a_host(void *arg)
{
	const struct family *family = arg;
	const int *fds = family->fds;
	struct brood_supervisor *sup;
	struct testchild_who a, b;

	if (brood_supervisor_new(&sup, &(struct brood_supervisor_options){
	    .children = ab, .n_children = 2, .stderr_fd = -1 }, NULL) != 0)
		return 1;
	if (!testchild_await(sup, BROOD_EVENT_READY, "b", &event) ||
	    !testchild_who(sup, "a", &a) || !testchild_who(sup, "b", &b))
		return 2;
	pid_t pids[4] = { a.parent, a.pid, b.pid, 0 };
	if (family->has_twin)
		pids[3] = fork();
	while (family->has_twin && pids[3] == 0)
		pause();
	if (write(fds[1], pids, sizeof(pids)) != sizeof(pids))
		return 3;
	for (;;)
		pause();
}

static void
kill_the_host(bool has_twin)
{
	struct family family = { .has_twin = has_twin };
	pid_t pids[4], host;

	cr_assert_eq(pipe2(family.fds, O_CLOEXEC), 0);
	host = support_fork(be_a_host, &family);
	close(family.fds[1]);
	cr_assert_eq(read(family.fds[0], pids, sizeof(pids)), sizeof(pids));
	close(family.fds[0]);
	cr_assert_eq(kill(host, SIGKILL), 0);
	cr_assert(WIFSIGNALED(support_join(host)));
	for (int i = 0; i < 3; i++)
		cr_expect(support_wait_gone(pids[i]), "%d lives", i);
	if (has_twin)
		kill(pids[3], SIGKILL);
	expect_end_of(pids, has_twin ? 4 : 3);
}

Test(children_kill, nothing_outlives_a_killed_host)
{
	kill_the_host(false);
}

#ifdef HAVE_PIDFD_OPEN
/*
 * The copy has the control channel open, so the supervisor reads no end-of-file
 * when the host dies.  A pidfd tells the supervisor.
 */
Test(children_kill, nothing_outlives_a_killed_host_that_has_forked)
{
	kill_the_host(true);
}
#endif
