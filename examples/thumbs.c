/* SPDX-License-Identifier: ISC */
/*
 * thumbs [-j WORKERS] [-l LEVEL] [-m MIB] [-o DIR] [-s SIZE] [-t SECONDS]
 *     FILE...: make small images of PNG and JPEG files that nobody trusts.
 *
 * A decoder of images is a large program with a long history of faults, and a
 * file can be made so that it uses one of them.  Here libpng and libjpeg run in
 * workers only.  A worker has nothing but a descriptor of the file: no name, no
 * other file, no network, no process that it could see (BROOD_CONFINE_CALLS).
 * It returns pixels.  So the worst that a file can do is:
 *
 *	a file that is corrupt		costs a line of text
 *	a decoder that crashes		costs this file
 *	a decoder that never ends	costs this file and SECONDS
 *	a decoder that was taken over	can draw another picture of this file
 *
 * A worker has MIB of memory (512), and SECONDS for its file (10).  Where the
 * system cannot confine it so, this program says that and ends.  -l 1 is to do
 * with less, BROOD_CONFINE_FILES.
 *
 * The thumbnail of x.png is DIR/x.png.ppm, at most SIZE pixels wide and high
 * (256); one that was there before is replaced.  It is a portable pixmap, which
 * needs no library to write: three numbers, and the pixels as they are.
 *
 *	cc thumbs.c -o thumbs $(pkg-config --cflags --libs brood libpng libjpeg)
 */

#include "image.h"
#include "number.h"
#include "quote.h"

#include <brood.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define THUMBS_USAGE							\
	"usage: thumbs [-j WORKERS] [-l LEVEL] [-m MIB] [-o DIR] [-s SIZE]\n" \
	"\t[-t SECONDS] FILE..."

#define MAX_SIZE	2048

/* How an answer begins; the pixels follow, row by row: red, green, blue. */
struct thumbnail {
	uint32_t width;
	uint32_t height;
};

static size_t
thumbnail_len(uint32_t width, uint32_t height)
{
	return sizeof(struct thumbnail) + (size_t)3 * width * height;
}

/* This part runs in the workers. */

/* The answer is made where the host will read it, so nothing copies it. */
static int
answer(struct brood_request *request, const struct image *image, uint32_t size)
{
	struct thumbnail small;
	size_t len;
	void *data;
	int r;

	image_fit(image, size, &small.width, &small.height);
	len = thumbnail_len(small.width, small.height);
	r = brood_reply_alloc(request, len, &data);
	if (r < 0)
		return r;
	memcpy(data, &small, sizeof(small));
	image_shrink(image, small.width, small.height,
	    (unsigned char *)data + sizeof(small));
	return brood_request_reply(request, 0, data, len);
}

/* The handler: the request is a descriptor of a file, and no more. */
static int
make_thumbnail(struct brood_request *request, void *arg)
{
	const uint32_t *size = arg;
	struct image image = { 0 };
	int fd = brood_request_take_fd(request, 0), r;
	FILE *in;

	if (fd < 0)
		return fd;
	in = fdopen(fd, "rb");
	if (in == NULL)
		return -errno;
	r = image_read(&image, in) ? answer(request, &image, *size) :
	    brood_request_fail(request, 0, image.text);
	free(image.pixels);
	(void)fclose(in);
	return r;
}

/* The rest runs in the parent. */

struct job {
	struct brood_pool *pool;
	uint32_t size;			/* of a thumbnail, at most */
	int	 dir_fd;		/* where the thumbnails go */
	size_t	 n_pending;		/* requests without an answer yet */
	int	 status;		/* to exit with */
};

static void
job_complain(struct job *job, const char *file, const char *what,
    const char *why)
{
	fprintf(stderr, "thumbs: ");
	quote(stderr, file);
	fprintf(stderr, ": %s: %s\n", what, why);
	job->status = 1;
}

/* Gives 0 or an errno. */
static int
job_write(const struct job *job, const char *name,
    const struct thumbnail *small, const void *pixels)
{
	int fd = openat(job->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC |
	    O_CLOEXEC, 0666);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "wb");
	int error;

	if (out == NULL)
		return errno;
	fprintf(out, "P6\n%u %u\n255\n", small->width, small->height);
	(void)fwrite(pixels, 3, (size_t)small->width * small->height, out);
	error = ferror(out) ? errno : 0;
	if (fclose(out) == EOF && error == 0)
		error = errno;
	return error;
}

/*
 * Write the thumbnail that a worker sent.  Whatever the file did to the worker:
 * if the length fits these two numbers, the rest is pixels.
 *
 * The worker can change its answer while it is read here (BROOD_VIEW).  So the
 * numbers are copied first, and only then checked.
 */
static void
job_save(struct job *job, const char *file, const struct brood_message *reply)
{
	const char *slash = strrchr(file, '/');
	char name[NAME_MAX + 1];
	struct thumbnail small;
	int error;

	if (reply->len >= sizeof(small))
		memcpy(&small, reply->data, sizeof(small));
	if (reply->len < sizeof(small) || small.width < 1 ||
	    small.height < 1 || small.width > job->size ||
	    small.height > job->size ||
	    reply->len != thumbnail_len(small.width, small.height)) {
		job_complain(job, file, "failed", "the worker sent no image");
		return;
	}
	if (snprintf(name, sizeof(name), "%s.ppm",
	    slash != NULL ? slash + 1 : file) >= (int)sizeof(name))
		error = ENAMETOOLONG;
	else
		error = job_write(job, name, &small,
		    (const char *)reply->data + sizeof(small));
	if (error != 0)
		job_complain(job, file, "cannot write", strerror(error));
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
	if (done.fate == BROOD_DONE)
		job_save(job, done.tag, &done.reply);
	else
		job_complain(job, done.tag, brood_fate_name(done.fate),
		    done.text);
	brood_completion_fini(&done);
	job->n_pending--;
	return true;
}

/*
 * Open a file, as one would whose name may be a trap as well: a FIFO must not
 * make this process wait (O_NONBLOCK), and a symbolic link not lead elsewhere.
 *
 * Gives a descriptor, or -1 with the reason.
 */
static int
file_open(const char *file, const char **ret_why)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW |
	    O_NONBLOCK);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	*ret_why = fd >= 0 ? "not a regular file" :
	    errno == ELOOP ? "a symbolic link" : strerror(errno);
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* Pass a file to a worker; its name comes back with the answer, as the tag. */
static void
job_start(struct job *job, char *file)
{
	struct brood_request_options options = {
		.flags = BROOD_VIEW, .tag = file,
	};
	struct brood_message msg = { .n_fds = 1 };
	const char *why;
	int fd = file_open(file, &why), r;

	if (fd < 0) {
		job_complain(job, file, "cannot open", why);
		return;
	}
	msg.fds = &fd;
	do
		r = brood_pool_submit(job->pool, &msg, &options, NULL);
	while ((r == -EAGAIN || r == -EMFILE) && job_collect(job));
	(void)close(fd);
	if (r < 0)
		job_complain(job, file, "cannot submit", strerror(-r));
	else
		job->n_pending++;
}

/*
 * Make the pool, and wait for its first event.  If that is not a worker which
 * is ready, none will be: this system cannot confine it, for instance.
 */
static void
job_open(struct job *job, const struct brood_pool_options *options)
{
	char text[BROOD_TEXT_SIZE];
	struct brood_event event;
	int r;

	if (brood_pool_new(&job->pool, options, text) < 0)
		errx(1, "cannot start workers: %s", text);
	while (brood_pool_next_event(job->pool, &event) == 0) {
		r = brood_pool_wait(job->pool, -1);
		if (r < 0)
			errx(1, "cannot start workers: %s", strerror(-r));
	}
	if (event.kind != BROOD_EVENT_READY)
		errx(1, "cannot start a worker at level %u: %s: %s",
		    options->confine->level, event.step, event.text);
}

static void
job_parse(struct job *job, struct brood_pool_options *options,
    struct brood_confine *confine, struct brood_rlimit *memory, int argc,
    char **argv)
{
	const char *dir = ".";
	int opt;

	while ((opt = getopt(argc, argv, "j:l:m:o:s:t:")) != -1)
		switch (opt) {
		case 'j':
			options->workers = (uint32_t)number("WORKERS", optarg,
			    10000);
			break;
		case 'l':
			confine->level = (uint32_t)number("LEVEL", optarg, 2);
			break;
		case 'm':
			memory->soft = (uint64_t)number("MIB", optarg,
			    1000000000) << 20;
			memory->hard = memory->soft;
			break;
		case 'o':
			dir = optarg;
			break;
		case 's':
			job->size = (uint32_t)number("SIZE", optarg, MAX_SIZE);
			break;
		case 't':
			options->run_ms = (int32_t)number("SECONDS", optarg,
			    100000) * 1000;
			break;
		default:
			errx(2, THUMBS_USAGE);
		}
	if (optind >= argc)
		errx(2, THUMBS_USAGE);
	job->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (job->dir_fd < 0)
		err(1, "%s", dir);
}

int
main(int argc, char **argv)
{
	struct job job = { .size = 256 };
	struct brood_rlimit memory = {
		.resource = RLIMIT_AS,
		.soft = (uint64_t)512 << 20, .hard = (uint64_t)512 << 20,
	};
	struct brood_confine confine = {
		.level = BROOD_CONFINE_CALLS,
		.rlimits = &memory, .n_rlimits = 1,
	};
	struct brood_pool_options options = {
		.name = "thumbs",
		.handler = make_thumbnail,
		.arg = &job.size,
		.confine = &confine,
		.run_ms = 10000,
		.shutdown_ms = 1000,
		/*
		 * A new worker for each file, a copy of this process.  One that
		 * was taken over by a file is never given another.
		 */
		.max_requests = 1,
		.spare = 1,		/* started before it is needed */
		.transport = BROOD_RINGS, /* from the first request on */
		.queue = 16,		/* each request keeps a file open */
		.stderr_fd = -1,	/* a worker has nothing to say */
	};

	job_parse(&job, &options, &confine, &memory, argc, argv);
	/* A longer answer is refused, whoever sends it. */
	options.max_payload = thumbnail_len(job.size, job.size);
	job_open(&job, &options);
	for (int i = optind; i < argc; i++)
		job_start(&job, argv[i]);
	while (job_collect(&job))
		continue;
	brood_pool_free(job.pool);
	(void)close(job.dir_fd);
	return job.status;
}
