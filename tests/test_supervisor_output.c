/* SPDX-License-Identifier: ISC */

/*
 * Claims about a supervisor whose sink takes no more: what children print waits
 * or is lost, and nothing else does.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "member.h"
#include "support.h"

BROOD_SUITE(supervisor_output);

static struct member_event event;	/* the last one awaited */

/* a and b, in service; a is not restarted. */
static struct brood_supervisor *
start_ab(int sink_fd)
{
	struct brood_child_spec ab[] = {
	    { .name = "a", .fn = member_main, .restart = BROOD_TEMPORARY,
		.shutdown_ms = 100 },
	    { .name = "b", .fn = member_main, .shutdown_ms = 100 },
	};
	struct brood_supervisor *sup;
	int r;

	r = brood_supervisor_new(&sup, &(struct brood_supervisor_options){
	    .children = ab, .n_children = 2, .stderr_fd = sink_fd });
	cr_assert_eq(r, 0, "brood_supervisor_new: %d", r);
	cr_assert(member_await(sup, BROOD_EVENT_READY, "b", &event));
	return sup;
}

/* A pipe without room for a byte. */
static void
open_full_pipe(int fds[2])
{
	static const char page[4096];

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	cr_assert_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	while (write(fds[1], page, sizeof(page)) > 0)
		continue;
	cr_assert_eq(errno, EAGAIN);
	cr_assert_eq(fcntl(fds[1], F_SETFL, 0), 0);
}

static void
drain(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char page[4096];

	while (poll(&p, 1, 0) == 1 && read(fd, page, sizeof(page)) > 0)
		continue;
}

static int64_t
cpu_ms(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &ts) < 0)
		return -1;
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

Test(supervisor_output, sink_with_room_again_is_not_watched_for_the_dead)
{
	struct brood_supervisor *sup;
	struct brood_message got;
	struct member_who who;
	int64_t used_ms;
	int fds[2];

	open_full_pipe(fds);
	sup = start_ab(fds[1]);
	cr_assert(member_who(sup, "b", &who));
	cr_assert(member_ask(sup, "a", MEMBER_SAY, "lost\n", 5, &got));
	cr_assert(member_tell_byte(sup, "a", MEMBER_RAISE, SIGKILL));
	cr_assert(member_await(sup, BROOD_EVENT_ENDED, "a", &event));
	cr_assert_not_null(strstr(event.tail, "lost"));
	drain(fds[0]);
	used_ms = cpu_ms(who.parent);
	cr_assert_geq(used_ms, 0);
	poll(NULL, 0, 300);
	cr_assert_lt(cpu_ms(who.parent) - used_ms, 50);
	brood_supervisor_free(sup);
	close(fds[0]);
	close(fds[1]);
}
