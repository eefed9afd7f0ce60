/* SPDX-License-Identifier: ISC */
/*
 * raw: write(2) and read(2) on a socketpair, with a forked child.
 *
 *	raw call | depth | payload
 *
 * No frames, no ids, nothing but the bytes.  With a depth, as many messages are
 * written by one write(2), and as many as have come are answered by one; the
 * next ones are written when all answers have come.
 */

#include "../measure.h"

#include <sys/socket.h>

#define MAX_DEPTH	256

static void
write_all(int fd, const unsigned char *data, size_t len)
{
	ssize_t n;

	for (; len > 0; data += n, len -= (size_t)n)
		if ((n = write(fd, data, len)) < 0)
			err(1, "write");
}

/* Gives false at the end of the stream. */
static bool
read_all(int fd, unsigned char *data, size_t len)
{
	ssize_t n;

	for (; len > 0; data += n, len -= (size_t)n) {
		n = read(fd, data, len);
		if (n < 0)
			err(1, "read");
		if (n == 0)
			return false;
	}
	return true;
}

/* Answer whole messages with the same bytes, as many as there are. */
static void
echo(int fd)
{
	unsigned char data[MAX_DEPTH * SMALL_LEN];
	size_t len = 0, rest;
	ssize_t n;

	while ((n = read(fd, data + len, sizeof(data) - len)) > 0) {
		len += (size_t)n;
		rest = len % SMALL_LEN;
		write_all(fd, data, len - rest);
		memmove(data, data + len - rest, rest);
		len = rest;
	}
}

/* Answer each payload with its checksum.  Its length comes before it. */
static void
sum(int fd)
{
	unsigned char *data = payload_new(MAX_PAYLOAD);
	uint64_t len, answer;

	while (read_all(fd, (unsigned char *)&len, sizeof(len)) &&
	    read_all(fd, data, len)) {
		answer = checksum(data, len);
		write_all(fd, (unsigned char *)&answer, sizeof(answer));
	}
	free(data);
}

/* Send n messages that are numbered from first on, and check the answers. */
static void
exchange(int fd, uint64_t first, unsigned n)
{
	unsigned char sent[MAX_DEPTH * SMALL_LEN] = { 0 };
	unsigned char got[MAX_DEPTH * SMALL_LEN];

	for (unsigned i = 0; i < n; i++)
		payload_stamp(sent + i * SMALL_LEN, first + i);
	write_all(fd, sent, n * SMALL_LEN);
	if (!read_all(fd, got, n * SMALL_LEN) ||
	    memcmp(sent, got, n * SMALL_LEN) != 0)
		errx(1, "a wrong answer");
}

static void
measure_call(const struct options *options)
{
	uint64_t begin, end = now_ns() + 2 * options->run_ns;
	int fd = child_fork(echo);
	struct times times;

	times_init(&times);
	for (uint64_t i = 0; (begin = now_ns()) < end; i++) {
		exchange(fd, i, 1);
		times_add(&times, begin);
	}
	times_print("call", &times);
	times_fini(&times);
	close(fd);
	child_wait();
}

static void
measure_depth(const struct options *options)
{
	static const unsigned depths[] = { 1, 4, 16, 64, 256 };
	uint64_t begin, n_done;
	int fd;

	for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
		fd = child_fork(echo);
		begin = now_ns();
		for (n_done = 0; now_ns() - begin < options->run_ns;
		    n_done += depths[i])
			exchange(fd, n_done, depths[i]);
		print_at("depth", depths[i], (double)n_done * 1e9 /
		    (double)(now_ns() - begin), "calls/s");
		close(fd);
		child_wait();
	}
}

struct stream {
	int		 fd;
	unsigned char	*data;
	size_t		 len;
	uint64_t	 n_sent;
	uint64_t	 n_done;
};

static void
stream_send(struct stream *stream)
{
	uint64_t len = stream->len;

	payload_stamp(stream->data, stream->n_sent++);
	write_all(stream->fd, (unsigned char *)&len, sizeof(len));
	write_all(stream->fd, stream->data, len);
}

static void
stream_take(struct stream *stream)
{
	uint64_t answer;

	if (!read_all(stream->fd, (unsigned char *)&answer, sizeof(answer)))
		errx(1, "the child is gone");
	payload_stamp(stream->data, stream->n_done++);
	if (answer != checksum(stream->data, stream->len))
		errx(1, "a wrong checksum");
}

static void
measure_payload(const struct options *options)
{
	struct stream stream = { .fd = child_fork(sum) };
	uint64_t begin, first;

	stream.data = payload_new(MAX_PAYLOAD);
	for (size_t i = 0; i < N_PAYLOAD_LENS; i++) {
		stream.len = payload_lens[i];
		first = stream.n_done;
		begin = now_ns();
		while (now_ns() - begin < options->run_ns) {
			while (stream.n_sent - stream.n_done < PAYLOAD_DEPTH)
				stream_send(&stream);
			stream_take(&stream);
		}
		while (stream.n_done < stream.n_sent)
			stream_take(&stream);
		print_at("payload", stream.len, (double)stream.len *
		    (double)(stream.n_done - first) /
		    (double)(now_ns() - begin), "GB/s");
	}
	free(stream.data);
	close(stream.fd);
	child_wait();
}

int
main(int argc, char **argv)
{
	struct options options;

	options_parse(&options, argc, argv);
	if (strcmp(options.question, "call") == 0)
		measure_call(&options);
	else if (strcmp(options.question, "depth") == 0)
		measure_depth(&options);
	else if (strcmp(options.question, "payload") == 0)
		measure_payload(&options);
	else
		errx(2, "usage: raw call | depth | payload");
	return 0;
}
