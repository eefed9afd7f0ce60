/* SPDX-License-Identifier: ISC */

/*
 * The scenarios of pools whose workers are confined.
 */

#include "faults/pool.h"
#include "support/groups.h"

#include <sys/resource.h>

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <unistd.h>

#ifdef HAVE_LIBSECCOMP
enum { HAS_SECCOMP = 1 };
#else
enum { HAS_SECCOMP = 0 };
#endif

#ifdef HAVE_LANDLOCK
enum { HAS_LANDLOCK = 1 };
#else
enum { HAS_LANDLOCK = 0 };
#endif

enum { NOBODY = 65534 };

/* A program of its own, or a handler. */
static int
run_confined(const struct brood_confine *confine, bool is_program)
{
	static const struct brood_request_options again = {
		.flags = BROOD_IDEMPOTENT,
	};
	const char *argv[] = { scenario_program, "--worker", NULL };
	struct brood_pool_options options = pool_usual;
	struct work work;
	int r;

	if (is_program) {
		options.handler = NULL;
		options.setup = NULL;
		options.argv = argv;
		options.keep_fds = &fault_region_fd;
		options.n_keep_fds = 1;
	}
	options.confine = confine;
	options.last_words = 1;
	options.max_rss = UINT64_MAX;
	options.workers = 1;
	r = work_start(&work, &options);
	for (int i = 0; r == 0 && i < 3; i++)
		r = work_submit(&work, ECHO, 100, NULL, 0);
	if (r == 0)
		r = work_submit(&work, DIE, 64, &again, 0);
	return work_close(&work, r);
}

/* Which processor may this process use? */
static uint32_t
first_cpu(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
			if (CPU_ISSET(cpu, &set))
				return cpu;
	return 0;
}

/*
 * As far as this system and user allow.  With paths a process of level 3 has to
 * have a root with these in it, so there are runs with paths and without.
 */
int
run_pool_confined(void)
{
	static const char *const ro[] = { "/", NULL };
	static const char *const calls[] = { "mbind", NULL };
	static const struct brood_rlimit no_core = {
		.resource = RLIMIT_CORE,
	};
	const uint32_t cpu = first_cpu();
	const struct brood_confine paths = {
		.up_to = BROOD_CONFINE_CALLS,
		.ro = HAS_LANDLOCK ? ro : NULL,
		.rw = HAS_LANDLOCK ? ro : NULL,
		.syscalls = HAS_SECCOMP ? calls : NULL,
		.chroot = geteuid() == 0 ? "/" : NULL,
		.rlimits = &no_core,
		.n_rlimits = 1,
		.directory = "/",
		.cpus = &cpu,
		.n_cpus = 1,
		.nice = 1,
		.scheduling = BROOD_SCHEDULING_BATCH,
		.umask = 022,
	};
	const struct brood_confine most = {
		.up_to = BROOD_CONFINE_SPACES,
		.uid = geteuid() == 0 ? NOBODY : 0,
		.gid = geteuid() == 0 ? NOBODY : 0,
	};
	int r = run_confined(&paths, false);

	if (r == 0)
		r = run_confined(&paths, true);
	return r < 0 ? r : run_confined(&most, false);
}

int
run_pool_learn(void)
{
	static const struct brood_confine learn = { .learn = HAS_SECCOMP };

	return run_confined(&learn, false);
}

/* Control groups */

static char directory[PATH_MAX];
static const struct brood_cgroup cgroup = { .directory = directory };
static const struct brood_confine grouped = { .cgroup = &cgroup };

static int
do_nothing(struct brood_channel *channel, void *arg)
{
	(void)channel;
	(void)arg;
	return 0;
}

int
run_child_cgroup(void)
{
	static const struct brood_child_options options = {
		.confine = &grouped,
	};
	struct brood_child *child = NULL;
	int r;

	if (!groups_find(directory, sizeof(directory)))
		return 0;
	r = TRY(brood_child_fork(&child, &options, do_nothing, NULL));
	(void)brood_child_free(child);
	return r;
}

/* What workers leave is killed, and so is what the last one leaves. */
int
run_pool_cgroup(void)
{
	static const struct brood_request_options again = {
		.flags = BROOD_IDEMPOTENT,
	};
	struct brood_pool_options options = pool_usual;
	struct work work;
	int r;

	if (!groups_find(directory, sizeof(directory)))
		return 0;
	options.confine = &grouped;
	options.workers = 1;
	r = work_start(&work, &options);
	if (r == 0)
		r = work_submit(&work, LEAVE, 64, NULL, 0);
	if (r == 0)
		r = work_submit(&work, DIE, 64, &again, 0);
	if (r == 0)
		r = work_submit(&work, LEAVE, 64, NULL, 0);
	return work_close(&work, r);
}
