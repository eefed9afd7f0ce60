/* SPDX-License-Identifier: ISC */
/*
 * libuv: a pipe between two processes, each with a loop.
 *
 *	libuv call | depth
 *
 * A message is 64 bytes, and the other process writes back what it reads.  To
 * write, uv_try_write() comes first, as libuv's guide advises for small data.
 */

#include "../measure.h"

#include <uv.h>

#define BUFFER_LEN	65536

struct client {
	uv_pipe_t	 pipe;
	bool		 is_call;
	unsigned	 depth;
	uint64_t	 end;		/* when to send no more */
	uint64_t	 begin;		/* of the call that is open */
	uint64_t	 n_sent;
	uint64_t	 n_done;
	struct times	 times;
	char		 part[SMALL_LEN];	/* of an answer */
	size_t		 part_len;
};

static char buffer[BUFFER_LEN];

static void
check(int r, const char *what)
{
	if (r < 0)
		errx(1, "%s: %s", what, uv_strerror(r));
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
	(void)handle, (void)suggested;
	*ret_buf = uv_buf_init(buffer, sizeof(buffer));
}

static void
on_written(uv_write_t *write, int status)
{
	check(status, "uv_write");
	free(write);
}

/* Write now what the socket takes, and the rest when it has room. */
static void
pipe_write(uv_stream_t *stream, const char *data, size_t len)
{
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)len);
	uv_write_t *write;
	int n;

	n = uv_try_write(stream, &buf, 1);
	if (n == UV_EAGAIN)
		n = 0;
	check(n, "uv_try_write");
	if ((size_t)n == len)
		return;
	len -= (size_t)n;
	write = malloc(sizeof(*write) + len);
	if (write == NULL)
		err(1, "malloc");
	memcpy(write + 1, data + n, len);
	buf = uv_buf_init((char *)(write + 1), (unsigned)len);
	check(uv_write(write, stream, &buf, 1, on_written), "uv_write");
}

static void
on_request(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	if (n < 0)
		uv_close((uv_handle_t *)stream, NULL);
	else
		pipe_write(stream, buf->base, (size_t)n);
}

/* Give the loop a pipe that reads from fd. */
static void
pipe_start(uv_loop_t *loop, uv_pipe_t *pipe, int fd, uv_read_cb on_read)
{
	check(uv_loop_init(loop), "uv_loop_init");
	check(uv_pipe_init(loop, pipe, 0), "uv_pipe_init");
	check(uv_pipe_open(pipe, fd), "uv_pipe_open");
	check(uv_read_start((uv_stream_t *)pipe, on_alloc, on_read), "read");
}

static void
serve(int fd)
{
	uv_loop_t loop;
	uv_pipe_t pipe;

	pipe_start(&loop, &pipe, fd, on_request);
	uv_run(&loop, UV_RUN_DEFAULT);
}

/* Send as many as may be open, by one write. */
static void
client_send(struct client *client)
{
	char data[BUFFER_LEN] = { 0 };
	size_t len = 0;

	client->begin = now_ns();
	if (client->begin >= client->end)
		return;
	for (; client->n_sent - client->n_done < client->depth;
	    len += SMALL_LEN)
		payload_stamp(data + len, client->n_sent++);
	pipe_write((uv_stream_t *)&client->pipe, data, len);
}

static void
client_check(struct client *client)
{
	char wanted[SMALL_LEN] = { 0 };

	payload_stamp(wanted, client->n_done++);
	if (memcmp(client->part, wanted, sizeof(wanted)) != 0)
		errx(1, "a wrong answer");
	client->part_len = 0;
	if (client->is_call)
		times_add(&client->times, client->begin);
}

static void
on_answer(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *client = stream->data;
	const char *data = buf->base;
	size_t part;

	if (n < 0)
		check((int)n, "uv_read");
	for (; n > 0; data += part, n -= (ssize_t)part) {
		part = SMALL_LEN - client->part_len;
		if (part > (size_t)n)
			part = (size_t)n;
		memcpy(client->part + client->part_len, data, part);
		client->part_len += part;
		if (client->part_len == SMALL_LEN)
			client_check(client);
	}
	client_send(client);
	if (client->n_done == client->n_sent)
		uv_close((uv_handle_t *)stream, NULL);
}

static void
measure(struct client *client, const struct options *options)
{
	uint64_t begin;
	uv_loop_t loop;

	pipe_start(&loop, &client->pipe, child_fork(serve), on_answer);
	client->pipe.data = client;
	begin = now_ns();
	client->end = begin + (client->is_call ? 2 : 1) * options->run_ns;
	client_send(client);
	uv_run(&loop, UV_RUN_DEFAULT);
	if (!client->is_call)
		print_at("depth", client->depth, (double)client->n_done * 1e9 /
		    (double)(now_ns() - begin), "calls/s");
	uv_loop_close(&loop);
	child_wait();
}

int
main(int argc, char **argv)
{
	static const unsigned depths[] = { 1, 4, 16, 64, 256 };
	struct options options;

	options_parse(&options, argc, argv);
	if (strcmp(options.question, "call") == 0) {
		struct client client = { .is_call = true, .depth = 1 };

		times_init(&client.times);
		measure(&client, &options);
		times_print("call", &client.times);
		times_fini(&client.times);
	} else if (strcmp(options.question, "depth") == 0) {
		for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
			struct client client = { .depth = depths[i] };

			measure(&client, &options);
		}
	} else {
		errx(2, "usage: libuv call | depth");
	}
	return 0;
}
