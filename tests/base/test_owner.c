/* SPDX-License-Identifier: ISC */

/*
 * Claims about the number of this process: right in every kind of child, and
 * asked of the kernel once.
 */

#include "base/owner.h"
#include "support/support.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

BROOD_SUITE(owner);

enum { N_ASKED = 1000, N_THREADS = 4 };

static int n_getpid;

pid_t	__real_getpid(void);
pid_t	__wrap_getpid(void);

pid_t
__wrap_getpid(void)
{
	__atomic_fetch_add(&n_getpid, 1, __ATOMIC_RELAXED);
	return __real_getpid();
}

/* In a child: is its number its own, and not its parent's? */
static int
child_knows_itself(void *arg)
{
	const pid_t *parent = arg;

	return brood__owner_self() == __real_getpid() &&
	    brood__owner_self() != *parent ? 0 : 1;
}

Test(owner, self_is_what_getpid_gives)
{
	cr_assert_eq(brood__owner_self(), __real_getpid());
	cr_assert_eq(brood__owner_self(), __real_getpid());
}

Test(owner, a_forked_child_is_another_process)
{
	pid_t self = brood__owner_self();

	cr_assert_eq(support_join(support_fork(child_knows_itself, &self)), 0);
	cr_assert_eq(brood__owner_self(), self);
}

#ifdef SYS_clone
/* The C library does not see this child being made. */
Test(owner, a_child_of_the_bare_system_call_is_another_process)
{
	pid_t self = brood__owner_self(), pid;
	int status;

	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(child_knows_itself(&self));
	cr_assert_gt(pid, 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
}
#endif

static int
child_of_a_child(void *arg)
{
	pid_t self = brood__owner_self();

	return child_knows_itself(arg) != 0 ||
	    support_join(support_fork(child_knows_itself, &self)) != 0;
}

Test(owner, a_childs_child_is_another_process_again)
{
	pid_t self = brood__owner_self();

	cr_assert_eq(support_join(support_fork(child_of_a_child, &self)), 0);
}

static void *
ask(void *arg)
{
	pid_t self = *(const pid_t *)arg;

	for (int i = 0; i < N_ASKED; i++)
		if (brood__owner_self() != self)
			return arg;
	return NULL;
}

static int
ask_in_threads(void *arg)
{
	pthread_t threads[N_THREADS];
	pid_t self = __real_getpid();
	void *wrong;
	int n_wrong = 0;

	(void)arg;
	for (int i = 0; i < N_THREADS; i++)
		if (pthread_create(&threads[i], NULL, ask, &self) != 0)
			return 2;
	for (int i = 0; i < N_THREADS; i++) {
		(void)pthread_join(threads[i], &wrong);
		n_wrong += wrong != NULL;
	}
	return n_wrong > 0;
}

/* In a child, where nobody has asked yet. */
Test(owner, threads_that_ask_first_together_get_the_same)
{
	cr_assert_eq(support_join(support_fork(ask_in_threads, NULL)), 0);
}

#ifdef HAVE_MADV_WIPEONFORK
Test(owner, the_kernel_is_asked_once)
{
	int before;

	(void)brood__owner_self();
	before = n_getpid;
	for (int i = 0; i < N_ASKED; i++)
		(void)brood__owner_self();
	cr_assert_eq(n_getpid, before);
}
#endif
