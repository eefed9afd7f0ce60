/* SPDX-License-Identifier: ISC */
/*
 * cacheline: the limit.  Two processes that spin pass cache lines to each other
 * in memory that both can write.
 *
 *	cacheline call | depth
 *
 * A line holds a number and 56 bytes.  The process that is given a line adds
 * one to its number and gives it back, with the bytes copied.  There is nothing
 * else: no ring, no bounds, no sleep, and no protection of one from the other.
 */

#include "../measure.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define MAX_DEPTH	256

/* number is 2n+1 when request n is there, 2n+2 when its answer is. */
struct line {
	_Alignas(64) _Atomic uint64_t number;
	unsigned char	 data[56];
};

struct shared {
	struct line	 request[MAX_DEPTH];
	struct line	 answer[MAX_DEPTH];
};

/*
 * Wait for a number, spinning.  With one processor that would last until the
 * scheduler takes it away, so give it away now and then.
 */
static void
line_wait(struct line *line, uint64_t number)
{
	for (unsigned n = 1;
	    atomic_load_explicit(&line->number, memory_order_acquire) != number;
	    n++)
		if (n % 100000 == 0)
			sched_yield();
}

static void
serve(struct shared *shared, unsigned depth)
{
	for (uint64_t n = 0;; n++) {
		struct line *request = &shared->request[n % depth];
		struct line *answer = &shared->answer[n % depth];

		line_wait(request, 2 * n + 1);
		memcpy(answer->data, request->data, sizeof(answer->data));
		atomic_store_explicit(&answer->number, 2 * n + 2,
		    memory_order_release);
	}
}

static void
send_line(struct shared *shared, unsigned depth, uint64_t n)
{
	struct line *request = &shared->request[n % depth];

	memcpy(request->data, &n, sizeof(n));
	atomic_store_explicit(&request->number, 2 * n + 1,
	    memory_order_release);
}

static void
take_line(struct shared *shared, unsigned depth, uint64_t n)
{
	struct line *answer = &shared->answer[n % depth];

	line_wait(answer, 2 * n + 2);
	if (memcmp(answer->data, &n, sizeof(n)) != 0)
		errx(1, "a wrong answer");
}

static void
measure_call(struct shared *shared, const struct options *options)
{
	uint64_t begin, end = now_ns() + 2 * options->run_ns;
	struct times times;

	times_init(&times);
	for (uint64_t n = 0; (begin = now_ns()) < end; n++) {
		send_line(shared, 1, n);
		take_line(shared, 1, n);
		times_add(&times, begin);
	}
	times_print("call", &times);
	times_fini(&times);
}

static void
measure_depth(struct shared *shared, unsigned depth,
    const struct options *options)
{
	uint64_t begin = now_ns(), n_sent = 0, n_done = 0;

	while (n_sent % 1024 != 0 || now_ns() - begin < options->run_ns) {
		while (n_sent - n_done < depth)
			send_line(shared, depth, n_sent++);
		take_line(shared, depth, n_done++);
	}
	print_at("depth", depth, (double)n_done * 1e9 /
	    (double)(now_ns() - begin), "calls/s");
}

static void
with_child(unsigned depth, const struct options *options)
{
	struct shared *shared;
	pid_t pid, parent = getpid();

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		/* It spins for ever: it must not outlive its parent. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
		    getppid() != parent)
			_exit(1);
		serve(shared, depth);
	}
	if (strcmp(options->question, "call") == 0)
		measure_call(shared, options);
	else
		measure_depth(shared, depth, options);
	if (kill(pid, SIGKILL) < 0 || waitpid(pid, NULL, 0) < 0)
		err(1, "the child");
	munmap(shared, sizeof(*shared));
}

int
main(int argc, char **argv)
{
	struct options options;

	options_parse(&options, argc, argv);
	if (strcmp(options.question, "call") == 0)
		with_child(1, &options);
	else if (strcmp(options.question, "depth") == 0)
		for (unsigned depth = 1; depth <= MAX_DEPTH; depth *= 4)
			with_child(depth, &options);
	else
		errx(2, "usage: cacheline call | depth");
	return 0;
}
