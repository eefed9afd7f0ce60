/* SPDX-License-Identifier: ISC */
/*
 * fdwc [-j WORKERS] [--crash-on FILE] FILE...: wc(1) by a pool of workers.
 *
 * This program opens the files and passes their descriptors to the workers.  A
 * worker never sees a name and opens nothing.  If a worker dies, the line of
 * one file is missing, and nothing else.  The output is that of GNU wc in the C
 * locale.
 *
 * The command line may have any number of files.  A file is open only while the
 * pool has its request.  When the pool accepts no more, the program waits for
 * an answer and tries again.
 */

#include "number.h"
#include "quote.h"

#include <brood.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FDWC_USAGE	"usage: fdwc [-j WORKERS] [--crash-on FILE] FILE..."

enum method { METHOD_COUNT, METHOD_CRASH };

struct counts {
	uintmax_t lines, words, bytes;
};

struct file {
	const char	*name;
	char		*complaint;	/* for stderr, or NULL */
	struct counts	 counts;
	bool		 has_counts;	/* there is a line to print */
	bool		 is_done;	/* there is no answer to wait for */
};

struct job {
	struct brood_pool *pool;
	const char	*crash_on;	/* name of a file, or NULL */
	struct file	*files;
	size_t		 n_files;
	size_t		 n_pending;	/* requests without an answer yet */
	size_t		 n_printed;
	struct counts	 total;
	int		 width;		/* of a column of numbers */
	int		 status;	/* to exit with */
};

/* This part runs in the workers. */

/*
 * As in GNU wc, a printable character begins a word, and only white space ends
 * it.  in_word tells if the bytes before these ended within a word.
 */
static void
counts_add(struct counts *counts, bool *in_word, const unsigned char *buf,
    size_t len)
{
	counts->bytes += len;
	for (size_t i = 0; i < len; i++) {
		if (buf[i] == '\n')
			counts->lines++;
		if (isspace(buf[i]))
			*in_word = false;
		else if (!*in_word && isgraph(buf[i])) {
			*in_word = true;
			counts->words++;
		}
	}
}

/*
 * The handler.  The status of the reply is the errno of read(2), or 0.  After
 * an error, too, the reply has what was counted, as GNU wc prints that.
 */
static int
count(struct brood_request *request, void *arg)
{
	unsigned char buf[65536];
	struct counts counts = { 0 };
	bool in_word = false;
	int fd = brood_request_fd(request, 0), error;
	ssize_t n;

	(void)arg;
	if (fd < 0)
		return fd;
	if (brood_request_code(request) == METHOD_CRASH)
		abort();
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		counts_add(&counts, &in_word, buf, (size_t)n);
	error = n < 0 ? errno : 0;
	return brood_request_reply(request, (uint32_t)error, &counts,
	    sizeof(counts));
}

/* The rest runs in the parent.  First: one file. */

static bool
file_is_stdin(const struct file *file)
{
	return strcmp(file->name, "-") == 0;
}

static int
file_open(const struct file *file)
{
	int fd;

	fd = file_is_stdin(file) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) :
	    open(file->name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Set the text that job_print() prints when it is this file's turn. */
static void __attribute__((format(printf, 2, 3)))
file_complain(struct file *file, const char *format, ...)
{
	size_t size;
	FILE *out = open_memstream(&file->complaint, &size);
	va_list ap;

	if (out == NULL)
		err(1, NULL);
	quote(out, file->name);
	va_start(ap, format);
	vfprintf(out, format, ap);
	va_end(ap);
	if (fclose(out) == EOF)
		err(1, NULL);
}

static void
file_finish(struct file *file, const struct brood_completion *done)
{
	int sig = WIFSIGNALED(done->status) ? WTERMSIG(done->status) : 0;

	file->is_done = true;
	if (done->fate == BROOD_CRASHED && sig != 0)
		file_complain(file, ": worker killed by signal %d (%s)", sig,
		    strsignal(sig));
	else if (done->fate != BROOD_DONE)
		file_complain(file, ": %s", done->text);
	else if (done->reply.len != sizeof(file->counts))
		file_complain(file, ": worker sent no counts");
	else {
		memcpy(&file->counts, done->reply.data, sizeof(file->counts));
		file->has_counts = true;
		if (done->reply.code != 0)
			file_complain(file, ": %s",
			    strerror((int)done->reply.code));
	}
}

/* All files together. */

/*
 * Choose the width of a column, as GNU wc does: that of the sum of the sizes of
 * the regular files, and at least 7 if there is a file of another type.
 */
static void
job_measure(struct job *job)
{
	uintmax_t size = 0;
	int width, min_width = 1;
	struct stat st;

	for (size_t i = 0; i < job->n_files; i++) {
		const struct file *file = &job->files[i];

		if ((file_is_stdin(file) ? fstat(STDIN_FILENO, &st) :
		    stat(file->name, &st)) != 0)
			continue;
		if (S_ISREG(st.st_mode))
			size += (uintmax_t)st.st_size;
		else
			min_width = 7;
	}
	width = snprintf(NULL, 0, "%ju", size);
	job->width = width > min_width ? width : min_width;
}

static void
job_print_line(const struct job *job, const struct counts *counts,
    const char *name)
{
	printf("%*ju %*ju %*ju ", job->width, counts->lines, job->width,
	    counts->words, job->width, counts->bytes);
	if (strchr(name, '\n') != NULL)
		quote(stdout, name);
	else
		fputs(name, stdout);
	putchar('\n');
}

/* Print the files that are done, up to the first that is not. */
static void
job_print(struct job *job)
{
	for (; job->n_printed < job->n_files; job->n_printed++) {
		struct file *file = &job->files[job->n_printed];

		if (!file->is_done)
			return;
		if (file->complaint != NULL) {
			warnx("%s", file->complaint);
			free(file->complaint);
			job->status = 1;
		}
		if (!file->has_counts)
			continue;
		job_print_line(job, &file->counts, file->name);
		job->total.lines += file->counts.lines;
		job->total.words += file->counts.words;
		job->total.bytes += file->counts.bytes;
	}
}

/* Wait for an answer.  Gives false if there is no request without one. */
static bool
job_collect(struct job *job)
{
	struct brood_completion done;
	int r;

	if (job->n_pending == 0)
		return false;
	while ((r = brood_pool_take(job->pool, &done)) == 0) {
		r = brood_pool_wait(job->pool, -1);
		if (r < 0)
			break;
	}
	if (r < 0)
		errx(1, "workers: %s", strerror(-r));
	file_finish(done.tag, &done);
	brood_completion_fini(&done);
	job->n_pending--;
	return true;
}

/*
 * Pass a file to a worker.
 *
 * All copies of a descriptor share one file offset.  Therefore the request is
 * not BROOD_IDEMPOTENT: a second worker would read on where the first one died.
 * And therefore standard input, which may be named more than once, is passed on
 * only after every earlier request has been answered.
 */
static void
job_start(struct job *job, struct file *file)
{
	struct brood_message msg = { .n_fds = 1 };
	struct brood_request_options options = { .tag = file };
	int r, fd;

	while (file_is_stdin(file) && job_collect(job))
		continue;
	do
		fd = file_open(file);
	while (fd == -EMFILE && job_collect(job));
	r = fd;
	if (fd >= 0) {
		msg.fds = &fd;
		if (job->crash_on && strcmp(file->name, job->crash_on) == 0)
			msg.code = METHOD_CRASH;
		do
			r = brood_pool_submit(job->pool, &msg, &options, NULL);
		while ((r == -EAGAIN || r == -EMFILE) && job_collect(job));
		(void)close(fd);
	}
	if (r < 0) {
		file_complain(file, ": %s", strerror(-r));
		file->is_done = true;
		return;
	}
	job->n_pending++;
}

static void
job_run(struct job *job)
{
	job_measure(job);
	for (size_t i = 0; i < job->n_files; i++) {
		job_start(job, &job->files[i]);
		job_print(job);
	}
	while (job_collect(job))
		job_print(job);
	if (job->n_files > 1)
		job_print_line(job, &job->total, "total");
}

static void
job_parse(struct job *job, unsigned *ret_workers, int argc, char **argv)
{
	static const struct option options[] = {
		{ "crash-on", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "j:", options, NULL)) != -1) {
		if (opt == 'c')
			job->crash_on = optarg;
		else if (opt == 'j') {
			*ret_workers = (unsigned)number("WORKERS", optarg,
			    10000);
		} else
			errx(2, FDWC_USAGE);
	}
	if (optind >= argc)
		errx(2, FDWC_USAGE);
	job->n_files = (size_t)(argc - optind);
	job->files = calloc(job->n_files, sizeof(*job->files));
	if (job->files == NULL)
		err(1, NULL);
	for (size_t i = 0; i < job->n_files; i++)
		job->files[i].name = argv[optind + (int)i];
}

int
main(int argc, char **argv)
{
	struct brood_pool_options options = {
		.name = "fdwc",
		.handler = count,
		.queue = 16,	/* each request keeps a file open */
	};
	struct job job = { 0 };
	char text[BROOD_TEXT_SIZE];

	job_parse(&job, &options.workers, argc, argv);
	if (brood_pool_new(&job.pool, &options, text) < 0)
		errx(1, "cannot start workers: %s", text);
	/* Flush each line: warnx(3) must not print before earlier lines. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	job_run(&job);
	brood_pool_free(job.pool);
	free(job.files);
	if (fflush(stdout) == EOF || ferror(stdout))
		errx(1, "write error");
	return job.status;
}
