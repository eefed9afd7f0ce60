/* SPDX-License-Identifier: ISC */
#ifndef MEASURE_H
#define MEASURE_H

/*
 * What all programs under bench/ have in common: options, clocks, and how a
 * figure is printed.  This file uses nothing of brood.
 *
 * A figure is one line, "name value unit".  Programs that answer the same
 * question print the same names; bench/run knows which program ran.  Lines that
 * begin with "#" say what could not be measured, and why.  The exit status 77
 * means that nothing could be.
 */

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SMALL_LEN	64	/* bytes of a small payload */
#define MAX_SAMPLES	1000000	/* of one series of times */
#define PAGE_LEN	4096	/* checksum() looks at a byte of each page */

struct options {
	const char	*transport;	/* -t: how the host and a worker talk */
	const char	*brood;		/* -b: the command to be measured */
	const char	*worker;	/* -w: a program that echoes */
	const char	*in_flight;	/* -i: at each worker of a server */
	const char	*question;	/* the first argument, or "" */
	unsigned	 depth;		/* -d: only this depth; 0: all */
	unsigned	 ring_bytes;	/* -r: of a ring; 0: as usual */
	bool		 is_given;	/* -g: payloads are written in memory of
					   the pool */
	uint64_t	 count;		/* -n: this many calls; 0: by time */
	uint64_t	 run_ns;	/* how long to measure one figure */
};

static inline void
options_parse(struct options *options, int argc, char **argv)
{
	int c;

	*options = (struct options){
		.transport = "socket", .question = "", .run_ns = 500000000,
	};
	while ((c = getopt(argc, argv, "b:d:gi:n:qr:t:w:")) != -1) {
		switch (c) {
		case 'b':
			options->brood = optarg;
			break;
		case 'd':
			options->depth = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'g':
			options->is_given = true;
			break;
		case 'i':
			options->in_flight = optarg;
			break;
		case 'n':
			options->count = strtoull(optarg, NULL, 10);
			break;
		case 'q':
			options->run_ns = 100000000;
			break;
		case 'r':
			options->ring_bytes = (unsigned)strtoul(optarg, NULL,
			    10);
			break;
		case 't':
			options->transport = optarg;
			break;
		case 'w':
			options->worker = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (optind < argc)
		options->question = argv[optind];
}

static inline uint64_t
clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t
now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* The processor time that this process has used, in the kernel too. */
static inline uint64_t
cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static inline void
print_figure(const char *name, double value, const char *unit)
{
	printf("%s %.6g %s\n", name, value, unit);
	fflush(stdout);
}

/* Print a figure whose name ends in a number, such as "depth.64". */
static inline void
print_at(const char *name, uint64_t at, double value, const char *unit)
{
	char text[64];

	snprintf(text, sizeof(text), "%s.%ju", name, (uintmax_t)at);
	print_figure(text, value, unit);
}

/* Times of one kind of event. */
struct times {
	size_t		 n;
	uint64_t	*ns;
};

static inline void
times_init(struct times *times)
{
	times->n = 0;
	times->ns = malloc(MAX_SAMPLES * sizeof(*times->ns));
	if (times->ns == NULL)
		err(1, "malloc");
	/* Touched now, or the page faults would be measured too. */
	memset(times->ns, 0xff, MAX_SAMPLES * sizeof(*times->ns));
}

static inline void
times_fini(struct times *times)
{
	free(times->ns);
	times->ns = NULL;
}

static inline void
times_add(struct times *times, uint64_t begin)
{
	if (times->n < MAX_SAMPLES)
		times->ns[times->n++] = now_ns() - begin;
}

static inline int
times_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static inline double
times_median(struct times *times)
{
	if (times->n == 0)
		errx(1, "nothing was measured");
	qsort(times->ns, times->n, sizeof(*times->ns), times_compare);
	return (double)times->ns[times->n / 2];
}

/* Print the percentiles: the lines "name.p50 value ns", and so on. */
static inline void
times_print(const char *name, struct times *times)
{
	static const double percent[] = {
		1, 5, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99,
	};
	char text[64];
	size_t i, at;

	times_median(times);
	for (i = 0; i < sizeof(percent) / sizeof(*percent); i++) {
		at = (size_t)((double)times->n * percent[i] / 100);
		snprintf(text, sizeof(text), "%s.p%g", name, percent[i]);
		print_figure(text, (double)times->ns[at], "ns");
	}
}

/*
 * What a worker answers to a large payload: a number that depends on each page
 * of it.  So that the payload must have arrived, but costs little to look at.
 */
static inline uint64_t
checksum(const void *data, size_t len)
{
	const unsigned char *byte = data;
	uint64_t sum = len;

	for (size_t i = 0; i < len; i += PAGE_LEN)
		sum = sum * 31 + byte[i];
	return sum * 31 + byte[len - 1];
}

/* The sizes of payloads: 64 B to 64 MiB. */
static const size_t payload_lens[] = {
	64, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216,
	67108864,
};
#define N_PAYLOAD_LENS	(sizeof(payload_lens) / sizeof(*payload_lens))
#define MAX_PAYLOAD	67108864
#define PAYLOAD_DEPTH	4	/* in flight, where large ones can be */

/* The memory that a host has touched when it starts a worker. */
#define SMALL_HOST	(1ull << 20)
#define LARGE_HOST	(4ull << 30)

static inline unsigned char
payload_byte(size_t i)
{
	return (unsigned char)(i * 7 + i / PAGE_LEN);
}

/* Memory for a payload, each page of it touched. */
static inline unsigned char *
payload_new(size_t len)
{
	unsigned char *data = malloc(len);

	if (data == NULL)
		err(1, "malloc");
	for (size_t i = 0; i < len; i++)
		data[i] = payload_byte(i);
	return data;
}

/* Write what checksum() looks at. */
static inline void
payload_touch(unsigned char *data, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE_LEN)
		data[i] = payload_byte(i);
	data[len - 1] = payload_byte(len - 1);
}

/* Make each payload another one: put a number at its start. */
static inline void
payload_stamp(void *data, uint64_t number)
{
	memcpy(data, &number, sizeof(number));
}

/* The bytes of memory that can be had without swapping; 0: not known. */
static inline uint64_t
memory_available(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL &&
	    sscanf(line, "MemAvailable: %llu", &kib) != 1)
		;
	fclose(file);
	return kib * 1024;
}

/* Memory of a host: malloc'ed, and a byte of each page written. */
static inline unsigned char *
host_new(uint64_t len)
{
	unsigned char *memory = malloc(len);

	if (memory == NULL)
		err(1, "malloc");
	for (uint64_t i = 0; i < len; i += PAGE_LEN)
		memory[i] = 1;
	return memory;
}

/* Can there be a host of this size? */
static inline bool
host_fits(uint64_t len)
{
	if (memory_available() > len + len / 2)
		return true;
	printf("# too little memory for a host of %ju bytes\n", (uintmax_t)len);
	return false;
}

/* How many descriptors this process may have: as many as the system lets it. */
static inline void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		err(1, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		err(1, "setrlimit");
}

/* Fork a child that runs serve.  Gives a socket to it. */
static inline int
child_fork(void (*serve)(int fd))
{
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		err(1, "socketpair");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		close(fds[0]);
		serve(fds[1]);
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

/* Wait until it has ended, which it must do well. */
static inline void
child_wait(void)
{
	int status;

	if (wait(&status) < 0 || status != 0)
		errx(1, "the child has failed");
}

#endif
