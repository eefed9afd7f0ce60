/* SPDX-License-Identifier: ISC */

/*
 * As calls.c: waiting, sockets and processes.
 */

#include "faults/call.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#endif

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* Waiting */

CALL(int, poll, (FAULT_AT, struct pollfd *fds, nfds_t n, int timeout_ms),
    (fds, n, timeout_ms), E(EINTR) | E(ENOMEM), -1)

#ifdef __linux__
CALL(int, epoll_create1, (FAULT_AT, int flags), (flags), NO_FD, -1)
CALL(int, epoll_wait, (FAULT_AT, int epoll, struct epoll_event *events, int n,
    int timeout_ms), (epoll, events, n, timeout_ms), E(EINTR), -1)
CALL(int, timerfd_create, (FAULT_AT, int clock, int flags), (clock, flags),
    NO_FD, -1)

/* To change or to remove what is there needs no memory. */
CALL(int, epoll_ctl, (FAULT_AT, int epoll, int operation, int fd,
    struct epoll_event *event), (epoll, operation, fd, event),
    operation == EPOLL_CTL_ADD ? E(ENOMEM) | E(ENOSPC) : 0, -1)
#endif

/* Sockets */

static bool
is_stream(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_STREAM;
}

/* What a call that sends or receives can say. */
static uint32_t
transfer_errors(int fd, size_t len, int flags)
{
	uint32_t errors = E(EINTR) | E(ENOBUFS) | E(ENOMEM) | E(ECONNRESET);

	if ((flags & MSG_DONTWAIT) || !fault_fd_waits(fd))
		errors |= E(EAGAIN);
	return errors | (len > 1 && is_stream(fd) ? E(SHORT) : 0);
}

CALL(int, accept4, (FAULT_AT, int fd, struct sockaddr *address,
    socklen_t *len, int flags), (fd, address, len, flags), NO_FD |
    E(ECONNABORTED) | E(EINTR) | E(ENOBUFS) |
    (fault_fd_waits(fd) ? 0 : E(EAGAIN)), -1)
CALL(int, bind, (FAULT_AT, int fd, const struct sockaddr *address,
    socklen_t len), (fd, address, len), E(EACCES) | E(EADDRINUSE) | E(ENOMEM),
    -1)
CALL(int, connect, (FAULT_AT, int fd, const struct sockaddr *address,
    socklen_t len), (fd, address, len), E(EAGAIN) | E(ECONNREFUSED) |
    E(EINTR) | E(ENOMEM), -1)
CALL(int, getpeereid, (FAULT_AT, int fd, uid_t *ret_uid, gid_t *ret_gid),
    (fd, ret_uid, ret_gid), E(ENOBUFS) | E(ENOTCONN), -1)
CALL(int, getpeername, (FAULT_AT, int fd, struct sockaddr *address,
    socklen_t *len), (fd, address, len), E(ENOBUFS) | E(ENOTCONN), -1)
CALL(int, getsockname, (FAULT_AT, int fd, struct sockaddr *address,
    socklen_t *len), (fd, address, len), E(ENOBUFS), -1)
CALL(int, getsockopt, (FAULT_AT, int fd, int level, int name, void *value,
    socklen_t *len), (fd, level, name, value, len), E(ENOBUFS), -1)
CALL(int, listen, (FAULT_AT, int fd, int backlog), (fd, backlog), E(ENOBUFS),
    -1)
CALL(ssize_t, sendto, (FAULT_AT, int fd, const void *bytes, size_t len,
    int flags, const struct sockaddr *address, socklen_t address_len),
    (fd, bytes, len, flags, address, address_len),
    transfer_errors(fd, 1, flags) | E(ECONNREFUSED), -1)
/* ENOPROTOOPT: the kernel does not know the option. */
CALL(int, setsockopt, (FAULT_AT, int fd, int level, int name,
    const void *value, socklen_t len), (fd, level, name, value, len),
    E(ENOBUFS) | E(ENOPROTOOPT), -1)
CALL(int, socket, (FAULT_AT, int domain, int type, int protocol),
    (domain, type, protocol), NO_FD | E(ENOBUFS), -1)
CALL(int, socketpair, (FAULT_AT, int domain, int type, int protocol,
    int fds[2]), (domain, type, protocol, fds), NO_FD | E(ENOBUFS), -1)

/* ENOTCONN: the peer has closed; this end is shut down all the same. */
int fault_shutdown(FAULT_AT, int fd, int how);
int
fault_shutdown(FAULT_AT, int fd, int how)
{
	int r = shutdown(fd, how);

	/* errno is of the one that has failed on purpose. */
	return fault_due(site, E(ENOTCONN)) >= 0 ? -1 : r;
}

ssize_t fault_recv(FAULT_AT, int fd, void *bytes, size_t len, int flags);
ssize_t
fault_recv(FAULT_AT, int fd, void *bytes, size_t len, int flags)
{
	int due = fault_due(site, transfer_errors(fd, len, flags));

	if (due == FAULT_SHORT)
		len = 1;
	else if (due >= 0)
		return -1;
	return recv(fd, bytes, len, flags);
}

ssize_t fault_send(FAULT_AT, int fd, const void *bytes, size_t len, int flags);
ssize_t
fault_send(FAULT_AT, int fd, const void *bytes, size_t len, int flags)
{
	int due = fault_due(site, transfer_errors(fd, len, flags) | E(EPIPE));

	if (due == FAULT_SHORT)
		len = 1;
	else if (due >= 0)
		return -1;
	return send(fd, bytes, len, flags);
}

static size_t
msg_len(const struct msghdr *msg)
{
	size_t len = 0;

	for (size_t i = 0; i < (size_t)msg->msg_iovlen; i++)
		len += msg->msg_iov[i].iov_len;
	return len;
}

/* A message of the first byte of this one. */
static struct msghdr
msg_shorten(const struct msghdr *msg, struct iovec *ret_first)
{
	struct msghdr shorter = *msg;
	size_t i = 0;

	while (msg->msg_iov[i].iov_len == 0)
		i++;
	*ret_first = msg->msg_iov[i];
	ret_first->iov_len = 1;
	shorter.msg_iov = ret_first;
	shorter.msg_iovlen = 1;
	return shorter;
}

/*
 * As when the last descriptor is missing that this process may have: the
 * message comes, with half of those that it had.
 */
static void
msg_truncate(struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	size_t n, left;
	int fd;

	for (; cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		left = n / 2;
		for (size_t i = left; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd),
			    sizeof(fd));
			(void)close(fd);
		}
		cmsg->cmsg_len = CMSG_LEN(left * sizeof(fd));
		msg->msg_flags |= MSG_CTRUNC;
	}
}

ssize_t fault_recvmsg(FAULT_AT, int fd, struct msghdr *msg, int flags);
ssize_t
fault_recvmsg(FAULT_AT, int fd, struct msghdr *msg, int flags)
{
	uint32_t errors = transfer_errors(fd, msg_len(msg), flags);
	struct msghdr shorter;
	struct iovec first;
	ssize_t n;
	int due;

	if (msg->msg_controllen > 0)
		errors |= E(CTRUNC);
	due = fault_due(site, errors);
	if (due == FAULT_SHORT) {
		shorter = msg_shorten(msg, &first);
		n = recvmsg(fd, &shorter, flags);
		msg->msg_flags = shorter.msg_flags;
		msg->msg_controllen = shorter.msg_controllen;
		return n;
	}
	if (due >= 0 && due != FAULT_CTRUNC)
		return -1;
	n = recvmsg(fd, msg, flags);
	if (due == FAULT_CTRUNC && n > 0)
		msg_truncate(msg);
	return n;
}

ssize_t fault_sendmsg(FAULT_AT, int fd, const struct msghdr *msg, int flags);
ssize_t
fault_sendmsg(FAULT_AT, int fd, const struct msghdr *msg, int flags)
{
	uint32_t errors = transfer_errors(fd, msg_len(msg), flags) | E(EPIPE);
	struct msghdr shorter;
	struct iovec first;
	int due;

	if (msg->msg_controllen > 0)
		errors |= E(ETOOMANYREFS);
	due = fault_due(site, errors);
	if (due == FAULT_SHORT) {
		shorter = msg_shorten(msg, &first);
		return sendmsg(fd, &shorter, flags);
	}
	return due >= 0 ? -1 : sendmsg(fd, msg, flags);
}

/* Processes */

CALL(int, execvp, (FAULT_AT, const char *path, char *const *argv),
    (path, argv), E(EACCES) | E(ENOENT) | E(ENOMEM) | E(EMFILE), -1)
CALL(int, setpgid, (FAULT_AT, pid_t pid, pid_t group), (pid, group), E(EPERM),
    -1)
CALL(int, setrlimit, (FAULT_AT, int resource, const struct rlimit *limit),
    (resource, limit), E(EPERM), -1)

pid_t fault_fork(FAULT_AT);
pid_t
fault_fork(FAULT_AT)
{
	bool is_supervisor = strstr(site->source, "control.c") != NULL;
	pid_t pid;

	if (fault_due(site, E(EAGAIN) | E(ENOMEM)) >= 0)
		return -1;
	if (fault_region != NULL)
		fault_region->has_forked = !is_supervisor;
	pid = fork();
	if (pid == 0 && is_supervisor)
		fault_n_blocks = 0;
	if (pid == 0)
		fault_role = is_supervisor ? FAULT_SUPERVISOR : FAULT_WORKER;
	return pid;
}

/*
 * ECHILD: another part of the program has waited for the child.  So does this
 * function.
 */
pid_t fault_waitpid(FAULT_AT, pid_t pid, int *ret_status, int flags);
pid_t
fault_waitpid(FAULT_AT, pid_t pid, int *ret_status, int flags)
{
	uint32_t errors = flags & WNOHANG ? 0 :
	    E(EINTR) | (fault_role == FAULT_HOST ? E(ECHILD) : 0);
	int due = fault_due(site, errors);

	if (due == FAULT_ECHILD) {
		(void)waitpid(pid, NULL, flags);
		errno = ECHILD;
	}
	return due >= 0 ? -1 : waitpid(pid, ret_status, flags);
}

/* EINVAL: the kernel cannot wait by a descriptor, Linux 5.3. */
int fault_waitid(FAULT_AT, idtype_t type, id_t id, siginfo_t *info, int flags);
int
fault_waitid(FAULT_AT, idtype_t type, id_t id, siginfo_t *info, int flags)
{
	uint32_t errors = type == P_PID ? 0 : E(EINVAL);
	int due;

	if (!(flags & WNOHANG))
		errors |= E(EINTR) | E(ECHILD);
	due = fault_due(site, errors);

	if (due == FAULT_ECHILD) {
		(void)waitid(type, id, info, flags);
		errno = ECHILD;
	}
	return due >= 0 ? -1 : waitid(type, id, info, flags);
}

#ifdef __linux__
int fault_prctl(FAULT_AT, int option, ...);
int
fault_prctl(FAULT_AT, int option, ...)
{
	unsigned long argument;
	va_list list;

	va_start(list, option);
	argument = (unsigned long)va_arg(list, int);
	va_end(list);
	return fault_due(site, E(EINVAL)) >= 0 ? -1 :
	    prctl(option, argument, 0UL, 0UL, 0UL);
}

/* EINVAL: the machine has more processors than the set has room for. */
CALL(int, sched_getaffinity, (FAULT_AT, pid_t pid, size_t size,
    cpu_set_t *set), (pid, size, set), E(EINVAL), -1)

/* landlock(7); see process/landlock.c. */
enum { CREATE_RULESET = 444, ADD_RULE };

/* Of processes by a descriptor, and of confinement. */
long fault_syscall(FAULT_AT, long number, ...);
long
fault_syscall(FAULT_AT, long number, ...)
{
	uint32_t errors = E(ENOSYS);
	va_list list;
	long a[4];

	/* Each argument is read as what the library gives. */
	va_start(list, number);
	a[2] = a[3] = 0;
	switch (number) {
	case CREATE_RULESET:
		errors |= NO_FD | E(EINVAL);
		a[0] = (long)va_arg(list, void *);
		a[1] = (long)va_arg(list, size_t);
		break;
	case ADD_RULE:
		errors |= E(ENOMEM);
		a[0] = va_arg(list, int);
		a[1] = va_arg(list, int);
		a[2] = (long)va_arg(list, void *);
		break;
	case SYS_capset:
		errors |= E(EPERM);
		a[0] = (long)va_arg(list, void *);
		a[1] = (long)va_arg(list, void *);
		break;
	case SYS_pidfd_open:
		errors |= NO_FD | E(EPERM);
		/* FALLTHROUGH */
	default:
		a[0] = va_arg(list, int);
		a[1] = va_arg(list, int);
		break;
	}
	va_end(list);
	if (fault_due(site, errors) >= 0)
		return -1;
	return syscall(number, a[0], a[1], a[2], a[3]);
}
#endif
