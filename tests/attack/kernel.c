/* SPDX-License-Identifier: ISC */

/*
 * Attacks by way of what the kernel has besides: other ways to make system
 * calls, namespaces, keys, measuring, new code.
 */

#include "attack.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int
result(long r)
{
	return r < 0 ? -errno : 0;
}

/* For what has no effect outside but that there is such a thing now. */
WORKED(worked_result)
{
	return host->answer.result == 0 && host->answer.stolen[0] == '+';
}

static int
has_it(struct answer *answer, long fd)
{
	if (fd < 0)
		return -errno;
	answer->stolen[0] = '+';
	return 0;
}

/* Write to the pipe without write(2). */
TRY(try_io_uring)
{
	struct io_uring_params params = { .flags = 0 };
	int fd = (int)syscall(SYS_io_uring_setup, 1, &params);
	struct io_uring_sqe *sqe;
	char byte = 'x', *ring;
	unsigned *tail;

	(void)answer;
	if (fd < 0)
		return -errno;
	ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    (off_t)IORING_OFF_SQ_RING);
	sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    (off_t)IORING_OFF_SQES);
	if (ring == MAP_FAILED || sqe == MAP_FAILED)
		return -errno;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_WRITE;
	sqe->fd = world->evidence_fd;
	sqe->addr = (uintptr_t)&byte;
	sqe->len = 1;
	sqe->off = (uint64_t)-1;
	memset(ring + params.sq_off.array, 0, sizeof(unsigned));
	tail = (unsigned *)(void *)(ring + params.sq_off.tail);
	__atomic_store_n(tail, 1, __ATOMIC_RELEASE);
	return result(syscall(SYS_io_uring_enter, fd, 1, 1,
	    IORING_ENTER_GETEVENTS, NULL, 0));
}

/* Namespaces.  The new process says in the pipe that it is in one. */

static bool
is_in_new_space(void)
{
	char text[8];
	int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	if (fd >= 0)
		(void)close(fd);
	/* Nothing is mapped yet.  No file: Landlock forbids to look. */
	return n == 0;
}

static int
finish_child(const struct world *world, long pid)
{
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (is_in_new_space())
			(void)!write(world->evidence_fd, "x", 1);
		_exit(0);
	}
	return result(waitpid((pid_t)pid, NULL, 0));
}

TRY(try_new_user)
{
	(void)answer;
	return finish_child(world, syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD,
	    NULL, NULL, NULL, NULL));
}

TRY(try_clone3_user)
{
	struct clone_args args = {
		.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD,
	};

	(void)answer;
	return finish_child(world, syscall(SYS_clone3, &args, sizeof(args)));
}

TRY(try_unshare_user)
{
	(void)world;
	(void)answer;
	return result(unshare(CLONE_NEWUSER));
}

/* Nothing is mapped in the new space, as the host can see. */
WORKED(worked_unshare_user)
{
	char path[64], byte;
	int fd;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map",
	    (int)host->attacker);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, &byte, 1);
	(void)close(fd);
	return n == 0;
}

/* A key that all processes of the user see. */
TRY(try_key)
{
	(void)answer;
	return result(syscall(SYS_add_key, "user", world->abstract, "x", 1,
	    KEY_SPEC_USER_KEYRING));
}

WORKED(worked_key)
{
	long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING,
	    "user", host->world->abstract, 0);

	if (key >= 0)
		(void)syscall(SYS_keyctl, KEYCTL_UNLINK, key,
		    KEY_SPEC_USER_KEYRING);
	return key >= 0;
}

TRY(try_perf)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
		.config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1,
	};

	return has_it(answer, syscall(SYS_perf_event_open, &attr, world->host,
	    -1, -1, 0));
}

TRY(try_bpf)
{
	union bpf_attr attr;

	(void)world;
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = attr.value_size = 4;
	attr.max_entries = 1;
	return has_it(answer, syscall(SYS_bpf, BPF_MAP_CREATE, &attr,
	    sizeof(attr)));
}

TRY(try_userfaultfd)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | 1);

	(void)world;
	return fd < 0 ? -errno : has_it(answer, ioctl(fd, UFFDIO_API, &api));
}

/* Run bytes that were data. */
TRY(try_code)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)world;
	if (page == MAP_FAILED)
		return -errno;
#ifdef __x86_64__
	page[0] = (char)0xc3;		/* ret */
	if (mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0) {
		void (*run)(void);

		memcpy(&run, &page, sizeof(run));
		run();
		return has_it(answer, 0);
	}
	return -errno;
#else
	return has_it(answer, mprotect(page, 4096, PROT_READ | PROT_EXEC));
#endif
}
