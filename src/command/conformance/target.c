/* SPDX-License-Identifier: ISC */

/*
 * The process and the bytes of a program under test; see subject.h.
 *
 * The program is the leader of a process group, so that whatever it starts goes
 * when it goes.  SIGCHLD is blocked and waited for: that a process has ended is
 * an event here, with a deadline.
 */

#include "command/command.h"
#include "command/conformance/target.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#ifdef __linux__
#include <linux/sockios.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum {
	SUBJECT_FD = 3,		/* where the program finds its end */
	SUBJECT_ABOVE = 10,	/* where it is until then, clear of that */
	SUBJECT_CHUNK = 65536,
};

bool
subject_blame(struct subject *s, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(s->why, sizeof(s->why), format, ap);
	va_end(ap);
	return false;
}

/* Time */

static int64_t
subject_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
subject_deadline(const struct subject *s)
{
	return subject_now_ms() + s->timeout_ms;
}

static int
subject_time_left(int64_t deadline)
{
	int64_t left = deadline - subject_now_ms();

	return left > 0 ? (int)left : 0;
}

/* Starting */

static int
subject_spawn(struct subject *s, int fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int r;

	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
	    POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
	    "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO,
		    STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, fd, SUBJECT_FD);
	if (r == 0)
		r = posix_spawnp(&s->pid, s->argv[0], &actions, &attr,
		    (char *const *)s->argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int
subject_socketpair(int fds[2])
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	fds[0] = fcntl(pair[0], F_DUPFD_CLOEXEC, SUBJECT_ABOVE);
	fds[1] = fcntl(pair[1], F_DUPFD_CLOEXEC, SUBJECT_ABOVE);
	r = fds[0] < 0 || fds[1] < 0 ? -errno : 0;
	(void)close(pair[0]);
	(void)close(pair[1]);
	return r;
}

int
subject_start(struct subject *s, bool is_kept)
{
	int fds[2] = { -1, -1 }, r;

	r = subject_socketpair(fds);
	if (r < 0)
		return r;
	s->fd = fds[0];
	s->kept_fd = fds[1];
	s->in_len = s->n_taken = 0;
	s->is_eof = false;
	s->why[0] = '\0';
	if (setenv("BROOD_FD", "3", 1) < 0)
		return -errno;
	r = subject_spawn(s, fds[1]);
	if (r < 0) {
		s->pid = 0;
		return r;
	}
	if (!is_kept) {
		(void)close(s->kept_fd);
		s->kept_fd = -1;
	}
	return 0;
}

static void
subject_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void
subject_kill(struct subject *s)
{
	if (s->pid == 0)
		return;
	(void)killpg(s->pid, SIGKILL);
	while (waitpid(s->pid, &s->status, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
}

void
subject_stop(struct subject *s)
{
	subject_close(&s->fd);
	subject_close(&s->kept_fd);
	subject_kill(s);
	free(s->in);
	s->in = NULL;
	s->in_len = s->in_size = s->n_taken = 0;
}

/* Bytes */

static void
subject_reserve(struct subject *s, size_t n)
{
	size_t size = s->in_size;

	if (s->in_size - s->in_len >= n)
		return;
	while (size - s->in_len < n)
		size = size == 0 ? SUBJECT_CHUNK : size * 2;
	s->in = realloc(s->in, size);
	if (s->in == NULL)
		command_die(COMMAND_UNUSABLE, ENOMEM, "a reply");
	s->in_size = size;
}

void
subject_fill(struct subject *s)
{
	ssize_t n;

	do {
		subject_reserve(s, SUBJECT_CHUNK);
		n = recv(s->fd, s->in + s->in_len, s->in_size - s->in_len,
		    MSG_DONTWAIT);
		if (n > 0)
			s->in_len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
		s->is_eof = true;
}

/* Wait for the socket; what came is taken.  0 when the time is over. */
static int
subject_poll(struct subject *s, short events, int64_t deadline)
{
	struct pollfd pfd = { .fd = s->fd, .events = events };
	int r;

	do {
		r = poll(&pfd, 1, subject_time_left(deadline));
	} while (r < 0 && errno == EINTR);
	if (r > 0 && pfd.revents & ~POLLOUT)
		subject_fill(s);
	return r;
}

bool
subject_send(struct subject *s, const void *bytes, size_t len)
{
	int64_t deadline = subject_deadline(s);
	const uint8_t *at = bytes;
	ssize_t n;

	while (len > 0 && !s->is_eof) {
		n = send(s->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			subject_fill(s);
			return true;
		} else if (errno != EINTR &&
		    subject_poll(s, POLLIN | POLLOUT, deadline) == 0)
			return subject_blame(s, "it does not read: %zu bytes "
			    "are left to send", len);
	}
	return true;
}

bool
subject_send_fd(struct subject *s, const void *bytes, size_t len, int fd)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes,
	    .iov_len = 1 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	do {
		n = sendmsg(s->fd, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return subject_blame(s, "sendmsg: %s", strerror(errno));
	return subject_send(s, (const uint8_t *)bytes + 1, len - 1);
}

/*
 * No event tells that a peer has read: look again at short intervals.  One that
 * reads only when a whole header is there never empties the socket.
 */
void
subject_await_read(struct subject *s)
{
#ifdef SIOCOUTQ
	int n_unread;

	for (int i = 0; i < 20; i++) {
		if (ioctl(s->fd, SIOCOUTQ, &n_unread) < 0 || n_unread == 0)
			return;
		(void)subject_poll(s, 0, subject_now_ms() + 1);
	}
#else
	(void)subject_poll(s, 0, subject_now_ms() + 1);
#endif
}

/* Frames */

static void
subject_drop_taken(struct subject *s)
{
	s->in_len -= s->n_taken;
	if (s->in_len > 0)
		memmove(s->in, s->in + s->n_taken, s->in_len);
	s->n_taken = 0;
}

/* A whole frame at the start of what came: 1, 0 or -1. */
static int
subject_decode(struct subject *s, struct brood__frame *ret_frame,
    const uint8_t **ret_payload)
{
	if (s->in_len < BROOD__FRAME_SIZE)
		return 0;
	if (brood__frame_decode(s->in, UINT32_MAX, ret_frame) < 0) {
		subject_blame(s, "what it sent is no frame: %s",
		    brood__frame_fault(s->in));
		return -1;
	}
	if (s->in_len - BROOD__FRAME_SIZE < ret_frame->length)
		return 0;
	*ret_payload = s->in + BROOD__FRAME_SIZE;
	s->n_taken = BROOD__FRAME_SIZE + ret_frame->length;
	return 1;
}

int
subject_recv(struct subject *s, struct brood__frame *ret_frame,
    const uint8_t **ret_payload)
{
	int64_t deadline = subject_deadline(s);
	int r;

	subject_drop_taken(s);
	while ((r = subject_decode(s, ret_frame, ret_payload)) == 0) {
		if (s->is_eof && s->in_len == 0)
			return 0;
		if (s->is_eof) {
			subject_blame(s, "its stream ends within a frame");
			return -1;
		}
		if (subject_poll(s, POLLIN, deadline) == 0) {
			subject_blame(s, "nothing came from it in time");
			return -1;
		}
	}
	return r;
}

/* Ending */

bool
subject_await_end(struct subject *s)
{
	int64_t deadline = subject_deadline(s);
	struct timespec wait;
	sigset_t chld;
	int left;

	subject_close(&s->fd);
	(void)sigemptyset(&chld);
	(void)sigaddset(&chld, SIGCHLD);
	while (waitpid(s->pid, &s->status, WNOHANG) != s->pid) {
		left = subject_time_left(deadline);
		if (left == 0)
			return subject_blame(s, "it does not end");
		wait = (struct timespec) { .tv_sec = left / 1000,
		    .tv_nsec = left % 1000 * 1000000L };
		(void)sigtimedwait(&chld, NULL, &wait);
	}
	/* What it started must not outlive it. */
	(void)killpg(s->pid, SIGKILL);
	s->pid = 0;
	return true;
}

/* Letters */

void
letter_add(struct letter *letter, const struct brood__frame *frame,
    const void *payload)
{
	uint8_t *bytes = realloc(letter->bytes,
	    letter->len + BROOD__FRAME_SIZE + frame->length);

	if (bytes == NULL)
		command_die(COMMAND_UNUSABLE, ENOMEM, "a request");
	letter->bytes = bytes;
	brood__frame_encode(bytes + letter->len, frame);
	letter->len += BROOD__FRAME_SIZE;
	if (frame->length > 0)
		memcpy(bytes + letter->len, payload, frame->length);
	letter->len += frame->length;
}

void
letter_fini(struct letter *letter)
{
	free(letter->bytes);
	*letter = (struct letter) { .bytes = NULL };
}
