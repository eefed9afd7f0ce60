/* SPDX-License-Identifier: ISC */

/*
 * The workers of chaos.c: they answer, die, break the protocol or do nothing,
 * as they are asked, and note what they run.
 */

#include "soak/chaos.h"
#include "soak/soak.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct truth *truth;
struct kind kind;

/* The channel is the only socket that a worker has. */
static int
channel_fd(void)
{
	struct stat st;

	for (int fd = 3; fd < 256; fd++)
		if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
			return fd;
	return -1;
}

/* Until it is killed; and if it is not, the test fails. */
static _Noreturn void
do_nothing(void)
{
	(void)alarm(60);
	for (;;)
		(void)pause();
}

static int
reply(struct brood_request *request, uint32_t number)
{
	const void *data = brood_request_data(request);
	size_t len = brood_request_len(request);
	int fd = kind.has_fds && number % 16 == 0 ?
	    brood_request_take_fd(request, 0) : -1, r;

	r = fd >= 0 ? brood_request_reply_with_fds(request, 0, data, len, &fd,
	    1) : brood_request_reply(request, 0, data, len);
	if (fd >= 0)
		(void)close(fd);
	if (r == 0)
		atomic_fetch_add(&truth->requests[number].n_replies, 1);
	return r;
}

static int
misbehave(struct brood_request *request, enum method method, uint32_t number)
{
	static const char garbage[64] = "\xff\xff\xff\xff\xff\xff\xff\xff";
	int r;

	switch ((int)method) {
	case EXIT:
		_exit((int)number % 3);
	case ABORT:
		(void)raise(SIGABRT);
		break;
	case FAULT:
		(void)raise(SIGSEGV);
		break;
	case REPLY_AND_DIE:
		r = reply(request, number);
		(void)raise(SIGKILL);
		return r;
	case GARBAGE:
		(void)!send(channel_fd(), garbage, sizeof(garbage),
		    MSG_NOSIGNAL);
		break;
	case SHUT_DOWN:
		(void)shutdown(channel_fd(), SHUT_RDWR);
		break;
	case CLOSE:
		(void)close(channel_fd());
		break;
	case FLOOD:
		while (brood_request_progress(request, garbage,
		    sizeof(garbage)) == 0)
			continue;
		break;
	default:
		break;
	}
	do_nothing();
}

int
handle(struct brood_request *request, void *arg)
{
	enum method method = (enum method)brood_request_code(request);
	struct request head;
	int slot = brood_worker_slot();

	(void)arg;
	if (brood_request_len(request) < sizeof(head))
		return -EINVAL;
	memcpy(&head, brood_request_data(request), sizeof(head));
	if (head.number >= REQUESTS ||
	    head.size != brood_request_len(request))
		return -EINVAL;
	atomic_fetch_add(&truth->requests[head.number].n_runs, 1);
	if (slot >= 0 && slot <= WORKERS)
		atomic_store(&truth->pids[slot], (int)getpid());
	switch ((int)method) {
	case NAP:
		nap_us(200);
		break;
	case FAIL:
		return brood_request_fail(request, ENOENT, "as asked");
	case PARTS:
		for (int i = 0; i < 5; i++)
			(void)brood_request_reply_more(request, "part", 4);
		break;
	case ECHO:
		break;
	default:
		return misbehave(request, method, head.number);
	}
	return reply(request, head.number);
}

bool
map_truth(int fd)
{
	truth = mmap(NULL, sizeof(*truth), PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	return truth != MAP_FAILED;
}

_Noreturn void
be_worker(const char *how)
{
	kind.has_fds = strcmp(how, "fds") == 0;
	if (!map_truth(KEPT_FD))
		_exit(1);
	_exit(brood_worker_main(handle, NULL, NULL) < 0);
}
