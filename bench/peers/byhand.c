/* SPDX-License-Identifier: ISC */
/*
 * byhand: processes with fork(2) and waitpid(2), and nothing else.
 *
 *	byhand spawn | kill | ready
 *
 * A child answers each byte with the same byte.  It is ready when its first
 * byte, which it sends unasked, has been read.
 */

#include "../measure.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define N_SPAWNS	21
#define N_KILLS		101
#define MAX_CHILDREN	1024

struct child {
	pid_t		 pid;
	int		 fd;
};

static void
serve(int fd)
{
	char byte = 'r';

	do
		if (write(fd, &byte, 1) != 1)
			_exit(1);
	while (read(fd, &byte, 1) == 1);
	_exit(0);
}

static void
child_start(struct child *child)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		err(1, "socketpair");
	child->pid = fork();
	if (child->pid < 0)
		err(1, "fork");
	if (child->pid == 0) {
		close(fds[0]);
		serve(fds[1]);
	}
	close(fds[1]);
	child->fd = fds[0];
}

static void
child_read(const struct child *child, char wanted)
{
	char byte;

	if (read(child->fd, &byte, 1) != 1 || byte != wanted)
		errx(1, "a wrong answer");
}

static void
child_ask(const struct child *child)
{
	if (write(child->fd, "x", 1) != 1)
		err(1, "write");
	child_read(child, 'x');
}

static void
child_end(struct child *child)
{
	if (kill(child->pid, SIGKILL) < 0 ||
	    waitpid(child->pid, NULL, 0) < 0)
		err(1, "the child");
	close(child->fd);
}

static void
measure_spawn(uint64_t host_len)
{
	unsigned char *memory = host_new(host_len);
	struct child child;
	struct times times;
	uint64_t begin;

	times_init(&times);
	for (int i = 0; i < N_SPAWNS; i++) {
		begin = now_ns();
		child_start(&child);
		child_read(&child, 'r');
		times_add(&times, begin);
		child_end(&child);
	}
	print_at("spawn", host_len, times_median(&times), "ns");
	times_fini(&times);
	free(memory);
}

static void
measure_kill(void)
{
	struct child child;
	struct times times;
	uint64_t begin;

	times_init(&times);
	child_start(&child);
	child_read(&child, 'r');
	child_ask(&child);
	for (int i = 0; i < N_KILLS; i++) {
		begin = now_ns();
		child_end(&child);
		child_start(&child);
		child_read(&child, 'r');
		child_ask(&child);
		times_add(&times, begin);
	}
	child_end(&child);
	times_print("kill", &times);
	times_fini(&times);
}

/*
 * A child also holds the sockets of the older ones: a program that forks by
 * hand has to close those, or to live with it.
 */
static void
measure_ready(unsigned n)
{
	static struct child children[MAX_CHILDREN];
	uint64_t begin = now_ns();

	for (unsigned i = 0; i < n; i++)
		child_start(&children[i]);
	for (unsigned i = 0; i < n; i++)
		child_read(&children[i], 'r');
	print_at("ready", n, (double)(now_ns() - begin), "ns");
	for (unsigned i = 0; i < n; i++)
		child_end(&children[i]);
}

int
main(int argc, char **argv)
{
	struct options options;

	options_parse(&options, argc, argv);
	raise_descriptor_limit();
	if (strcmp(options.question, "spawn") == 0) {
		measure_spawn(SMALL_HOST);
		if (host_fits(LARGE_HOST))
			measure_spawn(LARGE_HOST);
	} else if (strcmp(options.question, "kill") == 0) {
		measure_kill();
	} else if (strcmp(options.question, "ready") == 0) {
		measure_ready(128);
		measure_ready(1024);
	} else {
		errx(2, "usage: byhand spawn | kill | ready");
	}
	return 0;
}
