/* SPDX-License-Identifier: ISC */
/*
 * client: ask a server on a socket, such as brood run, for many things at once.
 *
 *	brood run -l ./echo.sock -- examples/worker.py &
 *	client ./echo.sock one two three
 *
 * Each argument is a request, and each answer is printed when it comes, with
 * its request.  Up to 8 requests are under way.  If one fails, the program says
 * whether it ran: only then is it known whether it may be sent again.  A real
 * program would have other descriptors in its poll(2) too.
 *
 * It needs nothing but libc and brood:
 *
 *	cc client.c -o client $(pkg-config --cflags --libs brood)
 */

#include <brood.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct work {
	struct brood_client *client;
	char	**words;	/* not submitted yet; a NULL last */
	unsigned n_open;	/* submitted, and without a completion */
	int	 status;	/* of the program: EXIT_FAILURE if any failed */
};

static void
fail(const char *what, int r)
{
	fprintf(stderr, "client: %s: %s\n", what, strerror(-r));
	exit(EXIT_FAILURE);
}

/* Submit as many words as the client takes.  Answers make room for more. */
static void
work_submit(struct work *work)
{
	struct brood_request_options options = { .expire_ms = 10000 };
	int r;

	for (; *work->words != NULL; work->words++) {
		struct brood_message msg = {
			.data = *work->words, .len = strlen(*work->words),
		};

		options.tag = *work->words;
		r = brood_client_submit(work->client, &msg, &options, NULL);
		if (r == -EAGAIN)
			return;
		if (r < 0)
			fail(*work->words, r);
		work->n_open++;
	}
}

/* Bytes of a worker could be commands to the terminal. */
static void
print_safely(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		putchar(isprint((unsigned char)data[i]) ? data[i] : '?');
	putchar('\n');
}

static void
work_print(struct work *work, const struct brood_completion *done)
{
	printf("%s: ", (const char *)done->tag);
	if (done->fate == BROOD_DONE) {
		print_safely(done->reply.data, done->reply.len);
		return;
	}
	printf("%s, %s: %s\n", brood_fate_name(done->fate),
	    brood_ran_name(done->ran), done->text);
	work->status = EXIT_FAILURE;
}

static void
work_take(struct work *work)
{
	struct brood_completion done;

	while (brood_client_take(work->client, &done) == 1) {
		work_print(work, &done);
		brood_completion_fini(&done);
		work->n_open--;
	}
}

/* When the connection is lost every request has its completion. */
static void
work_run(struct work *work)
{
	struct pollfd pfd = { .events = POLLIN };
	int r = 0;

	pfd.fd = brood_client_fd(work->client);
	work_submit(work);
	while (work->n_open > 0 && r == 0) {
		/* Without such a descriptor, dispatch every 10 ms. */
		if (poll(&pfd, 1, pfd.fd < 0 ? 10 : -1) < 0)
			fail("poll", -errno);
		r = brood_client_dispatch(work->client);
		work_take(work);
		if (r == 0)
			work_submit(work);
	}
	if (r < 0)
		fail("the server", r);
}

int
main(int argc, char **argv)
{
	struct brood_client_options options = {
		.name = "client",
		.queue = 8,
		.wait_ms = 5000,	/* for a server that is starting */
	};
	struct work work = { .status = EXIT_SUCCESS };
	char text[BROOD_TEXT_SIZE];

	if (argc < 2) {
		fprintf(stderr, "usage: client SOCKET [WORD...]\n");
		return 2;
	}
	if (brood_client_new(&work.client, argv[1], &options, text) < 0) {
		fprintf(stderr, "client: %s\n", text);
		return 3;
	}
	work.words = argv + 2;
	work_run(&work);
	brood_client_free(work.client);
	return work.status;
}
