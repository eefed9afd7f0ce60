/* SPDX-License-Identifier: ISC */

/*
 * The steps of confinement.  A step that belongs to a level may fail if that
 * level need not be reached; all others must succeed.
 */

#include "process/confine.h"

#include "base/reserved.h"
#include "process/cgroup.h"
#include "process/identity.h"
#include "process/landlock.h"
#include "process/limits.h"
#include "process/seccomp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_NAMESPACES
#include <sched.h>
#include <sys/prctl.h>
#endif

/* Options */

static unsigned
confine_up_to(const struct brood_confine *confine)
{
	return confine->up_to > confine->level ? confine->up_to :
	    confine->level;
}

static bool
confine_has_files(const struct brood_confine *confine)
{
	return confine->ro != NULL || confine->rw != NULL;
}

static int
confine_refuse(struct brood__failure *failure, const char *text)
{
	return brood__failure_set(failure, "confine", EINVAL, "%s", text);
}

static int
confine_check_level(const struct brood_confine *confine, bool is_program,
    struct brood__failure *failure)
{
	if (confine->level > BROOD_CONFINE_SPACES ||
	    confine->up_to > BROOD_CONFINE_SPACES)
		return confine_refuse(failure, "there are levels 0 to 4");
	if (confine->level >= BROOD_CONFINE_USER && confine->uid == 0)
		return confine_refuse(failure, "level 3 needs a uid");
	if (confine->level >= BROOD_CONFINE_USER && confine->chroot == NULL) {
		if (is_program)
			return confine_refuse(failure, "level 3 needs a chroot "
			    "with the program in it");
		if (confine_has_files(confine))
			return confine_refuse(failure, "ro and rw need a "
			    "chroot at level 3: without one its root is empty");
	}
	if (confine->learn > 1 || (confine->learn == 1 &&
	    confine_up_to(confine) > 0))
		return confine_refuse(failure, "learn goes with level 0");
	return 0;
}

int
brood__confine_check(const struct brood_confine *confine, bool is_program,
    struct brood__failure *failure)
{
	int r;

	if (confine == NULL)
		return 0;
	if (confine->reserved_1 != 0 || !BROOD__RESERVED_IS_ZERO(confine))
		return confine_refuse(failure, "a reserved field is not 0");
	if (confine->n_groups > 0 && confine->groups == NULL)
		return confine_refuse(failure, "groups is not set");
	if (confine->threads != 0 && !is_program)
		return confine_refuse(failure, "threads is for programs only");
	r = confine_check_level(confine, is_program, failure);
	if (r == 0)
		r = brood__limits_check(confine, failure);
	if (r == 0)
		r = brood__cgroup_check(confine->cgroup, failure);
	return r < 0 ? r : brood__seccomp_check(confine->syscalls, failure);
}

/* Steps */

/*
 * A step of this level gave r.  If that is a fault which the level may have, go
 * on; below that level nothing is lost.
 */
static int
confine_step(struct brood__confined *confined, unsigned level, int r)
{
	if (r == 0)
		return 0;
	if (level <= confined->least)
		return r;
	if (confined->reached >= level)
		confined->reached = level - 1;
	return 0;
}

/*
 * Landlock holds for one thread and those it starts, and so does a filter.  The
 * kernel does not unshare what several threads have.
 */
static int
confine_check_threads(struct brood__failure *failure)
{
#ifdef HAVE_NAMESPACES
	if (unshare(CLONE_THREAD) < 0 && errno == EINVAL)
		return brood__failure_set(failure, "threads", EBUSY,
		    "a process can be confined only before it starts threads");
#endif
	(void)failure;
	return 0;
}

static int
confine_no_new_privileges(struct brood__failure *failure)
{
#ifdef HAVE_NAMESPACES
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		return 0;
	return brood__failure_set(failure, "confine", errno,
	    "PR_SET_NO_NEW_PRIVS");
#else
	return brood__failure_set(failure, "confine", ENOSYS,
	    "this system cannot confine processes");
#endif
}

static int
confine_hide(struct brood__failure *failure)
{
#ifdef HAVE_NAMESPACES
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
		return 0;
#endif
	return brood__failure_set(failure, "confine", errno, "PR_SET_DUMPABLE");
}

/* Level 3: another user, and no capability. */
static int
confine_become(struct brood__confined *confined,
    const struct brood_confine *confine, struct brood__failure *failure)
{
	int r;

	if (confined->up_to >= BROOD_CONFINE_USER && (confine->uid == 0 ||
	    confine->uid == getuid())) {
		r = brood__failure_set(failure, "user", EINVAL,
		    "level 3 is as another user");
		r = confine_step(confined, BROOD_CONFINE_USER, r);
		if (r < 0)
			return r;
	}
	return brood__identity_set_user(confine, failure);
}

/* Without a root of its own a process of level 3 has an empty one. */
static int
confine_set_root(struct brood__confined *confined,
    const struct brood_confine *confine, const char *program,
    struct brood__failure *failure)
{
	if (confine->chroot != NULL)
		return brood__identity_set_root(confine, failure);
	if (confined->up_to < BROOD_CONFINE_USER)
		return 0;
	/* Then there is no program in it, and no path. */
	if (program != NULL || confined->has_files)
		return confine_step(confined, BROOD_CONFINE_USER,
		    confine_refuse(failure, "level 3 needs a chroot"));
	return confine_step(confined, BROOD_CONFINE_USER,
	    brood__identity_set_root(confine, failure));
}

static int
confine_set_directory(const struct brood_confine *confine,
    struct brood__failure *failure)
{
	if (confine->directory == NULL || chdir(confine->directory) == 0)
		return 0;
	return brood__failure_set(failure, "chdir", errno, "%.200s",
	    confine->directory);
}

/* Where it is, and which files are left of that. */
static int
confine_place(struct brood__confined *confined,
    const struct brood_confine *confine, const char *program, int *ret_rules,
    struct brood__failure *failure)
{
	int r;

	r = confine_set_root(confined, confine, program, failure);
	if (r == 0)
		r = confine_set_directory(confine, failure);
	if (r < 0 || confined->up_to < BROOD_CONFINE_FILES)
		return r;
	r = brood__landlock_open(ret_rules, confine, program, failure);
	/* Paths that cannot be kept are a fault at any level. */
	return confined->has_files ? r :
	    confine_step(confined, BROOD_CONFINE_FILES, r);
}

/* What it is left of its rights; the last steps but the filter. */
static int
confine_restrict(struct brood__confined *confined, const char *program,
    int rules, struct brood__failure *failure)
{
	int r = 0;

	if (confined->up_to >= BROOD_CONFINE_USER)
		r = confine_step(confined, BROOD_CONFINE_USER,
		    brood__identity_drop_capabilities(failure));
	if (r < 0 || confined->up_to < BROOD_CONFINE_FILES)
		return r;
	r = confine_step(confined, BROOD_CONFINE_FILES,
	    confine_no_new_privileges(failure));
	if (r == 0)
		r = brood__landlock_restrict(rules, failure);
	/* A program becomes visible again as it is executed. */
	if (r == 0 && program == NULL)
		r = confine_step(confined, BROOD_CONFINE_FILES,
		    confine_hide(failure));
	return r;
}

/*
 * A user who is not root can leave the namespaces, but not after a change of
 * the root directory; and can change that in the new ones, but not before.
 */
static int
confine_enter(struct brood__confined *confined,
    const struct brood_confine *confine, const char *program,
    struct brood__failure *failure)
{
	bool leaves = confined->up_to >= BROOD_CONFINE_SPACES;
	int rules = -1, r = 0;

	if (confined->up_to >= BROOD_CONFINE_FILES && program == NULL)
		r = confine_check_threads(failure);
	if (r == 0)
		r = brood__limits_set_scheduling(confine, failure);
	if (r == 0 && !leaves)
		r = confine_place(confined, confine, program, &rules, failure);
	if (r == 0)
		r = brood__limits_set(confine, failure);
	if (r == 0)
		r = confine_become(confined, confine, failure);
	if (r == 0 && leaves) {
		r = confine_step(confined, BROOD_CONFINE_SPACES,
		    brood__identity_leave_namespaces(failure));
		if (r == 0)
			r = confine_place(confined, confine, program, &rules,
			    failure);
	}
	return r < 0 ? r : confine_restrict(confined, program, rules, failure);
}

int
brood__confine_enter(struct brood__confined *ret_confined,
    const struct brood_confine *confine, const char *program,
    struct brood__failure *failure)
{
	*ret_confined = (struct brood__confined) { .least = 0 };
	if (confine == NULL)
		return 0;
	*ret_confined = (struct brood__confined) {
		.least = confine->level,
		.up_to = confine_up_to(confine),
		.reached = confine_up_to(confine),
		.has_files = confine_has_files(confine),
		.is_learning = confine->learn != 0,
		.syscalls = confine->syscalls,
	};
	return confine_enter(ret_confined, confine, program, failure);
}

int
brood__confine_seal(struct brood__confined *confined,
    struct brood__failure *failure)
{
	const struct brood__seccomp seccomp = {
		.names = confined->syscalls,
		.has_files = confined->has_files,
		.sends_fds = confined->sends_fds,
		.is_learning = confined->is_learning,
	};
	int r;

	if (confined->is_learning) {
		r = confine_no_new_privileges(failure);
		return r < 0 ? r : brood__seccomp_load(&seccomp, failure);
	}
	if (confined->up_to < BROOD_CONFINE_CALLS)
		return 0;
	/*
	 * Calls that are allowed do more for root: to have the kernel take a
	 * page of the host's ring out of use, madvise(2), is one.
	 */
	r = confine_step(confined, BROOD_CONFINE_CALLS,
	    brood__identity_drop_capabilities(failure));
	return r < 0 ? r : confine_step(confined, BROOD_CONFINE_CALLS,
	    brood__seccomp_load(&seccomp, failure));
}

/* Programs */

/* BROOD_CONFINE is four digits or letters, and names behind commas. */
enum {
	ENV_REACHED = sizeof(BROOD__ENV_CONFINE),	/* behind the "=" */
	ENV_LEAST,
	ENV_UP_TO,
	ENV_FLAGS,
	ENV_NAMES,
};

/* What ENV_FLAGS is: a letter, from here on, of these bits. */
enum {
	ENV_FLAG_ZERO = '@',
	ENV_FLAG_FILES = 1,
	ENV_FLAG_LEARN = 2,
	ENV_FLAG_FDS = 4,
	ENV_FLAGS_ALL = 7,
};

int
brood__confine_env_new(char **ret_string, const struct brood_confine *confine,
    bool sends_fds)
{
	size_t size = ENV_NAMES + 1, end;
	char *string;

	*ret_string = NULL;
	if (confine == NULL ||
	    (confine_up_to(confine) == 0 && confine->learn == 0))
		return 0;
	for (size_t i = 0; confine->syscalls != NULL &&
	    confine->syscalls[i] != NULL; i++)
		size += strlen(confine->syscalls[i]) + 1;
	string = malloc(size);
	if (string == NULL)
		return -ENOMEM;
	end = (size_t)snprintf(string, size, BROOD__ENV_CONFINE "=0%u%u%c",
	    confine->level, confine_up_to(confine), ENV_FLAG_ZERO |
	    (confine_has_files(confine) ? ENV_FLAG_FILES : 0) |
	    (confine->learn != 0 ? ENV_FLAG_LEARN : 0) |
	    (sends_fds ? ENV_FLAG_FDS : 0));
	for (size_t i = 0; confine->syscalls != NULL &&
	    confine->syscalls[i] != NULL; i++)
		end += (size_t)snprintf(string + end, size - end, ",%s",
		    confine->syscalls[i]);
	*ret_string = string;
	return 0;
}

void
brood__confine_env_set(char *string, const struct brood__confined *confined)
{
	string[ENV_REACHED] = (char)('0' + confined->reached);
}

static bool
confine_is_level(char c)
{
	return c >= '0' && c <= '0' + BROOD_CONFINE_SPACES;
}

/* Split names at commas, in place; the list is to be freed. */
static int
confine_split(char *names, char ***ret_list)
{
	size_t n = 0;
	char **list;

	for (const char *c = names; *c != '\0'; c++)
		n += *c == ',';
	list = calloc(n + 1, sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		names = strchr(names, ',');
		*names++ = '\0';
		list[i] = names;
	}
	*ret_list = list;
	return 0;
}

static int
confine_resume(struct brood__confined *confined, struct brood__failure *failure)
{
	int r = 0;

	if (confined->up_to >= BROOD_CONFINE_FILES)
		r = confine_check_threads(failure);
	if (r == 0 && confined->up_to >= BROOD_CONFINE_FILES)
		r = confine_step(confined, BROOD_CONFINE_FILES,
		    confine_hide(failure));
	return r < 0 ? r : brood__confine_seal(confined, failure);
}

int
brood__confine_from_env(struct brood__confined *ret_confined,
    struct brood__failure *failure)
{
	const char *told = getenv(BROOD__ENV_CONFINE);
	char *copy, *string, **names;
	int r;

	*ret_confined = (struct brood__confined) { .least = 0 };
	if (told == NULL)
		return 0;
	if (strlen(told) < ENV_NAMES - ENV_REACHED ||
	    !confine_is_level(told[0]) || !confine_is_level(told[1]) ||
	    !confine_is_level(told[2]) || told[3] < ENV_FLAG_ZERO ||
	    told[3] > (ENV_FLAG_ZERO | ENV_FLAGS_ALL) ||
	    (told[4] != '\0' && told[4] != ','))
		return confine_refuse(failure, BROOD__ENV_CONFINE
		    " in the environment is not what brood writes there");
	if (asprintf(&copy, "%s", told) < 0)
		return -ENOMEM;
	string = copy;
	r = confine_split(string + 4, &names);
	if (r == 0) {
		*ret_confined = (struct brood__confined) {
			.reached = (unsigned)(told[0] - '0'),
			.least = (unsigned)(told[1] - '0'),
			.up_to = (unsigned)(told[2] - '0'),
			.has_files = (told[3] & ENV_FLAG_FILES) != 0,
			.sends_fds = (told[3] & ENV_FLAG_FDS) != 0,
			.is_learning = (told[3] & ENV_FLAG_LEARN) != 0,
			.syscalls = (const char *const *)names,
		};
		r = confine_resume(ret_confined, failure);
		ret_confined->syscalls = NULL;
		free(names);
	}
	free(copy);
	return r;
}
