/* SPDX-License-Identifier: ISC */

/*
 * Claims about what a child prints: which lines come out of the sink, and
 * what is kept for the report.  The test writes in the place of the child, and
 * the sink is a pipe that it reads.
 */

#include "base/fd.h"
#include "supervisor/log_stream.h"
#include "support/support.h"

#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

BROOD_SUITE(log_stream);

struct fixture {
	struct brood__ready *ready;
	struct brood__log_sink sink;
	struct brood__log_stream stream;
	int child_fd;
	int sink_fds[2];
};

static void
begin(struct fixture *fix)
{
	memset(fix, 0, sizeof(*fix));
	cr_assert_eq(pipe2(fix->sink_fds, O_CLOEXEC | O_NONBLOCK), 0);
	brood__log_sink_init(&fix->sink, fix->sink_fds[1]);
	cr_assert_eq(brood__ready_new(&fix->ready), 0);
	cr_assert_eq(brood__log_stream_open(&fix->stream, fix->ready, 7,
	    &fix->child_fd), 0);
}

static void
end(struct fixture *fix)
{
	brood__log_stream_close(&fix->stream);
	fix->ready = brood__ready_free(fix->ready);
	(void)brood__fd_close(fix->child_fd);
	brood__fd_close_all(fix->sink_fds, 2);
}

static void
print(struct fixture *fix, const char *text)
{
	cr_assert_eq(write(fix->child_fd, text, strlen(text)),
	    (ssize_t)strlen(text));
}

/* Is the stream watched, and ready? */
static bool
is_told(struct fixture *fix)
{
	struct brood__ready_event event;

	return brood__ready_wait(fix->ready, 0, &event, 1) == 1 &&
	    event.token == 7;
}

static void
read_all(struct fixture *fix)
{
	while (is_told(fix))
		brood__log_stream_read(&fix->stream, &fix->sink);
}

/* What has come out of the sink. */
static void
expect(struct fixture *fix, const char *text)
{
	char got[8192];
	ssize_t n;

	n = read(fix->sink_fds[0], got, sizeof(got) - 1);
	got[n > 0 ? n : 0] = '\0';
	cr_assert_str_eq(got, text);
}

/* Fill the sink; empty it again. */
static void
stuff(struct fixture *fix)
{
	static const char bytes[65536];

	cr_assert_eq(write(fix->sink_fds[1], bytes, sizeof(bytes)),
	    (ssize_t)sizeof(bytes));
}

static void
unstuff(struct fixture *fix)
{
	char bytes[65536];

	cr_assert_eq(read(fix->sink_fds[0], bytes, sizeof(bytes)),
	    (ssize_t)sizeof(bytes));
}

Test(log_stream, lines_pass_when_they_are_complete)
{
	struct fixture fix;

	begin(&fix);
	print(&fix, "one\ntw");
	read_all(&fix);
	expect(&fix, "one\n");
	print(&fix, "o\n");
	read_all(&fix);
	expect(&fix, "two\n");
	end(&fix);
}

Test(log_stream, each_line_has_the_prefix)
{
	struct fixture fix;

	begin(&fix);
	(void)strlcpy(fix.stream.prefix, "child: ", sizeof(fix.stream.prefix));
	fix.stream.prefix_len = strlen("child: ");
	print(&fix, "one\ntwo\n");
	read_all(&fix);
	expect(&fix, "child: one\nchild: two\n");
	end(&fix);
}

/* Or a worker could hold up the supervisor process by printing. */
Test(log_stream, many_short_lines_leave_in_few_writes)
{
	enum { LINES = 1000, WRITES = 8 };
	char lines[LINES], packet[BROOD__LOG_SINK_MAX];
	size_t n_writes = 0, n_lines = 0;
	struct fixture fix;
	int sockets[2];
	ssize_t n;

	begin(&fix);
	(void)strlcpy(fix.stream.prefix, "child: ", sizeof(fix.stream.prefix));
	fix.stream.prefix_len = strlen("child: ");
	/* In such a socket each write is a packet. */
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    sockets), 0);
	brood__log_sink_init(&fix.sink, sockets[1]);
	memset(lines, '\n', sizeof(lines));
	cr_assert_eq(write(fix.child_fd, lines, sizeof(lines)),
	    (ssize_t)sizeof(lines));
	read_all(&fix);
	while ((n = recv(sockets[0], packet, sizeof(packet),
	    MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i += 8, n_lines++)
			cr_assert_eq(memcmp(packet + i, "child: \n", 8), 0);
		n_writes++;
	}
	cr_assert_eq(n_lines, LINES);
	cr_assert_leq(n_writes, WRITES);
	brood__fd_close_all(sockets, 2);
	end(&fix);
}

Test(log_stream, line_that_is_too_long_is_cut)
{
	char line[BROOD__LOG_STREAM_LINE + 5 + 1], want[sizeof(line) + 2];
	struct fixture fix;

	begin(&fix);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	print(&fix, line);
	print(&fix, "\n");
	read_all(&fix);
	(void)snprintf(want, sizeof(want), "%.*s\n%s\n",
	    BROOD__LOG_STREAM_LINE, line, "xxxxx");
	expect(&fix, want);
	end(&fix);
}

Test(log_stream, last_line_passes_without_its_end)
{
	struct fixture fix;

	begin(&fix);
	print(&fix, "one\nlast words");
	brood__log_stream_finish(&fix.stream, &fix.sink);
	expect(&fix, "one\nlast words\n");
	cr_assert_eq(fix.stream.state, BROOD__LOG_STREAM_CLOSED);
	end(&fix);
}

Test(log_stream, end_of_the_pipe_closes_the_stream)
{
	struct fixture fix;

	begin(&fix);
	print(&fix, "bye");
	fix.child_fd = brood__fd_close(fix.child_fd);
	read_all(&fix);
	cr_assert_eq(fix.stream.state, BROOD__LOG_STREAM_CLOSED);
	expect(&fix, "bye\n");
	end(&fix);
}

Test(log_stream, nothing_is_read_while_the_sink_is_full)
{
	struct fixture fix;

	begin(&fix);
	stuff(&fix);
	print(&fix, "one\n");
	read_all(&fix);
	cr_assert_eq(fix.stream.state, BROOD__LOG_STREAM_PAUSED);
	print(&fix, "two\n");
	cr_assert_not(is_told(&fix));
	cr_assert_eq(brood__log_stream_resume(&fix.stream, &fix.sink), 0);
	cr_assert_eq(fix.stream.state, BROOD__LOG_STREAM_PAUSED);
	unstuff(&fix);
	cr_assert_eq(brood__log_stream_resume(&fix.stream, &fix.sink), 0);
	cr_assert_eq(fix.stream.state, BROOD__LOG_STREAM_READING);
	read_all(&fix);
	expect(&fix, "one\ntwo\n");
	end(&fix);
}

Test(log_stream, tail_is_kept_though_the_sink_is_full)
{
	char line[101];
	struct fixture fix;

	begin(&fix);
	stuff(&fix);
	memset(line, 'x', sizeof(line) - 2);
	line[sizeof(line) - 2] = '\n';
	line[sizeof(line) - 1] = '\0';
	for (int i = 0; i < 100; i++)
		print(&fix, line);
	print(&fix, "the end\n");
	brood__log_stream_finish(&fix.stream, &fix.sink);
	cr_assert_eq(fix.stream.tail_len, BROOD__TAIL_MAX);
	cr_assert_arr_eq(fix.stream.tail + BROOD__TAIL_MAX - 10,
	    "x\nthe end\n", 10);
	end(&fix);
}

Test(log_stream, tail_is_the_last_4_kib)
{
	struct fixture fix;
	char number[16];

	begin(&fix);
	fix.sink.kind = BROOD__LOG_SINK_NONE;
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(number, sizeof(number), "%07d\n", i);
		print(&fix, number);
	}
	read_all(&fix);
	cr_assert_eq(fix.stream.tail_len, BROOD__TAIL_MAX);
	cr_assert_arr_eq(fix.stream.tail, "0001488\n", 8);
	cr_assert_arr_eq(fix.stream.tail + BROOD__TAIL_MAX - 8, "0001999\n",
	    8);
	end(&fix);
}

Test(log_stream, grandchild_that_goes_on_printing_holds_nobody_up)
{
	struct fixture fix;

	(void)signal(SIGPIPE, SIG_IGN);
	begin(&fix);
	fix.sink.kind = BROOD__LOG_SINK_NONE;
	print(&fix, "from a grandchild\n");
	brood__log_stream_finish(&fix.stream, &fix.sink);
	cr_assert_eq(fix.stream.state, BROOD__LOG_STREAM_CLOSED);
	cr_assert_lt(write(fix.child_fd, "more\n", 5), 0);
	cr_assert_eq(errno, EPIPE);
	end(&fix);
}
