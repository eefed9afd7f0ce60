/* SPDX-License-Identifier: ISC */

/*
 * The scenario of what workers print.
 */

#include "faults/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SINK_PIPE, SINK_SOCKET, SINK_FILE, SINKS, PRINTERS = 2 };

struct sink {
	int kind;
	int fd;				/* for the pool */
	pid_t reader;			/* counts in the shared memory */
};

static unsigned
count_in(const char *bytes, ssize_t n)
{
	unsigned n_lines = 0;

	for (ssize_t i = 0; i < n; i++)
		n_lines += bytes[i] == '\n';
	return n_lines;
}

static unsigned
sink_lines(const struct sink *sink)
{
	char bytes[4096];
	unsigned n_lines = 0;
	off_t at = 0;
	ssize_t n;

	if (sink->kind != SINK_FILE)
		return fault_region->n_lines;
	/* Without moving the place where the pool writes. */
	while ((n = pread(sink->fd, bytes, sizeof(bytes), at)) > 0) {
		n_lines += count_in(bytes, n);
		at += n;
	}
	return n_lines;
}

/* What was printed is passed on, if nothing has failed. */
static void
check_sink(const struct sink *sink)
{
	int64_t end_us = now_us() + 2000000;

	while (sink_lines(sink) < PRINTERS * PRINT_LINES &&
	    !fault_has_fired()) {
		if (now_us() > end_us)
			wrong("%u lines came to sink %d, not %u",
			    sink_lines(sink), sink->kind,
			    PRINTERS * PRINT_LINES);
		nap_us(1000);
	}
}

static int
run_output(const struct sink *sink)
{
	struct brood_pool_options options = pool_usual;
	struct work work;
	int r;

	options.stderr_fd = sink->fd;
	options.prefix_stderr = 1;
	r = work_start(&work, &options);
	for (int i = 0; r == 0 && i < PRINTERS; i++)
		r = work_submit(&work, PRINT, 64, NULL, 0);
	if (work.pool != NULL && work_finish(&work) < 0 && r == 0)
		r = -ESHUTDOWN;
	if (r == 0)
		check_sink(sink);
	work_check_alive(&work);
	work_end(&work);
	return r;
}

/* Full at first: what comes has to wait. */
static void
fill(int fd)
{
	char bytes[4096];

	memset(bytes, ' ', sizeof(bytes));
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		continue;
	(void)fcntl(fd, F_SETFL, 0);
}

/* Read to the end, from a little later on. */
static void
start_reader(struct sink *sink, int fd)
{
	char bytes[4096];
	ssize_t n;

	fault_region->n_lines = 0;
	sink->reader = fork();
	if (sink->reader == 0) {
		(void)close(sink->fd);
		nap_us(5000);
		while ((n = read(fd, bytes, sizeof(bytes))) > 0)
			fault_region->n_lines += count_in(bytes, n);
		_exit(0);
	}
	(void)close(fd);
}

static void
open_sink(struct sink *sink, int kind)
{
	char path[] = "/tmp/brood-faults.XXXXXX";
	int fds[2];

	*sink = (struct sink){ .kind = kind };
	if (kind == SINK_FILE) {
		sink->fd = mkstemp(path);
		if (sink->fd < 0 || unlink(path) < 0)
			wrong("no file");
		return;
	}
	if (kind == SINK_PIPE ? pipe(fds) < 0 :
	    socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		wrong("no sink");
	sink->fd = fds[1];
	fill(sink->fd);
	start_reader(sink, fds[0]);
}

int
run_pool_output(void)
{
	struct sink sink;
	int r = 0;

	for (int kind = 0; r == 0 && kind < SINKS; kind++) {
		open_sink(&sink, kind);
		r = run_output(&sink);
		(void)close(sink.fd);
		if (sink.reader > 0)
			(void)waitpid(sink.reader, NULL, 0);
	}
	return r;
}
