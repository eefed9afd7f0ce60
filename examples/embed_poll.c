/* SPDX-License-Identifier: ISC */
/*
 * embed_poll: a pool inside a program's own poll(2) loop.
 *
 * Workers put the lines of standard input in capitals.  Each answer is printed
 * as soon as it comes, with the number of its line, because a later line may be
 * answered first.  The program waits in poll(2) and nowhere else.
 *
 * Backpressure: when the pool is full (-EAGAIN), the program stops reading
 * standard input until an answer has made room.  So it needs a limited amount
 * of memory, and a program that writes to it too fast has to wait.
 */

#include <brood.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_LEN	4096	/* a longer line is treated as several */

struct input {
	char		 buf[LINE_MAX_LEN];	/* read, not yet submitted */
	size_t		 len;		/* bytes in buf */
	unsigned long	 n_lines;	/* submitted so far */
	bool		 is_ended;	/* read(2) has returned 0 */
	bool		 is_blocked;	/* the pool had no room for a line */
};

/* The handler.  It runs in a worker process. */
static int
upcase(struct brood_request *request, void *arg)
{
	const unsigned char *in = brood_request_data(request);
	size_t len = brood_request_len(request);
	char out[LINE_MAX_LEN];

	(void)arg;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)toupper(in[i]);
	return brood_request_reply(request, 0, out, len);
}

/*
 * Read more of standard input.  It is called only when poll(2) says that a read
 * will not wait, and when is_blocked is false.  Then the buffer has room: a
 * full buffer counts as a line, and every line has been submitted.
 */
static void
input_read(struct input *input)
{
	ssize_t n;

	n = read(STDIN_FILENO, input->buf + input->len,
	    sizeof(input->buf) - input->len);
	if (n < 0)
		err(1, "standard input");
	input->len += (size_t)n;
	input->is_ended = n == 0;
}

/*
 * Give the length of the first line in the buffer, with its newline; 0 if the
 * end of the line has not been read yet.
 */
static size_t
input_line(const struct input *input)
{
	const char *end = memchr(input->buf, '\n', input->len);

	if (end != NULL)
		return (size_t)(end + 1 - input->buf);
	if (input->is_ended || input->len == sizeof(input->buf))
		return input->len;
	return 0;
}

/*
 * Submit the lines in the buffer, until the pool is full.  The tag of a
 * request, which comes back in the completion, is the number of its line.
 */
static void
input_submit(struct input *input, struct brood_pool *pool)
{
	struct brood_message msg = { .data = input->buf };
	struct brood_request_options options = { 0 };
	int r;

	input->is_blocked = false;
	while ((msg.len = input_line(input)) > 0) {
		options.tag = (void *)(uintptr_t)(input->n_lines + 1);
		r = brood_pool_submit(pool, &msg, &options, NULL);
		input->is_blocked = r == -EAGAIN;
		if (input->is_blocked)
			return;
		if (r < 0)
			errx(1, "cannot submit: %s", strerror(-r));
		input->n_lines++;
		input->len -= msg.len;
		memmove(input->buf, input->buf + msg.len, input->len);
	}
}

static void
answer_print(const struct brood_completion *done)
{
	const char *data = done->reply.data;
	size_t len = done->reply.len;

	printf("%ju ", (uintmax_t)(uintptr_t)done->tag);
	if (done->fate != BROOD_DONE)
		printf("failed: %s\n", done->text);
	else if (len > 0 && data[len - 1] == '\n')
		printf("%.*s", (int)len, data);
	else
		printf("%.*s\n", (int)len, data);
}

/* Print the answers that have come.  Gives their number. */
static unsigned long
answers_take(struct brood_pool *pool)
{
	struct brood_completion done;
	unsigned long n = 0;
	int r;

	while ((r = brood_pool_take(pool, &done)) == 1) {
		answer_print(&done);
		brood_completion_fini(&done);
		n++;
	}
	if (r < 0)
		errx(1, "pool: %s", strerror(-r));
	if (fflush(stdout) == EOF)
		err(1, "standard output");
	return n;
}

static void
loop_run(struct brood_pool *pool)
{
	struct input input = { 0 };
	unsigned long n_answers = 0;
	struct pollfd fds[2];
	int r;

	while (!input.is_ended || input.len > 0 || n_answers < input.n_lines) {
		fds[0].fd = brood_pool_fd(pool);
		fds[0].events = POLLIN;
		/* poll(2) ignores a negative descriptor. */
		fds[1].fd = input.is_ended || input.is_blocked ? -1 :
		    STDIN_FILENO;
		fds[1].events = POLLIN;
		/*
		 * On a system where brood_pool_fd() gives -ENOSYS, dispatch
		 * every 10 ms.
		 */
		if (poll(fds, 2, fds[0].fd < 0 ? 10 : -1) < 0)
			err(1, "poll");
		if (fds[1].fd >= 0 && fds[1].revents != 0)
			input_read(&input);
		r = brood_pool_dispatch(pool);
		if (r < 0)
			errx(1, "pool: %s", strerror(-r));
		/* Take first: that makes room for a line that is blocked. */
		n_answers += answers_take(pool);
		input_submit(&input, pool);
	}
}

int
main(void)
{
	struct brood_pool_options options = { .handler = upcase };
	char text[BROOD_TEXT_SIZE];
	struct brood_pool *pool;

	if (brood_pool_new(&pool, &options, text) < 0)
		errx(1, "cannot make a pool: %s", text);
	loop_run(pool);
	brood_pool_free(pool);
	return 0;
}
