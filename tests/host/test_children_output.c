/* SPDX-License-Identifier: ISC */

/*
 * What happens when the descriptor for the children's output (stderr_fd) takes
 * no more: output waits or is lost, and everything else goes on.
 */

#include <brood.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/support.h"
#include "support/testchild.h"

BROOD_SUITE(children_output);

static struct testchild_event event;	/* the last that was read */

/* Start two children, a and b.  Only b would be restarted. */
static struct brood_supervisor *
start_ab(int sink_fd)
{
	struct brood_child_spec ab[] = {
	    { .name = "a", .fn = testchild_main, .restart = BROOD_TEMPORARY,
		.shutdown_ms = 100 },
	    { .name = "b", .fn = testchild_main, .shutdown_ms = 100 },
	};
	struct brood_supervisor *sup;
	int r;

	r = brood_supervisor_new(&sup, &(struct brood_supervisor_options){
	    .children = ab, .n_children = 2, .stderr_fd = sink_fd }, NULL);
	cr_assert_eq(r, 0, "brood_supervisor_new: %d", r);
	cr_assert(testchild_await(sup, BROOD_EVENT_READY, "b", &event));
	return sup;
}

/* Make a pipe that has no room for another byte. */
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

Test(children_output, sink_with_room_again_is_not_watched_for_the_dead)
{
	struct brood_supervisor *sup;
	struct brood_message got;
	struct testchild_who who;
	int64_t used_ms;
	int fds[2];

	open_full_pipe(fds);
	sup = start_ab(fds[1]);
	cr_assert(testchild_who(sup, "b", &who));
	cr_assert(testchild_ask(sup, "a", TESTCHILD_SAY, "lost\n", 5, &got));
	cr_assert(testchild_tell_byte(sup, "a", TESTCHILD_RAISE, SIGKILL));
	cr_assert(testchild_await(sup, BROOD_EVENT_ENDED, "a", &event));
	cr_assert_not_null(strstr(event.tail, "lost"));
	drain(fds[0]);
	/* The pipe is writable now: does the supervisor spin on that? */
	used_ms = cpu_ms(who.parent);
	cr_assert_geq(used_ms, 0);
	poll(NULL, 0, 300);
	cr_assert_lt(cpu_ms(who.parent) - used_ms, 50);
	brood_supervisor_free(sup);
	close(fds[0]);
	close(fds[1]);
}

/* puts(3) writes the words and the end of the line one after the other. */
static int
say_and_stay(struct brood_channel *channel, void *arg)
{
	struct brood_message msg;

	(void)arg;
	(void)puts("words");
	return brood_channel_recv(channel, -1, &msg) >= 0;
}

Test(children_output, line_comes_at_once_though_the_host_has_printed)
{
	struct brood_child_spec spec = { .name = "a", .fn = say_and_stay,
	    .shutdown_ms = 100 };
	struct brood_supervisor *sup;
	char text[16] = "";
	int fds[2];

	cr_assert_eq(setvbuf(stdout, NULL, _IOFBF, BUFSIZ), 0);
	(void)puts("the host prints");
	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	cr_assert_eq(brood_supervisor_new(&sup,
	    &(struct brood_supervisor_options){ .children = &spec,
	    .n_children = 1, .stderr_fd = fds[1] }, NULL), 0);
	cr_assert_eq(brood_supervisor_wait_ready(sup, 5000), 0);
	cr_assert_eq(poll(&(struct pollfd){ .fd = fds[0], .events = POLLIN }, 1,
	    5000), 1);
	cr_assert_eq(read(fds[0], text, sizeof(text) - 1), 6);
	cr_assert_str_eq(text, "words\n");
	brood_supervisor_free(sup);
	close(fds[0]);
	close(fds[1]);
}

static void
open_terminal(int fds[2])
{
	char name[64];

	fds[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert_geq(fds[0], 0);
	cr_assert_eq(grantpt(fds[0]), 0);
	cr_assert_eq(unlockpt(fds[0]), 0);
	cr_assert_eq(ptsname_r(fds[0], name, sizeof(name)), 0);
	fds[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert_geq(fds[1], 0);
}

/*
 * Have a child print more than the terminal takes, and wait until the terminal
 * is full.  No event tells of that, so look every millisecond.  A terminal that
 * has room for one byte says that it is writable, but does not take a newline,
 * which it makes two bytes of: therefore look at most 200 times.
 */
static struct brood_supervisor *
start_stuck(int sink_fd)
{
	struct brood_supervisor *sup = start_ab(sink_fd);
	struct pollfd sink = { .fd = sink_fd, .events = POLLOUT };
	static char text[256 << 10];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 1000 == 999 ? '\n' : 'x';
	cr_assert(testchild_tell(sup, "a", TESTCHILD_SAY, text, sizeof(text)));
	for (int i = 0; i < 200 && poll(&sink, 1, 0) == 1; i++)
		poll(NULL, 0, 1);
	return sup;
}

Test(children_output, terminal_that_nobody_reads_stops_the_printer_alone)
{
	struct brood_supervisor *sup;
	int fds[2];

	open_terminal(fds);
	sup = start_stuck(fds[1]);
	cr_assert(testchild_tell_byte(sup, "b", TESTCHILD_RAISE, SIGKILL));
	cr_assert(testchild_await(sup, BROOD_EVENT_READY, "b", &event));
	/* The terminal is shared with other programs. */
	cr_assert_eq(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	brood_supervisor_free(sup);
	close(fds[0]);
	close(fds[1]);
}

/* A full terminal takes parts of lines.  No byte may be lost by that. */
Test(children_output, terminal_that_is_read_late_gets_whole_lines)
{
	struct brood_supervisor *sup;
	struct pollfd p = { .events = POLLIN };
	size_t n_lines = 0, column = 0;
	char bytes[4096];
	ssize_t n = 1;
	int fds[2];

	open_terminal(fds);
	sup = start_stuck(fds[1]);
	p.fd = fds[0];
	while (n_lines < (256 << 10) / 1000 && n > 0 &&
	    poll(&p, 1, TESTCHILD_PATIENCE) == 1) {
		n = read(fds[0], bytes, sizeof(bytes));
		for (ssize_t i = 0; i < n; i++) {
			column += bytes[i] == 'x';
			if (bytes[i] != '\n')
				continue;
			cr_assert_eq(column, 999, "line %zu", n_lines);
			column = 0;
			n_lines++;
		}
	}
	cr_assert_eq(n_lines, (256 << 10) / 1000);
	brood_supervisor_free(sup);
	close(fds[0]);
	close(fds[1]);
}
