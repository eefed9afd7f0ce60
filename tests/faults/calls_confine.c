/* SPDX-License-Identifier: ISC */

/*
 * As calls.c: what a process gives up as it is confined.
 */

#include "faults/call.h"

#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdlib.h>
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#include <sys/vfs.h>
#endif
#ifdef HAVE_LIBSECCOMP
#include <seccomp.h>
#endif

CALL(int, chroot, (FAULT_AT, const char *path), (path), E(EPERM) | E(ENOENT),
    -1)
CALL(int, fchdir, (FAULT_AT, int fd), (fd), E(EACCES), -1)
CALL(int, mkdir, (FAULT_AT, const char *path, mode_t mode), (path, mode),
    E(EACCES), -1)
CALL(char *, mkdtemp, (FAULT_AT, char *path), (path), E(EACCES) | E(ENOSPC),
    NULL)
CALL(int, nice, (FAULT_AT, int change), (change), E(EPERM), -1)
CALL(DIR *, opendir, (FAULT_AT, const char *path), (path), NO_FD | E(ENOMEM),
    NULL)
CALL(int, pipe, (FAULT_AT, int fds[2]), (fds), NO_FD, -1)
CALL(int, rmdir, (FAULT_AT, const char *path), (path), E(EBUSY), -1)
CALL(int, setgroups, (FAULT_AT, size_t n, const gid_t *groups), (n, groups),
    E(EPERM) | E(ENOMEM), -1)
CALL(int, setresgid, (FAULT_AT, gid_t real, gid_t effective, gid_t saved),
    (real, effective, saved), E(EPERM), -1)
CALL(int, setresuid, (FAULT_AT, uid_t real, uid_t effective, uid_t saved),
    (real, effective, saved), E(EPERM) | E(EAGAIN), -1)

int fault_pthread_create(FAULT_AT, pthread_t *ret_thread,
    const pthread_attr_t *attributes, void *(*run)(void *), void *arg);
int
fault_pthread_create(FAULT_AT, pthread_t *ret_thread,
    const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
	return fault_due(site, E(EAGAIN)) >= 0 ? EAGAIN :
	    pthread_create(ret_thread, attributes, run, arg);
}

#ifdef __linux__
CALL(int, sched_setaffinity, (FAULT_AT, pid_t pid, size_t size,
    const cpu_set_t *set), (pid, size, set), E(EINVAL), -1)
CALL(int, sched_setscheduler, (FAULT_AT, pid_t pid, int policy,
    const struct sched_param *param), (pid, policy, param), E(EPERM), -1)
CALL(int, unshare, (FAULT_AT, int flags), (flags), E(EPERM) | E(ENOSPC), -1)
#endif

#ifdef __linux__
CALL(int, statfs, (FAULT_AT, const char *path, struct statfs *ret_kind),
    (path, ret_kind), E(EACCES) | E(ENOENT), -1)
#endif

/* libseccomp gives a negative errno. */
#ifdef HAVE_LIBSECCOMP
CALL(scmp_filter_ctx, seccomp_init, (FAULT_AT, uint32_t action), (action),
    E(ENOMEM), NULL)
CALL(int, seccomp_attr_set, (FAULT_AT, scmp_filter_ctx filter,
    enum scmp_filter_attr name, uint32_t value), (filter, name, value),
    E(ENOMEM), -ENOMEM)
CALL(int, seccomp_rule_add_array, (FAULT_AT, scmp_filter_ctx filter,
    uint32_t action, int number, unsigned n, const struct scmp_arg_cmp *args),
    (filter, action, number, n, args), E(ENOMEM), -ENOMEM)
CALL(int, seccomp_load, (FAULT_AT, const scmp_filter_ctx filter), (filter),
    E(ENOMEM) | E(EINVAL), -ENOMEM)
CALL(int, seccomp_notify_alloc, (FAULT_AT, struct seccomp_notif **ret_call,
    struct seccomp_notif_resp **ret_answer), (ret_call, ret_answer),
    E(ENOMEM), -ENOMEM)
#endif
