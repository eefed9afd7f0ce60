/* SPDX-License-Identifier: ISC */

/*
 * Confinement of one child; and what a program is told of its own.
 */

#include "process/confine.h"
#include "support/confined.h"

#include <brood/child.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

BROOD_SUITE(confine);

Test(confine, levels_have_names)
{
	cr_assert_str_eq(brood_confine_level_name(0), "none");
	cr_assert_str_eq(brood_confine_level_name(2), "calls");
	cr_assert_str_eq(brood_confine_level_name(4), "spaces");
	cr_assert_str_eq(brood_confine_level_name(5), "unknown");
}

/* Children */

/* The error of a call that each level denies from the one given on. */
static int
child_open(struct brood_channel *channel, void *arg)
{
	(void)channel;
	(void)arg;
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int
child_socket(struct brood_channel *channel, void *arg)
{
	(void)channel;
	(void)arg;
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int
status_of(brood_child_fn fn, unsigned level)
{
	const struct brood_confine confine = { .level = level };
	const struct brood_child_options options = { .confine = &confine };
	struct brood_child *child = NULL;
	int status = -1, r;

	r = brood_child_fork(&child, &options, fn, NULL);
	cr_assert(r == 0, "%d", r);
	cr_assert(brood_child_wait(child, &status) == 0);
	(void)brood_child_free(child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(confine, forked_child_is_confined)
{
	cr_assert(status_of(child_open, 0) == 0);
	cr_assert(status_of(child_socket, 0) == 0);
	confined_needs(BROOD_CONFINE_FILES);
	cr_assert(status_of(child_open, 1) ==
	    (confined_landlock(CONFINED_LANDLOCK) ? EACCES : 0));
	cr_assert(status_of(child_socket, 1) == 0);
	confined_needs(BROOD_CONFINE_CALLS);
	cr_assert(status_of(child_open, 2) == EACCES);
	cr_assert(status_of(child_socket, 2) == EPERM);
}

Test(confine, child_that_cannot_be_confined_is_an_error)
{
	static const char *const paths[] = { "/no/such/path", NULL };
	struct brood_confine confine = { .level = 1, .ro = paths };
	const struct brood_child_options options = { .confine = &confine };
	const char *const argv[] = { "/bin/true", NULL };
	struct brood_child *child = NULL;

	cr_assert(brood_child_fork(&child, &options, child_open, NULL) < 0);
	cr_assert(brood_child_exec(&child, &options, argv) < 0);
	confine = (struct brood_confine){ .level = 7 };
	cr_assert(brood_child_fork(&child, &options, child_open, NULL) ==
	    -EINVAL);
	cr_assert(brood_child_exec(&child, &options, argv) == -EINVAL);
}

static int
status_of_script(const struct brood_confine *confine, const char *script)
{
	const struct brood_child_options options = { .confine = confine };
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	struct brood_child *child = NULL;
	int status = -1, r;

	r = brood_child_exec(&child, &options, argv);
	if (r < 0)
		return r;
	cr_assert(brood_child_wait(child, &status) == 0);
	(void)brood_child_free(child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(confine, executed_child_is_confined)
{
	const struct brood_confine confine = { .level = BROOD_CONFINE_FILES };
	static const char script[] =
	    "read line </etc/passwd && "
	    "! (: >/tmp/brood-confined) 2>/dev/null && "
	    "! (read line </proc/self/status) 2>/dev/null";

	confined_needs_landlock();
	cr_assert(status_of_script(&confine, script) == 0);
}

/* Nobody would learn that the program has not gone on from level 1. */
Test(confine, executed_child_cannot_be_asked_for_more_than_level_1)
{
	struct brood_confine confine = { .level = BROOD_CONFINE_CALLS };

	cr_assert(status_of_script(&confine, "exit 0") == -EINVAL);
	confined_needs(BROOD_CONFINE_FILES);
	confine = (struct brood_confine){
		.level = BROOD_CONFINE_FILES, .up_to = BROOD_CONFINE_CALLS,
	};
	cr_assert(status_of_script(&confine, "exit 0") == 0);
}

/* What a program is told */

Test(confine, program_that_is_told_nothing_does_nothing)
{
	struct brood__failure failure;
	struct brood__confined confined;

	(void)unsetenv(BROOD__ENV_CONFINE);
	cr_assert(brood__confine_from_env(&confined, &failure) == 0);
	cr_assert(confined.reached == 0);
}

Test(confine, nonsense_is_refused)
{
	static const char *const texts[] = {
		"", "0", "000", "0000", "05 @", "50@@", "001\t", "000H",
		"000?", "000@x", "000@socket", "-10@", "9", "0004",
	};
	struct brood__failure failure;
	struct brood__confined confined;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		(void)setenv(BROOD__ENV_CONFINE, texts[i], 1);
		cr_assert(brood__confine_from_env(&confined, &failure) ==
		    -EINVAL, "%s", texts[i]);
		cr_assert_str_eq(failure.step, "confine");
		cr_assert(failure.text[0] != '\0');
	}
	(void)unsetenv(BROOD__ENV_CONFINE);
}

Test(confine, program_is_told_what_was_asked_for)
{
	static const char *const names[] = { "socket", "sync", NULL };
	static const char *const paths[] = { "/", NULL };
	const struct brood_confine confine = {
		.level = 1, .up_to = 3, .syscalls = names, .ro = paths,
	};
	const struct brood__confined confined = { .reached = 2 };
	char *string = NULL;

	cr_assert(brood__confine_env_new(&string, &confine, true) == 0);
	brood__confine_env_set(string, &confined);
	cr_assert_str_eq(string, "BROOD_CONFINE=213E,socket,sync");
	free(string);
	cr_assert(brood__confine_env_new(&string,
	    &(struct brood_confine){ .nice = 1 }, true) == 0);
	cr_assert(string == NULL);
}
