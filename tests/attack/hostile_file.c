/* SPDX-License-Identifier: ISC */

/*
 * A file of a file system of its own, fuse(4), whose server takes its time
 * before it answers a close(2) of the host: LINGER_S.
 *
 * The protocol is that of linux/fuse.h.  The root of the file system is the
 * file itself.
 */

#include "attack.h"

#include <errno.h>

#if defined(__linux__) && __has_include(<linux/fuse.h>)

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILE_PENDING = 64, FILE_LOOK_MS = 50 };

static bool (*file_is_host)(const void *arg, pid_t pid);
static const void *file_arg;

/* Answers that are held back. */
static struct {
	uint64_t unique;
	time_t due;
} file_pending[FILE_PENDING];
static unsigned file_n_pending;

static void
file_answer(int device, uint64_t unique, int error, const void *data,
    size_t len)
{
	struct {
		struct fuse_out_header header;
		char data[256];
	} out = { .header = {
		.len = (uint32_t)(sizeof(out.header) + len),
		.error = error, .unique = unique,
	} };

	if (len > 0)
		memcpy(out.data, data, len);
	(void)!write(device, &out, out.header.len);
}

static time_t
file_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void
file_on_flush(int device, const struct fuse_in_header *in)
{
	if (!file_is_host(file_arg, (pid_t)in->pid) ||
	    file_n_pending == FILE_PENDING) {
		file_answer(device, in->unique, 0, NULL, 0);
		return;
	}
	file_pending[file_n_pending].unique = in->unique;
	file_pending[file_n_pending++].due = file_now() + LINGER_S + 1;
}

static void
file_answer_pending(int device)
{
	for (unsigned i = 0; i < file_n_pending; )
		if (file_pending[i].due <= file_now()) {
			file_answer(device, file_pending[i].unique, 0, NULL, 0);
			file_pending[i] = file_pending[--file_n_pending];
		} else
			i++;
}

static void
file_on_request(int device, const struct fuse_in_header *in)
{
	const struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_write = 4096,
	};
	const struct fuse_attr_out attr = { .attr = {
		.ino = FUSE_ROOT_ID, .nlink = 1, .mode = S_IFREG | 0644,
	} };
	const struct fuse_open_out opened = { .fh = 1 };

	switch (in->opcode) {
	case FUSE_INIT:
		file_answer(device, in->unique, 0, &init, sizeof(init));
		break;
	case FUSE_GETATTR:
		file_answer(device, in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		file_answer(device, in->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_FLUSH:
		file_on_flush(device, in);
		break;
	case FUSE_RELEASE:
		file_answer(device, in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:	/* these have no answer */
		break;
	default:
		file_answer(device, in->unique, -ENOSYS, NULL, 0);
		break;
	}
}

static _Noreturn void
file_serve(int device)
{
	static char request[FUSE_MIN_READ_BUFFER + 4096];
	struct pollfd pfd = { .fd = device, .events = POLLIN };
	struct fuse_in_header in;
	ssize_t n;

	for (;;) {
		(void)poll(&pfd, 1, file_n_pending > 0 ? FILE_LOOK_MS : -1);
		file_answer_pending(device);
		if ((pfd.revents & POLLERR) != 0)
			_exit(0);	/* nobody has the file any more */
		if (pfd.revents == 0)
			continue;
		n = read(device, request, sizeof(request));
		if (n < (ssize_t)sizeof(in))
			continue;
		memcpy(&in, request, sizeof(in));
		file_on_request(device, &in);
	}
}

int
hostile_file_open(bool (*is_host)(const void *arg, pid_t pid), const void *arg,
    pid_t *ret_server)
{
	char path[] = "/tmp/brood-attack-XXXXXX", options[128];
	int device, fd = -1, place;

	*ret_server = -1;
	place = mkstemp(path);
	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	(void)snprintf(options, sizeof(options),
	    "fd=%d,rootmode=%o,user_id=%d,group_id=%d", device,
	    S_IFREG | 0644, (int)getuid(), (int)getgid());
	if (place >= 0 && device >= 0 && mount("brood", path, "fuse",
	    MS_NOSUID | MS_NODEV, options) == 0) {
		file_is_host = is_host;
		file_arg = arg;
		*ret_server = fork();
		if (*ret_server == 0)
			file_serve(device);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		/* It lasts as long as the file is open. */
		(void)umount2(path, MNT_DETACH);
	}
	if (device >= 0)
		(void)close(device);
	if (place >= 0) {
		(void)close(place);
		(void)unlink(path);
	}
	return fd;
}

#else

int
hostile_file_open(bool (*is_host)(const void *arg, pid_t pid), const void *arg,
    pid_t *ret_server)
{
	(void)is_host;
	(void)arg;
	*ret_server = -1;
	errno = ENOSYS;
	return -1;
}

#endif
