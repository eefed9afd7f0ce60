/* SPDX-License-Identifier: ISC */

/*
 * Listeners that the service manager has opened: LISTEN_FDS and what goes with
 * it.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "support/support.h"
#include "support/tmpdir.h"

TMPDIR_SUITE(listener_inherit);

struct inherited {
	int fds[2];
	const char *names;
};

/*
 * Set the process up as a service manager does before exec: the sockets have
 * the numbers 3 and 4, and the environment says for which pid they are.
 */
static bool
inherit_begin(const struct inherited *given, pid_t pid)
{
	char number[16];
	int fds[2];

	/*
	 * The descriptors may have the numbers 3 and 4 already, in the wrong
	 * order.
	 */
	for (int i = 0; i < 2; i++)
		fds[i] = fcntl(given->fds[i], F_DUPFD_CLOEXEC, 100);
	for (int i = 0; i < 2; i++)
		if (fds[i] < 0 || dup2(fds[i], 3 + i) < 0)
			return false;
	(void)snprintf(number, sizeof(number), "%d", (int)pid);
	return setenv("LISTEN_PID", number, 1) == 0 &&
	    setenv("LISTEN_FDS", "2", 1) == 0 &&
	    (given->names == NULL ? unsetenv("LISTEN_FDNAMES") :
	    setenv("LISTEN_FDNAMES", given->names, 1)) == 0;
}

static int
take_both(void *arg)
{
	const struct inherited *given = arg;
	struct brood_listener *listener[2], *none;
	const char *name[2];
	int fd, client;

	if (!inherit_begin(given, getpid()))
		return 1;
	for (unsigned i = 0; i < 2; i++)
		if (brood_listener_inherit(&listener[i], i, &name[i]) != 0)
			return 2;
	if (brood_listener_fd(listener[1]) != 4 || (fcntl(4, F_GETFD) & FD_CLOEXEC) == 0)
		return 3;
	if (strcmp(name[0], given->names == NULL ? "" : "web") != 0 ||
	    strcmp(name[1], given->names == NULL ? "" : "admin.socket") != 0)
		return 4;
	if (brood_listener_inherit(&none, 2, NULL) != -ENOENT)
		return 5;
	if (brood_socket_connect(tmpdir_path("b"), 1000, &client, NULL) != 0 ||
	    brood_listener_accept(listener[1], 1000, &fd, NULL) != 1)
		return 6;
	for (unsigned i = 0; i < 2; i++)
		(void)brood_listener_free(listener[i]);
	return tmpdir_has("a") && tmpdir_has("b") ? 0 : 7;
}

static int
take_none(void *arg)
{
	struct brood_listener *listener;

	if (brood_listener_inherit(&listener, 0, NULL) != -ENOENT)
		return 1;
	if (!inherit_begin(arg, getppid()) ||
	    brood_listener_inherit(&listener, 0, NULL) != -ENOENT)
		return 2;
	if (!inherit_begin(arg, getpid()) ||
	    setenv("LISTEN_FDS", "many", 1) < 0 ||
	    brood_listener_inherit(&listener, 0, NULL) != -ENOENT)
		return 3;
	return brood_listener_inherit(&listener, 0xffffffff, NULL) == -ENOENT ?
	    0 : 4;
}

static int
take_wrong(void *arg)
{
	struct brood_listener *listener;
	struct inherited given = *(struct inherited *)arg;

	given.fds[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
	given.fds[1] = open("/dev/null", O_RDONLY);
	if (!inherit_begin(&given, getpid()))
		return 1;
	if (brood_listener_inherit(&listener, 0, NULL) != -EPROTOTYPE ||
	    brood_listener_inherit(&listener, 1, NULL) != -ENOTSOCK)
		return 2;
	given.fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	given.fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	if (listen(given.fds[1], 1) < 0 || !inherit_begin(&given, getpid()))
		return 3;
	if (brood_listener_inherit(&listener, 0, NULL) != -EPROTOTYPE ||
	    brood_listener_inherit(&listener, 1, NULL) != -EPROTOTYPE)
		return 4;
	return 0;
}

static struct inherited
inherited_new(const char *names)
{
	struct inherited given = { .names = names };

	given.fds[0] = tmpdir_bind("a", SOCK_STREAM);
	given.fds[1] = tmpdir_bind("b", SOCK_STREAM);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(listen(given.fds[i], 5), 0);
	return given;
}

static void
inherited_free(struct inherited *given)
{
	(void)close(given->fds[0]);
	(void)close(given->fds[1]);
	tmpdir_remove("a");
	tmpdir_remove("b");
}

Test(listener_inherit, inherited_listeners_have_names_and_their_files_stay)
{
	struct inherited given = inherited_new("web:admin.socket:more");

	support_in_child(take_both, &given);
	inherited_free(&given);
}

Test(listener_inherit, inherited_listeners_without_names_are_called_nothing)
{
	struct inherited given = inherited_new(NULL);

	support_in_child(take_both, &given);
	inherited_free(&given);
}

Test(listener_inherit, listeners_for_another_process_are_not_inherited)
{
	struct inherited given = inherited_new("");

	support_in_child(take_none, &given);
	inherited_free(&given);
}

Test(listener_inherit, what_is_no_unix_stream_listener_is_not_inherited)
{
	struct inherited given = inherited_new("");

	support_in_child(take_wrong, &given);
	inherited_free(&given);
}
