/* SPDX-License-Identifier: ISC */

/*
 * Claims about who may connect, at every moment.
 *
 * A wrong mode might last for microseconds only, so the tests do not wait for
 * it to be seen by chance.  The program is linked with --wrap=bind and
 * --wrap=listen: functions of this file look at the socket file right after
 * bind(2) and right before listen(2).
 */

#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/support.h"
#include "support/tmpdir.h"

TMPDIR_SUITE(listener_mode);

static struct {
	char path[128];		/* watched for; "": none */
	struct stat at_bind;	/* when bind(2) has just returned */
	struct stat at_listen;	/* before listen(2) lets anyone connect */
	int listen_error;	/* that listen(2) is to fail with */
} watched;

int	__real_bind(int fd, const void *addr, socklen_t len);
int	__wrap_bind(int fd, const void *addr, socklen_t len);
int	__real_listen(int fd, int backlog);
int	__wrap_listen(int fd, int backlog);

int
__wrap_bind(int fd, const void *addr, socklen_t len)
{
	int r = __real_bind(fd, addr, len);

	if (r == 0 && watched.path[0] != '\0')
		(void)lstat(watched.path, &watched.at_bind);
	return r;
}

int
__wrap_listen(int fd, int backlog)
{
	if (watched.path[0] != '\0')
		(void)lstat(watched.path, &watched.at_listen);
	if (watched.listen_error != 0) {
		errno = watched.listen_error;
		return -1;
	}
	return __real_listen(fd, backlog);
}

static void
watch(const char *name)
{
	memset(&watched, 0, sizeof(watched));
	(void)snprintf(watched.path, sizeof(watched.path), "%s",
	    tmpdir_path(name));
}

struct modes {
	mode_t umask;
	mode_t mode;
};

/*
 * The umask belongs to the whole process, so each test of it runs in a child.
 */
static int
listen_with_mode(void *arg)
{
	const struct modes *modes = arg;
	struct brood_listener_options options = {
	    .mode = modes->mode };
	struct brood_listener *listener;
	int r;

	watch("s");
	(void)umask(modes->umask);
	r = brood_listener_new(&listener, watched.path, &options, NULL);
	if (r < 0)
		return 1;
	if (!S_ISSOCK(watched.at_bind.st_mode) ||
	    (watched.at_bind.st_mode & 0777 & ~modes->mode) != 0)
		return 2;
	if ((watched.at_listen.st_mode & 07777) != modes->mode)
		return 3;
	if (tmpdir_mode("s") != modes->mode)
		return 4;
	if (umask(0) != modes->umask)
		return 5;
	(void)brood_listener_free(listener);
	return tmpdir_has("s") || tmpdir_has("s.lock") ? 6 : 0;
}

Test(listener_mode, mode_is_exact_whatever_the_umask_and_never_more)
{
	const mode_t umasks[] = { 0, 022, 077, 0777 };
	const mode_t modes[] = { 0600, 0666, 0620, 0660, 0200 };

	for (size_t i = 0; i < sizeof(umasks) / sizeof(umasks[0]); i++)
		for (size_t j = 0; j < sizeof(modes) / sizeof(modes[0]); j++)
			support_in_child(listen_with_mode, &(struct modes){
			    umasks[i], modes[j] });
}

static int
listen_by_default(void *arg)
{
	struct brood_listener *listener;

	(void)arg;
	watch("s");
	(void)umask(0);
	if (brood_listener_new(&listener, watched.path, NULL, NULL) < 0)
		return 1;
	if ((watched.at_bind.st_mode & 0777) != 0600 ||
	    tmpdir_mode("s") != 0600 || tmpdir_mode("s.lock") != 0600)
		return 2;
	(void)brood_listener_free(listener);
	return 0;
}

Test(listener_mode, mode_is_0600_unless_set)
{
	support_in_child(listen_by_default, NULL);
}

Test(listener_mode, peer_is_never_open_to_others)
{
	struct brood_peer *peer = NULL;
	mode_t before = umask(0);

	watch("p-a");
	cr_assert_eq(brood_peer_new(&peer, tmpdir_dir(), "p", "a", NULL), 0);
	(void)umask(before);
	cr_assert_eq(watched.at_bind.st_mode & 07777, 0600);
	brood_peer_free(peer);
	watched.path[0] = '\0';
}

Test(listener_mode, mode_that_is_none_is_einval)
{
	struct brood_listener_options options = { .mode = 04600 };
	struct brood_listener *listener = NULL;

	cr_assert_eq(brood_listener_new(&listener, tmpdir_path("s"), &options,
	    NULL), -EINVAL);
	options = (struct brood_listener_options){ .backlog = -1 };
	cr_assert_eq(brood_listener_new(&listener, tmpdir_path("s"), &options,
	    NULL), -EINVAL);
	cr_assert_null(listener);
}

/* Root can give the file to another user. Others can only keep it, or fail. */
Test(listener_mode, owner_and_group_are_set_before_anyone_can_connect)
{
	struct brood_listener_options options = { .mode = 0660,
	    .uid = geteuid() == 0 ? 12345 : geteuid(),
	    .gid = geteuid() == 0 ? 23456 : getegid() };
	struct brood_listener *listener = NULL;

	watch("s");
	cr_assert_eq(brood_listener_new(&listener, watched.path, &options,
	    NULL), 0);
	cr_assert_eq(watched.at_listen.st_uid, options.uid);
	cr_assert_eq(watched.at_listen.st_gid, options.gid);
	cr_assert_eq(watched.at_listen.st_mode & 07777, 0660);
	brood_listener_free(listener);
	watched.path[0] = '\0';
}

static int
give_away(void *arg)
{
	struct brood_listener_options options = { .uid = 1 };
	struct brood_listener *listener;
	char text[BROOD_TEXT_SIZE] = "";

	(void)arg;
	if (!tmpdir_become_nobody())
		return 1;
	if (brood_listener_new(&listener, tmpdir_path("s"), &options, text) !=
	    -EPERM)
		return 2;
	if (strstr(text, tmpdir_path("s")) == NULL ||
	    strstr(text, "owner") == NULL)
		return 3;
	return tmpdir_has("s") || tmpdir_has("s.lock") ? 4 : 0;
}

Test(listener_mode, owner_that_may_not_be_set_fails_and_leaves_nothing)
{
	support_in_child(give_away, NULL);
}

Test(listener_mode, listen_that_fails_leaves_nothing)
{
	struct brood_listener *listener = NULL;
	char text[BROOD_TEXT_SIZE] = "";

	watch("s");
	watched.listen_error = ENOBUFS;
	cr_assert_eq(brood_listener_new(&listener, watched.path, NULL, text),
	    -ENOBUFS);
	watched.listen_error = 0;
	cr_assert_not_null(strstr(text, watched.path));
	watched.path[0] = '\0';
	cr_assert_not(tmpdir_has("s"));
	cr_assert_not(tmpdir_has("s.lock"));
}
